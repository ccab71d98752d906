//! Reads any bytes as patterns and a text that they are searched in.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_score::fuzz_patterns(bytes));
