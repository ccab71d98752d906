//! Reads any text as a URL.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_model::fuzz_url(bytes));
