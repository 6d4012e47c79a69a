//! The rows of a vote's log: leaves, tiles of hashes, and ballots as the log knows them.

use super::appending::NewLeaf;
use super::commitment::{Hashed, Tag};
use super::log::{Frontier, HASH_BYTES, Hash, Subtree, TILE, root_of_perfect};
use super::model::{Choice, Vote};
use super::rules::Tally;
use super::store::NAMES_AT_ONCE;
use crate::clock::UtcTime;
use crate::db::kept::kept_statement;
use crate::db::schema::{ballots, electors, vote_leaves, vote_log_tiles, votes};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, VoteId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Integer, Nullable, Text, Timestamp};
use diesel::sqlite::Sqlite;
use std::collections::HashMap;
use std::ops::Range;

/// A leaf, with what opens it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = vote_leaves)]
pub struct LeafRow {
    /// The vote.
    pub vote_id: VoteId,
    /// Its place in the log.
    pub log_index: i64,
    /// What stands for the member.
    pub tag: Vec<u8>,
    /// How many ballots of the tag come before.
    pub sequence: i32,
    /// The commitment.
    pub commitment: Vec<u8>,
    /// The hash of the leaf.
    pub leaf_hash: Vec<u8>,
    /// The choice; `None` where it says that the ballot is void.
    pub choice: Option<Choice>,
    /// The nonce.
    pub nonce: Vec<u8>,
    /// When it was appended.
    pub cast_at: UtcTime,
}

/// A vote, its row held until the end of the transaction: nobody else appends to its log or closes it meanwhile.
pub fn hold(tx: &mut Tx, id: &VoteId) -> Result<Option<Vote>> {
    match &mut **tx {
        // It has one writer.
        Db::Sqlite(_) => super::store::find(tx, id),
        Db::Postgres(c) => {
            Ok(votes::table.find(id).select(Vote::as_select()).for_no_key_update().first(c).optional()?)
        }
    }
}

/// A ballot that counts, as the log knows it.
#[derive(Debug, Clone)]
pub struct CastBallot {
    /// Who cast it.
    pub member_id: AccountId,
    /// What stands for them in the log.
    pub tag: Tag,
    /// What it says.
    pub choice: Choice,
    /// How many they have cast.
    pub casts: u32,
}

/// The ballots of some members that count, in the order of the members' ids.
pub fn cast_by(db: &mut Db, id: &VoteId, members: &[AccountId]) -> Result<Vec<CastBallot>> {
    let mut found = Vec::with_capacity(members.len());
    for some in members.chunks(NAMES_AT_ONCE) {
        let theirs = ballots::vote_id.eq(id).and(ballots::member_id.eq_any(some));
        let same = electors::vote_id.eq(ballots::vote_id).and(electors::member_id.eq(ballots::member_id));
        let rows: Vec<(AccountId, Option<Vec<u8>>, Choice, i32)> = ballots::table
            .inner_join(electors::table.on(same))
            .filter(theirs)
            .order(ballots::member_id)
            .select((ballots::member_id, electors::tag, ballots::choice, ballots::casts))
            .load(db)?;
        for (member_id, tag, choice, casts) in rows {
            let tag = tag.and_then(|tag| tag.try_into().ok()).ok_or_else(|| Error::internal("an elector has a tag"))?;
            let casts = u32::try_from(casts).map_err(Error::internal)?;
            found.push(CastBallot { member_id, tag, choice, casts });
        }
    }
    Ok(found)
}

