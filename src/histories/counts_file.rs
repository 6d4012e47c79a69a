//! What a shard's members played, counted by artist and month: kept beside the plays, so that an aggregate
//! over months reads a fraction of them.
//!
//! A play counts from [`COUNTED_FROM_MS`] on, in the month (UTC) in which it ended. Rows are sorted by
//! member, artist and month; what nobody played has no row.
//!
//! Beside these, in row groups of their own, stand each member's favourites with the plays of all months together, as
//! the month [`ALL_MONTHS`]: who asks for a few artists of each member over all time reads no more than those. A reader
//! takes either the months or the favourites; each of the two goes from member to member in order.

use super::plays_file::{sorted_by, text_type};
use crate::clock::UtcTime;
use crate::error::{Error, Result};
use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch, StringArray, UInt16Array,
    UInt32Array,
};
use datafusion::arrow::datatypes::{
    DataType, Field, Int32Type, Schema, SchemaRef, TimestampMillisecondType, UInt32Type,
};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use datafusion::parquet::schema::types::ColumnPath;
use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// A play counts if it was heard for so long, in milliseconds: what services pay for.
pub const COUNTED_FROM_MS: u32 = 30_000;

/// Stands for the month in the rows of favourites.
pub const ALL_MONTHS: u16 = u16::MAX;

/// So many of a member's artists are favourites, the most played first, and with them all that were played as often as the
/// last of these: whoever is among the first 32 by any rule for ties is among the favourites.
pub const FAVOURITES: usize = 32;

/// Rows of favourites that wait for a row group of their own.
const WAITING_ROWS: usize = 1 << 20;

/// The columns of a counts file, in order: `member_id`, `artist`, `month` (since January 1970), `plays`.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("member_id", text_type(), false),
            Field::new("artist", text_type(), false),
            Field::new("month", DataType::UInt16, false),
            Field::new("plays", DataType::UInt32, false),
        ]))
    });
    SCHEMA.clone()
}

/// How counts files are written.
pub fn writer_properties() -> WriterProperties {
    sorted_by(3).set_column_statistics_enabled(ColumnPath::from("month"), EnabledStatistics::Chunk).build()
}

/// The month of an instant, counted from January 1970 (UTC) as 0. `None` before that, and after the year 7430.
pub fn month_of(at: UtcTime) -> Option<u16> {
    let day = at.calendar();
    u16::try_from((day.year() - 1970) * 12 + day.month0() as i32).ok().filter(|month| *month != ALL_MONTHS)
}

/// Writes the counts of plays as they come by.
pub struct CountsWriter<W: Write + Send> {
    counter: Counter,
    file: ArrowWriter<W>,
    /// Favourites that are not written yet.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
}

impl<W: Write + Send> CountsWriter<W> {
    /// Begins a counts file.
    ///
    /// # Errors
    /// `internal` where it cannot be written to.
    pub fn new(out: W) -> Result<Self> {
        let file = ArrowWriter::try_new(out, schema(), Some(writer_properties())).map_err(Error::internal)?;
        Ok(CountsWriter { counter: Counter::default(), file, waiting: Vec::new(), waiting_rows: 0 })
    }

    /// Counts more plays, in the form of [`super::plays_file::schema`], as [`Counter::add`] takes them.
    ///
    /// # Errors
    /// As [`Counter::add`]; `internal` where the file cannot be written to.
    pub fn add(&mut self, plays: &RecordBatch) -> Result<()> {
        self.counter.add(plays)?.into_iter().try_for_each(|counted| self.write(counted))
    }

    fn write(&mut self, counted: Counted) -> Result<()> {
        self.file.write(&counted.by_month).map_err(Error::internal)?;
        self.waiting_rows += counted.favourites.num_rows();
        self.waiting.push(counted.favourites);
        if self.waiting_rows >= WAITING_ROWS { self.write_favourites() } else { Ok(()) }
    }

    /// Writes what waits, with nothing else in the row groups.
    fn write_favourites(&mut self) -> Result<()> {
        self.file.flush().map_err(Error::internal)?;
        for favourites in self.waiting.drain(..) {
            self.file.write(&favourites).map_err(Error::internal)?;
        }
        self.waiting_rows = 0;
        self.file.flush().map_err(Error::internal)
    }

    /// Ends the file and gives back what it was written to.
    ///
    /// # Errors
    /// `internal` where the file cannot be written to.
    pub fn finish(mut self) -> Result<W> {
        if let Some(counted) = self.counter.finish()? {
            self.write(counted)?;
        }
        self.write_favourites()?;
        self.file.into_inner().map_err(Error::internal)
    }
}

