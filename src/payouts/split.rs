//! Sharing an amount out in equal parts, to the last minor unit.
//!
//! Everybody's exact share is the same fraction, so by the method of the largest remainder all claims
//! to what is left over are equal too. The tie is broken by a stated order: ascending member id. The
//! first members in that order get one minor unit more.

use crate::error::{Error, Result};

/// How an amount falls to a number of people who stand in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// What everybody gets at least, in minor units.
    base_minor: i64,
    /// How many, from the front of the order, get one minor unit more.
    favoured: u64,
    people: u64,
}

/// Splits an amount of zero or more minor units among `people`.
///
/// # Errors
/// `internal` where there is nobody to share with, or the amount is negative.
pub fn split(amount_minor: i64, people: usize) -> Result<Split> {
    let people = i64::try_from(people).map_err(Error::internal)?;
    if people == 0 || amount_minor < 0 {
        return Err(Error::internal(format!("{amount_minor} cannot be shared out among {people}")));
    }
    let (base_minor, left) = (amount_minor / people, amount_minor % people);
    Ok(Split { base_minor, favoured: left.unsigned_abs(), people: people.unsigned_abs() })
}

impl Split {
    /// The share of whoever stands at a place of the order, counted from zero.
    pub fn share_minor(&self, place: usize) -> i64 {
        self.base_minor + i64::from((place as u64) < self.favoured)
    }

    /// How many get more than nothing.
    pub fn receivers(&self) -> u64 {
        if self.base_minor > 0 { self.people } else { self.favoured }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::MAX_MINOR;
    use proptest::prelude::*;

    #[test]
    fn the_sale_that_everybody_asks_about() {
        // $55,000 less a tenth for the cooperative, among 18,000 listeners: $2.75 each, nothing left.
        let shares = split(4_950_000, 18_000).unwrap();
        assert_eq!((shares.share_minor(0), shares.share_minor(17_999)), (275, 275));
    }

    #[test]
    fn what_is_left_over_goes_to_the_front_of_the_order() {
        let shares = split(10, 4).unwrap();
        assert_eq!([0, 1, 2, 3].map(|place| shares.share_minor(place)), [3, 3, 2, 2]);
        let few = split(2, 3).unwrap();
        assert_eq!([0, 1, 2].map(|place| few.share_minor(place)), [1, 1, 0]);
        assert_eq!(few.receivers(), 2);
        assert_eq!(split(0, 3).unwrap().receivers(), 0);
    }

    #[test]
    fn nobody_and_less_than_nothing_are_refused() {
        assert!(split(1, 0).is_err());
        assert!(split(-1, 1).is_err());
    }

    proptest! {
        #[test]
        fn shares_add_up_and_differ_by_one_at_most(amount in 0..=MAX_MINOR, people in 1..2_000usize) {
            let shares = split(amount, people).unwrap();
            let each: Vec<i64> = (0..people).map(|place| shares.share_minor(place)).collect();
            prop_assert_eq!(each.iter().map(|&s| i128::from(s)).sum::<i128>(), i128::from(amount));
            prop_assert!(each.is_sorted_by(|a, b| a >= b) && each[0] - each[people - 1] <= 1);
            prop_assert_eq!(each.iter().filter(|&&s| s > 0).count() as u64, shares.receivers());
        }
    }
}
