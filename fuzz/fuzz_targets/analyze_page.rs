//! Judges any bytes as a page.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_analyze::page::fuzz_page(bytes));