/// What one member's plays come to, in the form of [`schema`].
pub struct Counted {
    /// By artist and month.
    pub by_month: RecordBatch,
    /// The member's favourites, over all months.
    pub favourites: RecordBatch,
}

/// Counts plays, member by member. Works on the dictionaries' codes: each artist's name is looked at once
/// in each dictionary, and no text is made for a play.
#[derive(Default)]
pub struct Counter {
    artists: Artists,
    /// Whose plays are being counted.
    member: Option<String>,
    month: Month,
    /// The member's plays in the month under way, by number of artist.
    tally: Vec<u32>,
    /// The artists whose tally is not zero.
    heard: Vec<u32>,
    /// The member's months that are over: artist, month, plays.
    counted: Vec<(u32, u16, u32)>,
}

impl Counter {
    /// Counts more plays, in the form of [`super::plays_file::schema`], sorted by member; within a member,
    /// sorting by time makes it fast. Returns the counts of every member whose plays are over.
    ///
    /// # Errors
    /// `internal` where a member comes twice or out of order, or a play lies before 1970.
    pub fn add(&mut self, plays: &RecordBatch) -> Result<Vec<Counted>> {
        let members = plays.column(0).as_dictionary::<Int32Type>();
        let codes = members.keys().values();
        self.artists.read_by(plays.column(3).as_dictionary::<Int32Type>());
        let mut over = Vec::new();
        let mut start = 0;
        for run in codes.chunk_by(|one, next| one == next) {
            let member = members.values().as_string::<i32>().value(code(run[0])?);
            if self.member.as_deref() != Some(member) {
                if self.member.as_deref().is_some_and(|before| before > member) {
                    return Err(Error::internal("plays to be counted are not sorted by member"));
                }
                over.extend(self.finish()?);
                self.member = Some(member.to_owned());
            }
            self.count(plays, start..start + run.len())?;
            start += run.len();
        }
        Ok(over)
    }

    /// The counts of the last member; `None` where nothing counted.
    ///
    /// # Errors
    /// `internal` by a defect only.
    pub fn finish(&mut self) -> Result<Option<Counted>> {
        self.close_month();
        let Some(member) = self.member.take() else { return Ok(None) };
        let mut counted = std::mem::take(&mut self.counted);
        if counted.is_empty() {
            return Ok(None);
        }
        counted.sort_unstable();
        let mut by_artist: Vec<&[(u32, u16, u32)]> = counted.chunk_by(|one, next| one.0 == next.0).collect();
        by_artist.sort_unstable_by_key(|counts| self.artists.name(counts[0].0));
        let rows = Rows::of(by_artist.iter().map(|counts| (self.artists.name(counts[0].0), *counts)));
        let totals: Vec<(u32, u16, u32)> = by_artist.iter().map(|counts| over_all_months(counts)).collect();
        let least = plays_of_the_last_favourite(totals.iter().map(|(_, _, plays)| *plays).collect());
        let favourites = totals.iter().filter(|(_, _, plays)| *plays >= least);
        let favourites = Rows::of(favourites.map(|total| (self.artists.name(total.0), std::slice::from_ref(total))));
        Ok(Some(Counted { by_month: rows.batch(&member)?, favourites: favourites.batch(&member)? }))
    }

    fn count(&mut self, plays: &RecordBatch, rows: Range<usize>) -> Result<()> {
        let ts = plays.column(1).as_primitive::<TimestampMillisecondType>().values();
        let ms_played = plays.column(2).as_primitive::<UInt32Type>().values();
        let artists = plays.column(3).as_dictionary::<Int32Type>();
        let (codes, names) = (artists.keys().values(), artists.values().as_string::<i32>());
        for row in rows {
            if ms_played[row] < COUNTED_FROM_MS {
                continue;
            }
            if !self.month.has(ts[row]) {
                self.close_month();
                self.month = Month::of(ts[row])?;
            }
            let artist = self.artists.number(code(codes[row])?, names);
            let place = artist as usize;
            if place >= self.tally.len() {
                self.tally.resize(place + 1, 0);
            }
            if self.tally[place] == 0 {
                self.heard.push(artist);
            }
            self.tally[place] += 1;
        }
        Ok(())
    }

    fn close_month(&mut self) {
        for artist in self.heard.drain(..) {
            let plays = std::mem::take(&mut self.tally[artist as usize]);
            self.counted.push((artist, self.month.number, plays));
        }
    }
}

