//! Reads any bytes as a model file, and asks the model.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| wardnet_analyze::fuzz_model(bytes));
