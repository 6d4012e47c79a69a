//! Queries over votes, electors and ballots.

use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{ballots, consents, electors, memberships, vote_purposes, votes};
use crate::error::Result;
use crate::ids::{AccountId, VoteId};
use crate::pools::model::MembershipState;
use crate::votes::model::{Ballot, Choice, Vote, VoteState};
use crate::votes::rules::{Tally, Window};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

/// Names bound in one query; SQLite takes no more than 32,766.
const NAMES_AT_ONCE: usize = 1_000;

/// What decides whether a member's ballot is taken.
pub struct Standing {
    /// Where the vote stands.
    pub state: VoteState,
    /// When it takes ballots.
    pub window: Option<Window>,
    /// Whether the member is in the electorate.
    pub is_elector: bool,
    /// Whether the member has taken back a consent without which the data is not sold.
    pub lacks_consent: bool,
}

/// Whether a purpose of the vote is one to which the membership does not consent (any more). For queries
/// that have both `votes` and `memberships`.
#[diesel::dsl::auto_type]
fn lacks_consent() -> _ {
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

/// A vote as one member stands to it; `None` where the member is not (or no longer) of its pool, or the vote
/// has not been opened. One statement: this is the hot path.
pub fn standing(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<Option<Standing>> {
    let member_id = member_id.clone(); // the joins keep what they compare with
    type Row = (VoteState, Option<UtcTime>, Option<UtcTime>, UtcTime, Option<AccountId>, bool);
    let row: Option<Row> = votes::table
        .inner_join(
            memberships::table.on(memberships::pool_id
                .eq(votes::pool_id)
                .and(memberships::member_id.eq(member_id.clone()))
                .and(memberships::state.eq(MembershipState::Active))),
        )
        .left_join(electors::table.on(electors::vote_id.eq(votes::id).and(electors::member_id.eq(member_id))))
        .filter(votes::id.eq(id).and(votes::opens_at.is_not_null()))
        .select((
            votes::state,
            votes::opens_at,
            votes::closes_at,
            memberships::joined_at,
            electors::member_id.nullable(),
            lacks_consent(),
        ))
        .first(db)
        .optional()?;
    Ok(row.map(|(state, opens_at, closes_at, joined_at, elector, lacks_consent)| Standing {
        state,
        window: opens_at.zip(closes_at).map(|(opens_at, closes_at)| Window { opens_at, closes_at }),
        // Who left and came back while it was open has given the vote up.
        is_elector: elector.is_some() && opens_at.is_some_and(|opened_at| joined_at <= opened_at),
        lacks_consent,
    }))
}

/// Writes a ballot: changes the one that is there, or adds the first.
pub fn put_ballot(db: &mut Db, id: &VoteId, member_id: &AccountId, choice: Choice, now: UtcTime) -> Result<()> {
    let changed = diesel::update(ballots::table.find((id, member_id)))
        .set((ballots::choice.eq(choice), ballots::cast_at.eq(now)))
        .execute(db)?;
    if changed == 0 {
        diesel::insert_into(ballots::table)
            .values((
                ballots::vote_id.eq(id),
                ballots::member_id.eq(member_id),
                ballots::choice.eq(choice),
                ballots::cast_at.eq(now),
            ))
            .execute(db)?;
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
    Ok(ballots::table
        .filter(ballots::member_id.eq(member_id).and(ballots::vote_id.eq_any(ids.iter().copied())))
        .select(Ballot::as_select())
        .load(db)?)
}

/// Removes the ballots of members who have taken back a consent that the vote is about.
pub fn remove_ballots_without_consent(db: &mut Db, id: &VoteId) -> Result<()> {
    let without: Vec<AccountId> = votes::table
        .inner_join(ballots::table.on(ballots::vote_id.eq(votes::id)))
        .inner_join(
            memberships::table.on(memberships::pool_id
                .eq(votes::pool_id)
                .and(memberships::member_id.eq(ballots::member_id))
                .and(memberships::state.eq(MembershipState::Active))),
        )
        .filter(votes::id.eq(id).and(lacks_consent()))
        .select(ballots::member_id)
        .load(db)?;
    for some in without.chunks(NAMES_AT_ONCE) {
        diesel::delete(ballots::table.filter(ballots::vote_id.eq(id).and(ballots::member_id.eq_any(some))))
            .execute(db)?;
    }
    Ok(())
}

/// Counts the ballots of a vote.
pub fn count(db: &mut Db, id: &VoteId) -> Result<Tally> {
    let counts: Vec<(Choice, i64)> = ballots::table
        .filter(ballots::vote_id.eq(id))
        .group_by(ballots::choice)
        .select((ballots::choice, diesel::dsl::count_star()))
        .load(db)?;
    let of = |choice| counts.iter().find(|(c, _)| *c == choice).map_or(0, |(_, n)| *n);
    Ok(Tally { yes: of(Choice::Yes), no: of(Choice::No), abstain: of(Choice::Abstain) })
}

/// How many ballots were cast in a vote.
pub fn turnout(db: &mut Db, id: &VoteId) -> Result<i64> {
    Ok(ballots::table.filter(ballots::vote_id.eq(id)).count().get_result(db)?)
}

/// Votes that a member may take part in, or might have, newest first: those that are open, or those that have
/// ended. As in [`standing`], who has left the pool since a vote opened has no part in it.
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

/// The members of an electorate, sorted by id.
pub fn electors(db: &mut Db, id: &VoteId) -> Result<Vec<AccountId>> {
    Ok(electors::table
        .filter(electors::vote_id.eq(id))
        .select(electors::member_id)
        .order(electors::member_id)
        .load(db)?)
}

/// Adds members to an electorate in one statement; those who are in it already stay.
pub fn add_electors(db: &mut Db, id: &VoteId, members: &[AccountId]) -> Result<()> {
    let rows: Vec<_> = members.iter().map(|m| (electors::vote_id.eq(id), electors::member_id.eq(m))).collect();
    // The two backends build a statement of many rows differently, so each gets its own.
    match db {
        Db::Sqlite(c) => diesel::insert_into(electors::table).values(&rows).on_conflict_do_nothing().execute(c)?,
        Db::Postgres(c) => diesel::insert_into(electors::table).values(&rows).on_conflict_do_nothing().execute(c)?,
    };
    Ok(())
}

/// Takes members out of an electorate.
pub fn remove_electors(db: &mut Db, id: &VoteId, members: &[AccountId]) -> Result<()> {
    diesel::delete(electors::table.filter(electors::vote_id.eq(id).and(electors::member_id.eq_any(members))))
        .execute(db)?;
    Ok(())
}
