//! A vote's log in tiles of 256 hashes, and the proofs that are made of them.
//!
//! Of level 0 are the hashes of leaves, of each further level the roots of the tiles below it. A tile is written once it is full;
//! of the last one of each level, what there is of it is read from below.

use super::log::{HASH_BYTES, Hash, Subtree, TILE, root_of_perfect};
use crate::db::Db;
use crate::db::schema::{vote_leaves, vote_log_tiles};
use crate::error::{Error, Result};
use crate::ids::VoteId;
use diesel::prelude::*;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

/// The roots of subtrees of a log, each tile read once. A proof needs up to 20 roots of a log of a million leaves, from two tiles
/// of each of three levels.
pub struct Tiles<'a> {
    db: &'a mut Db,
    id: &'a VoteId,
    log_size: u64,
    read: HashMap<(u32, u64), Vec<Hash>>,
}

impl<'a> Tiles<'a> {
    /// The tiles of a log that has come to a size.
    pub fn new(db: &'a mut Db, id: &'a VoteId, log_size: u64) -> Self {
        Tiles { db, id, log_size, read: HashMap::new() }
    }

    /// The root of a perfect subtree of the log.
    ///
    /// # Errors
    /// `internal` where the database fails, or for a subtree that the log does not have.
    pub fn root(&mut self, of: Subtree) -> Result<Hash> {
        let (level, tile, inside) = of.tile();
        let hashes = match self.read.entry((level, tile)) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(vacant) => {
                let (first, there_are) = (tile * TILE, self.log_size / TILE.pow(level));
                vacant.insert(if there_are >= first + TILE {
                    full(self.db, self.id, level, tile)?
                } else {
                    below(self.db, self.id, level, first..there_are.max(first))?
                })
            }
        };
        let hashes = hashes.get(inside).ok_or_else(|| Error::internal("a subtree of the log is of its tile"))?;
        Ok(root_of_perfect(hashes))
    }
}

/// Writes the tiles that have become full between two sizes of the log, of each level.
///
/// # Errors
/// `internal` where the database fails or the log is damaged.
pub fn add_full(db: &mut Db, id: &VoteId, from: u64, to: u64) -> Result<()> {
    let (mut level, mut from, mut to) = (0, from / TILE, to / TILE);
    while from < to {
        for tile in from..to {
            let hashes = below(db, id, level, tile * TILE..(tile + 1) * TILE)?;
            add(db, id, level, tile, &hashes)?;
        }
        (level, from, to) = (level + 1, from / TILE, to / TILE);
    }
    Ok(())
}

/// The hashes of leaves, in order.
///
/// # Errors
/// `internal` where the database fails or has not all of them.
pub fn leaf_hashes(db: &mut Db, id: &VoteId, range: Range<u64>) -> Result<Vec<Hash>> {
    let hashes: Vec<Vec<u8>> = vote_leaves::table
        .filter(vote_leaves::vote_id.eq(id))
        .filter(vote_leaves::log_index.ge(number(range.start)?).and(vote_leaves::log_index.lt(number(range.end)?)))
        .order(vote_leaves::log_index)
        .select(vote_leaves::leaf_hash)
        .load(db)?;
    if hashes.len() as u64 != range.end - range.start {
        return Err(Error::internal(format!("the log of {id} lacks leaves")));
    }
    hashes.iter().map(|bytes| hash(bytes)).collect()
}

/// A hash as it is kept.
///
/// # Errors
/// `internal` unless it has 32 bytes.
pub fn hash(bytes: &[u8]) -> Result<Hash> {
    Hash::from_bytes(bytes).ok_or_else(|| Error::internal("a hash has 32 bytes"))
}

/// Hashes of a level, made of what is below it.
fn below(db: &mut Db, id: &VoteId, level: u32, places: Range<u64>) -> Result<Vec<Hash>> {
    match level.checked_sub(1) {
        None => leaf_hashes(db, id, places),
        Some(level) => roots(db, id, level, places),
    }
}

fn full(db: &mut Db, id: &VoteId, level: u32, tile: u64) -> Result<Vec<Hash>> {
    let key = (id, level_number(level)?, number(tile)?);
    let bytes: Vec<u8> = vote_log_tiles::table.find(key).select(vote_log_tiles::hashes).first(db)?;
    bytes.chunks(HASH_BYTES).map(hash).collect()
}

