//! The inner loop: batches of plays, or of counts kept of them, go in, member by member; bounded sums by group come out.
//!
//! A member's rows stand together and members come in ascending order, so one member is held at a time, and nothing is
//! sorted or shuffled. Which members of an object count is told by the draw set; an object in which the order does not
//! hold is refused, since a member met twice would break the bound.

use super::artist_counts::ArtistCounts;
use super::bound::{Group, Tally, keep_most_played};
use super::counting::{Counting, Task, joined};
use super::intern::{Names, dictionary_column};
use super::keys::Key;
use super::member::{self, MemberPlay};
use super::recipe::Recipe;
use super::rows::{self, Codes, Columns, NullNames, Rows};
use super::totals::Totals;
use crate::error::{Error, Result};
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type};
use hashbrown::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// The members of each object of a scan whose rows in it count.
pub type Valid = Arc<Vec<HashSet<Box<str>>>>;

/// Bounds one partition of the members.
pub struct Bounder {
    counting: Counting,
    names: Names,
    nulls: NullNames,
    columns: Columns,
    valid: Valid,
    here: Option<Here>,
    collected: Collected,
    totals: Totals,
}

/// The member whose rows are being read.
struct Here {
    object: u32,
    member: Box<str>,
    is_valid: bool,
}

/// What is known of that member so far.
enum Collected {
    /// Plays by artist: all that is asked of most draws.
    ByArtist(ArtistCounts),
    /// Plays by group, from counts kept by month.
    ByGroup(HashMap<Group, u32>),
    /// All plays.
    Plays(Vec<MemberPlay>),
}

impl Collected {
    fn of(task: &Task, from_counts: bool) -> Self {
        let by_artist = matches!(task.recipe.group_by[..], [Key::Artist] | [Key::ArtistPair]);
        let only_counts = task.recipe.sums().iter().all(|sum| matches!(sum.column, "fans" | "capped_plays"));
        match (by_artist && only_counts, from_counts) {
            (true, _) => Collected::ByArtist(ArtistCounts::default()),
            (false, true) => Collected::ByGroup(HashMap::new()),
            (false, false) => Collected::Plays(Vec::new()),
        }
    }
}

impl Bounder {
    /// Over objects of plays or, where the task allows it, of the counts kept of them.
    pub fn new(task: &Task, valid: Valid, from_counts: bool) -> Self {
        let mut names = Names::default();
        let counting = Counting::new(task, &mut names);
        Bounder {
            counting,
            nulls: NullNames::new(&mut names),
            names,
            columns: Columns::default(),
            valid,
            here: None,
            collected: Collected::of(task, from_counts),
            totals: Totals::of(&task.recipe),
        }
    }

