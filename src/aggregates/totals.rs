//! Sums by group while members are added up.

use super::bound::{Group, Sums};
use super::keys::Key;
use super::measures::MOST_SUMS;
use super::recipe::Recipe;
use hashbrown::HashMap;

/// Sums of a group by artist alone: fans, and one more.
const FEW: usize = 2;

/// The sums of the groups that were met.
pub enum Totals {
    /// By the artist's number, where that is the group and there are few sums: what most draws are. No look-up, and five
    /// times as many fit near the processor. Groups without fans were not met.
    ByArtist(Vec<[i64; FEW]>),
    /// By group.
    ByGroup(HashMap<Group, Sums>),
}

impl Totals {
    /// None yet, of a recipe.
    pub fn of(recipe: &Recipe) -> Self {
        if recipe.group_by == [Key::Artist] && recipe.fans_rho_nano.is_some() && recipe.sums().len() <= FEW {
            Totals::ByArtist(Vec::new())
        } else {
            Totals::ByGroup(HashMap::new())
        }
    }

    /// Adds what one member adds to a group.
    pub fn add(&mut self, group: Group, sums: &Sums) {
        match self {
            Totals::ByArtist(totals) => {
                let artist = group[0] as usize;
                if artist >= totals.len() {
                    totals.resize(artist + 1, [0; FEW]);
                }
                add_up(&mut totals[artist], sums);
            }
            Totals::ByGroup(totals) => add_up(totals.entry(group).or_insert([0; MOST_SUMS]), sums),
        }
    }

    /// Gives them out, and forgets them.
    pub fn drain(&mut self) -> Vec<(Group, Sums)> {
        match self {
            Totals::ByArtist(totals) => {
                let totals = std::mem::take(totals).into_iter().enumerate();
                let met = totals.filter(|(_, [fans, _])| *fans > 0);
                met.map(|(artist, few)| ([artist as u32, 0, 0, 0], widened(few))).collect() // numbers of names have 32 bits
            }
            Totals::ByGroup(totals) => std::mem::take(totals).into_iter().collect(),
        }
    }

    /// Roughly what they take, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Totals::ByArtist(totals) => totals.capacity() * size_of::<[i64; FEW]>(),
            Totals::ByGroup(totals) => totals.capacity() * (size_of::<Group>() + size_of::<Sums>() + 16),
        }
    }
}

fn add_up(totals: &mut [i64], sums: &Sums) {
    for (total, value) in totals.iter_mut().zip(sums) {
        *total += value;
    }
}

fn widened(few: [i64; FEW]) -> Sums {
    let mut sums = [0; MOST_SUMS];
    sums[..FEW].copy_from_slice(&few);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;

    #[test]
    fn both_ways_give_the_same_sums() {
        let mut by_artist = Totals::of(&Recipe::default());
        let mut by_group = Totals::ByGroup(HashMap::new());
        assert!(matches!(by_artist, Totals::ByArtist(_)));
        for (artist, fans, plays) in [(7, 1, 3), (2, 1, 9), (7, 1, 4), (300, 1, 1)] {
            for totals in [&mut by_artist, &mut by_group] {
                totals.add([artist, 0, 0, 0], &widened([fans, plays]));
            }
        }
        assert!(by_artist.bytes() >= 301 * 16 && by_group.bytes() > 0);
        let (by_artist, mut sorted) = (by_artist.drain(), by_group.drain());
        sorted.sort_unstable();
        assert_eq!(by_artist, sorted);
        assert_eq!(by_artist[1], ([7, 0, 0, 0], widened([2, 7])));
        assert!(by_group.drain().is_empty());
    }

    #[test]
    fn groups_of_more_than_an_artist_are_told_apart() {
        for kind in [Kind::ArtistTrend, Kind::ArtistMap, Kind::SkipBehaviour, Kind::ListeningClock] {
            assert!(matches!(Totals::of(&presets::of(kind)), Totals::ByGroup(_)), "{kind}");
        }
        assert!(matches!(Totals::of(&presets::of(Kind::BuyerPanel)), Totals::ByArtist(_)));
    }
}
