//! What licensees of a recalled edition get, and how much goes back. Pure.

use crate::clock::UtcTime;
use crate::datasets::recall::RecallGround;
use crate::error::Result;
use crate::money;
use crate::offers::terms::Terms;
use crate::purchases::model::{Purchase, Refund};
use crate::text_enum;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

text_enum! {
    /// What licensees get for a recalled edition.
    pub enum Remedy {
        /// A new edition in its place, drawn anew.
        Replacement = "replacement",
        /// Money.
        Refund = "refund",
    }
}

/// What goes back for the recall of an edition, on top of what has gone `back` before: the part of the rest for the time from the
/// recall until the term would have ended. Where the edition was in error, as much as the terms state for one that has too few rows, if
/// that is more.
///
/// # Errors
/// `invalid` where an amount is out of range.
pub fn refund(
    purchase: &Purchase,
    terms: &Terms,
    back: Refund,
    ground: RecallGround,
    recalled_at: UtcTime,
    would_end_at: UtcTime,
) -> Result<Refund> {
    let whole_s = i64::from(terms.period_days) * DAY_S;
    let rest_s = (would_end_at.unix_s() - recalled_at.unix_s()).clamp(0, whole_s);
    let part = |amount_minor, back_minor| money::part_of(amount_minor - back_minor, rest_s, whole_s);
    // Rounding keeps the order of amounts: what is left of the price is no less than what is left of the fee.
    let fee_minor = part(purchase.fee_minor, back.fee_minor)?;
    let for_the_rest = Refund {
        revenue_minor: part(purchase.price_minor, back.revenue_minor + back.fee_minor)? - fee_minor,
        fee_minor,
        tax_minor: part(purchase.tax_minor, back.tax_minor)?,
    };
    if ground != RecallGround::Error {
        return Ok(for_the_rest);
    }
    let stated = purchase.refund(terms.refund.refund_bp)?;
    let by_terms = Refund {
        revenue_minor: (stated.revenue_minor - back.revenue_minor).max(0),
        fee_minor: (stated.fee_minor - back.fee_minor).max(0),
        tax_minor: (stated.tax_minor - back.tax_minor).max(0),
    };
    Ok(if by_terms.total_minor() > for_the_rest.total_minor() { by_terms } else { for_the_rest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purchases::model::tests::purchase;
    use proptest::prelude::*;

    const NOTHING: Refund = Refund { revenue_minor: 0, fee_minor: 0, tax_minor: 0 };

    fn at(days: i64) -> UtcTime {
        UtcTime::from_unix_s(1_000_000_000).unwrap().plus_days(days)
    }

    fn of(purchase: &Purchase, back: Refund, ground: RecallGround, (from, to): (i64, i64), refund_bp: i32) -> Refund {
        let terms = crate::offers::terms::tests::sample_of(90, refund_bp);
        refund(purchase, &terms, back, ground, at(from), at(to)).unwrap()
    }

    #[test]
    fn the_rest_of_the_term_is_paid_back_and_an_error_by_the_terms() {
        let purchase = purchase(9_000, 900, 1_800);
        let third = Refund { revenue_minor: 2_700, fee_minor: 300, tax_minor: 600 };
        let all = Refund { revenue_minor: 8_100, fee_minor: 900, tax_minor: 1_800 };
        assert_eq!(of(&purchase, NOTHING, RecallGround::Security, (0, 30), 10_000), third);
        assert_eq!(of(&purchase, NOTHING, RecallGround::Error, (0, 30), 10_000), all);
        assert_eq!(of(&purchase, NOTHING, RecallGround::Error, (0, 30), 1_000), third, "the terms give less");
        assert_eq!(of(&purchase, NOTHING, RecallGround::Other, (0, 90), 0), all);
        assert_eq!(of(&purchase, NOTHING, RecallGround::Other, (30, 30), 0), NOTHING);
        assert_eq!(of(&purchase, NOTHING, RecallGround::Other, (30, 10), 0), NOTHING, "it would have ended before");
        assert_eq!(of(&purchase, all, RecallGround::Error, (0, 90), 10_000), NOTHING, "it went back before");
    }

    proptest! {
        /// Whatever went back before, no part ever gives back more than it has.
        #[test]
        fn no_more_goes_back_than_there_is(
            price in 1..=money::MAX_MINOR, fee_bp in 0..=10_000i32, tax_bp in 0..=10_000i32, short_bp in 0..=10_000i32,
            terms_bp in 0..=10_000i32, rest in 0..=90i64, in_error: bool,
        ) {
            let part = |bp| money::share_bp(price, bp).unwrap();
            let purchase = purchase(price, part(fee_bp), part(tax_bp));
            let back = purchase.refund(short_bp).unwrap();
            let ground = if in_error { RecallGround::Error } else { RecallGround::LegalClaim };
            let again = of(&purchase, back, ground, (0, rest), terms_bp);
            let revenue = price - purchase.fee_minor;
            prop_assert!((0..=revenue - back.revenue_minor).contains(&again.revenue_minor), "{again:?}");
            prop_assert!((0..=purchase.fee_minor - back.fee_minor).contains(&again.fee_minor), "{again:?}");
            prop_assert!((0..=purchase.tax_minor - back.tax_minor).contains(&again.tax_minor), "{again:?}");
        }
    }
}
