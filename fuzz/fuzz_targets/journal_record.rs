//! Reads any bytes as one record of the journal.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_journal::record::fuzz_record(bytes));
