//! The catalogue: what is listed, searched in words, narrowed by public facts, page by page.

use super::budget;
use super::model::Dataset;
use super::search;
use super::store::{self, Listing};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::error::Result;
use crate::ids::{DatasetId, PoolId, RecipeId};
use crate::money::Money;
use crate::page::{Cursors, PageQuery};
use crate::pools;
use crate::pools::model::Pool;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// What is asked of the catalogue.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CatalogueQuery {
    /// Items on the page: 1 to 100, 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Words that must all occur in the title, the description, the keywords or the names of pool, recipe and columns.
    pub q: Option<String>,
    /// Only listings of this kind of recipe.
    pub kind: Option<String>,
    /// Only listings for this purpose.
    pub purpose: Option<String>,
    /// Only listings of this pool.
    pub pool: Option<PoolId>,
}

/// A page of the catalogue, newest listings first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z", "title": "Artist preference of the Northern Listeners",
        "summary": "How many members have an artist among their favourites …", "keywords": ["artists"],
        "purposes": ["market_research"], "kind": "artist_preference", "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
        "pool_name": "Northern Listeners", "price_floor": {"amount": 500_000, "currency": "USD"},
        "total_at_floor": {"amount": 540_500, "currency": "USD"}, "editions_left": 4, "exclusive_until": null,
        "listed_at": "2026-01-31T12:00:00Z"
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

/// How many listings match the search and the other filters, by value. Counts of listings, never of members or plays.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Facets {
    /// By kind of recipe.
    pub kind: Vec<Facet>,
    /// By purpose; a listing counts under each of its purposes.
    pub purpose: Vec<Facet>,
    /// By pool.
    pub pool: Vec<Facet>,
}

/// One value to narrow by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"value": "market_research", "label": "market_research", "listings": 3}))]
pub struct Facet {
    /// What to ask for.
    pub value: String,
    /// What to show.
    pub label: String,
    /// Listings with that value.
    pub listings: usize,
}

/// A listing as it stands in the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z", "title": "Artist preference of the Northern Listeners",
    "summary": "How many members have an artist among their favourites …", "keywords": ["artists"],
    "purposes": ["market_research"], "kind": "artist_preference", "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "pool_name": "Northern Listeners", "price_floor": {"amount": 500_000, "currency": "USD"},
    "total_at_floor": {"amount": 540_500, "currency": "USD"}, "editions_left": 4, "exclusive_until": null,
    "listed_at": "2026-01-31T12:00:00Z"
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
    /// The lowest price of an offer; the fee is inside.
    pub price_floor: Money,
    /// What is paid in all at that price, tax included.
    pub total_at_floor: Money,
    /// How many more editions the pool's privacy budget allows.
    pub editions_left: i64,
    /// Until when somebody has it exclusively, if somebody has.
    pub exclusive_until: Option<UtcTime>,
    /// When it was listed first.
    pub listed_at: Option<UtcTime>,
}

/// A listing with what it can be narrowed by.
struct Candidate {
    id: DatasetId,
    kind: &'static str,
    purposes: Vec<String>,
    pool_id: PoolId,
}

const SUMMARY_CHARACTERS: usize = 300;

/// Makes a page of the catalogue.
pub fn page(db: &mut Db, cursors: &Cursors, query: &CatalogueQuery, now: UtcTime) -> Result<CatalogueView> {
    let filters = serde_json::to_string(&(&query.q, &query.kind, &query.purpose, &query.pool))?;
    let asked = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let window = cursors.window(&asked, &format!("catalogue {filters}"))?;
    let patterns = search::patterns(query.q.as_deref().unwrap_or(""))?;
    let mut shelves = Shelves::default();
    let listings = store::listings(db, &patterns)?;
    let candidates = listings.into_iter().map(|listing| shelves.candidate(db, listing)).collect::<Result<Vec<_>>>()?;
    let facets = shelves.facets(&candidates, query);
    let matching: Vec<&Candidate> = candidates.iter().filter(|c| passes(c, query) == [true; 3]).collect();
    let wanted = usize::try_from(window.fetch()).unwrap_or(usize::MAX);
    let begins_after = |c: &&&Candidate| window.after.as_deref().is_none_or(|after| c.id.as_str() < after);
    let ids: Vec<DatasetId> = matching.iter().filter(begins_after).take(wanted).map(|c| c.id.clone()).collect();
    let found = cursors.page(&window, ids, |id| id.as_str());
    let items = found.items.iter().map(|id| shelves.view(db, id, now)).collect::<Result<_>>()?;
    Ok(CatalogueView { items, next_cursor: found.next_cursor, total: matching.len(), facets })
}

