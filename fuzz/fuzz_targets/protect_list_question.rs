//! Reads any labels before the zone of a DNS list.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::dns::fuzz_list_question(bytes));
