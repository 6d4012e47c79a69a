//! The tables, brought up to date at start. Both folders hold the same versions under the same names.

use super::Db;
use crate::error::{Error, Result};
use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

/// For the embedded database.
pub const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
/// For PostgreSQL.
pub const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Names the lock that keeps two servers from migrating the same PostgreSQL at once.
const ADVISORY_LOCK: i64 = 0x0052_6566_7261_696e;

/// Runs what has not run yet.
///
/// # Errors
/// `internal` naming the migration that failed; it has then changed nothing.
pub fn run(db: &mut Db) -> Result<()> {
    match db {
        Db::Sqlite(connection) => connection.run_pending_migrations(SQLITE).map(drop).map_err(Error::internal),
        Db::Postgres(connection) => {
            connection.batch_execute(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))?;
            let done = connection.run_pending_migrations(POSTGRES).map(drop).map_err(Error::internal);
            connection.batch_execute(&format!("SELECT pg_advisory_unlock({ADVISORY_LOCK})"))?;
            done
        }
    }
}
