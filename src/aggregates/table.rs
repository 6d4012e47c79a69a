//! The released groups as tables: from here on, only post-processing.

use super::columns::{self, Column, Source};
use super::keys::Value;
use super::local_time::LocalTime;
use super::musicbrainz::ArtistIds;
use super::noise::{GroupSums, NoisePlan};
use super::recipe::Recipe;
use crate::error::{Error, Result};
use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, Schema};
use std::collections::HashSet;
use std::sync::Arc;

/// A table of an edition.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name of its files, without extension.
    pub name: String,
    /// What its columns mean, in their order.
    pub columns: Vec<Column>,
    /// Its rows.
    pub rows: RecordBatch,
}

impl Table {
    /// The artists that its rows name, each once, in the order of the rows; none where it has no column of them.
    pub fn artists(&self) -> Vec<String> {
        let column = self.rows.column_by_name("artist").and_then(|column| column.as_string_opt::<i32>());
        let mut known = HashSet::new();
        let names = column.into_iter().flatten().flatten();
        names.filter(|name| known.insert(*name)).map(str::to_owned).collect()
    }
}

/// The table of a recipe's released groups, in their order.
///
/// # Errors
/// `internal`: only by a defect.
pub fn of(recipe: &Recipe, plan: &NoisePlan, groups: &[GroupSums], ids: Option<&ArtistIds>) -> Result<Table> {
    let specified = columns::of(recipe, plan, ids.is_some());
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (column, source) in &specified {
        let array = array(*source, plan, groups, ids)?;
        fields.push(Field::new(&column.name, array.data_type().clone(), is_nullable(*source)));
        arrays.push(array);
    }
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(Error::internal)?;
    let columns = specified.into_iter().map(|(column, _)| column).collect();
    Ok(Table { name: recipe.kind().to_owned(), columns, rows })
}

const fn is_nullable(source: Source) -> bool {
    matches!(source, Source::MusicBrainz(_) | Source::Share(_))
}

fn array(source: Source, plan: &NoisePlan, groups: &[GroupSums], ids: Option<&ArtistIds>) -> Result<ArrayRef> {
    let text = |group: &GroupSums, place: usize| group.values[place].text();
    let bars = |place: usize| -> Result<Vec<Bars>> {
        // Each of the two sums may err in one case of forty: together one of twenty.
        let (part, whole) = (plan.sums[place].half_width(0.025)?, plan.sums[place + 1].half_width(0.025)?);
        Ok(groups.iter().map(|group| share(group.sums[place], group.sums[place + 1], part, whole)).collect())
    };
    Ok(match source {
        Source::Text(place) => Arc::new(StringArray::from_iter_values(groups.iter().map(|group| text(group, place)))),
        Source::Number(place) => {
            let number = |group: &GroupSums| match &group.values[place] {
                Value::Number(number) => *number,
                Value::Text(_) => 0,
            };
            Arc::new(Int64Array::from_iter_values(groups.iter().map(number)))
        }
        Source::MusicBrainz(place) => {
            let id = |group: &GroupSums| ids.and_then(|ids| ids.of(&text(group, place)).map(str::to_owned));
            Arc::new(StringArray::from_iter(groups.iter().map(id)))
        }
        Source::SeveralZones(place) => {
            let several = |group: &GroupSums| Some(LocalTime::of(&text(group, place)).has_several);
            Arc::new(BooleanArray::from_iter(groups.iter().map(several)))
        }
        Source::Sum(place) => Arc::new(Int64Array::from_iter_values(groups.iter().map(|group| group.sums[place]))),
        Source::Hours(place) => {
            let hours = |group: &GroupSums| rounded(group.sums[place] as f64 / 60.0, 100.0);
            Arc::new(Float64Array::from_iter_values(groups.iter().map(hours)))
        }
        Source::Share(place) => Arc::new(Float64Array::from_iter(bars(place)?.into_iter().map(|bars| bars.share))),
        Source::ShareLow(place) => {
            Arc::new(Float64Array::from_iter_values(bars(place)?.into_iter().map(|bars| bars.low)))
        }
        Source::ShareHigh(place) => {
            Arc::new(Float64Array::from_iter_values(bars(place)?.into_iter().map(|bars| bars.high)))
        }
    })
}

/// A share with its error bars.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bars {
    share: Option<f64>,
    low: f64,
    high: f64,
}

