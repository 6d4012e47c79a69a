//! What keeps a recipe from holding, every fault in words.

use super::keys::{self, Key, UNKNOWN_COUNTRY};
use super::measures::Measure;
use super::presets;
use super::recipe::{KeysFrom, Kind, NANO, PICO, Recipe};
use crate::accounts::model::is_country;
use crate::clock::UtcTime;
use crate::money::counted;
use std::ops::RangeInclusive;

/// The noise of a measure may not be wider than this standard deviation: nobody could use the numbers.
const WIDEST_NOISE: f64 = 100_000.0;
/// An edition with groups from a list or from bins has at most so many rows.
const MOST_ROWS: u64 = 1_000_000;
/// A member is in at most so many groups.
const MOST_GROUPS_PER_MEMBER: u32 = 10_000;
/// The code that music services use for Kosovo, which ISO has not assigned.
const KOSOVO: &str = "XK";
/// A skip is mostly over within seconds: a share of skips among long plays would say nothing.
const SKIPS_WITHIN_MS: u32 = 5_000;

/// Every fault of a recipe; none for one that holds.
pub(super) fn of(recipe: &Recipe) -> Vec<String> {
    let mut faults = ranges(recipe);
    if recipe.kind != Kind::Custom {
        faults.extend(other_than_its_kind(recipe));
    }
    faults.extend(groups(recipe));
    faults.extend(selection(recipe));
    faults.extend(caps(recipe));
    faults.extend(period(recipe));
    // What follows from the parameters is looked at where these are sound.
    if faults.is_empty() {
        faults.extend(consequences(recipe));
    }
    faults
}

fn ranges(recipe: &Recipe) -> Vec<String> {
    let mut faults = Vec::new();
    if recipe.version != 1 {
        faults.push(format!("`version` is {}; this engine computes version 1.", recipe.version));
    }
    let mut within = |name: &str, value: Option<u64>, range: RangeInclusive<u64>, what: &str| {
        if let Some(value) = value.filter(|value| !range.contains(value)) {
            let (low, high) = (range.start(), range.end());
            faults.push(format!("`{name}` is {value}; it is a number of {what} from {low} to {high}."));
        }
    };
    let number = |value: Option<u32>| value.map(u64::from);
    within("most_artists", number(recipe.most_artists), 1..=2_000, "artists");
    within("keys_per_member", Some(recipe.keys_per_member.into()), 1..=1_000, "groups");
    within("plays_per_key", number(recipe.plays_per_key), 1..=100_000, "plays");
    within("minutes_per_key", number(recipe.minutes_per_key), 1..=1_000_000, "minutes");
    within("months_after", number(recipe.months_after), 1..=36, "months");
    within("floor_members", number(recipe.floor_members), 1..=1_000_000, "members");
    within("min_ms_played", Some(recipe.min_ms_played.into()), 0..=3_600_000, "milliseconds");
    within("last_months", number(recipe.last_months), 1..=120, "months");
    // Delta has to be far below one in the number of members; a millionth is the most anybody defends.
    within("delta_pico", recipe.delta_pico, 1..=PICO / 1_000_000, "pico-delta (1e-12)");
    for (name, rho_nano) in [
        ("fans_rho_nano", recipe.fans_rho_nano),
        ("capped_plays_rho_nano", recipe.capped_plays_rho_nano),
        ("hours_rho_nano", recipe.hours_rho_nano),
        ("skip_share_rho_nano", recipe.skip_share_rho_nano),
        ("completion_share_rho_nano", recipe.completion_share_rho_nano),
        ("first_time_share_rho_nano", recipe.first_time_share_rho_nano),
        ("return_share_rho_nano", recipe.return_share_rho_nano),
    ] {
        within(name, rho_nano, 1_000..=10 * NANO, "nano-rho (1e-9)");
    }
    faults
}

