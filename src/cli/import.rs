//! `refrain import`: what a server would keep of an export, for a person's own copy of it.

use crate::clock::Clock;
use crate::config;
use crate::error::{Error, Result};
use crate::histories::helpers::Helpers;
use crate::histories::zip::Limits;
use crate::histories::{intake, plays_file};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Stands in the place of a member's id in a file of one's own.
const OWN: &str = "own";

/// What `refrain import` takes.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// An archive as the service sent it, a folder with the unpacked histories, or one JSON file of them
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object instead of words
    #[arg(long)]
    json: bool,
    /// Write the plays that are kept to this Parquet file
    #[arg(long, value_name = "PLAYS.parquet")]
    output: Option<PathBuf>,
}

/// Reads the history and prints the report to standard output.
///
/// # Errors
/// What the intake refuses, in its words.
pub fn run(args: &ImportArgs) -> Result<()> {
    if let Some(output) = &args.output {
        check_output(output)?;
    }
    let helpers = Helpers::new(config::cores() - 1);
    let (plays, report) = intake::read_path(&args.file, Limits::default(), Clock::system().now(), &helpers)?;
    if let Some(output) = &args.output {
        let bytes = plays_file::write(OWN, &plays, &helpers)?;
        std::fs::write(output, bytes)
            .map_err(|e| Error::invalid(format!("{} cannot be written: {e}.", output.display())))?;
    }
    let words = if args.json { serde_json::to_string(&report.summary())? } else { report.to_string() };
    super::print(words)
}

/// Nothing is written over but an earlier Parquet file: a slip of the hand may not cost anybody the export.
fn check_output(output: &Path) -> Result<()> {
    let Ok(mut there) = File::open(output) else { return Ok(()) };
    let mut begins = [0; 4];
    if there.read_exact(&mut begins).is_ok() && &begins == b"PAR1" {
        return Ok(());
    }
    Err(Error::invalid(format!("{} is there already and is no Parquet file; name another one.", output.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UtcTime;
    use crate::histories::made_up::{Shape, World};

    #[test]
    fn the_file_written_holds_the_plays_that_are_kept() {
        let world = World::small(3, UtcTime::parse("2024-11-23T00:00:00Z").unwrap());
        let listener = world.listener(0);
        let folder = tempfile::tempdir().unwrap();
        let (file, output) = (folder.path().join("my_spotify_data.zip"), folder.path().join("plays.parquet"));
        std::fs::write(&file, listener.zip(Shape::ExtendedNew)).unwrap();
        run(&ImportArgs { file: file.clone(), json: true, output: Some(output.clone()) }).unwrap();
        let plays = plays_file::read(std::fs::read(&output).unwrap().into()).unwrap();
        assert_eq!(plays.len(), listener.plays().len());
        run(&ImportArgs { file: file.clone(), json: true, output: Some(output) }).unwrap();
        let itself = ImportArgs { file: file.clone(), json: true, output: Some(file.clone()) };
        let before = std::fs::read(&file).unwrap();
        assert!(run(&itself).unwrap_err().detail().contains("no Parquet file"));
        assert_eq!(std::fs::read(&file).unwrap(), before, "the export is still there");
        let nowhere = ImportArgs { file, json: true, output: Some(folder.path().join("no/such/folder.parquet")) };
        assert!(run(&nowhere).unwrap_err().to_string().contains("cannot be written"));
    }
}
