//! The columns of an edition's table: what each holds, what it says to people, and how far it may be off.

use super::keys::{Key, UNKNOWN_COUNTRY};
use super::measures::Measure;
use super::noise::{NoisePlan, SumNoise};
use super::recipe::{KeysFrom, Recipe};
use crate::money::grouped;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One column of an edition's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    /// Name in the file.
    pub name: String,
    /// `text`, `whole number` (64 bits, signed), `number` (64 bits, may be absent) or `yes or no`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is counted; empty where nothing is.
    pub unit: String,
    /// What the value says.
    pub meaning: String,
    /// How far the value may be from the bounded count.
    pub error_bar: String,
}

/// A table of an edition and what its columns mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "artist_map_vectors", "columns": [{
    "name": "artist", "type": "text", "unit": "", "meaning": "The artist's name as in the pairs.",
    "error_bar": "None: the value is exact."
}]}))]
pub struct TableColumns {
    /// Name of its files, without extension.
    pub name: String,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

/// Where the values of a column come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A name of the group.
    Text(usize),
    /// A number of the group.
    Number(usize),
    /// The MusicBrainz id of the artist in that place.
    MusicBrainz(usize),
    /// Whether the country in that place has several time zones.
    SeveralZones(usize),
    /// A noisy sum.
    Sum(usize),
    /// A noisy sum of minutes, as hours.
    Hours(usize),
    /// The quotient of a noisy sum and the one after it.
    Share(usize),
    /// Its lower end.
    ShareLow(usize),
    /// Its upper end.
    ShareHigh(usize),
}

/// The columns of a recipe's table with their sources, in order. `with_ids`: MusicBrainz ids are joined.
pub fn of(recipe: &Recipe, plan: &NoisePlan, with_ids: bool) -> Vec<(Column, Source)> {
    let mut columns = Vec::new();
    let mut place = 0;
    for key in &recipe.group_by {
        key_columns(*key, recipe, &mut place, with_ids, &mut columns);
    }
    let mut place = 0;
    for (measure, _) in recipe.measures() {
        measure_columns(measure, recipe, plan, place, &mut columns);
        place += if is_share(measure) { 2 } else { 1 };
    }
    columns
}

const fn is_share(measure: Measure) -> bool {
    matches!(measure, Measure::SkipShare | Measure::CompletionShare | Measure::FirstTimeShare | Measure::ReturnShare)
}

fn column(name: &str, kind: &str, unit: &str, meaning: impl Into<String>, error_bar: impl Into<String>) -> Column {
    let (name, kind, unit) = (name.to_owned(), kind.to_owned(), unit.to_owned());
    Column { name, kind, unit, meaning: meaning.into(), error_bar: error_bar.into() }
}

fn key_columns(key: Key, recipe: &Recipe, place: &mut usize, with_ids: bool, out: &mut Vec<(Column, Source)>) {
    let exact = match recipe.keys_from {
        KeysFrom::Threshold => "None: the value is exact. Which groups appear was decided on noisy counts.",
        _ => "None: the value is exact. Every group is given, whether anybody listens or not.",
    };
    for name in key.columns() {
        let (kind, source) =
            if key.is_number() { ("whole number", Source::Number(*place)) } else { ("text", Source::Text(*place)) };
        out.push((column(name, kind, key_unit(key), key_meaning(key, name, recipe), exact), source));
        if with_ids && name.starts_with("artist") {
            let name = name.replacen("artist", "musicbrainz_artist_id", 1);
            let meaning =
                "The artist's MusicBrainz id, from a public mapping by name; empty where that has none or several.";
            let error_bar = "Joined after the noise. Names that several artists share may carry the wrong id.";
            out.push((column(&name, "text", "", meaning, error_bar), Source::MusicBrainz(*place)));
        }
        if key == Key::Country && (recipe.has_key(Key::HourOfWeek) || recipe.has_key(Key::Weekday)) {
            let meaning =
                "Whether the country has several time zones: then the hours are those where most of its people live.";
            out.push((column("several_time_zones", "yes or no", "", meaning, "None."), Source::SeveralZones(*place)));
        }
        *place += 1;
    }
}

const fn key_unit(key: Key) -> &'static str {
    match key {
        Key::Weekday => "day of the week",
        Key::HourOfWeek => "hour of the week",
        Key::MonthsSinceFirst => "months",
        Key::Volume => "plays in a month",
        Key::Variety => "artists",
        _ => "",
    }
}

fn key_meaning(key: Key, name: &str, recipe: &Recipe) -> String {
    const NAME: &str = "as the service wrote it. Spelling and capitals are kept: `LISA` and `LiSA` are two artists.";
    let local = "by the local time of the play's country; UTC where that is not known";
    match (key, name) {
        (_, "artist") => format!("The album artist's name {NAME}"),
        (_, "album") => "The album's title as the service wrote it; empty where it has none.".into(),
        (_, "track") => "The track's title as the service wrote it.".into(),
        (_, "artist_a") => format!("The first artist of the pair, {NAME} Every pair occurs once, the smaller name first."),
        (_, "artist_b") => "The second artist of the pair.".into(),
        (Key::Month, _) => "The month in which the plays ended, in UTC, such as `2026-01`.".into(),
        (Key::Weekday, _) => format!("The day on which the plays ended, 0 for Monday to 6 for Sunday, {local}."),
        (Key::HourOfWeek, _) => {
            format!("The hour in which the plays ended, 0 for Monday from 0:00 to 167 for Sunday from 23:00, {local}.")
        }
        (Key::Country, _) if recipe.keys_from == KeysFrom::Threshold => {
            format!("The country of the plays (ISO 3166-1, two letters); `{UNKNOWN_COUNTRY}` where the service does not say.")
        }
        (Key::Country, _) if recipe.has_key(Key::Volume) || recipe.has_key(Key::Variety) => {
            "The country (ISO 3166-1, two letters) of most of the member's plays; `other` for those that have no bin of their own.".into()
        }
        (Key::Country, _) => "The country of the plays (ISO 3166-1, two letters); `other` for those that have no bin of their own.".into(),
        (Key::Service, _) => "The music service.".into(),
        (Key::MonthsSinceFirst, _) => "Whole months (UTC) since the month of the member's first play of the artist.".into(),
        (Key::Volume, _) => "How much a member listens: plays that count in a month with any, on average, such as `50-199`.".into(),
        (Key::Variety, _) => "How many different artists a member listens to, such as `25-99`.".into(),
        _ => String::new(),
    }
}

