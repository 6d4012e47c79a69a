//! What is to be counted, made ready for one partition of the members.

use super::bound::{Caps, Group, TieKey, TieSeed};
use super::intern::Names;
use super::keys::{self, Key, Value};
use super::member::MemberPlay;
use super::recipe::{KeysFrom, Recipe};
use crate::clock::UtcTime;
use crate::histories::counts_file::{ALL_MONTHS, COUNTED_FROM_MS, FAVOURITES};
use hashbrown::HashSet;
use std::ops::Range;

/// What is to be counted: plain data, so that it can go wherever the plan runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// What to compute.
    pub recipe: Recipe,
    /// When: `last_months` are those before.
    pub drawn_at: UtcTime,
    /// The list of artists, where the groups come from a list.
    pub artists: Vec<String>,
    /// By which ties are broken.
    pub seed: TieSeed,
}

/// Whether the counts that are kept at intake say all that a recipe asks: plays by artist and month, of 30 seconds and more.
pub fn counts_suffice(recipe: &Recipe, drawn_at: UtcTime) -> bool {
    let grouped = matches!(recipe.group_by[..], [Key::Artist] | [Key::ArtistPair] | [Key::Artist, Key::Month]);
    let measured = recipe.sums().iter().all(|sum| matches!(sum.column, "fans" | "capped_plays"));
    let (from, to) = keys::period(recipe, drawn_at);
    let is_whole = |end: Option<UtcTime>| {
        end.is_none_or(|end| {
            let month = keys::month_of(end.unix_ms());
            end == UtcTime::from_unix_ms(keys::month_start_ms(month)).unwrap_or(end) && end.unix_ms() >= 0
        })
    };
    grouped && measured && recipe.min_ms_played == COUNTED_FROM_MS && is_whole(from) && is_whole(to)
}

impl Task {
    /// Whether the counts that are kept at intake say all that is asked.
    pub fn counts_suffice(&self) -> bool {
        counts_suffice(&self.recipe, self.drawn_at)
    }

    /// Whether of these counts even the members' favourites say all that is asked: a few artists of each, any artists, and
    /// over all time.
    pub fn favourites_suffice(&self) -> bool {
        let recipe = &self.recipe;
        self.counts_suffice()
            && recipe.group_by == [Key::Artist]
            && !recipe.keys_from.is_list()
            && recipe.keys_per_member as usize <= FAVOURITES
            && keys::period(recipe, self.drawn_at) == (None, None)
    }

    /// The months of the rows of counts that are read, since January 1970.
    pub fn months_of_counts(&self) -> Range<u32> {
        if self.favourites_suffice() {
            return ALL_MONTHS.into()..u32::from(ALL_MONTHS) + 1;
        }
        let month = |end: UtcTime| keys::month_of(end.unix_ms());
        let (from, to) = keys::period(&self.recipe, self.drawn_at);
        from.map_or(0, month)..to.map_or(ALL_MONTHS.into(), month)
    }

    /// The columns of plays that are read, besides the member.
    pub fn columns(&self) -> Vec<&'static str> {
        let recipe = &self.recipe;
        let has = |wanted: &[Key]| recipe.group_by.iter().any(|key| wanted.contains(key));
        let first = recipe.first_time_share_rho_nano.is_some();
        let returns = recipe.return_share_rho_nano.is_some();
        let (from, to) = keys::period(recipe, self.drawn_at);
        let of_time = [Key::Month, Key::Weekday, Key::HourOfWeek, Key::MonthsSinceFirst, Key::Volume];
        let ends = recipe.skip_share_rho_nano.is_some() || recipe.completion_share_rho_nano.is_some();
        let local = has(&[Key::Country, Key::Weekday, Key::HourOfWeek]);
        let wanted = [
            ("ts", first || from.is_some() || to.is_some() || has(&of_time)),
            ("ms_played", true),
            ("artist", true),
            ("album", has(&[Key::Album])),
            ("track", first || has(&[Key::Track])),
            // Coarse plays are told by what they lack.
            ("track_uri", first || returns),
            ("country", first || returns || local),
            ("service", has(&[Key::Service])),
            ("ended", ends),
        ];
        wanted.into_iter().filter(|(_, is_read)| *is_read).map(|(column, _)| column).collect()
    }
}

