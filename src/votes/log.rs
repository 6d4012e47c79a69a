//! A Merkle tree as RFC 9162 (Certificate Transparency 2.0) section 2.1 has it, over SHA-256: a log to which is only appended,
//! whose root shows that a leaf is in it and that an earlier log is its beginning.
//!
//! Pure: hashes in, hashes out. A log of many leaves is kept as tiles of 256 hashes (leaves' hashes, and the roots of 256
//! leaves, of 65,536, and so on), so that a proof is made of few of them.

use crate::error::{Error, Result};
use crate::text;
use aws_lc_rs::digest;
use std::fmt;
use std::ops::Range;

/// Length of a hash, in bytes.
pub const HASH_BYTES: usize = 32;
/// Hashes of a tile, and the logarithm of that.
pub const TILE: u64 = 1 << TILE_HEIGHT;
const TILE_HEIGHT: u32 = 8;
/// What stands before a leaf and before the hashes of an interior node, so that none is taken for the other (section 2.1.1).
const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// The hash of a leaf or of a subtree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl Hash {
    /// A hash from its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Hash)
    }

    /// A hash from 64 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&hex::decode(text).ok()?)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&text::Hex(self.0), f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256(&[&LEAF, leaf])
}

/// The hash of a node above two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&NODE, &left.0, &right.0])
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; HASH_BYTES];
    hash.copy_from_slice(context.finish().as_ref());
    Hash(hash)
}

/// The root of a tree of a power of two of hashes; of others, that of the largest such beginning.
///
/// # Panics
/// For no hashes at all: a subtree has a leaf at least.
pub fn root_of_perfect(hashes: &[Hash]) -> Hash {
    let mut level = hashes[..1 << hashes.len().ilog2()].to_vec();
    while level.len() > 1 {
        level = level.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    level[0]
}

/// What has to be known of a log in order to append to it: the roots of its perfect subtrees, from left to right, which are
/// as large as the ones in its size as a binary number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// A frontier from what [`Frontier::to_bytes`] gave.
    ///
    /// # Errors
    /// `internal` where the bytes are not those of a log of that size.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self> {
        let roots: Option<Vec<Hash>> = bytes.chunks(HASH_BYTES).map(Hash::from_bytes).collect();
        let roots = roots.filter(|roots| roots.len() as u32 == size.count_ones());
        let roots =
            roots.ok_or_else(|| Error::internal(format!("the frontier of a log of {size} leaves is damaged")))?;
        Ok(Frontier { size, roots })
    }

    /// The roots one after the other, 32 bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.iter().flat_map(|root| root.0).collect()
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf, by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each perfect subtree that the new one equals in size becomes its left half.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root of the log; of an empty one the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut from_the_right = self.roots.iter().rev();
        let Some(&last) = from_the_right.next() else { return sha256(&[]) };
        from_the_right.fold(last, |right, left| node_hash(left, &right))
    }
}

/// A subtree that has all of its leaves: number `index` of those of 2^level leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subtree {
    /// The logarithm of its number of leaves.
    pub level: u32,
    /// Its place among those of its size, from 0.
    pub index: u64,
}

impl Subtree {
    /// The level of the tile, the number of the tile there, and those of its hashes whose root the subtree's is.
    pub fn tile(self) -> (u32, u64, Range<usize>) {
        let (tile_level, above) = (self.level / TILE_HEIGHT, self.level % TILE_HEIGHT);
        let first = self.index << above;
        let start = (first % TILE) as usize; // below 256
        (tile_level, first / TILE, start..start + (1 << above))
    }
}

/// The hashes that lead from a leaf to the root of a log of `size` leaves (section 2.1.3.1). `hash_of` gives roots of
/// perfect subtrees.
///
/// # Errors
/// `invalid` for a leaf that is not in such a log; what `hash_of` returns.
pub fn inclusion_proof(index: u64, size: u64, mut hash_of: impl FnMut(Subtree) -> Result<Hash>) -> Result<Vec<Hash>> {
    if index >= size {
        return Err(Error::invalid(format!("A log of {size} leaves has none with the number {index}.")));
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        let other = if index < middle { middle..end } else { start..middle };
        proof.push(range_hash(other, &mut hash_of)?);
        (start, end) = if index < middle { (start, middle) } else { (middle, end) };
    }
    proof.reverse();
    Ok(proof)
}

