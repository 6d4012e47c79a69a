//! The room seen from outside: made-up pools in an object store in memory, drawn by the real engine.

use super::bound::{ArtistCount, TieSeed};
use super::formats::tests::{read_csv, read_parquet};
use super::*;
use crate::clock::{Entropy, UtcTime};
use crate::error::Code;
use crate::ids::AccountId;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt32Array, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use object_store::{ObjectStoreExt, memory::InMemory};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// A made-up play: (artist, milliseconds, end in milliseconds since 1970).
type Play<'a> = (&'a str, u32, i64);

/// A made-up pool.
struct Pool {
    engine: Engine,
    store: Arc<InMemory>,
    members: Vec<DrawMember>,
    _spill: tempfile::TempDir,
}

impl Pool {
    fn new() -> Pool {
        let store = Arc::new(InMemory::new());
        let spill = tempfile::tempdir().unwrap();
        let config =
            EngineConfig { memory_limit_bytes: 256 << 20, spill_directory: spill.path().into(), target_partitions: 2 };
        Pool { engine: Engine::new(&config, store.clone()).unwrap(), store, members: Vec::new(), _spill: spill }
    }

    /// Adds a member; none of the plays: a member without an object.
    async fn join(&mut self, plays: &[Play<'_>]) {
        let n = self.members.len();
        let account = AccountId::new(UtcTime::from_unix_s(1_000 + n as i64).unwrap(), &Entropy::seeded(n as u64));
        let key = format!("plays/{account}.parquet");
        if !plays.is_empty() {
            let content = plays_as_parquet(account.as_str(), plays);
            self.store.put(&object_store::path::Path::from(key.as_str()), content.into()).await.unwrap();
        }
        self.members.push(DrawMember { account, plays: (!plays.is_empty()).then_some(key) });
    }

    /// Adds a member who played these artists so many times.
    async fn join_counts<S: AsRef<str>>(&mut self, counts: &[(S, usize)]) {
        let plays: Vec<Play<'_>> =
            counts.iter().flat_map(|(artist, n)| std::iter::repeat_n((artist.as_ref(), 200_000, 0), *n)).collect();
        self.join(&plays).await;
    }

    async fn exact(&self, recipe: &Recipe, members: &[DrawMember], seed: &TieSeed) -> BTreeMap<String, (i64, i64)> {
        let counts = self.engine.bounded_counts(recipe, members, seed, &|_| ()).await.unwrap();
        let n = counts.len();
        let map: BTreeMap<String, (i64, i64)> = counts
            .into_iter()
            .map(|ArtistCount { artist, fans, capped_plays }| (artist, (fans, capped_plays)))
            .collect();
        assert_eq!(map.len(), n, "every artist once");
        map
    }

    async fn draw(&self, recipe: &Recipe) -> Drawn {
        let request = DrawRequest { recipe: recipe.clone(), members: self.members.clone(), pool_delta_pico: 5_000 };
        draw(&self.engine, request, &Entropy::seeded(1), |_| ()).await.unwrap()
    }
}

/// The plays of one member in the file that the intake writes.
fn plays_as_parquet(member: &str, plays: &[Play<'_>]) -> Vec<u8> {
    let n = plays.len();
    let same = |text: &str| Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, n))) as ArrayRef;
    let text = |name: &str, nullable: bool| Field::new(name, DataType::Utf8, nullable);
    let schema = Arc::new(Schema::new(vec![
        text("member_id", false),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false),
        Field::new("ms_played", DataType::UInt32, false),
        text("artist", false),
        text("album", true),
        text("track", false),
        text("track_uri", true),
        text("country", true),
        text("service", false),
        text("started", false),
        text("ended", false),
        Field::new("shuffle", DataType::Boolean, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        same(member),
        Arc::new(TimestampMillisecondArray::from_iter_values(plays.iter().map(|p| p.2)).with_timezone("UTC")),
        Arc::new(UInt32Array::from_iter_values(plays.iter().map(|p| p.1))),
        Arc::new(StringArray::from_iter_values(plays.iter().map(|p| p.0))),
        new_null_array(&DataType::Utf8, n),
        same("A Track"),
        new_null_array(&DataType::Utf8, n),
        same("NO"),
        same("spotify"),
        same("chosen"),
        same("finished"),
        Arc::new(BooleanArray::from(vec![Some(false); n])),
    ];
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, schema.clone(), None).unwrap();
    writer.write(&RecordBatch::try_new(schema, columns).unwrap()).unwrap();
    writer.close().unwrap();
    out
}

