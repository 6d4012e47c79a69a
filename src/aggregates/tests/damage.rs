//! Objects that are not as they should be, and settings that cannot be meant.

use super::world::{Layout, Pool, counted, drawn_at, seed};
use crate::aggregates::counting::Task;
use crate::aggregates::recipe::Recipe;
use crate::aggregates::{Engine, EngineConfig};
use crate::error::Code;
use crate::histories::counts_file::{self, ALL_MONTHS};
use crate::histories::helpers::Helpers;
use crate::histories::model::PlaysObject;
use crate::histories::plays_file;
use datafusion::arrow::array::{ArrayRef, DictionaryArray, RecordBatch, UInt16Array, UInt32Array};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::parquet::arrow::ArrowWriter;
use object_store::memory::InMemory;
use std::sync::Arc;

async fn refused(pool: &Pool, objects: &[PlaysObject]) -> String {
    let task = Task { recipe: Recipe::default(), drawn_at: drawn_at(), artists: Vec::new(), seed: seed(1) };
    let error = pool.engine.group_sums(task, objects, &|_| ()).await.unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    format!("{:?}", error.cause())
}

#[tokio::test]
async fn nobody_counts_twice() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 2)]);
    pool.join_counts(&[("A", 2)]);
    let objects = pool.lay(Layout::Alone).await;
    let twice = [&objects[..], &objects[..1]].concat();
    assert!(refused(&pool, &twice).await.contains("given twice"));
    let mut both = objects.clone();
    both[1].members.push(objects[0].members[0].clone());
    assert!(refused(&pool, &both).await.contains("twice in the draw set"));
}

/// A file that claims other members in its rows does not count for them.
#[tokio::test]
async fn the_draw_set_says_whose_rows_count() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 2)]);
    let objects = pool.lay(Layout::Alone).await;
    let content = plays_file::write("acct_somebody_else", &counted(&[("B", 9)]), &Helpers::new(0)).unwrap();
    pool.put(&objects[0].key, content).await;
    assert!(pool.exact(&Recipe::default(), &[], &objects, &seed(1)).await.is_empty());
}

#[tokio::test]
async fn an_object_that_is_not_sorted_by_member_is_refused() {
    let mut pool = Pool::new();
    for _ in 0..2 {
        pool.join_counts(&[("A", 2)]);
    }
    let objects = pool.lay(Layout::Shards(2)).await;
    for order in [[0, 1, 0], [1, 0, 1]] {
        let mut file = ArrowWriter::try_new(Vec::new(), plays_file::schema(), None).unwrap();
        for member in order {
            let batch = plays_file::batch(pool.members[member].0.as_str(), &counted(&[("A", 3)])).unwrap();
            file.write(&batch).unwrap();
        }
        pool.put(&objects[0].key, file.into_inner().unwrap()).await;
        assert!(refused(&pool, &objects).await.contains("not sorted by member"));
    }
}

/// Counts that nobody would write make nobody a fan twice, and none of what was never played.
#[tokio::test]
async fn dp1_a_count_of_nothing_or_of_too_much_adds_no_more_than_the_bounds() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 2)]);
    let objects = pool.lay(Layout::Counted(1)).await;
    let rows = [
        ("A", 600u16, 0u32),
        ("A", 601, 5),
        ("A", ALL_MONTHS, 5),
        ("B", 600, 0),
        ("B", ALL_MONTHS, 0),
        ("C", 600, u32::MAX),
        ("C", 601, 1),
        ("C", 602, 7),
        ("C", ALL_MONTHS, u32::MAX),
    ];
    let texts = |texts: Vec<&str>| Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef;
    let columns = vec![
        texts(rows.map(|_| pool.members[0].0.as_str()).to_vec()),
        texts(rows.map(|row| row.0).to_vec()),
        Arc::new(UInt16Array::from_iter_values(rows.map(|row| row.1))),
        Arc::new(UInt32Array::from_iter_values(rows.map(|row| row.2))),
    ];
    let batch = RecordBatch::try_new(counts_file::schema(), columns).unwrap();
    let mut file = ArrowWriter::try_new(Vec::new(), counts_file::schema(), None).unwrap();
    file.write(&batch).unwrap();
    pool.put(objects[0].counts_key.as_ref().unwrap(), file.into_inner().unwrap()).await;
    // By favourites, and by months.
    for keys_per_member in [20, 33] {
        let recipe = Recipe { keys_per_member, ..Recipe::default() };
        let exact = pool.exact(&recipe, &[], &objects, &seed(1)).await;
        let sums: Vec<(&str, &[i64])> = exact.iter().map(|(artist, sums)| (artist.as_str(), sums.as_slice())).collect();
        assert_eq!(sums, [("A", &[1i64, 5][..]), ("C", &[1, 200])]);
    }
    let trend = Recipe::parse(r#"{"kind":"artist_trend","from":"2020-01-01T00:00:00Z","to":"2021-01-01T00:00:00Z"}"#);
    let exact = pool.exact(&trend.unwrap(), &["A", "B"], &objects, &seed(1)).await;
    assert_eq!(exact.into_iter().collect::<Vec<_>>(), [("A/2020-02".to_owned(), vec![1, 5])]);
}

#[tokio::test]
async fn an_object_that_is_missing_or_no_parquet_is_refused() {
    let mut pool = Pool::new();
    pool.join_counts(&[("A", 2)]);
    let objects = pool.lay(Layout::Alone).await;
    pool.put(&objects[0].key, b"no Parquet".to_vec()).await;
    refused(&pool, &objects).await;
    let elsewhere = PlaysObject { key: "shards/nowhere.parquet".into(), ..objects[0].clone() };
    refused(&pool, &[elsewhere]).await;
}

#[tokio::test]
async fn settings_are_checked_and_an_engine_leaves_another_ones_spills_alone() {
    let directory = tempfile::tempdir().unwrap();
    let spilled = directory.path().join("datafusion-AbC123");
    std::fs::create_dir(&spilled).unwrap();
    let mut config =
        EngineConfig { memory_limit_bytes: 128 << 20, spill_directory: directory.path().into(), target_partitions: 2 };
    Engine::new(&config, Arc::new(InMemory::new())).unwrap();
    assert!(spilled.exists(), "two draws may run at once");
    config.target_partitions = 3;
    assert!(Engine::new(&config, Arc::new(InMemory::new())).is_err(), "64 MiB a partition");
}
