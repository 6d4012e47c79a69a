//! What plays are grouped by, and which groups there are where they do not come from listening.

use super::recipe::{KeysFrom, Recipe};
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::histories::play::Service;
use crate::text_enum;
use chrono::{Datelike, Months, NaiveDate};

text_enum! {
    /// What plays are grouped by.
    pub enum Key {
        /// The album artist's name.
        Artist = "artist",
        /// Artist and album.
        Album = "album",
        /// Artist and track.
        Track = "track",
        /// Two artists of the same member, each pair once.
        ArtistPair = "artist_pair",
        /// The month, in UTC.
        Month = "month",
        /// Monday to Sunday, by the local time of the play's country.
        Weekday = "weekday",
        /// The 168 hours of a week from Monday 0:00, by the local time of the play's country.
        HourOfWeek = "hour_of_week",
        /// The country of the play.
        Country = "country",
        /// The music service.
        Service = "service",
        /// Whole months since the member's first play of the artist.
        MonthsSinceFirst = "months_since_first",
        /// How much a member listens: plays in a month with any.
        Volume = "volume",
        /// How many different artists a member listens to.
        Variety = "variety",
    }
}

/// The value of one key in one group: a name, or a number such as the hour of the week.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A name: an artist, a country, a month such as `2025-03`.
    Text(String),
    /// A number.
    Number(i64),
}

impl Value {
    /// The value as it stands in messages to the noise and to the tie breaker; no two values of one column are the same text.
    pub fn text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
        }
    }
}

/// Where plays without a country count: the code for an unknown one that services use too.
pub const UNKNOWN_COUNTRY: &str = "ZZ";
/// The bin of all countries that have none of their own.
pub const OTHER_COUNTRY: &str = "other";
/// Plays of a member in a month with any: where the bins of `volume` begin.
pub const VOLUME_FROM: [u64; 5] = [1, 50, 200, 600, 1_500];
/// Different artists of a member: where the bins of `variety` begin.
pub const VARIETY_FROM: [u64; 5] = [1, 25, 100, 400, 1_000];

impl Key {
    /// The columns of the key.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Key::Artist => &["artist"],
            Key::Album => &["artist", "album"],
            Key::Track => &["artist", "track"],
            Key::ArtistPair => &["artist_a", "artist_b"],
            Key::Month => &["month"],
            Key::Weekday => &["weekday"],
            Key::HourOfWeek => &["hour_of_week"],
            Key::Country => &["country"],
            Key::Service => &["service"],
            Key::MonthsSinceFirst => &["months_since_first"],
            Key::Volume => &["volume"],
            Key::Variety => &["variety"],
        }
    }

    /// Whether its values are numbers.
    pub const fn is_number(self) -> bool {
        matches!(self, Key::Weekday | Key::HourOfWeek | Key::MonthsSinceFirst)
    }

    /// Whether its values are artists' names: they can only come from listening or from a list.
    pub const fn is_artists(self) -> bool {
        matches!(self, Key::Artist | Key::ArtistPair)
    }

    /// Whether it says something of a member as a whole.
    pub const fn is_of_member(self) -> bool {
        matches!(self, Key::Volume | Key::Variety)
    }
}

/// The months of a recipe, resolved for a draw at some instant: UTC, the first one inside and the first one after, each as
/// months since January 1970. `None` where the recipe has no period with two ends.
pub fn months(recipe: &Recipe, drawn_at: UtcTime) -> Option<std::ops::Range<u32>> {
    let (from, to) = period(recipe, drawn_at);
    let first = month_of(from?.unix_ms());
    // Plays are told apart by the millisecond, so the last one inside is that before the end.
    let last = month_of(to?.unix_ms().saturating_sub(1)).max(first);
    Some(first..last + 1)
}

/// From when and until before when plays count.
pub fn period(recipe: &Recipe, drawn_at: UtcTime) -> (Option<UtcTime>, Option<UtcTime>) {
    let Some(last_months) = recipe.last_months else { return (recipe.from, recipe.to) };
    let this = drawn_at.calendar().date_naive().with_day(1).expect("every month has a first day");
    let first = this.checked_sub_months(Months::new(last_months)).unwrap_or(NaiveDate::MIN);
    (instant(first), instant(this))
}

fn instant(date: NaiveDate) -> Option<UtcTime> {
    UtcTime::from_unix_s(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp())
}

/// The month of an instant in UTC, counted from January 1970. Earlier ones count as that.
pub fn month_of(unix_ms: i64) -> u32 {
    // Days to year and month by the proleptic Gregorian calendar of eras of 400 years (Hinnant 2013, civil_from_days).
    let days = unix_ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153; // months since March
    let year = year_of_era + era * 400 + i64::from(shifted >= 10);
    let month = (shifted + 2) % 12; // 0 is January
    u32::try_from((year - 1970) * 12 + month).unwrap_or(0)
}

