//! Proofs of a log, made and spoiled as the input says, against the definitions of RFC 9162 read from the top down: what
//! verifies here has to be what they say, and nothing else.

use crate::votes::log::{
    Frontier, Hash, Subtree, consistency_proof, inclusion_proof, leaf_hash, node_hash, verify_consistency,
    verify_inclusion,
};

/// Leaves of a log from which proofs are made.
const LEAVES: u64 = 80;

/// The input, byte by byte; zeros when it is used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn below(&mut self, end: u64) -> u64 {
        u64::from(self.next()) % end
    }

    /// Any number at all, or a small one.
    fn number(&mut self) -> u64 {
        match self.next() % 4 {
            0 => u64::from_le_bytes(std::array::from_fn(|_| self.next())),
            _ => self.below(LEAVES + 2),
        }
    }

    fn hash(&mut self) -> Hash {
        leaf_hash(&[b'x', self.next(), self.next()])
    }
}

/// The root by its definition (section 2.1.1).
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Frontier::default().root(),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            node_hash(&root(left), &root(right))
        }
    }
}

fn subtree(leaves: &[Hash], at: Subtree) -> Hash {
    let (first, count) = ((at.index << at.level) as usize, 1 << at.level);
    root(&leaves[first..first + count])
}

/// The left half of a tree: the largest power of two below its size.
fn left(size: u64) -> u64 {
    let half = 1 << (63 - size.leading_zeros());
    if half == size { half / 2 } else { half }
}

/// PATH of section 2.1.3.1.
fn path(index: u64, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let half = left(leaves.len() as u64);
    let (first, second) = leaves.split_at(half as usize);
    let (mut proof, other) =
        if index < half { (path(index, first), second) } else { (path(index - half, second), first) };
    proof.push(root(other));
    proof
}

/// SUBPROOF of section 2.1.4.1.
fn subproof(first: u64, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if first == leaves.len() as u64 {
        return if is_known { Vec::new() } else { vec![root(leaves)] };
    }
    let half = left(leaves.len() as u64);
    let (one, two) = leaves.split_at(half as usize);
    let (mut proof, other) =
        if first <= half { (subproof(first, one, is_known), two) } else { (subproof(first - half, two, false), one) };
    proof.push(root(other));
    proof
}

/// The root to which a proof leads, if it is as long as it has to be.
fn led_to(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if size == 1 {
        return proof.is_empty().then_some(leaf);
    }
    let (last, rest) = proof.split_last()?;
    let half = left(size);
    Some(if index < half {
        node_hash(&led_to(leaf, index, half, rest)?, last)
    } else {
        node_hash(last, &led_to(leaf, index - half, size - half, rest)?)
    })
}

/// The roots of both logs to which a proof leads.
fn both_led_to(first: u64, second: u64, known: Option<Hash>, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if first == second {
        let node = match (known, proof) {
            (Some(root), []) => root,
            (None, [one]) => *one,
            _ => return None,
        };
        return Some((node, node));
    }
    let (last, rest) = proof.split_last()?;
    let half = left(second);
    Some(if first <= half {
        let (of_first, of_second) = both_led_to(first, half, known, rest)?;
        (of_first, node_hash(&of_second, last))
    } else {
        let (of_first, of_second) = both_led_to(first - half, second - half, None, rest)?;
        (node_hash(last, &of_first), node_hash(last, &of_second))
    })
}

/// A proof that is nearly the right one, or has nothing to do with it.
fn spoiled(bytes: &mut Bytes, mut proof: Vec<Hash>) -> Vec<Hash> {
    for _ in 0..bytes.below(4) {
        let place = bytes.next() as usize;
        match bytes.next() % 6 {
            0 => proof.push(bytes.hash()),
            1 => proof.insert(place % (proof.len() + 1), bytes.hash()),
            2 => drop(proof.pop()),
            3 if !proof.is_empty() => drop(proof.remove(place % proof.len())),
            4 if proof.len() > 1 => {
                let place = place % (proof.len() - 1);
                proof.swap(place, place + 1);
            }
            5 if !proof.is_empty() => {
                let place = place % proof.len();
                proof[place] = bytes.hash();
            }
            _ => proof = (0..bytes.below(70)).map(|_| bytes.hash()).collect(),
        }
    }
    proof
}

