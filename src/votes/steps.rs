//! What others do with a vote inside their own transaction.

use crate::clock::UtcTime;
use crate::db::schema::{ballots, pools, vote_purposes, votes};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, PoolId, VoteId};
use crate::queue::{self, JobKind};
use crate::votes::model::{NewVote, Vote, VoteState};
use crate::votes::rules::{self, Tally, Window};
use crate::votes::{store, words};
use diesel::prelude::*;

/// How a vote has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The vote.
    pub vote_id: VoteId,
    /// Whether the members said yes.
    pub accepted: bool,
    /// Why, in words.
    pub reason: String,
    /// The ballots, counted.
    pub tally: Tally,
}

/// What opening does if the pool's membership is no longer the one the electorate was taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfChanged {
    /// Do not open; the electorate is to be taken again.
    Wait,
    /// Open all the same. It is as if those who left in between had left right after the opening:
    /// they stay in the count, cast no ballot, and are in no draw. Only for pools that never stand still.
    Open,
}

/// A vote.
///
/// # Errors
/// `not-found` where there is none.
pub fn vote(db: &mut Db, id: &VoteId) -> Result<Vote> {
    store::find(db, id)?.ok_or_else(|| Error::not_found("vote"))
}

/// Whether somebody may know of a vote: it has opened, and they are of its pool. `true` if they are in its electorate.
///
/// # Errors
/// `not-found` where they may not.
pub fn expect_member(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<bool> {
    let standing = store::standing(db, id, member_id)?.ok_or_else(|| Error::not_found("vote"))?;
    Ok(standing.is_elector)
}

/// Everyone in the electorate, sorted by id. It never changes after the opening.
///
/// # Errors
/// `internal` where the database fails.
pub fn electors(db: &mut Db, id: &VoteId) -> Result<Vec<AccountId>> {
    store::electors(db, id)
}

/// Ballots cast so far. The split stays sealed until the vote has ended.
///
/// # Errors
/// `internal` where the database fails.
pub fn turnout(db: &mut Db, vote: &Vote) -> Result<i64> {
    match vote.tally() {
        Some(tally) => Ok(tally.turnout()),
        None => store::turnout(db, &vote.id),
    }
}

/// Makes a vote, in state `opening`. Its electorate is listed next.
///
/// # Errors
/// `invalid` where nobody could vote or there is no time to.
pub fn create(tx: &mut Tx, new: &NewVote) -> Result<VoteId> {
    if new.electors <= 0 || new.voting_period_s <= 0 {
        return Err(Error::invalid("A vote needs somebody who may vote and time to do it."));
    }
    let id = VoteId::new(tx.now(), tx.entropy());
    let (threshold_numerator, threshold_denominator) = new.passing.threshold();
    diesel::insert_into(votes::table)
        .values((
            votes::id.eq(&id),
            votes::pool_id.eq(&new.pool_id),
            votes::subject_text.eq(&new.subject_text),
            votes::terms_hash.eq(&new.terms_hash),
            votes::state.eq(VoteState::Opening),
            votes::electors.eq(new.electors),
            votes::membership_version.eq(new.membership_version),
            votes::quorum_bp.eq(new.passing.quorum_bp()),
            votes::threshold_numerator.eq(threshold_numerator),
            votes::threshold_denominator.eq(threshold_denominator),
            votes::voting_period_s.eq(new.voting_period_s),
        ))
        .execute(&mut **tx)?;
    for purpose in &new.purposes {
        diesel::insert_into(vote_purposes::table)
            .values((vote_purposes::vote_id.eq(&id), vote_purposes::purpose.eq(purpose)))
            .execute(&mut **tx)?;
    }
    Ok(id)
}

/// Begins listing the electorate of one membership version. Whoever was listing an older one is shut
/// out by it: each of their further steps names a version that is no longer the vote's.
/// `false` where the vote is no longer being opened.
///
/// # Errors
/// `internal` where the database fails.
pub fn begin_listing(tx: &mut Tx, id: &VoteId, membership_version: i64, electors: i64) -> Result<bool> {
    let opening = votes::table.filter(votes::id.eq(id).and(votes::state.eq(VoteState::Opening)));
    let changed = diesel::update(opening)
        .set((votes::membership_version.eq(membership_version), votes::electors.eq(electors)))
        .execute(&mut **tx)?;
    Ok(changed == 1)
}

/// Lists a piece of the electorate: some members more, some fewer. `false` where the listing of this
/// membership version is no longer wanted, and then nothing has changed.
///
/// # Errors
/// `internal` where the database fails.
pub fn list_piece(
    tx: &mut Tx,
    id: &VoteId,
    membership_version: i64,
    more: &[AccountId],
    fewer: &[AccountId],
) -> Result<bool> {
    // An update that changes nothing holds the row against a newer listing until this piece is in.
    let held = votes::table
        .filter(votes::id.eq(id).and(votes::state.eq(VoteState::Opening)))
        .filter(votes::membership_version.eq(membership_version));
    if diesel::update(held).set(votes::membership_version.eq(membership_version)).execute(&mut **tx)? == 0 {
        return Ok(false);
    }
    if !more.is_empty() {
        store::add_electors(tx, id, more)?;
    }
    if !fewer.is_empty() {
        store::remove_electors(tx, id, fewer)?;
    }
    Ok(true)
}

/// Opens a vote whose electorate is listed whole, and asks for its closing at the deadline. `None` where
/// the pool's membership has changed since the electorate was taken, or the vote is not being opened.
///
/// # Errors
/// `internal` where the database fails.
pub fn open(tx: &mut Tx, id: &VoteId, if_changed: IfChanged) -> Result<Option<Window>> {
    let vote = vote(tx, id)?;
    let version: i64 = pools::table.find(&vote.pool_id).select(pools::membership_version).first(&mut **tx)?;
    if version != vote.membership_version && if_changed == IfChanged::Wait {
        return Ok(None);
    }
    let opens_at = tx.now();
    let window = Window { opens_at, closes_at: opens_at.plus_s(vote.voting_period_s) };
    let from = votes::state.eq_any(VoteState::Open.allowed_from());
    let opened = diesel::update(votes::table.filter(votes::id.eq(id).and(from)))
        .set((
            votes::state.eq(VoteState::Open),
            votes::opens_at.eq(window.opens_at),
            votes::closes_at.eq(window.closes_at),
        ))
        .execute(&mut **tx)?;
    if opened == 0 {
        return Ok(None);
    }
    queue::push(tx, JobKind::CloseVote, id.as_str(), rules::effective_deadline(&window))?;
    Ok(Some(window))
}

/// Counts a vote whose deadline has passed. `None` where it has ended already or is not due yet: closing
/// twice, from two workers or after a restart gives one result.
///
/// # Errors
/// `internal` where the database fails.
pub fn close(tx: &mut Tx, id: &VoteId) -> Result<Option<Closed>> {
    let vote = vote(tx, id)?;
    let now = tx.now();
    let due = vote.window().is_some_and(|window| rules::is_over_at(&window, now));
    if vote.state != VoteState::Open || !due {
        return Ok(None);
    }
    // Their data will not be sold, so they do not decide on it; ballots of those who left went with them.
    store::remove_ballots_without_consent(tx, id)?;
    let (passing, tally) = (vote.passing()?, store::count(tx, id)?);
    let outcome = rules::outcome(&passing, vote.electors, tally);
    let reason = words::ending(&passing, vote.electors, tally, outcome);
    let accepted = outcome.is_accepted();
    let state = if accepted { VoteState::Accepted } else { VoteState::Rejected };
    if !end(tx, id, state, now, Some(tally), &reason)? {
        return Ok(None);
    }
    Ok(Some(Closed { vote_id: id.clone(), accepted, reason, tally }))
}

/// Ends a vote without a decision, for a reason that everyone may read. The ballots are not counted.
/// `false` where it has ended already.
///
/// # Errors
/// `internal` where the database fails.
pub fn void(tx: &mut Tx, id: &VoteId, reason: &str) -> Result<bool> {
    let now = tx.now();
    end(tx, id, VoteState::Void, now, None, reason)
}

/// Ends a vote: the one place that does, from the states that allow it.
fn end(tx: &mut Tx, id: &VoteId, to: VoteState, now: UtcTime, tally: Option<Tally>, reason: &str) -> Result<bool> {
    let from = votes::state.eq_any(to.allowed_from());
    let changed = diesel::update(votes::table.filter(votes::id.eq(id).and(from)))
        .set((
            votes::state.eq(to),
            votes::closed_at.eq(now),
            votes::yes.eq(tally.map(|t| t.yes)),
            votes::no.eq(tally.map(|t| t.no)),
            votes::abstain.eq(tally.map(|t| t.abstain)),
            votes::reason.eq(reason),
        ))
        .execute(&mut **tx)?;
    Ok(changed == 1)
}

/// Says which votes that were counted state another result than their ballots give, one sentence for each.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify(db: &mut Db) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for vote in store::counted(db)? {
        let (stated, counted) = (vote.tally(), store::count(db, &vote.id)?);
        if stated != Some(counted) {
            let words = |tally: Tally| format!("{} yes, {} no, {} abstaining", tally.yes, tally.no, tally.abstain);
            let stated = stated.map_or("nothing".to_owned(), words);
            problems.push(format!("{} states {stated}, but its ballots are {}", vote.id, words(counted)));
        }
        let listed = store::count_electors(db, &vote.id)?;
        if listed != vote.electors {
            problems.push(format!("{} states {} electors, but {listed} are listed", vote.id, vote.electors));
        }
    }
    Ok(problems)
}

/// Takes the ballots of a member who leaves out of the votes that are open. The electorates keep their
/// size, so that leaving helps neither side.
///
/// # Errors
/// `internal` where the database fails.
pub fn forget_ballots(tx: &mut Tx, member_id: &AccountId) -> Result<()> {
    let open = votes::table.filter(votes::state.eq(VoteState::Open)).select(votes::id);
    diesel::delete(ballots::table.filter(ballots::member_id.eq(member_id).and(ballots::vote_id.eq_any(open))))
        .execute(&mut **tx)?;
    Ok(())
}

/// The same for a member who leaves one pool.
///
/// # Errors
/// `internal` where the database fails.
pub fn forget_ballots_in(tx: &mut Tx, member_id: &AccountId, pool_id: &PoolId) -> Result<()> {
    let open = votes::table.filter(votes::state.eq(VoteState::Open).and(votes::pool_id.eq(pool_id))).select(votes::id);
    diesel::delete(ballots::table.filter(ballots::member_id.eq(member_id).and(ballots::vote_id.eq_any(open))))
        .execute(&mut **tx)?;
    Ok(())
}
