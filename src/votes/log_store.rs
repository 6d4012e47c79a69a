//! The rows of a vote's log: leaves, and ballots as the log knows them.

use super::appending::NewLeaf;
use super::commitment::{Hashed, Tag};
use super::log::Frontier;
use super::model::{Choice, Vote};
use super::rules::Tally;
use super::store::NAMES_AT_ONCE;
use crate::clock::UtcTime;
use crate::db::kept::kept_statement;
use crate::db::schema::{electors, vote_leaves, votes};
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
        let rows: Vec<(AccountId, Option<Vec<u8>>, Choice, i32)> = electors::table
            .filter(electors::vote_id.eq(id).and(electors::member_id.eq_any(some)))
            .filter(electors::choice.is_not_null())
            .order(electors::member_id)
            .select((electors::member_id, electors::tag, electors::choice.assume_not_null(), electors::casts))
            .load(db)?;
        for (member_id, tag, choice, casts) in rows {
            let tag = tag.and_then(|tag| tag.try_into().ok()).ok_or_else(|| Error::internal("an elector has a tag"))?;
            let casts = u32::try_from(casts).map_err(Error::internal)?;
            found.push(CastBallot { member_id, tag, choice, casts });
        }
    }
    Ok(found)
}

/// Whether a ballot of somebody was made void, and none has been cast since.
pub fn is_void(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<bool> {
    let void = electors::table.find((id, member_id)).filter(electors::choice.is_null().and(electors::casts.gt(0)));
    Ok(diesel::select(diesel::dsl::exists(void)).get_result(db)?)
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

/// What a batch of leaves leaves behind it.
pub struct Appendix<'a> {
    /// The vote.
    pub vote_id: &'a VoteId,
    /// Where the first of the leaves stands; the others follow.
    pub first: i64,
    /// The leaves.
    pub leaves: &'a [NewLeaf],
    /// What stands of each in the log.
    pub hashed: &'a [Hashed],
    /// The log with them.
    pub frontier: &'a Frontier,
    /// The ballots that count with them.
    pub tally: Tally,
}

/// Appends leaves, makes the last one of each member the ballot that counts, or takes the ballot away where it is void, and
/// notes how far the log has come.
pub fn append(db: &mut Db, appendix: &Appendix) -> Result<()> {
    let Appendix { vote_id, first, leaves, .. } = *appendix;
    // One statement may touch a row once.
    let mut last: HashMap<&AccountId, (i64, &NewLeaf)> = HashMap::with_capacity(leaves.len());
    for (log_index, leaf) in (first..).zip(leaves) {
        last.insert(&leaf.member_id, (log_index, leaf));
    }
    let mut last_ballots = Vec::with_capacity(last.len());
    for (member_id, (log_index, leaf)) in last {
        let choice = leaf.opening.choice;
        last_ballots.push(PutBallot {
            choice,
            cast_at: choice.map(|_| leaf.cast_at),
            log_index: choice.map(|_| log_index),
            casts: number(leaf.sequence + 1)?,
            vote_id,
            member_id,
        });
    }
    match db {
        Db::Sqlite(c) => append_in_sqlite(c, appendix, last_ballots),
        Db::Postgres(c) => append_in_postgres(c, appendix, &last_ballots),
    }
}

fn number(count: u32) -> Result<i32> {
    i32::try_from(count).map_err(Error::internal)
}

/// It is asked within the process: a statement for each row costs least.
fn append_in_sqlite(c: &mut SqliteConnection, appendix: &Appendix, last_ballots: Vec<PutBallot>) -> Result<()> {
    let Appendix { vote_id, first, leaves, hashed, frontier, tally } = *appendix;
    for (log_index, (leaf, hashed)) in (first..).zip(leaves.iter().zip(hashed)) {
        AddLeaf {
            vote_id,
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
    for ballot in last_ballots {
        ballot.execute(c)?;
    }
    let (log_size, log_frontier) = (i64::try_from(frontier.size()).map_err(Error::internal)?, frontier.to_bytes());
    let Tally { yes, no, abstain } = tally;
    NoteLog { log_size, log_frontier: &log_frontier, yes, no, abstain, vote_id }.execute(c)?;
    Ok(())
}

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
    struct PutBallot<'a> on Sqlite {
        choice: Option<Choice> as Nullable<Text>,
        cast_at: Option<UtcTime> as Nullable<Timestamp>,
        log_index: Option<i64> as Nullable<BigInt>,
        casts: i32 as Integer,
        vote_id: &'a VoteId as Text,
        member_id: &'a AccountId as Text,
    }
    "UPDATE electors SET choice = ?, cast_at = ?, log_index = ?, casts = ? WHERE vote_id = ? AND member_id = ?"
}
kept_statement! {
    struct NoteLog<'a> on Sqlite {
        log_size: i64 as BigInt,
        log_frontier: &'a [u8] as Binary,
        yes: i64 as BigInt,
        no: i64 as BigInt,
        abstain: i64 as BigInt,
        vote_id: &'a VoteId as Text,
    }
    "UPDATE votes SET log_size = ?, log_frontier = ?, live_yes = ?, live_no = ?, live_abstain = ? WHERE id = ?"
}

