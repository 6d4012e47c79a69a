//! The two kinds of connection and how a transaction begins on each.

use crate::clock::Entropy;
use crate::error::{Code, Error, Result};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use connection::Db;

/// A module of its own because the derive makes items that carry no documentation.
mod connection {
    #![allow(missing_docs)]
    use diesel::prelude::*;

    /// A connection to either database.
    #[derive(diesel::MultiConnection)]
    pub enum Db {
        Sqlite(SqliteConnection),
        Postgres(PgConnection),
    }
}

type Transactions = <Db as Connection>::TransactionManager;

/// Which database, and where.
#[derive(Clone)]
pub enum Target {
    /// A file of the embedded database.
    Sqlite(PathBuf),
    /// A URL of PostgreSQL.
    Postgres(String),
}

/// What a connection is for. PostgreSQL makes no difference between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only reading: the connection refuses everything else.
    Read,
    /// Reading and writing.
    Write,
}

/// The oldest SQLite whose write-ahead log cannot be damaged by a reset under load
/// (a fault of 3.7.0 to 3.51.2).
const OLDEST_SQLITE: &str = "3.51.3";

/// How often a write is tried on PostgreSQL before the caller is told that the database is busy.
const ATTEMPTS: u32 = 12;

impl Target {
    /// Chooses by the URL's scheme; without a URL it is the embedded database at `sqlite_path`.
    ///
    /// # Errors
    /// `invalid` for any other scheme, so that a typing error never becomes a new, empty database.
    pub fn choose(url: Option<&str>, sqlite_path: &Path) -> Result<Self> {
        match url {
            None => Ok(Target::Sqlite(sqlite_path.to_owned())),
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(Target::Postgres(with_system_certificates(url)))
            }
            Some(_) => Err(Error::invalid(
                "[database] url begins with postgres:// or is left out for the embedded database in the data directory.",
            )),
        }
    }

    /// Opens one connection.
    ///
    /// # Errors
    /// `busy` where the server cannot be reached, `internal` where the file cannot be opened.
    pub fn connect(&self, access: Access) -> Result<Db> {
        match self {
            Target::Sqlite(path) => Ok(Db::Sqlite(open_sqlite(path, access)?)),
            Target::Postgres(url) => {
                let mut connection = PgConnection::establish(url)
                    .map_err(|e| Error::new(Code::Busy, "PostgreSQL cannot be reached.").retry_after_s(2).because(e))?;
                // Nobody's statement takes several cores from the others: who reads a million members is in no hurry.
                connection.batch_execute(
                    "SET timezone = 'UTC'; SET statement_timeout = '60s'; SET lock_timeout = '10s'; \
                     SET idle_in_transaction_session_timeout = '60s'; SET max_parallel_workers_per_gather = 0;",
                )?;
                Ok(Db::Postgres(connection))
            }
        }
    }
}

/// libpq is built along and knows no system paths: where certificates are to be verified and none
/// are named, it is told where this machine keeps them.
fn with_system_certificates(url: &str) -> String {
    let verifies = url.contains("sslmode=verify-");
    match openssl_probe::probe().cert_file {
        Some(file) if verifies && !url.contains("sslrootcert=") => format!("{url}&sslrootcert={}", file.display()),
        _ => url.to_owned(),
    }
}

/// Opens the file; the order of the settings matters: waiting first, so that the others may wait.
fn open_sqlite(path: &Path, access: Access) -> Result<SqliteConnection> {
    let name = path.to_str().ok_or_else(|| Error::invalid("The data directory's path is not valid UTF-8."))?;
    let mut connection = SqliteConnection::establish(name).map_err(Error::internal)?;
    connection.batch_execute("PRAGMA busy_timeout = 5000")?;
    if access == Access::Write {
        connection.batch_execute("PRAGMA journal_mode = WAL")?;
        // Ballots of many members lie all over their tables. In kibibytes, and in pages of 4 KiB of the log.
        connection.batch_execute("PRAGMA cache_size = -65536")?;
        connection.batch_execute("PRAGMA wal_autocheckpoint = 4000")?;
    }
    connection.batch_execute("PRAGMA synchronous = FULL")?;
    connection.batch_execute("PRAGMA foreign_keys = ON")?;
    connection.batch_execute("PRAGMA secure_delete = ON")?;
    connection.batch_execute("PRAGMA temp_store = MEMORY")?;
    if access == Access::Read {
        connection.batch_execute("PRAGMA query_only = ON")?;
    }
    let version = diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("sqlite_version()"))
        .get_result::<String>(&mut connection)?;
    if numbers(&version) < numbers(OLDEST_SQLITE) {
        return Err(Error::internal(format!(
            "SQLite {version} may damage its log; {OLDEST_SQLITE} or newer is needed"
        )));
    }
    Ok(connection)
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// Begins a write. SQLite: at once with the write lock, because a transaction that reads first and
/// writes later fails with "database is locked" under load, whatever the timeout. PostgreSQL: as isolated as is asked for.
pub fn begin_write(db: &mut Db, isolation: Isolation) -> Result<()> {
    match db {
        Db::Sqlite(inner) => AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN IMMEDIATE")?,
        Db::Postgres(inner) => AnsiTransactionManager::begin_transaction_sql(inner, isolation.begin())?,
    }
    Ok(())
}

