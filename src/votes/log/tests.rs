use super::*;
use proptest::prelude::*;
use std::collections::HashMap;

/// The leaves of which RFC 9162's own test vectors are made, in hex.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

/// The root by its definition (section 2.1.1).
fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        more => {
            let half = more.len().next_power_of_two() / 2;
            node_hash(&root_of(&more[..half]), &root_of(&more[half..]))
        }
    }
}

fn subtree(leaves: &[Hash], at: Subtree) -> Result<Hash> {
    let size = 1usize << at.level;
    let start = at.index as usize * size;
    Ok(root_of(&leaves[start..start + size]))
}

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.append(*leaf));
    frontier
}

/// Every proof that is nearly the right one.
fn spoiled(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = vec![[proof, &[leaf_hash(b"more")]].concat(), [&[leaf_hash(b"more")], proof].concat()];
    for place in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[place].0[place % HASH_BYTES] ^= 1 << (place % 8);
        all.push(changed);
        let mut shorter = proof.to_vec();
        shorter.remove(place);
        all.push(shorter);
        let mut doubled = proof.to_vec();
        doubled.insert(place, proof[place]);
        all.push(doubled);
        if place > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(place - 1, place);
            all.push(swapped);
        }
    }
    all
}

#[test]
fn roots_by_size_are_the_published_ones() {
    assert_eq!(format!("{:?}", Hash::parse(ROOTS[1]).unwrap()), ROOTS[1], "a hash is told in hex");
    let leaves: Vec<Hash> = LEAVES.iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap())).collect();
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(frontier(&leaves[..size]).root().to_string(), *root, "{size} leaves");
        assert_eq!(root_of(&leaves[..size]).to_string(), *root);
    }
}

#[test]
fn a_frontier_comes_back_from_its_bytes_and_goes_on_as_it_was() {
    let leaves = leaves(70);
    for size in 0..70 {
        let here = frontier(&leaves[..size]);
        assert_eq!((here.size(), here.root()), (size as u64, root_of(&leaves[..size])));
        let mut again = Frontier::from_bytes(here.size(), &here.to_bytes()).unwrap();
        assert_eq!(again, here);
        again.append(leaves[size]);
        assert_eq!(again.root(), root_of(&leaves[..=size]));
        let bytes = here.to_bytes();
        assert!(Frontier::from_bytes(here.size() * 2 + 1, &bytes).is_err(), "a root is missing");
        assert!(Frontier::from_bytes(here.size(), &[&bytes[..], &[0]].concat()).is_err(), "half a root more");
    }
}

#[test]
fn every_leaf_is_shown_to_be_in_every_log_that_has_it_and_in_no_other_place() {
    let leaves = leaves(70);
    for size in 1..=70u64 {
        let log = &leaves[..size as usize];
        let root = root_of(log);
        for index in 0..size {
            let leaf = &log[index as usize];
            let proof = inclusion_proof(index, size, |at| subtree(log, at)).unwrap();
            assert_eq!(verify_inclusion(leaf, index, size, &proof, &root), Ok(()), "{index} of {size}");
            for proof in spoiled(&proof) {
                assert!(verify_inclusion(leaf, index, size, &proof, &root).is_err(), "{index} of {size}");
            }
            let elsewhere = (index + 1) % size;
            assert!(elsewhere == index || verify_inclusion(leaf, elsewhere, size, &proof, &root).is_err());
            assert!(verify_inclusion(&leaf_hash(b"another"), index, size, &proof, &root).is_err());
            assert!(verify_inclusion(leaf, index, size, &proof, &leaf_hash(b"another")).is_err());
            assert_eq!(verify_inclusion(leaf, size, size, &proof, &root), Err(ProofError::OutOfLog));
        }
        assert!(inclusion_proof(size, size, |at| subtree(log, at)).is_err());
    }
    assert_eq!(verify_inclusion(&leaves[0], 0, 0, &[], &leaves[0]), Err(ProofError::OutOfLog));
}

