//! Reads any bytes as a DNS query, and answers it.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_wire::dns::fuzz_dns_query(bytes));
