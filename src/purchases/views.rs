//! Purchases and licences as the API shows them.

use super::actions::{Seen, SeenLicence};
use super::licence::LicenceState;
use super::model::{PurchaseState, RefundPaid};
use super::steps;
use crate::clock::UtcTime;
use crate::datasets::actions::RecallView;
use crate::error::Result;
use crate::ids::{DatasetId, EditionId, LicenceId, OfferId, OrganisationId, PurchaseId};
use crate::money::Money;
use crate::offers::terms::Terms;
use serde::Serialize;
use utoipa::ToSchema;

/// A purchase.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "purchase_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "offer_id": "offer_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "organisation_id": "org_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "buyer": "Northwind Radio BV",
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "state": "settled",
    "invoice_number": "R-2026-000123-7T5Y2Z",
    "po_number": "PO 4711",
    "price": {"amount": 5_500_000, "currency": "USD"},
    "fee": {"amount": 550_000, "currency": "USD"},
    "tax": {"amount": 0, "currency": "USD"},
    "total": {"amount": 5_500_000, "currency": "USD"},
    "terms_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "issued_at": "2026-01-08T12:00:00Z",
    "due_at": "2026-01-22T12:00:00Z",
    "settled_at": "2026-01-09T08:00:00Z",
    "payment_reference": "bank statement 7, line 3",
    "licence_id": "licence_01jd2k8m0wfv9s3x6q4r7t5y2z"
}))]
pub struct PurchaseView {
    /// Its id.
    pub id: PurchaseId,
    /// The offer.
    pub offer_id: OfferId,
    /// The buyer organisation.
    pub organisation_id: OrganisationId,
    /// Its legal name, as it stands on the invoice.
    pub buyer: String,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// `invoiced`, `settled` or `lapsed`.
    pub state: PurchaseState,
    /// The number of the invoice, to be given with the payment.
    pub invoice_number: String,
    /// The buyer's purchase order number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub po_number: Option<String>,
    /// The price before tax.
    pub price: Money,
    /// The part of the price that the cooperative keeps.
    pub fee: Money,
    /// Tax on the price.
    pub tax: Money,
    /// What is paid: price and tax.
    pub total: Money,
    /// SHA-256 of the terms, in hex.
    pub terms_hash: String,
    /// When the invoice was issued.
    pub issued_at: UtcTime,
    /// By when it is to be paid.
    pub due_at: UtcTime,
    /// When it was settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<UtcTime>,
    /// How the payment is found in the bank's statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_reference: Option<String>,
    /// The licence, once it is settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence_id: Option<LicenceId>,
    /// What the pool owes the buyer, because the edition has fewer rows than promised or was recalled, or the licence was
    /// cancelled; missing where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_due: Option<Money>,
    /// What was paid back to the buyer, the oldest first; missing where nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<RefundPaid>,
}

/// A licence.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "licence_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "purchase_id": "purchase_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "offer_id": "offer_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "organisation_id": "org_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "organisation": "Northwind Radio BV",
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "dataset": "Artist preference",
    "edition_id": "edition_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "state": "active",
    "terms_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "granted_at": "2026-01-09T08:00:00Z",
    "starts_at": "2026-01-09T08:05:00Z",
    "ends_at": "2027-01-09T08:05:00Z",
    "rows_promised": 50,
    "rows_given": 412,
    "rows_short": false
}))]
pub struct LicenceSummary {
    /// Its id.
    pub id: LicenceId,
    /// What was paid for it.
    pub purchase_id: PurchaseId,
    /// The offer that it fulfils.
    pub offer_id: OfferId,
    /// Who holds it.
    pub organisation_id: OrganisationId,
    /// The holder's legal name.
    pub organisation: String,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// Its title.
    pub dataset: String,
    /// The edition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition_id: Option<EditionId>,
    /// `preparing`, `active`, `suspended`, `expired`, `revoked`, `cancelled` or `recalled`.
    pub state: LicenceState,
    /// SHA-256 of the terms, in hex: the same on the offer, the vote and the invoice.
    pub terms_hash: String,
    /// When it was paid.
    pub granted_at: UtcTime,
    /// When the files were there first: the term counts from here, not from the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<UtcTime>,
    /// When the term is over. While the licence is suspended the term stands still: then it ends as much later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UtcTime>,
    /// When it ended, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UtcTime>,
    /// Why it was taken away or cancelled, or will be taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_reason: Option<String>,
    /// From when it is taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_from: Option<UtcTime>,
    /// Why there are no files any more, where the edition was recalled, and what takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallView>,
    /// Rows that the terms promise at least.
    pub rows_promised: i64,
    /// Rows of the edition, once it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_given: Option<i64>,
    /// Whether there are fewer rows than promised: then the terms' refund is due.
    pub rows_short: bool,
}

/// A licence with its terms.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LicenceView {
    /// What lists show too.
    #[serde(flatten)]
    pub summary: LicenceSummary,
    /// What is licensed and how, as the members accepted it.
    pub terms: Terms,
}

impl PurchaseView {
    /// A purchase as buyers and operators are shown it.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(seen: Seen) -> Result<Self> {
        let Seen { purchase, licence, refund_due_minor, refunds } = seen;
        let invoice = steps::invoice_of(&purchase)?;
        Ok(PurchaseView {
            buyer: invoice.buyer.name,
            dataset_id: invoice.dataset_id,
            terms_hash: invoice.terms_hash,
            price: purchase.money(purchase.price_minor),
            fee: purchase.money(purchase.fee_minor),
            tax: purchase.money(purchase.tax_minor),
            total: purchase.total(),
            refund_due: (refund_due_minor > 0).then(|| purchase.money(refund_due_minor)),
            id: purchase.id,
            offer_id: purchase.offer_id,
            organisation_id: purchase.organisation_id,
            state: purchase.state,
            invoice_number: purchase.invoice_number,
            po_number: purchase.po_number,
            issued_at: purchase.issued_at,
            due_at: purchase.due_at,
            settled_at: purchase.settled_at,
            payment_reference: purchase.payment_reference,
            licence_id: licence.map(|licence| licence.id),
            refunds,
        })
    }
}

impl LicenceView {
    /// A licence as holder and operators are shown it, at an instant.
    ///
    /// # Errors
    /// `internal` for a damaged row.
    pub fn of(seen: SeenLicence, now: UtcTime) -> Result<Self> {
        let SeenLicence { licence, rows_given, recalled } = seen;
        let terms = licence.terms()?;
        let summary = LicenceSummary {
            organisation: terms.organisation_name.clone(),
            dataset: terms.dataset_title.clone(),
            state: licence.state_at(now),
            revoked_from: licence.revoked_from(),
            ended_at: licence.ended_before(now),
            recall: recalled.as_ref().map(RecallView::from),
            rows_promised: terms.refund.below_rows,
            rows_short: rows_given.is_some_and(|rows| rows < terms.refund.below_rows),
            rows_given,
            id: licence.id,
            purchase_id: licence.purchase_id,
            offer_id: licence.offer_id,
            organisation_id: licence.organisation_id,
            dataset_id: licence.dataset_id,
            edition_id: licence.edition_id,
            terms_hash: licence.terms_hash,
            granted_at: licence.granted_at,
            starts_at: licence.starts_at,
            ends_at: licence.ends_at,
            revoked_reason: licence.revoked_reason,
        };
        Ok(LicenceView { summary, terms })
    }
}
