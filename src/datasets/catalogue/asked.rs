//! What is asked of the catalogue: read, with words about what cannot be meant.

use super::facets::{self, FacetName};
use super::order::Sort;
use crate::aggregates::{Key, Kind, Measure};
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::ids::PoolId;
use crate::money::is_currency;
use crate::pools::model::is_purpose;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Most values of one filter.
const VALUES_MAX: usize = 20;

/// What is asked of the catalogue. A filter takes one value or several with commas between, any of which will do; a listing has to
/// pass every filter.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CatalogueQuery {
    /// Items on the page: 1 to 100, 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Words that must all occur, in any order, in the title, the keywords, the description, or the names of recipe, columns,
    /// purposes and pool. The last one need not be typed to its end. Phrases stand in quotes; a word after `-` must not occur. Capitals,
    /// accents and the `s` of a plural make no difference. Up to 200 characters and 8 words or phrases.
    #[param(max_length = 200, example = "\"artist preference\" country -clock")]
    pub q: Option<String>,
    /// What comes first: `relevance` (only with words in `q`, and then if nothing is said), `newest` (otherwise), `price` (the lowest
    /// first), `price_desc`, `members`, `title`. Prices are compared within a currency, one currency after the other.
    #[param(inline)]
    pub sort: Option<Sort>,
    /// What to count listings by, with commas between: `kind`, `key`, `measure`, `purpose`, `pool`, `country`, `currency`. Kind, purpose
    /// and pool if not said.
    #[param(example = "kind,key,purpose")]
    pub facets: Option<String>,
    /// Only listings of these kinds of recipe.
    #[param(example = "artist_preference,artist_by_country")]
    pub kind: Option<String>,
    /// Only listings grouped by these: artist, track, country, month …
    #[param(example = "artist,country")]
    pub key: Option<String>,
    /// Only listings that tell these measures: fans, hours, skip_share …
    #[param(example = "fans")]
    pub measure: Option<String>,
    /// Only listings for these purposes.
    #[param(example = "market_research")]
    pub purpose: Option<String>,
    /// Only listings of these pools.
    #[param(example = "pool_01jd2k8m0wfv9s3x6q4r7t5y2z")]
    pub pool: Option<String>,
    /// Only listings that tell these countries apart: by a bin of their own, or because all countries past the threshold are given. Two
    /// capital letters each (ISO 3166-1).
    #[param(example = "NL,BE")]
    pub country: Option<String>,
    /// Only listings with a price in these currencies (ISO 4217).
    #[param(example = "USD")]
    pub currency: Option<String>,
    /// Only listings with a price floor of this or more, in minor units of the one `currency` that has to be said with it.
    #[param(minimum = 0)]
    pub price_at_least: Option<i64>,
    /// Only listings with a price floor of this or less, likewise.
    #[param(minimum = 0)]
    pub price_at_most: Option<i64>,
    /// Only listings of pools with so many members or more.
    #[param(minimum = 0)]
    pub members_at_least: Option<u64>,
    /// `true`: only listings with an edition that is drawn and may be licensed at once; `false`: only those without.
    pub in_stock: Option<bool>,
    /// `true`: only listings that somebody has exclusively at present; `false`: only those that are free.
    pub exclusive: Option<bool>,
    /// Only listings that were listed or changed, or of which an edition was published, at this instant or later.
    pub updated_since: Option<UtcTime>,
    /// Only listings about plays of a period that goes on after this instant: by the recipe as of now, or by the edition in stock.
    pub from: Option<UtcTime>,
    /// Only listings about plays of a period that begins before this instant.
    pub to: Option<UtcTime>,
}

/// The same, read.
#[derive(Debug, Default)]
pub struct Filters {
    pub kinds: Vec<Kind>,
    pub keys: Vec<Key>,
    pub measures: Vec<Measure>,
    pub purposes: Vec<String>,
    pub pools: Vec<PoolId>,
    pub countries: Vec<String>,
    pub currencies: Vec<String>,
    pub price_at_least: Option<i64>,
    pub price_at_most: Option<i64>,
    pub members_at_least: u64,
    pub in_stock: Option<bool>,
    pub exclusive: Option<bool>,
    pub updated_since: Option<UtcTime>,
    pub from: Option<UtcTime>,
    pub to: Option<UtcTime>,
}

impl CatalogueQuery {
    /// The name of the list that is asked for, whichever page of it and whatever is counted with it.
    ///
    /// # Errors
    /// `internal`: only by a defect.
    pub fn list(&self) -> Result<String> {
        let list = CatalogueQuery { limit: None, cursor: None, facets: None, ..self.clone() };
        Ok(format!("catalogue {}", serde_json::to_string(&list)?))
    }