/// The roots of full tiles.
fn roots(db: &mut Db, id: &VoteId, level: u32, tiles: Range<u64>) -> Result<Vec<Hash>> {
    let of_level = vote_log_tiles::vote_id.eq(id).and(vote_log_tiles::level.eq(level_number(level)?));
    let rows: Vec<Option<Vec<u8>>> = vote_log_tiles::table
        .filter(of_level)
        .filter(vote_log_tiles::tile.ge(number(tiles.start)?).and(vote_log_tiles::tile.lt(number(tiles.end)?)))
        .order(vote_log_tiles::tile)
        .select(vote_log_tiles::root)
        .load(db)?;
    if rows.len() as u64 != tiles.end - tiles.start {
        return Err(Error::internal(format!("the log of {id} lacks tiles")));
    }
    let mut roots = Vec::with_capacity(rows.len());
    for (tile, root) in tiles.zip(rows) {
        roots.push(match root {
            Some(bytes) => hash(&bytes)?,
            // One from before roots were kept.
            None => root_of_perfect(&full(db, id, level, tile)?),
        });
    }
    Ok(roots)
}

/// Writes a full tile, and its root beside it: else a tile above would be made of 256 times as many bytes.
fn add(db: &mut Db, id: &VoteId, level: u32, tile: u64, hashes: &[Hash]) -> Result<()> {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    diesel::insert_into(vote_log_tiles::table)
        .values((
            vote_log_tiles::vote_id.eq(id),
            vote_log_tiles::level.eq(level_number(level)?),
            vote_log_tiles::tile.eq(number(tile)?),
            vote_log_tiles::hashes.eq(bytes),
            vote_log_tiles::root.eq(Some(root_of_perfect(hashes).as_bytes().to_vec())),
        ))
        .execute(db)?;
    Ok(())
}

fn number(count: u64) -> Result<i64> {
    i64::try_from(count).map_err(Error::internal)
}

fn level_number(level: u32) -> Result<i32> {
    i32::try_from(level).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::votes::appending::{self, NewLeaf};
    use crate::votes::commitment::Opening;
    use crate::votes::log::{Frontier, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};
    use crate::votes::model::Choice;
    use crate::votes::{fixture, log_store, steps};

    /// Sizes around those at which tiles of the first two levels become full.
    const SIZES: [u64; 11] = [1, 2, 255, 256, 257, 511, 700, 65_535, 65_536, 65_537, 66_100];

    #[tokio::test]
    async fn tiles_give_the_proofs_of_every_size_that_the_log_has_had() {
        let (ctx, _guard) = Context::for_tests();
        let pool_id = fixture::pool(&ctx, fixture::rules()).await;
        let members = fixture::members(&ctx, &pool_id, 2).await;
        let (id, _) = fixture::open_vote(&ctx, &pool_id, &members).await;
        let member_id = members[0].account_id.clone();
        let mut frontier = Frontier::default();
        let mut roots = Vec::new();
        for (from, to) in [0].into_iter().chain(SIZES).zip(SIZES) {
            let (vote_id, member_id) = (id.clone(), member_id.clone());
            let append = ctx.db.write(move |tx| {
                let vote = log_store::hold(tx, &vote_id)?.unwrap();
                let cast_at = tx.now();
                let leaf = |sequence: u64| NewLeaf {
                    tag: [7; 32],
                    sequence: u32::try_from(sequence).unwrap(),
                    opening: Opening { choice: Some(Choice::Yes), nonce: [9; 32] },
                    before: (sequence > 0).then_some(Choice::Yes),
                    member_id: member_id.clone(),
                    cast_at,
                };
                let leaves: Vec<NewLeaf> = (from..to).map(leaf).collect();
                Ok(appending::append(tx, &vote, &leaves)?.hashed)
            });
            append.await.unwrap().into_iter().for_each(|hashed| frontier.append(hashed.leaf_hash));
            roots.push(frontier.root());
        }
        let check = ctx.db.read(move |db| {
            let now = steps::vote(db, &id)?.log()?.size();
            assert_eq!(now, 66_100);
            for (place, (size, root)) in SIZES.into_iter().zip(&roots).enumerate() {
                for index in [0, size / 3, size.saturating_sub(2), size - 1] {
                    let leaf = leaf_hashes(db, &id, index..index + 1)?[0];
                    let mut tiles = Tiles::new(db, &id, now);
                    let proof = inclusion_proof(index, size, |at| tiles.root(at))?;
                    assert_eq!(verify_inclusion(&leaf, index, size, &proof, root), Ok(()), "{index} of {size}");
                    assert!(tiles.read.len() <= 6, "{} tiles were read", tiles.read.len());
                }
                for (first, first_root) in SIZES.into_iter().zip(&roots).take(place + 1) {
                    let mut tiles = Tiles::new(db, &id, now);
                    let proof = consistency_proof(first, size, |at| tiles.root(at))?;
                    assert_eq!(verify_consistency(first, size, first_root, root, &proof), Ok(()), "{first}, {size}");
                }
            }
            let beyond = Subtree { level: 0, index: now };
            assert!(Tiles::new(db, &id, now).root(beyond).is_err());
            assert!(Tiles::new(db, &id, now).root(Subtree { level: 16, index: 1 }).is_err());
            assert!(Tiles::new(db, &id, now).root(Subtree { level: 40, index: 5 }).is_err());
            Ok(())
        });
        check.await.unwrap();
    }
}
