//! A page of the catalogue as it is written out.

use super::facets::Facets;
use super::listings::{Entry, PoolFacts};
use crate::clock::UtcTime;
use crate::datasets::budget;
use crate::datasets::model::{Dataset, StoredRecipe};
use crate::error::Result;
use crate::ids::{DatasetId, PoolId};
use crate::money::Money;
use crate::pools::model::Pool;
use serde::Serialize;
use utoipa::ToSchema;

const SUMMARY_CHARACTERS: usize = 300;

/// A page of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z", "title": "Artist preference of the Northern Listeners",
        "summary": "How many members have an artist among their favourites …", "keywords": ["artists"],
        "purposes": ["market_research"], "kind": "artist_preference", "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
        "pool_name": "Northern Listeners", "price_floor": {"amount": 500_000, "currency": "USD"},
        "total_at_floor": {"amount": 540_500, "currency": "USD"}, "editions_left": 4, "exclusive_until": null,
        "members": 18_000, "in_stock": false,
        "listed_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00Z"
    }],
    "total": 1,
    "facets": {
        "kind": [{"value": "artist_preference", "label": "artist_preference", "listings": 1}],
        "purpose": [{"value": "market_research", "label": "market_research", "listings": 1}],
        "pool": [{"value": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z", "label": "Northern Listeners", "listings": 1}]
    }
}))]
pub struct CatalogueView {
    /// The listings, at most `limit`.
    pub items: Vec<ListingView>,
    /// Give this as `cursor` to get the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Listings that match in all.
    pub total: usize,
    /// By what the search may be narrowed.
    pub facets: Facets,
}

/// A listing as it stands in the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z", "title": "Artist preference of the Northern Listeners",
    "summary": "How many members have an artist among their favourites …", "keywords": ["artists"],
    "purposes": ["market_research"], "kind": "artist_preference", "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "pool_name": "Northern Listeners", "price_floor": {"amount": 500_000, "currency": "USD"},
    "total_at_floor": {"amount": 540_500, "currency": "USD"}, "editions_left": 4, "exclusive_until": null,
    "members": 18_000, "in_stock": false,
    "listed_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00Z"
}))]
pub struct ListingView {
    /// Its id.
    pub id: DatasetId,
    /// One line about it.
    pub title: String,
    /// The beginning of its description.
    pub summary: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// What a buyer may use it for.
    pub purposes: Vec<String>,
    /// The computation.
    pub kind: String,
    /// The pool.
    pub pool_id: PoolId,
    /// The pool's name.
    pub pool_name: String,
    /// Its members, as of two minutes ago at most.
    pub members: u64,
    /// The lowest price of an offer; the fee is inside.
    pub price_floor: Money,
    /// What is paid in all at that price, tax included.
    pub total_at_floor: Money,
    /// How many more editions the pool's privacy budget allows.
    pub editions_left: i64,
    /// Until when somebody has it exclusively, if somebody has.
    pub exclusive_until: Option<UtcTime>,
    /// Whether an edition is drawn that may be licensed at once.
    pub in_stock: bool,
    /// When it was listed first.
    pub listed_at: Option<UtcTime>,
    /// When it was listed or changed last, or an edition of it was published.
    pub updated_at: UtcTime,
}

impl ListingView {
    /// A listing with what is known of it.
    pub fn of(
        dataset: Dataset,
        pool: &Pool,
        recipe: &StoredRecipe,
        (entry, facts): (&Entry, &PoolFacts),
        now: UtcTime,
    ) -> Result<ListingView> {
        let price = budget::price(&dataset, pool)?;
        Ok(ListingView {
            summary: beginning(&dataset.description),
            kind: recipe.document.kind().into(),
            pool_id: pool.id.clone(),
            pool_name: pool.name.clone(),
            members: facts.members,
            price_floor: price.floor,
            total_at_floor: price.total,
            editions_left: budget::left(pool, recipe).editions_left,
            exclusive_until: dataset.exclusive_at(now),
            in_stock: entry.stock.is_some(),
            listed_at: dataset.listed_at,
            updated_at: entry.updated_at,
            id: dataset.id,
            title: dataset.title,
            keywords: dataset.keywords,
            purposes: dataset.purposes,
        })
    }
}

fn beginning(description: &str) -> String {
    match description.char_indices().nth(SUMMARY_CHARACTERS) {
        Some((end, _)) => format!("{}…", &description[..end]),
        None => description.to_owned(),
    }
}
