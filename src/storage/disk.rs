//! Files on this machine's disk.

use crate::error::{Error, Result};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::NamedTempFile;

/// Bytes that are read at a time when a file is sent: a quarter of what the web framework gathers for one call of the system, so that its
/// buffer is grown seldom, and little enough that what was read is still in the processor's cache when it is gathered.
const PIECE_BYTES: usize = 256 << 10;
/// Bytes gathered before they are written to a file that is made piece by piece.
const WRITE_BYTES: usize = 256 << 10;
/// Where files lie while they are written: no key begins with this, so that no listing shows them.
const STAGING: &str = "staging";
/// How often a directory may vanish under a file that is about to be put into it.
const MOST_TRIES: usize = 16;

/// A directory of files.
#[derive(Clone)]
pub struct Disk {
    directory: Arc<std::path::Path>,
}

impl Disk {
    /// Opens a directory, which is made if it is not there.
    pub fn open(directory: &std::path::Path) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Disk { directory: directory.into() })
    }

    /// The same as a store of objects.
    pub fn objects(&self) -> Result<Arc<dyn ObjectStore>> {
        Ok(Arc::new(LocalFileSystem::new_with_prefix(&self.directory)?.with_automatic_cleanup(true)))
    }

    /// Begins a file: it is written where nobody looks.
    pub fn upload(&self, key: &Path) -> Result<Staged> {
        let target = self.directory.join(key.as_ref());
        let staging = self.directory.join(STAGING);
        std::fs::create_dir_all(&staging)?;
        let file = NamedTempFile::new_in(staging)?;
        Ok(Staged { file: BufWriter::with_capacity(WRITE_BYTES, file), target })
    }

    /// Removes files whose writers were killed; says how many.
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

    /// Part of a file in pieces. The file stays open, so that who reads it gets all of it, whatever becomes of its name.
    pub async fn stream(&self, key: &Path, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let place = self.directory.join(key.as_ref());
        let opened = match open_cached(&place) {
            Some(file) => Ok(file),
            None => tokio::task::spawn_blocking(move || File::open(place)).await.map_err(Error::internal)?,
        };
        let file = opened.map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => Error::not_found("file").because(cause),
            _ => cause.into(),
        })?;
        let pieces = stream::try_unfold((Arc::new(file), range), |(file, mut range)| async move {
            if range.is_empty() {
                return Ok(None);
            }
            let piece = piece(&file, &range).await?;
            range.start += piece.len() as u64;
            Ok(Some((piece, (file, range))))
        });
        Ok(pieces.boxed())
    }
}

thread_local! {
    /// Buffers that are free. A piece is copied on and let go of before the next is read, on the same thread: so a few serve all
    /// connections, always the same few are used, and those are in the processor's cache.
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}
/// Buffers that a thread keeps at most.
const FREE_MAX: usize = 4;

/// What was read, in a buffer that is kept for the next.
struct Piece {
    buffer: Box<[u8]>,
    size_bytes: usize,
}

impl Piece {
    fn empty() -> Self {
        let free = FREE.with_borrow_mut(Vec::pop);
        Piece { buffer: free.unwrap_or_else(|| vec![0; PIECE_BYTES].into()), size_bytes: 0 }
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.size_bytes]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        // A thread that ends has no use for it any more.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.len() < FREE_MAX && buffer.len() == PIECE_BYTES {
                free.push(buffer);
            }
        });
    }
}

/// The next piece of a part. What the system has in memory is read at once, as it nearly always does: a trip to another thread
/// for each piece costs more than the copy. What it has not is waited for elsewhere.
async fn piece(file: &Arc<File>, range: &Range<u64>) -> Result<Bytes> {
    let size_bytes = usize::try_from(range.end - range.start).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
    let (mut piece, at) = (Piece::empty(), range.start);
    piece.size_bytes = match read_cached(file, &mut piece.buffer[..size_bytes], at) {
        Some(read) => read,
        None => {
            let file = Arc::clone(file);
            let waited = tokio::task::spawn_blocking(move || {
                let read = file.read_at(&mut piece.buffer[..size_bytes], at);
                read.map(|read| (piece, read))
            });
            let (filled, read) = waited.await.map_err(Error::internal)??;
            piece = filled;
            read
        }
    };
    if piece.size_bytes == 0 {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "the stored file is shorter than it was").into());
    }
    Ok(Bytes::from_owner(piece))
}

/// Opens a file whose place the system has in memory; `None` where it has not, or cannot tell.
#[cfg(target_os = "linux")]
fn open_cached(place: &std::path::Path) -> Option<File> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    openat2(CWD, place, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn open_cached(_: &std::path::Path) -> Option<File> {
    None
}

/// Reads what is in the system's memory; `None` where there is nothing of it, or the file system cannot tell.
#[cfg(target_os = "linux")]
fn read_cached(file: &File, buffer: &mut [u8], at: u64) -> Option<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    preadv2(file, &mut [io::IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT).ok()
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_: &File, _: &mut [u8], _: u64) -> Option<usize> {
    None
}

/// A file that is being written.
pub struct Staged {
    file: BufWriter<NamedTempFile>,
    target: PathBuf,
}

impl Staged {
    /// Synced, renamed, and the directory synced.
    pub fn finish(self) -> Result<u64> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
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
                Err((back, error)) if error.kind() == ErrorKind::NotFound && tries.next().is_some() => file = back,
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
) -> Result<File, (NamedTempFile, io::Error)> {
    let opened = match std::fs::create_dir_all(directory).and_then(|()| File::open(directory)) {
        Ok(opened) => opened,
        Err(error) => return Err((file, error)),
    };
    match file.persist(target) {
        Ok(_) => Ok(opened),
        Err(failed) => Err((failed.file, failed.error)),
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
