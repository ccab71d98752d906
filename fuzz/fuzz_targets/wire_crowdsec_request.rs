//! Reads any bytes as each kind of request of CrowdSec's clients.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_wire::crowdsec::fuzz_crowdsec_request(bytes));
