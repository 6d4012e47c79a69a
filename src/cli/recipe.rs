//! `refrain recipe`: what a recipe computes, protects and gives, before anybody runs it.

use crate::aggregates::{AccuracySheet, Column, Cost, Kind, NANO, PICO, Recipe, accuracy_sheet, preset};
use crate::error::{Error, Result};
use crate::money::{counted, grouped};
use crate::pools::routes::BudgetCap;
use crate::text::decimal;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Explain a recipe, and tell what it gives. Needs no server and no data.
#[derive(Debug, Args)]
pub struct RecipeArgs {
    #[command(subcommand)]
    verb: RecipeVerb,
}

#[derive(Debug, Subcommand)]
enum RecipeVerb {
    /// List the recipes that are made ready, with what each is good for and what one draw of it costs.
    List,
    /// Print one of them with all its parameters, as TOML: a recipe of one's own begins here.
    Show {
        /// Its name, such as artist_preference
        #[arg(value_name = "KIND")]
        kind: String,
    },
    /// Check a recipe (TOML or JSON): say in words what it computes and what it costs, or what is wrong with it.
    Check {
        /// The recipe's file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the accuracy sheet of a recipe: noise, error bars, threshold, privacy and rows to count on.
    Quote {
        /// The recipe's file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// For a pool of so many members
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
        members: u64,
        /// Print one JSON object instead of words
        #[arg(long)]
        json: bool,
    },
}

/// Reads the recipe and prints what was asked for.
///
/// # Errors
/// `invalid` where the file cannot be read or the recipe does not hold, with every fault in words.
pub fn run(args: &RecipeArgs) -> Result<()> {
    let words = match &args.verb {
        RecipeVerb::List => listed(),
        RecipeVerb::Show { kind } => shown(kind)?,
        RecipeVerb::Check { file } => checked(&read(file)?)?,
        RecipeVerb::Quote { file, members, json } => {
            let sheet = accuracy_sheet(&read(file)?, *members, Some(usual_budget()))?;
            if *json { serde_json::to_string(&sheet)? } else { quoted(&sheet) }
        }
    };
    super::print(words.trim_end())
}

/// A recipe from a file, TOML or JSON.
pub(super) fn read(file: &Path) -> Result<Recipe> {
    let unread =
        |why: &dyn std::fmt::Display| Error::invalid(format!("The recipe {} cannot be read: {why}.", file.display()));
    let text = match String::from_utf8(std::fs::read(file).map_err(|e| unread(&e))?) {
        Ok(text) if text.trim().is_empty() => {
            return Err(unread(&"it is empty; `refrain recipe show KIND` prints one"));
        }
        Ok(text) if !text.contains('\0') => text,
        _ => return Err(unread(&"it is no text; a recipe is TOML or JSON in UTF-8")),
    };
    if text.trim_start().starts_with('{') { Recipe::parse(&text) } else { Recipe::parse_toml(&text) }
}

/// The budget that a pool has where its operator names no other.
fn usual_budget() -> Cost {
    let cap = BudgetCap::default();
    Cost { rho_nano: cap.rho_nano.unsigned_abs(), delta_pico: cap.delta_pico.unsigned_abs() }
}

fn ready() -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Custom)
}

fn listed() -> String {
    let (mut words, mut total) = (String::new(), Cost::default());
    for kind in ready() {
        let cost = preset(kind).cost();
        total = Cost { rho_nano: total.rho_nano + cost.rho_nano, delta_pico: total.delta_pico + cost.delta_pico };
        words += &format!("{:<18} {:>5} rho  {}\n", kind.as_str(), decimal(cost.rho_nano, 9), kind.good_for());
    }
    let budget = usual_budget();
    words
        + &format!(
            "\nOne of each costs {} rho of the {} that a pool usually has for its lifetime. `custom` takes groups and measures of one's own.",
            decimal(total.rho_nano, 9),
            decimal(budget.rho_nano, 9)
        )
}

fn shown(kind: &str) -> Result<String> {
    let found = ready().find(|ready| ready.as_str() == kind);
    let found = found.ok_or_else(|| {
        let kinds: Vec<&str> = ready().map(Kind::as_str).collect();
        Error::invalid(format!("There is no recipe {kind} that is made ready; there are {}.", kinds.join(", ")))
    })?;
    toml::to_string(&preset(found)).map_err(Error::internal)
}

