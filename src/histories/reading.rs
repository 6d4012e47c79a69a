//! Reading an upload in the background, and settling what becomes of it.
//!
//! A member's plays lie in one object: one of the member's own, or the shard's. A new history is merged into
//! a new object of the member's own, which is stored under a name of its own, and then ONE write accepts the
//! history and points the member's row at the new object, if the row still names the one that was merged; else all
//! of it is done again. A crash before that write leaves a file that nobody names, after it an old one that nobody
//! names. [`super::compacting`] merges what has come together in this way into the shard's object.

use super::helpers::Helpers;
use super::model::{History, HistoryState, is_shared, shard_of};
use super::play::Play;
use super::readers::Slot;
use super::report::Report;
use super::zip::Limits;
use super::{checks, compacting, intake, plays_file, store, stored_plays};
use crate::audit;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::schema::{histories, plays_files};
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, HistoryId};
use crate::outbox;
use crate::pools::model::MembershipState;
use crate::pools::steps as pools;
use diesel::prelude::*;
use std::fs::File;
use std::sync::Arc;
use tokio::runtime::Handle;

/// How often a merge is done again because another upload of the same member came first.
const ATTEMPTS: usize = 16;

/// An upload that has arrived and waits to be read.
pub struct Arrived {
    /// Its row.
    pub history: History,
    /// The archive: a file without a name, gone when this is dropped.
    pub(super) file: File,
    pub(super) slot: Slot,
}

/// What reading gave.
struct Found {
    plays: Arc<Vec<Play>>,
    report: Report,
    fingerprint: String,
}

/// What is to become of a history, as things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// The member has sent it before.
    Duplicate(HistoryId),
    /// Somebody else has or had the same one.
    Hold,
    /// Its plays go into the member's file, in the place of this version of it.
    Accept { replaces: Option<String> },
}

/// How far a write got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Done,
    /// Things have changed since they were looked at; look again.
    Again,
    /// The history is no longer in the state that the step is allowed from.
    Gone,
}

/// Reads an upload to the end, whatever that is: the row tells.
pub async fn read(ctx: &Context, arrived: Arrived) {
    let Arrived { history, file, slot } = arrived;
    let error = match read_and_settle(ctx, &slot, &history, file).await {
        Ok(()) => return,
        Err(error) => error,
    };
    if error.code().status() >= 500 {
        tracing::error!(history.id = %history.id, error.code = error.code().slug(), error.cause = ?error.cause(), "a history could not be read");
    }
    if let Err(error) = reject(ctx, &history, &error).await {
        tracing::error!(history.id = %history.id, error.cause = ?error.cause(), "a history could not be rejected");
    }
}

async fn read_and_settle(ctx: &Context, slot: &Slot, history: &History, file: File) -> Result<()> {
    let _turn = slot.turn().await?;
    let (now, secret) = (ctx.clock.now(), ctx.pepper.bytes("fingerprint of a history", b""));
    let helpers = slot.helpers();
    let found = blocking(move || {
        let (plays, report) = intake::read(file, Limits::default(), now, &helpers)?;
        let fingerprint = checks::fingerprint(&plays, &secret);
        Ok(Found { plays: Arc::new(plays), report, fingerprint })
    });
    settle(ctx, history, found.await?, &slot.helpers()).await
}

async fn settle(ctx: &Context, history: &History, found: Found, helpers: &Helpers) -> Result<()> {
    let found = Arc::new(found);
    for _ in 0..ATTEMPTS {
        let (of, by) = (history.clone(), Arc::clone(&found));
        let verdict = ctx.db.read(move |db| judge(db, &of, &by.fingerprint)).await?;
        let key = match &verdict {
            Verdict::Duplicate(_) => None,
            Verdict::Hold => Some(history.held_key()),
            Verdict::Accept { .. } => Some(history.plays_key()),
        };
        let mut stored = Stored { size_bytes: 0, added: 0, compact_at: ctx.clock.now() };
        if let Some(key) = &key {
            let replaces = if let Verdict::Accept { replaces } = &verdict { replaces.as_deref() } else { None };
            let Some(put) = put(ctx, history, key, replaces, &found.plays, helpers).await? else { continue };
            stored = put;
        }
        let (of, by, prepared) = (history.clone(), Arc::clone(&found), verdict.clone());
        let written = match ctx.db.write(move |tx| finish(tx, &of, &by, &prepared, stored)).await {
            Err(error) if error.code() == Code::Busy => Written::Again, // no fault of the history
            written => written?,
        };
        match (written, verdict) {
            (Written::Done, Verdict::Accept { replaces }) => return discard_own(ctx, replaces.as_deref()).await,
            (Written::Done, _) => return Ok(()),
            (Written::Again, _) => discard(ctx, key.as_deref()).await?,
            (Written::Gone, _) => return discard(ctx, key.as_deref()).await,
        }
    }
    Err(Error::new(Code::Busy, "Too many uploads of yours at once; send this one again."))
}

