//! What time it was where a play was heard. An export says the country of a play, not the place: in countries with several
//! time zones the one where most people live stands for all, and editions say so.

use chrono::{DateTime, Datelike, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Country (ISO 3166-1), its zone in the IANA database, and whether it has `one` or `several`.
const TABLE: &str = include_str!("time_zones.csv");

/// A country's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    zone: Tz,
    /// Whether the country has other zones, too.
    pub has_several: bool,
}

static COUNTRIES: LazyLock<HashMap<&'static str, LocalTime>> = LazyLock::new(|| {
    let read = |line: &'static str| {
        let mut fields = line.split(',');
        let (country, zone, zones) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
        Some((country, LocalTime { zone, has_several: zones == "several" }))
    };
    TABLE.lines().skip(1).filter_map(read).collect()
});

impl LocalTime {
    /// The time of a country, UTC for one that is not known.
    pub fn of(country: &str) -> LocalTime {
        COUNTRIES.get(country).copied().unwrap_or(LocalTime { zone: Tz::UTC, has_several: false })
    }

    /// The hour of the week of an instant, 0 for Monday from 0:00 to 167 for Sunday from 23:00.
    pub fn hour_of_week(self, unix_ms: i64) -> u32 {
        let utc = DateTime::from_timestamp_millis(unix_ms).unwrap_or_default().naive_utc();
        let local = utc + self.zone.offset_from_utc_datetime(&utc).fix();
        local.weekday().num_days_from_monday() * 24 + local.hour()
    }
}

/// The countries of the table with several time zones, in order.
pub fn with_several_zones() -> Vec<&'static str> {
    let mut countries: Vec<_> = COUNTRIES.iter().filter(|(_, time)| time.has_several).map(|(code, _)| *code).collect();
    countries.sort_unstable();
    countries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(country: &str, instant: &str) -> u32 {
        LocalTime::of(country).hour_of_week(crate::clock::UtcTime::parse(instant).unwrap().unix_ms())
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        assert_eq!(COUNTRIES.len(), TABLE.lines().count() - 1);
        assert_eq!(with_several_zones().len(), 22);
        assert!(LocalTime::of("US").has_several && !LocalTime::of("SE").has_several);
    }

    #[test]
    fn hours_are_local_and_follow_summer_time() {
        // 2026-11-23 is a Monday.
        assert_eq!(hour("ZZ", "2026-11-23T00:00:00Z"), 0);
        assert_eq!(hour("SE", "2026-11-23T00:30:00Z"), 1);
        assert_eq!(hour("SE", "2026-07-20T00:30:00Z"), 2, "summer time");
        assert_eq!(hour("US", "2026-11-23T00:30:00Z"), 6 * 24 + 19, "still Sunday in New York");
        assert_eq!(hour("IN", "2026-11-23T20:00:00Z"), 24 + 1, "half hours: 1:30 on Tuesday");
        assert_eq!(hour("JP", "2026-11-22T15:00:00Z"), 0);
    }
}