    /// The filters.
    ///
    /// # Errors
    /// `invalid`, naming the filter, what is wrong with it, and what it may be.
    pub fn filters(&self) -> Result<Filters> {
        let filters = Filters {
            kinds: words("kind", &self.kind, Kind::parse, Kind::ALL)?,
            keys: words("key", &self.key, Key::parse, Key::ALL)?,
            measures: words("measure", &self.measure, Measure::parse, Measure::ALL)?,
            purposes: shaped(
                "purpose",
                &self.purpose,
                is_purpose,
                "2 to 40 small letters, digits and underscores, like market_research",
            )?,
            pools: read("pool", &self.pool, PoolId::parse, || "the id of a pool begins with pool_".into())?,
            countries: shaped(
                "country",
                &self.country,
                |text| text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase()),
                "two capital letters of ISO 3166-1, like NL",
            )?,
            currencies: shaped("currency", &self.currency, is_currency, "three capital letters of ISO 4217, like USD")?,
            price_at_least: self.price_at_least,
            price_at_most: self.price_at_most,
            members_at_least: self.members_at_least.unwrap_or(0),
            in_stock: self.in_stock,
            exclusive: self.exclusive,
            updated_since: self.updated_since,
            from: self.from,
            to: self.to,
        };
        filters.check()?;
        Ok(filters)
    }

    /// What to count by.
    ///
    /// # Errors
    /// `invalid` for what cannot be counted by.
    pub fn facets(&self) -> Result<Vec<FacetName>> {
        match &self.facets {
            Some(_) => words("facets", &self.facets, FacetName::parse, FacetName::ALL),
            None => Ok(facets::USUAL.to_vec()),
        }
    }

    /// In what order, for a query that has words in it or none.
    ///
    /// # Errors
    /// `invalid` for relevance to nothing.
    pub fn sort(&self, has_words: bool) -> Result<Sort> {
        match self.sort {
            Some(Sort::Relevance) if !has_words => {
                Err(Error::invalid("sort: relevance takes words to be relevant to, in q; sort by newest, or say some."))
            }
            Some(sort) => Ok(sort),
            None if has_words => Ok(Sort::Relevance),
            None => Ok(Sort::Newest),
        }
    }
}

impl Filters {
    fn check(&self) -> Result<()> {
        let has_price = self.price_at_least.is_some() || self.price_at_most.is_some();
        if has_price && self.currencies.len() != 1 {
            return Err(Error::invalid("price_at_least, price_at_most: say in which currency, as in currency=USD."));
        }
        for (name, price) in [("price_at_least", self.price_at_least), ("price_at_most", self.price_at_most)] {
            if price.is_some_and(|price| price < 0) {
                return Err(Error::invalid(format!("{name}: no price is below 0.")));
            }
        }
        if matches!((self.price_at_least, self.price_at_most), (Some(least), Some(most)) if least > most) {
            return Err(Error::invalid("price_at_least: it is more than price_at_most, so nothing can be found."));
        }
        if matches!((self.from, self.to), (Some(from), Some(to)) if from >= to) {
            return Err(Error::invalid("from: it lies before to, or the period is none."));
        }
        Ok(())
    }
}

fn words<T: Copy + std::fmt::Display>(
    name: &str,
    given: &Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    all: &[T],
) -> Result<Vec<T>> {
    read(name, given, parse, || {
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        format!("there are {}", all.join(", "))
    })
}

fn shaped(name: &str, given: &Option<String>, fits: impl Fn(&str) -> bool, shape: &str) -> Result<Vec<String>> {
    read(name, given, |text| fits(text).then(|| text.to_owned()), || format!("one is {shape}"))
}

/// The values of a filter; none where nothing is given, or where it is empty.
fn read<T>(
    name: &str,
    given: &Option<String>,
    parse: impl Fn(&str) -> Option<T>,
    words: impl Fn() -> String,
) -> Result<Vec<T>> {
    let texts = given.iter().flat_map(|given| given.split(',')).map(str::trim).filter(|text| !text.is_empty());
    let one = |text: &str| parse(text).ok_or_else(|| Error::invalid(format!("{name}: {text:?} is none; {}.", words())));
    let values = texts.map(one).collect::<Result<Vec<T>>>()?;
    if values.len() > VALUES_MAX {
        return Err(Error::invalid(format!("{name}: at most {VALUES_MAX} values at once.")));
    }
    Ok(values)
}
