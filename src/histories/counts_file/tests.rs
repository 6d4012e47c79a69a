use super::*;
use crate::histories::play::{Play, some_play};
use crate::histories::plays_file;
use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use std::collections::BTreeMap;

type Counts = BTreeMap<(String, String, u16), u32>;

/// Members' plays, sorted, as somebody plays them who has the same few artists on all day.
fn members() -> impl Strategy<Value = Vec<Vec<Play>>> {
    let play = (0..600i64, 0..60_000u32, 0..5usize);
    proptest::collection::vec(proptest::collection::vec(play, 0..60), 0..5).prop_map(|members| {
        let artists = ["Zoë", "an artist", "Ångström", "b", "B"];
        let start = UtcTime::parse("2019-12-30T23:59:59Z").unwrap();
        let play =
            |(day, ms_played, artist): (i64, u32, usize)| some_play(start.plus_days(day), ms_played, artists[artist]);
        let mut members: Vec<Vec<Play>> =
            members.into_iter().map(|plays| plays.into_iter().map(play).collect()).collect();
        members.iter_mut().for_each(|plays| plays.sort_by_key(|play| play.ts));
        members
    })
}

fn name(member: usize) -> String {
    format!("acct_{member}")
}

fn expected(members: &[Vec<Play>]) -> Counts {
    let mut counted = Counts::new();
    for (member, plays) in members.iter().enumerate() {
        for play in plays.iter().filter(|play| play.ms_played >= COUNTED_FROM_MS) {
            *counted.entry((name(member), play.artist.clone(), month_of(play.ts).unwrap())).or_default() += 1;
        }
    }
    counted
}

fn file(members: &[Vec<Play>], cut: usize) -> Vec<u8> {
    let mut writer = CountsWriter::new(Vec::new()).unwrap();
    for (member, plays) in members.iter().enumerate() {
        for some in plays.chunks(cut) {
            writer.add(&plays_file::batch(&name(member), some).unwrap()).unwrap();
        }
    }
    writer.finish().unwrap()
}

/// The favourites as their definition gives them.
fn expected_favourites(members: &[Vec<Play>]) -> Counts {
    let mut totals: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for ((member, artist, _), plays) in expected(members) {
        *totals.entry(member).or_default().entry(artist).or_default() += plays;
    }
    let mut favourites = Counts::new();
    for (member, artists) in totals {
        let above = |plays: u32| artists.values().filter(|other| **other > plays).count();
        for (artist, plays) in artists.iter().filter(|(_, plays)| above(**plays) < FAVOURITES) {
            favourites.insert((member.clone(), artist.clone(), ALL_MONTHS), *plays);
        }
    }
    favourites
}

/// The rows of the months, and those of the favourites, each as they come; no row group has both.
fn parts(bytes: Vec<u8>) -> [Vec<((String, String, u16), u32)>; 2] {
    let bytes = Bytes::from(bytes);
    let groups = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap().metadata().num_row_groups();
    let mut parts = [Vec::new(), Vec::new()];
    for group in 0..groups {
        let rows = rows(bytes.clone(), group);
        let are_favourites = rows.iter().all(|((_, _, month), _)| *month == ALL_MONTHS);
        assert!(are_favourites || rows.iter().all(|((_, _, month), _)| *month != ALL_MONTHS));
        parts[usize::from(are_favourites)].extend(rows);
    }
    parts
}

fn rows(bytes: Bytes, group: usize) -> Vec<((String, String, u16), u32)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().with_row_groups(vec![group]);
    assert_eq!(builder.schema().fields(), schema().fields());
    let mut rows = Vec::new();
    for batch in builder.build().unwrap().map(std::result::Result::unwrap) {
        let text =
            |column: usize| batch.column(column).as_dictionary::<Int32Type>().downcast_dict::<StringArray>().unwrap();
        let months = batch.column(2).as_primitive::<datafusion::arrow::datatypes::UInt16Type>();
        let plays = batch.column(3).as_primitive::<UInt32Type>();
        let texts = text(0).into_iter().zip(text(1)).map(|(m, a)| (m.unwrap().to_owned(), a.unwrap().to_owned()));
        rows.extend(texts.enumerate().map(|(row, (m, a))| ((m, a, months.value(row)), plays.value(row))));
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn counts_are_what_counting_gives_sorted_and_whatever_the_batches(members in members(), cut in 1..70usize) {
        let bytes = file(&members, cut);
        prop_assert_eq!(&bytes, &file(&members, 1_000));
        let expected = [expected(&members), expected_favourites(&members)].map(|part| part.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(parts(bytes), expected);
    }
}

#[test]
fn all_that_were_played_as_often_as_the_32nd_are_favourites() {
    let at = UtcTime::parse("2026-11-23T00:00:00Z").unwrap();
    let plays_of = |artist: usize| if artist < 30 { 3 } else { usize::from(artist < 60) + 1 };
    let plays = |artist: usize| (0..plays_of(artist)).map(move |_| some_play(at, 30_000, &format!("{artist:03}")));
    let member: Vec<Play> = (0..200).flat_map(plays).collect();
    let [months, favourites] = parts(file(std::slice::from_ref(&member), 1_000));
    assert_eq!((months.len(), favourites.len()), (200, 60), "30 of three plays, and all 30 of two");
    assert_eq!(favourites, expected_favourites(&[member]).into_iter().collect::<Vec<_>>());
}

#[test]
fn months_begin_at_midnight_utc() {
    let month = |text: &str| month_of(UtcTime::parse(text).unwrap());
    assert_eq!(month("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(month("2019-12-31T23:59:59Z"), Some(599));
    assert_eq!(month("2020-01-01T00:00:00Z"), Some(600));
    assert_eq!(month("1969-12-31T23:59:59Z"), None);
    let january = Month::of(UtcTime::parse("2020-01-17T12:00:00Z").unwrap().unix_ms()).unwrap();
    assert_eq!(january.from_ms, UtcTime::parse("2020-01-01T00:00:00Z").unwrap().unix_ms());
    assert_eq!(january.to_ms, UtcTime::parse("2020-02-01T00:00:00Z").unwrap().unix_ms());
}

#[test]
fn members_out_of_order_are_refused() {
    let plays = [some_play(UtcTime::parse("2026-11-23T00:00:00Z").unwrap(), 30_000, "an artist")];
    let mut counter = Counter::default();
    for (member, is_fine) in [("acct_b", true), ("acct_c", true), ("acct_a", false)] {
        assert_eq!(counter.add(&plays_file::batch(member, &plays).unwrap()).is_ok(), is_fine);
    }
}