/// Whether a ballot of somebody was made void.
pub fn has_void_leaf(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<bool> {
    let tag: Option<Option<Vec<u8>>> =
        electors::table.find((id, member_id)).select(electors::tag).first(db).optional()?;
    let Some(tag) = tag.flatten() else { return Ok(false) };
    let theirs = vote_leaves::table
        .filter(vote_leaves::vote_id.eq(id).and(vote_leaves::tag.eq(tag)).and(vote_leaves::choice.is_null()));
    Ok(diesel::select(diesel::dsl::exists(theirs)).get_result(db)?)
}

/// A leaf of the log.
pub fn leaf(db: &mut Db, id: &VoteId, log_index: i64) -> Result<LeafRow> {
    Ok(vote_leaves::table.find((id, log_index)).select(LeafRow::as_select()).first(db)?)
}

/// Some leaves of the log, in order.
pub fn leaves(db: &mut Db, id: &VoteId, range: Range<u64>) -> Result<Vec<LeafRow>> {
    let place = |index: u64| i64::try_from(index).map_err(Error::internal);
    let rows: Vec<LeafRow> = vote_leaves::table
        .filter(vote_leaves::vote_id.eq(id))
        .filter(vote_leaves::log_index.ge(place(range.start)?).and(vote_leaves::log_index.lt(place(range.end)?)))
        .order(vote_leaves::log_index)
        .select(LeafRow::as_select())
        .load(db)?;
    if rows.len() as u64 != range.end - range.start {
        return Err(Error::internal(format!("the log of {id} lacks leaves")));
    }
    Ok(rows)
}

/// The root of a perfect subtree of the log: from its tile where that is full, else from leaves.
pub fn subtree(db: &mut Db, id: &VoteId, at: Subtree) -> Result<Hash> {
    let (level, tile, inside) = at.tile();
    let level = i32::try_from(level).map_err(Error::internal)?;
    let key = (id, level, i64::try_from(tile).map_err(Error::internal)?);
    let found: Option<Vec<u8>> = vote_log_tiles::table.find(key).select(vote_log_tiles::hashes).first(db).optional()?;
    let hashes = match found {
        Some(bytes) => bytes.chunks(HASH_BYTES).map(hash).collect::<Result<Vec<_>>>()?,
        // The last tile of a level is not full: of leaves it is read, of others it is made of the roots of the tiles below,
        // which are the hashes of this level.
        None => {
            let places = tile * TILE + inside.start as u64..tile * TILE + inside.end as u64;
            let hashes = match level {
                0 => leaf_hashes(db, id, places)?,
                _ => tile_roots(db, id, level - 1, places)?,
            };
            return Ok(root_of_perfect(&hashes));
        }
    };
    let hashes = hashes.get(inside).ok_or_else(|| Error::internal("a tile has 256 hashes"))?;
    Ok(root_of_perfect(hashes))
}

/// The tags of the electorate, in ascending order.
pub fn tags(db: &mut Db, id: &VoteId) -> Result<Vec<Tag>> {
    let tags: Vec<Option<Vec<u8>>> = electors::table.filter(electors::vote_id.eq(id)).select(electors::tag).load(db)?;
    let tag = |tag: Option<Vec<u8>>| {
        tag.and_then(|tag| tag.try_into().ok()).ok_or_else(|| Error::internal("an elector has a tag of 32 bytes"))
    };
    let mut tags: Vec<Tag> = tags.into_iter().map(tag).collect::<Result<_>>()?;
    tags.sort_unstable(); // by bytes, whatever the database thinks of them
    Ok(tags)
}

/// Every leaf of the log with what opens it, in order.
pub fn opened(db: &mut Db, id: &VoteId) -> Result<Vec<(Tag, Option<Choice>)>> {
    let rows: Vec<(Vec<u8>, Option<Choice>)> = vote_leaves::table
        .filter(vote_leaves::vote_id.eq(id))
        .order(vote_leaves::log_index)
        .select((vote_leaves::tag, vote_leaves::choice))
        .load(db)?;
    let row =
        |(tag, choice): (Vec<u8>, _)| Ok((tag.try_into().map_err(|_| Error::internal("a tag has 32 bytes"))?, choice));
    rows.into_iter().map(row).collect()
}

/// Appends leaves from a place on.
pub fn add_leaves(db: &mut Db, id: &VoteId, first: i64, leaves: &[NewLeaf], hashed: &[Hashed]) -> Result<()> {
    let rows = (first..).zip(leaves.iter().zip(hashed));
    match db {
        Db::Sqlite(c) => {
            for (log_index, (leaf, hashed)) in rows {
                AddLeaf {
                    vote_id: id,
                    log_index,
                    tag: &leaf.tag,
                    sequence: number(leaf.sequence)?,
                    commitment: &hashed.commitment,
                    leaf_hash: hashed.leaf_hash.as_bytes(),
                    choice: leaf.opening.choice,
                    nonce: &leaf.opening.nonce,
                    cast_at: leaf.cast_at,
                }
                .execute(c)?;
            }
        }
        Db::Postgres(c) => {
            let all = AddLeaves {
                vote_id: id,
                log_index: rows.map(|(log_index, _)| log_index).collect(),
                tag: leaves.iter().map(|leaf| leaf.tag.as_slice()).collect(),
                sequence: leaves.iter().map(|leaf| number(leaf.sequence)).collect::<Result<_>>()?,
                commitment: hashed.iter().map(|hashed| hashed.commitment.as_slice()).collect(),
                leaf_hash: hashed.iter().map(|hashed| hashed.leaf_hash.as_bytes().as_slice()).collect(),
                choice: leaves.iter().map(|leaf| leaf.opening.choice).collect(),
                nonce: leaves.iter().map(|leaf| leaf.opening.nonce.as_slice()).collect(),
                cast_at: leaves.iter().map(|leaf| leaf.cast_at).collect(),
            };
            all.execute(c)?;
        }
    }
    Ok(())
}

fn number(count: u32) -> Result<i32> {
    i32::try_from(count).map_err(Error::internal)
}

// SQLite is asked within the process: a statement for each row costs least. PostgreSQL takes all rows in one.
kept_statement! {
    struct AddLeaf<'a> on Sqlite {
        vote_id: &'a VoteId as Text,
        log_index: i64 as BigInt,
        tag: &'a [u8] as Binary,
        sequence: i32 as Integer,
        commitment: &'a [u8] as Binary,
        leaf_hash: &'a [u8] as Binary,
        choice: Option<Choice> as Nullable<Text>,
        nonce: &'a [u8] as Binary,
        cast_at: UtcTime as Timestamp,
    }
    "INSERT INTO vote_leaves (vote_id, log_index, tag, sequence, commitment, leaf_hash, choice, nonce, cast_at) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
}
kept_statement! {
    struct AddLeaves<'a> on Pg {
        vote_id: &'a VoteId as Text,
        log_index: Vec<i64> as Array<BigInt>,
        tag: Vec<&'a [u8]> as Array<Binary>,
        sequence: Vec<i32> as Array<Integer>,
        commitment: Vec<&'a [u8]> as Array<Binary>,
        leaf_hash: Vec<&'a [u8]> as Array<Binary>,
        choice: Vec<Option<Choice>> as Array<Nullable<Text>>,
        nonce: Vec<&'a [u8]> as Array<Binary>,
        cast_at: Vec<UtcTime> as Array<Timestamp>,
    }
    "INSERT INTO vote_leaves (vote_id, log_index, tag, sequence, commitment, leaf_hash, choice, nonce, cast_at) \
     SELECT ?, * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?)"
}

