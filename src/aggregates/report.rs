//! The privacy report of an edition as people read it: the manifest in words. It is for everybody, members first; nothing
//! stands in it that is not in the manifest.

use super::keys::Key;
use super::manifest::{Manifest, MeasureReport};
use super::recipe::KeysFrom;
use crate::money::{counted, grouped};
use crate::text::decimal;
use std::fmt::Write;

impl Manifest {
    /// The report in plain text, under a heading such as the name of the edition.
    pub fn report(&self, heading: &str) -> String {
        let mut out = format!("{heading}\nPrivacy report\n");
        let mut section = |title: &str, lines: Vec<String>| {
            // Writing to a text cannot fail.
            let _ = write!(out, "\n{title}\n");
            lines.iter().for_each(|line| out += &format!("  {line}\n"));
        };
        section("What was computed", vec![self.explanation.clone(), format!("Plays counted {}.", self.period.words)]);
        section("Whose privacy is protected", vec![self.unit_of_privacy.clone()]);
        section("How well", self.protection());
        section("What came out", self.coverage());
        section("How exact it is", self.exactness());
        section("What the numbers do not say", self.caveats.clone());
        section(
            "To check",
            vec![format!("Recipe {}, SHA-256 {}.", self.recipe.kind, self.recipe_sha256), self.recipe.canonical_json()],
        );
        out
    }

    fn protection(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.epsilon.iter().map(|bound| bound.words.clone()).collect();
        lines.push(format!(
            "Taken from the pool's privacy budget, once and for good: {} rho and {}.",
            decimal(self.cost.rho_nano, 9),
            self.cost.delta_in_words()
        ));
        let groups = self.bounds.groups_per_member;
        lines.push(format!("No member is in more than {}.", counted(groups.into(), "rows")));
        for measure in &self.measures {
            lines.push(format!(
                "{}: one member adds {} to a row at most, and moves all rows together by {:.1} (in Euclidean length); \
                 the noise has a standard deviation of {:.1}, and costs {} rho.",
                measure.in_the_files(),
                counted(measure.most_per_member.into(), &measure.unit),
                measure.sensitivity,
                measure.noise_standard_deviation,
                decimal(measure.rho_nano, 9)
            ));
        }
        lines
    }

    fn coverage(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "Drawn from {}, those without plays in the period too.",
            counted_u64(self.members, "members")
        )];
        for table in &self.tables {
            lines.push(format!("{}: {}.", table.name, counted_u64(table.row_count, "rows")));
        }
        match (&self.selection.threshold, self.selection.keys_from) {
            (Some(threshold), _) => {
                let share = threshold.smallest_published_share.map_or_else(String::new, |share| match share {
                    share if share > 1.0 => ", more than are in it".to_owned(),
                    share => format!(", {:.2} % of those in it", share * 100.0),
                });
                lines.push(format!(
                    "No group of fewer than {} ever appears, and no row shows fewer than {}{share}, noise included. \
                     What is left out is not even counted.",
                    counted(threshold.floor_members.into(), "members"),
                    counted(threshold.smallest_published, "members")
                ));
            }
            (None, KeysFrom::Bins) => lines.push("Every group is given, whether anybody listens or not.".into()),
            (None, _) => lines.push(format!(
                "The groups follow from a list of {}; every one is given, whether anybody listens or not.",
                counted_u64(self.selection.listed_artists.unwrap_or(0), "artists")
            )),
        }
        if self.recipe.has_key(Key::HourOfWeek) || self.recipe.has_key(Key::Weekday) {
            lines.push("Hours and days are local by the play's country.".into());
        }
        lines
    }

    fn exactness(&self) -> Vec<String> {
        let line = |measure: &MeasureReport| {
            let all = measure.half_width_95_all_rows;
            let all = all.map_or_else(String::new, |all| {
                format!("; all rows at once within {} with 95 % confidence", grouped(all))
            });
            format!(
                "{}: in 95 of 100 rows within {} of the bounded count{all}.",
                measure.in_the_files(),
                counted(measure.half_width_95, &measure.unit),
            )
        };
        let columns = self.tables.first().map_or(&[][..], |table| &table.columns);
        let shares = columns.iter().filter(|column| column.name.ends_with("_share"));
        let of_shares = shares.map(|column| format!("{}: {}", column.name, column.error_bar));
        self.measures.iter().map(line).chain(of_shares).collect()
    }
}

fn counted_u64(number: u64, many: &str) -> String {
    counted(i64::try_from(number).unwrap_or(i64::MAX), many)
}

impl MeasureReport {
    /// The sum as a reader of the files knows it.
    fn in_the_files(&self) -> &str {
        if self.column == "minutes" { "hours, counted in minutes" } else { &self.column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregates::example;
    use crate::aggregates::manifest::{Making, TableReport};
    use crate::aggregates::noise::NoisePlan;
    use crate::aggregates::recipe::Recipe;
    use crate::clock::UtcTime;

    #[test]
    fn a_report_says_what_protects_and_what_came_out() {
        let report = example::manifest().report("Edition 3 of “Artist preference”");
        for said in [
            "Edition 3 of “Artist preference”\nPrivacy report\n",
            "epsilon 2.14",
            "0.1 rho and a failure probability of 0.000000001",
            "No member is in more than 20 rows",
            "fans: one member adds 1 member to a row at most, and moves all rows together by 4.5",
            "standard deviation of 14.1",
            "Drawn from 18,000 members",
            "artist_preference: 1,204 rows",
            "No group of fewer than 10 members ever appears, and no row shows fewer than 103 members, 0.57 % of those in it",
            "fans: in 95 of 100 rows within 28 members",
            "\"kind\":\"artist_preference\"",
        ] {
            assert!(report.contains(said), "{said} is not in:\n{report}");
        }
    }

    #[test]
    fn a_report_speaks_of_what_is_in_the_files() {
        let report = |json: &str| {
            let recipe = Recipe::parse(json).unwrap();
            let plan = NoisePlan::of(&recipe).unwrap();
            let table = TableReport { name: "t".into(), columns: recipe.columns().unwrap(), row_count: 1 };
            let making = Making {
                drawn_at: UtcTime::from_unix_ms(0).unwrap(),
                members: 1,
                listed_artists: Some(1),
                pool_delta_pico: 1_000_000,
                tables: vec![table],
                files: Vec::new(),
            };
            Manifest::new(&recipe, &plan, making).unwrap().report("Edition 1")
        };
        let hours = report(
            r#"{"kind":"custom","group_by":["artist"],"fans_rho_nano":50000000,"hours_rho_nano":50000000,"minutes_per_key":600}"#,
        );
        let shares = report(r#"{"kind":"retention_curve"}"#);
        for (report, said) in [
            (&hours, "hours, counted in minutes: one member adds 600 minutes to a row"),
            (&hours, "Drawn from 1 member, those"),
            (&hours, "t: 1 row.\n"),
            (&shares, "rho and no failure probability."),
            (&shares, "return_share: With 95 % confidence the noise leaves the truth between `return_share_low` and"),
            (&shares, "from a list of 1 artist;"),
        ] {
            assert!(report.contains(said), "{said} is not in:\n{report}");
        }
    }
}
