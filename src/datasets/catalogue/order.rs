//! In what order listings come, and where in it a page begins.

use super::listings::Entry;
use crate::error::{Code, Error, Result};
use crate::text_enum;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

text_enum! {
    /// What comes first.
    pub enum Sort {
        /// Where the words stand in the title, then in keywords, description and the rest.
        Relevance = "relevance",
        /// What was listed last.
        Newest = "newest",
        /// The lowest price floor, one currency after the other.
        Price = "price",
        /// The highest price floor, likewise.
        PriceDesc = "price_desc",
        /// The pool with the most members.
        Members = "members",
        /// By title, from A to Z.
        Title = "title",
    }
}

/// The place of a listing in some order: a text from A to Z, then numbers from the highest down. No two are the same, as ids
/// are not, so that a page can begin after one whatever has come or gone meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place(String, Reverse<i64>, Reverse<i64>, Reverse<String>);

impl Place {
    /// Where a listing stands. `score` is how well it fits what was asked, `members` how many its pool has.
    pub fn of(entry: &Entry, sort: Sort, score: i64, members: u64) -> Place {
        let price = entry.price_floor_minor;
        let (text, number) = match sort {
            Sort::Relevance => ("", score),
            Sort::Newest => ("", 0),
            Sort::Price => (entry.currency.as_str(), -price),
            Sort::PriceDesc => (entry.currency.as_str(), price),
            Sort::Members => ("", i64::try_from(members).unwrap_or(i64::MAX)),
            Sort::Title => (entry.sorted_title.as_str(), 0),
        };
        let listed_at = entry.listed_at.unix_ms();
        Place(text.to_owned(), Reverse(number), Reverse(listed_at), Reverse(entry.id.to_string()))
    }

    /// As it stands in a cursor.
    pub fn to_text(&self) -> Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    /// The place in a cursor.
    ///
    /// # Errors
    /// `invalid-cursor`: it is from a server of another version.
    pub fn read(text: &str) -> Result<Place> {
        let refused =
            |e| Error::new(Code::InvalidCursor, "Leave the cursor out to begin at the first page.").because(e);
        serde_json::from_str(text).map_err(refused)
    }
}
