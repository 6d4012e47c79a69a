//! From plays or from counts kept of them, in one object or in many, with much memory or little: the same sums.

use super::world::{Exact, Layout, Pool, at, play, recipe, seed};
use crate::aggregates::counting::Task;
use crate::aggregates::recipe::Recipe;
use crate::aggregates::{bound::TieSeed, preset, recipe::Kind};
use crate::histories::play::Play;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

fn listeners(members: usize, plays: usize) -> Pool {
    let mut pool = Pool::new();
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..members {
        let one = |random: &mut StdRng| {
            let artist = (random.random::<f64>().powi(3) * 300.0) as usize;
            Play {
                ts: at("2024-01-01T00:00:00Z").plus_s(random.random_range(0..700 * 86_400)),
                ms_played: random.random_range(0..200_000),
                ..play(&format!("Artist {artist}"))
            }
        };
        let plays = random.random_range(0..plays);
        let of_member = (0..plays).map(|_| one(&mut random)).collect();
        pool.join(of_member);
    }
    pool
}

/// The sums by artist, worked out the long way round.
fn by_hand(pool: &Pool, recipe: &Recipe, seed: &TieSeed) -> Exact {
    let mut exact = Exact::new();
    let key = seed.key();
    let inside = |play: &Play| {
        play.ms_played >= recipe.min_ms_played
            && recipe.from.is_none_or(|from| play.ts >= from)
            && recipe.to.is_none_or(|to| play.ts < to)
    };
    for (member, plays) in &pool.members {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for play in plays.iter().filter(|play| inside(play)) {
            *counts.entry(&play.artist).or_default() += 1;
        }
        let mut order: Vec<(&str, i64)> = counts.into_iter().collect();
        order.sort_by_key(|(artist, plays)| (-plays, key.order(member.as_str(), artist)));
        for (artist, plays) in order.into_iter().take(recipe.keys_per_member as usize) {
            let sums = exact.entry(artist.to_owned()).or_insert_with(|| vec![0, 0]);
            sums[0] += 1;
            sums[1] += plays.min(recipe.plays_per_key.unwrap().into());
        }
    }
    exact
}

#[tokio::test]
async fn every_layout_gives_the_sums_worked_out_by_hand() {
    let pool = listeners(60, 400);
    let month = |text: &str| Some(at(text));
    for recipe in [
        recipe(|r| r.plays_per_key = Some(4)),
        recipe(|r| r.keys_per_member = 32),
        recipe(|r| r.keys_per_member = 33),
        recipe(|r| (r.from, r.to) = (month("2024-03-01T00:00:00Z"), month("2025-02-01T00:00:00Z"))),
        recipe(|r| r.from = month("2024-03-01T00:00:01Z")),
        recipe(|r| r.min_ms_played = 90_000),
    ] {
        let expected = by_hand(&pool, &recipe, &seed(3));
        for layout in [Layout::Alone, Layout::Shards(7), Layout::Shards(60), Layout::Counted(7), Layout::Counted(60)] {
            let objects = pool.lay(layout).await;
            assert_eq!(pool.exact(&recipe, &[], &objects, &seed(3)).await, expected, "{layout:?}");
        }
        let mut mixed = pool.lay(Layout::Counted(7)).await;
        mixed.iter_mut().step_by(2).for_each(|object| object.counts_key = None);
        assert_eq!(pool.exact(&recipe, &[], &mixed, &seed(3)).await, expected, "some with counts, some without");
    }
}

#[tokio::test]
async fn months_and_pairs_come_the_same_from_counts() {
    let pool = listeners(40, 300);
    let list = ["Artist 0", "Artist 1", "Artist 2", "Artist 5", "Artist 9"];
    for recipe in [preset(Kind::ArtistTrend), preset(Kind::ArtistMap), preset(Kind::BuyerPanel)] {
        let recipe = Recipe { keys_per_member: 3, ..recipe };
        let plays = pool.exact(&recipe, &list, &pool.lay(Layout::Shards(9)).await, &seed(3)).await;
        let counts = pool.exact(&recipe, &list, &pool.lay(Layout::Counted(9)).await, &seed(3)).await;
        assert!(!plays.is_empty());
        assert_eq!(plays, counts, "{}", recipe.kind);
    }
}

