//! Recipes: made by an operator, kept for good.

use crate::accounts::caller::Operator;
use crate::aggregates::{self, AccuracySheet, Cost, Recipe};
use crate::audit;
use crate::context::Context;
use crate::datasets::model::StoredRecipe;
use crate::datasets::store;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::{PoolId, RecipeId};
use crate::page::{Page, PageQuery};
use crate::pools;

const NAME_MAX: usize = 80;
/// A sheet for more members than people live on earth helps nobody.
const MEMBERS_MAX: u64 = 10_000_000_000;

/// Makes the next version of a recipe of that name in a pool.
///
/// # Errors
/// `invalid`: the recipe does not hold, or its cost is beyond the pool's whole budget; `conflict`: the newest
/// version is the same; `not-found`: no such pool.
pub async fn create(
    ctx: &Context,
    operator: &Operator,
    pool_id: PoolId,
    name: String,
    document: Recipe,
) -> Result<StoredRecipe> {
    document.validate()?;
    let name = name.trim().to_owned();
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_plain) {
        let detail = format!("name: from 1 to {NAME_MAX} small letters, digits, hyphens and underscores.");
        return Err(Error::invalid(detail));
    }
    let operator = operator.clone();
    ctx.db.write(move |tx| insert(tx, &operator, &pool_id, &name, &document)).await
}

fn insert(tx: &mut Tx, operator: &Operator, pool_id: &PoolId, name: &str, document: &Recipe) -> Result<StoredRecipe> {
    let pool = pools::steps::pool(tx, pool_id)?;
    let cost = document.cost();
    let budget = Cost { rho_nano: pool.rho_cap_nano.unsigned_abs(), delta_pico: pool.delta_cap_pico.unsigned_abs() };
    if !cost.fits(budget) {
        return Err(Error::invalid(
            "document: one draw would cost more than the pool's whole privacy budget; spend less rho or delta.",
        ));
    }
    let newest = store::newest_recipe(tx, pool_id, name)?;
    let document_hash = document.sha256();
    if let Some(same) = newest.as_ref().filter(|newest| newest.document_hash == document_hash) {
        return Err(Error::conflict(format!("Version {} of {name} is this very recipe: {}.", same.version, same.id)));
    }
    let recipe = StoredRecipe {
        id: RecipeId::new(tx.now(), tx.entropy()),
        pool_id: pool_id.clone(),
        name: name.to_owned(),
        version: newest.map_or(0, |newest| newest.version) + 1,
        document: document.clone(),
        document_hash,
        rho_nano: i64::try_from(cost.rho_nano).map_err(Error::internal)?,
        delta_pico: i64::try_from(cost.delta_pico).map_err(Error::internal)?,
        created_at: tx.now(),
    };
    store::insert_recipe(tx, &recipe)?;
    audit::note(tx, &operator.account_id, "recipe.create", recipe.id.as_str(), None)?;
    Ok(recipe)
}

/// One recipe.
///
/// # Errors
/// `not-found`.
pub async fn read(ctx: &Context, id: RecipeId) -> Result<StoredRecipe> {
    ctx.db.read(move |db| store::recipe(db, &id)).await
}

/// Recipes, newest first.
///
/// # Errors
/// `invalid-cursor`, `invalid`.
pub async fn list(ctx: &Context, query: &PageQuery, pool: Option<PoolId>) -> Result<Page<StoredRecipe>> {
    let list = pool.as_ref().map_or_else(|| "recipes".to_owned(), |pool| format!("recipes of {pool}"));
    let window = ctx.cursors.window(query, &list)?;
    let (after, fetch) = (window.after.clone(), window.fetch());
    let rows = ctx.db.read(move |db| store::recipes(db, pool.as_ref(), after.as_deref(), fetch)).await?;
    Ok(ctx.cursors.page(&window, rows, |recipe| recipe.id.as_str()))
}

/// What a recipe gives in a pool of so many members, or of as many as its own pool has.
///
/// # Errors
/// `not-found`, `invalid` for a number of members that nobody has.
pub async fn quote(ctx: &Context, id: RecipeId, members: Option<u64>) -> Result<AccuracySheet> {
    if members.is_some_and(|members| members > MEMBERS_MAX) {
        return Err(Error::invalid(format!("members: at most {MEMBERS_MAX}.")));
    }
    ctx.db
        .read(move |db| {
            let recipe = store::recipe(db, &id)?;
            let pool = pools::steps::pool(db, &recipe.pool_id)?;
            let members = members.map_or_else(|| store::active_members(db, &recipe.pool_id), Ok)?;
            let budget =
                Cost { rho_nano: pool.rho_cap_nano.unsigned_abs(), delta_pico: pool.delta_cap_pico.unsigned_abs() };
            aggregates::accuracy_sheet(&recipe.document, members, Some(budget))
        })
        .await
}
