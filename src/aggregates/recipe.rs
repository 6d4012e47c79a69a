//! What an aggregate computes: its groups, measures, bounds, floor and privacy parameters, as a small document.
//!
//! A recipe is JSON or TOML with whole numbers, words and lists of words only. `kind` names one of the computations that
//! are made ready ([`super::presets`]), whose parameters may be changed, or `custom`, which takes its groups and measures
//! from the document. What a document leaves out is filled in from the kind, so that the canonical form (all parameters,
//! keys sorted, no spaces: the part of RFC 8785 that such documents need) and with it the SHA-256 is the same for the same
//! computation, however it was written down.

use super::keys::Key;
use super::measures::Measure;
use super::presets;
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use crate::text::{decimal, without_types};
use crate::text_enum;
use crate::zcdp;
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::zcdp::{NANO, PICO};

text_enum! {
    /// The computations that are made ready, and `custom` for one that the document itself describes.
    pub enum Kind {
        /// Who likes whom: artists by the members who have them among their favourites.
        ArtistPreference = "artist_preference",
        /// The same by country.
        ArtistByCountry = "artist_by_country",
        /// Artists of a public list by month.
        ArtistTrend = "artist_trend",
        /// When people listen: the hours of the week, by local time.
        ListeningClock = "listening_clock",
        /// How often an artist's plays are skipped.
        SkipBehaviour = "skip_behaviour",
        /// The artists that a buyer asks about, those without any fans included.
        BuyerPanel = "buyer_panel",
        /// Which artists share their listeners, and the leading vectors of that.
        ArtistMap = "artist_map",
        /// How much, how varied and where people listen.
        ListenerProfile = "listener_profile",
        /// How many come back to an artist in the months after the first play.
        RetentionCurve = "retention_curve",
        /// Groups and measures of one's own.
        Custom = "custom",
    }
}

text_enum! {
    /// Where the groups of an edition come from.
    pub enum KeysFrom {
        /// From the members' listening: those whose noisy number of fans passes a threshold. Costs delta.
        Threshold = "threshold",
        /// Artists that an earlier edition of the pool has made public; groups without listeners are given too.
        Edition = "edition",
        /// Artists that the buyer lists in the offer; groups without listeners are given too.
        Offer = "offer",
        /// From the recipe alone, such as the 168 hours of a week; groups without listeners are given too.
        Bins = "bins",
    }
}

impl KeysFrom {
    /// Whether it takes a list of artists.
    pub const fn is_list(self) -> bool {
        matches!(self, KeysFrom::Edition | KeysFrom::Offer)
    }
}

/// What an aggregate computes. Every parameter but `kind` has a default, which depends on the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Draft")]
#[schema(example = json!({"kind": "artist_preference", "keys_per_member": 20, "plays_per_key": 200}))]
pub struct Recipe {
    /// Which computation.
    pub kind: Kind,
    /// Version of the computation itself. This engine computes version 1.
    #[schema(required = false, minimum = 1, maximum = 1)]
    pub version: u32,
    /// What plays are grouped by, one to three of the keys. Only `custom` may choose.
    #[schema(required = false)]
    pub group_by: Vec<Key>,
    /// Where the groups come from.
    #[schema(required = false)]
    pub keys_from: KeysFrom,
    /// How many artists the list has at most, where the groups come from a list. 1 to 2,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 2000)]
    pub most_artists: Option<u32>,
    /// How many groups of each member count, those with the most plays first; with `artist_pair` and
    /// `months_since_first`: how many artists, from which the groups follow. 1 to 1,000.
    #[schema(required = false, minimum = 1, maximum = 1000)]
    pub keys_per_member: u32,
    /// C: how many plays of one group by one member count. 1 to 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100000)]
    pub plays_per_key: Option<u32>,
    /// How many minutes of one group by one member count towards `hours`. 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000000)]
    pub minutes_per_key: Option<u32>,
    /// How many months after the first play are looked at, with `months_since_first`. 1 to 36.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 36)]
    pub months_after: Option<u32>,
    /// The countries that have a bin of their own where the groups do not come from listening: two capital letters
    /// each (ISO 3166-1). All others are `other`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub countries: Vec<String>,
    /// K: a group of fewer members than this never appears; with a threshold only. Applied inside the mechanism, before
    /// noise and threshold. In members, 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000000)]
    pub floor_members: Option<u32>,
    /// Plays shorter than this do not count. In milliseconds, 0 to 3,600,000.
    #[schema(required = false, minimum = 0, maximum = 3600000)]
    pub min_ms_played: u32,
    /// Plays that ended before this instant do not count. Without it: from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<UtcTime>,
    /// Plays that ended at this instant or later do not count. Without it: to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<UtcTime>,
    /// Instead of `from` and `to`: so many whole months (UTC) before the one in which the edition is drawn. 1 to 120.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 120)]
    pub last_months: Option<u32>,
    /// Privacy spent on `fans`, and, with a threshold, on which groups appear. In 1e-9 rho (zero-concentrated differential
    /// privacy), like those below 1,000 to 10,000,000,000. Without it the measure is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub fans_rho_nano: Option<u64>,
    /// Privacy spent on `capped_plays`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub capped_plays_rho_nano: Option<u64>,
    /// Privacy spent on `hours`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub hours_rho_nano: Option<u64>,
    /// Privacy spent on `skip_share`: half on the plays that were skipped, half on those whose end is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub skip_share_rho_nano: Option<u64>,
    /// Privacy spent on `completion_share`: half on the plays heard to their end, half on those whose end is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub completion_share_rho_nano: Option<u64>,
    /// Privacy spent on `first_time_share`: half on first plays of a track, half on the plays among which they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub first_time_share_rho_nano: Option<u64>,
    /// Privacy spent on `return_share`: half on the members who came back, half on those who could have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub return_share_rho_nano: Option<u64>,
    /// Probability that the choice of groups gives a member away; with a threshold only. In 1e-12, 1 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000000)]
    pub delta_pico: Option<u64>,
}

