//! What others do with a vote inside their own transaction.

use crate::clock::UtcTime;
use crate::db::schema::{electors, pools, vote_purposes, votes};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, PoolId, VoteId};
use crate::queue::{self, JobKind};
use crate::votes::appending::{self, NewLeaf};
use crate::votes::commitment::{self, Opening};
use crate::votes::log::{Frontier, Hash};
use crate::votes::model::{Choice, Elector, NewVote, Vote, VoteState};
use crate::votes::rules::{self, Tally, Window};
use crate::votes::{log_store, standing, store, tiles, words};
use diesel::prelude::*;
use std::collections::HashSet;

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

/// A vote of which somebody may know: it has opened, and they are of its pool. With it comes how they stand to it.
///
/// # Errors
/// `not-found` where they may not.
pub fn expect_member(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<(Vote, Elector)> {
    let vote = vote(db, id)?;
    let mut found = standing::electors_among(db, &vote, &[member_id])?;
    let elector = found.remove(member_id).ok_or_else(|| Error::not_found("vote"))?;
    Ok((vote, elector))
}

/// Whether somebody's plays would be drawn if it were done now, and a share be theirs: they are in the electorate, have stayed, and
/// have taken no consent back.
///
/// # Errors
/// `internal` where the database fails.
pub fn has_part(db: &mut Db, vote: &Vote, member_id: &AccountId) -> Result<bool> {
    let elector = standing::electors_among(db, vote, &[member_id])?.remove(member_id);
    Ok(elector.is_some_and(|elector| elector.tag.is_some() && !elector.lacks_consent))
}

/// Everyone in the electorate, sorted by id. It never changes after the opening.
///
/// # Errors
/// `internal` where the database fails.
pub fn electors(db: &mut Db, id: &VoteId) -> Result<Vec<AccountId>> {
    store::electors(db, id)
}

/// The next of the electorate after somebody, or from the beginning, sorted by id; at most so many.
///
/// # Errors
/// `internal` where the database fails.
pub fn electors_after(db: &mut Db, id: &VoteId, after: Option<&AccountId>, most: i64) -> Result<Vec<AccountId>> {
    store::electors_after(db, id, after, most)
}

/// Ballots cast so far. The split stays sealed until the vote has ended.
///
/// # Errors
/// `internal` where the database fails.
pub fn turnout(db: &mut Db, vote: &Vote) -> Result<i64> {
    match vote.tally() {
        Some(tally) => Ok(tally.turnout()),
        None if vote.electorate_root.is_some() => Ok(vote.live_tally().turnout()),
        // One that was called off before votes had logs.
        None => store::turnout(db, &vote.id),
    }
}

/// Whether a member's ballot counts in a vote as of now.
///
/// # Errors
/// `internal` where the database fails.
pub fn has_voted(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<bool> {
    Ok(!store::ballots_of(db, &[id], member_id)?.is_empty())
}

/// What has become of a member's ballot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnBallot {
    /// None was cast.
    None,
    /// It was made void: its member had left, or taken a consent back, before ballots were counted.
    Void,
    /// It stands.
    Cast(Choice),
}

/// What has become of an elector's ballot.
///
/// # Errors
/// `internal` where the database fails.
pub fn own_ballot(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<OwnBallot> {
    if let Some(ballot) = store::ballots_of(db, &[id], member_id)?.pop() {
        return Ok(OwnBallot::Cast(ballot.choice));
    }
    Ok(if log_store::is_void(db, id, member_id)? { OwnBallot::Void } else { OwnBallot::None })
}

/// The votes that have ended in whose electorate somebody was, newest first, of pools that they have left since, too.
///
/// # Errors
/// `internal` where the database fails.
pub fn ended_of_elector(db: &mut Db, member_id: &AccountId, after: Option<&str>, most: i64) -> Result<Vec<Vote>> {
    store::ended_of_elector(db, member_id, after, most)
}

/// Makes a vote, in state `opening`. Its electorate is listed next.
///
/// # Errors
/// `invalid` where nobody could vote or there is no time to.
pub fn create(tx: &mut Tx, new: &NewVote) -> Result<VoteId> {
    if new.electors <= 0 || new.rules.voting_period_s <= 0 {
        return Err(Error::invalid("A vote needs somebody who may vote and time to do it."));
    }
    let id = VoteId::new(tx.now(), tx.entropy());
    let (threshold_numerator, threshold_denominator) = new.rules.passing.threshold();
    diesel::insert_into(votes::table)
        .values((
            votes::id.eq(&id),
            votes::pool_id.eq(&new.pool_id),
            votes::subject_text.eq(&new.subject_text),
            votes::terms_hash.eq(&new.terms_hash),
            votes::state.eq(VoteState::Opening),
            votes::electors.eq(new.electors),
            votes::membership_version.eq(new.membership_version),
            votes::quorum_bp.eq(new.rules.passing.quorum_bp()),
            votes::threshold_numerator.eq(threshold_numerator),
            votes::threshold_denominator.eq(threshold_denominator),
            votes::voting_period_s.eq(new.rules.voting_period_s),
            votes::late_quorum_s.eq(new.rules.late_quorum_s),
            votes::final_ballots.eq(new.rules.final_ballots),
            votes::split.eq(new.rules.split),
            votes::tag_key.eq(Some(tx.entropy().bytes::<32>().to_vec())),
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
        .set((
            votes::membership_version.eq(membership_version),
            votes::electors.eq(electors),
            votes::electorate_root.eq(None::<Vec<u8>>),
        ))
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
        let key = vote(tx, id)?.tag_key.ok_or_else(|| Error::internal("a vote that is being opened has its key"))?;
        store::add_electors(tx, id, more, &key)?;
    }
    if !fewer.is_empty() {
        store::remove_electors(tx, id, fewer)?;
    }
    Ok(true)
}

/// Notes the root over an electorate that is listed whole. `false` where the listing of this membership version is no longer
/// wanted, and then nothing has changed.
///
/// # Errors
/// `internal` where the database fails.
pub fn end_listing(tx: &mut Tx, id: &VoteId, membership_version: i64, root: &Hash) -> Result<bool> {
    let held = votes::table
        .filter(votes::id.eq(id).and(votes::state.eq(VoteState::Opening)))
        .filter(votes::membership_version.eq(membership_version));
    let changed = diesel::update(held).set(votes::electorate_root.eq(Some(root.as_bytes().to_vec())));
    Ok(changed.execute(&mut **tx)? == 1)
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
    if vote.state == VoteState::Opening && vote.electorate_root.is_none() {
        return Err(Error::internal(format!("the electorate of {id} is not listed whole")));
    }
    let opens_at = tx.now();
    let window = Window::new(opens_at, opens_at.plus_s(vote.voting_period_s));
    let from = votes::state.eq_any(VoteState::Open.allowed_from());
    let opened = diesel::update(votes::table.filter(votes::id.eq(id).and(from)))
        .set((
            votes::state.eq(VoteState::Open),
            votes::opens_at.eq(window.opens_at),
            votes::closes_at.eq(window.closes_at),
            votes::electors_settled.eq(version == vote.membership_version),
        ))
        .execute(&mut **tx)?;
    if opened == 0 {
        return Ok(None);
    }
    queue::push(tx, JobKind::CloseVote, id.as_str(), rules::effective_deadline(&window))?;
    if let Some(first) = rules::reminders(&window).first() {
        queue::push(tx, JobKind::RemindElectors, id.as_str(), *first)?;
    }
    Ok(Some(window))
}

/// Counts a vote whose deadline has passed, or that no ballot can change any more. `None` where it has ended already or is not
/// due yet: closing twice, from two workers or after a restart gives one result.
///
/// # Errors
/// `internal` where the database fails.
pub fn close(tx: &mut Tx, id: &VoteId) -> Result<Option<Closed>> {
    let vote = log_store::hold(tx, id)?.ok_or_else(|| Error::not_found("vote"))?;
    let now = tx.now();
    let is_over = vote.window().is_some_and(|window| rules::is_over_at(&window, now));
    if vote.state != VoteState::Open || !(is_over || vote.final_ballots) {
        return Ok(None);
    }
    // Ballots of those who left, or took a consent back, went with them.
    let (passing, tally) = (vote.passing()?, vote.live_tally());
    if !is_over && rules::decided_early(&passing, vote.electors, tally).is_none() {
        return Ok(None);
    }
    let outcome = rules::outcome(&passing, vote.electors, tally);
    let reason = words::ending(&passing, vote.electors, tally, outcome);
    queue::push(tx, JobKind::PublishVote, id.as_str(), now)?;
    let accepted = outcome.is_accepted();
    let state = if accepted { VoteState::Accepted } else { VoteState::Rejected };
    if !end(tx, id, state, now, Some(tally), &reason)? {
        return Ok(None);
    }
    Ok(Some(Closed { vote_id: id.clone(), accepted, reason, tally }))
}

/// Whether it is time to remind those who have not voted, and when the next time is. Says so once for each time, and for
/// those that were missed together.
///
/// # Errors
/// `not-found` where there is no such vote.
pub fn remind(tx: &mut Tx, id: &VoteId) -> Result<(bool, Option<UtcTime>)> {
    let vote = log_store::hold(tx, id)?.ok_or_else(|| Error::not_found("vote"))?;
    let now = tx.now();
    let window = vote.window().filter(|window| vote.state == VoteState::Open && rules::takes_ballots_at(window, now));
    let Some(window) = window else { return Ok((false, None)) };
    let times = rules::reminders(&window);
    let due = times.iter().filter(|at| **at <= now).count();
    let is_time = i32::try_from(due).map_err(Error::internal)? > vote.reminders_sent;
    if is_time {
        let sent = i32::try_from(due).map_err(Error::internal)?;
        diesel::update(votes::table.find(id)).set(votes::reminders_sent.eq(sent)).execute(&mut **tx)?;
    }
    Ok((is_time, times.get(due).copied()))
}

/// When a vote that is open is to be closed; `None` for one that is not.
///
/// # Errors
/// `not-found` where there is none.
pub fn closes_at(db: &mut Db, id: &VoteId) -> Result<Option<UtcTime>> {
    let vote = vote(db, id)?;
    Ok(vote.window().filter(|_| vote.state == VoteState::Open).map(|window| rules::effective_deadline(&window)))
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
        if vote.tag_key.is_some() {
            problems.extend(log_problem(db, &vote, counted)?);
        }
        let listed = store::count_electors(db, &vote.id)?;
        if listed != vote.electors {
            problems.push(format!("{} states {} electors, but {listed} are listed", vote.id, vote.electors));
        }
    }
    Ok(problems)
}

/// Every published bundle, with its key, its size in bytes and its SHA-256.
///
/// # Errors
/// `internal` where the database fails.
pub fn all_files(db: &mut Db) -> Result<Vec<(String, i64, String)>> {
    Ok(store::bundles(db)?.into_iter().map(|file| (file.object_key, file.size_bytes, file.sha256)).collect())
}

/// What is wrong with a counted vote's log: it has another root, or other ballots, than the vote says.
fn log_problem(db: &mut Db, vote: &Vote, counted: Tally) -> Result<Option<String>> {
    let id = &vote.id;
    let frontier = vote.log()?;
    let mut again = Frontier::default();
    tiles::leaf_hashes(db, id, 0..frontier.size())?.into_iter().for_each(|leaf| again.append(leaf));
    if again.root() != frontier.root() {
        return Ok(Some(format!("{id} has a log with another root than its leaves give")));
    }
    let opened = log_store::opened(db, id)?;
    let mut cast = HashSet::new();
    if vote.final_ballots && opened.iter().any(|(tag, choice)| choice.is_some() && !cast.insert(tag)) {
        return Ok(Some(format!("{id} has two ballots of one elector in its log, where ballots are final")));
    }
    if commitment::count(opened.iter().map(|(tag, choice)| (tag, *choice))) != counted {
        return Ok(Some(format!("{id} has a log with other ballots than those that were counted")));
    }
    let root = commitment::electorate_root(log_store::tags(db, id)?)?;
    let is_root = vote.electorate_root.as_deref() == Some(&root.as_bytes()[..]);
    Ok((!is_root).then(|| format!("{id} has another electorate than its root says")))
}

/// Takes the ballots of a member who leaves out of the votes that are open. The electorates keep their
/// size, so that leaving helps neither side.
///
/// # Errors
/// `internal` where the database fails.
pub fn forget_ballots(tx: &mut Tx, member_id: &AccountId) -> Result<()> {
    for (id, _) in open_votes_of(tx, member_id)? {
        forget_ballot(tx, &id, member_id)?;
    }
    Ok(())
}

/// The same for a member who leaves one pool.
///
/// # Errors
/// `internal` where the database fails.
pub fn forget_ballots_in(tx: &mut Tx, member_id: &AccountId, pool_id: &PoolId) -> Result<()> {
    for (id, of_pool) in open_votes_of(tx, member_id)? {
        if of_pool == *pool_id {
            forget_ballot(tx, &id, member_id)?;
        }
    }
    Ok(())
}

/// The same for a member who takes back the consent to a purpose, where votes are about it: the data will not be sold, so
/// the member does not decide on it.
///
/// # Errors
/// `internal` where the database fails.
pub fn forget_ballots_about(tx: &mut Tx, member_id: &AccountId, pool_id: &PoolId, purpose: &str) -> Result<()> {
    for (id, of_pool) in open_votes_of(tx, member_id)? {
        if of_pool == *pool_id && store::is_about(tx, &id, purpose)? {
            forget_ballot(tx, &id, member_id)?;
        }
    }
    Ok(())
}

/// In the order in which everybody holds them who holds several.
fn open_votes_of(tx: &mut Tx, member_id: &AccountId) -> Result<Vec<(VoteId, PoolId)>> {
    Ok(electors::table
        .inner_join(votes::table.on(votes::id.eq(electors::vote_id)))
        .filter(electors::member_id.eq(member_id).and(votes::state.eq(VoteState::Open)))
        .select((votes::id, votes::pool_id))
        .order(votes::id)
        .load(&mut **tx)?)
}

/// Makes a member's ballot void, by a leaf of its own.
fn forget_ballot(tx: &mut Tx, id: &VoteId, member_id: &AccountId) -> Result<()> {
    // Held even where there is no ballot: one that is being written beside this is then before it, and void, or after
    // it, and refused.
    let vote = log_store::hold(tx, id)?.ok_or_else(|| Error::not_found("vote"))?;
    standing::unsettle(tx, id, member_id)?;
    let cast = log_store::cast_by(tx, id, std::slice::from_ref(member_id))?.pop();
    let Some(ballot) = cast else { return Ok(()) };
    let void = NewLeaf {
        tag: ballot.tag,
        sequence: ballot.casts,
        opening: Opening { choice: None, nonce: tx.entropy().bytes() },
        before: Some(ballot.choice),
        member_id: ballot.member_id,
        cast_at: tx.now(),
    };
    appending::append(tx, &vote, &[void])?;
    Ok(())
}
