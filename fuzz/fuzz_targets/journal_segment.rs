//! Reads any bytes as a segment file of the journal.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_journal::fuzz_segment(bytes));
