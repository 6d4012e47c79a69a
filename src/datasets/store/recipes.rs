//! Recipes: written once, read often.

use crate::aggregates::Recipe;
use crate::clock::UtcTime;
use crate::datasets::model::StoredRecipe;
use crate::db::Db;
use crate::db::schema::recipes;
use crate::error::{Error, Result};
use crate::ids::{PoolId, RecipeId};
use diesel::prelude::*;

#[derive(Queryable, Selectable)]
#[diesel(table_name = recipes)]
struct Row {
    id: RecipeId,
    pool_id: PoolId,
    name: String,
    version: i32,
    document_json: String,
    document_hash: String,
    rho_nano: i64,
    delta_pico: i64,
    created_at: UtcTime,
}

impl Row {
    fn read(self) -> Result<StoredRecipe> {
        let document: Recipe = serde_json::from_str(&self.document_json)?;
        Ok(StoredRecipe {
            id: self.id,
            pool_id: self.pool_id,
            name: self.name,
            version: self.version,
            document,
            document_hash: self.document_hash,
            rho_nano: self.rho_nano,
            delta_pico: self.delta_pico,
            created_at: self.created_at,
        })
    }
}

/// One recipe.
pub fn recipe(db: &mut Db, id: &RecipeId) -> Result<StoredRecipe> {
    let row = recipes::table.find(id).select(Row::as_select()).first(db).optional()?;
    row.ok_or_else(|| Error::not_found("recipe"))?.read()
}

/// The newest version of a name.
pub fn newest_recipe(db: &mut Db, pool: &PoolId, name: &str) -> Result<Option<StoredRecipe>> {
    let row = recipes::table
        .filter(recipes::pool_id.eq(pool).and(recipes::name.eq(name)))
        .order(recipes::version.desc())
        .select(Row::as_select())
        .first(db)
        .optional()?;
    row.map(Row::read).transpose()
}

/// Recipes, newest first.
pub fn recipes(db: &mut Db, pool: Option<&PoolId>, after: Option<&str>, limit: i64) -> Result<Vec<StoredRecipe>> {
    let mut query = recipes::table.select(Row::as_select()).order(recipes::id.desc()).limit(limit).into_boxed();
    if let Some(pool) = pool {
        query = query.filter(recipes::pool_id.eq(pool.clone()));
    }
    if let Some(after) = after {
        query = query.filter(recipes::id.lt(after.to_owned()));
    }
    query.load::<Row>(db)?.into_iter().map(Row::read).collect()
}

/// Writes a recipe.
pub fn insert_recipe(db: &mut Db, recipe: &StoredRecipe) -> Result<()> {
    diesel::insert_into(recipes::table)
        .values((
            recipes::id.eq(&recipe.id),
            recipes::pool_id.eq(&recipe.pool_id),
            recipes::name.eq(&recipe.name),
            recipes::version.eq(recipe.version),
            recipes::document_json.eq(recipe.document.canonical_json()),
            recipes::document_hash.eq(&recipe.document_hash),
            recipes::rho_nano.eq(recipe.rho_nano),
            recipes::delta_pico.eq(recipe.delta_pico),
            recipes::created_at.eq(recipe.created_at),
        ))
        .execute(db)?;
    Ok(())
}
