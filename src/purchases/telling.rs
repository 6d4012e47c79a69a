//! What the buyer's webhooks are told of an invoice and a licence.

use super::leavers::model::LeaversNotice;
use super::licence::{Licence, LicenceState};
use super::model::Purchase;
use super::{steps, store};
use crate::clock::UtcTime;
use crate::datasets::model::Edition;
use crate::datasets::recall::Recall;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::{LicenceId, OrganisationId, PurchaseId};
use crate::money::Money;
use crate::webhooks;
use crate::webhooks::events::EventType;
use serde_json::{Value, json};

fn about_invoice(purchase: &Purchase) -> Value {
    json!({
        "purchase_id": purchase.id,
        "offer_id": purchase.offer_id,
        "state": purchase.state,
        "invoice_number": purchase.invoice_number,
        "total": purchase.total(),
        "due_at": purchase.due_at,
        "href": format!("/v1/purchases/{}", purchase.id),
    })
}

/// Where an invoice stands.
pub fn invoice(tx: &mut Tx, id: &PurchaseId, event: EventType) -> Result<()> {
    let purchase = steps::purchase(tx, id)?;
    webhooks::steps::tell(tx, &purchase.organisation_id, event, &about_invoice(&purchase))
}

/// That so much goes back.
pub fn refund_due(tx: &mut Tx, purchase: &Purchase, refund: &Money) -> Result<()> {
    let mut data = about_invoice(purchase);
    data["refund"] = json!(refund);
    webhooks::steps::tell(tx, &purchase.organisation_id, EventType::InvoiceRefundDue, &data)
}

/// That so much has gone back, and how it is found in the bank's statement.
pub fn refunded(tx: &mut Tx, purchase: &Purchase, refund: &Money, payment_reference: &str) -> Result<()> {
    let mut data = about_invoice(purchase);
    data["refund"] = json!(refund);
    data["payment_reference"] = json!(payment_reference);
    webhooks::steps::tell(tx, &purchase.organisation_id, EventType::InvoiceRefunded, &data)
}

/// What has become of a licence that was active, or was to be.
pub fn licence_change(tx: &mut Tx, id: &LicenceId) -> Result<()> {
    let licence = steps::licence(tx, id)?;
    let event = match (licence.state_at(tx.now()), licence.revoked_from()) {
        (LicenceState::Active | LicenceState::Suspended, Some(_)) => EventType::LicenceUnderNotice,
        // It is what it was.
        (LicenceState::Active | LicenceState::Suspended | LicenceState::Preparing, _) => return Ok(()),
        (LicenceState::Revoked, _) => EventType::LicenceRevoked,
        (LicenceState::Expired, _) => EventType::LicenceExpired,
        (LicenceState::Cancelled, _) => EventType::LicenceCancelled,
        (LicenceState::Recalled, _) => EventType::EditionRecalled,
    };
    self::licence(tx, id, event)
}

/// That the notice about a licence was taken back, and why.
pub fn kept(tx: &mut Tx, id: &LicenceId, reason: &str) -> Result<()> {
    let licence = steps::licence(tx, id)?;
    let mut data = about_licence(&licence, tx.now());
    data["reason"] = json!(reason);
    webhooks::steps::tell(tx, &licence.organisation_id, EventType::LicenceKept, &data)
}

/// Where a licence stands.
pub fn licence(tx: &mut Tx, id: &LicenceId, event: EventType) -> Result<()> {
    let licence = steps::licence(tx, id)?;
    let data = about_licence(&licence, tx.now());
    webhooks::steps::tell(tx, &licence.organisation_id, event, &data)
}

/// That the edition of a licence was recalled, why, and what replaces it; or why what was to replace it was given up.
pub fn recall(tx: &mut Tx, id: &LicenceId, recall: &Recall, given_up: Option<&str>) -> Result<()> {
    let licence = steps::licence(tx, id)?;
    let mut data = about_licence(&licence, tx.now());
    data["edition_id"] = json!(recall.edition_id);
    data["ground"] = json!(recall.ground);
    data["reason"] = json!(recall.reason);
    data["recall"] = json!(recall.state);
    data["recalled_at"] = json!(recall.recalled_at);
    data["replacement_id"] = json!(recall.replacement_id);
    if let Some(reason) = given_up {
        data["given_up_reason"] = json!(reason);
    }
    webhooks::steps::tell(tx, &licence.organisation_id, EventType::EditionRecalled, &data)
}

fn about_licence(licence: &Licence, now: UtcTime) -> Value {
    json!({
        "licence_id": licence.id,
        "purchase_id": licence.purchase_id,
        "offer_id": licence.offer_id,
        "dataset_id": licence.dataset_id,
        "edition_id": licence.edition_id,
        "state": licence.state_at(now),
        "starts_at": licence.starts_at,
        "ends_at": licence.ends_at,
        "revoked_from": licence.revoked_from(),
        "reason": licence.revoked_reason,
        "ended_at": licence.ended_before(now),
        "href": format!("/v1/licences/{}", licence.id),
    })
}

/// How many of the members in a licence's edition have left.
pub fn leavers(tx: &mut Tx, organisation_id: &OrganisationId, notice: &LeaversNotice) -> Result<()> {
    let data = json!({
        "licence_id": notice.licence_id,
        "edition_id": notice.edition_id,
        "quarter": notice.quarter,
        "members": notice.members,
        "left_at_least": notice.left_at_least,
        "href": format!("/v1/licences/{}/notices", notice.licence_id),
    });
    webhooks::steps::tell(tx, organisation_id, EventType::LicenceLeaversCounted, &data)
}

/// That an edition was published: to all who hold a licence on its dataset, as the catalogue tells everybody.
pub fn published(tx: &mut Tx, edition: &Edition) -> Result<()> {
    let data = json!({
        "edition_id": edition.id,
        "dataset_id": edition.dataset_id,
        "number": edition.number,
        "rows": edition.rows_given,
        "href": format!("/v1/datasets/{}", edition.dataset_id),
    });
    for organisation_id in store::licensees(tx, &edition.dataset_id)? {
        webhooks::steps::tell(tx, &organisation_id, EventType::EditionPublished, &data)?;
    }
    Ok(())
}
