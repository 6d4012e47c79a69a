//! What is known of an erasure: nothing about the person.

use crate::clock::UtcTime;
use crate::db::schema::erasures;
use crate::ids::ErasureId;
use crate::text_enum;
use diesel::prelude::*;

text_enum! {
    /// What has become of an erasure. From `pending` it comes to either of the others.
    pub enum ErasureState {
        /// Not all is erased yet.
        Pending = "pending",
        /// Nothing of the plays is left in any file or in the database.
        Done = "done",
        /// The person joined a pool again before it was begun, so that the plays are needed: nothing was erased.
        Kept = "kept",
    }
}

/// The receipt of an erasure. Whoever holds its id may ask how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = erasures)]
pub struct Erasure {
    /// Its id.
    pub id: ErasureId,
    /// How far it is.
    pub state: ErasureState,
    /// When it was asked for.
    pub requested_at: UtcTime,
    /// When it was over.
    pub finished_at: Option<UtcTime>,
}
