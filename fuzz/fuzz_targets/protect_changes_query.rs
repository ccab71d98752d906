//! Reads any query of a follower of changes.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::changes::fuzz_changes_query(bytes));