/// A task with its names as numbers.
pub struct Counting {
    task: Task,
    from_ms: i64,
    to_ms: i64,
    /// For counts: [`Task::months_of_counts`].
    months: Range<u32>,
    listed: u32,
    countries: HashSet<u32>,
    other_country: u32,
    /// The caps on what one member adds.
    pub caps: Caps,
    /// By which ties are broken.
    pub ties: TieKey,
}

impl Counting {
    /// Makes a task ready. Takes the first numbers of `names`, which must be empty, for the list of artists.
    pub fn new(task: &Task, names: &mut Names) -> Self {
        for artist in &task.artists {
            names.id(artist);
        }
        let listed = names.len() as u32;
        let (from, to) = keys::period(&task.recipe, task.drawn_at);
        let countries = task.recipe.countries.iter().map(|country| names.id(country)).collect();
        Counting {
            from_ms: from.map_or(i64::MIN, UtcTime::unix_ms),
            to_ms: to.map_or(i64::MAX, UtcTime::unix_ms),
            months: task.months_of_counts(),
            listed,
            countries,
            other_country: names.id(keys::OTHER_COUNTRY),
            caps: Caps::of(&task.recipe),
            ties: task.seed.key(),
            task: task.clone(),
        }
    }

    /// What is computed.
    pub fn recipe(&self) -> &Recipe {
        &self.task.recipe
    }

    /// Whether a play counts: long enough, and ended inside the period.
    pub fn counts(&self, play: &MemberPlay) -> bool {
        play.ms_played >= self.recipe().min_ms_played && self.is_inside(play.ts_ms)
    }

    /// Whether an instant lies before the period.
    pub fn is_before(&self, ts_ms: i64) -> bool {
        ts_ms < self.from_ms
    }

    /// The last instant of the period up to another one.
    pub fn last_inside(&self, ts_ms: i64) -> i64 {
        ts_ms.min(self.to_ms.saturating_sub(1))
    }

    /// Whether an instant is inside the period.
    pub fn is_inside(&self, ts_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&ts_ms)
    }

    /// Whether a row of counts counts, by its month.
    pub fn is_month_inside(&self, month: u32) -> bool {
        self.months.contains(&month)
    }

    /// Whether an artist may be in a group: any one where the groups come from listening, else those of the list.
    pub fn is_listed(&self, artist: u32) -> bool {
        !self.recipe().keys_from.is_list() || artist < self.listed
    }

    /// The country as it is grouped by: itself, or `other` where only some have a bin of their own.
    pub fn country_bin(&self, country: u32) -> u32 {
        let has_bin = self.recipe().keys_from == KeysFrom::Threshold || self.countries.contains(&country);
        if has_bin { country } else { self.other_country }
    }

    /// The values of a group, by column.
    pub fn values(&self, group: &Group, names: &Names) -> Vec<Value> {
        let mut places = group.iter();
        let mut values = Vec::new();
        for key in &self.recipe().group_by {
            for _ in key.columns() {
                let Some(number) = places.next() else { continue };
                values.push(match key {
                    Key::Month => Value::Text(keys::month_text(*number)),
                    Key::Volume => Value::Text(keys::bin_text(&keys::VOLUME_FROM, *number as usize)),
                    Key::Variety => Value::Text(keys::bin_text(&keys::VARIETY_FROM, *number as usize)),
                    key if key.is_number() => Value::Number((*number).into()),
                    _ => Value::Text(names.text(*number).to_owned()),
                });
            }
        }
        values
    }
}

/// The values of a group as one text, for the tie breaker and the noise: no two groups of a recipe give the same, since no
/// name holds the separator.
pub fn joined(values: &[Value]) -> String {
    values.iter().map(Value::text).collect::<Vec<_>>().join("\u{1f}")
}
