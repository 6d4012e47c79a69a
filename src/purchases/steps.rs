//! What others do with purchases and licences inside their own transaction.

use super::invoice::{self, Invoice, Line, Party};
use super::leavers::quarter::Quarter;
use super::licence::{self, Licence, LicenceState};
use super::model::{Purchase, PurchaseState, Refund, RefundPaid};
use super::{recalls, store, telling};
use crate::clock::UtcTime;
use crate::config::Seller;
use crate::datasets::model::Edition;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{LedgerAccountId, LicenceId, OfferId, OrganisationId, PurchaseId};
use crate::ledger::model::LedgerKind;
use crate::money::{self, Money};
use crate::offers::model::Offer;
use crate::pools::model::Pool;
use crate::queue::{self, JobKind};
use crate::webhooks::events::EventType;
use crate::{accounts, datasets, ledger, offers, outbox, pools};
use serde_json::json;

/// All of it, in hundredths of a percent.
const ALL_BP: i32 = 10_000;

/// Makes the purchase of an offer that the members have just accepted, in the same write: the
/// invoice, the promises in the books, the day on which it lapses, and the mail.
///
/// # Errors
/// `internal` where the offer is not one that waits for payment.
pub fn invoice(tx: &mut Tx, seller: &Seller, offer: &Offer) -> Result<PurchaseId> {
    let unpayable = || Error::internal(format!("{} has no day to be paid by", offer.id));
    let due_at = offer.pay_by.ok_or_else(unpayable)?;
    let pool = pools::steps::pool(tx, &offer.pool_id)?;
    let count = pools::steps::next_invoice_number(tx, &offer.pool_id)?;
    let mut document = document(tx, seller, offer, &pool)?;
    document.number = invoice::number(tx.now(), &pool.id, count);
    document.due_at = due_at;
    let purchase = Purchase {
        id: PurchaseId::new(tx.now(), tx.entropy()),
        offer_id: offer.id.clone(),
        organisation_id: offer.organisation_id.clone(),
        pool_id: offer.pool_id.clone(),
        state: PurchaseState::Invoiced,
        invoice_number: document.number.clone(),
        invoice_json: serde_json::to_string(&document)?,
        po_number: None,
        price_minor: offer.price_minor,
        fee_minor: offer.fee_minor,
        tax_minor: offer.tax_minor,
        currency: offer.currency.clone(),
        issued_at: document.issued_at,
        due_at,
        settled_at: None,
        settled_by: None,
        payment_reference: None,
    };
    store::insert_purchase(tx, &purchase)?;
    promise(tx, &purchase)?;
    queue::push(tx, JobKind::LapseOffer, offer.id.as_str(), due_at)?;
    telling::invoice(tx, &purchase.id, EventType::InvoiceIssued)?;
    outbox::push(tx, "invoice.issued", &json!({"purchase_id": purchase.id}))?;
    Ok(purchase.id)
}

fn document(tx: &mut Tx, seller: &Seller, offer: &Offer, pool: &Pool) -> Result<Invoice> {
    let terms = offer.terms()?;
    let buyer = accounts::steps::organisation(tx, &offer.organisation_id)?.profile;
    let edition = match &offer.edition_id {
        Some(id) => format!("edition {}", datasets::steps::edition(tx, id)?.number),
        None => "the next edition, drawn after payment".into(),
    };
    let money = |amount_minor| Money::new(amount_minor, &offer.currency);
    let text = format!("Licence to \"{}\", {edition}, {} days", terms.dataset_title, terms.period_days);
    let mut lines = vec![Line { text, amount: money(offer.price_minor) }];
    if offer.tax_minor > 0 {
        // The pool's rate may have changed since the offer froze the amount; then the amount stands alone.
        let same_rate = money::share_bp(offer.price_minor, pool.tax_bp)? == offer.tax_minor;
        let rate = invoice::percent(pool.tax_bp);
        let text = if same_rate { format!("Tax, {rate} of the price") } else { "Tax on the price".into() };
        lines.push(Line { text, amount: money(offer.tax_minor) });
    }
    Ok(Invoice {
        number: String::new(),
        issued_at: tx.now(),
        due_at: tx.now(),
        seller: Party {
            name: seller.legal_name.clone(),
            address: seller.address.clone(),
            country: seller.country.clone(),
            tax_id: seller.tax_id.clone(),
        },
        buyer: Party { name: buyer.legal_name, address: buyer.address, country: buyer.country, tax_id: buyer.tax_id },
        po_number: None,
        paid_at: None,
        is_void: false,
        offer_id: offer.id.clone(),
        dataset_id: offer.dataset_id.clone(),
        edition_id: offer.edition_id.clone(),
        lines,
        fee_included: money(offer.fee_minor),
        total: money(offer.total_minor),
        tax_note: pool.tax_note.clone(),
        bank_details: seller.bank_details.clone(),
        contact_email: seller.contact_email.clone(),
        terms_hash: offer.terms_hash.clone(),
    })
}

