//! What every action is handed: the database, the files, the clock, and the settings.

use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::db::Database;
use crate::error::Result;
use crate::page::Cursors;
use crate::secrets::Pepper;
use crate::signing::Signer;
use crate::storage::Storage;
use crate::telemetry::Metrics;
use std::sync::Arc;

/// The house's shared things; cloning is cheap.
#[derive(Clone)]
pub struct Context {
    /// Settings as they were at start.
    pub config: Arc<Config>,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Where tokens and ids get their randomness.
    pub entropy: Entropy,
    /// The database.
    pub db: Database,
    /// Plays, editions and twins.
    pub storage: Storage,
    /// Keyed hashes.
    pub pepper: Pepper,
    /// Signs what anybody may check.
    pub signer: Signer,
    /// Signs and reads page cursors.
    pub cursors: Cursors,
    /// What the server counts about itself.
    pub metrics: Metrics,
}

impl Context {
    /// Opens database, files and secrets as the settings say.
    ///
    /// # Errors
    /// What could not be opened, and why.
    pub fn open(config: Config, clock: Clock, entropy: Entropy) -> Result<Self> {
        config.prepare_data_dir()?;
        let pepper = Pepper::load_or_make(&config.keys_dir().join("pepper"), &entropy)?;
        let signer = Signer::load_or_make(&config.keys_dir().join("signing.pk8"), &entropy)?;
        Ok(Context {
            signer,
            db: Database::open(&config.database, &config.sqlite_path(), clock.clone(), entropy.clone())?,
            storage: Storage::open(&config.storage, &config.files_dir())?,
            cursors: Cursors::new(&pepper.bytes("page cursors", b"")),
            metrics: Metrics::new()?,
            config: Arc::new(config),
            clock,
            entropy,
            pepper,
        })
    }
}

#[cfg(test)]
impl Context {
    /// A context of its own for a test: an embedded database and files in a temporary directory, a
    /// clock that stands at 2026-01-01T00:00:00Z, seeded randomness, cheap password hashes. The
    /// directory is removed when the returned guard is dropped.
    pub fn for_tests() -> (Self, tempfile::TempDir) {
        use crate::clock::UtcTime;
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        config.auth.argon2_memory_kib = 64;
        config.auth.argon2_passes = 1;
        let start = UtcTime::parse("2026-01-01T00:00:00Z").expect("this is RFC 3339");
        let context =
            Context::open(config, Clock::standing_at(start), Entropy::seeded(1)).expect("a fresh context opens");
        (context, directory)
    }
}