/// Whether a listing passes the filters by kind, purpose and pool.
fn passes(candidate: &Candidate, query: &CatalogueQuery) -> [bool; 3] {
    [
        query.kind.as_deref().is_none_or(|kind| kind == candidate.kind),
        query.purpose.as_ref().is_none_or(|purpose| candidate.purposes.contains(purpose)),
        query.pool.as_ref().is_none_or(|pool| *pool == candidate.pool_id),
    ]
}

/// Pools and recipes, each loaded once for a page.
#[derive(Default)]
struct Shelves {
    pools: BTreeMap<PoolId, Pool>,
    recipes: BTreeMap<RecipeId, super::model::StoredRecipe>,
}

impl Shelves {
    fn candidate(&mut self, db: &mut Db, listing: Listing) -> Result<Candidate> {
        if !self.pools.contains_key(&listing.pool_id) {
            self.pools.insert(listing.pool_id.clone(), pools::steps::pool(db, &listing.pool_id)?);
        }
        if !self.recipes.contains_key(&listing.recipe_id) {
            self.recipes.insert(listing.recipe_id.clone(), store::recipe(db, &listing.recipe_id)?);
        }
        Ok(Candidate {
            id: listing.id,
            kind: self.recipes[&listing.recipe_id].document.kind(),
            purposes: serde_json::from_str(&listing.purposes_json)?,
            pool_id: listing.pool_id,
        })
    }

    /// Each facet counts what passes the other two, so that its own values stay to be chosen from.
    fn facets(&self, candidates: &[Candidate], query: &CatalogueQuery) -> Facets {
        let (mut kinds, mut purposes, mut pools) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for candidate in candidates {
            let [kind, purpose, pool] = passes(candidate, query);
            if purpose && pool {
                *kinds.entry(candidate.kind.to_owned()).or_insert(0) += 1;
            }
            if kind && pool {
                for value in &candidate.purposes {
                    *purposes.entry(value.clone()).or_insert(0) += 1;
                }
            }
            if kind && purpose {
                *pools.entry(candidate.pool_id.to_string()).or_insert(0) += 1;
            }
        }
        let names: BTreeMap<&str, &str> =
            self.pools.values().map(|pool| (pool.id.as_str(), pool.name.as_str())).collect();
        let facets = |counts: BTreeMap<String, usize>| {
            let facet = |(value, listings): (String, usize)| Facet {
                label: names.get(value.as_str()).map_or_else(|| value.clone(), |name| (*name).to_owned()),
                value,
                listings,
            };
            let mut facets: Vec<Facet> = counts.into_iter().map(facet).collect();
            facets.sort_by(|one, other| one.label.cmp(&other.label));
            facets
        };
        Facets { kind: facets(kinds), purpose: facets(purposes), pool: facets(pools) }
    }

    fn view(&self, db: &mut Db, id: &DatasetId, now: UtcTime) -> Result<ListingView> {
        let dataset = store::dataset(db, id)?;
        let (pool, recipe) = (&self.pools[&dataset.pool_id], &self.recipes[&dataset.recipe_id]);
        let price = budget::price(&dataset, pool)?;
        Ok(ListingView {
            summary: beginning(&dataset),
            kind: recipe.document.kind().into(),
            pool_id: pool.id.clone(),
            pool_name: pool.name.clone(),
            price_floor: price.floor,
            total_at_floor: price.total,
            editions_left: budget::left(pool, recipe).editions_left,
            exclusive_until: dataset.exclusive_at(now),
            listed_at: dataset.listed_at,
            id: dataset.id,
            title: dataset.title,
            keywords: dataset.keywords,
            purposes: dataset.purposes,
        })
    }
}

fn beginning(dataset: &Dataset) -> String {
    match dataset.description.char_indices().nth(SUMMARY_CHARACTERS) {
        Some((end, _)) => format!("{}…", &dataset.description[..end]),
        None => dataset.description.clone(),
    }
}