/// Promises the invoice's amounts: the buyer owes them to the members, the cooperative and the state.
fn promise(tx: &mut Tx, purchase: &Purchase) -> Result<()> {
    let receivable = receivable(tx, purchase)?;
    let parts = [
        (LedgerKind::PoolRevenue, purchase.price_minor - purchase.fee_minor),
        (LedgerKind::Fee, purchase.fee_minor),
        (LedgerKind::Tax, purchase.tax_minor),
    ];
    for (kind, amount_minor) in parts.into_iter().filter(|(_, amount_minor)| *amount_minor > 0) {
        let credited = account(tx, purchase, kind)?;
        ledger::steps::pend(tx, &receivable, &credited, amount_minor, purchase.id.as_str(), &purchase.invoice_number)?;
    }
    Ok(())
}

/// The pool's account of a kind, in the currency of a purchase.
///
/// # Errors
/// `internal` where the database fails.
pub fn account(tx: &mut Tx, purchase: &Purchase, kind: LedgerKind) -> Result<LedgerAccountId> {
    ledger::steps::account(tx, kind, purchase.pool_id.as_str(), &purchase.currency)
}

/// What the buyer of a purchase owes.
pub(super) fn receivable(tx: &mut Tx, purchase: &Purchase) -> Result<LedgerAccountId> {
    let (owner, currency) = (purchase.organisation_id.as_str(), &purchase.currency);
    ledger::steps::account(tx, LedgerKind::BuyerReceivable, owner, currency)
}

/// A purchase.
///
/// # Errors
/// `not-found` where there is none.
pub fn purchase(db: &mut Db, id: &PurchaseId) -> Result<Purchase> {
    store::purchase(db, id)?.ok_or_else(|| Error::not_found("purchase"))
}

/// The purchase of an offer, once it is accepted.
///
/// # Errors
/// `internal` where the database fails.
pub fn purchase_of(db: &mut Db, offer_id: &OfferId) -> Result<Option<Purchase>> {
    store::purchase_of(db, offer_id)
}

/// All purchases in a state, by id, for the check of the books.
///
/// # Errors
/// `internal` where the database fails.
pub fn ids_in(db: &mut Db, state: PurchaseState) -> Result<Vec<PurchaseId>> {
    store::ids_in(db, state)
}

/// The invoice of a purchase as it reads now.
///
/// # Errors
/// `internal` where the stored text is damaged.
pub fn invoice_of(purchase: &Purchase) -> Result<Invoice> {
    let invoice: Invoice = serde_json::from_str(&purchase.invoice_json)?;
    Ok(Invoice {
        po_number: purchase.po_number.clone(),
        paid_at: purchase.settled_at,
        is_void: purchase.state == PurchaseState::Lapsed,
        ..invoice
    })
}

/// A licence.
///
/// # Errors
/// `not-found` where there is none.
pub fn licence(db: &mut Db, id: &LicenceId) -> Result<Licence> {
    store::licence(db, id)?.ok_or_else(|| Error::not_found("licence"))
}

/// The licence of a purchase, once it is settled.
///
/// # Errors
/// `internal` where the database fails.
pub fn licence_of(db: &mut Db, purchase_id: &PurchaseId) -> Result<Option<Licence>> {
    store::licence_of(db, purchase_id)
}

