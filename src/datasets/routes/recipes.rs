//! Recipes, for operators.

use crate::accounts::caller::Operator;
use crate::aggregates::{self, AccuracySheet, Column, Cost, Kind, Recipe};
use crate::body::Body;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::actions;
use crate::datasets::model::StoredRecipe;
use crate::error::Result;
use crate::ids::{PoolId, RecipeId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A new version of a recipe.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "name": "artists",
    "document": {"kind": "artist_preference", "keys_per_member": 20, "plays_per_key": 200}
}))]
pub struct NewRecipe {
    /// The pool that it is for.
    pub pool_id: PoolId,
    /// What operators call it: small letters, digits, hyphens and underscores. A name used before gets its
    /// next version. 1 to 80 characters.
    #[schema(min_length = 1, max_length = 80, pattern = "^[a-z0-9_-]+$")]
    pub name: String,
    /// What it computes; parameters left out have their defaults.
    pub document: Recipe,
}

/// A recipe.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "recipe_01jd2k8m0wfv9s3x6q4r7t5y2z", "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z", "name": "artists", "version": 1,
    "document": Recipe::default(), "sha256": Recipe::default().sha256(), "explanation": Recipe::default().explanation(),
    "cost": Recipe::default().cost(), "created_at": "2026-01-31T12:00:00Z"
}))]
pub struct RecipeView {
    /// Its id.
    pub id: RecipeId,
    /// The pool that it is for.
    pub pool_id: PoolId,
    /// What operators call it.
    pub name: String,
    /// 1, 2, … among those of the same name.
    pub version: i32,
    /// What it computes.
    pub document: Recipe,
    /// SHA-256 of the document's canonical form.
    pub sha256: String,
    /// The same in plain words.
    pub explanation: String,
    /// What a draw takes from the pool's privacy budget.
    pub cost: Cost,
    /// When it was made.
    pub created_at: UtcTime,
}

/// The recipes that are made ready.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"kinds": [RecipeKindView::of(Kind::ArtistPreference).ok()]}))]
pub struct RecipeKindsView {
    /// Each with its usual parameters.
    pub kinds: Vec<RecipeKindView>,
}

/// A recipe that is made ready.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(RecipeKindView::of(Kind::ListeningClock).ok()))]
pub struct RecipeKindView {
    /// Its name.
    pub kind: Kind,
    /// What an edition is good for.
    pub good_for: String,
    /// What it computes and what it protects.
    pub explanation: String,
    /// What the columns of its files mean.
    pub columns: Vec<Column>,
    /// What a draw takes from the pool's privacy budget.
    pub cost: Cost,
    /// All of its parameters, to be changed.
    pub document: Recipe,
}

impl RecipeKindView {
    fn of(kind: Kind) -> Result<Self> {
        let document = aggregates::preset(kind);
        Ok(RecipeKindView {
            kind,
            good_for: kind.good_for().into(),
            explanation: document.explanation(),
            columns: document.columns()?,
            cost: document.cost(),
            document,
        })
    }
}

impl From<StoredRecipe> for RecipeView {
    fn from(recipe: StoredRecipe) -> Self {
        RecipeView {
            id: recipe.id,
            pool_id: recipe.pool_id,
            name: recipe.name,
            version: recipe.version,
            sha256: recipe.document_hash,
            explanation: recipe.document.explanation(),
            cost: recipe.document.cost(),
            document: recipe.document,
            created_at: recipe.created_at,
        }
    }
}

/// Which recipes.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RecipesQuery {
    /// Items on the page: 1 to 100, 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Only recipes of this pool.
    pub pool: Option<PoolId>,
}

/// For how many members.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QuoteQuery {
    /// Members, at most 10,000,000,000; as many as the recipe's pool has at present, if not said.
    #[param(maximum = 10000000000i64)]
    pub members: Option<u64>,
}

/// `GET /v1/recipe-kinds`: the recipes that are made ready.
pub async fn kinds() -> Result<Json<RecipeKindsView>> {
    let ready = Kind::ALL.iter().filter(|kind| **kind != Kind::Custom);
    Ok(Json(RecipeKindsView { kinds: ready.map(|kind| RecipeKindView::of(*kind)).collect::<Result<_>>()? }))
}

/// `POST /v1/recipes`
pub async fn create_recipe(operator: Operator, ctx: Data<Context>, body: Body<NewRecipe>) -> Result<HttpResponse> {
    let NewRecipe { pool_id, name, document } = body.into_inner();
    let recipe = actions::create_recipe(&ctx, &operator, pool_id, name, document).await?;
    let view = RecipeView::from(recipe);
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/v1/recipes/{}", view.id))).json(view))
}

/// `GET /v1/recipes`
pub async fn list_recipes(
    _: Operator,
    ctx: Data<Context>,
    query: Query<RecipesQuery>,
) -> Result<Json<Page<RecipeView>>> {
    let RecipesQuery { limit, cursor, pool } = query.into_inner();
    let page = actions::list_recipes(&ctx, &PageQuery { limit, cursor }, pool).await?;
    Ok(Json(page.map(RecipeView::from)))
}

/// `GET /v1/recipes/{id}`
pub async fn read_recipe(_: Operator, ctx: Data<Context>, id: Path<RecipeId>) -> Result<Json<RecipeView>> {
    Ok(Json(actions::read_recipe(&ctx, id.into_inner()).await?.into()))
}

/// `GET /v1/recipes/{id}/quote`
pub async fn quote(
    _: Operator,
    ctx: Data<Context>,
    id: Path<RecipeId>,
    query: Query<QuoteQuery>,
) -> Result<Json<AccuracySheet>> {
    Ok(Json(actions::quote(&ctx, id.into_inner(), query.members).await?))
}