fn judge(db: &mut Db, history: &History, fingerprint: &str) -> Result<Verdict> {
    let known = store::with_fingerprint(db, fingerprint)?;
    if let Some(own) = known.iter().find(|known| known.member_id == history.member_id) {
        return Ok(Verdict::Duplicate(own.id.clone()));
    }
    if !known.is_empty() || store::tombstone(db, fingerprint)?.is_some() {
        return Ok(Verdict::Hold);
    }
    Ok(Verdict::Accept { replaces: store::plays_key(db, &history.member_id)? })
}

/// A version of a member's plays that was stored.
#[derive(Debug, Clone, Copy)]
struct Stored {
    size_bytes: i64,
    /// Plays that the earlier version did not have.
    added: u64,
    /// When it is to be merged into its shard.
    compact_at: UtcTime,
}

/// Stores plays, merged with those of an earlier version. `None` where the earlier version is there no more, because a newer one has taken its place.
async fn put(
    ctx: &Context,
    history: &History,
    key: &str,
    replaces: Option<&str>,
    plays: &Arc<Vec<Play>>,
    helpers: &Helpers,
) -> Result<Option<Stored>> {
    let (member_id, plays, helpers) = (history.member_id.clone(), Arc::clone(plays), helpers.clone());
    let earlier = replaces.map(|old| (ctx.storage.clone(), Handle::current(), old.to_owned()));
    let written = blocking(move || match earlier {
        None => Ok((plays_file::write(member_id.as_str(), &plays, &helpers)?, plays.len())),
        Some((storage, runtime, old)) => {
            let existing = runtime.block_on(stored_plays::of_member(&storage, &old, &member_id))?;
            let before = existing.len();
            let merged = plays_file::merge(existing, plays.to_vec());
            // Finer plays may take the place of more coarse ones; then less is there, and all of it is better.
            Ok((plays_file::write(member_id.as_str(), &merged, &helpers)?, merged.len().saturating_sub(before)))
        }
    });
    let (bytes, added) = match written.await {
        Err(error) if error.code() == Code::NotFound => return Ok(None),
        written => written?,
    };
    let size_bytes = i64::try_from(bytes.len()).map_err(Error::internal)?;
    ctx.storage.put(key, bytes.into()).await?;
    let compact_at = ctx.clock.now().plus_s(ctx.config.storage.compact_after_s);
    Ok(Some(Stored { size_bytes, added: added as u64, compact_at }))
}

fn finish(tx: &mut Tx, history: &History, found: &Found, prepared: &Verdict, stored: Stored) -> Result<Written> {
    if judge(tx, history, &found.fingerprint)? != *prepared {
        return Ok(Written::Again);
    }
    let (state, staged_key, same_as) = match prepared {
        Verdict::Duplicate(same_as) => (HistoryState::Duplicate, None, Some(same_as)),
        Verdict::Hold => (HistoryState::Held, Some(history.held_key()), None),
        Verdict::Accept { .. } => (HistoryState::Accepted, None, None),
    };
    let added = matches!(prepared, Verdict::Accept { .. }).then_some(stored.added);
    let (now, report) = (tx.now(), Report { added, ..found.report.clone() });
    let report_json = serde_json::to_string(&report)?;
    let changed = diesel::update(histories::table.find(&history.id))
        .filter(histories::state.eq(HistoryState::Reading))
        .set((
            histories::state.eq(state),
            histories::fingerprint.eq(&found.fingerprint),
            histories::source_kind.eq(report.source_kind.as_str()),
            histories::service.eq(report.service.as_str()),
            histories::covers_from.eq(report.from),
            histories::covers_to.eq(report.to),
            histories::report_json.eq(&report_json),
            histories::staged_key.eq(staged_key),
            histories::same_as.eq(same_as),
            histories::finished_at.eq(now),
        ))
        .execute(&mut **tx)?;
    if changed == 0 {
        return Ok(Written::Gone);
    }
    match prepared {
        Verdict::Duplicate(_) => {}
        Verdict::Hold => outbox::push(tx, "history.held", &serde_json::json!({ "history_id": history.id }))?,
        Verdict::Accept { replaces } => adopt(tx, history, replaces.as_deref(), stored)?,
    }
    Ok(Written::Done)
}

/// Points the member's row at the new version of the plays. With the first one the member may be among
/// those who vote.
fn adopt(tx: &mut Tx, history: &History, replaces: Option<&str>, stored: Stored) -> Result<()> {
    let (member_id, now) = (&history.member_id, tx.now());
    let shard = shard_of(member_id);
    let version = (
        plays_files::object_key.eq(history.plays_key()),
        plays_files::size_bytes.eq(stored.size_bytes),
        plays_files::updated_at.eq(now),
        plays_files::shard.eq(shard),
    );
    compacting::ask(tx, shard, stored.compact_at)?;
    if let Some(old) = replaces {
        let row = plays_files::table.find(member_id).filter(plays_files::object_key.eq(old));
        let changed = diesel::update(row).set(version).execute(&mut **tx)?;
        return if changed == 1 { Ok(()) } else { Err(Error::internal("a row changed within a transaction")) };
    }
    diesel::insert_into(plays_files::table)
        .values((plays_files::member_id.eq(member_id), version))
        .execute(&mut **tx)?;
    for membership in pools::memberships_of(tx, member_id)? {
        if membership.state == MembershipState::Active {
            pools::membership_changed(tx, &membership.pool_id)?;
        }
    }
    Ok(())
}

