//! One member's plays, and how they fall into groups: nothing here sees anybody else's, and nothing
//! depends on the numbers that names happen to have, which other members' plays decide.

use super::bound::{Group, Tally};
use super::counting::Counting;
use super::intern::Names;
use super::keys::{self, Key};
use super::local_time::LocalTime;
use super::returning;
use crate::histories::play::Ended;
use hashbrown::{HashMap, HashSet};
use std::cmp::Reverse;

/// A member's first plays say nothing of what is new to the member while the history is younger than this.
pub const SETTLED_AFTER_MS: i64 = 90 * 86_400_000;

/// A play as it is counted, its names as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberPlay {
    /// When it ended, in milliseconds since 1970.
    pub ts_ms: i64,
    /// How long it lasted.
    pub ms_played: u32,
    /// The artist.
    pub artist: u32,
    /// The album.
    pub album: u32,
    /// The track.
    pub track: u32,
    /// The country.
    pub country: u32,
    /// The music service.
    pub service: u32,
    /// How it ended.
    pub ended: Ended,
    /// Whether it has the coarse form of account data, of which nobody can tell what came first.
    pub is_coarse: bool,
}

/// The tallies of a member by group; for recipes that choose artists and make groups of them, by artist.
pub fn tallies(counting: &Counting, plays: &[MemberPlay], names: &Names) -> Vec<(Group, Tally)> {
    let recipe = counting.recipe();
    if recipe.group_by.iter().any(|key| key.is_of_member()) {
        return profile(counting, plays, names).into_iter().collect();
    }
    let marks = recipe.first_time_share_rho_nano.map(|_| first_plays(plays));
    let mut tallies: HashMap<Group, Tally> = HashMap::new();
    for (i, play) in
        plays.iter().enumerate().filter(|(_, play)| counting.counts(play) && counting.is_listed(play.artist))
    {
        let tally = tallies.entry(group(counting, play, names)).or_default();
        tally.plays += 1;
        tally.ms_played += u64::from(play.ms_played);
        tally.known_ends += u32::from(play.ended != Ended::Unknown);
        tally.skipped += u32::from(play.ended == Ended::Skipped);
        tally.finished += u32::from(play.ended == Ended::Finished);
        if let Some(marks) = &marks {
            tally.comparable += u32::from(marks[i].is_some());
            tally.first += u32::from(marks[i] == Some(true));
        }
    }
    tallies.into_iter().collect()
}

/// The groups of an artist, or of several, that a member is in after the choice: for most recipes just those chosen.
pub fn expand(
    counting: &Counting,
    chosen: Vec<(Group, Tally)>,
    plays: &[MemberPlay],
    names: &Names,
) -> Vec<(Group, Tally)> {
    let recipe = counting.recipe();
    if recipe.has_key(Key::ArtistPair) {
        let mut artists: Vec<u32> = chosen.iter().map(|(group, _)| group[0]).collect();
        // The smaller name of a pair stands first, as in the list of all groups.
        artists.sort_unstable_by(|a, b| names.text(*a).cmp(names.text(*b)));
        let pairs = artists.iter().enumerate().flat_map(|(i, a)| artists[i + 1..].iter().map(move |b| [*a, *b, 0, 0]));
        return pairs.map(|pair| (pair, Tally::default())).collect();
    }
    if recipe.has_key(Key::MonthsSinceFirst) {
        let artists: HashSet<u32> = chosen.iter().map(|(group, _)| group[0]).collect();
        return returning::months(counting, &artists, plays);
    }
    chosen
}

fn group(counting: &Counting, play: &MemberPlay, names: &Names) -> Group {
    let hour_of_week = || LocalTime::of(names.text(play.country)).hour_of_week(play.ts_ms);
    let mut group = [0; 4];
    let mut place = 0;
    let mut put = |number: u32| {
        group[place] = number;
        place += 1;
    };
    for key in &counting.recipe().group_by {
        match key {
            Key::Artist | Key::ArtistPair => put(play.artist),
            Key::Album => {
                put(play.artist);
                put(play.album);
            }
            Key::Track => {
                put(play.artist);
                put(play.track);
            }
            Key::Month => put(keys::month_of(play.ts_ms)),
            Key::Weekday => put(hour_of_week() / 24),
            Key::HourOfWeek => put(hour_of_week()),
            Key::Country => put(counting.country_bin(play.country)),
            Key::Service => put(play.service),
            // Comes in when the artists are chosen.
            Key::MonthsSinceFirst => {}
            Key::Volume | Key::Variety => unreachable!("what says something of a member as a whole has its own way"),
        }
    }
    group
}

