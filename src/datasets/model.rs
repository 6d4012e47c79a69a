//! What recipes, listings and editions are, and which steps their states allow.

use crate::aggregates::Recipe;
use crate::clock::UtcTime;
use crate::ids::{AccountId, BudgetEntryId, DatasetId, EditionId, PoolId, RecipeId};
use crate::pools::model::{BudgetState, Cost};
use crate::text_enum;

text_enum! {
    /// Where a listing stands.
    pub enum DatasetState {
        /// Being written; only operators see it, and everything about it may change.
        Draft = "draft",
        /// In the catalogue, for everybody. Its purposes are fixed for good.
        Listed = "listed",
        /// Taken out of the catalogue; those who hold a licence still see it.
        Unlisted = "unlisted",
    }
}

impl DatasetState {
    /// From where a listing may be edited.
    pub const EDIT_FROM: &'static [DatasetState] = &[DatasetState::Draft];
    /// From where a listing may be published.
    pub const PUBLISH_FROM: &'static [DatasetState] = &[DatasetState::Draft, DatasetState::Unlisted];
    /// From where a listing may be taken out of the catalogue.
    pub const UNLIST_FROM: &'static [DatasetState] = &[DatasetState::Listed];
}

text_enum! {
    /// Where an edition stands.
    pub enum EditionState {
        /// To be drawn, or being drawn. Nothing of it can be seen.
        Preparing = "preparing",
        /// Drawn and stored: final.
        Published = "published",
        /// The last try to draw it failed. Its cost stays reserved, and it may be tried again.
        Failed = "failed",
        /// Given up before it was published. Its cost is free again where nothing was drawn yet.
        Cancelled = "cancelled",
    }
}

impl EditionState {
    /// From where an edition may be drawn and published.
    pub const PUBLISH_FROM: &'static [EditionState] = &[EditionState::Preparing, EditionState::Failed];
}

/// A recipe as it is kept: one version, never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRecipe {
    /// Its id.
    pub id: RecipeId,
    /// The pool that it is for, and whose budget it draws on.
    pub pool_id: PoolId,
    /// What operators call it.
    pub name: String,
    /// 1, 2, … among those of the same name.
    pub version: i32,
    /// What it computes.
    pub document: Recipe,
    /// SHA-256 of the canonical form, 64 hexadecimal digits.
    pub document_hash: String,
    /// What a draw costs, in 1e-9 rho.
    pub rho_nano: i64,
    /// What a draw costs, in 1e-12 of failure probability.
    pub delta_pico: i64,
    /// When it was made.
    pub created_at: UtcTime,
}

/// A listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Its id.
    pub id: DatasetId,
    /// The pool whose members' data it is.
    pub pool_id: PoolId,
    /// What is computed.
    pub recipe_id: RecipeId,
    /// One line for the catalogue.
    pub title: String,
    /// What it is and what it is good for.
    pub description: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// What a buyer may use it for. Only members who consent to all of them are in it.
    pub purposes: Vec<String>,
    /// Name of the licence.
    pub licence_name: String,
    /// The licence in full.
    pub licence_text: String,
    /// The lowest price of an offer, in minor units of the pool's currency; the fee is inside, tax is not.
    pub price_floor_minor: i64,
    /// Rows that an edition has at least, or the terms' refund applies.
    pub rows_promised: i64,
    /// Where it stands.
    pub state: DatasetState,
    /// Until when somebody has it exclusively.
    pub exclusive_until: Option<UtcTime>,
    /// When it was listed first.
    pub listed_at: Option<UtcTime>,
    /// When it was made.
    pub created_at: UtcTime,
    /// When it was changed last.
    pub updated_at: UtcTime,
}

impl Dataset {
    /// Until when others are shut out at this moment, if they are.
    pub fn exclusive_at(&self, now: UtcTime) -> Option<UtcTime> {
        self.exclusive_until.filter(|until| *until > now)
    }
}

/// What a listing is found by: the words of its parts, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Of its title.
    pub title: String,
    /// Of its keywords.
    pub keywords: String,
    /// Of its description.
    pub description: String,
    /// Of the names of its recipe, columns, purposes and pool.
    pub recipe: String,
}