fn seed(n: u64) -> TieSeed {
    TieSeed::new(&Entropy::seeded(n))
}

fn recipe(change: impl FnOnce(&mut ArtistPreference)) -> Recipe {
    let mut parameters = ArtistPreference::default();
    change(&mut parameters);
    let recipe = Recipe::ArtistPreference(parameters);
    recipe.validate().unwrap();
    recipe
}

/// Much budget, so that a small made-up pool gives rows: noise of about one fan, threshold of a few.
fn generous() -> Recipe {
    recipe(|p| {
        (p.artists_per_member, p.plays_per_artist, p.floor_members) = (5, 3, 2);
        (p.fans_rho_nano, p.capped_plays_rho_nano, p.delta_pico) = (5 * NANO, 5 * NANO, 1_000_000);
    })
}

/// What taking a member out may change: at most L artists, by one fan and C plays each.
fn assert_neighbours(with: &BTreeMap<String, (i64, i64)>, without: &BTreeMap<String, (i64, i64)>, l: i64, c: i64) {
    let artists: HashSet<&String> = with.keys().chain(without.keys()).collect();
    let get = |map: &BTreeMap<String, (i64, i64)>, artist: &String| map.get(artist).copied().unwrap_or((0, 0));
    let mut changed = (0, 0);
    for artist in artists {
        let (one, two) = (get(with, artist), get(without, artist));
        let (fans, plays) = (one.0 - two.0, one.1 - two.1);
        assert!((0..=1).contains(&fans) && (0..=c).contains(&plays), "{artist}: {fans} fans, {plays} plays");
        changed = (changed.0 + fans, changed.1 + plays * plays);
    }
    assert!(changed.0 <= l, "at most L artists, hence at most sqrt(L) in Euclidean length");
    assert!(changed.1 <= c * c * l, "at most C sqrt(L) in Euclidean length");
}

const NAMES: [&str; 10] = ["LISA", "LiSA", "é", "e\u{301}", "", "a,b", "\"", "Ünder\nline", "夜に", "Z"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_member_moves_more_than_the_bounds(
        pool in prop::collection::vec(prop::collection::vec((0..NAMES.len(), 1usize..6), 0..12), 0..5),
        l in 1u32..4, c in 1u32..5, tie in any::<u64>(),
    ) {
        let recipe = recipe(|p| (p.artists_per_member, p.plays_per_artist) = (l, c));
        let (l, c) = (i64::from(l), i64::from(c));
        runtime().block_on(async {
            let mut made_up = Pool::new();
            let mut fans = 0;
            for member in &pool {
                // The same artist may occur twice in the list: its plays add up, and equal plays count each.
                let plays: Vec<(&str, usize)> = member.iter().map(|(i, n)| (NAMES[*i], *n)).collect();
                fans += l.min(plays.iter().map(|p| p.0).collect::<HashSet<_>>().len() as i64);
                made_up.join_counts(&plays).await;
            }
            let seed = seed(tie);
            let all = made_up.exact(&recipe, &made_up.members, &seed).await;
            assert_eq!(all.values().map(|v| v.0).sum::<i64>(), fans, "every member counts with all artists, up to L");
            for (i, member) in pool.iter().enumerate() {
                let mut others = made_up.members.clone();
                others.remove(i);
                let without = made_up.exact(&recipe, &others, &seed).await;
                assert_neighbours(&all, &without, l, c);
                if member.is_empty() {
                    assert_eq!(all, without, "a member without plays changes nothing");
                }
            }
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn the_favourites_are_the_most_played_and_plays_are_capped() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 9), ("B", 4), ("C", 3), ("D", 1)]).await;
    pool.join_counts(&[("A", 1), ("D", 2), ("E", 7)]).await;
    let recipe = recipe(|p| (p.artists_per_member, p.plays_per_artist) = (2, 5));
    let exact = pool.exact(&recipe, &pool.members, &seed(1)).await;
    let expected = [("A", (1, 5)), ("B", (1, 4)), ("D", (1, 2)), ("E", (1, 5))];
    assert_eq!(exact, expected.into_iter().map(|(artist, v)| (artist.to_owned(), v)).collect());
}

