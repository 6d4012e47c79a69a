//! All listings with what they are narrowed, counted and sorted by, kept in memory as long as the catalogue's version stands.
//!
//! Operators write listings by hand, so all of them fit easily; what a search costs is then a look into the index of words and
//! one pass over this list. Nothing in it is read from plays: it is the recipes, what operators wrote, and how many members the
//! pools have, which anybody may know.

use super::asked::Filters;
use super::facets::FacetName;
use crate::aggregates::{self, Key, KeysFrom, Manifest, Recipe};
use crate::clock::UtcTime;
use crate::datasets::cache::GOOD_FOR;
use crate::datasets::store;
use crate::db::Db;
use crate::error::Result;
use crate::ids::{DatasetId, PoolId, RecipeId};
use crate::pools;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The listings of the catalogue at one of its versions.
#[derive(Debug, Default)]
pub struct Listings {
    /// Each of them.
    pub entries: Vec<Entry>,
    /// The pools that they are of.
    pub pools: BTreeMap<PoolId, PoolFacts>,
}

/// What anybody may know of a pool, as far as listings are told apart by it.
#[derive(Debug)]
pub struct PoolFacts {
    /// Its name.
    pub name: String,
    /// Its members at present.
    pub members: u64,
}

/// What the catalogue narrows by, of one listing.
#[derive(Debug)]
pub struct Entry {
    /// The listing.
    pub id: DatasetId,
    /// What the index of words knows it by; `None` where it has no words.
    pub number: Option<i64>,
    /// The words of its title in a row.
    pub sorted_title: String,
    /// Its pool.
    pub pool_id: PoolId,
    /// What is computed.
    pub recipe: Arc<Recipe>,
    /// What it may be used for.
    pub purposes: Vec<String>,
    /// The currency of its price.
    pub currency: String,
    /// The lowest price of an offer, in minor units.
    pub price_floor_minor: i64,
    /// Until when somebody has it exclusively.
    pub exclusive_until: Option<UtcTime>,
    /// When it was listed first.
    pub listed_at: UtcTime,
    /// When it or its editions changed last.
    pub updated_at: UtcTime,
    /// The newest edition, which may be sold from stock.
    pub stock: Option<Stock>,
}

/// An edition that is drawn.
#[derive(Debug)]
pub struct Stock {
    /// From when on its plays are; `None`: from the beginning.
    pub from: Option<UtcTime>,
    /// Until before when.
    pub to: Option<UtcTime>,
}

/// The listings as they were read last.
#[derive(Default)]
pub struct Kept(Mutex<Option<(i64, Instant, Arc<Listings>)>>);

impl Kept {
    /// The listings of the version that a snapshot of the database has; read anew if others are kept, or if members may have come and
    /// gone since.
    pub fn current(&self, db: &mut Db) -> Result<Arc<Listings>> {
        let version = store::catalogue_version(db)?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((of, made, listings)) = kept
            && of == version
            && made.elapsed() < GOOD_FOR
        {
            return Ok(listings);
        }
        let listings = Arc::new(Listings::load(db)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of two that read at once the one with the newer version stays.
        if kept.as_ref().is_none_or(|(of, ..)| *of <= version) {
            *kept = Some((version, Instant::now(), Arc::clone(&listings)));
        }
        Ok(listings)
    }
}

impl Listings {
    fn load(db: &mut Db) -> Result<Listings> {
        let mut recipes: BTreeMap<RecipeId, Arc<Recipe>> = BTreeMap::new();
        for (id, document) in store::listed_recipes(db)? {
            recipes.insert(id, Arc::new(serde_json::from_str(&document)?));
        }
        let mut stocks = BTreeMap::new();
        for edition in store::listed_stock(db)? {
            let manifest: Option<Manifest> = edition.manifest_json.as_deref().map(serde_json::from_str).transpose()?;
            let (from, to) = manifest.map_or((None, None), |manifest| (manifest.period.from, manifest.period.to));
            stocks.insert(edition.dataset_id, Stock { from, to });
        }
        let mut listings = Listings::default();
        for row in store::listings(db)? {
            if !listings.pools.contains_key(&row.pool_id) {
                let members = store::active_members(db, &row.pool_id)?;
                let name = pools::steps::pool(db, &row.pool_id)?.name;
                listings.pools.insert(row.pool_id.clone(), PoolFacts { name, members });
            }
            listings.entries.push(Entry {
                number: row.number,
                sorted_title: super::words::sorted_by(&row.title),
                recipe: Arc::clone(&recipes[&row.recipe_id]),
                purposes: serde_json::from_str(&row.purposes_json)?,
                currency: row.currency,
                price_floor_minor: row.price_floor_minor,
                exclusive_until: row.exclusive_until,
                listed_at: row.listed_at.unwrap_or(row.updated_at),
                updated_at: row.updated_at,
                stock: stocks.remove(&row.id),
                id: row.id,
                pool_id: row.pool_id,
            });
        }
        Ok(listings)
    }
}

impl Entry {
    /// Whether the countries of an edition are all those past the threshold: any may be among them.
    pub fn may_have_any_country(&self) -> bool {
        self.recipe.has_key(Key::Country) && self.recipe.keys_from == KeysFrom::Threshold
    }

    /// Whether it passes a filter by values that listings are counted by, too.
    pub fn passes(&self, filters: &Filters, name: FacetName) -> bool {
        fn any<T: PartialEq>(wanted: &[T], has: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(has)
        }
        let recipe = &self.recipe;
        match name {
            FacetName::Kind => any(&filters.kinds, |kind| *kind == recipe.kind),
            FacetName::Key => any(&filters.keys, |key| recipe.has_key(*key)),
            FacetName::Measure => {
                any(&filters.measures, |wanted| recipe.measures().iter().any(|(measure, _)| measure == wanted))
            }
            FacetName::Purpose => any(&filters.purposes, |purpose| self.purposes.contains(purpose)),
            FacetName::Pool => any(&filters.pools, |pool| *pool == self.pool_id),
            FacetName::Country => {
                any(&filters.countries, |country| self.may_have_any_country() || recipe.countries.contains(country))
            }
            FacetName::Currency => any(&filters.currencies, |currency| *currency == self.currency),
        }
    }

    /// Whether it passes all other filters.
    pub fn passes_rest(&self, filters: &Filters, members: u64, now: UtcTime) -> bool {
        let price = self.price_floor_minor;
        let is_exclusive = self.exclusive_until.is_some_and(|until| until > now);
        filters.price_at_least.is_none_or(|least| price >= least)
            && filters.price_at_most.is_none_or(|most| price <= most)
            && members >= filters.members_at_least
            && filters.in_stock.is_none_or(|in_stock| in_stock == self.stock.is_some())
            && filters.exclusive.is_none_or(|exclusive| exclusive == is_exclusive)
            && filters.updated_since.is_none_or(|since| self.updated_at >= since)
            && self.is_about(filters, now)
    }

    /// Whether the plays of the recipe as of now, or those of the edition in stock, are of the period that is asked for.
    fn is_about(&self, filters: &Filters, now: UtcTime) -> bool {
        let overlaps = |from: Option<UtcTime>, to: Option<UtcTime>| {
            let begins_before = from.zip(filters.to).is_none_or(|(from, to)| from < to);
            begins_before && to.zip(filters.from).is_none_or(|(to, from)| to > from)
        };
        let (from, to) = aggregates::period(&self.recipe, now);
        overlaps(from, to) || self.stock.as_ref().is_some_and(|stock| overlaps(stock.from, stock.to))
    }
}
