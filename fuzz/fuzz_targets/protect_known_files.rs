//! Opens any bytes as a Bloom filter of known files, and asks it.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_protect::known_files::fuzz_known_files(bytes));
