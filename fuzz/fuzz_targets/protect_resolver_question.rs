//! Reads any bytes as a question to the resolver, and answers it.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::resolver::fuzz_resolver_question(bytes));
