//! What the fuzzer found worth keeping is tried again with every test, and some more that is random: without the fuzzer's
//! instruments, so that nothing else has to be installed.

#[path = "../../fuzz/src/bundles.rs"]
mod bundles;
#[path = "../../fuzz/src/proofs.rs"]
mod proofs;

use proptest::prelude::*;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let inputs: Vec<_> = std::fs::read_dir(&seeds).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() > 10, "{} has no inputs", seeds.display());
    for input in inputs {
        check(&std::fs::read(input).unwrap());
    }
}

#[test]
fn proofs_that_were_tried_before_are_judged_as_they_should_be() {
    replay("proofs", proofs::check);
}

#[test]
fn bundles_that_were_tried_before_are_judged_as_they_should_be() {
    replay("bundles", bundles::check);
}

proptest! {
    #[test]
    fn proofs_are_judged_as_they_should_be(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        proofs::check(&input);
    }

    #[test]
    fn bundles_are_judged_as_they_should_be(mut input in proptest::collection::vec(any::<u8>(), 1..200)) {
        input[0] |= 1; // made, and not read from the input
        bundles::check(&input);
    }
}
