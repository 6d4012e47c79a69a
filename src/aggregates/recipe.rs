//! What an aggregate computes: its bounds, its floor and its privacy parameters, as a small document.
//!
//! A recipe is JSON with whole numbers only. Its canonical form (keys sorted, no spaces: the part of
//! RFC 8785 that such documents need) is what the SHA-256 names, so the same parameters have the same
//! hash whatever order they were written in.

use crate::clock::UtcTime;
use crate::error::{Error, Result};
use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use utoipa::ToSchema;

/// Nano-rho in one rho: the ledger counts privacy in whole nano-rho.
pub const NANO: u64 = 1_000_000_000;
/// Pico-delta in one: the ledger counts the failure probability in whole 1e-12.
pub const PICO: u64 = 1_000_000_000_000;
/// The noise of a measure may not be wider than this standard deviation: nobody could use the numbers.
pub const WIDEST_NOISE: f64 = 100_000.0;

/// What an aggregate computes. `kind` says which parameters belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Recipe {
    /// How many members have an artist among their favourites, and how often they played it.
    ArtistPreference(ArtistPreference),
}

/// The parameters of `artist_preference`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArtistPreference {
    /// Version of the computation itself. This engine computes version 1.
    #[schema(minimum = 1, maximum = 1)]
    pub version: u32,
    /// L: how many artists of each member count, the most played first. 1 to 1,000.
    #[schema(minimum = 1, maximum = 1000)]
    pub artists_per_member: u32,
    /// C: how many plays of one artist by one member count. 1 to 100,000.
    #[schema(minimum = 1, maximum = 100000)]
    pub plays_per_artist: u32,
    /// K: an artist with fewer members than this never appears. Applied inside the mechanism, before noise and
    /// threshold. In members, 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1000000)]
    pub floor_members: u32,
    /// Plays shorter than this do not count. In milliseconds, 0 to 3,600,000.
    #[schema(minimum = 0, maximum = 3600000)]
    pub min_ms_played: u32,
    /// Plays that ended before this instant do not count. Without it: from the beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<UtcTime>,
    /// Plays that ended at this instant or later do not count. Without it: to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<UtcTime>,
    /// Privacy spent on `fans`, and with it on which artists appear. In 1e-9 rho (zero-concentrated
    /// differential privacy), 1,000 to 10,000,000,000.
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub fans_rho_nano: u64,
    /// Privacy spent on `capped_plays`. In 1e-9 rho, 1,000 to 10,000,000,000.
    #[schema(minimum = 1000, maximum = 10000000000i64)]
    pub capped_plays_rho_nano: u64,
    /// Probability that the choice of artists gives a member away. In 1e-12, 1 to 1,000,000.
    #[schema(minimum = 1, maximum = 1000000)]
    pub delta_pico: u64,
}

impl Default for ArtistPreference {
    fn default() -> Self {
        ArtistPreference {
            version: 1,
            artists_per_member: 20,
            plays_per_artist: 200,
            floor_members: 10,
            min_ms_played: 30_000,
            from: None,
            to: None,
            fans_rho_nano: NANO / 20,
            capped_plays_rho_nano: NANO / 20,
            delta_pico: PICO / 1_000_000_000,
        }
    }
}