    /// Takes the next rows.
    ///
    /// # Errors
    /// `internal`: a column is missing, or an object is not sorted by member.
    pub fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let objects = rows::number::<UInt32Type>(batch, "object")?;
        let members = dictionary_column(batch, "member_id")?;
        let texts = members.values().as_string::<i32>();
        let keys = members.keys().values();
        let artist = self.artists(batch)?;
        let rows = Rows::read(batch, artist, &mut self.columns, &mut self.names)?;
        let mut start = 0;
        while start < batch.num_rows() {
            // A member's rows stand together, and batches do not cross objects.
            let code = keys[start];
            let end = start + keys[start..].iter().position(|other| *other != code).unwrap_or(keys.len() - start);
            self.begin(objects.value(start), texts.value(code as usize))?;
            if self.here.as_ref().is_some_and(|here| here.is_valid) {
                self.collect(&rows, start..end);
            }
            start = end;
        }
        Ok(())
    }

    /// The column of artists, its dictionary made ready for the way in which plays are collected.
    fn artists(&mut self, batch: &RecordBatch) -> Result<Codes> {
        if let Collected::ByArtist(counts) = &mut self.collected {
            let column = dictionary_column(batch, "artist")?;
            if !self.columns.artist.has_dictionary_of(&column) {
                counts.carry_over(&self.columns.artist, &mut self.names);
                self.columns.artist.turn_to(&column);
                counts.turn_to(&self.columns.artist, &self.counting, &self.names);
            }
            return Ok(column);
        }
        self.columns.artist.read(batch, "artist", &mut self.names)
    }

    /// The rows that follow are this member's.
    fn begin(&mut self, object: u32, member: &str) -> Result<()> {
        if let Some(here) = &self.here {
            if here.object == object && &*here.member == member {
                return Ok(());
            }
            if here.object == object && &*here.member > member {
                return Err(Error::internal("an object of plays is not sorted by member"));
            }
        }
        self.end_member();
        let valid = self.valid.get(object as usize);
        let is_valid = valid.is_some_and(|valid| valid.contains(member));
        self.here = Some(Here { object, member: member.into(), is_valid });
        Ok(())
    }

    fn collect(&mut self, rows: &Rows, range: Range<usize>) {
        let counting = &self.counting;
        match &mut self.collected {
            Collected::ByArtist(counts) => {
                rows.each_counted(counting, range, |code, _, plays| counts.add(code, plays));
            }
            Collected::ByGroup(counts) => {
                let ids = self.columns.artist.ids();
                rows.each_counted(counting, range, |code, month, plays| {
                    let artist = ids[code];
                    if counting.is_listed(artist) {
                        let count = counts.entry([artist, month, 0, 0]).or_default();
                        *count = count.saturating_add(plays);
                    }
                });
            }
            Collected::Plays(plays) => plays.extend(range.map(|row| rows.play(row, &self.columns, &self.nulls))),
        }
    }

    /// Bounds what was collected of the member and adds it up.
    fn end_member(&mut self) {
        let Some(here) = self.here.take().filter(|here| here.is_valid) else { return };
        if let Collected::ByArtist(counts) = &mut self.collected {
            counts.keep_most_played(&self.counting, &here.member, &self.columns.artist, &mut self.names);
        }
        let (counting, names) = (&self.counting, &self.names);
        let mut plays = Vec::new();
        let mut tallies: Vec<(Group, Tally)> = match &mut self.collected {
            Collected::ByArtist(counts) => counts.kept.drain(..).collect(),
            Collected::ByGroup(counts) => {
                counts.drain().map(|(group, plays)| (group, Tally { plays, ..Tally::default() })).collect()
            }
            Collected::Plays(collected) => {
                std::mem::swap(collected, &mut plays);
                member::tallies(counting, &plays, names)
            }
        };
        keep_most_played(&mut tallies, counting.recipe().keys_per_member as usize, |group| {
            let text = joined(&counting.values(group, names));
            (counting.ties.order(&here.member, &text), text)
        });
        for (group, tally) in member::expand(counting, tallies, &plays, names) {
            self.totals.add(group, &counting.caps.sums(&tally));
        }
        plays.clear();
        if let Collected::Plays(collected) = &mut self.collected {
            *collected = plays; // its room is used for the next member
        }
    }

    /// Roughly what the names take, in bytes. They have to stay to the end.
    pub const fn name_bytes(&self) -> usize {
        self.names.bytes()
    }

    /// Roughly what the sums take, in bytes. They can be given out at any time.
    pub fn total_bytes(&self) -> usize {
        self.totals.bytes()
    }

    /// Ends the member at hand: after the last rows.
    pub fn finish(&mut self) {
        self.end_member();
    }

    /// Gives out what was added up so far, and forgets it. Sums of the same group from here and from other partitions
    /// are to be added.
    ///
    /// # Errors
    /// `internal`: only by a defect.
    pub fn drain(&mut self) -> Result<RecordBatch> {
        let recipe = self.counting.recipe();
        let totals = self.totals.drain();
        let values: Vec<_> = totals.iter().map(|(group, _)| self.counting.values(group, &self.names)).collect();
        let text_columns = recipe.group_by.iter().map(|key| key.columns().len()).sum::<usize>();
        let mut columns: Vec<ArrayRef> = Vec::new();
        for place in 0..text_columns {
            columns.push(Arc::new(StringArray::from_iter_values(values.iter().map(|values| values[place].text()))));
        }
        for place in 0..recipe.sums().len() {
            columns.push(Arc::new(Int64Array::from_iter_values(totals.iter().map(|(_, sums)| sums[place]))));
        }
        RecordBatch::try_new(schema(recipe), columns).map_err(Error::internal)
    }
}

/// The columns of what comes out: `g0`, … the values of the group as texts, `s0`, … its sums.
pub fn schema(recipe: &Recipe) -> SchemaRef {
    let groups = recipe.group_by.iter().map(|key| key.columns().len()).sum::<usize>();
    let groups = (0..groups).map(|place| Field::new(format!("g{place}"), DataType::Utf8, false));
    let sums = (0..recipe.sums().len()).map(|place| Field::new(format!("s{place}"), DataType::Int64, false));
    Arc::new(Schema::new(groups.chain(sums).collect::<Vec<_>>()))
}
