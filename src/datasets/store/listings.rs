//! What the catalogue narrows by, of everything that is listed.

use crate::clock::UtcTime;
use crate::datasets::model::{DatasetState, EditionState};
use crate::db::Db;
use crate::db::schema::{datasets, editions, listing_texts, pools, recalls, recipes};
use crate::error::Result;
use crate::ids::{DatasetId, PoolId, RecipeId};
use diesel::dsl::{exists, not};
use diesel::prelude::*;

/// A listing.
#[derive(Debug, Queryable)]
pub struct Listing {
    /// Its id.
    pub id: DatasetId,
    /// What the index of words knows it by.
    pub number: Option<i64>,
    /// Its title.
    pub title: String,
    /// Its pool.
    pub pool_id: PoolId,
    /// Its recipe.
    pub recipe_id: RecipeId,
    /// Its purposes, as JSON.
    pub purposes_json: String,
    /// The pool's currency.
    pub currency: String,
    /// The lowest price of an offer, in minor units.
    pub price_floor_minor: i64,
    /// Until when somebody has it exclusively.
    pub exclusive_until: Option<UtcTime>,
    /// When it was listed first.
    pub listed_at: Option<UtcTime>,
    /// When it or its editions changed last.
    pub updated_at: UtcTime,
}

/// A published edition of a listing.
#[derive(Debug, Queryable)]
pub struct ListedStock {
    /// The listing.
    pub dataset_id: DatasetId,
    /// How it was made.
    pub manifest_json: Option<String>,
}

/// Everything that is listed.
pub fn listings(db: &mut Db) -> Result<Vec<Listing>> {
    let listed = datasets::table
        .inner_join(pools::table)
        .left_join(listing_texts::table)
        .filter(datasets::state.eq(DatasetState::Listed));
    let columns = (
        datasets::id,
        listing_texts::number.nullable(),
        datasets::title,
        datasets::pool_id,
        datasets::recipe_id,
        datasets::purposes_json,
        pools::currency,
        datasets::price_floor_minor,
        datasets::exclusive_until,
        datasets::listed_at,
        datasets::updated_at,
    );
    Ok(listed.select(columns).load(db)?)
}

/// The documents of all recipes that something listed is of.
pub fn listed_recipes(db: &mut Db) -> Result<Vec<(RecipeId, String)>> {
    let listed = datasets::table.filter(datasets::state.eq(DatasetState::Listed)).select(datasets::recipe_id);
    let found = recipes::table.filter(recipes::id.eq_any(listed)).select((recipes::id, recipes::document_json));
    Ok(found.load(db)?)
}

/// The published editions of everything that is listed, oldest first, without those that were recalled: the last of a listing is the
/// one in stock.
pub fn listed_stock(db: &mut Db) -> Result<Vec<ListedStock>> {
    let found = editions::table
        .inner_join(datasets::table)
        .filter(datasets::state.eq(DatasetState::Listed).and(editions::state.eq(EditionState::Published)))
        .filter(not(exists(recalls::table.filter(recalls::edition_id.eq(editions::id)))))
        .order(editions::number)
        .select((editions::dataset_id, editions::manifest_json));
    Ok(found.load(db)?)
}