/// A recipe as people write it: what is missing is filled in from its kind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a recipe, which is an object with its parameters")]
pub(super) struct Draft {
    pub kind: Option<Kind>,
    pub version: Option<u32>,
    pub group_by: Option<Vec<Key>>,
    pub keys_from: Option<KeysFrom>,
    pub most_artists: Option<u32>,
    pub keys_per_member: Option<u32>,
    pub plays_per_key: Option<u32>,
    pub minutes_per_key: Option<u32>,
    pub months_after: Option<u32>,
    pub countries: Option<Vec<String>>,
    pub floor_members: Option<u32>,
    pub min_ms_played: Option<u32>,
    pub from: Option<UtcTime>,
    pub to: Option<UtcTime>,
    pub last_months: Option<u32>,
    pub fans_rho_nano: Option<u64>,
    pub capped_plays_rho_nano: Option<u64>,
    pub hours_rho_nano: Option<u64>,
    pub skip_share_rho_nano: Option<u64>,
    pub completion_share_rho_nano: Option<u64>,
    pub first_time_share_rho_nano: Option<u64>,
    pub return_share_rho_nano: Option<u64>,
    pub delta_pico: Option<u64>,
}

impl TryFrom<Draft> for Recipe {
    type Error = String;

    fn try_from(draft: Draft) -> Result<Recipe, String> {
        let kind = draft.kind.ok_or_else(|| {
            let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("missing field `kind`, one of {}", kinds.join(", "))
        })?;
        let keys_from = draft.keys_from.unwrap_or(presets::of(kind).keys_from);
        let usual = match (kind, keys_from) {
            (Kind::Custom, KeysFrom::Threshold) => presets::custom_by_threshold(),
            _ => presets::of(kind),
        };
        // A period of one's own takes the place of the usual one, whichever way either is given.
        let has_period = draft.from.is_some() || draft.to.is_some() || draft.last_months.is_some();
        Ok(Recipe {
            kind,
            version: draft.version.unwrap_or(1),
            group_by: draft.group_by.unwrap_or(usual.group_by),
            keys_from,
            most_artists: draft.most_artists.or(usual.most_artists),
            keys_per_member: draft.keys_per_member.unwrap_or(usual.keys_per_member),
            plays_per_key: draft.plays_per_key.or(usual.plays_per_key),
            minutes_per_key: draft.minutes_per_key.or(usual.minutes_per_key),
            months_after: draft.months_after.or(usual.months_after),
            countries: draft.countries.unwrap_or(usual.countries),
            floor_members: draft.floor_members.or(usual.floor_members),
            min_ms_played: draft.min_ms_played.unwrap_or(usual.min_ms_played),
            from: draft.from,
            to: draft.to,
            last_months: draft.last_months.or(if has_period { None } else { usual.last_months }),
            fans_rho_nano: draft.fans_rho_nano.or(usual.fans_rho_nano),
            capped_plays_rho_nano: draft.capped_plays_rho_nano.or(usual.capped_plays_rho_nano),
            hours_rho_nano: draft.hours_rho_nano.or(usual.hours_rho_nano),
            skip_share_rho_nano: draft.skip_share_rho_nano.or(usual.skip_share_rho_nano),
            completion_share_rho_nano: draft.completion_share_rho_nano.or(usual.completion_share_rho_nano),
            first_time_share_rho_nano: draft.first_time_share_rho_nano.or(usual.first_time_share_rho_nano),
            return_share_rho_nano: draft.return_share_rho_nano.or(usual.return_share_rho_nano),
            delta_pico: draft.delta_pico.or(usual.delta_pico),
        })
    }
}

