//! Offers over HTTP.

use crate::accounts::auth::Auth;
use crate::accounts::caller::{Buyer, Caller, Member, Operator};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::idempotency::{IdempotencyKey, Kept};
use crate::ids::{OfferId, QuestionId, VoteId};
pub use crate::offers::artists::JSON_BYTES_MAX as ARTISTS_JSON_BYTES_MAX;
use crate::offers::feed::{Feeds, Position};
use crate::offers::model::OfferState;
pub use crate::offers::terms::{NewOffer, Terms};
pub use crate::offers::views::{ArtistListView, OfferSummary, OfferView};
use crate::offers::{actions, holding, questions};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use crate::votes::questions::views::{NewAnswer, NewQuestion, QuestionView};
use actix_web::http::{Method, header};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which offers a list shows.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfferFilter {
    /// Only offers in this state.
    pub state: Option<OfferState>,
}

/// Calls an offer off.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "The organisation has been dissolved."}))]
pub struct VoidOffer {
    /// Why, in words that buyer and members read: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// Lets a vote open whose opening was held.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "A newspaper wrote about the pool; the new members are its readers."}))]
pub struct ReleaseOffer {
    /// Why, in words that the buyer reads: 1 to 2,000 characters.
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// `POST /v1/offers`: places an offer.
pub async fn place(buyer: Buyer, ctx: Data<Context>, key: IdempotencyKey, body: Body<NewOffer>) -> Result<Kept> {
    let once = key.bind(&buyer.account_id, "offers.place", &*body)?;
    Ok(actions::place(&ctx, &buyer, body.into_inner(), once).await?.in_collection("/v1/offers"))
}

/// `GET /v1/offers`: the organisation's offers, or all for an operator, newest first.
pub async fn list(
    caller: Caller,
    ctx: Data<Context>,
    query: Query<PageQuery>,
    filter: Query<OfferFilter>,
) -> Result<Json<Page<OfferSummary>>> {
    let state = filter.state.map_or("any state", OfferState::as_str);
    let owner = caller.organisation_id.as_ref().map_or("all organisations", |id| id.as_str());
    let window = ctx.cursors.window(&query, &format!("offers of {owner} in {state}"))?;
    let offers = actions::list(&ctx, &caller, filter.state, &window).await?;
    Ok(Json(ctx.cursors.page(&window, offers, |offer| offer.id.as_str()).map(OfferSummary::from)))
}

/// `GET /v1/offers/{id}`: one offer with its terms, its vote and its story.
pub async fn read(caller: Caller, ctx: Data<Context>, id: Path<OfferId>) -> Result<Json<OfferView>> {
    Ok(Json(OfferView::of(actions::read(&ctx, &caller, id.into_inner()).await?)?))
}

/// `GET /v1/offers/{id}/events`: what happens to an offer, as it happens.
pub async fn events(
    _: Buyer,
    caller: Caller,
    ctx: Data<Context>,
    auth: Data<Auth>,
    feeds: Data<Feeds>,
    id: Path<OfferId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let id = actions::read(&ctx, &caller, id.into_inner()).await?.offer.id;
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/event-stream");
    // No proxy keeps it, or keeps it back.
    answer.insert_header((header::CACHE_CONTROL, "private, no-store")).insert_header(("x-accel-buffering", "no"));
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let read = request
        .headers()
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .map_or_else(Position::default, Position::read);
    Ok(match feeds.follow(&ctx, auth.into_inner(), &caller, &id, read).await? {
        Some(stream) => answer.streaming(stream),
        None => HttpResponse::NoContent().finish(),
    })
}

/// `GET /v1/offers/{id}/terms`: the exact bytes whose SHA-256 is the offer's `terms_hash`.
pub async fn terms(caller: Caller, ctx: Data<Context>, id: Path<OfferId>) -> Result<HttpResponse> {
    Ok(exact(actions::read(&ctx, &caller, id.into_inner()).await?.offer.terms_json))
}

/// `GET /v1/votes/{id}/terms`: the same bytes, for the members who vote on them.
pub async fn terms_of_vote(member: Member, ctx: Data<Context>, id: Path<VoteId>) -> Result<HttpResponse> {
    Ok(exact(actions::terms_of_vote(&ctx, &member, id.into_inner()).await?))
}

/// `GET /v1/artist-lists/{sha256}`: a list that an offer is about, for those who decide or buy it.
pub async fn artist_list(caller: Caller, ctx: Data<Context>, sha256: Path<String>) -> Result<Json<ArtistListView>> {
    Ok(Json(actions::artist_list(&ctx, &caller, sha256.into_inner()).await?))
}

/// `POST /v1/offers/{id}/withdraw`: takes an undecided offer back.
pub async fn withdraw(buyer: Buyer, ctx: Data<Context>, id: Path<OfferId>) -> Result<Json<OfferView>> {
    Ok(Json(OfferView::of(actions::withdraw(&ctx, &buyer, id.into_inner()).await?)?))
}

/// `POST /v1/offers/{id}/void`: an operator calls an undecided offer and its vote off.
pub async fn void(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<OfferId>,
    body: Body<VoidOffer>,
) -> Result<Json<OfferView>> {
    let reason = body.into_inner().reason;
    Ok(Json(OfferView::of(actions::void(&ctx, &operator, id.into_inner(), reason).await?)?))
}

/// `GET /v1/offers/{id}/questions`: what electors asked about an offer, for its buyer and for operators.
pub async fn questions(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<OfferId>,
    query: Query<PageQuery>,
) -> Result<Json<Page<QuestionView>>> {
    let id = id.into_inner();
    let window = ctx.cursors.window(&query, &format!("questions of {id}"))?;
    let found = questions::of_offer(&ctx, &caller, id, &window).await?;
    let page = ctx.cursors.page(&window, found, |question| question.id.as_str());
    Ok(Json(page.map(|question| QuestionView::of(question, &caller.account_id))))
}

/// `POST /v1/votes/{id}/questions`: an elector asks the buyer.
pub async fn ask(
    member: Member,
    ctx: Data<Context>,
    id: Path<VoteId>,
    body: Body<NewQuestion>,
) -> Result<HttpResponse> {
    let asked = questions::ask(&ctx, &member, id.into_inner(), &body.text).await?;
    Ok(HttpResponse::Created().json(QuestionView::of(asked, &member.account_id)))
}

/// `POST /v1/questions/{id}/answer`: the buyer answers, once.
pub async fn answer(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<QuestionId>,
    body: Body<NewAnswer>,
) -> Result<Json<QuestionView>> {
    let answered = questions::answer(&ctx, &buyer, id.into_inner(), &body.text).await?;
    Ok(Json(QuestionView::of(answered, &buyer.account_id)))
}

/// `POST /v1/offers/{id}/release`: an operator lets a vote open whose opening was held.
pub async fn release(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<OfferId>,
    body: Body<ReleaseOffer>,
) -> Result<Json<OfferView>> {
    let reason = body.into_inner().reason;
    Ok(Json(OfferView::of(holding::release(&ctx, &operator, id.into_inner(), reason).await?)?))
}

fn exact(json: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(json)
}
