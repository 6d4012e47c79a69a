//! Queries over votes, electors and ballots.

use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::kept::kept_statement;
use crate::db::schema::{consents, electors, memberships, vote_bundles, vote_purposes, votes};
use crate::error::Result;
use crate::ids::{AccountId, VoteId};
use crate::pools::model::MembershipState;
use crate::votes::commitment;
use crate::votes::model::{Ballot, Choice, Vote, VoteState};
use crate::votes::rules::Tally;
use diesel::dsl::{exists, not};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Text};
use diesel::sqlite::Sqlite;

/// Names bound in one query; SQLite takes no more than 32,766.
pub(super) const NAMES_AT_ONCE: usize = 1_000;

/// Whether a purpose of the vote is one to which the membership does not consent (any more). For queries
/// that have both `votes` and `memberships`.
#[diesel::dsl::auto_type]
pub(super) fn lacks_consent() -> _ {
    let live = consents::table
        .filter(consents::membership_id.eq(memberships::id))
        .filter(consents::purpose.eq(vote_purposes::purpose))
        .filter(consents::withdrawn_at.is_null());
    exists(vote_purposes::table.filter(vote_purposes::vote_id.eq(votes::id)).filter(not(exists(live))))
}

/// A vote.
pub fn find(db: &mut Db, id: &VoteId) -> Result<Option<Vote>> {
    Ok(votes::table.find(id).select(Vote::as_select()).first(db).optional()?)
}

/// Ballots that are in no log, as those of votes of before there were logs, in the order of the members' ids.
pub fn ballots_in_no_log(db: &mut Db, id: &VoteId, most: i64) -> Result<Vec<Ballot>> {
    Ok(electors::table
        .filter(electors::vote_id.eq(id).and(electors::choice.is_not_null()).and(electors::log_index.is_null()))
        .order(electors::member_id)
        .limit(most)
        .select(Ballot::as_select())
        .load(db)?)
}

/// What is published of an ended vote: a file in the storage.
#[derive(Debug, Clone, diesel::Queryable, diesel::Selectable, diesel::Insertable)]
#[diesel(table_name = vote_bundles)]
pub struct Bundle {
    /// The vote.
    pub vote_id: VoteId,
    /// Where it lies.
    pub object_key: String,
    /// Its length.
    pub size_bytes: i64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// When it was made.
    pub made_at: UtcTime,
}

/// The bundle of a vote, if it is published.
pub fn bundle(db: &mut Db, id: &VoteId) -> Result<Option<Bundle>> {
    Ok(vote_bundles::table.find(id).select(Bundle::as_select()).first(db).optional()?)
}

/// Every bundle.
pub fn bundles(db: &mut Db) -> Result<Vec<Bundle>> {
    Ok(vote_bundles::table.select(Bundle::as_select()).load(db)?)
}

/// Notes that a bundle is published; once.
pub fn add_bundle(db: &mut Db, bundle: &Bundle) -> Result<()> {
    if self::bundle(db, &bundle.vote_id)?.is_none() {
        diesel::insert_into(vote_bundles::table).values(bundle).execute(db)?;
    }
    Ok(())
}

/// The votes that have been counted.
pub fn counted(db: &mut Db) -> Result<Vec<Vote>> {
    Ok(votes::table.filter(votes::yes.is_not_null()).order(votes::id).select(Vote::as_select()).load(db)?)
}

/// How many are listed in an electorate.
pub fn count_electors(db: &mut Db, id: &VoteId) -> Result<i64> {
    Ok(electors::table.filter(electors::vote_id.eq(id)).count().get_result(db)?)
}

/// A member's ballots in some votes.
pub fn ballots_of(db: &mut Db, ids: &[&VoteId], member_id: &AccountId) -> Result<Vec<Ballot>> {
    Ok(electors::table
        .filter(electors::member_id.eq(member_id).and(electors::vote_id.eq_any(ids.iter().copied())))
        .filter(electors::choice.is_not_null())
        .select(Ballot::as_select())
        .load(db)?)
}

/// Whether a purpose is one of those that a vote is about.
pub fn is_about(db: &mut Db, id: &VoteId, purpose: &str) -> Result<bool> {
    Ok(diesel::select(exists(vote_purposes::table.find((id, purpose)))).get_result(db)?)
}

/// Counts the ballots of a vote.
pub fn count(db: &mut Db, id: &VoteId) -> Result<Tally> {
    let counts: Vec<(Option<Choice>, i64)> = electors::table
        .filter(electors::vote_id.eq(id))
        .group_by(electors::choice)
        .select((electors::choice, diesel::dsl::count_star()))
        .load(db)?;
    let of = |choice| counts.iter().find(|(c, _)| *c == Some(choice)).map_or(0, |(_, n)| *n);
    Ok(Tally { yes: of(Choice::Yes), no: of(Choice::No), abstain: of(Choice::Abstain) })
}

