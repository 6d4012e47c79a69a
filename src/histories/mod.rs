//! Histories: what listeners exported from their music services, read and reduced to plays.
//!
//! ```text
//! upload ─ zip ─→ files ─ spotify ─→ rows ─→ plays + reasons ─ intake ─→ Vec<Play>, Report
//!                          (json)                                 │
//!                                          plays_file (Parquet) ←─┴─→ checks (plausible? known?)
//! ```
//!
//! * [`zip`] reads the archive under limits and refuses what is built to do harm.
//! * [`spotify`] knows the service's files and rows, over [`json`], which survives what people's files hold.
//! * [`intake`] compares the rows of all files with one another and counts them up in a [`report`].
//! * [`checks`] tells what nobody can have listened to, and recognises a history that was here before.
//! * [`plays_file`] is the form in which plays are kept; [`play`] says what a play is.
//! * [`made_up`] makes listeners and their exports, for the demo and the tests.
//!
//! * `upload` brings a request's body to an unlinked temporary file; `reading` reads it in the background
//!   and settles what becomes of it; [`readers`] bounds how many are under way.
//!
//! Raw exports are never kept. What a play does not have is not even decoded: user names, addresses,
//! devices. Rows of private sessions are dropped before anything else is looked at.

pub mod actions;
pub mod checks;
pub mod intake;
pub mod json;
pub mod made_up;
pub mod model;
pub mod play;
pub mod plays_file;
pub mod readers;
mod reading;
pub mod report;
pub mod routes;
pub mod spotify;
pub mod steps;
mod store;
#[cfg(test)]
mod tests;
mod upload;
pub mod zip;
