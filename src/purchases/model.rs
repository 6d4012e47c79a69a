//! What a purchase is, and which way it may go.

use crate::clock::UtcTime;
use crate::db::schema::purchases;
use crate::error::{Error, Result};
use crate::ids::{AccountId, OfferId, OrganisationId, PoolId, PurchaseId};
use crate::money::{self, Money};
use crate::text_enum;
use diesel::prelude::{Queryable, Selectable};
use serde::Serialize;
use utoipa::ToSchema;

/// Longest purchase order number and payment reference, in characters.
const REFERENCE_CHARS_MAX: usize = 100;

text_enum! {
    /// Where a purchase stands.
    pub enum PurchaseState {
        /// The invoice is out and not paid.
        Invoiced = "invoiced",
        /// Paid: there is a licence.
        Settled = "settled",
        /// Not paid in time. Nothing is owed any more, and nothing was sold.
        Lapsed = "lapsed",
    }
}

impl PurchaseState {
    /// The states from which a purchase may come to this one. Everything else is refused.
    pub const fn allowed_from(self) -> &'static [PurchaseState] {
        match self {
            PurchaseState::Invoiced => &[],
            PurchaseState::Settled | PurchaseState::Lapsed => &[PurchaseState::Invoiced],
        }
    }
}

/// A purchase.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = purchases)]
#[allow(missing_docs)] // the columns say it
pub struct Purchase {
    pub id: PurchaseId,
    pub offer_id: OfferId,
    pub organisation_id: OrganisationId,
    pub pool_id: PoolId,
    pub state: PurchaseState,
    pub invoice_number: String,
    /// The invoice as it was issued, without the order number, which may come later.
    pub invoice_json: String,
    /// The buyer's purchase order number.
    pub po_number: Option<String>,
    pub price_minor: i64,
    /// Part of the price.
    pub fee_minor: i64,
    /// On top of the price.
    pub tax_minor: i64,
    pub currency: String,
    pub issued_at: UtcTime,
    pub due_at: UtcTime,
    pub settled_at: Option<UtcTime>,
    pub settled_by: Option<AccountId>,
    /// How the payment is found in the bank's statement.
    pub payment_reference: Option<String>,
}

impl Purchase {
    /// What the buyer pays.
    pub fn total(&self) -> Money {
        self.money(self.price_minor + self.tax_minor)
    }

    /// An amount in the purchase's currency.
    pub fn money(&self, amount_minor: i64) -> Money {
        Money::new(amount_minor, &self.currency)
    }

    /// What goes back to the buyer where an edition has fewer rows than promised: the stated share of
    /// each part of the total, each rounded half up by itself.
    ///
    /// # Errors
    /// `invalid` where an amount is out of range.
    pub fn refund(&self, refund_bp: i32) -> Result<Refund> {
        let part = |amount_minor| money::share_bp(amount_minor, refund_bp.clamp(0, 10_000));
        let fee_minor = part(self.fee_minor)?;
        // Rounding keeps the order of amounts, so what the members give back is never negative, and
        // never more than the price less the fee.
        Ok(Refund { revenue_minor: part(self.price_minor)? - fee_minor, fee_minor, tax_minor: part(self.tax_minor)? })
    }
}

/// What goes back to the buyer, by where it comes from, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the fields say it
pub struct Refund {
    pub revenue_minor: i64,
    pub fee_minor: i64,
    pub tax_minor: i64,
}

impl Refund {
    /// All of it.
    pub fn total_minor(&self) -> i64 {
        self.revenue_minor + self.fee_minor + self.tax_minor
    }
}

/// A refund that was paid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "amount": {"amount": 1_190_040, "currency": "USD"},
    "paid_at": "2026-02-03T09:00:00Z",
    "payment_reference": "bank statement 9, line 1"
}))]
pub struct RefundPaid {
    /// How much.
    pub amount: Money,
    /// When an operator noted that it was paid.
    pub paid_at: UtcTime,
    /// How it is found in the bank's statement.
    pub payment_reference: String,
}

/// Checks an order number or a payment reference: one line that people can read out.
///
/// # Errors
/// `invalid`, naming the field.
pub fn reference(text: &str, field: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > REFERENCE_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(Error::invalid(format!("{field} is one line of 1 to {REFERENCE_CHARS_MAX} characters.")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::clock::Entropy;
    use crate::money::MAX_MINOR;
    use crate::offers::terms::Terms;
    use crate::offers::terms::tests::sample_of;
    use proptest::prelude::*;

    pub fn purchase(price_minor: i64, fee_minor: i64, tax_minor: i64) -> Purchase {
        let (now, entropy) = (UtcTime::from_unix_s(0).unwrap(), Entropy::seeded(1));
        Purchase {
            id: PurchaseId::new(now, &entropy),
            offer_id: OfferId::new(now, &entropy),
            organisation_id: OrganisationId::new(now, &entropy),
            pool_id: PoolId::new(now, &entropy),
            state: PurchaseState::Settled,
            invoice_number: "R-1970-000001".into(),
            invoice_json: "{}".into(),
            po_number: None,
            price_minor,
            fee_minor,
            tax_minor,
            currency: "USD".into(),
            issued_at: now,
            due_at: now,
            settled_at: None,
            settled_by: None,
            payment_reference: None,
        }
    }

    /// Every state against every other: the table is written out once more, by hand.
    #[test]
    fn a_purchase_is_settled_or_lapses_once() {
        use PurchaseState::{Invoiced, Lapsed, Settled};
        for &from in PurchaseState::ALL {
            for &to in PurchaseState::ALL {
                let allowed = [(Invoiced, Settled), (Invoiced, Lapsed)].contains(&(from, to));
                assert_eq!(to.allowed_from().contains(&from), allowed, "{from} to {to}");
            }
        }
    }

    #[test]
    fn a_refund_takes_its_share_of_every_part() {
        let refund = purchase(5_500_000, 550_000, 1_045_000).refund(5_000).unwrap();
        assert_eq!(refund, Refund { revenue_minor: 2_475_000, fee_minor: 275_000, tax_minor: 522_500 });
        assert_eq!(purchase(100, 10, 0).refund(0).unwrap().total_minor(), 0);
        assert_eq!(purchase(100, 10, 19).refund(10_000).unwrap().total_minor(), 119);
    }

    proptest! {
        #[test]
        fn a_refund_never_gives_back_more_than_there_is(
            price in 1..=MAX_MINOR, fee_bp in 0..=10_000i32, tax_bp in 0..=10_000i32, refund_bp in 0..=10_000i32,
        ) {
            let (fee, tax) = (money::share_bp(price, fee_bp).unwrap(), money::share_bp(price, tax_bp).unwrap());
            let refund = purchase(price, fee, tax).refund(refund_bp).unwrap();
            prop_assert!((0..=price - fee).contains(&refund.revenue_minor));
            prop_assert!((0..=fee).contains(&refund.fee_minor));
            prop_assert!((0..=tax).contains(&refund.tax_minor));
            let usd = |amount_minor| Money::new(amount_minor, "USD");
            let terms = Terms { price: usd(price), tax: usd(tax), ..sample_of(365, refund_bp) };
            prop_assert_eq!(usd(refund.total_minor()), terms.refund_for_few_rows().unwrap(), "as the agreement says");
        }
    }

    #[test]
    fn references_are_one_readable_line() {
        assert_eq!(reference(" PO 4711 ", "po_number").unwrap(), "PO 4711");
        for bad in ["", "  ", "a\nb", "a\u{0}", &"x".repeat(101)] {
            assert!(reference(bad, "po_number").is_err());
        }
    }
}