/// A kind that is made ready keeps its groups, its measures and the way its groups come about.
fn other_than_its_kind(recipe: &Recipe) -> Vec<String> {
    let usual = presets::of(recipe.kind);
    let mut faults = Vec::new();
    let names =
        |recipe: &Recipe| -> Vec<Measure> { recipe.measures().into_iter().map(|(measure, _)| measure).collect() };
    if recipe.group_by != usual.group_by || names(recipe) != names(&usual) {
        faults.push(format!(
            "`{}` has its own groups and measures; with others it is a recipe of the kind `custom`.",
            recipe.kind
        ));
    }
    let is_same_way = recipe.keys_from == usual.keys_from || (recipe.keys_from.is_list() && usual.keys_from.is_list());
    if !is_same_way {
        faults.push(format!("`{}` takes its groups from `{}`.", recipe.kind, usual.keys_from));
    }
    faults
}

/// A parameter that is missing where it is needed, or there where nothing uses it.
fn belongs(name: &str, is_there: bool, is_needed: bool, whom: &str) -> Option<String> {
    match (is_there, is_needed) {
        (false, true) => Some(format!("`{name}` is missing; it is needed for {whom}.")),
        (true, false) => Some(format!("`{name}` belongs to {whom}, and only there.")),
        _ => None,
    }
}

fn groups(recipe: &Recipe) -> Vec<String> {
    let mut faults = Vec::new();
    let keys = &recipe.group_by;
    if keys.is_empty() || keys.len() > 3 {
        faults.push("`group_by` names one to three keys.".to_owned());
    }
    if keys.iter().enumerate().any(|(i, key)| keys[..i].contains(key)) {
        faults.push("`group_by` names a key twice.".to_owned());
    }
    if keys.contains(&Key::Weekday) && keys.contains(&Key::HourOfWeek) {
        faults.push("`weekday` is part of `hour_of_week`: take one of them.".to_owned());
    }
    let of_music = keys.iter().filter(|key| key.is_artists() || matches!(key, Key::Album | Key::Track)).count();
    if of_music > 1 {
        faults.push("`group_by` takes only one of `artist`, `album`, `track` and `artist_pair`.".to_owned());
    }
    let measures: Vec<Measure> = recipe.measures().into_iter().map(|(measure, _)| measure).collect();
    if measures.is_empty() {
        faults.push("No measure has any rho: set `fans_rho_nano` or another.".to_owned());
    }
    if recipe.has_key(Key::ArtistPair) && recipe.keys_per_member == 1 {
        faults.push("`keys_per_member` is 1; a pair takes 2 artists of a member at least.".to_owned());
    }
    if recipe.has_key(Key::ArtistPair) && (keys.len() > 1 || measures != [Measure::Fans]) {
        faults.push("`artist_pair` stands alone, with `fans` as its only measure.".to_owned());
    }
    let returns = recipe.has_key(Key::MonthsSinceFirst) || measures.contains(&Measure::ReturnShare);
    if returns && (keys != &[Key::Artist, Key::MonthsSinceFirst] || measures != [Measure::ReturnShare]) {
        faults.push("`months_since_first` comes after `artist`, with `return_share` as the only measure.".to_owned());
    }
    faults.extend(belongs("months_after", recipe.months_after.is_some(), returns, "`months_since_first`"));
    let of_member = keys.iter().any(|key| key.is_of_member());
    let allowed = |key: &Key| key.is_of_member() || *key == Key::Country;
    if of_member && (!keys.iter().all(allowed) || measures != [Measure::Fans] || recipe.keys_per_member != 1) {
        faults.push(
            "`volume` and `variety` say something of a member as a whole: only `country` goes with them, `fans` is \
             the only measure, and `keys_per_member` is 1."
                .to_owned(),
        );
    }
    faults
}

