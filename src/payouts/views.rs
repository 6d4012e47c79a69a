//! Payouts as the API shows them.

use super::actions::{Shares, Statement};
use super::model::{Payout, Sale};
use crate::clock::UtcTime;
use crate::ids::{AccountId, DatasetId, PayoutId, PurchaseId};
use crate::money::Money;
use crate::page::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// A member's share of a sale, and how it came about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "payout_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "share": {"amount": 275, "currency": "USD"},
    "entered_at": "2026-01-09T08:05:00Z",
    "purchase_id": "purchase_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "dataset": "Artist preference",
    "buyer": "Northwind Radio BV",
    "price": {"amount": 5_500_000, "currency": "USD"},
    "fee": {"amount": 550_000, "currency": "USD"},
    "refunded": {"amount": 0, "currency": "USD"},
    "shared": {"amount": 4_950_000, "currency": "USD"},
    "members": 18_000
}))]
pub struct StatementView {
    /// Its id.
    pub id: PayoutId,
    /// What is yours.
    pub share: Money,
    /// When it was entered in the books.
    pub entered_at: UtcTime,
    /// The sale.
    pub purchase_id: PurchaseId,
    /// What was sold.
    pub dataset_id: DatasetId,
    /// Its title.
    pub dataset: String,
    /// Who bought it.
    pub buyer: String,
    /// The price that the members agreed to.
    pub price: Money,
    /// The part of it that the cooperative keeps.
    pub fee: Money,
    /// The part of it that went back to the buyer; zero where everything was as promised.
    pub refunded: Money,
    /// What is left of the price, less fee and refund, and was shared out in equal parts.
    pub shared: Money,
    /// Among how many members.
    pub members: i64,
}

/// A purchase's shares.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "purchase_id": "purchase_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "price": {"amount": 5_500_000, "currency": "USD"},
    "fee": {"amount": 550_000, "currency": "USD"},
    "refunded": {"amount": 0, "currency": "USD"},
    "to_share": {"amount": 4_950_000, "currency": "USD"},
    "members": 18_000,
    "shares_entered": 18_000,
    "paid_out": {"amount": 4_950_000, "currency": "USD"},
    "items": [{
        "id": "payout_01jd2k8m0wfv9s3x6q4r7t5y2z",
        "member_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z",
        "share": {"amount": 275, "currency": "USD"},
        "entered_at": "2026-01-09T08:05:00Z"
    }]
}))]
pub struct SharesView {
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// The price that the members agreed to; missing, with all that follows from it, until the
    /// edition is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Money>,
    /// The part of it that the cooperative keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// The part of it that went back to the buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Money>,
    /// What is left of the price to be shared out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_share: Option<Money>,
    /// Among how many members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<i64>,
    /// Shares in the books so far.
    pub shares_entered: i64,
    /// Their sum: `to_share` once all are entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_out: Option<Money>,
    /// A page of the shares, by ascending member id: the order in which what is left over is given.
    pub items: Vec<ShareView>,
    /// Give this as `cursor` to get the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// One share, as an operator sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "payout_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "member_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "share": {"amount": 275, "currency": "USD"},
    "entered_at": "2026-01-09T08:05:00Z"
}))]
pub struct ShareView {
    /// Its id.
    pub id: PayoutId,
    /// Whose it is.
    pub member_id: AccountId,
    /// How much.
    pub share: Money,
    /// When it was entered in the books.
    pub entered_at: UtcTime,
}

impl From<Statement> for StatementView {
    fn from(statement: Statement) -> Self {
        let Statement { payout, sale } = statement;
        let purchase = &sale.purchase;
        StatementView {
            share: Money::new(payout.amount_minor, payout.currency),
            price: purchase.money(purchase.price_minor),
            fee: purchase.money(purchase.fee_minor - sale.refund.fee_minor),
            refunded: purchase.money(sale.refund.revenue_minor + sale.refund.fee_minor),
            shared: purchase.money(sale.to_share_minor()),
            members: sale.payees,
            id: payout.id,
            entered_at: payout.created_at,
            purchase_id: payout.purchase_id,
            dataset_id: sale.terms.dataset_id,
            dataset: sale.terms.dataset_title,
            buyer: sale.terms.organisation_name,
        }
    }
}

impl From<Payout> for ShareView {
    fn from(payout: Payout) -> Self {
        ShareView {
            id: payout.id,
            member_id: payout.member_id,
            share: Money::new(payout.amount_minor, payout.currency),
            entered_at: payout.created_at,
        }
    }
}

impl SharesView {
    /// A purchase's totals with a page of its shares.
    pub fn of(purchase_id: PurchaseId, sale: Option<Sale>, shares: Shares, page: Page<ShareView>) -> Self {
        let money = |amount: fn(&Sale) -> i64| sale.as_ref().map(|sale| sale.purchase.money(amount(sale)));
        SharesView {
            purchase_id,
            price: money(|sale| sale.purchase.price_minor),
            fee: money(|sale| sale.purchase.fee_minor - sale.refund.fee_minor),
            refunded: money(|sale| sale.refund.revenue_minor + sale.refund.fee_minor),
            to_share: money(Sale::to_share_minor),
            members: sale.as_ref().map(|sale| sale.payees),
            shares_entered: shares.entered,
            paid_out: sale.as_ref().map(|sale| sale.purchase.money(shares.paid_minor)),
            items: page.items,
            next_cursor: page.next_cursor,
        }
    }
}
