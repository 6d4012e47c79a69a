//! Making the shards of a crowd and writing them, on all cores.

use super::mark::{Seconds, ShardFiles};
use crate::config::cores;
use crate::error::{Error, Result};
use crate::histories::counts_file::CountsWriter;
use crate::histories::made_up::crowd::{Crowd, Scribe};
use crate::histories::model::shard_prefix;
use crate::histories::plays_file;
use indicatif::ProgressBar;
use parquet::arrow::ArrowWriter;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Writes all shards of a crowd; `bar` goes on by their plays. One shard a core is in memory at a time.
///
/// # Errors
/// `storage-full` where the disk has no room.
pub fn write(crowd: &Crowd, directory: &Path, bar: &ProgressBar) -> Result<(Vec<ShardFiles>, Seconds)> {
    let next = AtomicUsize::new(0);
    let done = std::thread::scope(|scope| {
        let worker = || Worker { scribe: Scribe::new(crowd), directory, bar, seconds: Seconds::default() };
        let next = &next;
        let workers: Vec<_> = (0..cores()).map(|_| scope.spawn(move || worker().work(next))).collect();
        let ended = |panicked| std::panic::resume_unwind(panicked);
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(ended)).collect::<Result<Vec<_>>>()
    })?;
    let (mut shards, mut seconds) = (Vec::new(), Seconds::default());
    for (files, spent) in done {
        shards.extend(files);
        seconds.making += spent.making;
        seconds.writing += spent.writing;
        seconds.counting += spent.counting;
    }
    shards.sort_unstable_by_key(|files| files.shard);
    Ok((shards, seconds))
}

struct Worker<'a> {
    scribe: Scribe<'a>,
    directory: &'a Path,
    bar: &'a ProgressBar,
    seconds: Seconds,
}

impl Worker<'_> {
    /// Takes shard after shard until none is left.
    fn work(mut self, next: &AtomicUsize) -> Result<(Vec<ShardFiles>, Seconds)> {
        let mut done = Vec::new();
        loop {
            let shard = next.fetch_add(1, Ordering::Relaxed);
            match self.scribe.crowd().shards().get(shard) {
                None => return Ok((done, self.seconds)),
                Some(members) if members.iter().all(|member| member.plays == 0) => {}
                Some(_) => done.push(self.shard(shard)?),
            }
        }
    }

    fn shard(&mut self, shard: usize) -> Result<ShardFiles> {
        let number = i32::try_from(shard).map_err(Error::internal)?;
        let prefix = shard_prefix(number);
        let (plays_key, counts_key) = (format!("{prefix}/made-up.parquet"), format!("{prefix}/made-up.counts.parquet"));
        std::fs::create_dir_all(self.directory.join(prefix))?;
        let mut at = Instant::now();
        let mut took_s = move || std::mem::replace(&mut at, Instant::now()).elapsed().as_secs_f64();
        let plays = self.scribe.shard(shard)?;
        self.seconds.making += took_s();
        let file = File::create(self.directory.join(&plays_key))?;
        let properties = Some(plays_file::writer_properties());
        let mut writer = ArrowWriter::try_new(file, plays.schema(), properties).map_err(Error::internal)?;
        writer.write(&plays).map_err(Error::internal)?;
        let file = writer.into_inner().map_err(Error::internal)?;
        self.seconds.writing += took_s();
        let mut counts = CountsWriter::new(File::create(self.directory.join(&counts_key))?)?;
        counts.add(&plays)?;
        let counts = counts.finish()?;
        self.seconds.counting += took_s();
        let rows = plays.num_rows() as u64;
        self.bar.inc(rows);
        let (plays_bytes, counts_bytes) = (file.metadata()?.len(), counts.metadata()?.len());
        Ok(ShardFiles { shard: number, plays: plays_key, counts: counts_key, rows, plays_bytes, counts_bytes })
    }
}