/// Follows the input.
pub fn check(input: &[u8]) {
    let mut bytes = Bytes(input);
    let size = 1 + bytes.below(LEAVES);
    let leaves: Vec<Hash> = (0..size).map(|number| leaf_hash(&[b'l', number as u8])).collect();
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.append(*leaf));
    let whole = root(&leaves);
    assert_eq!(frontier.root(), whole);
    for _ in 0..4 {
        inclusion(&mut bytes, &leaves, whole);
        consistency(&mut bytes, &leaves, whole);
    }
    let (claimed, kept) = (bytes.number(), bytes.0);
    if let Ok(frontier) = Frontier::from_bytes(claimed, kept) {
        assert_eq!((frontier.size(), &frontier.to_bytes()[..]), (claimed, kept));
        frontier.root();
    }
}

fn inclusion(bytes: &mut Bytes, leaves: &[Hash], whole: Hash) {
    let index = bytes.below(leaves.len() as u64);
    let size = leaves.len() as u64;
    let proof = path(index, leaves);
    let made = inclusion_proof(index, size, |at| Ok(subtree(leaves, at))).unwrap();
    assert_eq!(made, proof, "{index} of {size}");
    assert_eq!(verify_inclusion(&leaves[index as usize], index, size, &proof, &whole), Ok(()));
    let proof = spoiled(bytes, proof);
    let (index, size) = if bytes.next().is_multiple_of(2) { (index, size) } else { (bytes.number(), bytes.number()) };
    let leaf =
        if bytes.next().is_multiple_of(4) { bytes.hash() } else { leaves[bytes.below(leaves.len() as u64) as usize] };
    let led_to = if index < size { led_to(leaf, index, size, &proof) } else { None };
    let other = bytes.hash();
    for root in [whole, led_to.unwrap_or(other), other] {
        let verified = verify_inclusion(&leaf, index, size, &proof, &root).is_ok();
        assert_eq!(verified, led_to == Some(root), "{index} of {size}, {} hashes", proof.len());
        if verified && root == whole && size == leaves.len() as u64 {
            assert_eq!(leaf, leaves[index as usize], "a leaf that is not in the log");
        }
    }
    if index >= leaves.len() as u64 {
        assert!(inclusion_proof(index, leaves.len() as u64, |at| Ok(subtree(leaves, at))).is_err());
    }
}

fn consistency(bytes: &mut Bytes, leaves: &[Hash], whole: Hash) {
    let (first, second) = (1 + bytes.below(leaves.len() as u64), leaves.len() as u64);
    let proof = subproof(first, leaves, true);
    let made = consistency_proof(first, second, |at| Ok(subtree(leaves, at))).unwrap();
    assert_eq!(made, proof, "{first} and {second}");
    let of_first = root(&leaves[..first as usize]);
    assert_eq!(verify_consistency(first, second, &of_first, &whole, &proof), Ok(()));
    let proof = spoiled(bytes, proof);
    let (first, second) =
        if bytes.next().is_multiple_of(2) { (first, second) } else { (bytes.number(), bytes.number()) };
    let claimed = if bytes.next().is_multiple_of(2) { of_first } else { bytes.hash() };
    let led_to = if first > 0 && first <= second { both_led_to(first, second, Some(claimed), &proof) } else { None };
    let other = bytes.hash();
    for of_second in [whole, led_to.map_or(other, |(_, root)| root), other] {
        let verified = verify_consistency(first, second, &claimed, &of_second, &proof).is_ok();
        assert_eq!(verified, led_to == Some((claimed, of_second)), "{first} and {second}, {} hashes", proof.len());
        if verified && of_second == whole && second == leaves.len() as u64 {
            assert_eq!(claimed, root(&leaves[..first as usize]), "a log that is not the beginning");
        }
    }
    if first == 0 || first > leaves.len() as u64 {
        assert!(consistency_proof(first, leaves.len() as u64, |at| Ok(subtree(leaves, at))).is_err());
    }
}
