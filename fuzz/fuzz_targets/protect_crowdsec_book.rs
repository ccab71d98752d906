//! Reads any bytes as the file that remembers what CrowdSec's bouncers are told.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::crowdsec::fuzz_crowdsec_book(bytes));
