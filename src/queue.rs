//! Background work, written in the transaction that makes it necessary.
//!
//! A job is claimed by a lease: if the server that holds it falls silent, another takes it over, so
//! every job's steps can be repeated. There is at most one waiting job per kind and subject; one that is
//! asked for while it runs is run again, as what it was asked for may have come too late for it. Only
//! `jobs` runs them.

use crate::clock::UtcTime;
use crate::db::schema::jobs;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::JobId;
use crate::text_enum;
use diesel::prelude::*;

/// Tries before a job is set aside for the operator.
const ATTEMPTS_MAX: i32 = 10;

text_enum! {
    /// What there is to do in the background.
    pub enum JobKind {
        /// Take the electorate of an offer and open its vote. Subject: the offer.
        OpenVote = "open_vote",
        /// Close a vote at its deadline. Subject: the vote.
        CloseVote = "close_vote",
        /// Remind those who have not voted. Subject: the vote.
        RemindElectors = "remind_electors",
        /// Publish what is needed to count a vote again. Subject: the vote.
        PublishVote = "publish_vote",
        /// Lapse an offer that nobody paid in time. Subject: the offer.
        LapseOffer = "lapse_offer",
        /// Draw the edition that a purchase waits for. Subject: the edition.
        DrawEdition = "draw_edition",
        /// Enter the members' shares of a settled purchase. Subject: the purchase.
        Payout = "payout",
        /// Forget a member who has left. Subject: the member's account.
        EraseMember = "erase_member",
        /// Merge what arrived into the files of a shard, and drop what is erased. Subject: the shard's number.
        CompactPlays = "compact_plays",
        /// End a licence whose term is over. Subject: the licence.
        ExpireLicence = "expire_licence",
        /// Tell an organisation how many of the members in its licensed editions have left. Subject: the organisation.
        TellLeavers = "tell_leavers",
    }
}

text_enum! {
    /// What has become of a job.
    pub enum JobState {
        /// To be done, at its time.
        Waiting = "waiting",
        /// Done.
        Done = "done",
        /// Set aside after too many tries, or because an operator stopped it; an operator may start it again.
        Dead = "dead",
    }
}

/// A job of the queue.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = jobs)]
#[allow(missing_docs)] // the columns say it
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    pub subject_id: String,
    pub state: JobState,
    pub attempts: i32,
    pub due_at: UtcTime,
    pub leased_until: Option<UtcTime>,
    pub last_error: Option<String>,
    pub created_at: UtcTime,
    pub finished_at: Option<UtcTime>,
}

/// Asks for a job at a time. If the same job already waits, it moves to the earlier of the two times; if it is
/// under way, it is run again at that time.
///
/// # Errors
/// `internal` where the database fails.
pub fn push(tx: &mut Tx, kind: JobKind, subject_id: &str, due_at: UtcTime) -> Result<()> {
    let waiting = jobs::table
        .filter(jobs::kind.eq(kind).and(jobs::subject_id.eq(subject_id)).and(jobs::state.eq(JobState::Waiting)))
        .select((jobs::id, jobs::due_at, jobs::leased_until, jobs::asked_again_at))
        .first::<(JobId, UtcTime, Option<UtcTime>, Option<UtcTime>)>(&mut **tx)
        .optional()?;
    let now = tx.now();
    match waiting {
        Some((id, _, Some(leased_until), asked)) if leased_until >= now => {
            let at = asked.map_or(due_at, |asked| asked.min(due_at));
            diesel::update(jobs::table.find(id)).set(jobs::asked_again_at.eq(at)).execute(&mut **tx)?;
        }
        // A row that stays as it is is not written: many who ask at once would be in each other's way.
        Some((_, due, ..)) if due <= due_at => {}
        Some((id, ..)) => {
            diesel::update(jobs::table.find(id)).set(jobs::due_at.eq(due_at)).execute(&mut **tx)?;
        }
        None => {
            let id = JobId::new(now, tx.entropy());
            diesel::insert_into(jobs::table)
                .values((
                    jobs::id.eq(id),
                    jobs::kind.eq(kind),
                    jobs::subject_id.eq(subject_id),
                    jobs::state.eq(JobState::Waiting),
                    jobs::attempts.eq(0),
                    jobs::due_at.eq(due_at),
                    jobs::created_at.eq(now),
                ))
                .execute(&mut **tx)?;
        }
    }
    tx.wake_jobs();
    Ok(())
}

/// Takes the job of these kinds that has been due the longest, for as long as the lease lasts.
///
/// # Errors
/// `internal` where the database fails.
pub fn claim(tx: &mut Tx, kinds: &[JobKind], holder: &str, lease_s: i64) -> Result<Option<Job>> {
    let now = tx.now();
    let due = jobs::table
        .filter(jobs::state.eq(JobState::Waiting).and(jobs::due_at.le(now)))
        .filter(jobs::kind.eq_any(kinds))
        .filter(jobs::leased_until.is_null().or(jobs::leased_until.lt(now)))
        .order((jobs::due_at, jobs::id))
        .select(Job::as_select())
        .first(&mut **tx)
        .optional()?;
    if let Some(job) = &due {
        lease(tx, job, holder, now.plus_s(lease_s))?;
    }
    Ok(due)
}