fn selection(recipe: &Recipe) -> Vec<String> {
    let mut faults = Vec::new();
    let keys = &recipe.group_by;
    let has_artists = keys.iter().any(|key| key.is_artists());
    let only_heard = keys.iter().any(|key| matches!(key, Key::Album | Key::Track));
    match recipe.keys_from {
        KeysFrom::Threshold => {
            if recipe.fans_rho_nano.is_none() || recipe.floor_members.is_none() || recipe.delta_pico.is_none() {
                faults.push(
                    "Groups from a `threshold` need `fans_rho_nano`, `floor_members` and `delta_pico`: it is the number \
                     of fans that decides."
                        .to_owned(),
                );
            }
            if recipe.has_key(Key::MonthsSinceFirst) || keys.iter().any(|key| key.is_of_member()) {
                faults
                    .push("These groups are known beforehand; a `threshold` would spend delta for nothing.".to_owned());
            }
        }
        KeysFrom::Edition | KeysFrom::Offer => {
            if !has_artists {
                faults.push("A list of artists needs `artist` or `artist_pair` in `group_by`.".to_owned());
            }
        }
        KeysFrom::Bins => {
            if has_artists || only_heard {
                faults.push("Artists, albums and tracks have no fixed bins: take a `threshold` or a list.".to_owned());
            }
        }
    }
    let (is_list, has_most) = (recipe.keys_from.is_list(), recipe.most_artists.is_some());
    faults.extend(belongs(
        "most_artists",
        has_most,
        is_list,
        "a list of artists (`keys_from` is `edition` or `offer`)",
    ));
    if recipe.keys_from != KeysFrom::Threshold {
        if recipe.floor_members.is_some() || recipe.delta_pico.is_some() {
            faults.push(
                "`floor_members` and `delta_pico` belong to groups from a `threshold`, and only there.".to_owned(),
            );
        }
        if only_heard {
            faults.push("Albums and tracks only come from a `threshold`.".to_owned());
        }
    }
    faults.extend(countries(recipe));
    faults
}

fn countries(recipe: &Recipe) -> Option<String> {
    let has_bins = recipe.has_key(Key::Country) && recipe.keys_from != KeysFrom::Threshold;
    let whom = "groups with `country` that do not come from a `threshold`";
    if let Some(fault) = belongs("countries", !recipe.countries.is_empty(), has_bins, whom) {
        return Some(fault);
    }
    let is_code = |code: &String| is_country(code) || [KOSOVO, UNKNOWN_COUNTRY].contains(&code.as_str());
    if let Some(odd) = recipe.countries.iter().find(|code| !is_code(code)) {
        return Some(format!(
            "`countries` names {odd:?}; a country is a code of ISO 3166-1 such as `SE`, in capitals; `XK` and, for plays without a \
             country, `ZZ` are taken too."
        ));
    }
    let twice = recipe.countries.iter().enumerate().find(|(i, code)| recipe.countries[..*i].contains(code));
    if let Some((_, twice)) = twice {
        return Some(format!("`countries` names `{twice}` twice."));
    }
    None
}

fn caps(recipe: &Recipe) -> Vec<String> {
    let mut faults = Vec::new();
    let measures: Vec<Measure> = recipe.measures().into_iter().map(|(measure, _)| measure).collect();
    let needs_plays = measures.iter().any(|measure| {
        matches!(
            measure,
            Measure::CappedPlays | Measure::SkipShare | Measure::CompletionShare | Measure::FirstTimeShare
        )
    });
    faults.extend(belongs("plays_per_key", recipe.plays_per_key.is_some(), needs_plays, "measures that count plays"));
    let has_hours = measures.contains(&Measure::Hours);
    faults.extend(belongs("minutes_per_key", recipe.minutes_per_key.is_some(), has_hours, "`hours`"));
    if measures.contains(&Measure::SkipShare) && recipe.min_ms_played > SKIPS_WITHIN_MS {
        faults.push(format!("`skip_share` needs the short plays: `min_ms_played` may be {SKIPS_WITHIN_MS} at most."));
    }
    faults
}

