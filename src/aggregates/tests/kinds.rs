//! Each recipe that is made ready, drawn from listening whose answers are known.

use super::world::{Pool, at, play};
use crate::aggregates::formats::tests::{read_parquet, rows_of};
use crate::aggregates::recipe::{NANO, Recipe};
use crate::aggregates::{Drawn, Kind, preset};
use crate::histories::play::{Ended, Play};
use serde_json::Value;

const MEMBERS: usize = 300;

/// So little noise that the answers show.
fn quiet(kind: Kind) -> Recipe {
    let recipe = preset(kind);
    let much = |rho: Option<u64>| rho.map(|_| 10 * NANO);
    let recipe = Recipe {
        fans_rho_nano: much(recipe.fans_rho_nano),
        capped_plays_rho_nano: much(recipe.capped_plays_rho_nano),
        skip_share_rho_nano: much(recipe.skip_share_rho_nano),
        return_share_rho_nano: much(recipe.return_share_rho_nano),
        delta_pico: recipe.delta_pico.map(|_| 1_000_000),
        ..recipe
    };
    recipe.validate().unwrap();
    recipe
}

fn pool(plays: impl Fn(usize) -> Vec<Play>) -> Pool {
    let mut pool = Pool::new();
    (0..MEMBERS).for_each(|member| pool.join(plays(member)));
    pool
}

fn on(artist: &str, instant: &str) -> Play {
    Play { ts: at(instant), ..play(artist) }
}

fn rows(drawn: &Drawn) -> Vec<Value> {
    let rows = rows_of(&drawn.tables[0].rows);
    assert_eq!(read_parquet(&drawn.files[0].content), rows);
    rows
}

#[track_caller]
fn near(row: &Value, column: &str, expected: f64, off: f64) {
    let value = row[column].as_f64().unwrap_or_else(|| panic!("no {column} in {row}"));
    assert!((value - expected).abs() <= off, "{column} is {value}, not near {expected}: {row}");
}

#[track_caller]
fn row<'a>(rows: &'a [Value], wanted: &[(&str, Value)]) -> &'a Value {
    let found = rows.iter().find(|row| wanted.iter().all(|(column, value)| row[*column] == *value));
    found.unwrap_or_else(|| panic!("no row of {wanted:?} among {}", rows.len()))
}

#[tokio::test]
async fn artists_by_country() {
    let pool = pool(|member| {
        let country = Some(if member % 3 == 0 { "SE" } else { "NO" }.to_owned());
        vec![Play { country: country.clone(), ..play("A") }, Play { country: None, ..play("B") }]
    });
    let rows = rows(&pool.draw(&quiet(Kind::ArtistByCountry), &[]).await);
    assert_eq!(rows.len(), 3);
    near(row(&rows, &[("artist", "A".into()), ("country", "SE".into())]), "fans", 100.0, 8.0);
    near(row(&rows, &[("artist", "A".into()), ("country", "NO".into())]), "fans", 200.0, 8.0);
    near(row(&rows, &[("artist", "B".into()), ("country", "ZZ".into())]), "fans", 300.0, 8.0);
}

#[tokio::test]
async fn a_trend_has_all_months_of_all_artists_on_the_list() {
    let pool = pool(|_| {
        vec![on("A", "2025-05-03T00:00:00Z"), on("A", "2025-06-03T00:00:00Z"), on("B", "2025-06-03T00:00:00Z")]
    });
    let rows = rows(&pool.draw(&quiet(Kind::ArtistTrend), &["A", "Nobody's"]).await);
    assert_eq!(rows.len(), 48);
    near(row(&rows, &[("artist", "A".into()), ("month", "2025-05".into())]), "fans", 300.0, 15.0);
    near(row(&rows, &[("artist", "A".into()), ("month", "2025-07".into())]), "fans", 0.0, 15.0);
    near(row(&rows, &[("artist", "Nobody's".into()), ("month", "2025-05".into())]), "fans", 0.0, 15.0);
    assert_eq!((&rows[0]["month"], &rows[23]["month"]), (&"2024-03".into(), &"2026-02".into()));
}

#[tokio::test]
async fn the_clock_is_local() {
    // A Monday, 6:30 in UTC: half past seven in Sweden, half past one in the night in New York.
    let pool = pool(|member| {
        let country = Some(if member % 2 == 0 { "SE" } else { "US" }.to_owned());
        vec![Play { country, ..on("A", "2026-01-05T06:30:00Z") }]
    });
    let rows = rows(&pool.draw(&quiet(Kind::ListeningClock), &[]).await);
    assert_eq!(rows.len(), 168);
    near(&rows[7], "members", 150.0, 15.0);
    near(&rows[1], "members", 150.0, 15.0);
    near(&rows[6], "members", 0.0, 15.0);
    assert_eq!(rows[7]["hour_of_week"], 7);
}

