//! `refrain recipe`: what a recipe computes, protects and gives, before anybody runs it.

use crate::aggregates::{AccuracySheet, Cost, NANO, PICO, Recipe, accuracy_sheet};
use crate::error::{Error, Result};
use crate::money::grouped;
use crate::pools::routes::BudgetCap;
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
        RecipeVerb::Check { file } => checked(&read(file)?)?,
        RecipeVerb::Quote { file, members, json } => {
            let sheet = accuracy_sheet(&read(file)?, *members, Some(usual_budget()))?;
            if *json { serde_json::to_string(&sheet)? } else { quoted(&sheet) }
        }
    };
    super::print(words.trim_end())
}

fn read(file: &Path) -> Result<Recipe> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::invalid(format!("The recipe {} cannot be read: {e}.", file.display())))?;
    if text.trim_start().starts_with('{') { Recipe::parse(&text) } else { Recipe::parse_toml(&text) }
}

/// The budget that a pool has where its operator names no other.
fn usual_budget() -> Cost {
    let cap = BudgetCap::default();
    Cost { rho_nano: cap.rho_nano.unsigned_abs(), delta_pico: cap.delta_pico.unsigned_abs() }
}

fn checked(recipe: &Recipe) -> Result<String> {
    let mut words = format!("{}\n\nColumns\n", recipe.explanation());
    for column in recipe.columns()? {
        words += &format!("  {:<14} {}\n", column.name, column.meaning);
    }
    let cost = recipe.cost();
    words += &format!("\nOne draw costs {}.\n", cost_in_words(cost));
    for caveat in recipe.caveats() {
        words += &format!("Mind: {caveat}\n");
    }
    words += &format!("\nsha256 {}\n", recipe.sha256());
    Ok(words)
}

fn cost_in_words(cost: Cost) -> String {
    let (rho, delta) = (cost.rho_nano as f64 / NANO as f64, cost.delta_pico as f64 / PICO as f64);
    format!("{rho} rho (zero-concentrated differential privacy) and a failure probability of {delta:e}")
}

fn quoted(sheet: &AccuracySheet) -> String {
    let mut words = format!("In a pool of {} members\n\n", count(sheet.members));
    words += &format!("  rows to count on       {} likely, {} at the fewest\n", sheet.rows.likely, sheet.rows.fewest);
    let share = match sheet.smallest_published_share {
        Some(share) if share > 1.0 => ", more than the pool has".to_owned(),
        Some(share) => format!(", {:.2} % of the pool", share * 100.0),
        None => String::new(),
    };
    words += &format!("  smallest number given  {} members{share}\n", sheet.smallest_published_fans);
    for measure in &sheet.measures {
        words += &format!(
            "  {:<22} noise {:.1} (standard deviation); 95 of 100 cells within {} of the bounded count\n",
            measure.column, measure.noise_standard_deviation, measure.half_width_95
        );
    }
    words += &format!("  cost of one draw       {}\n", cost_in_words(sheet.cost));
    for bound in &sheet.epsilon {
        words += &format!("  privacy of one draw    epsilon {:.2} at delta {:e}\n", bound.epsilon, bound.delta);
    }
    if let Some(budget) = &sheet.budget {
        words += &format!(
            "  of the usual budget    {:.1} %: {} draws in a pool's lifetime\n",
            budget.share * 100.0,
            count(budget.draws)
        );
    }
    words + &format!("\n{}\n", sheet.rows.explanation)
}

fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
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
        for said in ["20 most played artists", "capped_plays", "One draw costs 0.1 rho", "1e-9", "sha256 "] {
            assert!(words.contains(said), "{said} is missing in {words}");
        }
    }

    #[test]
    fn every_fault_is_named() {
        let faulty = "kind = \"artist_preference\"\nartists_per_member = 0\nfloor_members = 0\n";
        for (text, says) in [
            (faulty, vec!["`artists_per_member` is 0", "`floor_members` is 0"]),
            ("kind = \"skips\"", vec!["skips"]),
            ("kind = ", vec!["cannot be read"]),
            ("kind = \"artist_preference\"\nspeed = 1", vec!["speed"]),
        ] {
            let (_kept, path) = file("a.toml", text);
            let error = read(&path).unwrap_err();
            assert!(says.iter().all(|word| error.detail().contains(word)), "{}", error.detail());
        }
        assert!(read(Path::new("/nowhere/a.toml")).unwrap_err().detail().contains("/nowhere/a.toml"));
    }

    #[test]
    fn a_quote_says_what_to_count_on() {
        let words = quoted(&accuracy_sheet(&Recipe::default(), 18_000, Some(usual_budget())).unwrap());
        for said in ["18,000 members", "103 members, 0.57 %", "within 28 of", "epsilon 2.14 at delta 1e-6", "5 draws"] {
            assert!(words.contains(said), "{said} is missing in {words}");
        }
    }
}
