//! What other slices ask about histories, and do to them, in their own transaction.

use super::model::{HeldHistory, History, HistoryState};
use super::store;
use crate::clock::UtcTime;
use crate::db::schema::{histories, plays_files, tombstones};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::ids::{AccountId, HistoryId};
use diesel::prelude::*;
use std::collections::BTreeMap;

/// Names bound in one query; SQLite takes no more than 32,766.
const NAMES_AT_ONCE: usize = 1_000;

/// Where the plays of these members lie, by member; who has none is left out.
///
/// # Errors
/// `internal` where the database fails.
pub fn plays_files(db: &mut Db, members: &[AccountId]) -> Result<Vec<(AccountId, String)>> {
    let mut found: Vec<(AccountId, String)> = Vec::with_capacity(members.len());
    for some in members.chunks(NAMES_AT_ONCE) {
        let rows = plays_files::table
            .filter(plays_files::member_id.eq_any(some))
            .select((plays_files::member_id, plays_files::object_key));
        found.extend(rows.load::<(AccountId, String)>(db)?);
    }
    found.sort_unstable();
    Ok(found)
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

/// Every stored file that a row names, by key, with its size in bytes where that is kept, for `refrain
/// check`: what lies under `plays/` or `held/` and is not among these is left over from a crash.
///
/// # Errors
/// `internal` where the database fails.
pub fn all_files(db: &mut Db) -> Result<BTreeMap<String, Option<i64>>> {
    let plays: Vec<(String, i64)> =
        plays_files::table.select((plays_files::object_key, plays_files::size_bytes)).load(db)?;
    let staged = histories::table.filter(histories::staged_key.is_not_null()).select(histories::staged_key);
    let mut files: BTreeMap<_, _> = plays.into_iter().map(|(key, bytes)| (key, Some(bytes))).collect();
    files.extend(staged.load::<Option<String>>(db)?.into_iter().flatten().map(|key| (key, None)));
    Ok(files)
}

/// Forgets a member's histories: of each only remains that there was one. Its keyed fingerprint becomes
/// a tombstone, by which the same history is recognised should it come back. Returns the keys of the
/// files that are to be deleted once this is durable; they lie below [`super::model::plays_prefix`] and
/// [`super::model::held_prefix`]. Repeating it changes nothing.
///
/// # Errors
/// `internal` where the database fails.
pub fn erase(tx: &mut Tx, member_id: &AccountId) -> Result<Vec<String>> {
    let mut keys: Vec<String> = store::plays_key(tx, member_id)?.into_iter().collect();
    diesel::delete(plays_files::table.find(member_id)).execute(&mut **tx)?;
    let known: Vec<History> = histories::table
        .filter(histories::member_id.eq(member_id).and(histories::state.ne(HistoryState::Erased)))
        .select(History::as_select())
        .load(&mut **tx)?;
    for history in known {
        if let Some(fingerprint) = &history.fingerprint {
            set_tombstone(tx, fingerprint)?;
        }
        keys.extend(history.staged_key);
        forget(tx, &history.id)?;
    }
    Ok(keys)
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