/// One built version of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its id.
    pub id: EditionId,
    /// What it is an edition of.
    pub dataset_id: DatasetId,
    /// 1, 2, … of the dataset.
    pub number: i32,
    /// What it was made for: the offer under which its privacy cost is reserved.
    pub subject_id: String,
    /// Where it stands.
    pub state: EditionState,
    /// How far the work on it is, in words.
    pub stage: String,
    /// Members in it.
    pub members: i64,
    /// Rows in each file, once it is published.
    pub rows_given: Option<i64>,
    /// The manifest, once it is published.
    pub manifest_json: Option<String>,
    /// The rows that anybody may see, once it is published.
    pub preview_json: Option<String>,
    /// Why the last try failed.
    pub failure: Option<String>,
    /// When it was asked for.
    pub created_at: UtcTime,
    /// When noise was drawn for it first: from then on its cost is not given back, whatever becomes of it.
    pub drawn_at: Option<UtcTime>,
    /// When it was published.
    pub published_at: Option<UtcTime>,
    /// How much of the members' stored plays the present or last try has read, in percent; `None` before the first.
    pub percent: Option<i32>,
    /// When an operator stopped the drawing; `None` again once it is taken up anew.
    pub stopped_at: Option<UtcTime>,
}

impl Edition {
    /// Whether it is neither published nor given up, and not stopped.
    pub fn is_wanted(&self) -> bool {
        EditionState::PUBLISH_FROM.contains(&self.state) && self.stopped_at.is_none()
    }
}

/// What an edition is drawn from.
#[derive(Debug, Clone)]
pub struct Material {
    /// The draw set.
    pub members: Vec<AccountId>,
    /// The name (SHA-256) of the list of artists, where the recipe takes its groups from one.
    pub list_sha256: Option<String>,
}

/// One file of a published edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditionFile {
    /// The edition.
    pub edition_id: EditionId,
    /// Name for people and links.
    pub name: String,
    /// Where it lies in the storage.
    pub object_key: String,
    /// Media type.
    pub media_type: String,
    /// Length in bytes.
    pub size_bytes: i64,
    /// SHA-256 of the content, 64 hexadecimal digits.
    pub sha256: String,
}

/// A part of a pool's privacy budget that is set aside or spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// Its id.
    pub id: BudgetEntryId,
    /// Set aside, or spent.
    pub state: BudgetState,
    /// How much.
    pub cost: Cost,
    /// When it was set aside.
    pub reserved_at: UtcTime,
    /// When it was spent.
    pub spent_at: Option<UtcTime>,
    /// What it was spent on: the edition, its number, and when it was published, if it was.
    pub edition: Option<(EditionId, i32, Option<UtcTime>)>,
    /// The edition's dataset and its title.
    pub dataset: Option<(DatasetId, String)>,
}

impl Spending {
    /// What it went to.
    pub fn in_words(&self) -> String {
        let title = self.dataset.as_ref().map_or("a dataset", |(_, title)| title.as_str());
        match &self.edition {
            Some((_, number, Some(_))) => format!("Spent on edition {number} of “{title}”."),
            Some((_, number, None)) => {
                format!("Spent on edition {number} of “{title}”, which was given up after its noise had been drawn.")
            }
            None => "Set aside for an edition that is offered for, voted on or paid for, or drawn in place of a recalled one.".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_names_the_states_it_is_allowed_from() {
        let allowed = |state: &DatasetState| {
            [DatasetState::EDIT_FROM, DatasetState::PUBLISH_FROM, DatasetState::UNLIST_FROM]
                .map(|from| from.contains(state))
        };
        let table: Vec<_> = DatasetState::ALL.iter().map(allowed).collect();
        assert_eq!(table, [[true, true, false], [false, false, true], [false, true, false]]);
        let drawable: Vec<_> =
            EditionState::ALL.iter().map(|state| EditionState::PUBLISH_FROM.contains(state)).collect();
        assert_eq!(drawable, [true, false, true, false]);
    }
}
