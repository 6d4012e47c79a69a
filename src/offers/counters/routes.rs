//! Counter-offers over HTTP.

use super::actions;
use super::views::{CounterView, NewCounter};
use crate::accounts::caller::{Buyer, Operator};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::idempotency::{IdempotencyKey, Kept};
use crate::ids::{CounterId, OfferId};
use actix_web::web::{Data, Json, Path};

/// `POST /v1/offers/{id}/counter`: an operator asks for other terms.
pub async fn make(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<OfferId>,
    key: IdempotencyKey,
    body: Body<NewCounter>,
) -> Result<Kept> {
    let id = id.into_inner();
    let once = key.bind(&operator.account_id, "offers.counter", &(id.as_str(), &*body))?;
    actions::make(&ctx, &operator, id, body.into_inner(), once).await
}

/// `POST /v1/counters/{id}/accept`: the buyer accepts, and a new offer is placed.
pub async fn accept(buyer: Buyer, ctx: Data<Context>, id: Path<CounterId>, key: IdempotencyKey) -> Result<Kept> {
    let id = id.into_inner();
    let once = key.bind(&buyer.account_id, "counters.accept", &id)?;
    Ok(actions::accept(&ctx, &buyer, id, once).await?.in_collection("/v1/offers"))
}

/// `POST /v1/counters/{id}/decline`: the buyer declines.
pub async fn decline(buyer: Buyer, ctx: Data<Context>, id: Path<CounterId>) -> Result<Json<CounterView>> {
    Ok(Json(actions::decline(&ctx, &buyer, id.into_inner()).await?.into()))
}

/// `POST /v1/counters/{id}/withdraw`: an operator takes a counter-offer back.
pub async fn withdraw(operator: Operator, ctx: Data<Context>, id: Path<CounterId>) -> Result<Json<CounterView>> {
    Ok(Json(actions::withdraw(&ctx, &operator, id.into_inner()).await?.into()))
}
