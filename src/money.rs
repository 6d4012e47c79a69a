//! Money: whole minor units (cents) with a currency, and checked sums. Never a float.

use crate::error::{Error, Result};
use crate::text;
use serde::{Deserialize, Serialize};

/// The largest amount that is accepted anywhere: 10 thousand million units of a two-decimal currency.
pub const MAX_MINOR: i64 = 1_000_000_000_000;

/// An amount in minor units with its currency: `{"amount": 5500000, "currency": "USD"}` is $55,000.00.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": 5_500_000, "currency": "USD"}))]
pub struct Money {
    /// Minor units: cents where the currency has two decimals. What callers send lies between 1 and 1,000,000,000,000.
    #[serde(rename = "amount")]
    pub amount_minor: i64,
    /// ISO 4217 code in capitals.
    #[schema(pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

impl Money {
    /// An amount as the house itself keeps it.
    pub fn new(amount_minor: i64, currency: impl Into<String>) -> Self {
        Money { amount_minor, currency: currency.into() }
    }

    /// The amount in whole units, as programs write it: `55000`, `0.05`. For what is not negative.
    pub fn in_units(&self) -> String {
        text::decimal(self.amount_minor.unsigned_abs(), decimals(&self.currency))
    }

    /// Checks an amount that a caller sent: positive, not beyond [`MAX_MINOR`], in the currency expected.
    ///
    /// # Errors
    /// `invalid`, saying which of the three does not hold.
    pub fn expect_positive(&self, currency: &str, what: &str) -> Result<i64> {
        if self.currency != currency {
            return Err(Error::invalid(format!("{what}: the currency here is {currency}, not {:?}.", self.currency)));
        }
        if self.amount_minor <= 0 || self.amount_minor > MAX_MINOR {
            return Err(Error::invalid(format!("{what}: an amount lies between 1 and {MAX_MINOR} minor units.")));
        }
        Ok(self.amount_minor)
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimals = decimals(&self.currency);
        let unit = 10i64.pow(decimals);
        let (whole, part) = ((self.amount_minor / unit).abs(), (self.amount_minor % unit).abs());
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        write!(f, "{} {sign}{}", self.currency, grouped(whole))?;
        if decimals > 0 { write!(f, ".{part:0width$}", width = decimals as usize) } else { Ok(()) }
    }
}

/// Decimals of a currency (ISO 4217): the few that differ from two.
fn decimals(currency: &str) -> u32 {
    match currency {
        "JPY" | "KRW" | "CLP" | "ISK" | "VND" | "XAF" | "XOF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Whether a text has the shape of an ISO 4217 code.
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// A number with a comma between groups of three.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things in words, of which `many` is the plural: `1 row`, `2,000 rows`.
pub fn counted(number: i64, many: &str) -> String {
    let one = many.strip_suffix('s').unwrap_or(many);
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// So many parts of a whole of an amount, rounded half up: 20 of 30 days of a price.
///
/// # Errors
/// `invalid` where there are no parts of that whole, or the amount is out of range.
pub fn part_of(amount_minor: i64, part: i64, whole: i64) -> Result<i64> {
    if whole <= 0 || !(0..=whole).contains(&part) {
        return Err(Error::invalid(format!("There are no {part} parts of {whole}.")));
    }
    let (product, whole) = (i128::from(amount_minor) * i128::from(part), i128::from(whole));
    i64::try_from((2 * product + whole).div_euclid(2 * whole)).map_err(|_| Error::invalid("The amount is too large."))
}

/// A share in basis points (1/10,000) of an amount, rounded half up.
///
/// # Errors
/// `invalid` where the amount is out of range; the product is taken in 128 bits and cannot wrap.
pub fn share_bp(amount_minor: i64, basis_points: i32) -> Result<i64> {
    let product = i128::from(amount_minor) * i128::from(basis_points);
    i64::try_from((product + 5_000).div_euclid(10_000)).map_err(|_| Error::invalid("The amount is too large."))
}

/// A sum that never wraps.
///
/// # Errors
/// `internal`: amounts are bounded where they come in, so an overflow is a defect.
pub fn sum(amounts: impl IntoIterator<Item = i64>) -> Result<i64> {
    amounts.into_iter().try_fold(0i64, i64::checked_add).ok_or_else(|| Error::internal("a sum of money overflowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(Money::new(5_500_000, "USD").to_string(), "USD 55,000.00");
        assert_eq!(Money::new(5, "EUR").to_string(), "EUR 0.05");
        assert_eq!(Money::new(-5, "EUR").to_string(), "EUR -0.05");
        assert_eq!(Money::new(1_234, "JPY").to_string(), "JPY 1,234");
    }

    #[test]
    fn shares_round_half_up_and_never_wrap() {
        assert_eq!(share_bp(5_500_000, 1_000).unwrap(), 550_000);
        assert_eq!(share_bp(1, 5_000).unwrap(), 1);
        assert_eq!(share_bp(i64::MAX, 10_000).unwrap(), i64::MAX);
        assert!(sum([i64::MAX, 1]).is_err());
    }

    #[test]
    fn parts_of_a_whole_round_half_up_and_are_no_more_than_the_whole() {
        for (amount, part, whole, expected) in
            [(100_003, 20, 30, 66_669), (1, 1, 2, 1), (1, 49, 100, 0), (i64::MAX, 7, 7, i64::MAX), (5, 0, 3, 0)]
        {
            assert_eq!(part_of(amount, part, whole).unwrap(), expected, "{part} of {whole} of {amount}");
        }
        for (part, whole) in [(1, 0), (-1, 3), (4, 3)] {
            assert!(part_of(1, part, whole).is_err());
        }
    }

    #[test]
    fn amounts_from_outside_are_bounded() {
        for bad in [0, -1, MAX_MINOR + 1, i64::MAX] {
            assert!(Money::new(bad, "USD").expect_positive("USD", "price").is_err());
        }
        assert!(Money::new(1, "EUR").expect_positive("USD", "price").is_err());
        assert_eq!(Money::new(1, "USD").expect_positive("USD", "price").unwrap(), 1);
        assert!(serde_json::from_str::<Money>(r#"{"amount":1.005,"currency":"USD"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":1e3,"currency":"USD"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"amount":1,"amount":2,"currency":"USD"}"#).is_err());
    }
}