fn checked(recipe: &Recipe) -> Result<String> {
    let mut words = format!("{}\n\nGood for: {}\n\nColumns\n", recipe.explanation(), recipe.kind.good_for());
    for column in recipe.columns()? {
        words += &format!("  {:<20} {}\n", column.name, column.meaning);
    }
    for table in recipe.further_tables() {
        words += &format!("\nColumns of {}, a second table that is worked out from these rows\n", table.name);
        for column in shortened(&table.columns) {
            words += &format!("  {:<20} {}\n", column.0, column.1);
        }
    }
    let cost = recipe.cost();
    words += &format!("\nOne draw costs {}.\n", cost_in_words(cost));
    if !cost.fits(usual_budget()) {
        words += "Mind: That is more than a pool usually has for its lifetime.\n";
    }
    for caveat in recipe.caveats() {
        words += &format!("Mind: {caveat}\n");
    }
    words += &format!("\nsha256 {}\n", recipe.sha256());
    Ok(words)
}

/// Columns with their meanings; those of which one after the other means the same stand on one line.
fn shortened(columns: &[Column]) -> Vec<(String, &str)> {
    let runs = columns.chunk_by(|one, next| one.meaning == next.meaning);
    let named = |run: &[Column]| match run {
        [one] => one.name.clone(),
        [first, .., last] => format!("{} … {}", first.name, last.name),
        [] => String::new(),
    };
    runs.map(|run| (named(run), run[0].meaning.as_str())).collect()
}

fn cost_in_words(cost: Cost) -> String {
    let (rho, delta) = (cost.rho_nano as f64 / NANO as f64, cost.delta_pico as f64 / PICO as f64);
    let delta = if cost.delta_pico == 0 {
        "no failure probability".into()
    } else {
        format!("a failure probability of {delta:e}")
    };
    format!("{rho} rho (zero-concentrated differential privacy) and {delta}")
}

/// Minutes stand behind hours, and two sums behind a share.
fn noise_in_words(sheet: &AccuracySheet) -> String {
    let mut words = String::new();
    for measure in &sheet.measures {
        let (column, unit) = if measure.column == "minutes" { ("hours", 60.0) } else { (measure.column.as_str(), 1.0) };
        words += &format!(
            "  {column:<22} noise {:.1} (standard deviation); 95 of 100 cells within {} of the bounded count\n",
            measure.noise_standard_deviation / unit,
            decimal_of(measure.half_width_95 as f64 / unit),
        );
    }
    for column in sheet.columns.iter().filter(|column| column.name.ends_with("_share")) {
        words += &format!("  {:<22} {}\n", column.name, column.error_bar);
    }
    words
}

/// A number with one decimal where it has any.
fn decimal_of(number: f64) -> String {
    if number.fract() == 0.0 { count(number as u64) } else { format!("{number:.1}") }
}

