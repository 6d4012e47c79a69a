//! What members and operators may do with histories.

pub use super::compacting::Replaced;
use super::model::{HeldHistory, History, HistoryState, is_shared, shard_of};
use super::readers::Slot;
pub use super::reading::Arrived;
use super::zip::{Archive, Limits};
use super::{compacting, leftovers, reading, store, stored_plays};
use crate::accounts::caller::{Member, Operator};
use crate::audit;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::schema::histories;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, HistoryId};
use crate::page::{Page, PageQuery};
use crate::pools;
use diesel::prelude::*;
use std::collections::BTreeMap;
use std::fs::File;

/// An upload waits for its turn and is read within this time, in seconds.
const READING_S_MAX: i64 = 3_600;

/// Takes an archive that has arrived, once a look at its directory shows that it can be read safely.
/// What is returned is to be given to [`read`].
///
/// # Errors
/// `not-a-zip`, `unsafe-archive` or `payload-too-large` for the archive, which then leaves no trace.
pub async fn receive(ctx: &Context, member: &Member, slot: Slot, file: File) -> Result<Arrived> {
    let file = reading::blocking(move || {
        Archive::open(&file, Limits::default())?;
        Ok(file)
    });
    let file = file.await?;
    let member_id = member.account_id.clone();
    let history = ctx.db.write(move |tx| {
        pools::steps::ensure_open(tx, &member_id)?;
        let (id, now) = (HistoryId::new(tx.now(), tx.entropy()), tx.now());
        diesel::insert_into(histories::table)
            .values((
                histories::id.eq(&id),
                histories::member_id.eq(&member_id),
                histories::state.eq(HistoryState::Reading),
                histories::received_at.eq(now),
            ))
            .execute(&mut **tx)?;
        store::history(tx, &id)
    });
    Ok(Arrived { history: history.await?, file, slot })
}

/// Reads an upload and settles what becomes of it; its row tells. Where this is cut short, the row says
/// `reading` until [`recover`] finds it.
pub async fn read(ctx: &Context, arrived: Arrived) {
    reading::read(ctx, arrived).await;
}

/// Rejects the uploads that a server was reading when it stopped: to be called before a server takes
/// requests. Where several servers share a PostgreSQL, another may be at work on what arrived lately;
/// that is left to [`recover_abandoned`]. Returns how many were found.
///
/// # Errors
/// `internal` where the database or the files fail.
pub async fn recover(ctx: &Context) -> Result<usize> {
    if ctx.db.is_sqlite() { reading::recover(ctx, ctx.clock.now()).await } else { recover_abandoned(ctx).await }
}

/// Rejects the uploads that arrived so long ago that no server can still be reading them: to be called
/// from time to time. Returns how many were found.
///
/// # Errors
/// `internal` where the database or the files fail.
pub async fn recover_abandoned(ctx: &Context) -> Result<usize> {
    reading::recover(ctx, ctx.clock.now().plus_s(-READING_S_MAX)).await
}

/// Merges what has arrived in a shard into one object, and leaves out whose plays have moved on or are to be
/// erased. Returns when to look again, if there is more to do. Repeating it changes nothing; only one may be at
/// work on a shard.
///
/// # Errors
/// `internal` where an object is missing or damaged, or the database or the files fail.
pub async fn compact(ctx: &Context, shard: i32, replaced: Replaced) -> Result<Option<UtcTime>> {
    compacting::compact(ctx, shard, replaced).await
}

/// Deletes the stored files that were replaced and that nobody reads any more, and sees that whoever has plays
/// from before there were shards gets into one: to be called from time to time. Returns how many files went.
///
/// # Errors
/// `internal` where the database or the files fail.
pub async fn tidy(ctx: &Context) -> Result<usize> {
    compacting::assign_shards(ctx).await?;
    leftovers::delete_due(ctx).await
}

