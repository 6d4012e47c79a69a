//! Purchases over HTTP: the invoice, the order number, and an operator's settlements.

use crate::accept;
use crate::accounts::caller::{Buyer, Caller, Operator};
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::idempotency::{IdempotencyKey, Kept};
use crate::ids::PurchaseId;
use crate::money::Money;
use crate::page::{Page, PageQuery};
use crate::purchases::actions;
use crate::purchases::invoice::Form;
use crate::purchases::model::PurchaseState;
use crate::purchases::views::PurchaseView;
use crate::query::Query;
use actix_web::http::header;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which purchases a list shows.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PurchaseFilter {
    /// Only purchases in this state.
    pub state: Option<PurchaseState>,
}

/// The buyer's purchase order number.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"po_number": "PO 4711"}))]
pub struct SetPoNumber {
    /// What is to stand on the invoice: one line of 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub po_number: String,
}

/// A payment that has arrived, or was sent back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "amount": {"amount": 5_500_000, "currency": "USD"}, "payment_reference": "bank statement 7, line 3"
}))]
pub struct Payment {
    /// The amount: exactly what is due, in the currency of the invoice.
    pub amount: Money,
    /// How the payment is found in the bank's statement: one line of 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub payment_reference: String,
}

/// `GET /v1/purchases`: the organisation's purchases, or all for an operator, newest first.
pub async fn list(
    caller: Caller,
    ctx: Data<Context>,
    query: Query<PageQuery>,
    filter: Query<PurchaseFilter>,
) -> Result<Json<Page<PurchaseView>>> {
    let state = filter.state.map_or("any state", PurchaseState::as_str);
    let owner = caller.organisation_id.as_ref().map_or("all organisations", |id| id.as_str());
    let window = ctx.cursors.window(&query, &format!("purchases of {owner} in {state}"))?;
    let seen = actions::list(&ctx, &caller, filter.state, &window).await?;
    let views = seen.into_iter().map(PurchaseView::of).collect::<Result<Vec<_>>>()?;
    Ok(Json(ctx.cursors.page(&window, views, |view| view.id.as_str())))
}

/// `GET /v1/purchases/{id}`: one purchase.
pub async fn read(caller: Caller, ctx: Data<Context>, id: Path<PurchaseId>) -> Result<Json<PurchaseView>> {
    Ok(Json(PurchaseView::of(actions::read(&ctx, &caller, id.into_inner()).await?)?))
}

/// `GET /v1/purchases/{id}/invoice`: the invoice, in the form that the caller likes best.
pub async fn invoice(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<PurchaseId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let form = form(&request)?;
    let invoice = actions::invoice(&ctx, &caller, id.into_inner()).await?;
    Ok(HttpResponse::Ok()
        .content_type(form.media_type())
        .insert_header((header::VARY, "Accept"))
        .body(invoice.render(form)?))
}

/// `PUT /v1/purchases/{id}/po-number`: sets the order number until the invoice is settled.
pub async fn set_po_number(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<PurchaseId>,
    body: Body<SetPoNumber>,
) -> Result<Json<PurchaseView>> {
    Ok(Json(PurchaseView::of(actions::set_po_number(&ctx, &buyer, id.into_inner(), &body.po_number).await?)?))
}

/// `POST /v1/purchases/{id}/settle`: an operator notes that the invoice was paid.
pub async fn settle(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<PurchaseId>,
    key: IdempotencyKey,
    body: Body<Payment>,
) -> Result<Kept> {
    let once = key.bind(&operator.account_id, &format!("purchases.settle {id}"), &*body)?;
    let Payment { amount, payment_reference } = body.into_inner();
    actions::settle(&ctx, &operator, id.into_inner(), amount, &payment_reference, once).await
}

/// `POST /v1/purchases/{id}/refund`: an operator notes that a refund that is due was paid back.
pub async fn refund(
    operator: Operator,
    ctx: Data<Context>,
    id: Path<PurchaseId>,
    key: IdempotencyKey,
    body: Body<Payment>,
) -> Result<Kept> {
    let once = key.bind(&operator.account_id, &format!("purchases.refund {id}"), &*body)?;
    let Payment { amount, payment_reference } = body.into_inner();
    actions::pay_refund(&ctx, &operator, id.into_inner(), amount, &payment_reference, once).await
}

/// The form that a request's `Accept` asks for; JSON where it says nothing.
fn form(request: &HttpRequest) -> Result<Form> {
    let Some(ranges) = accept::ranges(request)? else { return Ok(Form::Json) };
    Form::accepted(ranges.iter().map(|range| range.essence_str()))
}
