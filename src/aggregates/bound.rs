//! Bounding: what any one member can move is limited before anything is added up across members.
//!
//! A member's plays are tallied by group, by this member's plays alone. Of the groups the L with the most plays are kept, and
//! to each sum of a group the member adds at most C. Everything is a whole number of 64 bits: sums of fractions depend on
//! their order, and the proof with it (Mironov 2012). What that means for the noise stands in `measures.rs`.

use super::measures::{MOST_SUMS, Measure};
use super::recipe::Recipe;
use crate::clock::Entropy;
use aws_lc_rs::hmac;
use std::fmt;

/// A group while it is counted: for each column of its keys the number of a name, or a number itself. Unused places are 0.
pub type Group = [u32; 4];

/// What one member adds to the sums of a group, or what a crowd does.
pub type Sums = [i64; MOST_SUMS];

/// What one member played of one group, before any bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Plays that count.
    pub plays: u32,
    /// How long they lasted.
    pub ms_played: u64,
    /// Those whose end is known.
    pub known_ends: u32,
    /// Of these: left for another track.
    pub skipped: u32,
    /// Of these: heard to the end.
    pub finished: u32,
    /// Plays of which one can tell whether they were the first of their track.
    pub comparable: u32,
    /// Of these: the first of their track.
    pub first: u32,
}

/// The secret of one draw by which ties among a member's groups are broken. By member *and* group: broken by the group
/// alone, every member would drop the same groups, and the counts would scatter far more than the noise.
#[derive(Clone, PartialEq, Eq)]
pub struct TieSeed([u8; 32]);

impl TieSeed {
    /// A new secret.
    pub fn new(entropy: &Entropy) -> Self {
        TieSeed(entropy.bytes())
    }

    /// The key by which ties are broken.
    pub fn key(&self) -> TieKey {
        TieKey(hmac::Key::new(hmac::HMAC_SHA256, &self.0))
    }
}

impl fmt::Debug for TieSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TieSeed(secret)")
    }
}

/// A seed made ready.
pub struct TieKey(hmac::Key);

impl TieKey {
    /// Where a group stands among those with as many plays of the same member: the first 64 bits of
    /// HMAC-SHA256(seed, member, 0, group). A member id holds no zero byte, so no two pairs are the same message.
    pub fn order(&self, member: &str, group: &str) -> u64 {
        let mut mac = hmac::Context::with_key(&self.0);
        mac.update(member.as_bytes());
        mac.update(&[0]);
        mac.update(group.as_bytes());
        let tag = mac.sign();
        u64::from_be_bytes(tag.as_ref()[..8].try_into().expect("an HMAC-SHA256 tag has 32 bytes"))
    }
}

/// Keeps the `most` groups with the most plays, in any order. Among those with equally many plays at the edge, the lower
/// `tie` stays; it is only asked there.
pub fn keep_most_played(tallies: &mut Vec<(Group, Tally)>, most: usize, mut tie: impl FnMut(&Group) -> (u64, String)) {
    if tallies.len() <= most {
        return;
    }
    if most == 0 {
        tallies.clear();
        return;
    }
    // The play count of the last group that stays: everything above it stays, everything below goes.
    let (_, edge, _) = tallies.select_nth_unstable_by(most - 1, |a, b| b.1.plays.cmp(&a.1.plays));
    let edge = edge.1.plays;
    let (mut at_edge, mut above) = (Vec::new(), Vec::with_capacity(most));
    for (group, tally) in tallies.drain(..) {
        if tally.plays > edge {
            above.push((group, tally));
        } else if tally.plays == edge {
            at_edge.push((group, tally));
        }
    }
    let places = most - above.len();
    if at_edge.len() > places {
        at_edge.sort_by_cached_key(|(group, _)| tie(group));
        at_edge.truncate(places);
    }
    tallies.append(&mut above);
    tallies.append(&mut at_edge);
}