/// Accepts a held history on an operator's word, although somebody else has or had the same one.
///
/// # Errors
/// `conflict` where it is not held any more.
pub async fn release(ctx: &Context, history: &History, operator_id: &AccountId, reason: &str) -> Result<()> {
    let no_longer = || Error::conflict("This history is not held; it may have been decided on or erased.");
    let staged_key = history.staged_key.clone().ok_or_else(no_longer)?;
    let staged = ctx.storage.get(&staged_key).await?;
    let plays = Arc::new(blocking(move || plays_file::read(staged)).await?);
    for _ in 0..ATTEMPTS {
        let member_id = history.member_id.clone();
        let replaces = ctx.db.read(move |db| store::plays_key(db, &member_id)).await?;
        let key = history.plays_key();
        let Some(stored) = put(ctx, history, &key, replaces.as_deref(), &plays, &Helpers::new(0)).await? else {
            continue;
        };
        let (of, by, why, old) = (history.clone(), operator_id.clone(), reason.to_owned(), replaces.clone());
        let written = ctx.db.write(move |tx| {
            if store::plays_key(tx, &of.member_id)? != old {
                return Ok(Written::Again);
            }
            if !leave_held(tx, &of, HistoryState::Accepted, None)? {
                return Ok(Written::Gone);
            }
            adopt(tx, &of, old.as_deref(), stored)?;
            audit::note(tx, &by, "history.release", of.id.as_str(), Some(&why))?;
            Ok(Written::Done)
        });
        match written.await? {
            Written::Done => {
                discard(ctx, Some(&staged_key)).await?;
                return discard_own(ctx, replaces.as_deref()).await;
            }
            Written::Again => discard(ctx, Some(&key)).await?,
            Written::Gone => {
                discard(ctx, Some(&key)).await?;
                return Err(no_longer());
            }
        }
    }
    Err(Error::new(Code::Busy, "The member is sending histories at this moment; try again.").retry_after_s(5))
}

/// Ends the holding of a history. `false` where it is not held.
pub(super) fn leave_held(tx: &mut Tx, history: &History, to: HistoryState, problem: Option<&Error>) -> Result<bool> {
    let now = tx.now();
    let held = histories::table.find(&history.id).filter(histories::state.eq(HistoryState::Held));
    let changed = diesel::update(held)
        .set((
            histories::state.eq(to),
            histories::staged_key.eq(None::<String>),
            histories::problem_code.eq(problem.map(|p| p.code().slug())),
            histories::problem_detail.eq(problem.map(Error::detail)),
            histories::finished_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(changed == 1)
}

/// Notes why a history that was being read cannot be used, and removes what reading it left behind.
///
/// # Errors
/// `internal` where the database fails: then the row stays as it is, and the next start finds it.
pub async fn reject(ctx: &Context, history: &History, problem: &Error) -> Result<()> {
    let (id, code, detail) = (history.id.clone(), problem.code().slug(), problem.detail().to_owned());
    let changed = ctx.db.write(move |tx| {
        let now = tx.now();
        let reading = histories::table.find(&id).filter(histories::state.eq(HistoryState::Reading));
        Ok(diesel::update(reading)
            .set((
                histories::state.eq(HistoryState::Rejected),
                histories::problem_code.eq(code),
                histories::problem_detail.eq(&detail),
                histories::finished_at.eq(now),
            ))
            .execute(&mut **tx)?)
    });
    // Only a history that was never accepted or held leaves files that nobody names.
    if changed.await? == 1 {
        discard(ctx, Some(&history.plays_key())).await?;
        discard(ctx, Some(&history.held_key())).await?;
    }
    Ok(())
}

/// Rejects what was being read when a server stopped. `before` is the instant of arrival after which
/// an upload may still be in work.
pub async fn recover(ctx: &Context, before: UtcTime) -> Result<usize> {
    let interrupted = ctx.db.read(move |db| store::reading_before(db, before)).await?;
    let problem = Error::new(Code::UploadInterrupted, "The server stopped while it read the history; send it again.");
    for history in &interrupted {
        reject(ctx, history, &problem).await?;
    }
    Ok(interrupted.len())
}

async fn discard(ctx: &Context, key: Option<&str>) -> Result<()> {
    match key {
        Some(key) => ctx.storage.delete(key).await,
        None => Ok(()),
    }
}

/// Removes a version that was replaced, unless it lies among others': then it goes with the next compaction.
async fn discard_own(ctx: &Context, key: Option<&str>) -> Result<()> {
    discard(ctx, key.filter(|key| !is_shared(key))).await
}

/// Runs work that takes long on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await.map_err(Error::internal)?
}