/// The one group of a member as a whole; none for who played nothing.
fn profile(counting: &Counting, plays: &[MemberPlay], names: &Names) -> Option<(Group, Tally)> {
    let (mut artists, mut months, mut countries) = (HashSet::new(), HashSet::new(), HashMap::<u32, u64>::new());
    let mut count = 0u64;
    for play in plays.iter().filter(|play| counting.counts(play)) {
        count += 1;
        artists.insert(play.artist);
        months.insert(keys::month_of(play.ts_ms));
        *countries.entry(counting.country_bin(play.country)).or_default() += 1;
    }
    // The country of most plays; of several, the first by name. Not by number: numbers depend on other members.
    let country = countries.into_iter().max_by_key(|(country, plays)| (*plays, Reverse(names.text(*country))))?.0;
    let mut group = [0; 4];
    for (place, key) in counting.recipe().group_by.iter().enumerate() {
        group[place] = match key {
            Key::Volume => keys::bin_of(&keys::VOLUME_FROM, count / months.len() as u64) as u32,
            Key::Variety => keys::bin_of(&keys::VARIETY_FROM, artists.len() as u64) as u32,
            _ => country,
        };
    }
    Some((group, Tally { plays: 1, ..Tally::default() }))
}

/// For each play whether it was the member's first of its track; `None` where nobody can tell: in the history's first 90
/// days, and in account data, which neither is complete nor has instants. Plays must be sorted by time.
fn first_plays(plays: &[MemberPlay]) -> Vec<Option<bool>> {
    let settled_ms =
        plays.iter().find(|play| !play.is_coarse).map_or(i64::MAX, |play| play.ts_ms.saturating_add(SETTLED_AFTER_MS));
    let mut known = HashSet::new();
    plays
        .iter()
        .map(|play| {
            let is_first = known.insert((play.artist, play.track));
            (!play.is_coarse && play.ts_ms >= settled_ms).then_some(is_first)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::bound::TieSeed;
    use crate::aggregates::counting::Task;
    use crate::aggregates::recipe::Recipe;
    use crate::clock::{Entropy, UtcTime};

    const DAY_MS: i64 = 86_400_000;

    struct World {
        names: Names,
        counting: Counting,
    }

    fn world(recipe: &str, artists: &[&str]) -> World {
        let task = Task {
            recipe: Recipe::parse(recipe).unwrap(),
            drawn_at: UtcTime::parse("2026-03-15T00:00:00Z").unwrap(),
            artists: artists.iter().map(|&artist| artist.into()).collect(),
            seed: TieSeed::new(&Entropy::seeded(1)),
        };
        let mut names = Names::default();
        let counting = Counting::new(&task, &mut names);
        World { names, counting }
    }

    impl World {
        fn play(&mut self, artist: &str, track: &str, day: i64) -> MemberPlay {
            MemberPlay {
                ts_ms: 1_577_836_800_000 + day * DAY_MS, // 2020-01-01
                ms_played: 200_000,
                artist: self.names.id(artist),
                album: self.names.id("Album"),
                track: self.names.id(track),
                country: self.names.id("SE"),
                service: self.names.id("spotify"),
                ended: Ended::Finished,
                is_coarse: false,
            }
        }

        fn tallies(&self, plays: &[MemberPlay]) -> Vec<(Vec<String>, Tally)> {
            let texts = |group: &Group| -> Vec<String> {
                self.counting.values(group, &self.names).iter().map(|v| v.text()).collect()
            };
            let mut out: Vec<_> = tallies(&self.counting, plays, &self.names)
                .iter()
                .map(|(group, tally)| (texts(group), *tally))
                .collect();
            out.sort_by(|a, b| a.0.cmp(&b.0));
            out
        }
    }

    #[test]
    fn plays_fall_into_groups() {
        let mut w = world(r#"{"kind":"custom","group_by":["track","month","weekday"],"fans_rho_nano":1000000}"#, &[]);
        let plays = [w.play("A", "x", 0), w.play("A", "x", 7), w.play("A", "y", 40)];
        let groups: Vec<_> =
            w.tallies(&plays).into_iter().map(|(group, tally)| (group.join("/"), tally.plays)).collect();
        assert_eq!(groups, [("A/x/2020-01/2".into(), 2), ("A/y/2020-02/0".into(), 1)]);
    }

    #[test]
    fn only_plays_that_count_are_tallied() {
        let mut w = world(
            r#"{"kind":"custom","group_by":["artist"],"fans_rho_nano":50000000,"min_ms_played":30000,
                "from":"2020-01-02T00:00:00Z","to":"2020-01-04T00:00:00Z","floor_members":1}"#,
            &[],
        );
        let plays: Vec<MemberPlay> = (0..5).map(|day| w.play("A", "x", day)).collect();
        assert_eq!(w.tallies(&plays)[0].1.plays, 2, "from the second to the third of January");
        let short = [MemberPlay { ms_played: 29_999, ..plays[1] }, MemberPlay { ms_played: 30_000, ..plays[1] }];
        assert_eq!(w.tallies(&short)[0].1.plays, 1);
        assert!(w.tallies(&[]).is_empty());
    }

    #[test]
    fn artists_off_the_list_are_left_out_before_the_choice() {
        let mut w = world(r#"{"kind":"buyer_panel"}"#, &["B", "C"]);
        // The last one has the name of a bin, whose number comes after those of the list.
        let plays = [w.play("A", "x", 0), w.play("B", "x", 0), w.play("other", "x", 0)];
        assert_eq!(w.tallies(&plays).len(), 1);
        assert_eq!(w.tallies(&plays)[0].0, ["B"]);
    }

    #[test]
    fn ends_are_told_apart_where_they_are_known() {
        let mut w = world(r#"{"kind":"skip_behaviour"}"#, &[]);
        let play = w.play("A", "x", 0);
        let plays = Ended::ALL.iter().map(|ended| MemberPlay { ended: *ended, ..play }).collect::<Vec<_>>();
        let tally = w.tallies(&plays)[0].1;
        assert_eq!((tally.plays, tally.known_ends, tally.skipped, tally.finished), (4, 3, 1, 1));
    }

    #[test]
    fn first_plays_are_told_once_the_history_has_settled() {
        let recipe = r#"{"kind":"custom","group_by":["artist"],"fans_rho_nano":1000000,"first_time_share_rho_nano":1000000,"plays_per_key":10}"#;
        let mut w = world(recipe, &[]);
        let plays = [
            w.play("A", "x", 0),
            w.play("A", "y", 89),
            w.play("A", "x", 90),
            w.play("A", "z", 91),
            w.play("A", "z", 92),
        ];
        let tally = w.tallies(&plays)[0].1;
        assert_eq!((tally.plays, tally.comparable, tally.first), (5, 3, 1), "z is new on day 91, x was known");
        let coarse: Vec<_> = plays.iter().map(|play| MemberPlay { is_coarse: true, ..*play }).collect();
        assert_eq!(w.tallies(&coarse)[0].1.comparable, 0);
        let mixed = [&coarse[..1], &plays[1..]].concat();
        let tally = w.tallies(&mixed)[0].1;
        assert_eq!((tally.comparable, tally.first), (0, 0), "the history settles 90 days after its first exact play");
    }

    #[test]
    fn a_member_has_one_profile() {
        let mut w = world(r#"{"kind":"listener_profile"}"#, &[]);
        let mut plays: Vec<MemberPlay> =
            (0..120).map(|day| w.play(&format!("Artist {}", day % 30), "x", day)).collect();
        assert_eq!(
            w.tallies(&plays).iter().map(|(g, t)| (g.join("/"), t.plays)).collect::<Vec<_>>(),
            [("1-49/25-99/SE".to_owned(), 1)]
        );
        let (de, zz) = (w.names.id("DE"), w.names.id("ZZ"));
        plays.iter_mut().take(60).for_each(|play| play.country = de);
        assert_eq!(w.tallies(&plays)[0].0[2], "DE", "of two with as many plays the first by name");
        plays.iter_mut().take(61).for_each(|play| play.country = zz);
        assert_eq!(w.tallies(&plays)[0].0[2], "other");
        assert!(w.tallies(&[]).is_empty());
    }

    #[test]
    fn chosen_artists_become_pairs_by_name() {
        let mut w = world(r#"{"kind":"artist_map"}"#, &["C", "B", "A"]);
        let plays = [w.play("C", "x", 0), w.play("A", "x", 0), w.play("B", "x", 0)];
        let pairs = expand(&w.counting, tallies(&w.counting, &plays, &w.names), &plays, &w.names);
        let mut pairs: Vec<String> =
            pairs.iter().map(|(g, _)| format!("{}{}", w.names.text(g[0]), w.names.text(g[1]))).collect();
        pairs.sort();
        assert_eq!(pairs, ["AB", "AC", "BC"]);
    }
}