/// Caps what a member adds to a group.
#[derive(Debug, Clone)]
pub struct Caps {
    measures: Vec<Measure>,
    plays: u32,
    minutes: u32,
}

impl Caps {
    /// The caps of a recipe.
    pub fn of(recipe: &Recipe) -> Self {
        Caps {
            measures: recipe.measures().into_iter().map(|(measure, _)| measure).collect(),
            plays: recipe.plays_per_key.unwrap_or(0),
            minutes: recipe.minutes_per_key.unwrap_or(0),
        }
    }

    /// What a member with this tally adds to the sums of the group, in the order of [`Recipe::sums`].
    pub fn sums(&self, tally: &Tally) -> Sums {
        let mut sums = [0; MOST_SUMS];
        let mut next = 0;
        for measure in &self.measures {
            let (first, second) = match measure {
                Measure::Fans => (1, None),
                Measure::CappedPlays => (u64::from(tally.plays.min(self.plays)), None),
                Measure::Hours => ((tally.ms_played / 60_000).min(self.minutes.into()), None),
                Measure::SkipShare => self.share(tally.skipped, tally.known_ends),
                Measure::CompletionShare => self.share(tally.finished, tally.known_ends),
                Measure::FirstTimeShare => self.share(tally.first, tally.comparable),
                // Told apart by month, see `returning.rs`.
                Measure::ReturnShare => (u64::from(tally.first.min(1)), Some(u64::from(tally.comparable.min(1)))),
            };
            for value in std::iter::once(first).chain(second) {
                // No cap is above 32 bits.
                sums[next] = value as i64;
                next += 1;
            }
        }
        sums
    }