#[tokio::test]
async fn skips_are_shares_with_error_bars() {
    let pool = pool(|member| {
        let left = |artist: &str| Play { ended: Ended::Skipped, ms_played: 3_000, ..play(artist) };
        let mut plays = vec![play("Stayed with"), play("Stayed with"), left("Passed over"), play("Passed over")];
        plays.extend((member % 2 == 0).then(|| Play { ended: Ended::Unknown, ..play("Passed over") }));
        plays
    });
    let rows = rows(&pool.draw(&quiet(Kind::SkipBehaviour), &[]).await);
    assert_eq!(rows.len(), 2);
    let passed = row(&rows, &[("artist", "Passed over".into())]);
    near(passed, "skip_share", 0.5, 0.15);
    near(passed, "skippable_plays", 600.0, 80.0);
    near(row(&rows, &[("artist", "Stayed with".into())]), "skip_share", 0.0, 0.15);
    for row in &rows {
        let value = |column: &str| row[column].as_f64().unwrap();
        assert!(
            value("skip_share_low") <= value("skip_share") && value("skip_share") <= value("skip_share_high"),
            "{row}"
        );
    }
}

#[tokio::test]
async fn a_panel_answers_for_every_artist_asked() {
    let pool = pool(|_| vec![play("A"), play("Not asked")]);
    let rows = rows(&pool.draw(&quiet(Kind::BuyerPanel), &["Nobody's", "A"]).await);
    assert_eq!(rows.iter().map(|row| row["artist"].as_str().unwrap()).collect::<Vec<_>>(), ["Nobody's", "A"]);
    near(&rows[0], "fans", 0.0, 8.0);
    near(&rows[1], "fans", 300.0, 8.0);
}

#[tokio::test]
async fn a_map_has_pairs_and_vectors() {
    let pool = pool(|member| if member % 3 == 0 { vec![play("A"), play("B")] } else { vec![play("C"), play("D")] });
    let drawn = pool.draw(&quiet(Kind::ArtistMap), &["D", "C", "B", "A"]).await;
    let pairs = rows(&drawn);
    assert_eq!(pairs.len(), 6);
    let pair = |a: &str, b: &str| row(&pairs, &[("artist_a", a.into()), ("artist_b", b.into())]).clone();
    near(&pair("A", "B"), "fans", 100.0, 16.0);
    near(&pair("C", "D"), "fans", 200.0, 16.0);
    near(&pair("A", "C"), "fans", 0.0, 16.0);
    assert_eq!(drawn.tables[1].name, "artist_map_vectors");
    assert_eq!(rows_of(&drawn.tables[1].rows).len(), 4);
    assert_eq!(drawn.files.len(), 8);
    assert_eq!(drawn.manifest.tables[1].row_count, 4);
}

#[tokio::test]
async fn profiles_count_every_listener_once() {
    let pool =
        pool(|member| (0..if member % 3 == 0 { 10 } else { 60 }).map(|i| play(&format!("Artist {i}"))).collect());
    let rows = rows(&pool.draw(&quiet(Kind::ListenerProfile), &[]).await);
    assert_eq!(rows.len(), 525);
    let bin = |volume: &str, variety: &str| {
        row(&rows, &[("volume", volume.into()), ("variety", variety.into()), ("country", "SE".into())])
    };
    near(bin("1-49", "1-24"), "members", 100.0, 2.0);
    near(bin("50-199", "25-99"), "members", 200.0, 2.0);
    near(bin("1-49", "25-99"), "members", 0.0, 2.0);
}

#[tokio::test]
async fn retention_tells_who_came_back() {
    let pool = pool(|member| {
        let mut plays =
            vec![on("Old", "2024-01-10T00:00:00Z"), on("A", "2024-06-10T00:00:00Z"), on("Old", "2024-12-10T00:00:00Z")];
        plays.extend((member % 2 == 0).then(|| on("A", "2024-08-10T00:00:00Z")));
        plays
    });
    let rows = rows(&pool.draw(&quiet(Kind::RetentionCurve), &["A", "Old"]).await);
    assert_eq!(rows.len(), 24);
    let month = |n: i64| row(&rows, &[("artist", "A".into()), ("months_since_first", n.into())]);
    near(month(2), "return_share", 0.5, 0.1);
    near(month(1), "return_share", 0.0, 0.1);
    near(month(6), "returnable_members", 300.0, 15.0);
    near(month(7), "returnable_members", 0.0, 15.0);
    // In one of forty rows the noise alone makes more of nobody than it usually may: hardly in all six.
    assert!((7..=12).any(|n| month(n)["return_share"].is_null()), "nobody could have come back");
    near(row(&rows, &[("artist", "Old".into()), ("months_since_first", 2.into())]), "returnable_members", 0.0, 15.0);
}
