//! `refrain import`: what a server would keep of an export, for a person's own copy of it.

use crate::clock::Clock;
use crate::error::Result;
use crate::histories::intake;
use crate::histories::zip::Limits;
use std::path::PathBuf;

/// What `refrain import` takes.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// An archive as the service sent it, a folder with the unpacked histories, or one JSON file of them
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
}

/// Reads the history and prints the report to standard output.
///
/// # Errors
/// What the intake refuses, in its words.
pub fn run(args: &ImportArgs) -> Result<()> {
    let (_, report) = intake::read_path(&args.file, Limits::default(), Clock::system().now())?;
    let words = if args.json { serde_json::to_string(&report.summary())? } else { report.to_string() };
    super::print(words)
}