/// An artist's counts as one, of all months.
fn over_all_months(counts: &[(u32, u16, u32)]) -> (u32, u16, u32) {
    let plays = counts.iter().fold(0u32, |sum, (_, _, plays)| sum.saturating_add(*plays));
    (counts[0].0, ALL_MONTHS, plays)
}

/// The plays of the last of the favourites; 0 where all are favourites.
fn plays_of_the_last_favourite(mut plays: Vec<u32>) -> u32 {
    if plays.len() <= FAVOURITES {
        return 0;
    }
    *plays.select_nth_unstable_by(FAVOURITES - 1, |a, b| b.cmp(a)).1
}

/// Every artist met so far, under a number that holds from one dictionary to the next.
#[derive(Default)]
struct Artists {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    /// The dictionary at hand, and the numbers of those of its codes that were met.
    dictionary: Option<ArrayRef>,
    of_codes: Vec<Option<u32>>,
}

impl Artists {
    /// Turns to the dictionary of a column; the one that is at hand already keeps what is known of it.
    fn read_by(&mut self, column: &DictionaryArray<Int32Type>) {
        let values = column.values();
        if self.dictionary.as_ref().is_none_or(|known| !known.to_data().ptr_eq(&values.to_data())) {
            self.of_codes.clear();
            self.of_codes.resize(values.len(), None);
            self.dictionary = Some(Arc::clone(values));
        }
    }

    fn number(&mut self, code: usize, names: &StringArray) -> u32 {
        if let Some(number) = self.of_codes[code] {
            return number;
        }
        let name = names.value(code);
        let number = match self.numbers.get(name) {
            Some(number) => *number,
            None => {
                let (number, name) = (self.names.len() as u32, Arc::<str>::from(name));
                self.names.push(Arc::clone(&name));
                self.numbers.insert(name, number);
                number
            }
        };
        self.of_codes[code] = Some(number);
        number
    }

    fn name(&self, number: u32) -> &str {
        &self.names[number as usize]
    }
}

/// A month, and the instants at which it begins and the next one does, in milliseconds since 1970.
#[derive(Default)]
struct Month {
    number: u16,
    from_ms: i64,
    to_ms: i64,
}

impl Month {
    fn has(&self, ts_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&ts_ms)
    }

    fn of(ts_ms: i64) -> Result<Month> {
        let outside = || Error::internal("a play to be counted is dated outside of the months that there are");
        let number = UtcTime::from_unix_ms(ts_ms).and_then(month_of).ok_or_else(outside)?;
        let start_ms = |month: i32| {
            let day = NaiveDate::from_ymd_opt(1970 + month / 12, month as u32 % 12 + 1, 1)?;
            Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
        };
        let number_wide = i32::from(number);
        let (from_ms, to_ms) = start_ms(number_wide).zip(start_ms(number_wide + 1)).ok_or_else(outside)?;
        Ok(Month { number, from_ms, to_ms })
    }
}

/// The counts of one member, on their way into a batch.
#[derive(Default)]
struct Rows<'a> {
    names: Vec<&'a str>,
    artists: Vec<i32>,
    months: Vec<u16>,
    plays: Vec<u32>,
}

impl<'a> Rows<'a> {
    /// Of artists by name, each with its counts by month. A month that comes twice, because plays were not
    /// sorted by time, becomes one row.
    fn of(by_artist: impl Iterator<Item = (&'a str, &'a [(u32, u16, u32)])>) -> Self {
        let mut rows = Rows::default();
        for (artist, (name, counts)) in by_artist.enumerate() {
            rows.names.push(name);
            for counts in counts.chunk_by(|one, next| one.1 == next.1) {
                rows.artists.push(artist as i32);
                rows.months.push(counts[0].1);
                rows.plays.push(counts.iter().map(|(_, _, plays)| plays).sum());
            }
        }
        rows
    }

    fn batch(self, member: &str) -> Result<RecordBatch> {
        let count = self.plays.len();
        let texts = |keys: Int32Array, values: StringArray| {
            DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values)).map(|column| Arc::new(column) as ArrayRef)
        };
        let members = texts(PrimitiveArray::from_value(0, count), StringArray::from_iter_values([member]));
        let artists = texts(self.artists.into(), StringArray::from_iter_values(self.names));
        let columns = vec![
            members.map_err(Error::internal)?,
            artists.map_err(Error::internal)?,
            Arc::new(UInt16Array::from(self.months)),
            Arc::new(UInt32Array::from(self.plays)),
        ];
        RecordBatch::try_new(schema(), columns).map_err(Error::internal)
    }
}

fn code(code: i32) -> Result<usize> {
    usize::try_from(code).map_err(Error::internal)
}

#[cfg(test)]
mod tests;
