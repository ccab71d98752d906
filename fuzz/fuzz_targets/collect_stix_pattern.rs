//! Reads any text as a STIX pattern.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_collect::feeds::fuzz_stix_pattern(bytes));
