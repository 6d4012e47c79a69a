//! What a payout is.

use crate::clock::UtcTime;
use crate::db::schema::payouts;
use crate::ids::{AccountId, PayoutId, PurchaseId, TransferId};
use crate::offers::terms::Terms;
use crate::purchases::model::{Purchase, Refund};
use diesel::prelude::{Queryable, Selectable};

/// A member's share of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = payouts)]
#[allow(missing_docs)] // the columns say it
pub struct Payout {
    pub id: PayoutId,
    pub purchase_id: PurchaseId,
    pub member_id: AccountId,
    pub amount_minor: i64,
    pub currency: String,
    /// The row of the journal that credits the member.
    pub transfer_id: TransferId,
    pub created_at: UtcTime,
}

/// A settled sale as its payees see it.
#[derive(Debug, Clone)]
pub struct Sale {
    /// What was paid.
    pub purchase: Purchase,
    /// What was sold, to whom and for what.
    pub terms: Terms,
    /// What went back to the buyer.
    pub refund: Refund,
    /// Among how many the rest is shared out.
    pub payees: i64,
}

impl Sale {
    /// What there is to share out: the price less the fee and less what the members give back.
    pub fn to_share_minor(&self) -> i64 {
        self.purchase.price_minor - self.purchase.fee_minor - self.refund.revenue_minor
    }
}