/// Keeps a job that takes long from being taken over.
///
/// # Errors
/// `internal` where the database fails.
pub fn lease(tx: &mut Tx, job: &Job, holder: &str, until: UtcTime) -> Result<()> {
    diesel::update(jobs::table.find(&job.id))
        .set((jobs::leased_until.eq(until), jobs::lease_holder.eq(holder)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Notes that a job is done; where it was asked for again meanwhile, it waits for that.
///
/// # Errors
/// `internal` where the database fails.
pub fn done(tx: &mut Tx, job: &Job) -> Result<()> {
    let now = tx.now();
    let asked = jobs::table.find(&job.id).select(jobs::asked_again_at).first::<Option<UtcTime>>(&mut **tx)?;
    if let Some(due_at) = asked {
        diesel::update(jobs::table.find(&job.id)).set(jobs::attempts.eq(0)).execute(&mut **tx)?;
        return again(tx, job, due_at);
    }
    diesel::update(jobs::table.find(&job.id))
        .set((jobs::state.eq(JobState::Done), jobs::leased_until.eq(None::<UtcTime>), jobs::finished_at.eq(now)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Puts a job back for a later time: more steps are needed, and nothing went wrong.
///
/// # Errors
/// `internal` where the database fails.
pub fn again(tx: &mut Tx, job: &Job, due_at: UtcTime) -> Result<()> {
    let asked = jobs::table.find(&job.id).select(jobs::asked_again_at).first::<Option<UtcTime>>(&mut **tx)?;
    diesel::update(jobs::table.find(&job.id))
        .set((
            jobs::due_at.eq(asked.map_or(due_at, |asked| asked.min(due_at))),
            jobs::asked_again_at.eq(None::<UtcTime>),
            jobs::leased_until.eq(None::<UtcTime>),
        ))
        .execute(&mut **tx)?;
    tx.wake_jobs();
    Ok(())
}

/// Notes that a job failed: it is tried again later, and set aside after the last try.
///
/// # Errors
/// `internal` where the database fails.
pub fn failed(tx: &mut Tx, job: &Job, why: &str) -> Result<()> {
    let (attempts, now) = (job.attempts + 1, tx.now());
    let dead = attempts >= ATTEMPTS_MAX;
    diesel::update(jobs::table.find(&job.id))
        .set((
            jobs::state.eq(if dead { JobState::Dead } else { JobState::Waiting }),
            jobs::attempts.eq(attempts),
            jobs::due_at.eq(now.plus_s(2i64 << attempts.min(10))),
            jobs::leased_until.eq(None::<UtcTime>),
            jobs::last_error.eq(why),
            jobs::finished_at.eq(dead.then_some(now)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Sets a job aside until an operator starts it again: trying once more by itself would not help.
///
/// # Errors
/// `internal` where the database fails.
pub fn set_aside(tx: &mut Tx, job: &Job, why: &str) -> Result<()> {
    let now = tx.now();
    diesel::update(jobs::table.find(&job.id))
        .set((
            jobs::state.eq(JobState::Dead),
            jobs::leased_until.eq(None::<UtcTime>),
            jobs::last_error.eq(why),
            jobs::finished_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Jobs for the operator's list, newest first.
///
/// # Errors
/// `internal` where the database fails.
pub fn list(db: &mut Db, state: Option<JobState>, after: Option<&str>, limit: i64) -> Result<Vec<Job>> {
    let mut query = jobs::table.select(Job::as_select()).order(jobs::id.desc()).limit(limit).into_boxed();
    if let Some(state) = state {
        query = query.filter(jobs::state.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(jobs::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// Whether a job waits to be run, or is being run.
///
/// # Errors
/// `internal` where the database fails.
pub fn is_waiting(db: &mut Db, kind: JobKind, subject_id: &str) -> Result<bool> {
    let waiting = jobs::state.eq(JobState::Waiting);
    let rows = jobs::table.filter(jobs::kind.eq(kind).and(jobs::subject_id.eq(subject_id)).and(waiting));
    Ok(rows.count().get_result::<i64>(db)? > 0)
}

/// A job; `None` where there is none.
///
/// # Errors
/// `internal` where the database fails.
pub fn find(db: &mut Db, id: &JobId) -> Result<Option<Job>> {
    Ok(jobs::table.find(id).select(Job::as_select()).first(db).optional()?)
}

/// Starts a job again that was set aside. `false` where it was not.
///
/// # Errors
/// `internal` where the database fails.
pub fn retry(tx: &mut Tx, id: &JobId) -> Result<bool> {
    let now = tx.now();
    let changed = diesel::update(jobs::table.filter(jobs::id.eq(id).and(jobs::state.eq(JobState::Dead))))
        .set((
            jobs::state.eq(JobState::Waiting),
            jobs::attempts.eq(0),
            jobs::due_at.eq(now),
            jobs::finished_at.eq(None::<UtcTime>),
        ))
        .execute(&mut **tx)?;
    tx.wake_jobs();
    Ok(changed == 1)
}

/// Forgets some of the jobs that were done before an instant; says how many.
///
/// # Errors
/// `internal` where the database fails.
pub fn prune(tx: &mut Tx, before: UtcTime, most: usize) -> Result<usize> {
    let most = i64::try_from(most).map_err(Error::internal)?;
    let old = jobs::table.filter(jobs::state.eq(JobState::Done).and(jobs::finished_at.lt(before)));
    let old: Vec<JobId> = old.select(jobs::id).limit(most).load(&mut **tx)?;
    Ok(diesel::delete(jobs::table.filter(jobs::id.eq_any(&old))).execute(&mut **tx)?)
}
