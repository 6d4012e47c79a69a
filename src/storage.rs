//! Files: plays, editions, twins. On this machine's disk; what is put is there whole or not at all.

use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::collections::BTreeMap;
use std::future::ready;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// Bytes that are read from a stored file at a time when it is sent piece by piece.
const PIECE_BYTES: u64 = 1 << 20;
const PIECE_STEP: usize = 1 << 20;
/// Where files lie while they are written: no key begins with this, so that no listing shows them.
const STAGING: &str = "staging";
/// How often a directory may vanish under a file that is about to be put into it.
const MOST_TRIES: usize = 16;
/// Bytes gathered before they are written to a file that is made piece by piece.
const WRITE_BYTES: usize = 256 << 10;
/// Pieces that are read ahead of what the network takes.
const READ_AHEAD: usize = 2;

/// The store of all files. Keys are `kind/name…`, made by the server, never by a caller.
#[derive(Clone)]
pub struct Storage {
    objects: Arc<dyn ObjectStore>,
    directory: PathBuf,
}

impl Storage {
    /// Files below a directory, which is made if it is not there.
    ///
    /// # Errors
    /// `internal` where the directory cannot be made.
    pub fn local(directory: &std::path::Path) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let objects = LocalFileSystem::new_with_prefix(directory)?.with_automatic_cleanup(true);
        Ok(Storage { objects: Arc::new(objects), directory: directory.to_owned() })
    }

    /// The store itself, for the query engine.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// Stores a file under a key, and returns once it is durable: written where nobody looks, synced,
    /// renamed, and the directory synced, so that a crash leaves all of it or nothing.
    ///
    /// # Errors
    /// `storage-full` where the disk has no room.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        let storage = self.clone();
        let key = key.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            let mut upload = storage.upload(&key)?;
            upload.write_all(&bytes)?;
            upload.finish().map(drop)
        });
        written.await.map_err(Error::internal)?
    }

    /// Begins to store a file that is written piece by piece, as durably as [`Storage::put`] does. For
    /// threads that may block.
    ///
    /// # Errors
    /// `storage-full` where the disk has no room.
    pub fn upload(&self, key: &str) -> Result<Upload> {
        let target = self.directory.join(path(key)?.as_ref());
        let staging = self.directory.join(STAGING);
        std::fs::create_dir_all(&staging)?;
        let file = NamedTempFile::new_in(staging)?;
        Ok(Upload { file: BufWriter::with_capacity(WRITE_BYTES, file), target })
    }

    /// Removes what writers left behind that were killed: parts of members' plays among it. Returns how many files
    /// those were. For a server that nobody else writes beside.
    ///
    /// # Errors
    /// `internal` where the directory cannot be read or written.
    pub fn clear_staging(&self) -> Result<usize> {
        let staging = self.directory.join(STAGING);
        std::fs::create_dir_all(&staging)?;
        let mut removed = 0;
        for entry in std::fs::read_dir(staging)? {
            std::fs::remove_file(entry?.path())?;
            removed += 1;
        }
        Ok(removed)
    }

    /// A whole file.
    pub async fn get(&self, key: &str) -> Result<Bytes> {
        Ok(self.objects.get(&path(key)?).await?.bytes().await?)
    }

    /// Part of a file, in pieces of up to 1 MiB, each read while the one before is being sent. A file
    /// that is missing shows at once, before anything is sent.
    pub async fn stream(&self, key: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let (objects, path) = (Arc::clone(&self.objects), path(key)?);
        if range.is_empty() {
            objects.head(&path).await?; // an empty file may be missing like any other
            return Ok(stream::empty().boxed());
        }
        let end = range.end;
        let piece = move |at: u64| at..end.min(at.saturating_add(PIECE_BYTES));
        let first = objects.get_range(&path, piece(range.start)).await?;
        let later = (range.start..end).step_by(PIECE_STEP).skip(1);
        let pieces = stream::iter(later).map(move |at| {
            let (objects, path) = (Arc::clone(&objects), path.clone());
            async move { Ok(objects.get_range(&path, piece(at)).await?) }
        });
        Ok(stream::once(ready(Ok(first))).chain(pieces.buffered(READ_AHEAD)).boxed())
    }

    /// Removes a file. One that is not there is as good as removed.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.objects.delete(&path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Every key that begins with `prefix/`.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.sizes(prefix).await?.into_keys().collect())
    }

    /// Every key that begins with `prefix/`, with the size of its file in bytes.
    pub async fn sizes(&self, prefix: &str) -> Result<BTreeMap<String, u64>> {
        let mut sizes = BTreeMap::new();
        let mut found = self.objects.list(Some(&path(prefix)?));
        while let Some(object) = found.next().await {
            let object = object?;
            sizes.insert(object.location.to_string(), object.size);
        }
        Ok(sizes)
    }
}