/// Makes the last leaf of each member the ballot that counts, or takes the ballot away where it is void. The first leaf stands
/// at a place of the log, the others follow.
pub fn put_ballots(db: &mut Db, id: &VoteId, first: i64, leaves: &[NewLeaf]) -> Result<()> {
    // One statement may touch a row once.
    let mut last: HashMap<&AccountId, (i64, &NewLeaf)> = HashMap::with_capacity(leaves.len());
    for (log_index, leaf) in (first..).zip(leaves) {
        last.insert(&leaf.member_id, (log_index, leaf));
    }
    let (mut counts, mut void) = (Vec::with_capacity(last.len()), Vec::new());
    for (member_id, (log_index, leaf)) in last {
        match leaf.opening.choice {
            Some(choice) => counts.push(PutBallot {
                vote_id: id,
                member_id,
                choice,
                cast_at: leaf.cast_at,
                log_index,
                casts: number(leaf.sequence + 1)?,
            }),
            None => void.push(member_id),
        }
    }
    match db {
        Db::Sqlite(c) => {
            for ballot in counts {
                ballot.execute(c)?;
            }
        }
        Db::Postgres(c) => {
            let all = PutBallots {
                vote_id: id,
                member_id: counts.iter().map(|ballot| ballot.member_id.as_str()).collect(),
                choice: counts.iter().map(|ballot| ballot.choice).collect(),
                cast_at: counts.iter().map(|ballot| ballot.cast_at).collect(),
                log_index: counts.iter().map(|ballot| ballot.log_index).collect(),
                casts: counts.iter().map(|ballot| ballot.casts).collect(),
            };
            all.execute(c)?;
        }
    }
    for void in void.chunks(NAMES_AT_ONCE) {
        let theirs = ballots::vote_id.eq(id).and(ballots::member_id.eq_any(void.iter().copied()));
        diesel::delete(ballots::table.filter(theirs)).execute(db)?;
    }
    Ok(())
}

