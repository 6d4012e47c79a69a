//! What people read about a recipe: what it computes and what it protects.

use super::columns::{self, Column, TableColumns};
use super::keys::Key;
use super::local_time;
use super::measures::Measure;
use super::noise::NoisePlan;
use super::recipe::{KeysFrom, Recipe};
use super::vectors;
use crate::error::Result;
use crate::money::{counted, grouped};
use crate::text::decimal;

/// The unit of privacy, as every manifest states it.
pub const UNIT_OF_PRIVACY: &str = "One member, with everything that this member ever listened to, over the whole lifetime of the pool. \
     Two pools are neighbours when the plays of one member are taken out; how many members there are is public, what any one of them played is protected.";

impl Recipe {
    /// The data dictionary.
    ///
    /// # Errors
    /// `internal`: the noise cannot be worked out, which a validated recipe does not come to.
    pub fn columns(&self) -> Result<Vec<Column>> {
        let plan = NoisePlan::of(self)?;
        Ok(columns::of(self, &plan, false).into_iter().map(|(column, _)| column).collect())
    }

    /// The tables that an edition has besides the recipe's own, worked out from that one at no cost.
    pub fn further_tables(&self) -> Vec<TableColumns> {
        vectors::described(self).into_iter().collect()
    }

    /// What the recipe computes and what it protects, in plain words.
    pub fn explanation(&self) -> String {
        let cost = self.cost();
        format!(
            "{} {} {} The numbers carry discrete Gaussian noise that hides any one member. {} \
             The draw costs {} rho (zero-concentrated differential privacy) and {} of the pool's budget.",
            self.question(),
            self.counted(),
            self.bounds_in_words(),
            self.selection_in_words(),
            decimal(cost.rho_nano, 9),
            cost.delta_in_words(),
        )
    }

    /// What is told of what.
    fn question(&self) -> String {
        let measures: Vec<String> =
            self.measures().into_iter().map(|(measure, _)| self.measure_in_words(measure)).collect();
        format!("{}: {}.", self.groups_in_words(), measures.join("; "))
    }

    fn groups_in_words(&self) -> String {
        let words = |key: &Key| match key {
            Key::Artist => "artist",
            Key::Album => "album of an artist",
            Key::Track => "track of an artist",
            Key::ArtistPair => "pair of artists",
            Key::Month => "month",
            Key::Weekday => "day of the week",
            Key::HourOfWeek => "hour of the week",
            Key::Country => "country",
            Key::Service => "music service",
            Key::MonthsSinceFirst => "month after the first play",
            Key::Volume => "amount of listening",
            Key::Variety => "variety of listening",
        };
        let keys: Vec<&str> = self.group_by.iter().map(words).collect();
        let from = match self.keys_from {
            KeysFrom::Threshold | KeysFrom::Bins => String::new(),
            KeysFrom::Edition => " (the artists are those that an earlier edition has made public)".into(),
            KeysFrom::Offer => " (the artists are those that the buyer lists)".into(),
        };
        let keys = match &keys[..] {
            [first @ .., second, last] if !first.is_empty() => format!("{}, {second} and {last}", first.join(", ")),
            keys => keys.join(" and "),
        };
        format!("For every {keys}{from}")
    }

    fn measure_in_words(&self, measure: Measure) -> String {
        let plays = grouped(self.plays_per_key.unwrap_or(0).into());
        match measure {
            Measure::Fans if self.has_key(Key::ArtistPair) => {
                format!(
                    "how many members have both among their {} most played of the list (`fans`)",
                    self.keys_per_member
                )
            }
            Measure::Fans if self.has_key(Key::Volume) || self.has_key(Key::Variety) => {
                "how many members are of that kind (`members`)".into()
            }
            Measure::Fans if self.fans_column() == "members" => "how many members listen (`members`)".into(),
            Measure::Fans => {
                format!("how many members have it among their {} most played (`fans`)", self.keys_per_member)
            }
            Measure::CappedPlays if self.fans_column() == "members" => {
                format!("how many plays they have, counting at most {plays} plays of a member (`capped_plays`)")
            }
            Measure::CappedPlays => format!(
                "how often these members played it, counting at most {plays} plays of a member (`capped_plays`)"
            ),
            Measure::Hours => format!(
                "how long these members listened, counting at most {} minutes of a member (`hours`)",
                grouped(self.minutes_per_key.unwrap_or(0).into())
            ),
            Measure::SkipShare => format!(
                "what share of plays was left for another track (`skip_share`), at most {plays} plays of a member counting"
            ),
            Measure::CompletionShare => format!(
                "what share of plays was heard to the end (`completion_share`), at most {plays} plays of a member counting"
            ),
            Measure::FirstTimeShare => format!(
                "what share of plays was the first of its track (`first_time_share`), at most {plays} plays of a member counting"
            ),
            Measure::ReturnShare => "how many of the members who could have come back did (`return_share`)".into(),
        }
    }

    fn bounds_in_words(&self) -> String {
        let groups = self.groups_per_member();
        let chosen = if !self.chooses_artists() {
            counted(groups.into(), "groups")
        } else {
            let artists = counted(self.keys_per_member.into(), "artists");
            format!("{artists}, and with them to {}", counted(groups.into(), "groups"))
        };
        let most: Vec<String> =
            self.sums().iter().map(|sum| counted(sum.most.into(), &sum.column.replace('_', " "))).collect();
        format!(
            "Each member's list is cut to {chosen} before anything is added up across members, so no one moves more than {}, \
             nor in any row more than {}.",
            counted(groups.into(), "rows"),
            most.join(", ")
        )
    }

