//! The rows of a vote's log: leaves, tiles of hashes, and the electors as the log knows them.

use super::appending::NewLeaf;
use super::commitment::Tag;
use super::log::{Frontier, HASH_BYTES, Hash, Subtree, TILE, root_of_perfect};
use super::model::{Choice, Vote};
use super::rules::Tally;
use super::store::{NAMES_AT_ONCE, lacks_consent};
use crate::clock::UtcTime;
use crate::db::schema::{ballots, electors, memberships, vote_leaves, vote_log_tiles, votes};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, VoteId};
use crate::pools::model::MembershipState;
use diesel::prelude::*;
use diesel::upsert::excluded;
use std::collections::HashMap;
use std::ops::Range;

/// Rows of one statement: SQLite binds no more than 32,766 values.
const ROWS_AT_ONCE: usize = 1_000;

/// A member of the pool, as a vote's box sees them.
#[derive(Debug, Clone)]
pub struct Elector {
    /// What stands for them in the log; `None` where they are not in the electorate.
    pub tag: Option<Tag>,
    /// Whether they have taken back a consent without which the data is not sold.
    pub lacks_consent: bool,
    /// Their ballot that counts.
    pub choice: Option<Choice>,
    /// How many they have cast so far.
    pub casts: u32,
}

/// A leaf, with what opens it.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
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
    if matches!(**tx, Db::Postgres(_)) {
        // An update that changes nothing holds the row. SQLite has one writer.
        diesel::update(votes::table.find(id)).set(votes::log_size.eq(votes::log_size)).execute(&mut **tx)?;
    }
    super::store::find(tx, id)
}

/// Those of these members who are of the vote's pool, and how they stand to the vote.
pub fn electors_among(db: &mut Db, id: &VoteId, members: &[AccountId]) -> Result<HashMap<AccountId, Elector>> {
    type Row = (AccountId, UtcTime, Option<UtcTime>, Option<Vec<u8>>, bool, Option<Choice>, Option<i32>);
    let mut found = HashMap::with_capacity(members.len());
    for some in members.chunks(NAMES_AT_ONCE) {
        let rows: Vec<Row> = votes::table
            .inner_join(
                memberships::table
                    .on(memberships::pool_id.eq(votes::pool_id).and(memberships::state.eq(MembershipState::Active))),
            )
            .left_join(
                electors::table.on(electors::vote_id.eq(votes::id).and(electors::member_id.eq(memberships::member_id))),
            )
            .left_join(
                ballots::table.on(ballots::vote_id.eq(votes::id).and(ballots::member_id.eq(memberships::member_id))),
            )
            .filter(votes::id.eq(id).and(votes::opens_at.is_not_null()).and(memberships::member_id.eq_any(some)))
            .select((
                memberships::member_id,
                memberships::joined_at,
                votes::opens_at,
                electors::tag.nullable(),
                lacks_consent(),
                ballots::choice.nullable(),
                ballots::casts.nullable(),
            ))
            .load(db)?;
        for (member_id, joined_at, opens_at, tag, lacks_consent, choice, casts) in rows {
            // Who left and came back while it was open has given the vote up.
            let stayed = opens_at.is_some_and(|opened_at| joined_at <= opened_at);
            let tag =
                tag.filter(|_| stayed).map(|tag| tag.try_into().map_err(|_| Error::internal("a tag has 32 bytes")));
            let casts = u32::try_from(casts.unwrap_or(0)).map_err(Error::internal)?;
            found.insert(member_id, Elector { tag: tag.transpose()?, lacks_consent, choice, casts });
        }
    }
    Ok(found)
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

/// Appends leaves.
pub fn add_leaves(db: &mut Db, rows: &[LeafRow]) -> Result<()> {
    for rows in rows.chunks(ROWS_AT_ONCE) {
        // The two backends build a statement of many rows differently, so each gets its own.
        match db {
            Db::Sqlite(c) => diesel::insert_into(vote_leaves::table).values(rows).execute(c)?,
            Db::Postgres(c) => diesel::insert_into(vote_leaves::table).values(rows).execute(c)?,
        };
    }
    Ok(())
}

/// Makes the last leaf of each member the ballot that counts, or takes the ballot away where it is void.
pub fn put_ballots(db: &mut Db, id: &VoteId, leaves: &[NewLeaf], rows: &[LeafRow]) -> Result<()> {
    // One statement may touch a row once.
    let mut last: HashMap<&AccountId, &LeafRow> = HashMap::with_capacity(leaves.len());
    for (leaf, row) in leaves.iter().zip(rows) {
        last.insert(&leaf.member_id, row);
    }
    let mut counts = Vec::with_capacity(last.len());
    let mut void = Vec::new();
    for (member_id, row) in last {
        match row.choice {
            Some(choice) => counts.push((
                ballots::vote_id.eq(id),
                ballots::member_id.eq(member_id),
                ballots::choice.eq(choice),
                ballots::cast_at.eq(row.cast_at),
                ballots::log_index.eq(row.log_index),
                ballots::casts.eq(row.sequence + 1),
            )),
            None => void.push(member_id),
        }
    }
    for counts in counts.chunks(ROWS_AT_ONCE) {
        macro_rules! upsert {
            ($connection:expr) => {
                diesel::insert_into(ballots::table)
                    .values(counts)
                    .on_conflict((ballots::vote_id, ballots::member_id))
                    .do_update()
                    .set((
                        ballots::choice.eq(excluded(ballots::choice)),
                        ballots::cast_at.eq(excluded(ballots::cast_at)),
                        ballots::log_index.eq(excluded(ballots::log_index)),
                        ballots::casts.eq(excluded(ballots::casts)),
                    ))
                    .execute($connection)?
            };
        }
        match db {
            Db::Sqlite(c) => upsert!(c),
            Db::Postgres(c) => upsert!(c),
        };
    }
    for void in void.chunks(NAMES_AT_ONCE) {
        let theirs = ballots::vote_id.eq(id).and(ballots::member_id.eq_any(void.iter().copied()));
        diesel::delete(ballots::table.filter(theirs)).execute(db)?;
    }
    Ok(())
}

/// Notes how far the log has come, and the ballots that count.
pub fn note_log(db: &mut Db, id: &VoteId, frontier: &Frontier, tally: Tally) -> Result<()> {
    diesel::update(votes::table.find(id))
        .set((
            votes::log_size.eq(i64::try_from(frontier.size()).map_err(Error::internal)?),
            votes::log_frontier.eq(Some(frontier.to_bytes())),
            votes::live_yes.eq(tally.yes),
            votes::live_no.eq(tally.no),
            votes::live_abstain.eq(tally.abstain),
        ))
        .execute(db)?;
    Ok(())
}

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

fn hash(bytes: &[u8]) -> Result<Hash> {
    Hash::from_bytes(bytes).ok_or_else(|| Error::internal("a hash has 32 bytes"))
}
