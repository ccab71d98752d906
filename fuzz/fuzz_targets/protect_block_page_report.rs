//! Reads any bytes as a report from the block page.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::blockpage::fuzz_block_page_report(bytes));
