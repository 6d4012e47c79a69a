//! The rows of one batch of plays, or of counts kept of them, read column by column.

use super::counting::Counting;
use super::intern::{NameColumn, Names};
use super::keys;
use super::member::MemberPlay;
use crate::error::{Error, Result};
use crate::histories::play::Ended;
use datafusion::arrow::array::{Array, ArrowPrimitiveType, AsArray, DictionaryArray, PrimitiveArray, RecordBatch};
use datafusion::arrow::datatypes::{Int32Type, TimestampMillisecondType, UInt16Type, UInt32Type};
use std::ops::Range;

/// The translations of a file's dictionaries.
#[derive(Default)]
pub struct Columns {
    /// The artists. Translated where plays are looked at one by one, and else only turned to.
    pub artist: NameColumn,
    album: NameColumn,
    track: NameColumn,
    country: NameColumn,
    service: NameColumn,
}

/// A column of names, by code.
pub type Codes = DictionaryArray<Int32Type>;

/// The rows of a batch, with whatever of a play it has.
pub struct Rows {
    artist: Codes,
    ts: Option<PrimitiveArray<TimestampMillisecondType>>,
    ms_played: Option<PrimitiveArray<UInt32Type>>,
    /// Of counts: how many plays.
    counted: Option<PrimitiveArray<UInt32Type>>,
    /// Of counts: the month.
    months: Option<PrimitiveArray<UInt16Type>>,
    album: Option<Codes>,
    track: Option<Codes>,
    has_uri: Option<Codes>,
    country: Option<Codes>,
    service: Option<Codes>,
    ended: Option<(Codes, Vec<Ended>)>,
}

impl Rows {
    /// Reads the columns that are there; `artist` has been read before.
    ///
    /// # Errors
    /// `internal`: a column is of another type than it should be, or an end is none that is known.
    pub fn read(batch: &RecordBatch, artist: Codes, columns: &mut Columns, names: &mut Names) -> Result<Rows> {
        let has = |name: &str| batch.column_by_name(name).is_some();
        let mut name_column = |name: &str, column: &mut NameColumn| -> Result<Option<Codes>> {
            if has(name) { column.read(batch, name, names).map(Some) } else { Ok(None) }
        };
        Ok(Rows {
            artist,
            album: name_column("album", &mut columns.album)?,
            track: name_column("track", &mut columns.track)?,
            country: name_column("country", &mut columns.country)?,
            service: name_column("service", &mut columns.service)?,
            ts: optional(batch, "ts")?,
            ms_played: optional(batch, "ms_played")?,
            counted: optional(batch, "plays")?,
            months: optional(batch, "month")?,
            has_uri: if has("track_uri") { Some(super::intern::dictionary_column(batch, "track_uri")?) } else { None },
            ended: if has("ended") { Some(ends(batch)?) } else { None },
        })
    }

    /// Hands over what counts of a range of rows: the artist's code, month (0 where it is not known), number of plays, which is never 0.
    pub fn each_counted(&self, counting: &Counting, range: Range<usize>, mut each: impl FnMut(usize, u32, u32)) {
        let codes = self.artist.keys().values();
        if let (Some(plays), Some(months)) = (&self.counted, &self.months) {
            let (plays, months) = (&plays.values()[range.clone()], &months.values()[range.clone()]);
            for ((code, month), plays) in codes[range].iter().zip(months).zip(plays) {
                if *plays > 0 && counting.is_month_inside((*month).into()) {
                    each(*code as usize, (*month).into(), *plays);
                }
            }
            return;
        }
        let shortest = counting.recipe().min_ms_played;
        let lengths = self.ms_played.as_ref().map_or(&[][..], |lengths| &lengths.values()[range.clone()]);
        let codes = &codes[range.clone()];
        match &self.ts {
            None => {
                for (code, ms_played) in codes.iter().zip(lengths) {
                    if *ms_played >= shortest {
                        each(*code as usize, 0, 1);
                    }
                }
            }
            Some(ts) => {
                for ((code, ms_played), ts_ms) in codes.iter().zip(lengths).zip(&ts.values()[range]) {
                    if *ms_played >= shortest && counting.is_inside(*ts_ms) {
                        each(*code as usize, 0, 1);
                    }
                }
            }
        }
    }

    /// One play. What the batch does not have is 0.
    pub fn play(&self, row: usize, columns: &Columns, names: &NullNames) -> MemberPlay {
        let of = |codes: &Option<Codes>, column: &NameColumn, absent: u32| {
            codes.as_ref().map_or(0, |codes| codes.key(row).map_or(absent, |code| column.ids()[code]))
        };
        let ts_ms = self.ts.as_ref().map_or(0, |ts| ts.value(row));
        let is_without = |codes: &Option<Codes>| codes.as_ref().is_some_and(|codes| codes.is_null(row));
        MemberPlay {
            ts_ms,
            ms_played: self.ms_played.as_ref().map_or(0, |lengths| lengths.value(row)),
            artist: columns.artist.ids()[self.artist.keys().value(row) as usize],
            album: of(&self.album, &columns.album, names.nothing),
            track: of(&self.track, &columns.track, names.nothing),
            country: of(&self.country, &columns.country, names.unknown_country),
            service: of(&self.service, &columns.service, names.nothing),
            ended: self.ended.as_ref().map_or(Ended::Unknown, |(codes, ends)| ends[codes.keys().value(row) as usize]),
            is_coarse: is_without(&self.has_uri) && is_without(&self.country) && ts_ms.rem_euclid(60_000) == 0,
        }
    }
}

/// The numbers of names for what a play does not have.
#[derive(Debug, Clone, Copy)]
pub struct NullNames {
    nothing: u32,
    unknown_country: u32,
}

impl NullNames {
    /// Their numbers among other names.
    pub fn new(names: &mut Names) -> Self {
        NullNames { nothing: names.id(""), unknown_country: names.id(keys::UNKNOWN_COUNTRY) }
    }
}

/// A column of numbers.
///
/// # Errors
/// `internal`: there is no such column, or it holds something else.
pub fn number<T: ArrowPrimitiveType>(batch: &RecordBatch, name: &str) -> Result<PrimitiveArray<T>> {
    optional(batch, name)?.ok_or_else(|| Error::internal(format!("the plays have no column `{name}`")))
}

fn optional<T: ArrowPrimitiveType>(batch: &RecordBatch, name: &str) -> Result<Option<PrimitiveArray<T>>> {
    let Some(column) = batch.column_by_name(name) else { return Ok(None) };
    let numbers = column.as_primitive_opt::<T>().filter(|numbers| numbers.null_count() == 0);
    numbers
        .cloned()
        .map(Some)
        .ok_or_else(|| Error::internal(format!("the column `{name}` of the plays holds something else")))
}

fn ends(batch: &RecordBatch) -> Result<(Codes, Vec<Ended>)> {
    let codes = super::intern::dictionary_column(batch, "ended")?;
    let words = codes.values().as_string::<i32>();
    let ends = words.iter().map(|word| Ended::parse(word.unwrap_or_default()));
    let ends: Option<Vec<Ended>> = ends.collect();
    let ends = ends.ok_or_else(|| Error::internal("a play ended in a way that is not known"))?;
    Ok((codes, ends))
}
