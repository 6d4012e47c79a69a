//! Files: plays, editions, twins. On this machine's disk; what is put is there whole or not at all.

use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

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

    /// Stores a file under a key, and returns once it is durable: written under a temporary name,
    /// synced, renamed, and the directory synced, so that a crash leaves all of it or nothing.
    ///
    /// # Errors
    /// `storage-full` where the disk has no room.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        let target = self.directory.join(path(key)?.as_ref());
        let written = tokio::task::spawn_blocking(move || write_durably(&target, &bytes)).await;
        written.map_err(Error::internal)?
    }

    /// A whole file.
    pub async fn get(&self, key: &str) -> Result<Bytes> {
        Ok(self.objects.get(&path(key)?).await?.bytes().await?)
    }

    /// Part of a file, piece by piece.
    pub async fn stream(&self, key: &str, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.objects.get_opts(&path(key)?, options).await?;
        Ok(found.into_stream().map(|piece| piece.map_err(Error::from)).boxed())
    }

    /// Removes a file. One that is not there is as good as removed.
    pub async fn delete(&self, key: &str) -> Result<()> {
        match self.objects.delete(&path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Every key that begins with `prefix/`, for the check for orphans.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut found = self.objects.list(Some(&path(prefix)?));
        while let Some(object) = found.next().await {
            keys.push(object?.location.to_string());
        }
        Ok(keys)
    }
}

fn write_durably(target: &std::path::Path, bytes: &[u8]) -> Result<()> {
    let directory = target.parent().ok_or_else(|| Error::internal("a stored file lies in a directory"))?;
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|failed| failed.error)?;
    std::fs::File::open(directory)?.sync_all()?;
    Ok(())
}

fn path(key: &str) -> Result<Path> {
    Path::parse(key).map_err(Error::internal)
}
