//! Takes any bytes apart as a URL and as a name.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_analyze::fuzz_subject(bytes));
