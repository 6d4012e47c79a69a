//! How plays become bounded sums.

use super::world::{Exact, Layout, Pool, at, counted, play, recipe, seed, without};
use crate::aggregates::recipe::Recipe;
use crate::histories::play::Play;

fn sums(expected: &[(&str, &[i64])]) -> Exact {
    expected.iter().map(|(group, sums)| ((*group).to_owned(), sums.to_vec())).collect()
}

#[tokio::test]
async fn the_favourites_are_the_most_played_and_plays_are_capped() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 9), ("B", 4), ("C", 3), ("D", 1)]);
    pool.join_counts(&[("A", 1), ("D", 2), ("E", 7)]);
    let recipe = recipe(|r| (r.keys_per_member, r.plays_per_key) = (2, Some(5)));
    let exact = pool.exact_of_all(&recipe, &seed(1)).await;
    assert_eq!(exact, sums(&[("A", &[1, 5]), ("B", &[1, 4]), ("D", &[1, 2]), ("E", &[1, 5])]));
}

#[tokio::test]
async fn ties_are_broken_for_each_member_alone() {
    let mut pool = Pool::new();
    let everything: Vec<(String, usize)> = (0..40).map(|i| (format!("Artist {i}"), 1)).collect();
    for _ in 0..200 {
        pool.join_counts(&everything);
    }
    let one = pool.exact_of_all(&Recipe::default(), &seed(1)).await;
    // By artist alone, twenty artists would have all 200 members and twenty none. Each is Binomial(200, 1/2).
    assert_eq!(one.len(), 40);
    assert!(one.values().all(|sums| (60..=140).contains(&sums[0])), "{one:?}");
    assert_eq!(one, pool.exact_of_all(&Recipe::default(), &seed(1)).await, "the same seed, the same choice");
    assert_ne!(one, pool.exact_of_all(&Recipe::default(), &seed(2)).await);
}

#[tokio::test]
async fn only_long_enough_plays_inside_the_period_count() {
    let mut pool = Pool::new();
    let (from, to) = (at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    let of = |artist: &str, ms_played: u32, ts_ms: i64| Play {
        ms_played,
        ts: crate::clock::UtcTime::from_unix_ms(ts_ms).unwrap(),
        ..play(artist)
    };
    let (first, after) = (from.unix_ms(), to.unix_ms());
    pool.join(vec![
        of("long enough", 30_000, first),
        of("too short", 29_999, first),
        of("too early", 90_000, first - 1),
        of("last", 90_000, after - 1),
        of("too late", 90_000, after),
    ]);
    let inside = recipe(|r| (r.from, r.to) = (Some(from), Some(to)));
    let exact = pool.exact_of_all(&inside, &seed(1)).await;
    assert_eq!(exact.keys().collect::<Vec<_>>(), ["last", "long enough"]);
    let any_length = recipe(|r| r.min_ms_played = 0);
    assert_eq!(pool.exact_of_all(&any_length, &seed(1)).await.len(), 5);
    let last_year = recipe(|r| r.last_months = Some(15));
    assert_eq!(pool.exact_of_all(&last_year, &seed(1)).await.len(), 4, "from December 2024 on");
}

#[tokio::test]
async fn who_is_not_in_the_draw_set_does_not_count() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 1)]);
    pool.join_counts(&[("B", 1)]);
    pool.join(counted(&[("C", 1)]));
    let objects = pool.lay(Layout::Shards(3)).await;
    let rest = without(&objects, &pool.members[1].0);
    let exact = pool.exact(&Recipe::default(), &[], &rest, &seed(1)).await;
    assert_eq!(exact.keys().collect::<Vec<_>>(), ["A", "C"]);
}
