//! The recall of a published edition: why nothing of it is given out any more, and what takes its place.
//!
//! An edition that was recalled stays published: it was drawn, its privacy cost is spent, its manifest and its privacy report can be
//! read. A recall says that its files are given to nobody and that it is sold to nobody.

use super::model::EditionState;
use crate::clock::UtcTime;
use crate::db::schema::recalls;
use crate::ids::{AccountId, DatasetId, EditionId};
use crate::text_enum;
use diesel::prelude::{Insertable, Queryable, Selectable};
use serde::Serialize;
use utoipa::ToSchema;

text_enum! {
    /// Why an edition was recalled.
    pub enum RecallGround {
        /// It is not what the recipe and the terms say.
        Error = "error",
        /// Somebody's right stands against it.
        LegalClaim = "legal_claim",
        /// It gives away more than it should, or came into the wrong hands.
        Security = "security",
        /// Something else, which the reason tells.
        Other = "other",
    }
}

impl RecallGround {
    /// The same for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            RecallGround::Error => "an error in the edition",
            RecallGround::LegalClaim => "a legal claim",
            RecallGround::Security => "a fault of security",
            RecallGround::Other => "another ground",
        }
    }
}

text_enum! {
    /// What has come of a recall.
    pub enum RecallState {
        /// What replaces the edition is being drawn.
        Replacing = "replacing",
        /// The replacement is there, and licences have moved to it.
        Replaced = "replaced",
        /// Nothing replaces it; licences have ended, and money goes back.
        Refunded = "refunded",
    }
}

impl RecallState {
    /// The states from which a recall may come to this one. Everything else is refused; a recall begins as replacing or refunded.
    pub const fn allowed_from(self) -> &'static [RecallState] {
        match self {
            RecallState::Replacing => &[],
            RecallState::Replaced | RecallState::Refunded => &[RecallState::Replacing],
        }
    }
}

/// The recall of an edition.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = recalls)]
pub struct Recall {
    /// The edition.
    pub edition_id: EditionId,
    /// Why, in one word.
    pub ground: RecallGround,
    /// Why, in the operator's words to the licensees.
    pub reason: String,
    /// What has come of it.
    pub state: RecallState,
    /// The edition that takes its place, or was to.
    pub replacement_id: Option<EditionId>,
    /// The operator.
    pub recalled_by: AccountId,
    /// When: from this instant on no file is given out.
    pub recalled_at: UtcTime,
    /// When it was replaced or refunded.
    pub resolved_at: Option<UtcTime>,
}

/// A recall with the numbers that people know editions by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// The recall.
    pub recall: Recall,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The number of the edition.
    pub number: i32,
    /// The number of what takes its place, or was to, and where that stands.
    pub replacement: Option<(i32, EditionState)>,
}

impl Recalled {
    /// That it was recalled, and on what ground: what everybody may read.
    pub fn in_public(&self) -> String {
        let Recall { ground, recalled_at, .. } = &self.recall;
        format!(
            "Edition {} was recalled on {}: {}.",
            self.number,
            recalled_at.calendar().format("%Y-%m-%d"),
            ground.in_words()
        )
    }

    /// What takes its place, in words.
    pub fn what_follows(&self) -> String {
        match (self.recall.state, &self.replacement) {
            (RecallState::Replacing, Some((number, _))) => {
                format!("Edition {number} is being drawn to take its place.")
            }
            (RecallState::Replaced, Some((number, _))) => format!("Edition {number} has taken its place."),
            _ => "Nothing takes its place; what was paid goes back as far as it is owed.".into(),
        }
    }

    /// All of that with the operator's reason, for licensees.
    pub fn in_words(&self) -> String {
        let Recall { reason, .. } = &self.recall;
        format!("{} The operator says: “{reason}” {}", self.in_public(), self.what_follows())
    }
}

/// That an edition was recalled, as everybody may know it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "recalled_at": "2026-02-10T09:00:00Z", "ground": "error", "state": "replaced",
    "replacement_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z", "replacement_number": 2,
    "in_words": "Edition 1 was recalled on 2026-02-10: an error in the edition. Edition 2 has taken its place."
}))]
pub struct RecallSummary {
    /// When. No file of it was given out after that.
    pub recalled_at: UtcTime,
    /// Why.
    pub ground: RecallGround,
    /// What has come of it.
    pub state: RecallState,
    /// The edition that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement_id: Option<EditionId>,
    /// The number of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement_number: Option<i32>,
    /// All of it for people.
    pub in_words: String,
}

impl From<&Recalled> for RecallSummary {
    fn from(recalled: &Recalled) -> Self {
        let (recall, stands) = (&recalled.recall, recalled.recall.state != RecallState::Refunded);
        RecallSummary {
            recalled_at: recall.recalled_at,
            ground: recall.ground,
            state: recall.state,
            replacement_id: recall.replacement_id.clone().filter(|_| stands),
            replacement_number: recalled.replacement.map(|(number, _)| number).filter(|_| stands),
            in_words: format!("{} {}", recalled.in_public(), recalled.what_follows()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state against every other: the table is written out once more, by hand.
    #[test]
    fn a_recall_is_resolved_once() {
        use RecallState::{Refunded, Replaced, Replacing};
        for &from in RecallState::ALL {
            for &to in RecallState::ALL {
                let allowed = [(Replacing, Replaced), (Replacing, Refunded)].contains(&(from, to));
                assert_eq!(to.allowed_from().contains(&from), allowed, "{from} to {to}");
            }
        }
    }
}
