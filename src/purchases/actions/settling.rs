//! How a purchase ends: paid, or lapsed. Whoever comes second is refused, and has changed nothing.

use super::reading;
use crate::accounts::caller::Operator;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::idempotency::{self, Kept, Once};
use crate::ids::{LicenceId, OfferId, PurchaseId};
use crate::ledger::model::LedgerKind;
use crate::money::Money;
use crate::purchases::agreements::{self, steps::Issuer};
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::model::{self, Purchase, PurchaseState};
use crate::purchases::views::PurchaseView;
use crate::purchases::{steps, store, telling};
use crate::queue::{self, JobKind};
use crate::webhooks::events::EventType;
use crate::{audit, datasets, ledger, offers};

/// Notes that an invoice was paid, in full and in its currency, grants the licence, and writes down what was agreed.
///
/// # Errors
/// `invalid` where the amount is not what the invoice says, `conflict` where it is settled or has lapsed.
pub async fn settle(
    ctx: &Context,
    operator: &Operator,
    id: PurchaseId,
    amount: Money,
    payment_reference: &str,
    once: Once,
) -> Result<Kept> {
    let payment_reference = model::reference(payment_reference, "payment_reference")?;
    let (operator, issuer) = (operator.clone(), Issuer::of(ctx));
    ctx.db
        .write(move |tx| {
            idempotency::once(tx, &once, 200, |tx| {
                settle_now(tx, &operator, &issuer, &id, &amount, &payment_reference)?;
                PurchaseView::of(reading::reread(tx, &id)?)
            })
        })
        .await
}

fn settle_now(
    tx: &mut Tx,
    operator: &Operator,
    issuer: &Issuer,
    id: &PurchaseId,
    amount: &Money,
    payment_reference: &str,
) -> Result<()> {
    let purchase = steps::purchase(tx, id)?;
    let total = purchase.total();
    if *amount != total {
        return Err(Error::invalid(format!(
            "{} is to be paid with exactly {total}, not {amount}; settle it once all of it has arrived, and send \
             back what was too much.",
            purchase.invoice_number
        )));
    }
    if !store::change_purchase(tx, id, PurchaseState::Settled)? {
        return Err(Error::conflict(match purchase.state {
            PurchaseState::Lapsed => "The invoice has lapsed and the offer with it; send the money back.".to_owned(),
            state => format!("The invoice is {state} already."),
        }));
    }
    let now = tx.now();
    store::note_payment(tx, id, &operator.account_id, payment_reference, now)?;
    enter_payment(tx, &purchase, payment_reference)?;
    offers::steps::mark_paid(tx, &purchase.offer_id)?;
    telling::invoice(tx, id, EventType::InvoicePaid)?;
    let licence_id = grant(tx, &purchase)?;
    agreements::steps::make(tx, issuer, &licence_id)?;
    audit::note(tx, &operator.account_id, "purchase.settle", id.as_str(), Some(payment_reference))
}

/// Fulfils the invoice's promises, and enters the money that has arrived.
fn enter_payment(tx: &mut Tx, purchase: &Purchase, payment_reference: &str) -> Result<()> {
    for promise in ledger::steps::pending_of(tx, purchase.id.as_str())? {
        ledger::steps::post_pending(tx, &promise.id)?;
    }
    let (bank, receivable) = (steps::account(tx, purchase, LedgerKind::Bank)?, steps::receivable(tx, purchase)?);
    let total_minor = purchase.total().amount_minor;
    ledger::steps::post(tx, &bank, &receivable, total_minor, purchase.id.as_str(), payment_reference)?;
    Ok(())
}

/// Grants the licence. Its files are there already where the edition is in stock; else the edition is
/// begun and drawn by a job.
fn grant(tx: &mut Tx, purchase: &Purchase) -> Result<LicenceId> {
    let offer = offers::steps::offer(tx, &purchase.offer_id)?;
    let now = tx.now();
    let edition_id = match &offer.edition_id {
        Some(stock) => stock.clone(),
        None => {
            let begun = datasets::steps::begin_edition(tx, &offer.dataset_id, offer.id.as_str())?;
            queue::push(tx, JobKind::DrawEdition, begun.as_str(), now)?;
            begun
        }
    };
    let licence = Licence {
        id: LicenceId::new(now, tx.entropy()),
        purchase_id: purchase.id.clone(),
        offer_id: offer.id.clone(),
        organisation_id: offer.organisation_id.clone(),
        dataset_id: offer.dataset_id.clone(),
        edition_id: Some(edition_id),
        state: LicenceState::Preparing,
        terms_json: offer.terms_json.clone(),
        terms_hash: offer.terms_hash.clone(),
        granted_at: now,
        starts_at: None,
        ends_at: None,
        revoked_reason: None,
        ended_at: None,
    };
    store::insert_licence(tx, &licence)?;
    telling::licence(tx, &licence.id, EventType::LicencePreparing)?;
    if offer.edition_id.is_some() {
        steps::deliver(tx, purchase, &licence.id)?;
    }
    if offer.exclusive_until.is_some_and(|until| until > now) {
        datasets::steps::set_exclusive(tx, &offer.dataset_id, offer.exclusive_until)?;
    }
    Ok(licence.id)
}

/// Lapses the offer and its purchase where nobody has paid by the day due; a job. Returns when to look
/// again where it is too early.
///
/// # Errors
/// `internal` where offer and purchase contradict each other, and then neither has changed.
pub async fn lapse(ctx: &Context, offer_id: &OfferId) -> Result<Option<UtcTime>> {
    let offer_id = offer_id.clone();
    ctx.db
        .write(move |tx| {
            let Some(purchase) = store::purchase_of(tx, &offer_id)? else { return Ok(None) };
            if tx.now() < purchase.due_at {
                return Ok(Some(purchase.due_at));
            }
            let reason = format!("The invoice {} was not paid by {}.", purchase.invoice_number, purchase.due_at);
            steps::lapse(tx, &purchase, &reason)?;
            Ok(None)
        })
        .await
}

/// Notes that a refund was paid back: all of what is due, at once.
///
/// # Errors
/// `conflict` where nothing is due, `invalid` where the amount is another.
pub async fn pay_refund(
    ctx: &Context,
    operator: &Operator,
    id: PurchaseId,
    amount: Money,
    payment_reference: &str,
    once: Once,
) -> Result<Kept> {
    let payment_reference = model::reference(payment_reference, "payment_reference")?;
    let operator = operator.clone();
    ctx.db
        .write(move |tx| {
            idempotency::once(tx, &once, 200, |tx| {
                let purchase = steps::purchase(tx, &id)?;
                let due = purchase.money(reading::seen(tx, purchase.clone())?.refund_due_minor);
                if due.amount_minor <= 0 {
                    return Err(Error::conflict("Nothing is owed to the buyer for this purchase."));
                }
                if amount != due {
                    return Err(Error::invalid(format!("The refund that is due is exactly {due}, not {amount}.")));
                }
                steps::enter_refund_paid(tx, &purchase, &due, &payment_reference)?;
                audit::note(tx, &operator.account_id, "purchase.refund", id.as_str(), Some(&payment_reference))?;
                PurchaseView::of(reading::reread(tx, &id)?)
            })
        })
        .await
}