#[tokio::test]
async fn monsters_are_bounded_like_everybody() {
    let mut pool = Pool::new();
    for _ in 0..3 {
        pool.join_counts(&[("A", 2), ("B", 1)]).await;
    }
    pool.join_counts(&[("A", 300_000)]).await;
    let everything: Vec<(String, usize)> = (0..5_000).map(|i| (format!("Artist {i}"), 1)).collect();
    pool.join_counts(&everything).await;
    let recipe = recipe(|p| (p.artists_per_member, p.plays_per_artist) = (20, 200));
    let all = pool.exact(&recipe, &pool.members, &seed(1)).await;
    assert_eq!(all["A"], (4, 206));
    assert_eq!(all.len(), 22, "twenty of the five thousand, and A and B");
    for i in 0..pool.members.len() {
        let mut others = pool.members.clone();
        others.remove(i);
        assert_neighbours(&all, &pool.exact(&recipe, &others, &seed(1)).await, 20, 200);
    }
}

#[tokio::test]
async fn ties_are_broken_for_each_member_alone() {
    let mut pool = Pool::new();
    let everything: Vec<(String, usize)> = (0..40).map(|i| (format!("Artist {i}"), 1)).collect();
    for _ in 0..200 {
        pool.join_counts(&everything).await;
    }
    let recipe = recipe(|p| p.artists_per_member = 20);
    let one = pool.exact(&recipe, &pool.members, &seed(1)).await;
    // By artist alone, twenty artists would have all 200 members and twenty none. Each is Binomial(200, 1/2).
    assert_eq!(one.len(), 40);
    assert!(one.values().all(|(fans, _)| (60..=140).contains(fans)), "{one:?}");
    assert_eq!(one, pool.exact(&recipe, &pool.members, &seed(1)).await, "the same seed, the same choice");
    assert_ne!(one, pool.exact(&recipe, &pool.members, &seed(2)).await);
}