/// The licences that an organisation holds as far as is noted, in their order. The clock may have ended some.
///
/// # Errors
/// `internal` where the database fails.
pub fn held_by(db: &mut Db, id: &OrganisationId) -> Result<Vec<Licence>> {
    store::licences_in(db, id, LicenceState::HELD)
}

/// Whether a licence may be used at an instant.
///
/// # Errors
/// What stands against it: see [`licence::usable`].
pub fn usable(db: &mut Db, licence: &Licence, now: UtcTime) -> Result<()> {
    let recalled = match &licence.edition_id {
        Some(id) => datasets::steps::recall(db, id)?,
        None => None,
    };
    licence::usable(licence, recalled.as_ref(), now)
}

/// The edition that was sold by an offer, once it is begun: the one from stock, or the one made to order. A recall may have put another
/// in its place since; but those who are in this one are paid, and its rows were promised.
///
/// # Errors
/// `internal` where the database fails.
pub fn sold_edition(db: &mut Db, offer: &Offer) -> Result<Option<Edition>> {
    match &offer.edition_id {
        Some(stock) => datasets::steps::edition(db, stock).map(Some),
        None => datasets::steps::edition_for(db, offer.id.as_str()),
    }
}

/// What goes back to the buyer before shares are entered: all of the price where the licence was cancelled; the share that the
/// terms state, where the edition had fewer rows than they promise when it was sold; else nothing. Everything that it is made of is
/// frozen, so it is the same whenever it is asked. What goes back for a recall comes on top: see [`super::recalls`].
///
/// # Errors
/// `internal` where a row is damaged.
pub fn refund(db: &mut Db, purchase: &Purchase, licence: &Licence) -> Result<Refund> {
    if licence.state == LicenceState::Cancelled {
        return purchase.refund(ALL_BP);
    }
    let promised = licence.terms()?.refund;
    let offer = offers::steps::offer(db, &licence.offer_id)?;
    match sold_edition(db, &offer)?.and_then(|edition| edition.rows_given) {
        Some(rows) if rows < promised.below_rows => purchase.refund(promised.refund_bp),
        _ => Ok(Refund::default()),
    }
}

/// Rows in the licensed edition, once it is published.
pub(super) fn rows_given(db: &mut Db, licence: &Licence) -> Result<Option<i64>> {
    let Some(edition_id) = &licence.edition_id else { return Ok(None) };
    Ok(datasets::steps::edition(db, edition_id)?.rows_given)
}

/// Makes a licence active, because its files are there now: the term begins, the refund is entered
/// where one is due, and the shares are asked for. `false` where that was done already.
pub(super) fn deliver(tx: &mut Tx, purchase: &Purchase, id: &LicenceId) -> Result<bool> {
    if !store::move_licence(tx, id, LicenceState::Preparing, LicenceState::Active)? {
        return Ok(false);
    }
    let licence = licence(tx, id)?;
    let starts_at = tx.now();
    let ends_at = starts_at.plus_days(licence.terms()?.period_days.into());
    store::set_term(tx, id, starts_at, ends_at)?;
    give_back(tx, purchase, &licence, "refund: fewer rows than the terms promise")?;
    queue::push(tx, JobKind::Payout, purchase.id.as_str(), starts_at)?;
    queue::push(tx, JobKind::ExpireLicence, id.as_str(), ends_at)?;
    queue::push(tx, JobKind::TellLeavers, licence.organisation_id.as_str(), Quarter::of(starts_at).ends_at())?;
    telling::licence(tx, id, EventType::LicenceActive)?;
    outbox::push(tx, "licence.ready", &json!({"licence_id": id}))?;
    Ok(true)
}

/// Notes the end of a licence whose term or notice is over at an instant.
pub(super) fn finish(tx: &mut Tx, licence: &Licence, now: UtcTime) -> Result<()> {
    let ended = licence.state_at(now);
    store::change_licence(tx, &licence.id, ended)?;
    let end = if ended == LicenceState::Revoked { licence.revoked_from() } else { licence.next_end() };
    store::set_ended(tx, &licence.id, end.unwrap_or(now))?;
    tell_of_change(tx, &licence.id)
}