    /// A part of some plays, and the plays, cut to the cap in proportion: who listens a lot keeps the own share. The part
    /// is rounded down, and is never above the whole.
    fn share(&self, part: u32, whole: u32) -> (u64, Option<u64>) {
        let capped = u64::from(whole.min(self.plays));
        let part = if whole == 0 { 0 } else { u64::from(part.min(whole)) * capped / u64::from(whole) };
        (part, Some(capped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally(plays: u32) -> Tally {
        Tally { plays, ..Tally::default() }
    }

    fn group(n: u32) -> Group {
        [n, 0, 0, 0]
    }

    fn kept(plays: &[u32], most: usize) -> Vec<u32> {
        let mut tallies: Vec<_> = plays.iter().enumerate().map(|(i, n)| (group(i as u32), tally(*n))).collect();
        keep_most_played(&mut tallies, most, |group| (u64::from(100 - group[0]), String::new()));
        let mut groups: Vec<u32> = tallies.iter().map(|(group, _)| group[0]).collect();
        groups.sort_unstable();
        groups
    }

    #[test]
    fn the_most_played_stay_and_ties_are_broken_at_the_edge_only() {
        assert_eq!(kept(&[5, 1, 9, 7], 2), [2, 3]);
        assert_eq!(kept(&[5, 5, 9, 5], 2), [2, 3], "the lower tie stays, here the higher number");
        assert_eq!(kept(&[5, 5, 9, 5], 3), [1, 2, 3]);
        assert_eq!(kept(&[5, 5], 2), [0, 1]);
        assert_eq!(kept(&[5, 5], 0), [0; 0]);
        assert_eq!(kept(&[], 3), [0; 0]);
        let mut tallies: Vec<_> = [9, 5, 5].iter().enumerate().map(|(i, n)| (group(i as u32), tally(*n))).collect();
        keep_most_played(&mut tallies, 3, |_| panic!("nothing to break"));
        keep_most_played(&mut tallies, 1, |_| panic!("nothing to break"));
        assert_eq!(tallies, [(group(0), tally(9))]);
        let mut tallies: Vec<_> = [5, 1, 5].iter().enumerate().map(|(i, n)| (group(i as u32), tally(*n))).collect();
        keep_most_played(&mut tallies, 2, |_| panic!("nothing to break"));
        assert_eq!(tallies.len(), 2);
        let mut same = vec![(group(1), tally(1)), (group(2), tally(1))];
        keep_most_played(&mut same, 1, |group| (7, format!("{}", 9 - group[0])));
        assert_eq!(same, [(group(2), tally(1))], "two equal hashes are told apart by the name");
    }

    proptest! {
        #[test]
        fn what_stays_is_what_a_whole_sort_gives(plays in prop::collection::vec(0u32..6, 0..40), most in 0usize..50) {
            let mut order: Vec<usize> = (0..plays.len()).collect();
            order.sort_by_key(|i| (std::cmp::Reverse(plays[*i]), 100 - i));
            order.truncate(most);
            order.sort_unstable();
            prop_assert_eq!(kept(&plays, most), order.into_iter().map(|i| i as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ties_are_broken_by_member_and_group_and_seed() {
        let key = TieSeed([7; 32]).key();
        let order = key.order("acct_1", "A");
        assert_eq!(order, TieSeed([7; 32]).key().order("acct_1", "A"));
        assert_ne!(order, key.order("acct_2", "A"));
        assert_ne!(order, key.order("acct_1", "B"));
        assert_ne!(order, TieSeed([8; 32]).key().order("acct_1", "A"));
        assert_ne!(key.order("ab", "c"), key.order("a", "bc"));
        assert_eq!(format!("{:?}", TieSeed([7; 32])), "TieSeed(secret)");
        // HMAC-SHA256 of "acct_1", 0, "A" under 32 bytes of 7, computed with another program.
        assert_eq!(order, 0xb07ea532f312aa65);
    }

    fn caps(rest: &str) -> Caps {
        let json = format!("{{\"kind\":\"custom\",\"group_by\":[\"artist\"],\"fans_rho_nano\":1000000000,{rest}}}");
        Caps::of(&Recipe::parse(&json).unwrap())
    }

    #[test]
    fn what_a_member_adds_is_capped() {
        let all = caps(
            r#""capped_plays_rho_nano":50000000,"plays_per_key":10,"hours_rho_nano":50000000,"minutes_per_key":30,
            "skip_share_rho_nano":50000000,"completion_share_rho_nano":50000000,"first_time_share_rho_nano":50000000,"min_ms_played":0"#,
        );
        let few =
            Tally { plays: 3, ms_played: 179_999, known_ends: 2, skipped: 1, finished: 1, comparable: 3, first: 1 };
        assert_eq!(all.sums(&few), [1, 3, 2, 1, 2, 1, 2, 1, 3]);
        let many =
            Tally { plays: 99, ms_played: 1 << 40, known_ends: 40, skipped: 39, finished: 1, comparable: 20, first: 5 };
        assert_eq!(all.sums(&many), [1, 10, 30, 9, 10, 0, 10, 2, 10]);
        assert_eq!(all.sums(&Tally::default()), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn no_tally_adds_more_than_the_caps(plays in any::<u32>(), ms_played in any::<u64>(), known_ends in any::<u32>(), skipped in any::<u32>(),
                                            finished in any::<u32>(), comparable in any::<u32>(), first in any::<u32>()) {
            let tally = Tally { plays, ms_played, known_ends, skipped, finished, comparable, first };
            let recipe = Recipe::parse(
                r#"{"kind":"custom","group_by":["artist"],"fans_rho_nano":1000000000,"capped_plays_rho_nano":50000000,"plays_per_key":10,
                "hours_rho_nano":50000000,"minutes_per_key":30,"skip_share_rho_nano":50000000,"completion_share_rho_nano":50000000,
                "first_time_share_rho_nano":50000000,"min_ms_played":0}"#,
            ).unwrap();
            let sums = Caps::of(&recipe).sums(&tally);
            for (value, sum) in sums.iter().zip(recipe.sums()) {
                prop_assert!((0..=i64::from(sum.most)).contains(value), "{}", sum.column);
            }
            prop_assert!(sums[3] <= sums[4] && sums[5] <= sums[6] && sums[7] <= sums[8]);
        }
    }
}
