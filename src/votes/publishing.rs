//! Publishing what is needed to count an ended vote again: the bundle is written once, piece by piece, into the storage.

use super::bundle::{LeafLine, Statement};
use super::commitment::{Tag, VOID};
use super::log_store::LeafRow;
use super::model::{Choice, Vote};
use super::store::{self, Bundle};
use super::{log_store, steps};
use crate::context::Context;
use crate::db::Database;
use crate::error::{Error, Result};
use crate::ids::VoteId;
use crate::storage::Upload;
use aws_lc_rs::digest;
use std::io::Write;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// Leaves that are read at a time.
const PIECE: u64 = 10_000;

/// Publishes the bundle of a vote that has been counted. Repeating it changes nothing: the same vote gives the same bytes.
///
/// # Errors
/// `storage-full`; `internal` where the database fails or the log is damaged.
pub async fn publish(ctx: &Context, id: &VoteId) -> Result<()> {
    let vote_id = id.clone();
    let found = ctx.db.read(move |db| {
        let vote = steps::vote(db, &vote_id)?;
        let is_due = vote.tally().is_some() && store::bundle(db, &vote_id)?.is_none();
        if is_due { Ok(Some((vote, log_store::tags(db, &vote_id)?))) } else { Ok(None) }
    });
    let Some((vote, tags)) = found.await? else { return Ok(()) };
    let Some(statement) = Statement::of(&vote, &ctx.signer)? else { return Ok(()) };
    let object_key = format!("votes/{id}.jsonl");
    let upload = ctx.storage.upload(&object_key)?;
    let (db, runtime, span) = (ctx.db.clone(), Handle::current(), tracing::Span::current());
    // Writing blocks, on a disk as on a network, and this thread has other work.
    let writing = spawn_blocking(move || span.in_scope(|| write(&db, &runtime, upload, &statement, &vote, &tags)));
    let (size_bytes, sha256) = writing.await.map_err(Error::internal)??;
    let bundle = Bundle { vote_id: id.clone(), object_key, size_bytes, sha256, made_at: ctx.clock.now() };
    ctx.db.write(move |tx| store::add_bundle(tx, &bundle)).await
}

/// Writes a bundle; its size in bytes and its SHA-256 in hex. Runs on a thread that may block, and has the runtime read for it.
fn write(
    db: &Database,
    runtime: &Handle,
    upload: Upload,
    statement: &Statement,
    vote: &Vote,
    tags: &[Tag],
) -> Result<(i64, String)> {
    let mut file = Lines { upload, digest: digest::Context::new(&digest::SHA256) };
    file.line(statement)?;
    for tag in tags {
        file.line(&hex::encode(tag))?;
    }
    for from in (0..statement.log_size).step_by(PIECE as usize) {
        let (vote_id, to) = (vote.id.clone(), statement.log_size.min(from + PIECE));
        for leaf in runtime.block_on(db.read(move |db| log_store::leaves(db, &vote_id, from..to)))? {
            file.line(&line(vote, tags, &leaf)?)?;
        }
    }
    file.finish()
}

fn line<'a>(vote: &Vote, tags: &[Tag], leaf: &'a LeafRow) -> Result<LeafLine<'a>> {
    let damaged = || Error::internal(format!("leaf {} of {} is of nobody in the electorate", leaf.log_index, vote.id));
    let elector = tags.binary_search_by(|tag| tag[..].cmp(&leaf.tag)).map_err(|_| damaged())?;
    let sequence = u32::try_from(leaf.sequence).map_err(Error::internal)?;
    Ok((elector, sequence, leaf.choice.map_or(VOID, Choice::as_str), hex::encode(&leaf.nonce)))
}

/// Lines on their way into the storage.
struct Lines {
    upload: Upload,
    digest: digest::Context,
}

impl Lines {
    fn line(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.digest.update(&line);
        Ok(self.upload.write_all(&line)?)
    }

    /// Shows the file whole; its size in bytes and its SHA-256 in hex.
    fn finish(self) -> Result<(i64, String)> {
        let size_bytes = i64::try_from(self.upload.finish()?).map_err(Error::internal)?;
        Ok((size_bytes, hex::encode(self.digest.finish())))
    }
}
