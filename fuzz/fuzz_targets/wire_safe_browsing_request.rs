//! Reads any bytes as each kind of Safe Browsing request.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_wire::safebrowsing::fuzz_safe_browsing_request(bytes));