fn measure_columns(measure: Measure, recipe: &Recipe, plan: &NoisePlan, place: usize, out: &mut Vec<(Column, Source)>) {
    let noise = &plan.sums[place];
    let name = noise.sum.column;
    let cap = grouped(noise.sum.most.into());
    let not_cut = "Not cut off at zero, so that sums over rows stay right on average: a value may be negative where little meets much noise.";
    let capped =
        |what: &str| format!("{} What is cut off by the cap of {cap} {what} is not in this bar.", error_bar(noise));
    match measure {
        Measure::Fans => out.push((fans(recipe, plan, noise), Source::Sum(place))),
        Measure::CappedPlays => {
            let meaning = format!(
                "Plays of those members, counting at most {cap} plays of a member in a group, with noise. {not_cut}"
            );
            out.push((column(name, "whole number", "plays", meaning, capped("plays")), Source::Sum(place)));
        }
        Measure::Hours => {
            let meaning = format!(
                "Hours that those members listened, counting at most {cap} whole minutes of a member in a group, with noise. {not_cut}"
            );
            let hours = noise.half_width_95 as f64 / 60.0;
            let error_bar = format!(
                "In 95 of 100 rows the value lies at most {hours:.1} from the bounded count. What is cut off by the cap is not in this bar."
            );
            out.push((column("hours", "number", "hours", meaning, error_bar), Source::Hours(place)));
        }
        Measure::SkipShare => share(
            ("skip_share", "Share of plays that the listener left for another track, among those whose end is known"),
            plan,
            place,
            out,
        ),
        Measure::CompletionShare => share(
            ("completion_share", "Share of plays heard to their end, among those whose end is known"),
            plan,
            place,
            out,
        ),
        Measure::FirstTimeShare => share(
            (
                "first_time_share",
                "Share of plays that were the member's first of that track. The first 90 days of a history do not count, nor does account data",
            ),
            plan,
            place,
            out,
        ),
        Measure::ReturnShare => share(
            (
                "return_share",
                "Share of members who played the artist again in that month, among those whose history goes on until then. \
                 Artists heard in the first 90 days of a history do not count, nor does account data",
            ),
            plan,
            place,
            out,
        ),
    }
}

fn error_bar(noise: &SumNoise) -> String {
    format!("In 95 of 100 rows the value lies at most {} from the bounded count.", grouped(noise.half_width_95))
}

fn fans(recipe: &Recipe, plan: &NoisePlan, noise: &SumNoise) -> Column {
    let l = recipe.keys_per_member;
    let meaning = if recipe.has_key(Key::ArtistPair) {
        format!("Members who have both artists among their {l} most played of the list, with noise.")
    } else if recipe.has_key(Key::Volume) || recipe.has_key(Key::Variety) {
        "Members of this kind, with noise. Each member is counted once.".to_owned()
    } else {
        let whose = if recipe.keys_from.is_list() { " of the list" } else { "" };
        format!("Members who have this group among their {l} most played{whose}, with noise.")
    };
    let lean = plan.threshold.map(|threshold| {
        format!(
            " Rows close to the smallest value, {}, lean upwards: they are in the file partly because their noise was high.",
            threshold.smallest_published()
        )
    });
    let error_bar = format!("{}{}", error_bar(noise), lean.unwrap_or_default());
    column(noise.sum.column, "whole number", "members", meaning, error_bar)
}

fn share((name, meaning): (&str, &str), plan: &NoisePlan, place: usize, out: &mut Vec<(Column, Source)>) {
    let (part, whole) = (&plan.sums[place], &plan.sums[place + 1]);
    let quotient = format!(
        "{meaning}: `{}` by `{}`, cut to 0 and 1; absent where there is too little to tell.",
        part.sum.column, whole.sum.column
    );
    let bars = format!("With 95 % confidence the noise leaves the truth between `{name}_low` and `{name}_high`.");
    out.push((column(name, "number", "share from 0 to 1", quotient, bars), Source::Share(place)));
    let end = |which: &str| format!("The {which} end of `{name}`, from the noise of both sums.");
    let low = column(&format!("{name}_low"), "number", "share from 0 to 1", end("lower"), "None: it is an error bar.");
    let high =
        column(&format!("{name}_high"), "number", "share from 0 to 1", end("upper"), "None: it is an error bar.");
    out.push((low, Source::ShareLow(place)));
    out.push((high, Source::ShareHigh(place)));
    for (noise, at, what) in [(part, place, "The part"), (whole, place + 1, "The whole")] {
        let cut = if noise.sum.most > 1 {
            format!(", counting at most {} of a member in a group, in proportion", grouped(noise.sum.most.into()))
        } else {
            String::new()
        };
        let meaning = format!("{what} of `{name}`{cut}, with noise: to be added up over rows before dividing.");
        out.push((
            column(noise.sum.column, "whole number", noise.sum.unit, meaning, error_bar(noise)),
            Source::Sum(at),
        ));
    }
}