fn period(recipe: &Recipe) -> Vec<String> {
    let mut faults = Vec::new();
    if let (Some(from), Some(to)) = (recipe.from, recipe.to)
        && from >= to
    {
        faults.push(format!("`from` is {from}, which is not before `to`, {to}."));
    }
    if recipe.last_months.is_some() && (recipe.from.is_some() || recipe.to.is_some()) {
        faults.push("`last_months` stands instead of `from` and `to`.".to_owned());
    }
    let month = |unix_ms: i64| i64::from(keys::month_of(unix_ms));
    let months = |from: UtcTime, to: UtcTime| month(to.unix_ms().saturating_sub(1)) - month(from.unix_ms()) + 1;
    let between = recipe.from.zip(recipe.to).map(|(from, to)| (months(from, to), "`from` and `to`"));
    let length = recipe.last_months.map(|last| (i64::from(last), "`last_months`")).or(between);
    if let (Some(after), Some((length, whose))) = (recipe.months_after, length)
        && i64::from(after) >= length
    {
        faults.push(format!(
            "`months_after` is {after}: nobody can come back so late within the {} of {whose}.",
            counted(length, "months")
        ));
    }
    let has_ends = recipe.last_months.is_some() || (recipe.from.is_some() && recipe.to.is_some());
    if recipe.has_key(Key::Month) && recipe.keys_from != KeysFrom::Threshold && !has_ends {
        faults.push(
            "Groups by `month` that do not come from a `threshold` need `last_months`, or `from` and `to`.".to_owned(),
        );
    }
    faults
}

