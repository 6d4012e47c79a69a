use super::*;
use crate::histories::counts_file::COUNTED_FROM_MS;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int32Type, TimestampMillisecondType, UInt32Type};
use std::collections::{HashMap, HashSet};

const SIZE: CrowdSize = CrowdSize { rows: 40_000, members: 800, artists: 2_000, seed: 7 };

fn all(crowd: &Crowd) -> Vec<RecordBatch> {
    let mut scribe = Scribe::new(crowd);
    (0..crowd.shards().len()).map(|shard| scribe.shard(shard).unwrap()).collect()
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<String> {
    let column = batch.column(column).as_dictionary::<Int32Type>();
    let words = column.values().as_string::<i32>();
    column.keys_iter().map(|key| key.map_or_else(String::new, |key| words.value(key).to_owned())).collect()
}

#[test]
fn the_same_crowd_is_the_same_whichever_shard_is_asked_for_first() {
    let crowd = Crowd::new(SIZE);
    let whole = all(&crowd);
    let mut scribe = Scribe::new(&crowd);
    for shard in [200, 3, 200] {
        let rows = |batch: &RecordBatch| (0..12).map(|column| batch.column(column).to_data()).collect::<Vec<_>>();
        assert_eq!(rows(&scribe.shard(shard).unwrap()), rows(&whole[shard]));
    }
    let other = Crowd::new(CrowdSize { seed: 8, ..SIZE });
    assert_ne!(all(&other)[3], whole[3]);
}

#[test]
fn every_member_is_whole_in_its_shard_sorted_by_member_and_time() {
    let crowd = Crowd::new(SIZE);
    let mut rows = 0;
    for (shard, batch) in all(&crowd).iter().enumerate() {
        let members = texts(batch, 0);
        let ts = batch.column(1).as_primitive::<TimestampMillisecondType>().values();
        let keys: Vec<(&String, i64)> = members.iter().zip(ts.iter().copied()).collect();
        assert!(keys.is_sorted());
        for member in &crowd.shards()[shard] {
            assert_eq!(shard_of(&member.account) as usize, shard);
            let has = members.iter().filter(|name| *name == member.account.as_str()).count();
            assert_eq!(has as u64, member.plays);
        }
        rows += batch.num_rows();
    }
    assert_eq!(rows as u64, SIZE.rows);
}

#[test]
fn plays_are_spread_as_the_model_says() {
    let crowd = Crowd::new(SIZE);
    let mut per_member: Vec<u64> = crowd.shards().iter().flatten().map(|member| member.plays).collect();
    per_member.sort_unstable();
    let heaviest: u64 = per_member.iter().rev().take(per_member.len() / 10).sum();
    assert!((0.35..0.55).contains(&(heaviest as f64 / SIZE.rows as f64)), "a tenth of the members: {heaviest} plays");
    let (mut short, mut skipped, mut artists) = (0, 0, HashMap::<String, u64>::new());
    let mut pairs = HashSet::new();
    for batch in all(&crowd) {
        short +=
            batch.column(2).as_primitive::<UInt32Type>().values().iter().filter(|ms| **ms < COUNTED_FROM_MS).count();
        skipped += texts(&batch, 10).iter().filter(|ended| *ended == "skipped").count();
        for (artist, uri) in texts(&batch, 3).into_iter().zip(texts(&batch, 6)) {
            pairs.insert((artist.clone(), uri));
            *artists.entry(artist).or_default() += 1;
        }
    }
    let share = |count: usize| count as f64 / SIZE.rows as f64;
    assert!((0.19..0.21).contains(&share(skipped)), "{skipped} skipped");
    assert!((0.18..0.21).contains(&share(short)), "{short} shorter than half a minute");
    let most = artists.values().max().copied().unwrap_or(0);
    assert!((0.01..0.06).contains(&(most as f64 / SIZE.rows as f64)), "{most} plays of one artist");
    assert!(artists.len() > 1_300, "{} artists are played at all", artists.len());
    assert!(pairs.len() > 4 * artists.len(), "artists have more than one track");
}

#[test]
fn shares_add_up_whatever_the_rounding() {
    for (rows, members) in [(1, 1), (10, 1), (5, 300), (1_000_003, 7)] {
        let shares = shares(rows, members, &mut StdRng::seed_from_u64(rows));
        assert_eq!(shares.len(), members as usize);
        assert_eq!(shares.iter().sum::<u64>(), rows);
    }
}

#[test]
fn a_hundred_thousand_artists_have_names_of_their_own() {
    let names: HashSet<String> = (0..100_000).map(names::artist).collect();
    assert_eq!(names.len(), 100_000);
}
