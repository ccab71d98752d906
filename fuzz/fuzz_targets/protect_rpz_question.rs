//! Reads any bytes as a question to a primary of response policy zones.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::rpz::fuzz_rpz_question(bytes));
