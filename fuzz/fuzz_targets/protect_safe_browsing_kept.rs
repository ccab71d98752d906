//! Reads any bytes as the lists of an earlier run.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::safebrowsing::fuzz_safe_browsing_kept(bytes));