/// Lapses an accepted offer and its invoice, because it is not to be paid any more. `false` where it was settled or has lapsed.
///
/// # Errors
/// `internal` where offer and purchase contradict each other, and then neither has changed.
pub(super) fn lapse(tx: &mut Tx, purchase: &Purchase, reason: &str) -> Result<bool> {
    if !store::change_purchase(tx, &purchase.id, PurchaseState::Lapsed)? {
        return Ok(false);
    }
    for promise in ledger::steps::pending_of(tx, purchase.id.as_str())? {
        ledger::steps::void_pending(tx, &promise.id)?;
    }
    let offer_id = &purchase.offer_id;
    if !offers::steps::lapse(tx, offer_id, reason)? {
        return Err(Error::internal(format!("{} was unpaid, but {offer_id} cannot lapse", purchase.id)));
    }
    telling::invoice(tx, &purchase.id, EventType::InvoiceLapsed)?;
    outbox::push(tx, "offer.lapsed", &json!({"offer_id": offer_id}))?;
    Ok(true)
}

/// Gives up a licence whose edition is not drawn yet: the edition with it, what was reserved for it, and
/// the exclusivity that it had; all of the price stands in the buyer's favour. `false` where it is too late.
///
/// # Errors
/// `internal` where licence and edition contradict each other, and then neither has changed.
pub(super) fn give_up(tx: &mut Tx, licence: &Licence, reason: &str) -> Result<bool> {
    if !store::change_licence(tx, &licence.id, LicenceState::Cancelled)? {
        return Ok(false);
    }
    let now = tx.now();
    store::set_cancelled(tx, &licence.id, reason, now)?;
    let Some(edition_id) = &licence.edition_id else {
        return Err(Error::internal(format!("{} waits for no edition", licence.id)));
    };
    if !datasets::steps::cancel_edition(tx, edition_id)? {
        // Published a moment ago: the licence becomes active by the job that drew it.
        return Err(Error::conflict("The edition has just been published, and the licence is about to begin."));
    }
    end_exclusivity(tx, licence)?;
    let licence = self::licence(tx, &licence.id)?;
    let purchase = purchase(tx, &licence.purchase_id)?;
    give_back(tx, &purchase, &licence, "refund: the licence was cancelled")?;
    offers::steps::tell(
        tx,
        &licence.offer_id,
        &format!("The licence was cancelled; what was paid goes back. {reason}"),
    )?;
    tell_of_change(tx, &licence.id)?;
    Ok(true)
}

/// Lets others buy again, where a licence that has ended had kept them out.
pub(super) fn end_exclusivity(tx: &mut Tx, licence: &Licence) -> Result<()> {
    let exclusive_until = offers::steps::offer(tx, &licence.offer_id)?.exclusive_until;
    let dataset = datasets::steps::dataset(tx, &licence.dataset_id)?;
    if exclusive_until.is_some() && dataset.exclusive_until == exclusive_until {
        datasets::steps::set_exclusive(tx, &dataset.id, None)?;
    }
    Ok(())
}

/// Has the buyers told that their licence is under notice, kept, over, or cancelled.
///
/// # Errors
/// `internal` where the database fails.
pub(super) fn tell_of_change(tx: &mut Tx, id: &LicenceId) -> Result<()> {
    telling::licence_change(tx, id)?;
    outbox::push(tx, "licence.changed", &json!({"licence_id": id}))
}

/// Has the buyers told that the notice about their licence was taken back, and why: that is kept nowhere else, as the licence stands as
/// if there had been none.
pub(super) fn tell_kept(tx: &mut Tx, id: &LicenceId, reason: &str) -> Result<()> {
    telling::kept(tx, id, reason)?;
    outbox::push(tx, "licence.changed", &json!({"licence_id": id, "reason": reason}))
}

/// What the books say that the pool owes the buyer for a settled purchase, in minor units.
///
/// # Errors
/// `internal` where the database fails.
pub fn refund_due_minor(db: &mut Db, purchase: &Purchase) -> Result<i64> {
    let (owner, currency) = (purchase.organisation_id.as_str(), &purchase.currency);
    let Some(receivable) = ledger::steps::find(db, LedgerKind::BuyerReceivable, owner, currency)? else {
        return Ok(0);
    };
    Ok(ledger::steps::balance_about(db, &receivable, purchase.id.as_str())?.in_credit_minor())
}