/// The quotient of two noisy sums, and between what it lies when the part is off by at most `part_off` and the whole by at
/// most `whole_off`. Where the whole may be nothing, nothing is known.
fn share(part: i64, whole: i64, part_off: i64, whole_off: i64) -> Bars {
    if whole <= whole_off {
        return Bars { share: None, low: 0.0, high: 1.0 };
    }
    let quotient = |part: i64, whole: i64| rounded((part as f64 / whole as f64).clamp(0.0, 1.0), 10_000.0);
    let low_part = part - part_off;
    // A negative part is least with the smallest whole, a positive one with the largest.
    let low = quotient(low_part, if low_part < 0 { whole - whole_off } else { whole + whole_off });
    let high = quotient(part + part_off, whole - whole_off);
    Bars { share: Some(quotient(part, whole)), low, high }
}

/// Noise makes further digits meaningless, and the same digits make the same bytes everywhere.
fn rounded(value: f64, unit: f64) -> f64 {
    (value * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::presets;
    use crate::aggregates::recipe::Kind;
    use datafusion::arrow::datatypes::Float64Type;

    #[test]
    fn shares_are_cut_and_have_bars() {
        let bars = |part, whole| share(part, whole, 10, 20);
        assert_eq!(bars(50, 100), Bars { share: Some(0.5), low: 0.3333, high: 0.75 });
        assert_eq!(bars(-5, 100), Bars { share: Some(0.0), low: 0.0, high: 0.0625 });
        assert_eq!(bars(130, 100), Bars { share: Some(1.0), low: 1.0, high: 1.0 });
        assert_eq!(bars(5, 20), Bars { share: None, low: 0.0, high: 1.0 });
        assert_eq!(bars(5, -3), Bars { share: None, low: 0.0, high: 1.0 });
    }

    #[test]
    fn a_table_has_the_columns_that_its_dictionary_names() {
        let ids = ArtistIds::parse("artist,mbid\nA,11111111-1111-1111-1111-111111111111\n").unwrap();
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Custom) {
            let recipe = presets::of(*kind);
            let plan = NoisePlan::of(&recipe).unwrap();
            let values = recipe.group_by.iter().flat_map(|key| {
                let value = if key.is_number() { Value::Number(7) } else { Value::Text("A".into()) };
                key.columns().iter().map(move |_| value.clone())
            });
            let group = GroupSums { values: values.collect(), sums: vec![900; plan.sums.len()] };
            let table = of(&recipe, &plan, &[group], Some(&ids)).unwrap();
            let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            let schema = table.rows.schema();
            assert_eq!(names, schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), "{kind}");
            assert!(
                table.columns.iter().all(|column| !column.meaning.is_empty() && !column.error_bar.is_empty()),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_table_names_its_artists_once_and_in_its_order() {
        let table = |recipe: &Recipe, groups: &[&[&str]]| {
            let plan = NoisePlan::of(recipe).unwrap();
            let group = |values: &&[&str]| GroupSums {
                values: values.iter().map(|value| Value::Text((*value).into())).collect(),
                sums: vec![900; plan.sums.len()],
            };
            of(recipe, &plan, &groups.iter().map(group).collect::<Vec<_>>(), None).unwrap()
        };
        let by_country = presets::of(Kind::ArtistByCountry);
        let rows: [&[&str]; 3] = [&["B", "SE"], &["A", "SE"], &["B", "NO"]];
        assert_eq!(table(&by_country, &rows).artists(), ["B", "A"]);
        assert_eq!(table(&presets::of(Kind::ArtistMap), &[&["A", "B"]]).artists(), [""; 0]);
    }

    #[test]
    fn hours_are_minutes_by_sixty() {
        let recipe = r#"{"kind":"custom","group_by":["artist"],"fans_rho_nano":50000000,"hours_rho_nano":50000000,"minutes_per_key":600}"#;
        let recipe = Recipe::parse(recipe).unwrap();
        let plan = NoisePlan::of(&recipe).unwrap();
        let group = GroupSums { values: vec![Value::Text("A".into())], sums: vec![200, 100] };
        let table = of(&recipe, &plan, &[group], None).unwrap();
        assert_eq!(table.rows.column_by_name("hours").unwrap().as_primitive::<Float64Type>().value(0), 1.67);
    }
}