#[tokio::test]
async fn only_long_enough_plays_inside_the_period_count() {
    let mut pool = Pool::new();
    let at = |text: &str| UtcTime::parse(text).unwrap();
    let (from, to) = (at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    let (first, after) = (from.unix_ms(), to.unix_ms());
    pool.join(&[
        ("long enough", 30_000, first),
        ("too short", 29_999, first),
        ("too early", 90_000, first - 1),
        ("last", 90_000, after - 1),
        ("too late", 90_000, after),
    ])
    .await;
    let inside = recipe(|p| (p.from, p.to) = (Some(from), Some(to)));
    let exact = pool.exact(&inside, &pool.members, &seed(1)).await;
    assert_eq!(exact.keys().collect::<Vec<_>>(), ["last", "long enough"]);
    let any_length = recipe(|p| p.min_ms_played = 0);
    assert_eq!(pool.exact(&any_length, &pool.members, &seed(1)).await.len(), 5);
}

#[tokio::test]
async fn a_draw_gives_rows_files_and_a_manifest_that_agree() {
    let mut pool = Pool::new();
    let names = ["LISA", "LiSA", "Crosby, \"Stills\"\n& Nash", "-M-", "夜に"];
    for i in 0..60 {
        let mut plays: Vec<(&str, usize)> = names.iter().map(|name| (*name, 2)).collect();
        if i == 7 {
            plays.push(("The Canary", 50));
            plays.remove(0);
        }
        pool.join_counts(&plays).await;
    }
    pool.join_counts::<&str>(&[]).await;
    let drawn = pool.draw(&generous()).await;
    let found: HashSet<&str> = drawn.rows.iter().map(|row| row.artist.as_str()).collect();
    assert_eq!(found, names.into_iter().collect(), "all five, `LISA` and `LiSA` apart, and no canary");
    assert!(drawn.rows.windows(2).all(|p| p[0].fans >= p[1].fans));
    assert_eq!(read_parquet(&drawn.files[0].content), drawn.rows);
    assert_eq!(read_csv(&drawn.files[1].content), drawn.rows);
    let manifest = &drawn.manifest;
    assert_eq!((manifest.members, manifest.row_count), (61, 5), "a member without plays is a member");
    assert_eq!(
        manifest.files.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
        ["artist_preference.parquet", "artist_preference.csv", "artist_preference.jsonl", "artist_preference.arrow"]
    );
    assert_eq!(manifest.recipe_sha256, generous().sha256());
    assert_eq!(manifest.cost, generous().cost());
    let everything = format!("{}{:?}", serde_json::to_string(manifest).unwrap(), drawn);
    assert!(!everything.contains("Canary"));
    let back: Manifest = serde_json::from_str(&serde_json::to_string(manifest).unwrap()).unwrap();
    assert_eq!(&back, manifest, "a manifest survives being stored");
}

/// Whatever the members played, a manifest differs only in what comes from the released rows.
#[tokio::test]
async fn the_manifest_holds_no_number_of_its_own_about_plays() {
    let mut manifests = Vec::new();
    for plays in [vec![("A", 1usize)], vec![("B", 40), ("C", 3), ("D", 9)], vec![]] {
        let mut pool = Pool::new();
        for _ in 0..4 {
            pool.join_counts(&plays).await;
        }
        // The default noise releases nothing of four members.
        manifests.push(pool.draw(&Recipe::default()).await.manifest);
    }
    assert_eq!(manifests[0].row_count, 0);
    assert_eq!(manifests[0], manifests[1]);
    assert_eq!(manifests[0], manifests[2]);
}

#[tokio::test]
async fn an_empty_pool_gives_an_empty_edition() {
    let pool = Pool::new();
    let drawn = pool.draw(&Recipe::default()).await;
    assert!(drawn.rows.is_empty());
    assert_eq!(drawn.manifest.selection.smallest_published_share, None);
    assert_eq!(read_parquet(&drawn.files[0].content), drawn.rows);
    assert_eq!(drawn.files[1].content.as_ref(), b"artist,fans,capped_plays\r\n");
}

#[tokio::test]
async fn progress_runs_forward_and_speaks_of_members_only() {
    let mut pool = Pool::new();
    for _ in 0..20 {
        pool.join_counts(&[("A", 3)]).await;
    }
    let heard = Mutex::new(Vec::new());
    let request = DrawRequest { recipe: generous(), members: pool.members.clone(), pool_delta_pico: 5_000 };
    draw(&pool.engine, request, &Entropy::seeded(1), |p| heard.lock().unwrap().push((p.stage, p.percent)))
        .await
        .unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(heard.is_sorted(), "{heard:?}");
    assert!(heard.contains(&(Stage::Reading, 100)));
    assert_eq!(heard.last(), Some(&(Stage::Done, 100)));
}

#[tokio::test]
async fn a_draw_set_that_would_break_the_bound_is_refused() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 1)]).await;
    pool.join_counts(&[("A", 1)]).await;
    let attempt = async |members: Vec<DrawMember>| {
        let request = DrawRequest { recipe: Recipe::default(), members, pool_delta_pico: 5_000 };
        draw(&pool.engine, request, &Entropy::seeded(1), |_| ()).await.unwrap_err()
    };
    let twice = vec![pool.members[0].clone(), pool.members[0].clone()];
    assert_eq!(attempt(twice).await.code(), Code::Internal);
    let mut shared = pool.members.clone();
    shared[1].plays = shared[0].plays.clone();
    assert_eq!(attempt(shared).await.code(), Code::Internal);
    let mut missing = pool.members.clone();
    missing[1].plays = Some("plays/nowhere.parquet".into());
    assert_eq!(attempt(missing).await.code(), Code::Internal);
    pool.store.put(&"plays/damaged.parquet".into(), b"no parquet at all".as_slice().into()).await.unwrap();
    let mut damaged = pool.members.clone();
    damaged[1].plays = Some("plays/damaged.parquet".into());
    assert_eq!(attempt(damaged).await.code(), Code::Internal);
    let bad = DrawRequest {
        recipe: Recipe::ArtistPreference(ArtistPreference { artists_per_member: 0, ..Default::default() }),
        members: Vec::new(),
        pool_delta_pico: 5_000,
    };
    let refused = draw(&pool.engine, bad, &Entropy::seeded(1), |_| ()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Invalid);
}

