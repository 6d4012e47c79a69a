//! The privacy report of an edition as people read it: the manifest in words. It is for everybody, members first; nothing
//! stands in it that is not in the manifest.

use super::keys::Key;
use super::manifest::Manifest;
use super::recipe::KeysFrom;
use crate::money::grouped;
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
            "Taken from the pool's privacy budget, once and for good: {} rho and a failure probability of {}.",
            decimal(self.cost.rho_nano, 9),
            decimal(self.cost.delta_pico, 12)
        ));
        let groups = self.bounds.groups_per_member;
        lines.push(format!("No member is in more than {} of the rows.", grouped(groups.into())));
        for measure in &self.measures {
            lines.push(format!(
                "{}: one member adds {} {} to a row at most, and moves all rows together by {:.1} (in Euclidean length); \
                 the noise has a standard deviation of {:.1}, and costs {} rho.",
                measure.column,
                grouped(measure.most_per_member.into()),
                measure.unit,
                measure.sensitivity,
                measure.noise_standard_deviation,
                decimal(measure.rho_nano, 9)
            ));
        }
        lines
    }

    fn coverage(&self) -> Vec<String> {
        let mut lines =
            vec![format!("{} members are in it, those without plays in the period too.", count(self.members))];
        for table in &self.tables {
            lines.push(format!("{}: {} rows.", table.name, count(table.row_count)));
        }
        match (&self.selection.threshold, self.selection.keys_from) {
            (Some(threshold), _) => {
                let share = threshold.smallest_published_share.map_or_else(String::new, |share| match share {
                    share if share > 1.0 => ", more than are in it".to_owned(),
                    share => format!(", {:.2} % of those in it", share * 100.0),
                });
                lines.push(format!(
                    "No group of fewer than {} members ever appears, and no row shows fewer than {} members{share}, noise included. \
                     What is left out is not even counted.",
                    threshold.floor_members,
                    grouped(threshold.smallest_published)
                ));
            }
            (None, KeysFrom::Bins) => lines.push("Every group is given, whether anybody listens or not.".into()),
            (None, _) => lines.push(format!(
                "The groups follow from a list of {} artists; every one is given, whether anybody listens or not.",
                count(self.selection.listed_artists.unwrap_or(0))
            )),
        }
        if self.recipe.has_key(Key::HourOfWeek) || self.recipe.has_key(Key::Weekday) {
            lines.push("Hours and days are local by the play's country.".into());
        }
        lines
    }

    fn exactness(&self) -> Vec<String> {
        let line = |measure: &super::manifest::MeasureReport| {
            let all = measure.half_width_95_all_rows;
            let all = all.map_or_else(String::new, |all| {
                format!("; all rows at once within {} with 95 % confidence", grouped(all))
            });
            format!(
                "{}: in 95 of 100 rows within {} {} of the bounded count{all}.",
                measure.column,
                grouped(measure.half_width_95),
                measure.unit
            )
        };
        self.measures.iter().map(line).collect()
    }
}

fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use crate::aggregates::example;

    #[test]
    fn a_report_says_what_protects_and_what_came_out() {
        let report = example::manifest().report("Edition 3 of “Artist preference”");
        for said in [
            "Edition 3 of “Artist preference”\nPrivacy report\n",
            "epsilon 2.14",
            "0.1 rho and a failure probability of 0.000000001",
            "No member is in more than 20 of the rows",
            "fans: one member adds 1 members to a row at most, and moves all rows together by 4.5",
            "standard deviation of 14.1",
            "18,000 members are in it",
            "artist_preference: 1,204 rows",
            "No group of fewer than 10 members ever appears, and no row shows fewer than 103 members, 0.57 % of those in it",
            "fans: in 95 of 100 rows within 28 members",
            "\"kind\":\"artist_preference\"",
        ] {
            assert!(report.contains(said), "{said} is not in:\n{report}");
        }
    }
}