impl Default for Recipe {
    fn default() -> Self {
        presets::of(Kind::ArtistPreference)
    }
}

/// What one draw takes from a pool's lifetime privacy budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    /// In 1e-9 rho.
    pub rho_nano: u64,
    /// In 1e-12.
    pub delta_pico: u64,
}

impl Cost {
    /// The sum of two costs: draws compose by adding up both numbers.
    ///
    /// # Errors
    /// `internal` on overflow, which bounded recipes cannot reach.
    pub fn plus(self, other: Cost) -> Result<Cost> {
        let sum = |a: u64, b: u64| a.checked_add(b).ok_or_else(|| Error::internal("a privacy cost overflowed"));
        Ok(Cost { rho_nano: sum(self.rho_nano, other.rho_nano)?, delta_pico: sum(self.delta_pico, other.delta_pico)? })
    }

    /// Whether this cost is within a budget, in both numbers.
    pub fn fits(self, budget: Cost) -> bool {
        self.rho_nano <= budget.rho_nano && self.delta_pico <= budget.delta_pico
    }

    /// Epsilon at a total failure probability, in 1e-12; `None` where that is no more than what the cost already uses.
    ///
    /// # Errors
    /// `internal`: the library cannot convert.
    pub fn epsilon_at(self, delta_pico: u64) -> Result<Option<f64>> {
        zcdp::epsilon(self.rho_nano, self.delta_pico, delta_pico)
    }

    /// Delta as people read it.
    pub fn delta_in_words(self) -> String {
        match self.delta_pico {
            0 => "no failure probability".into(),
            delta => format!("a failure probability of {}", decimal(delta, 12)),
        }
    }

    /// Rho as a plain number.
    pub fn rho(self) -> f64 {
        self.rho_nano as f64 / NANO as f64
    }

    /// Delta as a plain number.
    pub fn delta(self) -> f64 {
        self.delta_pico as f64 / PICO as f64
    }
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    /// `invalid`: not such a document (with the place), or parameters out of bounds (all of them, in words).
    pub fn parse(json: &str) -> Result<Recipe> {
        let recipe: Recipe = serde_json::from_str(json).map_err(|e| unread(&without_types(&e.to_string())))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The same from TOML.
    ///
    /// # Errors
    /// As [`Recipe::parse`].
    pub fn parse_toml(text: &str) -> Result<Recipe> {
        // The library draws the place, and says below what is wrong there.
        let recipe: Recipe = toml::from_str(text).map_err(|e| {
            let why = match e.message() {
                // That is how the library sees a date without quotes.
                "invalid type: map, expected a string" => {
                    "an instant stands in quotes, such as \"2026-01-31T12:00:00Z\""
                }
                why => &without_types(why),
            };
            let words = e.to_string().replace(e.message(), why);
            unread(words.trim_end())
        })?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The machine-readable name of the computation.
    pub fn kind(&self) -> &'static str {
        self.kind.as_str()
    }

    /// What a draw of this recipe costs.
    pub fn cost(&self) -> Cost {
        let rho_nano = self.measures().iter().fold(0u64, |sum, (_, rho_nano)| sum.saturating_add(*rho_nano));
        Cost { rho_nano, delta_pico: self.delta_pico.unwrap_or(0) }
    }

    /// The measures that are given, in the order of their columns, with the privacy spent on each in 1e-9 rho.
    pub fn measures(&self) -> Vec<(Measure, u64)> {
        let spent = [
            (Measure::Fans, self.fans_rho_nano),
            (Measure::CappedPlays, self.capped_plays_rho_nano),
            (Measure::Hours, self.hours_rho_nano),
            (Measure::SkipShare, self.skip_share_rho_nano),
            (Measure::CompletionShare, self.completion_share_rho_nano),
            (Measure::FirstTimeShare, self.first_time_share_rho_nano),
            (Measure::ReturnShare, self.return_share_rho_nano),
        ];
        spent.into_iter().filter_map(|(measure, rho_nano)| Some((measure, rho_nano?))).collect()
    }

    /// Whether plays are grouped by this key.
    pub fn has_key(&self, key: Key) -> bool {
        self.group_by.contains(&key)
    }

    /// Whether its editions make artists public: those that the members' listening brings over the threshold.
    pub fn finds_artists(&self) -> bool {
        self.keys_from == KeysFrom::Threshold && self.has_key(Key::Artist)
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// `invalid`, with every fault in words.
    pub fn validate(&self) -> Result<()> {
        let faults = super::faults::of(self);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Error::invalid(format!("The recipe does not hold: {}", faults.join(" "))))
        }
    }

