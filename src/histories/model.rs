//! What the house knows about a history, besides its plays.

use crate::clock::UtcTime;
use crate::db::schema::histories;
use crate::ids::{AccountId, HistoryId};
use crate::text_enum;
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