    fn selection_in_words(&self) -> String {
        match self.keys_from {
            KeysFrom::Threshold => format!(
                "A group of fewer than {} members never appears, and one of more appears only when its noisy number of {} passes a \
                 threshold far above what one member can move.",
                self.floor_members.unwrap_or(1),
                self.fans_column()
            ),
            KeysFrom::Edition | KeysFrom::Offer => format!(
                "Every group of at most {} listed artists is given, those without any listeners too: a row says nothing by being there.",
                grouped(self.most_artists.unwrap_or(0).into())
            ),
            KeysFrom::Bins => {
                "Every group is given, those without any listeners too: a row says nothing by being there.".into()
            }
        }
    }

    /// What is wrong with asking for this in a pool of so many members; nothing where it is as it should be.
    ///
    /// # Errors
    /// `internal`: the noise cannot be worked out, which a validated recipe does not come to.
    pub fn warnings(&self, members: u64) -> Result<Vec<String>> {
        let plan = NoisePlan::of(self)?;
        let pool = i64::try_from(members).unwrap_or(i64::MAX);
        let mut warnings = Vec::new();
        if let Some(smallest) = plan.threshold.map(|threshold| threshold.smallest_published())
            && smallest > pool
        {
            warnings.push(format!(
                "No row can pass: a row has {} at least, and the pool has {}.",
                counted(smallest, "members"),
                grouped(pool)
            ));
        }
        for noise in &plan.sums {
            let most = pool.saturating_mul(noise.sum.most.into());
            if noise.half_width_95 >= most {
                warnings.push(format!(
                    "All noise: in 95 of 100 rows `{}` is off by up to {}, and the whole pool together adds no more than {} to a row.",
                    noise.sum.column,
                    grouped(noise.half_width_95),
                    grouped(most)
                ));
            }
        }
        Ok(warnings)
    }

    /// What the numbers do not say, whoever reads them.
    pub fn caveats(&self) -> Vec<String> {
        let mut caveats = vec![format!(
            "Cutting each member's history to {} and to the caps makes the numbers smaller than a plain count; no error bar covers that.",
            counted(self.keys_per_member.into(), if self.chooses_artists() { "artists" } else { "groups" })
        )];
        if self.keys_from == KeysFrom::Threshold {
            let fans = self.fans_column();
            caveats.push(format!(
                "Rows near the smallest number of {fans} lean upwards, because they were chosen on their own noise."
            ));
            caveats.push(format!(
                "A group that is missing may have {fans}: fewer than the threshold, or just unlucky noise."
            ));
        } else {
            caveats.push(
                "A small number may be all noise, and negative where it happens to be: compare it with its error bar."
                    .into(),
            );
        }
        if self.has_key(Key::HourOfWeek) || self.has_key(Key::Weekday) {
            caveats.push(format!(
                "Hours are local by the play's country. In countries with several time zones ({}) they are those where most people live.",
                local_time::with_several_zones().join(", ")
            ));
        }
        caveats.push("The members of a pool are not a sample of all listeners.".into());
        caveats.push(
            "In CSV, a text that begins with = + - @, a tab or a carriage return (with or without apostrophes before it) has one apostrophe put in front, \
             so that no spreadsheet runs it as a formula. Take it off to get the name; the Parquet file has names as they are."
                .into(),
        );
        caveats
    }

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
        match (self.last_months, self.from, self.to) {
            (Some(1), _, _) => "in the last whole month before the draw".into(),
            (Some(months), _, _) => format!("in the {months} whole months before the draw"),
            (None, None, None) => "whenever they were played".into(),
            (None, Some(from), None) => format!("from {from} on"),
            (None, None, Some(to)) => format!("until before {to}"),
            (None, Some(from), Some(to)) => format!("from {from} until before {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;

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

    #[test]
    fn a_pool_too_small_for_the_noise_or_the_threshold_is_warned_of() {
        let warned = |kind, members| presets::of(kind).warnings(members).unwrap().join(" ");
        assert_eq!(warned(Kind::ArtistPreference, 18_000), "");
        let words = warned(Kind::ArtistPreference, 90);
        assert!(words.contains("No row can pass: a row has 103 members at least, and the pool has 90."), "{words}");
        assert_eq!(warned(Kind::ListeningClock, 300), "");
        let words = warned(Kind::ListeningClock, 100);
        assert!(words.starts_with("All noise: in 95 of 100 rows `members` is off by up to 127"), "{words}");
        assert!(words.contains("`capped_plays` is off by up to 2,074"), "{words}");
    }

    #[test]
    fn every_kind_is_explained() {
        for (kind, expected) in [
            (Kind::ArtistMap, "to 20 artists, and with them to 190 groups"),
            (Kind::ListeningClock, "For every hour of the week: how many members listen"),
            (Kind::ListeningClock, "how many plays they have, counting at most 20"),
            (Kind::ListenerProfile, "amount of listening, variety of listening and country: how"),
            (Kind::ListenerProfile, "no one moves more than 1 row, nor in any row more than 1 member."),
            (
                Kind::ArtistTrend,
                "For every artist and month (the artists are those that an earlier edition has made public)",
            ),
            (Kind::BuyerPanel, "at most 2,000 listed artists"),
            (Kind::RetentionCurve, "no failure probability"),
            (Kind::ListenerProfile, "to 1 group before"),
            (Kind::ArtistTrend, "in the 24 whole months before the draw"),
            (Kind::SkipBehaviour, "Plays of any length count"),
        ] {
            let words = presets::of(kind).explanation();
            assert!(words.contains(expected), "{expected} is not in: {words}");
        }
        assert!(presets::of(Kind::ListeningClock).caveats().iter().any(|caveat| caveat.contains("BR, CA")));
    }
}