/// A file on its way into the store. Nobody sees anything of it before it is whole; dropped, it leaves nothing.
pub struct Upload {
    file: BufWriter<NamedTempFile>,
    target: PathBuf,
}

impl Upload {
    /// Makes the file durable and shows it under its key. Returns its size in bytes.
    ///
    /// # Errors
    /// `storage-full` where the disk has no room.
    pub fn finish(self) -> Result<u64> {
        let mut file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        let size_bytes = file.as_file().metadata()?.len();
        let directory = self.target.parent().ok_or_else(|| Error::internal("a stored file lies in a directory"))?;
        let mut tries = 0..MOST_TRIES;
        loop {
            match show(file, directory, &self.target) {
                Ok(directory) => {
                    directory.sync_all()?;
                    return Ok(size_bytes);
                }
                Err((back, error)) if error.kind() == std::io::ErrorKind::NotFound && tries.next().is_some() => {
                    file = back
                }
                Err((_, error)) => return Err(error.into()),
            }
        }
    }
}

/// Puts a file into its place, and gives back the directory, to be synced. A directory goes with its last file, which may
/// happen at any point between these steps: then the file comes back with `NotFound`. Opened before the file is seen, the
/// directory can be synced even if somebody takes the file, and the directory, away at once.
fn show(
    file: NamedTempFile,
    directory: &std::path::Path,
    target: &std::path::Path,
) -> Result<std::fs::File, (NamedTempFile, std::io::Error)> {
    let opened = match std::fs::create_dir_all(directory).and_then(|()| std::fs::File::open(directory)) {
        Ok(opened) => opened,
        Err(error) => return Err((file, error)),
    };
    match file.persist(target) {
        Ok(_) => Ok(opened),
        Err(failed) => Err((failed.file, failed.error)),
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn path(key: &str) -> Result<Path> {
    Path::parse(key).map_err(Error::internal)
}

#[cfg(test)]
impl Storage {
    /// The same files, read from so slowly that whoever needs them is still at it when a test looks.
    pub fn slowed(&self) -> Self {
        use object_store::chunked::ChunkedStore;
        use object_store::throttle::{ThrottleConfig, ThrottledStore};
        let wait_get_per_byte = std::time::Duration::from_millis(50);
        let config = ThrottleConfig { wait_get_per_byte, ..ThrottleConfig::default() };
        let in_pieces = ChunkedStore::new(self.object_store(), 1_024); // whole files cannot be slowed
        Storage { objects: Arc::new(ThrottledStore::new(in_pieces, config)), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    #[tokio::test]
    async fn what_is_being_written_is_in_no_list_and_goes_when_its_writer_was_killed() {
        let directory = tempfile::tempdir().unwrap();
        let storage = Storage::local(directory.path()).unwrap();
        let mut upload = storage.upload("plays/a").unwrap();
        upload.write_all(b"plays").unwrap();
        assert_eq!(storage.list("plays").await.unwrap(), [""; 0]);
        std::mem::forget(upload);
        assert_eq!((storage.clear_staging().unwrap(), storage.clear_staging().unwrap()), (1, 0));
        storage.put("plays/a", Bytes::from_static(b"plays")).await.unwrap();
        assert_eq!(storage.list("plays").await.unwrap(), ["plays/a"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn putting_beside_taking_the_last_file_of_a_directory_away_does_not_fail() {
        let directory = tempfile::tempdir().unwrap();
        let storage = Storage::local(directory.path()).unwrap();
        let taking = storage.clone();
        let taker = tokio::spawn(async move {
            loop {
                for key in taking.list("editions").await.unwrap_or_default() {
                    taking.delete(&key).await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        });
        for i in 0..300 {
            storage.put(&format!("editions/one/{i}/file"), Bytes::from_static(b"rows")).await.unwrap();
        }
        taker.abort();
    }

    #[tokio::test]
    async fn a_part_of_a_file_comes_in_pieces_that_join_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let storage = Storage::local(directory.path()).unwrap();
        let content: Vec<u8> = (0..2_500_000u32).map(|i| (i % 251) as u8).collect();
        storage.put("editions/a", Bytes::from(content.clone())).await.unwrap();
        for (start, end) in [(0, 2_500_000), (0, 1), (1 << 20, 2 << 20), (1_048_575, 2_097_153), (2_499_999, 2_500_000)]
        {
            let pieces: Vec<Bytes> =
                storage.stream("editions/a", start..end).await.unwrap().try_collect().await.unwrap();
            assert!(pieces.iter().all(|piece| piece.len() <= 1 << 20));
            assert_eq!(pieces.concat(), content[start as usize..end as usize]);
        }
        assert!(storage.stream("editions/b", 0..1).await.is_err());
    }
}
