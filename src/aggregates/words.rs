//! What people read about a recipe: the columns of its file, what it computes and what it protects.

use super::noise::NoisePlan;
use super::recipe::{ArtistPreference, Recipe};
use crate::error::Result;
use crate::money::grouped;
use crate::text::decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One column of an edition's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    /// Name in the file.
    pub name: String,
    /// `text` or `whole number` (64 bits, signed).
    #[serde(rename = "type")]
    pub kind: String,
    /// What is counted; empty where nothing is.
    pub unit: String,
    /// What the value says.
    pub meaning: String,
    /// How far the value may be from the truth.
    pub error_bar: String,
}

/// The unit of privacy, as every manifest states it.
pub const UNIT_OF_PRIVACY: &str = "One member, with everything that this member ever listened to, over the whole lifetime of the pool. \
     Two pools are neighbours when the plays of one member are taken out; how many members there are is public, what any one of them played is protected.";

impl Recipe {
    /// The data dictionary.
    ///
    /// # Errors
    /// `internal`: the noise cannot be worked out, which a validated recipe does not come to.
    pub fn columns(&self) -> Result<Vec<Column>> {
        let Recipe::ArtistPreference(p) = self;
        let plan = NoisePlan::of(p)?;
        let column = |name: &str, kind: &str, unit: &str, meaning: String, error_bar: String| Column {
            name: name.into(),
            kind: kind.into(),
            unit: unit.into(),
            meaning,
            error_bar,
        };
        let (l, c) = (p.artists_per_member, grouped(p.plays_per_artist.into()));
        Ok(vec![
            column(
                "artist",
                "text",
                "",
                "The album artist's name as the service wrote it. Spelling and capitals are kept: `LISA` and `LiSA` are two artists. \
                 Every name occurs once."
                    .into(),
                "None: the name is exact. Which names appear was decided on noisy counts.".into(),
            ),
            column(
                "fans",
                "whole number",
                "members",
                format!("Members who have the artist among their {l} most played artists, with noise."),
                format!(
                    "In 95 of 100 rows the value lies at most {} from the truth. Rows close to the smallest value, {}, lean upwards: \
                     they are in the file partly because their noise was high.",
                    plan.fans.half_width_95, plan.smallest_published_fans
                ),
            ),
            column(
                "capped_plays",
                "whole number",
                "plays",
                format!(
                    "Plays of the artist by those members, counting at most {c} plays of a member, with noise. \
                     Not cut off at zero, so that sums over rows stay right on average: a value may be negative where few plays meet much noise."
                ),
                format!(
                    "In 95 of 100 rows the value lies at most {} from the truth. What is cut off by the cap of {c} plays is not in this bar.",
                    plan.capped_plays.half_width_95
                ),
            ),
        ])
    }

    /// What the recipe computes and what it protects, in plain words.
    pub fn explanation(&self) -> String {
        let Recipe::ArtistPreference(p) = self;
        let cost = self.cost();
        format!(
            "For every artist: how many members have it among their {l} most played artists (`fans`), and how often these members played it, \
             counting at most {c} plays of a member (`capped_plays`). {counted} Each member's list is cut to {l} artists before anything is added up \
             across members, so no one moves more than {l} rows, nor any row by more than one fan and {c} plays. The numbers carry discrete Gaussian \
             noise that hides any one member. An artist of fewer than {k} members never appears, and one of more appears only when its noisy number of \
             fans passes a threshold far above what one member can move. The draw costs {rho} rho (zero-concentrated differential privacy) and a failure probability of {delta} of the pool's budget.",
            l = p.artists_per_member,
            c = grouped(p.plays_per_artist.into()),
            counted = p.counted(),
            k = p.floor_members,
            rho = decimal(cost.rho_nano, 9),
            delta = decimal(cost.delta_pico, 12),
        )
    }

    /// What the numbers do not say, whoever reads them.
    pub fn caveats(&self) -> Vec<String> {
        let Recipe::ArtistPreference(p) = self;
        vec![
            format!(
                "Cutting each member's history to {} artists and {} plays an artist makes the numbers smaller than a plain count; no error bar covers that.",
                p.artists_per_member,
                grouped(p.plays_per_artist.into())
            ),
            "Rows near the smallest number of fans lean upwards, because they were chosen on their own noise.".into(),
            "An artist that is missing may have fans: fewer than the threshold, or just unlucky noise.".into(),
            "The members of a pool are not a sample of all listeners.".into(),
            "In CSV, a text that begins with = + - @, a tab or a carriage return (with or without apostrophes before it) has one apostrophe put in front, \
             so that no spreadsheet runs it as a formula. Take it off to get the name; the Parquet file has names as they are."
                .into(),
        ]
    }
}

impl ArtistPreference {
    fn counted(&self) -> String {
        let shortest = if self.min_ms_played == 0 {
            "Plays of any length count".to_owned()
        } else {
            format!("Plays of {} seconds and more count", decimal(self.min_ms_played.into(), 3))
        };
        format!("{shortest}, {}.", self.period_in_words())
    }

    /// The period in words.
    pub fn period_in_words(&self) -> String {
        match (self.from, self.to) {
            (None, None) => "whenever they were played".into(),
            (Some(from), None) => format!("from {from} on"),
            (None, Some(to)) => format!("until before {to}"),
            (Some(from), Some(to)) => format!("from {from} until before {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_follow_the_parameters() {
        let words = Recipe::default().explanation();
        for expected in
            ["20 most played", "at most 200 plays", "30 seconds", "0.1 rho", "0.000000001", "fewer than 10 members"]
        {
            assert!(words.contains(expected), "{expected} is not in: {words}");
        }
        let columns = Recipe::default().columns().unwrap();
        assert_eq!(columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["artist", "fans", "capped_plays"]);
        assert!(columns[1].error_bar.contains("at most 28 from"));
    }
}