/// How many ballots were cast in a vote.
pub fn turnout(db: &mut Db, id: &VoteId) -> Result<i64> {
    let cast = electors::table.filter(electors::vote_id.eq(id).and(electors::choice.is_not_null()));
    Ok(cast.count().get_result(db)?)
}

/// Votes that a member may take part in, or might have, newest first: those that are open, or those that have
/// ended. Who has left the pool since a vote opened has no part in it.
pub fn of_member(db: &mut Db, member_id: &AccountId, open: bool, after: Option<&str>, most: i64) -> Result<Vec<Vote>> {
    let mut query = votes::table
        .inner_join(electors::table.on(electors::vote_id.eq(votes::id)))
        .inner_join(memberships::table.on(memberships::pool_id.eq(votes::pool_id)))
        .filter(electors::member_id.eq(member_id).and(memberships::member_id.eq(member_id)))
        .filter(memberships::state.eq(MembershipState::Active))
        .filter(memberships::joined_at.nullable().le(votes::opens_at))
        .select(Vote::as_select())
        .order(votes::id.desc())
        .limit(most)
        .into_boxed();
    query = if open {
        query.filter(votes::state.eq(VoteState::Open))
    } else {
        query.filter(votes::state.ne(VoteState::Open))
    };
    if let Some(after) = after {
        query = query.filter(votes::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// The votes that opened and have ended in whose electorate somebody was, newest first.
pub fn ended_of_elector(db: &mut Db, member_id: &AccountId, after: Option<&str>, most: i64) -> Result<Vec<Vote>> {
    let mut query = votes::table
        .inner_join(electors::table.on(electors::vote_id.eq(votes::id)))
        .filter(electors::member_id.eq(member_id))
        .filter(votes::opens_at.is_not_null().and(votes::closed_at.is_not_null()))
        .select(Vote::as_select())
        .order(votes::id.desc())
        .limit(most)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(votes::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// The members of an electorate, sorted by id.
pub fn electors(db: &mut Db, id: &VoteId) -> Result<Vec<AccountId>> {
    Ok(electors::table
        .filter(electors::vote_id.eq(id))
        .select(electors::member_id)
        .order(electors::member_id)
        .load(db)?)
}

/// The next of them, sorted by id.
pub fn electors_after(db: &mut Db, id: &VoteId, after: Option<&AccountId>, most: i64) -> Result<Vec<AccountId>> {
    let mut query = electors::table
        .filter(electors::vote_id.eq(id))
        .select(electors::member_id)
        .order(electors::member_id)
        .limit(most)
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(electors::member_id.gt(after.clone()));
    }
    Ok(query.load(db)?)
}

/// Adds members to an electorate; those who are in it already stay.
pub fn add_electors(db: &mut Db, id: &VoteId, members: &[AccountId], key: &[u8]) -> Result<()> {
    match db {
        Db::Sqlite(c) => {
            for member_id in members {
                AddElector { vote_id: id, member_id, tag: &commitment::tag(key, member_id) }.execute(c)?;
            }
        }
        Db::Postgres(c) => {
            let member_ids = members.iter().map(AccountId::as_str).collect();
            let tags = members.iter().map(|member| commitment::tag(key, member).to_vec()).collect();
            AddElectors { vote_id: id, member_ids, tags }.execute(c)?;
        }
    }
    Ok(())
}

kept_statement! {
    struct AddElector<'a> on Sqlite {
        vote_id: &'a VoteId as Text,
        member_id: &'a AccountId as Text,
        tag: &'a [u8] as Binary,
    }
    "INSERT INTO electors (vote_id, member_id, tag) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
}
kept_statement! {
    struct AddElectors<'a> on Pg {
        vote_id: &'a VoteId as Text,
        member_ids: Vec<&'a str> as Array<Text>,
        tags: Vec<Vec<u8>> as Array<Binary>,
    }
    "INSERT INTO electors (vote_id, member_id, tag) SELECT ?, * FROM unnest(?, ?) ON CONFLICT DO NOTHING"
}

/// Takes members out of an electorate.
pub fn remove_electors(db: &mut Db, id: &VoteId, members: &[AccountId]) -> Result<()> {
    diesel::delete(electors::table.filter(electors::vote_id.eq(id).and(electors::member_id.eq_any(members))))
        .execute(db)?;
    Ok(())
}
