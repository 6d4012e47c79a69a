//! How far one member moves the sums: the proof of every draw rests on it.

use super::world::{Exact, Layout, Pool, at, play, recipe, seed, without};
use crate::aggregates::recipe::Recipe;
use crate::aggregates::{Kind, preset};
use crate::histories::play::{Ended, Play};
use proptest::prelude::*;

type Shape = (Recipe, &'static [&'static str]);

/// What one member adds to the sums: at most L groups, each sum of them by its bound, nothing where nothing was played.
/// Returns for each sum the square of the Euclidean length by which it moves.
#[track_caller]
fn assert_bounded(added: &Exact, recipe: &Recipe) -> Vec<i64> {
    let sums = recipe.sums();
    let l = i64::from(recipe.groups_per_member());
    assert!(added.len() as i64 <= l, "{} groups, at most {l}", added.len());
    let mut squares = vec![0i64; sums.len()];
    for (group, values) in added {
        for ((value, sum), square) in values.iter().zip(&sums).zip(&mut squares) {
            assert!((0..=i64::from(sum.most)).contains(value), "{group}: {} moved by {value}", sum.column);
            *square += value * value;
        }
    }
    for (square, sum) in squares.iter().zip(&sums) {
        assert!(*square <= i64::from(sum.most).pow(2) * l, "{}: at most C sqrt(L) in Euclidean length", sum.column);
    }
    squares
}

/// The sums of two crowds together.
fn together(one: &Exact, other: &Exact) -> Exact {
    let mut sums = one.clone();
    for (group, values) in other {
        let total = sums.entry(group.clone()).or_insert_with(|| vec![0; values.len()]);
        total.iter_mut().zip(values).for_each(|(total, value)| *total += value);
    }
    sums
}

const NAMES: [&str; 10] = ["LISA", "LiSA", "é", "e\u{301}", "", "a,b", "\"", "Ünder\nline", "夜に", "Z"];
const LIST: &[&str] = &["LISA", "é", "Z", "a,b", ""];