#[test]
fn every_log_is_shown_to_be_the_beginning_of_every_later_one() {
    let leaves = leaves(70);
    for second in 1..=70u64 {
        let log = &leaves[..second as usize];
        let second_root = root_of(log);
        for first in 1..=second {
            let first_root = root_of(&log[..first as usize]);
            let proof = consistency_proof(first, second, |at| subtree(log, at)).unwrap();
            let check = |first_root: &Hash, second_root: &Hash, proof: &[Hash]| {
                verify_consistency(first, second, first_root, second_root, proof)
            };
            assert_eq!(check(&first_root, &second_root, &proof), Ok(()), "{first} of {second}");
            for proof in spoiled(&proof) {
                assert!(check(&first_root, &second_root, &proof).is_err(), "{first} of {second}");
            }
            assert!(check(&leaf_hash(b"another"), &second_root, &proof).is_err());
            assert!(check(&first_root, &leaf_hash(b"another"), &proof).is_err());
            assert_eq!(proof.is_empty(), first == second);
        }
        assert!(consistency_proof(second + 1, second, |at| subtree(log, at)).is_err());
        assert!(consistency_proof(0, second, |at| subtree(log, at)).is_err());
    }
}

#[test]
fn what_the_vectors_of_the_rfc_want_refused_is_refused() {
    let leaves = leaves(8);
    let (one, other) = (&leaves[0], &leaves[1]);
    assert_eq!(verify_consistency(0, 0, one, one, &[]), Err(ProofError::Sizes), "even nothing of nothing");
    assert_eq!(verify_consistency(0, 1, one, one, &[]), Err(ProofError::Sizes));
    assert_eq!(verify_consistency(2, 1, one, one, &[]), Err(ProofError::Sizes));
    assert_eq!(verify_consistency(1, 1, one, one, &[*other]), Err(ProofError::Length));
    assert_eq!(verify_consistency(1, 1, one, other, &[]), Err(ProofError::Root));
    assert_eq!(verify_consistency(1, 2, one, one, &[]), Err(ProofError::Length));
    assert_eq!(verify_consistency(3, 7, one, one, &[]), Err(ProofError::Length));
    assert_eq!(verify_inclusion(one, 0, 1, &[], one), Ok(()));
    assert_eq!(verify_inclusion(one, 0, 1, &[*other], one), Err(ProofError::Length));
    assert_eq!(verify_inclusion(one, u64::MAX, u64::MAX, &[], one), Err(ProofError::OutOfLog));
    assert!(
        Hash::from_bytes(&[0; 31]).is_none() && Hash::from_bytes(&[0; 33]).is_none() && Hash::parse("00").is_none()
    );
}

#[test]
fn a_proof_is_made_of_few_tiles() {
    let leaves = leaves(70_000);
    // What is kept: full tiles of each level, and the leaves that are in none yet.
    let mut tiles: HashMap<(u32, u64), Vec<Hash>> = HashMap::new();
    for (number, tile) in leaves.chunks_exact(256).enumerate() {
        tiles.insert((0, number as u64), tile.to_vec());
    }
    let roots: Vec<Hash> = leaves.chunks_exact(256).map(root_of_perfect).collect();
    tiles.insert((1, 0), roots[..256].to_vec());
    let root = frontier(&leaves).root();
    for index in [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let mut touched = std::collections::BTreeSet::new();
        let proof = inclusion_proof(index, 70_000, |at| {
            let (level, tile, inside) = at.tile();
            touched.insert((level, tile));
            Ok(match tiles.get(&(level, tile)) {
                Some(hashes) => root_of_perfect(&hashes[inside]),
                None => subtree(&leaves, at).unwrap(),
            })
        });
        assert_eq!(verify_inclusion(&leaves[index as usize], index, 70_000, &proof.unwrap(), &root), Ok(()));
        assert!(touched.len() <= 5, "{index}: {touched:?}");
    }
    assert_eq!(Subtree { level: 0, index: 300 }.tile(), (0, 1, 44..45));
    assert_eq!(Subtree { level: 7, index: 3 }.tile(), (0, 1, 128..256));
    assert_eq!(Subtree { level: 8, index: 300 }.tile(), (1, 1, 44..45));
    assert_eq!(Subtree { level: 17, index: 0 }.tile(), (2, 0, 0..2));
}

proptest! {
    /// Also the seed of a fuzz target: nothing that a stranger sends makes the checks panic, or pass.
    #[test]
    fn no_proof_makes_it_panic_and_none_that_is_made_up_passes(
        index in any::<u64>(), size in any::<u64>(), small in any::<bool>(),
        proof in proptest::collection::vec(any::<[u8; 32]>(), 0..70), root in any::<[u8; 32]>(),
    ) {
        let (index, size) = if small { (index % 70, size % 70) } else { (index, size) };
        let proof: Vec<Hash> = proof.into_iter().map(Hash).collect();
        let (leaf, root) = (leaf_hash(b"a leaf"), Hash(root));
        prop_assert!(verify_inclusion(&leaf, index, size, &proof, &root).is_err());
        prop_assert!(verify_consistency(index, size, &leaf, &root, &proof).is_err());
    }
}
