//! Opens any bytes as a verdict database and asks it questions.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_verdictdb::fuzz_open(bytes));