#[test]
fn an_engine_clears_what_a_killed_one_spilled_and_needs_room() {
    let directory = tempfile::tempdir().unwrap();
    let spilled = directory.path().join("datafusion-abc");
    std::fs::create_dir(&spilled).unwrap();
    std::fs::write(spilled.join("plays.arrow"), "spilled").unwrap();
    std::fs::write(directory.path().join("not-ours"), "kept").unwrap();
    let mut config =
        EngineConfig { memory_limit_bytes: 128 << 20, spill_directory: directory.path().into(), target_partitions: 2 };
    Engine::new(&config, Arc::new(InMemory::new())).unwrap();
    assert!(!spilled.exists());
    assert!(directory.path().join("not-ours").exists());
    config.target_partitions = 3;
    assert!(Engine::new(&config, Arc::new(InMemory::new())).is_err(), "64 MiB a partition");
}

/// A file that claims other members in its rows still counts as the one member whose object it is.
#[tokio::test]
async fn the_draw_set_says_who_a_member_is() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 2)]).await;
    let key = pool.members[0].plays.clone().unwrap();
    let content = plays_as_parquet("acct_somebody_else", &[("A", 90_000, 0), ("B", 90_000, 0)]);
    pool.store.put(&key.as_str().into(), content.into()).await.unwrap();
    let exact = pool.exact(&recipe(|p| p.artists_per_member = 1), &pool.members, &seed(1)).await;
    assert_eq!(exact.values().map(|v| v.0).sum::<i64>(), 1);
}

/// The default parameters, 3,000 listeners: artists by a Zipf-Mandelbrot law (exponent 1.05, shift 12, 20,000 artists), 40 favourites
/// each. Realistic listening must give a table worth buying.
#[tokio::test]
async fn three_thousand_listeners_give_fifty_rows_and_more() {
    let mut pool = Pool::new();
    let mut law: Vec<f64> = (1..=20_000).map(|rank| (f64::from(rank) + 12.0).powf(-1.05)).collect();
    for i in 1..law.len() {
        law[i] += law[i - 1];
    }
    let total = law[law.len() - 1];
    let mut random = StdRng::seed_from_u64(20_261_123);
    for _ in 0..3_000 {
        let mut plays: HashMap<usize, usize> = HashMap::new();
        for place in 1..=40usize {
            let at = random.random::<f64>() * total;
            *plays.entry(law.partition_point(|share| *share < at)).or_default() += 40 / place;
        }
        let plays: Vec<(String, usize)> = plays.into_iter().map(|(i, n)| (format!("Artist {i:05}"), n)).collect();
        pool.join_counts(&plays).await;
    }
    let drawn = pool.draw(&Recipe::default()).await;
    let smallest = drawn.manifest.selection.smallest_published_fans;
    assert!(drawn.rows.len() >= 50, "{} rows", drawn.rows.len());
    assert!(drawn.rows.iter().all(|row| row.fans >= smallest));
    assert_eq!(drawn.manifest.members, 3_000);
    let looks = preview(&drawn.rows, &drawn.manifest.files[0].sha256, 20);
    assert_eq!(looks.len(), 20.min(drawn.rows.len() / 5));
}