/// It takes all rows of all three tables in one statement, as each way to it costs as much as some rows. Electors are there
/// already: as ones that might be inserted, they are found by their key whatever the planner thinks of the table.
fn append_in_postgres(c: &mut PgConnection, appendix: &Appendix, last_ballots: &[PutBallot]) -> Result<()> {
    let Appendix { vote_id, first, leaves, hashed, frontier, tally } = *appendix;
    let all = Append {
        vote_of_leaves: vote_id,
        log_index: (first..).zip(leaves).map(|(log_index, _)| log_index).collect(),
        tag: leaves.iter().map(|leaf| leaf.tag.as_slice()).collect(),
        sequence: leaves.iter().map(|leaf| number(leaf.sequence)).collect::<Result<_>>()?,
        commitment: hashed.iter().map(|hashed| hashed.commitment.as_slice()).collect(),
        leaf_hash: hashed.iter().map(|hashed| hashed.leaf_hash.as_bytes().as_slice()).collect(),
        choice: leaves.iter().map(|leaf| leaf.opening.choice).collect(),
        nonce: leaves.iter().map(|leaf| leaf.opening.nonce.as_slice()).collect(),
        cast_at: leaves.iter().map(|leaf| leaf.cast_at).collect(),
        vote_of_ballots: vote_id,
        member_id: last_ballots.iter().map(|ballot| ballot.member_id.as_str()).collect(),
        counts: last_ballots.iter().map(|ballot| ballot.choice).collect(),
        counts_from: last_ballots.iter().map(|ballot| ballot.cast_at).collect(),
        leaf: last_ballots.iter().map(|ballot| ballot.log_index).collect(),
        casts: last_ballots.iter().map(|ballot| ballot.casts).collect(),
        log_size: i64::try_from(frontier.size()).map_err(Error::internal)?,
        log_frontier: frontier.to_bytes(),
        yes: tally.yes,
        no: tally.no,
        abstain: tally.abstain,
        vote_id,
    };
    all.execute(c)?;
    Ok(())
}

kept_statement! {
    struct Append<'a> on Pg {
        vote_of_leaves: &'a VoteId as Text,
        log_index: Vec<i64> as Array<BigInt>,
        tag: Vec<&'a [u8]> as Array<Binary>,
        sequence: Vec<i32> as Array<Integer>,
        commitment: Vec<&'a [u8]> as Array<Binary>,
        leaf_hash: Vec<&'a [u8]> as Array<Binary>,
        choice: Vec<Option<Choice>> as Array<Nullable<Text>>,
        nonce: Vec<&'a [u8]> as Array<Binary>,
        cast_at: Vec<UtcTime> as Array<Timestamp>,
        vote_of_ballots: &'a VoteId as Text,
        member_id: Vec<&'a str> as Array<Text>,
        counts: Vec<Option<Choice>> as Array<Nullable<Text>>,
        counts_from: Vec<Option<UtcTime>> as Array<Nullable<Timestamp>>,
        leaf: Vec<Option<i64>> as Array<Nullable<BigInt>>,
        casts: Vec<i32> as Array<Integer>,
        log_size: i64 as BigInt,
        log_frontier: Vec<u8> as Binary,
        yes: i64 as BigInt,
        no: i64 as BigInt,
        abstain: i64 as BigInt,
        vote_id: &'a VoteId as Text,
    }
    "WITH appended AS ( \
         INSERT INTO vote_leaves (vote_id, log_index, tag, sequence, commitment, leaf_hash, choice, nonce, cast_at) \
         SELECT ?, * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) \
     ), cast_now AS ( \
         INSERT INTO electors (vote_id, member_id, choice, cast_at, log_index, casts) \
         SELECT ?, * FROM unnest(?, ?, ?, ?, ?) \
         ON CONFLICT (vote_id, member_id) DO UPDATE SET choice = excluded.choice, cast_at = excluded.cast_at, \
         log_index = excluded.log_index, casts = excluded.casts \
     ) \
     UPDATE votes SET log_size = ?, log_frontier = ?, live_yes = ?, live_no = ?, live_abstain = ? WHERE id = ?"
}

/// Moves the deadline of a vote.
pub fn extend(db: &mut Db, id: &VoteId, extended_to: UtcTime) -> Result<()> {
    diesel::update(votes::table.find(id)).set(votes::extended_to.eq(Some(extended_to))).execute(db)?;
    Ok(())
}
