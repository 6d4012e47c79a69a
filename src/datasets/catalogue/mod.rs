//! The catalogue: what is listed, searched in words, narrowed and counted by public facts, page by page.

mod asked;
mod facets;
mod listings;
mod order;
mod relevance;
mod views;
pub mod words;

pub use asked::CatalogueQuery;
pub use listings::Kept;
pub use views::CatalogueView;

use self::facets::{Counts, FacetName};
use self::listings::Entry;
use self::order::Place;
use self::views::ListingView;
use self::words::Question;
use super::model::StoredRecipe;
use super::store;
use crate::clock::UtcTime;
use crate::db::Db;
use crate::error::Result;
use crate::ids::{PoolId, RecipeId};
use crate::page::{Cursors, PageQuery, Window};
use crate::pools;
use crate::pools::model::Pool;
use std::collections::BTreeMap;

/// Makes a page of the catalogue.
///
/// # Errors
/// `invalid`, `invalid-cursor`: the query.
pub fn page(
    db: &mut Db,
    kept: &Kept,
    cursors: &Cursors,
    query: &CatalogueQuery,
    now: UtcTime,
) -> Result<CatalogueView> {
    let asked = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let window = cursors.window(&asked, &query.list()?)?;
    let (filters, question) = (query.filters()?, Question::read(query.q.as_deref().unwrap_or(""))?);
    let sort = query.sort(!question.is_empty())?;
    let mut counts = Counts::by(&query.facets()?);
    let listings = kept.current(db)?;
    let scores = if question.is_empty() { None } else { Some(relevance::scores(db, &question)?) };
    let mut matching: Vec<(Place, &Entry)> = Vec::new();
    for entry in &listings.entries {
        let score = scores.as_ref().map_or(Some(0), |scores| scores.of(entry.number));
        let members = listings.pools[&entry.pool_id].members;
        let Some(score) = score.filter(|_| entry.passes_rest(&filters, members, now)) else { continue };
        let failed = FacetName::ALL.iter().copied().filter(|name| !entry.passes(&filters, *name));
        let failed: Vec<FacetName> = failed.take(2).collect();
        counts.add(entry, &failed);
        if failed.is_empty() {
            matching.push((Place::of(entry, sort, score, members), entry));
        }
    }
    let (total, facets) = (matching.len(), counts.facets(&listings));
    let found = cursors.page(&window, next(matching, &window)?, |(place, _)| place);
    let mut rows = Rows::default();
    let view = |(_, entry): (String, &Entry)| rows.view(db, entry, &listings.pools[&entry.pool_id], now);
    let found = found.try_map(view)?;
    Ok(CatalogueView { items: found.items, next_cursor: found.next_cursor, total, facets })
}

/// The listings of a page, each with its place, and one more where there are more.
fn next<'a>(mut matching: Vec<(Place, &'a Entry)>, window: &Window) -> Result<Vec<(String, &'a Entry)>> {
    if let Some(after) = &window.after {
        let after = Place::read(after)?;
        matching.retain(|(place, _)| *place > after);
    }
    let wanted = usize::try_from(window.fetch()).unwrap_or(usize::MAX);
    if matching.len() > wanted {
        matching.select_nth_unstable_by(wanted, |one, other| one.0.cmp(&other.0));
        matching.truncate(wanted);
    }
    matching.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    matching.into_iter().map(|(place, entry)| Ok((place.to_text()?, entry))).collect()
}

/// Pools and recipes, each read once for a page.
#[derive(Default)]
struct Rows {
    pools: BTreeMap<PoolId, Pool>,
    recipes: BTreeMap<RecipeId, StoredRecipe>,
}

impl Rows {
    fn view(&mut self, db: &mut Db, entry: &Entry, facts: &listings::PoolFacts, now: UtcTime) -> Result<ListingView> {
        let dataset = store::dataset(db, &entry.id)?;
        if !self.pools.contains_key(&dataset.pool_id) {
            self.pools.insert(dataset.pool_id.clone(), pools::steps::pool(db, &dataset.pool_id)?);
        }
        if !self.recipes.contains_key(&dataset.recipe_id) {
            self.recipes.insert(dataset.recipe_id.clone(), store::recipe(db, &dataset.recipe_id)?);
        }
        let (pool, recipe) = (&self.pools[&dataset.pool_id], &self.recipes[&dataset.recipe_id]);
        ListingView::of(dataset, pool, recipe, (entry, facts), now)
    }
}
