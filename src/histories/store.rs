//! Queries over histories, plays files and the tombstones of histories.

use super::model::{HeldHistory, History, HistoryState, ShardObject};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{histories, plays_files, plays_shards, tombstones};
use crate::error::{Error, Result};
use crate::ids::{AccountId, HistoryId};
use diesel::prelude::*;
use std::collections::BTreeSet;

/// The kind of the tombstones that histories leave behind.
pub const TOMBSTONE_KIND: &str = "history";

/// One history.
pub fn history(db: &mut Db, id: &HistoryId) -> Result<History> {
    let found = histories::table.find(id).select(History::as_select()).first(db).optional()?;
    found.ok_or_else(|| Error::not_found("history"))
}

/// A member's histories, newest first.
pub fn of_member(db: &mut Db, member_id: &AccountId, after: Option<&str>, limit: i64) -> Result<Vec<History>> {
    let mut query = histories::table
        .filter(histories::member_id.eq(member_id))
        .order(histories::id.desc())
        .limit(limit)
        .select(History::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(histories::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// Histories in a state, newest first.
pub fn in_state(db: &mut Db, state: HistoryState, after: Option<&str>, limit: i64) -> Result<Vec<History>> {
    let mut query = histories::table
        .filter(histories::state.eq(state))
        .order(histories::id.desc())
        .limit(limit)
        .select(History::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(histories::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// Histories that were being read before an instant.
pub fn reading_before(db: &mut Db, before: UtcTime) -> Result<Vec<History>> {
    Ok(histories::table
        .filter(histories::state.eq(HistoryState::Reading).and(histories::received_at.le(before)))
        .select(History::as_select())
        .load(db)?)
}

/// Accepted and held histories with a fingerprint, the earliest first.
pub fn with_fingerprint(db: &mut Db, fingerprint: &str) -> Result<Vec<History>> {
    Ok(histories::table
        .filter(histories::fingerprint.eq(fingerprint))
        .filter(histories::state.eq_any([HistoryState::Accepted, HistoryState::Held]))
        .order(histories::id)
        .select(History::as_select())
        .load(db)?)
}

/// When somebody left who had a history with this fingerprint.
pub fn tombstone(db: &mut Db, fingerprint: &str) -> Result<Option<UtcTime>> {
    Ok(tombstones::table
        .filter(tombstones::tag.eq(fingerprint).and(tombstones::kind.eq(TOMBSTONE_KIND)))
        .select(tombstones::left_at)
        .first(db)
        .optional()?)
}

/// Where a member's plays lie, if any were accepted.
pub fn plays_key(db: &mut Db, member_id: &AccountId) -> Result<Option<String>> {
    Ok(plays_files::table.find(member_id).select(plays_files::object_key).first(db).optional()?)
}

/// Every member with plays: the object in which they lie, and the shard.
pub fn all_plays(db: &mut Db) -> Result<Vec<(AccountId, String, Option<i32>)>> {
    Ok(plays_files::table.select((plays_files::member_id, plays_files::object_key, plays_files::shard)).load(db)?)
}

/// The keys of all shards' objects that are in force.
pub fn all_shard_keys(db: &mut Db) -> Result<BTreeSet<String>> {
    Ok(plays_shards::table.select(plays_shards::object_key).load(db)?.into_iter().collect())
}

/// The members of a shard with the objects in which their plays lie, sorted by member.
pub fn plays_of_shard(db: &mut Db, shard: i32) -> Result<Vec<(AccountId, String)>> {
    let rows = plays_files::table.filter(plays_files::shard.eq(shard));
    let mut found: Vec<_> = rows.select((plays_files::member_id, plays_files::object_key)).load(db)?;
    found.sort_unstable(); // as the objects are: byte by byte, which not every database does
    Ok(found)
}

/// The objects of a shard that are in force: one, or none before the first was merged.
pub fn shard_objects(db: &mut Db, shard: i32) -> Result<Vec<ShardObject>> {
    Ok(plays_shards::table.filter(plays_shards::shard.eq(shard)).select(ShardObject::as_select()).load(db)?)
}

/// A held history with what an operator needs in order to decide.
pub fn held(db: &mut Db, history: History) -> Result<HeldHistory> {
    let (mut others, mut left_at) = (Vec::new(), None);
    if let Some(fingerprint) = &history.fingerprint {
        others = with_fingerprint(db, fingerprint)?;
        others.retain(|other| other.member_id != history.member_id);
        left_at = tombstone(db, fingerprint)?;
    }
    Ok(HeldHistory { history, others, left_at })
}
