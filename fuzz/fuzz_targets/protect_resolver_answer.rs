//! Takes any bytes for what an upstream said to the resolver, and passes it on.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::resolver::fuzz_resolver_answer(bytes));