/// What is not as it should be about the objects in which members' plays lie, in words: each is to hold plays of
/// everybody whose row names it, those of a shard are to be in force, and everybody in the right one. Whether they
/// are there and whole is not looked at here.
///
/// # Errors
/// `internal` where the database or the files fail.
pub async fn verify(ctx: &Context) -> Result<Vec<String>> {
    let (rows, in_force) = ctx.db.read(|db| Ok((store::all_plays(db)?, store::all_shard_keys(db)?))).await?;
    let misplaced = rows.iter().filter(|(member, _, shard)| shard.is_some_and(|shard| shard != shard_of(member)));
    let words =
        |(member, ..): &(AccountId, _, _)| format!("The plays of {member} stand in a shard that is not theirs.");
    let mut problems: Vec<String> = misplaced.map(words).collect();
    let mut by_key: BTreeMap<String, Vec<AccountId>> = BTreeMap::new();
    for (member, key, _) in rows {
        by_key.entry(key).or_default().push(member);
    }
    for (key, members) in by_key {
        if is_shared(&key) && !in_force.contains(&key) {
            problems.push(format!("The stored file {key} is not in force, and the plays of members lie in it."));
        }
        match stored_plays::members(&ctx.storage, &key).await {
            Ok(found) => {
                problems.extend(members.iter().filter(|member| !found.contains(member.as_str())).map(|member| {
                    format!("The stored file {key} holds no plays of {member}; restore it from a backup.")
                }))
            }
            Err(error) if error.code() == Code::NotFound => {}
            Err(_) => problems.push(format!("The stored file {key} cannot be read; restore it from a backup.")),
        }
    }
    Ok(problems)
}

/// One history of the member.
///
/// # Errors
/// `not-found`, also for a history of somebody else.
pub async fn own(ctx: &Context, member: &Member, id: HistoryId) -> Result<History> {
    let history = ctx.db.read(move |db| store::history(db, &id)).await?;
    if history.member_id != member.account_id {
        return Err(Error::not_found("history"));
    }
    Ok(history)
}

/// The member's histories, newest first.
///
/// # Errors
/// `invalid-cursor`.
pub async fn list_own(ctx: &Context, member: &Member, query: &PageQuery) -> Result<Page<History>> {
    let window = ctx.cursors.window(query, &format!("histories of {}", member.account_id))?;
    let (member_id, after, limit) = (member.account_id.clone(), window.after.clone(), window.fetch());
    let rows = ctx.db.read(move |db| store::of_member(db, &member_id, after.as_deref(), limit)).await?;
    Ok(ctx.cursors.page(&window, rows, |history| history.id.as_str()))
}

/// Held histories for the operators, newest first.
///
/// # Errors
/// `invalid-cursor`.
pub async fn list_held(ctx: &Context, _: &Operator, query: &PageQuery) -> Result<Page<HeldHistory>> {
    let window = ctx.cursors.window(query, "held histories")?;
    let (after, limit) = (window.after.clone(), window.fetch());
    let rows = ctx.db.read(move |db| {
        let found = store::in_state(db, HistoryState::Held, after.as_deref(), limit)?;
        found.into_iter().map(|history| store::held(db, history)).collect::<Result<Vec<_>>>()
    });
    Ok(ctx.cursors.page(&window, rows.await?, |held| held.history.id.as_str()))
}

/// Accepts a held history although somebody else has or had the same one.
///
/// # Errors
/// `not-found`; `invalid` without a reason; `conflict` where it is not held.
pub async fn release(ctx: &Context, operator: &Operator, id: HistoryId, reason: &str) -> Result<History> {
    check_reason(reason)?;
    let wanted = id.clone();
    let history = ctx.db.read(move |db| store::history(db, &wanted)).await?;
    reading::release(ctx, &history, &operator.account_id, reason).await?;
    ctx.db.read(move |db| store::history(db, &id)).await
}

/// Refuses a held history; its plays are deleted. The member is told the reason.
///
/// # Errors
/// `not-found`; `invalid` without a reason; `conflict` where it is not held.
pub async fn reject(ctx: &Context, operator: &Operator, id: HistoryId, reason: &str) -> Result<History> {
    check_reason(reason)?;
    let (actor_id, reason) = (operator.account_id.clone(), reason.to_owned());
    let (before, after) = ctx
        .db
        .write(move |tx| {
            let history = store::history(tx, &id)?;
            let problem = Error::new(Code::HistoryRefused, &reason);
            if !reading::leave_held(tx, &history, HistoryState::Rejected, Some(&problem))? {
                return Err(Error::conflict("This history is not held; it may have been decided on or erased."));
            }
            audit::note(tx, &actor_id, "history.reject", id.as_str(), Some(&reason))?;
            Ok((history, store::history(tx, &id)?))
        })
        .await?;
    ctx.storage.delete(&before.held_key()).await?;
    Ok(after)
}

fn check_reason(reason: &str) -> Result<()> {
    if (1..=2_000).contains(&reason.trim().chars().count()) {
        return Ok(());
    }
    Err(Error::invalid("reason: say in 1 to 2,000 characters why."))
}