    /// The canonical form: what is hashed, and what an offer freezes.
    pub fn canonical_json(&self) -> String {
        let value = serde_json::to_value(self).expect("a recipe is plain data, which always serialises");
        let mut out = String::new();
        write_canonical(&value, &mut out);
        out
    }

    /// SHA-256 of the canonical form, 64 hexadecimal digits.
    pub fn sha256(&self) -> String {
        hex::encode(digest::digest(&digest::SHA256, self.canonical_json().as_bytes()))
    }
}

fn unread(why: &str) -> Error {
    Error::invalid(format!("The recipe cannot be read: {why}."))
}

/// Keys sorted by UTF-16 code units, no white space, strings escaped as RFC 8785 asks. Recipes hold no
/// fractions, so number formatting, the hard part of that document, does not arise.
fn write_canonical(value: &serde_json::Value, out: &mut String) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            let mut separator = '{';
            for key in &keys {
                out.push(separator);
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(&map[*key], out);
                separator = ',';
            }
            out.push_str(if keys.is_empty() { "{}" } else { "}" });
        }
        Value::Array(items) => {
            let mut separator = '[';
            for item in items {
                out.push(separator);
                write_canonical(item, out);
                separator = ',';
            }
            out.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        // A recipe has no fractions; texts and whole numbers are written as JSON always writes them.
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fill_in_and_the_canonical_form_is_one() {
        let short = Recipe::parse(r#"{"kind":"artist_preference"}"#).unwrap();
        assert_eq!(short, Recipe::default());
        let long = Recipe::parse(r#"{ "plays_per_key":200,  "version":1, "kind":"artist_preference" }"#).unwrap();
        assert_eq!(short.sha256(), long.sha256());
        assert_eq!(
            short.canonical_json(),
            concat!(
                r#"{"capped_plays_rho_nano":50000000,"delta_pico":1000,"fans_rho_nano":50000000,"floor_members":10,"#,
                r#""group_by":["artist"],"keys_from":"threshold","keys_per_member":20,"kind":"artist_preference","#,
                r#""min_ms_played":30000,"plays_per_key":200,"version":1}"#
            )
        );
        assert_eq!(Recipe::parse(&short.canonical_json()).unwrap(), short, "the canonical form is itself a recipe");
        assert_eq!(short.cost(), Cost { rho_nano: 100_000_000, delta_pico: 1_000 });
    }

    #[test]
    fn a_period_is_part_of_the_recipe_and_takes_the_place_of_the_usual_one() {
        let recipe = Recipe::parse(r#"{"kind":"artist_preference","from":"2025-01-01T00:00:00Z"}"#).unwrap();
        assert!(recipe.canonical_json().contains(r#""from":"2025-01-01T00:00:00Z""#));
        assert_ne!(recipe.sha256(), Recipe::default().sha256());
        let trend = presets::of(Kind::ArtistTrend);
        assert!(trend.last_months.is_some());
        let own = r#"{"kind":"artist_trend","from":"2025-01-01T00:00:00Z","to":"2025-07-01T00:00:00Z"}"#;
        assert_eq!(Recipe::parse(own).unwrap().last_months, None);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        for (json, expected) in [
            (r#"{"kind":"artist_preference","speed":1}"#, "speed"),
            (r#"{"kind":"artist_preference","version":1,"version":1}"#, "duplicate"),
            (r#"{"kind":"skips"}"#, "skips"),
            (r#"{"version":1}"#, "kind"),
            (
                r#"{"kind":"artist_preference","plays_per_key":1.5}"#,
                "`1.5`, expected a whole number that is not negative",
            ),
            (
                r#"{"kind":"artist_preference","plays_per_key":-1}"#,
                "`-1`, expected a whole number that is not negative",
            ),
            (r#"{"kind":"artist_preference","from":"yesterday"}"#, "instant"),
            (r#"[]"#, "expected a recipe"),
        ] {
            let error = Recipe::parse(json).unwrap_err();
            assert!(error.detail().contains(expected), "{json}: {}", error.detail());
        }
        let error = Recipe::parse_toml("kind = \"artist_preference\"\nplays_per_key = \"many\"").unwrap_err();
        for said in ["line 2", "plays_per_key = \"many\"", "expected a whole number that is not negative"] {
            assert!(error.detail().contains(said), "{}", error.detail());
        }
        let error = Recipe::parse_toml("kind = \"artist_preference\"\nfrom = 2026-02-01T00:00:00Z").unwrap_err();
        assert!(error.detail().contains("an instant stands in quotes"), "{}", error.detail());
    }
}
