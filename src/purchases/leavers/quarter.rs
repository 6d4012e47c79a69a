//! Quarters of the calendar, in UTC.

use crate::clock::UtcTime;
use chrono::{Datelike, NaiveDate};
use std::fmt;

/// Months of a quarter.
const MONTHS: u32 = 3;

/// A quarter of a year: `2026-Q1` is January to March.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quarter {
    year: i32,
    /// 0 to 3.
    index: u32,
}

impl Quarter {
    /// The quarter that an instant is in.
    pub fn of(at: UtcTime) -> Self {
        let date = at.calendar().date_naive();
        Quarter { year: date.year(), index: date.month0() / MONTHS }
    }

    /// The one before.
    pub fn previous(self) -> Self {
        match self.index {
            0 => Quarter { year: self.year - 1, index: 3 },
            index => Quarter { index: index - 1, ..self },
        }
    }

    /// The one after.
    fn next(self) -> Self {
        match self.index {
            3 => Quarter { year: self.year + 1, index: 0 },
            index => Quarter { index: index + 1, ..self },
        }
    }

    /// Its first instant.
    pub fn begins_at(self) -> UtcTime {
        let first = NaiveDate::from_ymd_opt(self.year, self.index * MONTHS + 1, 1).unwrap_or(NaiveDate::MAX);
        let midnight = first.and_time(chrono::NaiveTime::MIN).and_utc();
        UtcTime::from_unix_s(midnight.timestamp()).expect("the first day of a quarter is in the calendar")
    }

    /// The first instant after it.
    pub fn ends_at(self) -> UtcTime {
        self.next().begins_at()
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year, self.index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UtcTime {
        UtcTime::parse(text).unwrap()
    }

    #[test]
    fn quarters_begin_at_midnight_in_utc() {
        for (instant, quarter, begins, ends) in [
            ("2026-01-01T00:00:00Z", "2026-Q1", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("2026-03-31T23:59:59.999999Z", "2026-Q1", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", "2028-Q1", "2028-01-01T00:00:00Z", "2028-04-01T00:00:00Z"),
            ("2026-04-01T01:00:00+02:00", "2026-Q1", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            let found = Quarter::of(at(instant));
            assert_eq!(
                (found.to_string().as_str(), found.begins_at(), found.ends_at()),
                (quarter, at(begins), at(ends))
            );
            assert_eq!(Quarter::of(found.ends_at()).previous(), found);
        }
    }

    proptest::proptest! {
        /// Every instant is in exactly the quarter that it is said to be in, and names sort as time does.
        #[test]
        fn quarters_follow_one_another(s in 0i64..4_000_000_000, later in 0i64..400_000_000) {
            let (now, then) = (UtcTime::from_unix_s(s).unwrap(), UtcTime::from_unix_s(s + later).unwrap());
            let (one, other) = (Quarter::of(now), Quarter::of(then));
            proptest::prop_assert!(one.begins_at() <= now && now < one.ends_at());
            proptest::prop_assert_eq!(one.next().previous(), one);
            proptest::prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }
}
