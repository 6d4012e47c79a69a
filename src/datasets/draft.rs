//! What an operator writes of a listing, and what must hold of it.

use super::model::Dataset;
use crate::error::{Code, Error, Result};
use crate::ids::RecipeId;
use crate::money::Money;
use crate::text as texts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const TITLE_MAX: usize = 200;
const DESCRIPTION_MAX: usize = 10_000;
const KEYWORDS_MAX: usize = 20;
const KEYWORD_MAX: usize = 50;
const LICENCE_TEXT_MAX: usize = 100_000;
/// Rows that anybody may promise: more than any list of artists has.
const ROWS_MAX: i64 = 100_000_000;

/// A new listing, not yet in the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "recipe_id": "recipe_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "title": "Artist preference of the Northern Listeners",
    "description": "How many members have an artist among their favourites, and how often they play it.",
    "keywords": ["artists", "popularity"],
    "purposes": ["market_research"],
    "licence_name": "Refrain standard licence 1",
    "licence_text": "The licensee may …",
    "price_floor": {"amount": 500_000, "currency": "USD"},
    "rows_promised": 50
}))]
pub struct NewDataset {
    /// The recipe; the pool is the recipe's.
    pub recipe_id: RecipeId,
    /// One line for the catalogue, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// What it is and what it is good for, 1 to 10,000 characters.
    #[schema(min_length = 1, max_length = 10000)]
    pub description: String,
    /// Words to find it by: at most 20, each of 1 to 50 characters.
    #[schema(max_items = 20, min_length = 1, max_length = 50)]
    pub keywords: Vec<String>,
    /// What a buyer may use it for: one or more of the purposes that the pool's consent text offers.
    /// Only members who consent to all of them vote, are drawn from and are paid.
    #[schema(min_items = 1)]
    pub purposes: Vec<String>,
    /// Name of the licence, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub licence_name: String,
    /// The licence in full, 1 to 100,000 characters.
    #[schema(min_length = 1, max_length = 100000)]
    pub licence_text: String,
    /// The lowest price of an offer, not under the pool's own floor. The fee is inside, tax is not.
    pub price_floor: Money,
    /// Rows that an edition has at least, or the terms' refund applies: 0 to 100,000,000, and no more than any edition of
    /// the recipe can have. Where the buyer lists artists: who lists fewer than give so many rows is refused. Without it:
    /// what the accuracy sheet dares to promise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100000000)]
    pub rows_promised: Option<i64>,
}

/// What to change of a draft; what is left out stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"title": "Artist preference of the Northern Listeners, 2026"}))]
pub struct DatasetChanges {
    /// One line for the catalogue, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// What it is and what it is good for, 1 to 10,000 characters.
    #[schema(min_length = 1, max_length = 10000)]
    pub description: Option<String>,
    /// Words to find it by: at most 20, each of 1 to 50 characters.
    #[schema(max_items = 20, min_length = 1, max_length = 50)]
    pub keywords: Option<Vec<String>>,
    /// What a buyer may use it for: one or more purposes.
    #[schema(min_items = 1)]
    pub purposes: Option<Vec<String>>,
    /// Name of the licence, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub licence_name: Option<String>,
    /// The licence in full, 1 to 100,000 characters.
    #[schema(min_length = 1, max_length = 100000)]
    pub licence_text: Option<String>,
    /// The lowest price of an offer.
    pub price_floor: Option<Money>,
    /// Rows that an edition has at least: 0 to 100,000,000.
    #[schema(minimum = 0, maximum = 100000000)]
    pub rows_promised: Option<i64>,
}

/// What pool and recipe demand of a listing.
#[derive(Debug, Clone)]
pub struct Demands {
    /// The pool's currency.
    pub currency: String,
    /// The pool's own floor, in minor units.
    pub price_floor_minor: i64,
    /// The purposes that the present consent text offers.
    pub purposes: Vec<String>,
    /// The most rows that an edition of the recipe can have; `None` where that depends on the listening.
    pub rows_most: Option<u64>,
}