fn consequences(recipe: &Recipe) -> Vec<String> {
    let mut faults = Vec::new();
    let groups = recipe.groups_per_member();
    if groups == 0 || groups > MOST_GROUPS_PER_MEMBER {
        faults.push(format!(
            "A member would be in {groups} groups; it is from 1 to {MOST_GROUPS_PER_MEMBER}: change `keys_per_member`."
        ));
        return faults;
    }
    let rows = keys::domain_size(recipe, recipe.most_artists.unwrap_or(0).into()).unwrap_or(0);
    if rows > MOST_ROWS {
        faults.push(format!(
            "An edition would have {rows} rows, more than {MOST_ROWS}: lower `most_artists` or the period."
        ));
    }
    let widest = recipe.sums().iter().map(|sum| recipe.sigma(sum)).fold(0.0, f64::max);
    if widest > WIDEST_NOISE {
        faults.push(format!(
            "The noise would have a standard deviation of {widest:.0}, more than {WIDEST_NOISE:.0}: \
             lower `keys_per_member` or `plays_per_key`, or spend more rho."
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_said_in_words() {
        let artist = |rest: &str| format!(r#"{{"kind":"artist_preference",{rest}}}"#);
        let custom = |rest: &str| format!(r#"{{"kind":"custom",{rest}}}"#);
        for (json, expected) in [
            (artist(r#""version":2"#), "`version` is 2"),
            (artist(r#""keys_per_member":0,"delta_pico":0"#), "`delta_pico` is 0"),
            (artist(r#""keys_per_member":0,"delta_pico":0"#), "`keys_per_member` is 0"),
            (artist(r#""delta_pico":1000001"#), "from 1 to 1000000"),
            (artist(r#""from":"2025-01-01T00:00:00Z","to":"2025-01-01T00:00:00Z""#), "not before"),
            (artist(r#""from":"2025-01-01T00:00:00Z","last_months":3"#), "instead of"),
            (artist(r#""plays_per_key":100000,"capped_plays_rho_nano":1000"#), "spend more rho"),
            (artist(r#""group_by":["track"]"#), "`custom`"),
            (artist(r#""hours_rho_nano":1000"#), "`custom`"),
            (artist(r#""keys_from":"offer""#), "takes its groups from `threshold`"),
            (r#"{"kind":"custom"}"#.into(), "one to three keys"),
            (r#"{"kind":"custom"}"#.into(), "No measure"),
            (custom(r#""group_by":["artist","artist"],"fans_rho_nano":50000000"#), "twice"),
            (custom(r#""group_by":["artist","track"],"fans_rho_nano":50000000"#), "only one of"),
            (custom(r#""group_by":["weekday","hour_of_week"],"fans_rho_nano":50000000"#), "take one of them"),
            (custom(r#""group_by":["artist"],"keys_from":"bins","fans_rho_nano":50000000"#), "no fixed bins"),
            (custom(r#""group_by":["track"],"keys_from":"offer","fans_rho_nano":50000000"#), "only come from"),
            (custom(r#""group_by":["country"],"keys_from":"bins","fans_rho_nano":50000000"#), "`countries`"),
            (custom(r#""group_by":["month"],"keys_from":"bins","fans_rho_nano":50000000"#), "`last_months`"),
            (
                custom(r#""group_by":["weekday"],"keys_from":"bins","fans_rho_nano":50000000,"delta_pico":1"#),
                "only there",
            ),
            (custom(r#""group_by":["artist"],"capped_plays_rho_nano":50000000,"plays_per_key":9"#), "that decides"),
            (custom(r#""group_by":["artist"],"fans_rho_nano":50000000,"plays_per_key":9"#), "only there"),
            (
                custom(r#""group_by":["artist"],"fans_rho_nano":50000000,"capped_plays_rho_nano":50000000"#),
                "`plays_per_key` is missing",
            ),
            (r#"{"kind":"artist_map","most_artists":1}"#.into(), "in 0 groups"),
            (
                custom(
                    r#""group_by":["artist"],"fans_rho_nano":50000000,"skip_share_rho_nano":50000000,"plays_per_key":9"#,
                ),
                "short plays",
            ),
            (custom(r#""group_by":["volume","artist"],"fans_rho_nano":50000000"#), "as a whole"),
            (custom(r#""group_by":["artist_pair","month"],"fans_rho_nano":50000000"#), "stands alone"),
            (custom(r#""group_by":["artist_pair"],"fans_rho_nano":50000000,"keys_per_member":900"#), "404550 groups"),
            (r#"{"kind":"retention_curve","months_after":0}"#.into(), "`months_after` is 0"),
            (r#"{"kind":"retention_curve","months_after":12,"last_months":12}"#.into(), "within the 12 months of `last_months`"),
            (
                r#"{"kind":"retention_curve","months_after":1,"from":"2025-01-01T00:00:00Z","to":"2025-02-01T00:00:00Z"}"#.into(),
                "within the 1 month of `from` and `to`",
            ),
            (r#"{"kind":"artist_map","keys_per_member":1}"#.into(), "2 artists of a member at least"),
            (r#"{"kind":"listener_profile","countries":["Sweden"]}"#.into(), "ISO 3166-1"),
            (r#"{"kind":"listener_profile","countries":["SE","XX"]}"#.into(), "ISO 3166-1"),
            (r#"{"kind":"listener_profile","countries":["SE","SE"]}"#.into(), "names `SE` twice"),
        ] {
            let error = Recipe::parse(&json).unwrap_err();
            assert!(error.detail().contains(expected), "{json}: {}", error.detail());
        }
    }

    #[test]
    fn recipes_of_ones_own_hold() {
        for json in [
            r#"{"kind":"custom","group_by":["track"],"fans_rho_nano":50000000}"#,
            r#"{"kind":"custom","group_by":["album","month"],"fans_rho_nano":50000000,"hours_rho_nano":50000000,"minutes_per_key":600}"#,
            r#"{"kind":"custom","group_by":["service"],"keys_from":"bins","keys_per_member":1,"completion_share_rho_nano":50000000,"plays_per_key":500,"min_ms_played":0}"#,
            r#"{"kind":"custom","group_by":["artist","weekday"],"keys_from":"offer","most_artists":9,"fans_rho_nano":50000000,"first_time_share_rho_nano":50000000,"plays_per_key":50}"#,
        ] {
            let recipe = Recipe::parse(json).unwrap_or_else(|e| panic!("{json}: {}", e.detail()));
            assert_eq!(Recipe::parse(&recipe.canonical_json()).unwrap(), recipe);
        }
    }
}