kept_statement! {
    struct PutBallot<'a> on Sqlite {
        vote_id: &'a VoteId as Text,
        member_id: &'a AccountId as Text,
        choice: Choice as Text,
        cast_at: UtcTime as Timestamp,
        log_index: i64 as BigInt,
        casts: i32 as Integer,
    }
    "INSERT INTO ballots (vote_id, member_id, choice, cast_at, log_index, casts) VALUES (?, ?, ?, ?, ?, ?) \
     ON CONFLICT (vote_id, member_id) DO UPDATE SET choice = excluded.choice, cast_at = excluded.cast_at, \
     log_index = excluded.log_index, casts = excluded.casts"
}
kept_statement! {
    struct PutBallots<'a> on Pg {
        vote_id: &'a VoteId as Text,
        member_id: Vec<&'a str> as Array<Text>,
        choice: Vec<Choice> as Array<Text>,
        cast_at: Vec<UtcTime> as Array<Timestamp>,
        log_index: Vec<i64> as Array<BigInt>,
        casts: Vec<i32> as Array<Integer>,
    }
    "INSERT INTO ballots (vote_id, member_id, choice, cast_at, log_index, casts) SELECT ?, * FROM unnest(?, ?, ?, ?, ?) \
     ON CONFLICT (vote_id, member_id) DO UPDATE SET choice = excluded.choice, cast_at = excluded.cast_at, \
     log_index = excluded.log_index, casts = excluded.casts"
}

/// Notes how far the log has come, and the ballots that count.
pub fn note_log(db: &mut Db, id: &VoteId, frontier: &Frontier, tally: Tally) -> Result<()> {
    let (log_size, log_frontier) = (i64::try_from(frontier.size()).map_err(Error::internal)?, frontier.to_bytes());
    let Tally { yes, no, abstain } = tally;
    match db {
        Db::Sqlite(c) => NoteLog { log_size, log_frontier: &log_frontier, yes, no, abstain, id }.execute(c)?,
        Db::Postgres(c) => {
            NoteLogInPostgres { log_size, log_frontier: &log_frontier, yes, no, abstain, id }.execute(c)?
        }
    };
    Ok(())
}

