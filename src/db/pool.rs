//! A pool of connections, each opened for the scheme that was chosen.

use super::backend::{Access, Db, Target};
use crate::error::{Code, Error, Result};
use diesel::r2d2::{self, ManageConnection, R2D2Connection};
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// A pool of connections; cloning it shares them.
pub type Pool = r2d2::Pool<Manager>;

/// How long a request waits for a connection before it is told that the server is busy.
const WAIT: Duration = Duration::from_secs(3);

/// How long a connection is taken to work that was seen to work.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Opens connections for a pool.
pub struct Manager {
    target: Target,
    access: Access,
}

/// A connection, and when it was last seen to work.
pub struct Pooled {
    db: Db,
    seen_at: Instant,
}

impl Deref for Pooled {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = Error;

    fn connect(&self) -> Result<Pooled> {
        Ok(Pooled { db: self.target.connect(self.access)?, seen_at: Instant::now() })
    }

    /// Asks the server, which is a round trip, where it has not just been asked.
    fn is_valid(&self, pooled: &mut Pooled) -> Result<()> {
        if pooled.seen_at.elapsed() > TRUSTED_FOR {
            pooled.db.ping()?;
            pooled.seen_at = Instant::now();
        }
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        std::thread::panicking() || R2D2Connection::is_broken(&mut pooled.db)
    }
}

/// Opens a pool of at most `size` connections.
///
/// # Errors
/// `busy` where no first connection can be made.
pub fn open(target: Target, access: Access, size: u32) -> Result<Pool> {
    r2d2::Pool::builder()
        .max_size(size.max(1))
        .min_idle(Some(1))
        .connection_timeout(WAIT)
        // SQLite's connections cannot go stale; PostgreSQL's are checked, so that a restart of it heals.
        .test_on_check_out(matches!(target, Target::Postgres(_)))
        .build(Manager { target, access })
        .map_err(|e| Error::new(Code::Busy, "The database cannot be reached.").because(e))
}

/// Takes a connection out of the pool until it is dropped.
pub fn take(pool: &Pool) -> Result<r2d2::PooledConnection<Manager>> {
    pool.get().map_err(|e| {
        Error::new(Code::Busy, "No database connection became free in time; try again shortly.")
            .retry_after_s(1)
            .because(e)
    })
}