/// How writes on PostgreSQL see one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// As if they came one after the other.
    Serializable,
    /// By the rows that they hold. All that such writes read is found by its key: a plan that was made, and kept, while a table
    /// was empty would else go on reading all of it.
    ReadCommitted,
}

impl Isolation {
    const fn begin(self) -> &'static str {
        match self {
            Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Isolation::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL enable_seqscan = off",
        }
    }
}

/// Commits what [`begin_write`] began.
pub fn commit(db: &mut Db) -> Result<()> {
    Ok(Transactions::commit_transaction(db)?)
}

/// Takes back what [`begin_write`] began. `false` where the connection is no longer of use.
pub fn roll_back(db: &mut Db) -> bool {
    Transactions::rollback_transaction(db).is_ok()
}

/// Brings SQLite's whole write-ahead log into the database's file and leaves an empty one.
pub fn empty_log(target: &Target) -> Result<()> {
    #[derive(diesel::QueryableByName)]
    struct Checkpoint {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        busy: i32,
    }
    let Target::Sqlite(path) = target else { return Ok(()) };
    let mut connection = open_sqlite(path, Access::Write)?;
    // While it waits for readers nobody can write, so it gives up long before a writer would.
    connection.batch_execute("PRAGMA busy_timeout = 500")?;
    let done = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<Checkpoint>(&mut connection)?;
    match done.busy {
        0 => Ok(()),
        _ => Err(Error::new(Code::Busy, "The database's log is in use and will be emptied later.").retry_after_s(2)),
    }
}

/// Runs a read in a transaction, so that all of it sees the same snapshot.
pub fn snapshot<T>(db: &mut Db, work: impl FnOnce(&mut Db) -> Result<T>) -> Result<T> {
    match db {
        Db::Sqlite(inner) => AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN DEFERRED")?,
        Db::Postgres(inner) => {
            AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")?;
        }
    }
    let result = work(db);
    // Nothing was changed, so ending it either way is the same; the result is what counts.
    roll_back(db);
    result
}

/// Runs a write on PostgreSQL, again from the start where the database asks for it.
pub fn retried<T>(
    db: &mut Db,
    isolation: Isolation,
    entropy: &Entropy,
    work: impl Fn(&mut Db) -> Result<T>,
) -> Result<T> {
    for attempt in 0..ATTEMPTS {
        begin_write(db, isolation)?;
        let done = work(db).and_then(|value| commit(db).map(|()| value));
        match done {
            Ok(value) => return Ok(value),
            Err(error) => {
                roll_back(db);
                if !error.is_serialization_failure() {
                    return Err(error);
                }
            }
        }
        // Full jitter: writers that collided do not meet again at the same instant.
        let ceiling_us = 500u64 << attempt.min(8);
        std::thread::sleep(Duration::from_micros(u64::from_le_bytes(entropy.bytes()) % ceiling_us));
    }
    Err(Error::new(Code::Busy, "Too many writes at once touch the same rows; try again shortly.").retry_after_s(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_and_a_typing_error_makes_no_new_database() {
        let file = Path::new("refrain.db");
        assert!(matches!(Target::choose(None, file), Ok(Target::Sqlite(_))));
        assert!(matches!(Target::choose(Some("postgres://h/d"), file), Ok(Target::Postgres(_))));
        for typo in ["postgre://h/d", "mysql://h/d", "refrain.db", ""] {
            assert!(Target::choose(Some(typo), file).is_err());
        }
    }

    #[test]
    fn certificates_are_named_only_where_they_are_verified() {
        assert_eq!(with_system_certificates("postgres://h/d?sslmode=require"), "postgres://h/d?sslmode=require");
        let own = "postgres://h/d?sslmode=verify-full&sslrootcert=/own.pem";
        assert_eq!(with_system_certificates(own), own);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("3.51.3") < numbers("3.53.0") && numbers("3.9.0") < numbers("3.51.3"));
    }
}
