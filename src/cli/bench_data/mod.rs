//! `refrain bench-data`: plays of a made-up crowd in the files in which a pool keeps plays, to measure aggregates on.

mod mark;
mod writing;

use crate::error::{Error, Result};
use crate::histories::made_up::crowd::{Crowd, CrowdSize};
use crate::money::grouped;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(super) use mark::Mark;

/// Make plays of members who do not exist, in the files in which a pool keeps plays, to measure on.
#[derive(Debug, clap::Args)]
pub struct BenchDataArgs {
    /// Plays of all members together
    #[arg(long, default_value_t = 20_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    rows: u64,
    /// Members of the pool
    #[arg(long, default_value_t = 18_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    members: u32,
    /// Artists that there are
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=2_000_000))]
    artists: u32,
    /// Another seed gives other plays, the same one the same
    #[arg(long, default_value_t = 20_261_123)]
    seed: u64,
    /// A new or empty directory for the files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the directory's mark, one JSON object, instead of words
    #[arg(long)]
    json: bool,
}

/// Makes the files and tells how long that took.
///
/// # Errors
/// `invalid` where the directory holds something; `storage-full` where the disk has no room.
pub fn run(args: &BenchDataArgs) -> Result<()> {
    let size = CrowdSize { rows: args.rows, members: args.members, artists: args.artists, seed: args.seed };
    let mark = make(size, &args.out)?;
    super::print(if args.json { serde_json::to_string(&mark)? } else { words(&mark, &args.out) })
}

fn make(size: CrowdSize, directory: &Path) -> Result<Mark> {
    let began_at = Instant::now();
    std::fs::create_dir_all(directory)?;
    if std::fs::read_dir(directory)?.next().is_some() {
        let name = directory.display();
        return Err(Error::invalid(format!(
            "{name} holds something already. Name a new or empty directory with --out."
        )));
    }
    let crowd = Crowd::new(size);
    let bar = progress(size.rows);
    let (shards, seconds) = writing::write(&crowd, directory, &bar)?;
    bar.finish_and_clear();
    let with_plays = crowd.shards().iter().flatten().filter(|member| member.plays > 0);
    let mut members: Vec<_> = with_plays.map(|member| &member.account).collect();
    members.sort_unstable();
    let mut mark = Mark { shards, seconds, ..Mark::of(size) };
    mark.seconds.total = began_at.elapsed().as_secs_f64();
    mark.write(directory, &members)?;
    Ok(mark)
}

/// Silent where nobody watches a terminal.
fn progress(rows: u64) -> ProgressBar {
    let bar = ProgressBar::new(rows);
    let look = "[{bar:30}] {human_pos} of {human_len} plays ({per_sec}, {eta} left)";
    if let Ok(style) = ProgressStyle::with_template(look) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn words(mark: &Mark, directory: &Path) -> String {
    let count = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    let bytes = |of: fn(&mark::ShardFiles) -> u64| mark.shards.iter().map(of).sum::<u64>() as f64;
    let (plays_mb, counts_mb) = (bytes(|files| files.plays_bytes) / 1e6, bytes(|files| files.counts_bytes) / 1e6);
    let seconds = &mark.seconds;
    let per_core = |spent_s: f64| count((mark.rows as f64 / spent_s) as u64);
    format!(
        "{} plays of {} members and {} artists, seed {}, lie in {}: {} shards, {plays_mb:.0} MB, and {counts_mb:.0} MB of counts.\n\
         {:.1} s in all. A core makes and writes {} plays a second. Counting them and writing the counts took \
         {:.1} s of a core, {} plays a second.",
        count(mark.rows),
        count(mark.members.into()),
        count(mark.artists.into()),
        mark.seed,
        directory.display(),
        mark.shards.len(),
        seconds.total,
        per_core(seconds.making + seconds.writing),
        seconds.counting,
        per_core(seconds.counting),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histories::model::shard_of;

    fn size(rows: u64, members: u32) -> CrowdSize {
        CrowdSize { rows, members, artists: 500, seed: 3 }
    }

    #[test]
    fn the_files_are_what_the_mark_says_and_always_the_same() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mark = make(size(1_500, 90), one.path()).unwrap();
        let again = make(size(1_500, 90), two.path()).unwrap();
        assert_eq!(Mark::read(one.path()).unwrap().shards, mark.shards);
        assert_eq!(mark.shards.iter().map(|files| files.rows).sum::<u64>(), 1_500);
        assert_eq!(mark.shards, again.shards);
        for files in &mark.shards {
            for (name, bytes) in [(&files.plays, files.plays_bytes), (&files.counts, files.counts_bytes)] {
                let content = std::fs::read(one.path().join(name)).unwrap();
                assert_eq!(content.len() as u64, bytes);
                assert!(content == std::fs::read(two.path().join(name)).unwrap(), "{name} differs");
            }
        }
    }

    #[test]
    fn a_draw_finds_every_member_in_the_shard_that_the_id_tells() {
        let directory = tempfile::tempdir().unwrap();
        let mark = make(size(1_500, 90), directory.path()).unwrap();
        let objects = mark.objects(directory.path()).unwrap();
        for (object, files) in objects.iter().zip(&mark.shards) {
            assert_eq!(object.key, files.plays);
            assert!(object.members.is_sorted() && object.members.iter().all(|member| shard_of(member) == files.shard));
        }
        assert!(objects.iter().map(|object| object.members.len()).sum::<usize>() > 80);
    }

    #[test]
    fn nothing_is_written_over_and_nothing_unmarked_is_read() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Mark::read(directory.path()).unwrap_err().detail().contains("bench.json"));
        std::fs::write(directory.path().join("refrain.db"), "").unwrap();
        assert!(make(size(10, 10), directory.path()).unwrap_err().detail().contains("--out"));
    }
}
