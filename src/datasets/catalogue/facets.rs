//! How many listings there are of each value that one may narrow by. Counts of listings, never of members or plays.

use super::listings::{Entry, Listings};
use crate::text_enum;
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

text_enum! {
    /// What listings are counted by.
    pub enum FacetName {
        /// The kind of recipe.
        Kind = "kind",
        /// What plays are grouped by.
        Key = "key",
        /// What is told of each group.
        Measure = "measure",
        /// What it may be used for.
        Purpose = "purpose",
        /// Whose listening it is.
        Pool = "pool",
        /// The countries that it tells apart.
        Country = "country",
        /// The currency of the price.
        Currency = "currency",
    }
}

/// Those that are counted if nobody says.
pub const USUAL: [FacetName; 3] = [FacetName::Kind, FacetName::Purpose, FacetName::Pool];
/// Most values of one facet, those of the most listings.
const VALUES_MAX: usize = 50;

/// How many listings match the search and all filters but the facet's own, by value: so its other values stay to be chosen from.
/// At most 50 values each, those of the most listings, and these first. A listing counts under each of its values.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"kind": [{"value": "artist_preference", "label": "artist_preference", "listings": 1}]}))]
pub struct Facets {
    /// By kind of recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Vec<Facet>>,
    /// By what plays are grouped by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Vec<Facet>>,
    /// By measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<Vec<Facet>>,
    /// By purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Vec<Facet>>,
    /// By pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Vec<Facet>>,
    /// By the countries that have a bin of their own. A listing of all countries past a threshold counts under each of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Vec<Facet>>,
    /// By the currency of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Vec<Facet>>,
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

/// Counts by one name.
#[derive(Default)]
struct Count<'a> {
    by_value: HashMap<&'a str, usize>,
    /// Listings that count under every value.
    of_any: usize,
}

/// Counts by several names at once.
pub struct Counts<'a>(Vec<(FacetName, Count<'a>)>);

impl<'a> Counts<'a> {
    /// Nothing counted yet.
    pub fn by(names: &[FacetName]) -> Self {
        Counts(names.iter().map(|name| (*name, Count::default())).collect())
    }

    /// Counts a listing that passes everything but the filters of some names.
    pub fn add(&mut self, entry: &'a Entry, fails: &[FacetName]) {
        for (name, count) in &mut self.0 {
            if fails.iter().all(|failed| failed == name) {
                count.add(entry, *name);
            }
        }
    }

    /// The facets.
    pub fn facets(self, listings: &Listings) -> Facets {
        let mut facets = Facets::default();
        for (name, count) in self.0 {
            let place = match name {
                FacetName::Kind => &mut facets.kind,
                FacetName::Key => &mut facets.key,
                FacetName::Measure => &mut facets.measure,
                FacetName::Purpose => &mut facets.purpose,
                FacetName::Pool => &mut facets.pool,
                FacetName::Country => &mut facets.country,
                FacetName::Currency => &mut facets.currency,
            };
            *place = Some(count.facet(name, listings));
        }
        facets
    }
}

impl<'a> Count<'a> {
    fn add(&mut self, entry: &'a Entry, name: FacetName) {
        let mut one = |value: &'a str| *self.by_value.entry(value).or_insert(0) += 1;
        match name {
            FacetName::Kind => one(entry.recipe.kind.as_str()),
            FacetName::Key => entry.recipe.group_by.iter().for_each(|key| one(key.as_str())),
            FacetName::Measure => entry.recipe.measures().iter().for_each(|(measure, _)| one(measure.as_str())),
            FacetName::Purpose => entry.purposes.iter().for_each(|purpose| one(purpose)),
            FacetName::Pool => one(entry.pool_id.as_str()),
            FacetName::Country if entry.may_have_any_country() => self.of_any += 1,
            FacetName::Country => entry.recipe.countries.iter().for_each(|country| one(country)),
            FacetName::Currency => one(&entry.currency),
        }
    }

    fn facet(self, name: FacetName, listings: &Listings) -> Vec<Facet> {
        let label = |value: &str| match name {
            FacetName::Pool => {
                let pool = listings.pools.iter().find(|(id, _)| id.as_str() == value);
                pool.map_or_else(|| value.to_owned(), |(_, pool)| pool.name.clone())
            }
            _ => value.to_owned(),
        };
        let facet = |(value, listings): (&str, usize)| Facet {
            value: value.to_owned(),
            label: label(value),
            listings: listings + self.of_any,
        };
        let mut values: Vec<(&str, usize)> = self.by_value.into_iter().collect();
        values.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        values.truncate(VALUES_MAX);
        let mut facets: Vec<Facet> = values.into_iter().map(facet).collect();
        facets.sort_by(|one, other| other.listings.cmp(&one.listings).then_with(|| one.label.cmp(&other.label)));
        facets
    }
}
