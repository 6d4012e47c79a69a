//! A pool of connections, each opened for the scheme that was chosen.

use super::backend::{Access, Db, Target};
use crate::error::{Code, Error, Result};
use diesel::r2d2::{self, ManageConnection, R2D2Connection};
use std::time::Duration;

/// A pool of connections; cloning it shares them.
pub type Pool = r2d2::Pool<Manager>;

/// How long a request waits for a connection before it is told that the server is busy.
const WAIT: Duration = Duration::from_secs(3);

/// Opens connections for a pool.
pub struct Manager {
    target: Target,
    access: Access,
}

impl ManageConnection for Manager {
    type Connection = Db;
    type Error = Error;

    fn connect(&self) -> Result<Db> {
        self.target.connect(self.access)
    }

    fn is_valid(&self, db: &mut Db) -> Result<()> {
        db.ping().map_err(Error::from)
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        std::thread::panicking() || R2D2Connection::is_broken(db)
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
