//! Files: plays, editions, twins, bundles of votes. On this machine's disk, or in a bucket of an S3-compatible service; what is
//! put is there whole or not at all.

mod disk;
mod s3;

use crate::config;
use crate::error::{Error, Result};
use bytes::Bytes;
use disk::Disk;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use s3::Bucket;
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// The store of all files. Keys are `kind/name…`, made by the server, never by a caller.
#[derive(Clone)]
pub struct Storage {
    objects: Arc<dyn ObjectStore>,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Disk(Disk),
    S3(Bucket),
}

impl Storage {
    /// Files where the settings say: in the bucket that they name, or else below the directory.
    ///
    /// # Errors
    /// `internal` where the directory cannot be made; `invalid` where the bucket cannot be described so.
    pub fn open(settings: &config::Storage, directory: &std::path::Path) -> Result<Self> {
        match &settings.s3 {
            Some(settings) => Self::s3(settings),
            None => Self::local(directory),
        }
    }

    /// Files below a directory, which is made if it is not there.
    ///
    /// # Errors
    /// `internal` where the directory cannot be made.
    pub fn local(directory: &std::path::Path) -> Result<Self> {
        let disk = Disk::open(directory)?;
        Ok(Storage { objects: disk.objects()?, place: Place::Disk(disk) })
    }

    /// Files in a bucket, which is there already.
    ///
    /// # Errors
    /// `invalid` where it cannot be described so.
    pub fn s3(settings: &config::S3) -> Result<Self> {
        let bucket = Bucket::open(settings)?;
        Ok(Storage { objects: bucket.objects(), place: Place::S3(bucket) })
    }

    /// Sees that a bucket can be written to, read and cleared, while somebody is looking.
    ///
    /// # Errors
    /// `invalid` naming the bucket, what cannot be done there, and why.
    pub async fn check(&self) -> Result<()> {
        match &self.place {
            Place::Disk(_) => Ok(()),
            Place::S3(bucket) => bucket.check().await,
        }
    }

    /// The store itself, for the query engine.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// Stores a file under a key, and returns once it is durable. A crash leaves all of it or nothing.
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
        let key = path(key)?;
        Ok(match &self.place {
            Place::Disk(disk) => Upload::Disk(disk.upload(&key)?),
            Place::S3(bucket) => Upload::S3(bucket.upload(key)),
        })
    }

    /// Removes what writers left behind that were killed: parts of members' plays among it. Returns how many files
    /// those were. For a server that nobody else writes beside. In a bucket such parts are in no file and in no list; the
    /// service removes them as its rules say.
    ///
    /// # Errors
    /// `internal` where the directory cannot be read or written.
    pub fn clear_staging(&self) -> Result<usize> {
        match &self.place {
            Place::Disk(disk) => disk.clear_staging(),
            Place::S3(_) => Ok(0),
        }
    }

    /// A whole file.
    pub async fn get(&self, key: &str) -> Result<Bytes> {
        Ok(self.objects.get(&path(key)?).await?.bytes().await?)
    }

    /// Part of a file, in pieces, so that of a file of any size little is in memory. One that is missing shows at once,
    /// before anything is sent.
    pub async fn stream(&self, key: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let path = path(key)?;
        if range.is_empty() {
            self.objects.head(&path).await?; // an empty file may be missing like any other
            return Ok(stream::empty().boxed());
        }
        match &self.place {
            Place::Disk(disk) => disk.stream(&path, range).await,
            Place::S3(bucket) => bucket.stream(path, range).await,
        }
    }

    /// The store's own link to a file, which reads it without an account for as long as the settings say, and at most for so
    /// long. `None` where files come through this server: from a disk, and from a bucket whose settings do not allow such links.
    pub async fn own_link(&self, key: &str, most: Duration) -> Result<Option<String>> {
        match &self.place {
            Place::Disk(_) => Ok(None),
            Place::S3(bucket) => bucket.own_link(&path(key)?, most).await,
        }
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
pub enum Upload {
    /// To this machine's disk.
    Disk(disk::Staged),
    /// To a bucket, in parts.
    S3(s3::Parts),
}

impl Upload {
    /// Makes the file durable and shows it under its key. Returns its size in bytes.
    ///
    /// # Errors
    /// `storage-full` where the disk has no room.
    pub fn finish(self) -> Result<u64> {
        match self {
            Upload::Disk(staged) => staged.finish(),
            Upload::S3(parts) => parts.finish(),
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Upload::Disk(staged) => staged.write(bytes),
            Upload::S3(parts) => parts.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Upload::Disk(staged) => staged.flush(),
            Upload::S3(_) => Ok(()), // a part goes when it is full, the last one with the end
        }
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
