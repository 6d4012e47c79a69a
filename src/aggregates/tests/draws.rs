//! Whole draws: rows, files and manifest.

use super::world::{Pool, counted, generous, play, seed};
use crate::aggregates::formats::tests::{read_arrow, read_csv, read_json_lines, read_parquet, rows_of};
use crate::aggregates::recipe::Recipe;
use crate::aggregates::*;
use crate::clock::Entropy;
use crate::error::Code;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

fn names(rows: &[serde_json::Value], column: &str) -> HashSet<String> {
    rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_draw_gives_rows_files_and_a_manifest_that_agree() {
    let mut pool = Pool::new();
    let artists = ["LISA", "LiSA", "Crosby, \"Stills\"\n& Nash", "-M-", "夜に"];
    for i in 0..60 {
        let mut plays: Vec<(&str, usize)> = artists.iter().map(|name| (*name, 2)).collect();
        if i == 7 {
            plays.push(("The Canary", 50));
            plays.remove(0);
        }
        pool.join_counts(&plays);
    }
    pool.join_counts::<&str>(&[]);
    let drawn = pool.draw(&generous(), &[]).await;
    let table = &drawn.tables[0].rows;
    let rows = rows_of(table);
    assert_eq!(
        names(&rows, "artist"),
        artists.map(str::to_owned).into(),
        "all five, `LISA` and `LiSA` apart, and no canary"
    );
    assert!(rows.windows(2).all(|p| p[0]["fans"].as_i64() >= p[1]["fans"].as_i64()));
    assert_eq!(read_parquet(&drawn.files[0].content), rows);
    assert_eq!(read_csv(&drawn.files[1].content, table), rows);
    assert_eq!(read_json_lines(&drawn.files[2].content), rows);
    assert_eq!(read_arrow(&drawn.files[3].content), rows);
    let manifest = &drawn.manifest;
    assert_eq!((manifest.members, manifest.tables[0].row_count), (61, 5), "a member without plays is a member");
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
            pool.join_counts(&plays);
        }
        // The default noise releases nothing of four members.
        manifests.push(pool.draw(&Recipe::default(), &[]).await.manifest);
    }
    assert_eq!(manifests[0].tables[0].row_count, 0);
    assert_eq!(manifests[0], manifests[1]);
    assert_eq!(manifests[0], manifests[2]);
}

#[tokio::test]
async fn an_empty_pool_gives_an_empty_edition() {
    let pool = Pool::new();
    let drawn = pool.draw(&Recipe::default(), &[]).await;
    assert_eq!(drawn.tables[0].rows.num_rows(), 0);
    assert_eq!(drawn.manifest.selection.threshold.as_ref().unwrap().smallest_published_share, None);
    assert!(read_parquet(&drawn.files[0].content).is_empty());
    assert_eq!(drawn.files[1].content.as_ref(), b"artist,fans,capped_plays\r\n");
}

#[tokio::test]
async fn progress_runs_forward_and_speaks_of_members_only() {
    let mut pool = Pool::new();
    for _ in 0..20 {
        pool.join_counts(&[("A", 3)]);
    }
    let heard = Mutex::new(Vec::new());
    let request = pool.request(&generous(), &[]).await;
    draw(&pool.engine, request, &Entropy::seeded(1), |p| heard.lock().unwrap().push((p.stage, p.percent)))
        .await
        .unwrap();
    let heard = heard.into_inner().unwrap();
    assert!(heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.last(), Some(&(Stage::Done, 100)));
    assert!(heard.contains(&(Stage::Reading, 100)));
}

#[tokio::test]
async fn ids_are_joined_where_there_is_a_mapping() {
    let mut pool = Pool::new();
    for _ in 0..60 {
        pool.join(counted(&[("A", 2), ("B", 1)]));
    }
    let id = "11111111-1111-4111-8111-111111111111";
    let mut request = pool.request(&generous(), &[]).await;
    request.artist_ids = Some(Arc::new(ArtistIds::parse(&format!("artist,mbid\nA,{id}\n")).unwrap()));
    let drawn = draw(&pool.engine, request, &Entropy::seeded(1), |_| ()).await.unwrap();
    let rows = read_parquet(&drawn.files[0].content);
    let ids: HashMap<String, serde_json::Value> =
        rows.iter().map(|row| (row["artist"].as_str().unwrap().into(), row["musicbrainz_artist_id"].clone())).collect();
    assert_eq!((&ids["A"], &ids["B"]), (&id.into(), &serde_json::Value::Null));
    assert_eq!(drawn.manifest.tables[0].columns[1].name, "musicbrainz_artist_id");
    assert_eq!(drawn.manifest.cost, generous().cost(), "at no budget");
}

#[tokio::test]
async fn a_list_has_to_fit_the_recipe() {
    let pool = Pool::new();
    let panel = Recipe { most_artists: Some(2), ..preset(Kind::BuyerPanel) };
    for (recipe, artists, says) in [
        (&panel, &[][..], "names 0 artists"),
        (&panel, &["A", "B", "C"], "from 1 to 2"),
        (&panel, &["A", "A"], "twice"),
        (&Recipe::default(), &["A"], "takes no list"),
        (&preset(Kind::ArtistMap), &["A"], "from 2 to"),
    ] {
        let request = pool.request(recipe, artists).await;
        let error = draw(&pool.engine, request, &Entropy::seeded(1), |_| ()).await.unwrap_err();
        assert_eq!(error.code(), Code::Invalid);
        assert!(error.detail().contains(says), "{}", error.detail());
    }
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
        pool.join_counts(&plays);
    }
    let drawn = pool.draw(&Recipe::default(), &[]).await;
    let rows = rows_of(&drawn.tables[0].rows);
    let smallest = drawn.manifest.selection.threshold.as_ref().unwrap().smallest_published;
    assert!(rows.len() >= 50, "{} rows", rows.len());
    assert!(rows.iter().all(|row| row["fans"].as_i64() >= Some(smallest)));
    assert_eq!(drawn.manifest.members, 3_000);
    let looks = preview(&drawn.tables[0], &drawn.manifest.files[0].sha256, 20).unwrap();
    assert_eq!(looks.len(), 20.min(rows.len() / 5));
}

/// The seed of ties is a secret of each draw, and nothing else in a draw is chosen.
#[tokio::test]
async fn two_draws_are_two_draws() {
    let mut pool = Pool::new();
    for _ in 0..50 {
        pool.join(vec![play("A"), play("B")]);
    }
    assert_ne!(seed(1), seed(2));
    let (one, two) = (pool.draw(&generous(), &[]).await, pool.draw(&generous(), &[]).await);
    let sums = |drawn: &Drawn| rows_of(&drawn.tables[0].rows);
    // Four cells with noise of more than one: equal by accident one time in hundreds; of three draws never.
    assert!(sums(&one) != sums(&two) || sums(&two) != sums(&pool.draw(&generous(), &[]).await));
}
