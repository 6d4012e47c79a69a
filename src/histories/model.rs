//! What the house knows about a history, besides its plays.

use crate::clock::UtcTime;
use crate::db::schema::{histories, plays_shards};
use crate::ids::{AccountId, HistoryId};
use crate::text_enum;
use aws_lc_rs::digest;
use diesel::prelude::*;

text_enum! {
    /// What has become of an upload. From `reading` it comes to any of the others, from `held` to
    /// `accepted` or `rejected`; whatever it is, leaving makes it `erased`.
    pub enum HistoryState {
        /// It is being read.
        Reading = "reading",
        /// Its plays are in the member's file.
        Accepted = "accepted",
        /// Read, and set apart until an operator has looked at it: its plays count nowhere.
        Held = "held",
        /// The member has sent this history before; `same_as` names it.
        Duplicate = "duplicate",
        /// It cannot be used; the problem says why.
        Rejected = "rejected",
        /// The member has left. Nothing of it is kept.
        Erased = "erased",
    }
}

/// One upload of a member and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = histories)]
pub struct History {
    /// Its id.
    pub id: HistoryId,
    /// Whose it is.
    pub member_id: AccountId,
    /// What has become of it.
    pub state: HistoryState,
    /// Keyed hash of the set of its plays: the same history has the same one. Never shown.
    pub fingerprint: Option<String>,
    /// The kind of export.
    pub source_kind: Option<String>,
    /// The music service that it comes from.
    pub service: Option<String>,
    /// The end of its first play.
    pub covers_from: Option<UtcTime>,
    /// The end of its last play.
    pub covers_to: Option<UtcTime>,
    /// What was read and what was dropped, as JSON; for its owner only.
    pub report_json: Option<String>,
    /// The code of what is wrong with it.
    pub problem_code: Option<String>,
    /// The same in words.
    pub problem_detail: Option<String>,
    /// Where its plays lie while it is held.
    pub staged_key: Option<String>,
    /// The earlier history that this one repeats.
    pub same_as: Option<HistoryId>,
    /// When it arrived.
    pub received_at: UtcTime,
    /// When its state last changed.
    pub finished_at: Option<UtcTime>,
}

impl History {
    /// Where the member's plays lie once this history is among them.
    pub fn plays_key(&self) -> String {
        format!("{}/{}.parquet", plays_prefix(&self.member_id), self.id)
    }

    /// Where its plays lie while it is held.
    pub fn held_key(&self) -> String {
        format!("{}/{}.parquet", held_prefix(&self.member_id), self.id)
    }
}

/// Below this lie all versions of a member's plays.
pub fn plays_prefix(member_id: &AccountId) -> String {
    format!("plays/{member_id}")
}

/// Below this lie the plays of a member's held histories.
pub fn held_prefix(member_id: &AccountId) -> String {
    format!("held/{member_id}")
}

/// Plays lie in so many shards. A member's is told by the account's id alone, so that it never changes.
pub const SHARDS: i32 = 256;

/// The shard of a member: the first byte of the SHA-256 of the account's id.
pub fn shard_of(member_id: &AccountId) -> i32 {
    i32::from(digest::digest(&digest::SHA256, member_id.as_str().as_bytes()).as_ref()[0])
}

/// Below this lie the objects of a shard: `….parquet` with the plays, `….counts.parquet` beside it.
pub fn shard_prefix(shard: i32) -> String {
    format!("shards/{shard:03}")
}

/// Whether an object is a shard's, and not one member's own.
pub fn is_shared(object_key: &str) -> bool {
    object_key.starts_with("shards/")
}

/// An object of a shard that is in force, and its counts.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = plays_shards)]
pub struct ShardObject {
    /// The key of the plays.
    pub object_key: String,
    /// The shard's number.
    pub shard: i32,
    /// The key of the counts.
    pub counts_key: String,
    /// The size of the plays' file.
    pub size_bytes: i64,
    /// The size of the counts' file.
    pub counts_bytes: i64,
    /// How many members were merged into it; some of them may have moved on since.
    pub members: i32,
    /// When it was merged.
    pub created_at: UtcTime,
}

/// A stored object with plays, and whose plays in it are the valid ones: an object may hold rows of others,
/// whose plays have moved on or are to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaysObject {
    /// The key of the object, in the form of [`super::plays_file`].
    pub key: String,
    /// The key of the counts of the same plays, in the form of [`super::counts_file`], where they are kept.
    pub counts_key: Option<String>,
    /// The members, sorted, each once.
    pub members: Vec<AccountId>,
}

/// A held history with what an operator needs in order to decide. What was played is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldHistory {
    /// The history.
    pub history: History,
    /// Histories of other members with the same plays.
    pub others: Vec<History>,
    /// When somebody left who had the same history.
    pub left_at: Option<UtcTime>,
}