/// Where a month begins, in milliseconds since 1970.
pub fn month_start_ms(month: u32) -> i64 {
    let year = i32::try_from(1970 + month / 12).unwrap_or(i32::MAX);
    let first = NaiveDate::from_ymd_opt(year, month % 12 + 1, 1).unwrap_or(NaiveDate::MAX);
    first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis()
}

/// A month as files have it: `2025-03`.
pub fn month_text(month: u32) -> String {
    format!("{:04}-{:02}", 1970 + month / 12, month % 12 + 1)
}

/// The bin of a number, by where the bins begin: `1-49`, `1500+`.
pub fn bin_text(from: &[u64], bin: usize) -> String {
    match from.get(bin + 1) {
        Some(next) => format!("{}-{}", from[bin], next - 1),
        None => format!("{}+", from[bin]),
    }
}

/// The bin into which a number falls; numbers below all bins are in the first.
pub fn bin_of(from: &[u64], number: u64) -> usize {
    from.iter().rposition(|start| *start <= number).unwrap_or(0)
}

/// Every group of a recipe whose groups do not come from listening, in the order in which an edition gives them: all
/// combinations of the artists listed, in their order, and of the bins.
///
/// # Errors
/// `internal` where the groups do come from listening, or the period has no two ends; a validated recipe does not.
pub fn domain(recipe: &Recipe, artists: &[String], drawn_at: UtcTime) -> Result<Vec<Vec<Value>>> {
    if recipe.keys_from == KeysFrom::Threshold {
        return Err(Error::internal("the groups come from listening and cannot be listed"));
    }
    let mut groups = vec![Vec::new()];
    for key in &recipe.group_by {
        let values = values_of(*key, recipe, artists, drawn_at)?;
        groups = groups
            .into_iter()
            .flat_map(|group: Vec<Value>| values.iter().map(move |more| [group.as_slice(), more.as_slice()].concat()))
            .collect();
    }
    Ok(groups)
}

fn values_of(key: Key, recipe: &Recipe, artists: &[String], drawn_at: UtcTime) -> Result<Vec<Vec<Value>>> {
    let text = |text: &str| vec![Value::Text(text.to_owned())];
    let numbers = |range: std::ops::Range<u32>| range.map(|n| vec![Value::Number(n.into())]).collect();
    Ok(match key {
        Key::Artist => artists.iter().map(|artist| text(artist)).collect(),
        Key::ArtistPair => pairs(artists),
        Key::Month => {
            let months = months(recipe, drawn_at).ok_or_else(|| Error::internal("the months have no two ends"))?;
            months.map(|month| text(&month_text(month))).collect()
        }
        Key::Weekday => numbers(0..7),
        Key::HourOfWeek => numbers(0..168),
        Key::Country => recipe.countries.iter().map(String::as_str).chain([OTHER_COUNTRY]).map(text).collect(),
        Key::Service => Service::ALL.iter().map(|service| text(service.as_str())).collect(),
        Key::MonthsSinceFirst => numbers(1..recipe.months_after.unwrap_or(0) + 1),
        Key::Volume => (0..VOLUME_FROM.len()).map(|bin| text(&bin_text(&VOLUME_FROM, bin))).collect(),
        Key::Variety => (0..VARIETY_FROM.len()).map(|bin| text(&bin_text(&VARIETY_FROM, bin))).collect(),
        Key::Album | Key::Track => return Err(Error::internal("albums and tracks only come from listening")),
    })
}

/// Each pair once, the smaller name first.
fn pairs(artists: &[String]) -> Vec<Vec<Value>> {
    let mut sorted: Vec<&String> = artists.iter().collect();
    sorted.sort_unstable();
    let pair = |a: &String, b: &String| vec![Value::Text(a.clone()), Value::Text(b.clone())];
    sorted.iter().enumerate().flat_map(|(i, a)| sorted[i + 1..].iter().map(move |b| pair(a, b))).collect()
}

