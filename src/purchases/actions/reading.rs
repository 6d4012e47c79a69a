//! Looking at purchases, and the one thing that a buyer may change about them.

use super::{Seen, scope, within};
use crate::accounts::caller::{Buyer, Caller};
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids::PurchaseId;
use crate::page::Window;
use crate::purchases::invoice::Invoice;
use crate::purchases::model::{self, Purchase, PurchaseState};
use crate::purchases::{steps, store};

/// Purchases, newest first: a buyer's own organisation's, or all for an operator.
///
/// # Errors
/// `forbidden` for members.
pub async fn list(ctx: &Context, caller: &Caller, state: Option<PurchaseState>, window: &Window) -> Result<Vec<Seen>> {
    let (scope, window) = (scope(caller)?, window.clone());
    ctx.db
        .read(move |db| {
            let rows = store::purchases(db, scope.as_ref(), state, window.after.as_deref(), window.fetch())?;
            rows.into_iter().map(|purchase| seen(db, purchase)).collect()
        })
        .await
}

/// One purchase.
///
/// # Errors
/// `not-found` for one of another organisation.
pub async fn read(ctx: &Context, caller: &Caller, id: PurchaseId) -> Result<Seen> {
    let scope = scope(caller)?;
    ctx.db
        .read(move |db| {
            let purchase = steps::purchase(db, &id)?;
            within(scope.as_ref(), &purchase.organisation_id, "purchase")?;
            seen(db, purchase)
        })
        .await
}

/// The invoice of a purchase.
///
/// # Errors
/// `not-found` for one of another organisation.
pub async fn invoice(ctx: &Context, caller: &Caller, id: PurchaseId) -> Result<Invoice> {
    steps::invoice_of(&read(ctx, caller, id).await?.purchase)
}

/// Sets the buyer's purchase order number, or changes it, until the invoice is settled.
///
/// # Errors
/// `not-found` for another organisation's purchase, `conflict` once it is settled or has lapsed.
pub async fn set_po_number(ctx: &Context, buyer: &Buyer, id: PurchaseId, po_number: &str) -> Result<Seen> {
    let po_number = model::reference(po_number, "po_number")?;
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            let purchase = steps::purchase(tx, &id)?;
            within(Some(&buyer.organisation_id), &purchase.organisation_id, "purchase")?;
            if !store::set_po_number(tx, &id, &po_number)? {
                let state = purchase.state;
                return Err(Error::conflict(format!("The invoice is {state}; its order number no longer changes.")));
            }
            reread(tx, &id)
        })
        .await
}

/// A purchase as it stands within a write.
pub(super) fn reread(tx: &mut Tx, id: &PurchaseId) -> Result<Seen> {
    let purchase = steps::purchase(tx, id)?;
    seen(tx, purchase)
}

pub(super) fn seen(db: &mut crate::db::Db, purchase: Purchase) -> Result<Seen> {
    let licence = store::licence_of(db, &purchase.id)?;
    if licence.is_none() {
        return Ok(Seen { purchase, licence, refund_due_minor: 0, refunds: Vec::new() });
    }
    let (refund_due_minor, refunds) = (steps::refund_due_minor(db, &purchase)?, steps::refunds_paid(db, &purchase)?);
    Ok(Seen { purchase, licence, refund_due_minor, refunds })
}
