//! Reads any bytes as a history of changes of the verdict database.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_verdictdb::fuzz_history(bytes));