impl DatasetChanges {
    /// Applies the changes to a draft; `check` the result.
    pub fn apply(self, dataset: &mut Dataset, demands: &Demands) -> Result<()> {
        let replace = |old: &mut String, new: Option<String>| *old = new.unwrap_or_else(|| std::mem::take(old));
        replace(&mut dataset.title, self.title);
        replace(&mut dataset.description, self.description);
        replace(&mut dataset.licence_name, self.licence_name);
        replace(&mut dataset.licence_text, self.licence_text);
        dataset.keywords = self.keywords.unwrap_or(std::mem::take(&mut dataset.keywords));
        dataset.purposes = self.purposes.unwrap_or(std::mem::take(&mut dataset.purposes));
        dataset.rows_promised = self.rows_promised.unwrap_or(dataset.rows_promised);
        if let Some(floor) = self.price_floor {
            dataset.price_floor_minor = floor.expect_positive(&demands.currency, "price_floor")?;
        }
        Ok(())
    }
}

/// Puts lists in order and checks all that must hold of a listing, in a draft and again when it is published.
///
/// # Errors
/// `invalid`, saying what does not hold; `price-below-floor`.
pub fn check(dataset: &mut Dataset, demands: &Demands) -> Result<()> {
    text("title", &mut dataset.title, TITLE_MAX)?;
    text("description", &mut dataset.description, DESCRIPTION_MAX)?;
    text("licence_name", &mut dataset.licence_name, TITLE_MAX)?;
    text("licence_text", &mut dataset.licence_text, LICENCE_TEXT_MAX)?;
    if dataset.keywords.len() > KEYWORDS_MAX {
        return Err(Error::invalid(format!("keywords: at most {KEYWORDS_MAX}.")));
    }
    for keyword in &mut dataset.keywords {
        text("keywords", keyword, KEYWORD_MAX)?;
    }
    dataset.purposes.sort();
    dataset.purposes.dedup();
    purposes(&dataset.purposes, demands)?;
    if !(0..=ROWS_MAX).contains(&dataset.rows_promised) {
        return Err(Error::invalid(format!("rows_promised lies between 0 and {ROWS_MAX}.")));
    }
    if let Some(most) = demands.rows_most.filter(|most| dataset.rows_promised.unsigned_abs() > *most) {
        let promised = dataset.rows_promised;
        return Err(Error::invalid(format!(
            "rows_promised is {promised}; no edition of the recipe has more than {most} rows."
        )));
    }
    if dataset.price_floor_minor < demands.price_floor_minor {
        let floor = Money::new(demands.price_floor_minor, demands.currency.as_str());
        let detail = format!("price_floor: the pool sells nothing under {floor}.");
        return Err(Error::new(Code::PriceBelowFloor, detail));
    }
    Ok(())
}

fn purposes(wanted: &[String], demands: &Demands) -> Result<()> {
    let offered = demands.purposes.join(", ");
    if wanted.is_empty() {
        return Err(Error::invalid(format!("purposes: name at least one of {offered}.")));
    }
    match wanted.iter().find(|purpose| !demands.purposes.contains(purpose)) {
        None => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "purposes: members are not asked for consent to {other:?}; the pool's consent text offers {offered}."
        ))),
    }
}

/// Trims a text and checks that something is left, not too much, and nothing that cannot be seen.
fn text(name: &str, value: &mut String, max: usize) -> Result<()> {
    *value = value.trim().to_owned();
    if value.is_empty() || value.chars().count() > max {
        return Err(Error::invalid(format!("{name}: from 1 to {max} characters.")));
    }
    if !texts::is_plain(&value.replace('\r', "")) {
        return Err(Error::invalid(format!("{name}: control characters other than line ends and tabs are refused.")));
    }
    Ok(())
}
