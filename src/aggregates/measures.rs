//! What is added up for each group, how far one member moves it, and how wide its noise therefore is.
//!
//! A measure is made of one or two *sums*. To each sum of a group a member adds a whole number between 0 and a bound C, and
//! a member is in at most L groups. So taking a member out moves the sums of all groups, as one vector, by at most
//! C * sqrt(L) in Euclidean length, and discrete Gaussian noise of standard deviation sigma costs
//! rho = C^2 L / (2 sigma^2) (Bun and Steinke 2016, proposition 1.6). Shares are quotients of two sums, each with noise of
//! its own: post-processing, which costs nothing more.

use super::keys::{self, Key};
use super::recipe::{NANO, Recipe};
use crate::text_enum;

text_enum! {
    /// What an edition tells of each group.
    pub enum Measure {
        /// Members with the group among their most played.
        Fans = "fans",
        /// Their plays, each member's up to a cap.
        CappedPlays = "capped_plays",
        /// Their hours, each member's up to a cap.
        Hours = "hours",
        /// Share of plays that were skipped, among those whose end is known.
        SkipShare = "skip_share",
        /// Share of plays heard to their end, among those whose end is known.
        CompletionShare = "completion_share",
        /// Share of plays that were the member's first of that track.
        FirstTimeShare = "first_time_share",
        /// Share of members who came back, among those who could have.
        ReturnShare = "return_share",
    }
}

/// One noisy sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// Its column.
    pub column: &'static str,
    /// What it counts.
    pub unit: &'static str,
    /// C: the most that one member adds to one group.
    pub most: u32,
    /// Privacy spent on it, in 1e-9 rho.
    pub rho_nano: u64,
}

/// No recipe has more sums: one each for fans, plays and hours, two for each share.
pub const MOST_SUMS: usize = 9;

impl Recipe {
    /// L: how many groups one member is in at most: never more than there are.
    pub fn groups_per_member(&self) -> u32 {
        let artists = self.keys_per_member;
        let chosen = if self.has_key(Key::ArtistPair) {
            artists.saturating_mul(artists.saturating_sub(1)) / 2
        } else if self.has_key(Key::MonthsSinceFirst) {
            artists.saturating_mul(self.months_after.unwrap_or(0))
        } else {
            artists
        };
        let there_are = keys::domain_size(self, self.most_artists.unwrap_or(0).into()).unwrap_or(u64::MAX);
        chosen.min(u32::try_from(there_are).unwrap_or(u32::MAX))
    }

    /// Whether a member's artists are chosen, and the groups follow from these.
    pub fn chooses_artists(&self) -> bool {
        self.has_key(Key::ArtistPair) || self.has_key(Key::MonthsSinceFirst)
    }

    /// The sums of the recipe's measures, in the order of their columns.
    pub fn sums(&self) -> Vec<Sum> {
        let plays = self.plays_per_key.unwrap_or(0);
        let mut sums = Vec::new();
        for (measure, rho_nano) in self.measures() {
            let mut add = |column, unit, most, rho_nano| sums.push(Sum { column, unit, most, rho_nano });
            // The odd nano goes to the second of two, so that no part is charged more than declared.
            let (first, second) = (rho_nano / 2, rho_nano - rho_nano / 2);
            match measure {
                Measure::Fans => add(self.fans_column(), "members", 1, rho_nano),
                Measure::CappedPlays => add("capped_plays", "plays", plays, rho_nano),
                Measure::Hours => add("minutes", "minutes", self.minutes_per_key.unwrap_or(0), rho_nano),
                Measure::SkipShare => {
                    add("skipped_plays", "plays", plays, first);
                    add("skippable_plays", "plays", plays, second);
                }
                Measure::CompletionShare => {
                    add("finished_plays", "plays", plays, first);
                    add("finishable_plays", "plays", plays, second);
                }
                Measure::FirstTimeShare => {
                    add("first_plays", "plays", plays, first);
                    add("comparable_plays", "plays", plays, second);
                }
                Measure::ReturnShare => {
                    add("returned_members", "members", 1, first);
                    add("returnable_members", "members", 1, second);
                }
            }
        }
        sums
    }

    /// What the number of members of a group is called: fans of an artist, but members who listen at an hour.
    pub fn fans_column(&self) -> &'static str {
        let is_music = |key: &Key| key.is_artists() || matches!(key, Key::Album | Key::Track);
        if self.group_by.iter().any(is_music) { "fans" } else { "members" }
    }

    /// Standard deviation of the noise on a sum, in its unit.
    pub fn sigma(&self, sum: &Sum) -> f64 {
        let rho = sum.rho_nano as f64 / NANO as f64;
        // Privacy maps round up by the last bit; one part in a thousand million of extra noise keeps the
        // proven cost at or under the whole number that the ledger is charged.
        f64::from(sum.most) * (f64::from(self.groups_per_member()) / (2.0 * rho)).sqrt() * (1.0 + 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;

    #[test]
    fn the_noise_of_the_defaults_is_the_worked_example() {
        let recipe = Recipe::default();
        let sigmas: Vec<f64> = recipe.sums().iter().map(|sum| recipe.sigma(sum)).collect();
        assert!((sigmas[0] - 14.1421).abs() < 1e-3 && (sigmas[1] - 2828.43).abs() < 1e-1, "{sigmas:?}");
    }

    #[test]
    fn parts_of_a_measure_are_charged_what_it_declares() {
        for kind in Kind::ALL {
            let mut recipe = presets::of(*kind);
            recipe.skip_share_rho_nano = recipe.skip_share_rho_nano.map(|rho| rho + 1);
            let sums = recipe.sums();
            assert_eq!(sums.iter().map(|sum| sum.rho_nano).sum::<u64>(), recipe.cost().rho_nano, "{kind}");
            assert!(sums.len() <= MOST_SUMS);
        }
    }

    #[test]
    fn groups_per_member_follow_from_the_artists_chosen() {
        let map = presets::of(Kind::ArtistMap);
        assert_eq!((map.keys_per_member, map.groups_per_member()), (20, 190));
        let retention = presets::of(Kind::RetentionCurve);
        assert_eq!((retention.keys_per_member, retention.groups_per_member()), (5, 60));
        let clock = Recipe { keys_per_member: 500, ..presets::of(Kind::ListeningClock) };
        assert_eq!(clock.groups_per_member(), 168, "a week has no more hours");
    }
}