fn quoted(sheet: &AccuracySheet) -> String {
    let mut words = format!("In a pool of {}\n\n", counted(signed(sheet.members), "members"));
    for warning in &sheet.warnings {
        words += &format!("  MIND  {warning}\n\n");
    }
    let likely = if sheet.recipe.keys_from.is_list() { "at the most" } else { "likely" };
    words += &format!(
        "  rows to count on       {} {likely}, {} at the fewest\n",
        count(sheet.rows.likely),
        count(sheet.rows.fewest)
    );
    let share = match sheet.smallest_published_share {
        Some(share) if share > 1.0 => ", more than the pool has".to_owned(),
        Some(share) => format!(", {:.2} % of the pool", share * 100.0),
        None => String::new(),
    };
    if let Some(smallest) = sheet.smallest_published_fans {
        words += &format!("  smallest number shown  {}{share}\n", counted(smallest, "members"));
    }
    words += &noise_in_words(sheet);
    words += &format!("  cost of one draw       {}\n", cost_in_words(sheet.cost));
    for bound in &sheet.epsilon {
        words += &format!("  privacy of one draw    epsilon {:.2} at delta {:e}\n", bound.epsilon, bound.delta);
    }
    if let Some(budget) = &sheet.budget {
        words += &format!(
            "  of the usual budget    {:.1} %: {} in a pool's lifetime\n",
            budget.share * 100.0,
            counted(signed(budget.draws), "draws")
        );
        if budget.draws == 0 {
            words += "  MIND  That is more than a pool usually has for its lifetime.\n";
        }
    }
    words + &format!("\n{}\n", sheet.rows.explanation)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn count(number: u64) -> String {
    grouped(signed(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        (directory, path)
    }

    #[test]
    fn a_recipe_is_explained_whether_it_is_toml_or_json() {
        let (_one, toml) = file("a.toml", "kind = \"artist_preference\"\nfrom = \"2025-01-01T00:00:00Z\"\n");
        let (_two, json) = file("a.json", r#" {"from": "2025-01-01T00:00:00Z", "kind": "artist_preference"}"#);
        assert_eq!(read(&toml).unwrap(), read(&json).unwrap());
        let words = checked(&read(&toml).unwrap()).unwrap();
        for said in ["20 most played", "Good for: Ranking", "capped_plays", "One draw costs 0.1 rho", "1e-9", "sha256 "]
        {
            assert!(words.contains(said), "{said} is missing in {words}");
        }
    }

    #[test]
    fn what_is_made_ready_is_listed_and_can_be_begun_with() {
        let words = listed();
        assert_eq!(words.lines().count(), 11);
        assert!(
            words.contains("artist_preference    0.1 rho") && words.contains("costs 0.5 rho of the 0.5"),
            "{words}"
        );
        for kind in ready() {
            let (_kept, path) = file("a.toml", &shown(kind.as_str()).unwrap());
            assert_eq!(read(&path).unwrap(), preset(kind));
        }
        assert!(shown("skips").unwrap_err().detail().contains("skip_behaviour"));
    }

    #[test]
    fn every_fault_is_named() {
        let faulty = "kind = \"artist_preference\"\nkeys_per_member = 0\nfloor_members = 0\n";
        for (text, says) in [
            (faulty, vec!["`keys_per_member` is 0", "`floor_members` is 0"]),
            ("kind = \"skips\"", vec!["skips"]),
            ("kind = ", vec!["cannot be read"]),
            ("kind = \"artist_preference\"\nspeed = 1", vec!["speed"]),
        ] {
            let (_kept, path) = file("a.toml", text);
            let error = read(&path).unwrap_err();
            assert!(says.iter().all(|word| error.detail().contains(word)), "{}", error.detail());
        }
        let (_kept, path) = file("a.toml", " \n");
        assert!(read(&path).unwrap_err().detail().contains("it is empty"));
        for binary in [&[0xff, 0xfe][..], b"kind = \0"] {
            std::fs::write(&path, binary).unwrap();
            assert!(read(&path).unwrap_err().detail().contains("it is no text"));
        }
        assert!(read(Path::new("/nowhere/a.toml")).unwrap_err().detail().contains("/nowhere/a.toml"));
    }

    #[test]
    fn a_quote_says_what_to_count_on() {
        let words = quoted(&accuracy_sheet(&Recipe::default(), 18_000, Some(usual_budget())).unwrap());
        for said in ["18,000 members", "103 members, 0.57 %", "within 28 of", "epsilon 2.14 at delta 1e-6", "5 draws"] {
            assert!(words.contains(said), "{said} is missing in {words}");
        }
        assert!(!words.contains("MIND"), "{words}");
    }

    #[test]
    fn what_a_quote_has_to_warn_of_stands_first_and_units_are_those_of_the_file() {
        let quote = |kind, members| quoted(&accuracy_sheet(&preset(kind), members, Some(usual_budget())).unwrap());
        let small = quote(Kind::ArtistPreference, 90);
        assert!(small.contains("MIND  No row can pass") && small.contains("more than the pool has"), "{small}");
        let clock = quote(Kind::ListeningClock, 100);
        assert!(clock.contains("MIND  All noise") && clock.contains("and no failure probability"), "{clock}");
        assert!(quote(Kind::BuyerPanel, 18_000).contains("2,000 at the most, 1 at the fewest"));
        assert!(quote(Kind::SkipBehaviour, 18_000).contains("  skip_share "));
        let hours = Recipe::parse(
            r#"{"kind":"custom","group_by":["artist"],"fans_rho_nano":50000000,"hours_rho_nano":50000000,"minutes_per_key":600}"#,
        );
        let hours = quoted(&accuracy_sheet(&hours.unwrap(), 18_000, None).unwrap());
        assert!(hours.contains("  hours ") && !hours.contains("  minutes "), "{hours}");
        let map = checked(&preset(Kind::ArtistMap)).unwrap();
        assert!(map.contains("Columns of artist_map_vectors") && map.contains("vector_01 … vector_16"), "{map}");
        let dear = Recipe::parse(r#"{"kind":"artist_preference","fans_rho_nano":600000000}"#).unwrap();
        assert!(checked(&dear).unwrap().contains("more than a pool usually has"));
        let dear = quoted(&accuracy_sheet(&dear, 18_000, Some(usual_budget())).unwrap());
        assert!(dear.contains("MIND  That is more than a pool usually has"), "{dear}");
    }
}
