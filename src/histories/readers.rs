//! How many uploads may be under way: arriving or waiting for their turn, and being read.

use super::helpers::Helpers;
use crate::config::Uploads;
use crate::error::{Code, Error, Result};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for this many uploads for each that is being read, and for a few dozen in any case: those that
/// arrive or wait cost a temporary file and no memory.
const UNDER_WAY_PER_READER: usize = 16;
const UNDER_WAY_LEAST: usize = 64;

/// Bounds the uploads under way; all workers of a server share one.
#[derive(Clone)]
pub struct Readers {
    under_way: Arc<Semaphore>,
    reading: Arc<Semaphore>,
}

/// The right of one upload to be under way, until it is dropped.
pub struct Slot {
    _under_way: OwnedSemaphorePermit,
    reading: Arc<Semaphore>,
}

impl Readers {
    /// As many as the settings say.
    pub fn new(settings: &Uploads) -> Self {
        let readers = settings.readers.max(1);
        Readers {
            under_way: Arc::new(Semaphore::new((readers * UNDER_WAY_PER_READER).max(UNDER_WAY_LEAST))),
            reading: Arc::new(Semaphore::new(readers)),
        }
    }

    /// Lets an upload in.
    ///
    /// # Errors
    /// `busy` where too many are under way.
    pub fn enter(&self) -> Result<Slot> {
        match Arc::clone(&self.under_way).try_acquire_owned() {
            Ok(permit) => Ok(Slot { _under_way: permit, reading: Arc::clone(&self.reading) }),
            Err(_) => {
                let detail = "Many histories are being sent at the moment; send yours again in a minute.";
                Err(Error::new(Code::Busy, detail).retry_after_s(60))
            }
        }
    }
}

impl Slot {
    /// Waits for this upload's turn to be read.
    ///
    /// # Errors
    /// `busy` where the server is stopping.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let stopping = |_| Error::new(Code::Busy, "The server is stopping; send the history again shortly.");
        Arc::clone(&self.reading).acquire_owned().await.map_err(stopping)
    }

    /// Whoever has a turn works in one thread, and this is the help there is: a thread for each turn that nobody has.
    pub fn helpers(&self) -> Helpers {
        Helpers::sharing(Arc::clone(&self.reading))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_room_uploads_are_told_to_come_back() {
        let readers = Readers::new(&Uploads { readers: 1, ..Uploads::default() });
        let slots: Vec<Slot> = (0..UNDER_WAY_LEAST).map(|_| readers.enter().unwrap()).collect();
        assert_eq!(readers.enter().err().map(|e| e.code()), Some(Code::Busy));
        drop(slots);
        assert!(readers.enter().is_ok());
    }
}
