//! What every action is handed: the database, the files, the clock, and the settings.

use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::db::Database;
use crate::page::Cursors;
use crate::secrets::Pepper;
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
    /// Signs and reads page cursors.
    pub cursors: Cursors,
    /// What the server counts about itself.
    pub metrics: Metrics,
}