/// Recipes of every kind, and some of one's own, with bounds that bite.
fn shapes() -> Vec<Shape> {
    let parse = |json: &str| Recipe::parse(json).unwrap_or_else(|e| panic!("{json}: {}", e.detail()));
    let shapes: Vec<Shape> = vec![
        (recipe(|r| (r.keys_per_member, r.plays_per_key) = (2, Some(3))), &[]),
        (parse(r#"{"kind":"artist_by_country","keys_per_member":3,"plays_per_key":2}"#), &[]),
        (parse(r#"{"kind":"artist_trend","keys_per_member":2,"plays_per_key":2,"last_months":24}"#), LIST),
        (parse(r#"{"kind":"listening_clock","keys_per_member":3,"plays_per_key":2}"#), &[]),
        (parse(r#"{"kind":"skip_behaviour","keys_per_member":2,"plays_per_key":3}"#), &[]),
        (parse(r#"{"kind":"buyer_panel","keys_per_member":1,"plays_per_key":2}"#), LIST),
        (parse(r#"{"kind":"artist_map","keys_per_member":3}"#), LIST),
        (parse(r#"{"kind":"listener_profile","countries":["SE","US"]}"#), &[]),
        (parse(r#"{"kind":"retention_curve","keys_per_member":2,"months_after":3}"#), LIST),
        (
            parse(
                r#"{"kind":"custom","group_by":["track","weekday"],"keys_per_member":2,"plays_per_key":2,"minutes_per_key":5,"min_ms_played":0,
                "fans_rho_nano":100000000,"capped_plays_rho_nano":100000000,"hours_rho_nano":100000000,"skip_share_rho_nano":100000000,
                "completion_share_rho_nano":100000000}"#,
            ),
            &[],
        ),
        (
            parse(
                r#"{"kind":"custom","group_by":["artist","weekday"],"keys_per_member":2,"plays_per_key":2,
                "fans_rho_nano":100000000,"first_time_share_rho_nano":100000000}"#,
            ),
            &[],
        ),
        (
            parse(
                r#"{"kind":"custom","group_by":["album","service","month"],"keys_per_member":2,"fans_rho_nano":100000000}"#,
            ),
            &[],
        ),
        (
            parse(
                r#"{"kind":"custom","group_by":["country","weekday"],"keys_from":"bins","countries":["SE","DE"],"keys_per_member":2,
                "hours_rho_nano":100000000,"minutes_per_key":7}"#,
            ),
            &[],
        ),
        (parse(r#"{"kind":"custom","group_by":["artist_pair"],"keys_per_member":3,"fans_rho_nano":100000000}"#), &[]),
        (
            parse(
                r#"{"kind":"custom","group_by":["artist"],"keys_from":"offer","most_artists":5,"keys_per_member":2,"fans_rho_nano":100000000}"#,
            ),
            LIST,
        ),
    ];
    for kind in Kind::ALL {
        assert!(shapes.iter().any(|(recipe, _)| recipe.kind == *kind), "a shape of the kind {kind} is missing");
    }
    shapes
}

/// A play made up from a few small numbers.
fn made_up((artist, day, seconds, ended, kind): (usize, i64, u32, usize, u8)) -> Play {
    let coarse = kind == 0;
    Play {
        ts: at("2024-05-01T10:00:00Z").plus_s(day * 86_400 + i64::from(kind) * 3_600),
        ms_played: seconds * 1_000,
        track: format!("Track {}", day % 3),
        album: (kind > 1).then(|| format!("Album {}", day % 2)),
        track_uri: (!coarse).then(|| "spotify:track:0".into()),
        country: (!coarse).then(|| ["SE", "US", "ZZ", "DE"][usize::from(kind) % 4].into()),
        ended: Ended::ALL[ended % Ended::ALL.len()],
        ..play(NAMES[artist])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 40, ..ProptestConfig::default() })]

    /// What a crowd's sums are without a member, whether the rows are still in the file or never were, and what the member's
    /// are alone, add up to what they are with the member: so nobody moves what anybody else adds, and what a member adds is bounded.
    #[test]
    fn dp1_no_member_moves_more_than_the_bounds_and_nobody_moves_anybody_else(
        pool in prop::collection::vec(
            prop::collection::vec((0..NAMES.len(), 0i64..700, 0u32..400, 0usize..4, 0u8..4), 0..25), 0..5),
        tie in any::<u64>(),
    ) {
        runtime().block_on(async {
            let mut made = Pool::new();
            pool.iter().for_each(|member| made.join(member.iter().map(|numbers| made_up(*numbers)).collect()));
            for layout in [Layout::Shards(2), Layout::Counted(3)] {
                let objects = made.lay(layout).await;
                for (recipe, list) in shapes() {
                    let all = made.exact(&recipe, list, &objects, &seed(tie)).await;
                    for (member, plays) in &made.members {
                        let rest = made.exact(&recipe, list, &without(&objects, member), &seed(tie)).await;
                        let alone = made.only(|other| other == member);
                        let alone = alone.exact(&recipe, list, &alone.lay(layout).await, &seed(tie)).await;
                        assert_bounded(&alone, &recipe);
                        assert_eq!(together(&rest, &alone), all, "{}: {member} was taken out", recipe.kind);
                        if plays.is_empty() {
                            assert_eq!(all, rest, "a member without plays changes nothing");
                        }
                    }
                    let Some((last, _)) = made.members.last() else { continue };
                    let before = made.only(|other| other != last);
                    let before = before.exact(&recipe, list, &before.lay(Layout::Alone).await, &seed(tie)).await;
                    let rest = made.exact(&recipe, list, &without(&objects, last), &seed(tie)).await;
                    assert_eq!(before, rest, "{}: {last} came in", recipe.kind);
                }
            }
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// One who plays five artists at four hours of a day of every month for two years, three times each, after a first month of others.
fn devotee(ended: Ended, new_tracks: bool) -> Vec<Play> {
    let mut plays = vec![Play { ts: at("2023-11-01T10:00:00Z"), ..play("Before") }];
    for month in 0..24 {
        for (artist, name) in LIST.iter().enumerate() {
            for number in 0..12 {
                let (year, month) = (2024 + (month + 2) / 12, (month + 2) % 12 + 1);
                let track = if new_tracks { format!("{year} {month} {artist} {number}") } else { "A Track".into() };
                let ts = at(&format!("{year}-{month:02}-07T{:02}:00:{number:02}Z", 10 + number % 4));
                plays.push(Play { ts, ms_played: 400_000, track, ended, ..play(name) });
            }
        }
    }
    plays
}

#[tokio::test]
async fn dp1_a_devotee_reaches_every_bound_exactly() {
    let mut pools = Vec::new();
    for (ended, new_tracks) in [(Ended::Skipped, false), (Ended::Finished, false), (Ended::Finished, true)] {
        let mut pool = Pool::new();
        pool.join(devotee(ended, new_tracks));
        pools.push((pool.lay(Layout::Counted(1)).await, pool));
    }
    for (recipe, list) in shapes() {
        let mut most = vec![0; recipe.sums().len()];
        for (objects, pool) in &pools {
            let added = pool.exact(&recipe, list, objects, &seed(1)).await;
            let squares = assert_bounded(&added, &recipe);
            most.iter_mut().zip(squares).for_each(|(most, square)| *most = square.max(*most));
        }
        for (most, sum) in most.into_iter().zip(recipe.sums()) {
            let bound = i64::from(sum.most).pow(2) * i64::from(recipe.groups_per_member());
            assert_eq!(most, bound, "{} by {:?}: {} moves by C sqrt(L)", recipe.kind, recipe.group_by, sum.column);
        }
    }
}

#[tokio::test]
async fn dp1_monsters_are_bounded_like_everybody() {
    let mut pool = Pool::new();
    for _ in 0..3 {
        pool.join_counts(&[("A", 2), ("B", 1)]);
    }
    pool.join_counts(&[("A", 100_000)]);
    let everything: Vec<(String, usize)> = (0..5_000).map(|i| (format!("Artist {i}"), 1)).collect();
    pool.join_counts(&everything);
    let recipe = Recipe::default();
    for layout in [Layout::Shards(3), Layout::Counted(3)] {
        let objects = pool.lay(layout).await;
        let all = pool.exact(&recipe, &[], &objects, &seed(1)).await;
        assert_eq!(all["A"], [4, 206]);
        assert_eq!(all.len(), 22, "twenty of the five thousand, and A and B");
        for (member, _) in &pool.members {
            let rest = pool.exact(&recipe, &[], &without(&objects, member), &seed(1)).await;
            let one = pool.only(|other| other == member);
            let alone = one.exact(&recipe, &[], &one.lay(layout).await, &seed(1)).await;
            assert_bounded(&alone, &recipe);
            assert_eq!(together(&rest, &alone), all);
        }
    }
}

/// A name that one member gives to an artist, a track or an album is nothing to the others, and neither is the order in
/// which names are met: the numbers that stand for them are different ones in every pool.
#[tokio::test]
async fn dp1_names_that_others_use_decide_no_tie() {
    let tied = || -> Vec<Play> {
        let one = |i: usize| Play { country: Some(["SE", "DE"][i % 2].into()), ..play(&format!("Artist {i:02}")) };
        (0..30).map(one).collect()
    };
    for kind in [Kind::ArtistPreference, Kind::ArtistByCountry, Kind::SkipBehaviour, Kind::ListenerProfile] {
        let recipe = Recipe { keys_per_member: preset(kind).keys_per_member.min(5), ..preset(kind) };
        let mut quiet = Pool::new();
        quiet.join(Vec::new());
        quiet.join(tied());
        let alone = quiet.exact(&recipe, &[], &quiet.lay(Layout::Alone).await, &seed(7)).await;
        for others in [["DE", "Artist 29", "Artist 00"], ["Artist 17", "other", "ZZ"], ["", "SE", "A Track"]] {
            let mut loud = Pool::new();
            // In the same object and before the other's: these names get the first numbers.
            loud.join((0..200).map(|i| Play { track: others[(i + 1) % 3].into(), ..play(others[i % 3]) }).collect());
            loud.members.push(quiet.members[1].clone());
            let objects = loud.lay(Layout::Shards(2)).await;
            let noisy = loud.exact(&recipe, &[], &without(&objects, &loud.members[0].0), &seed(7)).await;
            assert_eq!(noisy, alone, "{kind} beside {others:?}");
        }
    }
}

/// Every play that counts falls into a group that an edition has, whatever the period: a draw that failed for one play
/// would tell that somebody has it.
#[tokio::test]
async fn dp1_no_play_is_outside_of_the_groups_to_be_given() {
    let mut pool = Pool::new();
    pool.join(vec![Play { ts: at("2025-02-01T00:00:00Z"), ..play("A") }, play("A")]);
    let recipe = r#"{"kind":"custom","group_by":["month"],"keys_from":"bins","keys_per_member":2,"fans_rho_nano":100000000,
        "from":"2025-01-01T00:00:00Z","to":"2025-02-01T00:00:00.5Z"}"#;
    let drawn = pool.draw(&Recipe::parse(recipe).unwrap(), &[]).await;
    assert_eq!(drawn.tables[0].rows.num_rows(), 2, "January, and the half second of February");
}
