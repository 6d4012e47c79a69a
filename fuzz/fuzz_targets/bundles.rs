#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| refrain_fuzz::bundles::check(input));
