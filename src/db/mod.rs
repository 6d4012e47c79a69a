//! The database: one [`Db`] over SQLite and PostgreSQL, and two doors to it.
//!
//! [`Database::read`] gives a snapshot on a reading connection, [`Database::write`] a transaction in
//! which everything happens or nothing. Each is one trip to a blocking thread for a whole use case;
//! neither can be held across an `.await`. A write means the same on both backends: on SQLite the
//! one writer thread runs them one after the other, on PostgreSQL they are SERIALIZABLE and retried.
//! A write's closure may therefore run more than once and must change nothing outside the database.

pub mod backend;
pub(crate) mod kept;
pub mod migrations;
pub mod pool;
pub mod schema;
mod times;
pub mod types;
mod writer;

pub use backend::Db;

use crate::clock::{Clock, Entropy, UtcTime};
use crate::config;
use crate::error::{Code, Error, Result};
use backend::Isolation;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use tracing::Span;

/// A handle to the database; cloning it is cheap.
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    readers: pool::Pool,
    writer: Writer,
    target: backend::Target,
    clock: Clock,
    entropy: Entropy,
    wake: Arc<Notify>,
}

enum Writer {
    /// The one writer of SQLite, on its own thread.
    Group(writer::GroupWriter),
    /// PostgreSQL takes writes from any connection.
    Pool(pool::Pool),
}

/// An open write transaction: a connection, the instant at which it runs, and randomness for ids.
pub struct Tx<'a> {
    db: &'a mut Db,
    now: UtcTime,
    entropy: &'a Entropy,
    wakes: &'a AtomicBool,
}

impl Tx<'_> {
    /// The instant of this transaction.
    pub fn now(&self) -> UtcTime {
        self.now
    }

    /// Randomness for ids and tokens.
    pub fn entropy(&self) -> &Entropy {
        self.entropy
    }

    /// Wakes the jobs once this write is durable.
    pub fn wake_jobs(&mut self) {
        self.wakes.store(true, Ordering::Relaxed);
    }

    /// Runs a part of the write that may fail by itself, in a savepoint: the way to catch a unique
    /// violation, which on PostgreSQL would otherwise abort the whole transaction.
    ///
    /// # Errors
    /// What `part` returned, after its changes are taken back.
    pub fn savepoint<T>(&mut self, part: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
        let (now, entropy, wakes) = (self.now, self.entropy, self.wakes);
        diesel::Connection::transaction(self.db, |db| part(&mut Tx { db, now, entropy, wakes }))
    }
}

impl Deref for Tx<'_> {
    type Target = Db;
    fn deref(&self) -> &Db {
        self.db
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Db {
        self.db
    }
}

impl Database {
    /// Opens the database that the settings name, and brings its tables up to date.
    /// No URL means `sqlite_path`; an unreachable PostgreSQL is an error and never a new SQLite file.
    ///
    /// # Errors
    /// `invalid` for a URL of another scheme; `internal` where the database cannot be opened or migrated.
    pub fn open(settings: &config::Database, sqlite_path: &Path, clock: Clock, entropy: Entropy) -> Result<Self> {
        let target = backend::Target::choose(settings.url.as_ref().map(|url| url.expose()), sqlite_path)?;
        migrations::run(&mut target.connect(backend::Access::Write)?)?;
        let wake = Arc::new(Notify::new());
        let (readers, writer) = match &target {
            backend::Target::Sqlite(_) => {
                let readers = settings.readers.unwrap_or(u32::try_from(config::cores()).unwrap_or(2).max(2));
                let group = writer::GroupWriter::start(&target, clock.clone(), entropy.clone(), Arc::clone(&wake))?;
                (pool::open(target.clone(), backend::Access::Read, readers)?, Writer::Group(group))
            }
            backend::Target::Postgres(_) => {
                let shared = pool::open(target.clone(), backend::Access::Write, settings.pool_size)?;
                (shared.clone(), Writer::Pool(shared))
            }
        };
        Ok(Database(Arc::new(Inner { readers, writer, target, clock, entropy, wake })))
    }

    /// Reads from one consistent snapshot.
    ///
    /// # Errors
    /// What `work` returned; `busy` where no connection became free in time.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Db) -> Result<T> + Send + 'static,
    {
        let readers = self.0.readers.clone();
        on_blocking_thread(move || {
            let mut connection = pool::take(&readers)?;
            backend::snapshot(&mut connection, work)
        })
        .await
    }

    /// Writes in one transaction, and returns once it is durable.
    ///
    /// # Errors
    /// What `work` returned, and then nothing has changed; `busy` where the database is overloaded.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx) -> Result<T> + Send + 'static,
    {
        self.write_with(Isolation::Serializable, work).await
    }

    /// The same for a write that begins by holding the row of a vote, as all do that append to its log or end it: what
    /// else it reads may change meanwhile without harm. SQLite makes no difference. On PostgreSQL such writes wait for
    /// one another instead of failing and beginning anew, which members would feel.
    ///
    /// # Errors
    /// As [`Database::write`].
    pub async fn write_holding_vote<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx) -> Result<T> + Send + 'static,
    {
        self.write_with(Isolation::ReadCommitted, work).await
    }

    async fn write_with<T, F>(&self, isolation: Isolation, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx) -> Result<T> + Send + 'static,
    {
        match &self.0.writer {
            Writer::Group(group) => group.write(work).await,
            Writer::Pool(pool) => {
                let (pool, inner) = (pool.clone(), Arc::clone(&self.0));
                on_blocking_thread(move || {
                    let wakes = AtomicBool::new(false);
                    let mut connection = pool::take(&pool)?;
                    let done = backend::retried(&mut connection, isolation, &inner.entropy, |db| {
                        wakes.store(false, Ordering::Relaxed);
                        work(&mut Tx { db, now: inner.clock.now(), entropy: &inner.entropy, wakes: &wakes })
                    })?;
                    if wakes.load(Ordering::Relaxed) {
                        inner.wake.notify_one();
                    }
                    Ok(done)
                })
                .await
            }
        }
    }

    /// Rings when a committed write left work for the jobs.
    pub fn wake(&self) -> Arc<Notify> {
        Arc::clone(&self.0.wake)
    }

    /// Takes out of SQLite's write-ahead log what older versions of rows it still holds, by bringing it
    /// all into the database's file, where what was deleted has been overwritten. PostgreSQL keeps its
    /// own log and forgets by vacuum, which runs by itself.
    ///
    /// # Errors
    /// `busy` where readers still need the log.
    pub async fn empty_log(&self) -> Result<()> {
        let target = self.0.target.clone();
        on_blocking_thread(move || backend::empty_log(&target)).await
    }

    /// Whether this is the embedded database.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0.writer, Writer::Group(_))
    }
}

/// Runs blocking work on a blocking thread and takes the tracing span along.
async fn on_blocking_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let span = Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(result) => result,
        Err(failed) if failed.is_panic() => Err(Error::internal("a database closure panicked").because(failed)),
        Err(_) => Err(Error::new(Code::Busy, "The server is stopping; try again shortly.").retry_after_s(2)),
    }
}
