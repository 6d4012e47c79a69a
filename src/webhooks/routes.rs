//! Webhooks over HTTP.

use super::actions;
use super::events::EventType;
pub use super::views::{
    ChangeWebhook, DeliveryFilter, DeliverySummary, DeliveryView, EventTypeView, EventTypesView, NewWebhook,
    RenewSecret, ReplayDead, Replayed, WebhookView, WebhookWithSecret,
};
use crate::accounts::caller::Buyer;
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{DeliveryId, WebhookId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use crate::webhooks::model::DeliveryState;
use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Json, Path};

/// `GET /v1/webhook-events`: what can be told.
pub async fn events() -> Json<EventTypesView> {
    Json(EventTypesView {
        items: EventType::ALL.iter().map(|&event| EventTypeView { event, about: event.about() }).collect(),
    })
}

/// `POST /v1/webhooks`: registers a webhook, and shows its secret.
pub async fn register(buyer: Buyer, ctx: Data<Context>, body: Body<NewWebhook>) -> Result<HttpResponse> {
    let made = WebhookWithSecret::of(actions::register(&ctx, &buyer, body.into_inner()).await?)?;
    let location = format!("/v1/webhooks/{}", made.webhook.id);
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(made))
}

/// `GET /v1/webhooks`: the organisation's webhooks, newest first.
pub async fn list(buyer: Buyer, ctx: Data<Context>, query: Query<PageQuery>) -> Result<Json<Page<WebhookView>>> {
    let window = ctx.cursors.window(&query, &format!("webhooks of {}", buyer.organisation_id))?;
    let found = actions::list(&ctx, &buyer, &window).await?;
    Ok(Json(ctx.cursors.page(&window, found, |webhook| webhook.id.as_str()).try_map(WebhookView::of)?))
}

/// `GET /v1/webhooks/{id}`
pub async fn read(buyer: Buyer, ctx: Data<Context>, id: Path<WebhookId>) -> Result<Json<WebhookView>> {
    Ok(Json(WebhookView::of(actions::read(&ctx, &buyer, id.into_inner()).await?)?))
}

/// `PATCH /v1/webhooks/{id}`: another address, other events; paused, or active again.
pub async fn change(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<WebhookId>,
    body: Body<ChangeWebhook>,
) -> Result<Json<WebhookView>> {
    Ok(Json(WebhookView::of(actions::change(&ctx, &buyer, id.into_inner(), body.into_inner()).await?)?))
}

/// `DELETE /v1/webhooks/{id}`
pub async fn delete(buyer: Buyer, ctx: Data<Context>, id: Path<WebhookId>) -> Result<HttpResponse> {
    actions::delete(&ctx, &buyer, id.into_inner()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/webhooks/{id}/secret`: a new secret, and both for a while.
pub async fn renew_secret(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<WebhookId>,
    body: Body<RenewSecret>,
) -> Result<Json<WebhookWithSecret>> {
    let renewed = actions::renew_secret(&ctx, &buyer, id.into_inner(), body.overlap_s).await?;
    Ok(Json(WebhookWithSecret::of(renewed)?))
}

/// `POST /v1/webhooks/{id}/test`: sends a `webhook.ping`.
pub async fn test(buyer: Buyer, ctx: Data<Context>, id: Path<WebhookId>) -> Result<HttpResponse> {
    let delivery = actions::test(&ctx, &buyer, id.into_inner()).await?;
    Ok(HttpResponse::Accepted().json(DeliverySummary::from(delivery)))
}

/// `GET /v1/webhooks/{id}/deliveries`: what was and is to be sent, newest first.
pub async fn deliveries(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<WebhookId>,
    query: Query<PageQuery>,
    filter: Query<DeliveryFilter>,
) -> Result<Json<Page<DeliverySummary>>> {
    let id = id.into_inner();
    let state = filter.state.map_or("any state", DeliveryState::as_str);
    let window = ctx.cursors.window(&query, &format!("deliveries to {id} in {state}"))?;
    let found = actions::deliveries(&ctx, &buyer, id, filter.state, &window).await?;
    Ok(Json(ctx.cursors.page(&window, found, |delivery| delivery.id.as_str()).map(DeliverySummary::from)))
}

/// `POST /v1/webhooks/{id}/replay`: sends again what was set aside.
pub async fn replay_dead(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<WebhookId>,
    body: Body<ReplayDead>,
) -> Result<Json<Replayed>> {
    let replayed = actions::replay_dead(&ctx, &buyer, id.into_inner(), body.since).await?;
    Ok(Json(Replayed { replayed }))
}

/// `GET /v1/deliveries/{id}`: one delivery with its tries.
pub async fn delivery(buyer: Buyer, ctx: Data<Context>, id: Path<DeliveryId>) -> Result<Json<DeliveryView>> {
    Ok(Json(actions::delivery(&ctx, &buyer, id.into_inner()).await?.into()))
}

/// `POST /v1/deliveries/{id}/replay`: sends it again, now.
pub async fn replay(buyer: Buyer, ctx: Data<Context>, id: Path<DeliveryId>) -> Result<Json<DeliveryView>> {
    Ok(Json(actions::replay(&ctx, &buyer, id.into_inner()).await?.into()))
}
