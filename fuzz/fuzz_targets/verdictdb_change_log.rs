//! Reads any bytes as a change log of the verdict database.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_verdictdb::fuzz_change_log(bytes));
