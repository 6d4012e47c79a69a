//! Listings as operators write them.

use crate::accounts::caller::Operator;
use crate::body::Body;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::actions::{self, Priced};
use crate::datasets::cache::Catalogue;
use crate::datasets::draft::{DatasetChanges, NewDataset};
use crate::datasets::model::DatasetState;
use crate::error::Result;
use crate::ids::{DatasetId, PoolId, RecipeId};
use crate::money::Money;
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A listing as its operator keeps it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z", "pool_id": "pool_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "recipe_id": "recipe_01jd2k8m0wfv9s3x6q4r7t5y2z", "title": "Artist preference of the Northern Listeners",
    "description": "How many members have an artist among their favourites.", "keywords": ["artists"],
    "purposes": ["market_research"], "licence_name": "Standard licence 1", "licence_text": "The licensee may …",
    "price_floor": {"amount": 500_000, "currency": "USD"}, "rows_promised": 200, "state": "draft", "exclusive_until": null, "listed_at": null,
    "created_at": "2026-01-31T12:00:00Z", "updated_at": "2026-01-31T12:00:00Z"
}))]
pub struct Listing {
    /// Its id.
    pub id: DatasetId,
    /// The pool.
    pub pool_id: PoolId,
    /// The recipe.
    pub recipe_id: RecipeId,
    /// One line for the catalogue.
    pub title: String,
    /// What it is and what it is good for.
    pub description: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// What a buyer may use it for.
    pub purposes: Vec<String>,
    /// Name of the licence.
    pub licence_name: String,
    /// The licence in full.
    pub licence_text: String,
    /// The lowest price of an offer; the fee is inside.
    pub price_floor: Money,
    /// Rows that an edition has at least, or the terms' refund applies.
    pub rows_promised: i64,
    /// Where it stands.
    pub state: DatasetState,
    /// Until when somebody has it exclusively.
    pub exclusive_until: Option<UtcTime>,
    /// When it was listed first.
    pub listed_at: Option<UtcTime>,
    /// When it was made.
    pub created_at: UtcTime,
    /// When it was changed last.
    pub updated_at: UtcTime,
    /// After publishing: why an edition could not be delivered as things stand, or would be of no use.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl From<Priced> for Listing {
    fn from(Priced { dataset, currency, warnings }: Priced) -> Self {
        Listing {
            price_floor: Money::new(dataset.price_floor_minor, currency),
            id: dataset.id,
            pool_id: dataset.pool_id,
            recipe_id: dataset.recipe_id,
            title: dataset.title,
            description: dataset.description,
            keywords: dataset.keywords,
            purposes: dataset.purposes,
            licence_name: dataset.licence_name,
            licence_text: dataset.licence_text,
            rows_promised: dataset.rows_promised,
            state: dataset.state,
            exclusive_until: dataset.exclusive_until,
            listed_at: dataset.listed_at,
            created_at: dataset.created_at,
            updated_at: dataset.updated_at,
            warnings,
        }
    }
}

/// Which listings.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListingsQuery {
    /// Items on the page: 1 to 100, 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Only listings in this state.
    pub state: Option<DatasetState>,
}

/// Why a listing is taken out of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Replaced by the listing of 2026."}))]
pub struct Unlisting {
    /// In words, for the audit log: 1 to 1,000 characters.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// `POST /v1/datasets`
pub async fn create(operator: Operator, ctx: Data<Context>, body: Body<NewDataset>) -> Result<HttpResponse> {
    let listing = Listing::from(actions::create(&ctx, &operator, body.into_inner()).await?);
    Ok(HttpResponse::Created().insert_header((LOCATION, format!("/v1/datasets/{}", listing.id))).json(listing))
}

/// `PATCH /v1/datasets/{id}`
pub async fn edit(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<DatasetId>,
    body: Body<DatasetChanges>,
) -> Result<Json<Listing>> {
    Ok(Json(actions::edit(&ctx, &operator, id.into_inner(), body.into_inner()).await?.into()))
}

/// `POST /v1/datasets/{id}/publish`
pub async fn publish(
    operator: Operator,
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    id: Path<DatasetId>,
) -> Result<Json<Listing>> {
    let listing = actions::publish(&ctx, &operator, id.into_inner()).await?;
    shelf.forget();
    Ok(Json(listing.into()))
}

/// `POST /v1/datasets/{id}/unlist`
pub async fn unlist(
    operator: Operator,
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    id: Path<DatasetId>,
    body: Body<Unlisting>,
) -> Result<Json<Listing>> {
    let listing = actions::unlist(&ctx, &operator, id.into_inner(), body.into_inner().reason).await?;
    shelf.forget();
    Ok(Json(listing.into()))
}

/// `GET /v1/listings`
pub async fn list(_: Operator, ctx: Data<Context>, query: Query<ListingsQuery>) -> Result<Json<Page<Listing>>> {
    let ListingsQuery { limit, cursor, state } = query.into_inner();
    let page = actions::list(&ctx, &PageQuery { limit, cursor }, state).await?;
    Ok(Json(page.map(Listing::from)))
}