/// The hashes that show that a log of `first` leaves is the beginning of one of `second` (section 2.1.4.1).
///
/// # Errors
/// `invalid` unless 0 < first <= second; what `hash_of` returns.
pub fn consistency_proof(
    first: u64,
    second: u64,
    mut hash_of: impl FnMut(Subtree) -> Result<Hash>,
) -> Result<Vec<Hash>> {
    if first == 0 || first > second {
        return Err(Error::invalid(format!(
            "A log of {first} leaves is not the beginning of one of {second} in a way that can be shown."
        )));
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, second);
    // Down to the subtree that ends where the first log does.
    while first < end {
        let middle = start + split(end - start);
        let other = if first <= middle { middle..end } else { start..middle };
        proof.push(range_hash(other, &mut hash_of)?);
        (start, end) = if first <= middle { (start, middle) } else { (middle, end) };
    }
    if start > 0 {
        proof.push(range_hash(start..end, &mut hash_of)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The largest power of two that is less than `leaves`, of two and more.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root over a range of leaves that is a subtree of some log.
fn range_hash(range: Range<u64>, hash_of: &mut impl FnMut(Subtree) -> Result<Hash>) -> Result<Hash> {
    let leaves = range.end - range.start;
    if leaves.is_power_of_two() {
        let level = leaves.ilog2();
        return hash_of(Subtree { level, index: range.start >> level });
    }
    let middle = range.start + split(leaves);
    let left = range_hash(range.start..middle, hash_of)?;
    Ok(node_hash(&left, &range_hash(middle..range.end, hash_of)?))
}

/// Why a proof shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    /// The leaf's number is not below the log's size.
    OutOfLog,
    /// There is nothing to show, or no way to: the first log is empty, or larger than the second.
    Sizes,
    /// It has fewer or more hashes than the sizes call for.
    Length,
    /// It leads to another root.
    Root,
}

/// Checks that a leaf is in a log (section 2.1.3.2).
///
/// # Errors
/// Why the proof does not show it.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfLog);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for other in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node % 2 == 1 || node == last {
            hash = node_hash(other, &hash);
            // At the right edge there is nothing to the right for some levels.
            while node.is_multiple_of(2) && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, other);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    judged(last == 0, hash == *root)
}

/// Checks that a log is the beginning of another (section 2.1.4.2).
///
/// # Errors
/// Why the proof does not show it.
pub fn verify_consistency(
    first: u64,
    second: u64,
    first_root: &Hash,
    second_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if first == 0 || first > second {
        return Err(ProofError::Sizes);
    }
    if first == second {
        return judged(proof.is_empty(), first_root == second_root);
    }
    // A first log that is a perfect tree is a node of the second by itself.
    let mut hashes = proof.iter();
    let start = if first.is_power_of_two() { Some(first_root) } else { hashes.next() };
    let Some(start) = start else { return Err(ProofError::Length) };
    let (mut node, mut last) = (first - 1, second - 1);
    while node % 2 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut of_first, mut of_second) = (*start, *start);
    for other in hashes {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node % 2 == 1 || node == last {
            of_first = node_hash(other, &of_first);
            of_second = node_hash(other, &of_second);
            while node.is_multiple_of(2) && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            of_second = node_hash(&of_second, other);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    judged(last == 0, of_first == *first_root && of_second == *second_root)
}

/// What a proof comes to that has been gone through: whether it was as long as it had to be, and led where it should.
fn judged(is_complete: bool, leads_there: bool) -> Result<(), ProofError> {
    match (is_complete, leads_there) {
        (false, _) => Err(ProofError::Length),
        (true, false) => Err(ProofError::Root),
        (true, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
