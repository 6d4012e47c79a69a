//! How several threads read one archive, each an entry of its own.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// A source for several readers, each with a place of its own in it. Only packed bytes are read under the lock.
pub struct Shared<R> {
    source: Arc<Mutex<R>>,
    at: u64,
}

impl<R> Shared<R> {
    /// A reader at the beginning of the source.
    pub fn new(source: R) -> Self {
        Shared { source: Arc::new(Mutex::new(source)), at: 0 }
    }
}

impl<R> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Shared { source: Arc::clone(&self.source), at: self.at }
    }
}

impl<R: Read + Seek> Read for Shared<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        // Where the source's own place was left does not matter, so a lock that somebody panicked with is as good.
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        source.seek(SeekFrom::Start(self.at))?;
        let read = source.read(bytes)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Shared<R> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let from_here = match to {
            SeekFrom::Current(by) => SeekFrom::Start(self.at.checked_add_signed(by).ok_or(ErrorKind::InvalidInput)?),
            other => other,
        };
        self.at = self.source.lock().unwrap_or_else(PoisonError::into_inner).seek(from_here)?;
        Ok(self.at)
    }
}

/// An entry on its way out of the archive, which notes what is wrong with it.
pub struct Inflating<R> {
    /// The entry.
    pub file: R,
    /// So much more may come out of it.
    pub left_bytes: u64,
    /// What was wrong. Whoever reads learns only that something was.
    pub problem: Option<Problem>,
}

/// What may be wrong with an entry.
pub enum Problem {
    /// More comes out than may.
    TooMuch,
    /// It cannot be inflated, or not be read.
    Broken(Error),
}

impl<R: Read> Read for Inflating<R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let problem = match self.file.read(bytes) {
            Ok(read) if read as u64 <= self.left_bytes => {
                self.left_bytes -= read as u64;
                return Ok(read);
            }
            Ok(_) => Problem::TooMuch,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => return Err(cause),
            Err(cause) => Problem::Broken(cause),
        };
        self.problem = Some(problem);
        Err(Error::other("the entry cannot be inflated"))
    }
}