/// How the books say that a refund was paid out, before the operator's words by which it is found in the bank's statement.
const REFUND_PAID: &str = "refund paid: ";

/// Enters that a refund was paid out.
pub(super) fn enter_refund_paid(tx: &mut Tx, purchase: &Purchase, amount: &Money, reference: &str) -> Result<()> {
    let (receivable, bank) = (receivable(tx, purchase)?, account(tx, purchase, LedgerKind::Bank)?);
    let memo = format!("{REFUND_PAID}{reference}");
    ledger::steps::post(tx, &receivable, &bank, amount.amount_minor, purchase.id.as_str(), &memo)?;
    outbox::push(tx, "invoice.refunded", &json!({"purchase_id": purchase.id}))?;
    telling::refunded(tx, purchase, amount, reference)
}

/// What was paid back to the buyer, the oldest first: the books are what keeps it.
pub fn refunds_paid(db: &mut Db, purchase: &Purchase) -> Result<Vec<RefundPaid>> {
    let mut find = |kind, owner: &str| ledger::steps::find(db, kind, owner, &purchase.currency);
    let receivable = find(LedgerKind::BuyerReceivable, purchase.organisation_id.as_str())?;
    let bank = find(LedgerKind::Bank, purchase.pool_id.as_str())?;
    let (Some(receivable), Some(bank)) = (receivable, bank) else { return Ok(Vec::new()) };
    let rows = ledger::steps::moved(db, &receivable, &bank, purchase.id.as_str())?;
    let paid = rows.into_iter().filter_map(|row| {
        let payment_reference = row.memo.strip_prefix(REFUND_PAID)?.to_owned();
        Some(RefundPaid { amount: purchase.money(row.amount_minor), paid_at: row.created_at, payment_reference })
    });
    Ok(paid.collect())
}

/// Says for which settled purchases the buyer's account holds what it should not, one sentence for each: what was paid is what was
/// owed, but for a refund that is still to be paid out.
///
/// # Errors
/// `internal` where the database fails.
pub fn verify(db: &mut Db) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for id in ids_in(db, PurchaseState::Settled)? {
        let purchase = purchase(db, &id)?;
        let (refund_minor, recall_minor) = match store::licence_of(db, &id)? {
            Some(licence) => (
                refund(db, &purchase, &licence)?.total_minor(),
                recalls::steps::refund(db, &purchase, &licence)?.total_minor(),
            ),
            None => (0, 0),
        };
        // What was due before a recall may have been paid out before it, or not.
        let held_minor = refund_due_minor(db, &purchase)?;
        if ![0, recall_minor, refund_minor + recall_minor].contains(&held_minor) {
            problems.push(format!("{id} has {held_minor} in minor units left on the buyer's account"));
        }
    }
    problems.extend(recalls::verifying::verify(db)?);
    Ok(problems)
}

/// Enters a refund that is due: it stands in the buyer's favour until an operator has paid it.
/// Entered before the shares are, so that no member is paid out of it.
fn give_back(tx: &mut Tx, purchase: &Purchase, licence: &Licence, memo: &str) -> Result<()> {
    let refund = refund(tx, purchase, licence)?;
    enter_refund(tx, purchase, refund, LedgerKind::PoolRevenue, memo)
}

/// Enters what goes back, and tells the buyer's programs. What is neither fee nor tax of it is borne by an account of that kind.
pub(super) fn enter_refund(
    tx: &mut Tx,
    purchase: &Purchase,
    refund: Refund,
    borne_by: LedgerKind,
    memo: &str,
) -> Result<()> {
    let receivable = receivable(tx, purchase)?;
    let parts =
        [(borne_by, refund.revenue_minor), (LedgerKind::Fee, refund.fee_minor), (LedgerKind::Tax, refund.tax_minor)];
    for (kind, amount_minor) in parts.into_iter().filter(|(_, amount_minor)| *amount_minor > 0) {
        let debited = account(tx, purchase, kind)?;
        ledger::steps::post(tx, &debited, &receivable, amount_minor, purchase.id.as_str(), memo)?;
    }
    if refund.total_minor() > 0 {
        telling::refund_due(tx, purchase, &purchase.money(refund.total_minor()))?;
    }
    Ok(())
}