impl Default for Recipe {
    fn default() -> Self {
        Recipe::ArtistPreference(ArtistPreference::default())
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
        let recipe: Recipe =
            serde_json::from_str(json).map_err(|e| Error::invalid(format!("The recipe cannot be read: {e}.")))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The same from TOML.
    ///
    /// # Errors
    /// As [`Recipe::parse`].
    pub fn parse_toml(text: &str) -> Result<Recipe> {
        let recipe: Recipe = toml::from_str(text)
            .map_err(|e| Error::invalid(format!("The recipe cannot be read: {}.", e.to_string().trim_end())))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The machine-readable name of the computation.
    pub fn kind(&self) -> &'static str {
        match self {
            Recipe::ArtistPreference(_) => "artist_preference",
        }
    }

    /// What a draw of this recipe costs.
    pub fn cost(&self) -> Cost {
        match self {
            Recipe::ArtistPreference(p) => {
                Cost { rho_nano: p.fans_rho_nano.saturating_add(p.capped_plays_rho_nano), delta_pico: p.delta_pico }
            }
        }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// `invalid`, with every fault in words.
    pub fn validate(&self) -> Result<()> {
        let Recipe::ArtistPreference(parameters) = self;
        let faults = parameters.faults();
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

impl ArtistPreference {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut within = |name: &str, value: u64, range: RangeInclusive<u64>, what: &str| {
            if !range.contains(&value) {
                let (low, high) = (range.start(), range.end());
                faults.push(format!("`{name}` is {value}; it is a number of {what} from {low} to {high}."));
            }
        };
        within("version", self.version.into(), 1..=1, "a version that this engine computes,");
        within("artists_per_member", self.artists_per_member.into(), 1..=1_000, "artists");
        within("plays_per_artist", self.plays_per_artist.into(), 1..=100_000, "plays");
        within("floor_members", self.floor_members.into(), 1..=1_000_000, "members");
        within("min_ms_played", self.min_ms_played.into(), 0..=3_600_000, "milliseconds");
        within("fans_rho_nano", self.fans_rho_nano, 1_000..=10 * NANO, "nano-rho (1e-9)");
        within("capped_plays_rho_nano", self.capped_plays_rho_nano, 1_000..=10 * NANO, "nano-rho (1e-9)");
        // Delta has to be far below one in the number of members; a millionth is the most anybody defends.
        within("delta_pico", self.delta_pico, 1..=PICO / 1_000_000, "pico-delta (1e-12)");
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            faults.push(format!("`from` is {from}, which is not before `to`, {to}."));
        }
        if faults.is_empty() {
            let widest = self.fans_sigma().max(self.capped_plays_sigma());
            if widest > WIDEST_NOISE {
                faults.push(format!(
                    "The noise would have a standard deviation of {widest:.0}, more than {WIDEST_NOISE:.0}: \
                     lower `artists_per_member` or `plays_per_artist`, or spend more rho."
                ));
            }
        }
        faults
    }

    /// Standard deviation of the noise on `fans`, in members: one member moves at most L counts by 1 each,
    /// so the count vector moves by at most sqrt(L) in Euclidean length, and Gaussian noise of sigma costs
    /// rho = L / (2 sigma^2) (Bun and Steinke 2016, proposition 1.6).
    pub(super) fn fans_sigma(&self) -> f64 {
        sigma(self.artists_per_member, self.fans_rho_nano)
    }

    /// Standard deviation of the noise on `capped_plays`, in plays: L sums move by at most C each.
    pub(super) fn capped_plays_sigma(&self) -> f64 {
        f64::from(self.plays_per_artist) * sigma(self.artists_per_member, self.capped_plays_rho_nano)
    }
}

fn sigma(l0: u32, rho_nano: u64) -> f64 {
    let rho = rho_nano as f64 / NANO as f64;
    // Privacy maps round up by the last bit; one part in a thousand million of extra noise keeps the
    // proven cost at or under the whole number that the ledger is charged.
    (f64::from(l0) / (2.0 * rho)).sqrt() * (1.0 + 1e-9)
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
        // A recipe has no lists and no fractions; the texts and whole numbers are written as JSON always writes them.
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
        let long = Recipe::parse(r#"{ "plays_per_artist":200,  "version":1, "kind":"artist_preference" }"#).unwrap();
        assert_eq!(short.sha256(), long.sha256());
        assert_eq!(
            short.canonical_json(),
            concat!(
                r#"{"artists_per_member":20,"capped_plays_rho_nano":50000000,"delta_pico":1000,"fans_rho_nano":50000000,"#,
                r#""floor_members":10,"kind":"artist_preference","min_ms_played":30000,"plays_per_artist":200,"version":1}"#
            )
        );
        assert_eq!(Recipe::parse(&short.canonical_json()).unwrap(), short, "the canonical form is itself a recipe");
        assert_eq!(short.cost(), Cost { rho_nano: 100_000_000, delta_pico: 1_000 });
    }

    #[test]
    fn a_period_is_part_of_the_recipe() {
        let recipe = Recipe::parse(r#"{"kind":"artist_preference","from":"2025-01-01T00:00:00Z"}"#).unwrap();
        assert!(recipe.canonical_json().contains(r#""from":"2025-01-01T00:00:00Z""#));
        assert_ne!(recipe.sha256(), Recipe::default().sha256());
    }

    #[test]
    fn what_does_not_hold_is_said_in_words() {
        for (json, expected) in [
            (r#"{"kind":"artist_preference","speed":1}"#, "speed"),
            (r#"{"kind":"artist_preference","version":1,"version":1}"#, "duplicate"),
            (r#"{"kind":"skips"}"#, "skips"),
            (r#"{"version":1}"#, "kind"),
            (r#"{"kind":"artist_preference","plays_per_artist":1.5}"#, "cannot be read"),
            (r#"{"kind":"artist_preference","version":2}"#, "`version` is 2"),
            (r#"{"kind":"artist_preference","artists_per_member":0,"delta_pico":0}"#, "`delta_pico` is 0"),
            (r#"{"kind":"artist_preference","artists_per_member":0,"delta_pico":0}"#, "`artists_per_member` is 0"),
            (r#"{"kind":"artist_preference","delta_pico":1000001}"#, "from 1 to 1000000"),
            (r#"{"kind":"artist_preference","from":"2025-01-01T00:00:00Z","to":"2025-01-01T00:00:00Z"}"#, "not before"),
            (r#"{"kind":"artist_preference","from":"yesterday"}"#, "an instant looks like"),
            (
                r#"{"kind":"artist_preference","plays_per_artist":100000,"capped_plays_rho_nano":1000}"#,
                "spend more rho",
            ),
        ] {
            let error = Recipe::parse(json).unwrap_err();
            assert!(error.detail().contains(expected), "{json}: {}", error.detail());
        }
    }

    #[test]
    fn the_noise_of_the_defaults_is_the_worked_example() {
        let p = ArtistPreference::default();
        assert!((p.fans_sigma() - 14.1421).abs() < 1e-3);
        assert!((p.capped_plays_sigma() - 2828.43).abs() < 1e-1);
    }
}