/// How many groups the recipe has with so many artists in the list, without writing them down; `None` where they come from
/// listening or the months cannot be told.
pub fn domain_size(recipe: &Recipe, artists: u64) -> Option<u64> {
    if recipe.keys_from == KeysFrom::Threshold {
        return None;
    }
    let size = |key: &Key| {
        Some(match key {
            Key::Artist => artists,
            Key::ArtistPair => artists.saturating_mul(artists.saturating_sub(1)) / 2,
            Key::Month => match (recipe.last_months, recipe.from, recipe.to) {
                (Some(months), _, _) => months.into(),
                (None, Some(from), Some(_)) => months(recipe, from).map_or(0, |months| months.len() as u64),
                _ => return None,
            },
            Key::Weekday => 7,
            Key::HourOfWeek => 168,
            Key::Country => recipe.countries.len() as u64 + 1,
            Key::Service => Service::ALL.len() as u64,
            Key::MonthsSinceFirst => recipe.months_after.unwrap_or(0).into(),
            Key::Volume => VOLUME_FROM.len() as u64,
            Key::Variety => VARIETY_FROM.len() as u64,
            Key::Album | Key::Track => return None,
        })
    };
    recipe.group_by.iter().try_fold(1u64, |product, key| Some(product.saturating_mul(size(key)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;
    use proptest::prelude::*;

    fn at(text: &str) -> UtcTime {
        UtcTime::parse(text).unwrap()
    }

    #[test]
    fn the_last_months_are_whole_and_before_this_one() {
        let trend = presets::of(Kind::ArtistTrend);
        let months = months(&trend, at("2026-03-31T23:59:59Z")).unwrap();
        assert_eq!((month_text(months.start), month_text(months.end - 1)), ("2024-03".into(), "2026-02".into()));
        let (from, to) = period(&trend, at("2026-03-01T00:00:00Z"));
        assert_eq!((from.unwrap(), to.unwrap()), (at("2024-03-01T00:00:00Z"), at("2026-03-01T00:00:00Z")));
    }

    #[test]
    fn months_are_those_in_which_a_play_can_count() {
        let months = |from: &str, to: &str| {
            let period = format!(r#""from":"{from}","to":"{to}""#);
            let json = format!(
                r#"{{"kind":"custom","group_by":["month"],"keys_from":"bins","fans_rho_nano":100000000,{period}}}"#
            );
            let recipe = Recipe::parse(&json).unwrap();
            let months = months(&recipe, at("2026-03-01T00:00:00Z")).unwrap();
            assert_eq!(domain_size(&recipe, 0), Some(months.len() as u64));
            (month_text(months.start), month_text(months.end - 1))
        };
        let both = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(months("2025-01-31T23:59:59Z", "2025-03-01T00:00:00Z"), both("2025-01", "2025-02"));
        assert_eq!(months("2025-01-01T00:00:00Z", "2025-02-01T00:00:00.001Z"), both("2025-01", "2025-02"));
        assert_eq!(months("2025-02-01T00:00:00Z", "2025-02-01T00:00:00.000001Z"), both("2025-02", "2025-02"));
    }

    #[test]
    fn groups_are_all_combinations_in_order() {
        let names = ["B".to_owned(), "A".to_owned(), "C".to_owned()];
        let now = at("2026-03-01T00:00:00Z");
        let trend = presets::of(Kind::ArtistTrend);
        let groups = domain(&trend, &names, now).unwrap();
        assert_eq!(groups.len(), 72);
        assert_eq!(groups[0], [Value::Text("B".into()), Value::Text("2024-03".into())]);
        assert_eq!(groups[24][0], Value::Text("A".into()));
        let map = domain(&presets::of(Kind::ArtistMap), &names, now).unwrap();
        let map: Vec<String> = map.iter().map(|pair| pair[0].text() + &pair[1].text()).collect();
        assert_eq!(map, ["AB", "AC", "BC"]);
        assert!(domain(&Recipe::default(), &names, now).is_err());
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Custom) {
            let recipe = presets::of(*kind);
            if let Ok(groups) = domain(&recipe, &names, now) {
                assert_eq!(domain_size(&recipe, 3), Some(groups.len() as u64), "{kind}");
            }
        }
    }

    #[test]
    fn bins_meet_without_gap() {
        assert_eq!((bin_text(&VOLUME_FROM, 0), bin_text(&VOLUME_FROM, 4)), ("1-49".into(), "1500+".into()));
        let bins = [0, 1, 49, 50, 1_499, 1_500, u64::MAX].map(|n| bin_of(&VOLUME_FROM, n));
        assert_eq!(bins, [0, 0, 0, 1, 3, 4, 4]);
    }

    #[test]
    fn the_leap_day_of_four_hundred_years_is_in_february() {
        let month = |instant: &str| month_text(month_of(at(instant).unix_ms()));
        assert_eq!(month("2000-02-29T23:59:59Z"), "2000-02");
        assert_eq!(
            (month("2000-03-01T00:00:00Z"), month("2100-03-01T00:00:00Z")),
            ("2000-03".into(), "2100-03".into())
        );
    }

    proptest! {
        #[test]
        fn months_are_those_of_the_calendar(ms in 0i64..4_102_444_800_000) {
            let calendar = UtcTime::from_unix_ms(ms).unwrap().calendar();
            prop_assert_eq!(month_text(month_of(ms)), calendar.format("%Y-%m").to_string());
            let (this, next) = (month_start_ms(month_of(ms)), month_start_ms(month_of(ms) + 1));
            prop_assert!((this..next).contains(&ms));
        }
    }
}