#[test]
fn counts_are_used_just_where_they_say_all() {
    let suffices = |recipe: Recipe| {
        let task = Task { recipe, drawn_at: super::world::drawn_at(), artists: Vec::new(), seed: seed(1) };
        task.counts_suffice()
    };
    let own = |json: &str| Recipe::parse(json).unwrap();
    assert!(suffices(Recipe::default()));
    assert!(suffices(recipe(|r| r.last_months = Some(3))));
    assert!(
        suffices(preset(Kind::ArtistMap)) && suffices(preset(Kind::ArtistTrend)) && suffices(preset(Kind::BuyerPanel))
    );
    assert!(!suffices(recipe(|r| r.min_ms_played = 30_001)));
    assert!(!suffices(recipe(|r| r.from = Some(at("2024-03-01T00:00:01Z")))));
    assert!(!suffices(recipe(|r| r.to = Some(at("2024-03-02T00:00:00Z")))));
    assert!(!suffices(preset(Kind::SkipBehaviour)) && !suffices(preset(Kind::ArtistByCountry)));
    assert!(!suffices(own(
        r#"{"kind":"custom","group_by":["artist"],"fans_rho_nano":50000000,"hours_rho_nano":50000000,"minutes_per_key":9}"#
    )));
    assert!(!suffices(own(r#"{"kind":"custom","group_by":["track"],"fans_rho_nano":50000000}"#)));
}

#[test]
fn favourites_are_used_just_where_they_say_all() {
    let suffice = |recipe: Recipe| {
        let task = Task { recipe, drawn_at: super::world::drawn_at(), artists: Vec::new(), seed: seed(1) };
        task.favourites_suffice()
    };
    assert!(suffice(Recipe::default()) && suffice(recipe(|r| r.keys_per_member = 32)));
    assert!(!suffice(recipe(|r| r.keys_per_member = 33)));
    assert!(!suffice(recipe(|r| r.last_months = Some(3))));
    assert!(!suffice(recipe(|r| r.from = Some(at("2024-03-01T00:00:00Z")))));
    assert!(!suffice(recipe(|r| r.min_ms_played = 30_001)));
    assert!(!suffice(preset(Kind::BuyerPanel)) && !suffice(preset(Kind::ArtistMap)), "a list may name anybody");
    assert!(!suffice(preset(Kind::ArtistTrend)));
}

/// What is not asked for is not even read; and what tells coarse plays from exact ones is, where that matters.
#[test]
fn just_the_columns_that_are_needed_are_read() {
    let read = |recipe: Recipe| {
        let task = Task { recipe, drawn_at: super::world::drawn_at(), artists: Vec::new(), seed: seed(1) };
        task.columns().join(" ")
    };
    let own = |rest: &str| Recipe::parse(&format!(r#"{{"kind":"custom","fans_rho_nano":100000000,{rest}}}"#)).unwrap();
    assert_eq!(read(Recipe::default()), "ms_played artist");
    for recipe in
        [recipe(|r| r.from = Some(at("2024-03-01T00:00:00Z"))), recipe(|r| r.to = Some(at("2024-03-01T00:00:00Z")))]
    {
        assert_eq!(read(recipe), "ts ms_played artist");
    }
    let first = own(r#""group_by":["artist"],"first_time_share_rho_nano":100000000,"plays_per_key":9"#);
    assert_eq!(read(first), "ts ms_played artist track track_uri country");
    assert_eq!(read(preset(Kind::RetentionCurve)), "ts ms_played artist track_uri country");
    assert_eq!(read(preset(Kind::ListeningClock)), "ts ms_played artist country");
    assert_eq!(read(preset(Kind::SkipBehaviour)), "ms_played artist ended");
    assert_eq!(read(preset(Kind::ListenerProfile)), "ts ms_played artist country");
    assert_eq!(read(own(r#""group_by":["track","month"]"#)), "ts ms_played artist track");
    assert_eq!(read(own(r#""group_by":["album","service"]"#)), "ms_played artist album service");
    let completed = own(r#""group_by":["artist"],"completion_share_rho_nano":100000000,"plays_per_key":9"#);
    assert_eq!(read(completed), "ms_played artist ended");
}

#[tokio::test]
async fn little_memory_gives_the_same_sums() {
    let mut pool = Pool::with_memory(128 << 20);
    let mut random = StdRng::seed_from_u64(9);
    for member in 0..40 {
        let plays = (0..9_000).map(|i| play(&format!("Artist of a rather long name {member} {i}")));
        let mut plays: Vec<Play> = plays.collect();
        plays.iter_mut().for_each(|play| play.ts = play.ts.plus_s(random.random_range(0..9_999_999)));
        pool.join(plays);
    }
    let recipe = recipe(|r| {
        (r.keys_per_member, r.fans_rho_nano, r.capped_plays_rho_nano) =
            (1_000, Some(1_000_000_000), Some(1_000_000_000))
    });
    let objects = pool.lay(Layout::Shards(10)).await;
    let exact = pool.exact(&recipe, &[], &objects, &seed(1)).await;
    assert_eq!(exact.len(), 40_000);
    assert!(exact.values().all(|sums| *sums == [1, 1]));
}