macro_rules! note_log {
    ($name:ident, $backend:ident) => {
        kept_statement! {
            struct $name<'a> on $backend {
                log_size: i64 as BigInt,
                log_frontier: &'a [u8] as Binary,
                yes: i64 as BigInt,
                no: i64 as BigInt,
                abstain: i64 as BigInt,
                id: &'a VoteId as Text,
            }
            "UPDATE votes SET log_size = ?, log_frontier = ?, live_yes = ?, live_no = ?, live_abstain = ? WHERE id = ?"
        }
    };
}
note_log!(NoteLog, Sqlite);
note_log!(NoteLogInPostgres, Pg);

/// Moves the deadline of a vote.
pub fn extend(db: &mut Db, id: &VoteId, extended_to: UtcTime) -> Result<()> {
    diesel::update(votes::table.find(id)).set(votes::extended_to.eq(Some(extended_to))).execute(db)?;
    Ok(())
}

/// The hashes of leaves.
pub fn leaf_hashes(db: &mut Db, id: &VoteId, range: Range<u64>) -> Result<Vec<Hash>> {
    let place = |index: u64| i64::try_from(index).map_err(Error::internal);
    let hashes: Vec<Vec<u8>> = vote_leaves::table
        .filter(vote_leaves::vote_id.eq(id))
        .filter(vote_leaves::log_index.ge(place(range.start)?).and(vote_leaves::log_index.lt(place(range.end)?)))
        .order(vote_leaves::log_index)
        .select(vote_leaves::leaf_hash)
        .load(db)?;
    if hashes.len() as u64 != range.end - range.start {
        return Err(Error::internal(format!("the log of {id} lacks leaves")));
    }
    hashes.iter().map(|bytes| hash(bytes)).collect()
}

/// The roots of full tiles.
pub fn tile_roots(db: &mut Db, id: &VoteId, level: i32, range: Range<u64>) -> Result<Vec<Hash>> {
    let place = |tile: u64| i64::try_from(tile).map_err(Error::internal);
    let of_level = vote_log_tiles::vote_id.eq(id).and(vote_log_tiles::level.eq(level));
    let rows: Vec<(i64, Option<Vec<u8>>)> = vote_log_tiles::table
        .filter(of_level)
        .filter(vote_log_tiles::tile.ge(place(range.start)?).and(vote_log_tiles::tile.lt(place(range.end)?)))
        .order(vote_log_tiles::tile)
        .select((vote_log_tiles::tile, vote_log_tiles::root))
        .load(db)?;
    if rows.len() as u64 != range.end - range.start {
        return Err(Error::internal(format!("the log of {id} lacks tiles")));
    }
    let mut roots = Vec::with_capacity(rows.len());
    for (tile, root) in rows {
        roots.push(match root {
            Some(bytes) => hash(&bytes)?,
            // One from before roots were kept.
            None => {
                let hashes = vote_log_tiles::table.find((id, level, tile)).select(vote_log_tiles::hashes);
                let bytes: Vec<u8> = hashes.first(db)?;
                root_of_perfect(&bytes.chunks(HASH_BYTES).map(hash).collect::<Result<Vec<_>>>()?)
            }
        });
    }
    Ok(roots)
}

/// Writes a full tile, and its root beside it: else a proof in a log of 100,000 leaves would read hundreds of tiles.
pub fn add_tile(db: &mut Db, id: &VoteId, level: i32, tile: u64, hashes: &[Hash]) -> Result<()> {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    diesel::insert_into(vote_log_tiles::table)
        .values((
            vote_log_tiles::vote_id.eq(id),
            vote_log_tiles::level.eq(level),
            vote_log_tiles::tile.eq(i64::try_from(tile).map_err(Error::internal)?),
            vote_log_tiles::hashes.eq(bytes),
            vote_log_tiles::root.eq(Some(root_of_perfect(hashes).as_bytes().to_vec())),
        ))
        .execute(db)?;
    Ok(())
}

/// A hash as it is kept.
pub fn hash(bytes: &[u8]) -> Result<Hash> {
    Hash::from_bytes(bytes).ok_or_else(|| Error::internal("a hash has 32 bytes"))
}
