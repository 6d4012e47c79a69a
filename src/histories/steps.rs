//! What other slices ask about histories, and do to them, in their own transaction.

use super::model::{HeldHistory, History, HistoryState, PlaysObject, ShardObject};
use super::{compacting, leftovers, store};
use crate::clock::UtcTime;
use crate::db::schema::{histories, plays_files, plays_shards, tombstones};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::ids::{AccountId, HistoryId};
use diesel::prelude::*;
use std::collections::BTreeMap;

/// Names bound in one query; SQLite takes no more than 32,766.
const NAMES_AT_ONCE: usize = 1_000;

/// The objects in which the plays of these members lie, sorted by key; who has none is in no object.
///
/// # Errors
/// `internal` where the database fails.
pub fn plays_objects(db: &mut Db, members: &[AccountId]) -> Result<Vec<PlaysObject>> {
    let mut by_key: BTreeMap<String, PlaysObject> = BTreeMap::new();
    for some in members.chunks(NAMES_AT_ONCE) {
        let rows = plays_files::table
            .left_join(plays_shards::table.on(plays_shards::object_key.eq(plays_files::object_key)))
            .filter(plays_files::member_id.eq_any(some))
            .select((plays_files::member_id, plays_files::object_key, plays_shards::counts_key.nullable()));
        for (member_id, key, counts_key) in rows.load::<(AccountId, String, Option<String>)>(db)? {
            let empty = || PlaysObject { key: key.clone(), counts_key, members: Vec::new() };
            by_key.entry(key.clone()).or_insert_with(empty).members.push(member_id);
        }
    }
    let mut objects: Vec<PlaysObject> = by_key.into_values().collect();
    for object in &mut objects {
        object.members.sort_unstable();
        object.members.dedup();
    }
    Ok(objects)
}

/// A history that waits for an operator's decision; `None` where it no longer does.
///
/// # Errors
/// `not-found` where there is no such history.
pub fn held(db: &mut Db, id: &HistoryId) -> Result<Option<HeldHistory>> {
    let history = store::history(db, id)?;
    if history.state != HistoryState::Held {
        return Ok(None);
    }
    store::held(db, history).map(Some)
}

/// Whether a member has plays in the pool's keeping: a history that was accepted.
///
/// # Errors
/// `internal` where the database fails.
pub fn has_accepted(db: &mut Db, member_id: &AccountId) -> Result<bool> {
    Ok(store::plays_key(db, member_id)?.is_some())
}

/// Every stored file that a row names, by key, with its size in bytes where that is kept, for `refrain check`.
/// What else lies under `plays/`, `shards/` or `held/` waits [to be deleted](files_to_delete), or is left over
/// from a crash.
///
/// # Errors
/// `internal` where the database fails.
pub fn all_files(db: &mut Db) -> Result<BTreeMap<String, Option<i64>>> {
    let plays: Vec<(String, i64)> =
        plays_files::table.select((plays_files::object_key, plays_files::size_bytes)).load(db)?;
    let shards: Vec<ShardObject> = plays_shards::table.select(ShardObject::as_select()).load(db)?;
    let staged = histories::table.filter(histories::staged_key.is_not_null()).select(histories::staged_key);
    let mut files: BTreeMap<_, _> = plays.into_iter().map(|(key, bytes)| (key, Some(bytes))).collect();
    for shard in shards {
        files.insert(shard.object_key, Some(shard.size_bytes));
        files.insert(shard.counts_key, Some(shard.counts_bytes));
    }
    files.extend(staged.load::<Option<String>>(db)?.into_iter().flatten().map(|key| (key, None)));
    Ok(files)
}

/// Stored files that are to be deleted, by key, with the time at which they are due.
///
/// # Errors
/// `internal` where the database fails.
pub fn files_to_delete(db: &mut Db) -> Result<BTreeMap<String, UtcTime>> {
    Ok(leftovers::all(db)?.into_iter().collect())
}

/// Asks for the compaction of a shard at a time: the one that a member's plays belong to is
/// [`super::model::shard_of`].
///
/// # Errors
/// `internal` where the database fails.
pub fn ask_for_compaction(tx: &mut Tx, shard: i32, due_at: UtcTime) -> Result<()> {
    compacting::ask(tx, shard, due_at)
}

/// Forgets a member's histories: of each only remains that there was one. Its keyed fingerprint becomes
/// a tombstone, by which the same history is recognised should it come back. What is to be deleted once this
/// is durable lies below [`super::model::plays_prefix`] and [`super::model::held_prefix`], and in the shard's
/// objects, which a [compaction](super::actions::compact) writes anew. Repeating it changes nothing.
///
/// # Errors
/// `internal` where the database fails.
pub fn erase(tx: &mut Tx, member_id: &AccountId) -> Result<()> {
    diesel::delete(plays_files::table.find(member_id)).execute(&mut **tx)?;
    let known: Vec<History> = histories::table
        .filter(histories::member_id.eq(member_id).and(histories::state.ne(HistoryState::Erased)))
        .select(History::as_select())
        .load(&mut **tx)?;
    for history in known {
        if let Some(fingerprint) = &history.fingerprint {
            set_tombstone(tx, fingerprint)?;
        }
        forget(tx, &history.id)?;
    }
    Ok(())
}

fn set_tombstone(tx: &mut Tx, fingerprint: &str) -> Result<()> {
    let now = tx.now();
    let changed = diesel::update(tombstones::table.find(fingerprint))
        .set((tombstones::kind.eq(store::TOMBSTONE_KIND), tombstones::left_at.eq(now)))
        .execute(&mut **tx)?;
    if changed == 0 {
        diesel::insert_into(tombstones::table)
            .values((
                tombstones::tag.eq(fingerprint),
                tombstones::kind.eq(store::TOMBSTONE_KIND),
                tombstones::left_at.eq(now),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

fn forget(tx: &mut Tx, id: &HistoryId) -> Result<()> {
    let now = tx.now();
    diesel::update(histories::table.find(id))
        .set((
            histories::state.eq(HistoryState::Erased),
            histories::fingerprint.eq(None::<String>),
            histories::source_kind.eq(None::<String>),
            histories::service.eq(None::<String>),
            histories::covers_from.eq(None::<UtcTime>),
            histories::covers_to.eq(None::<UtcTime>),
            histories::report_json.eq(None::<String>),
            histories::problem_code.eq(None::<String>),
            histories::problem_detail.eq(None::<String>),
            histories::staged_key.eq(None::<String>),
            histories::same_as.eq(None::<HistoryId>),
            histories::finished_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
