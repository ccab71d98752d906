//! Reads any bytes as a dossier of the store.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_store::fuzz_dossier(bytes));
