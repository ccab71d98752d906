//! Reads any bytes as a feed; the first one picks the format.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_collect::feeds::fuzz_feed(bytes));
