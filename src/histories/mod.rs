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
//! * `files` reads the files of an archive side by side, on as many threads as [`helpers`] has free, and each
//!   through a `window`, so that no unpacked file is ever in memory as a whole.
//! * [`intake`] compares the rows of all files with one another and counts them up in a [`report`].
//! * [`checks`] tells what nobody can have listened to, and recognises a history that was here before.
//! * [`plays_file`] is the form in which plays are kept; [`play`] says what a play is. [`counts_file`] holds
//!   how often each member played each artist in each month, and each member's favourites over all months.
//! * [`made_up`] makes listeners and their exports, for the demo and the tests.
//!
//! * `compacting` gathers the plays of a shard's members in one object, by `merging` those of which
//!   `stored_plays` reads member by member; `leftovers` knows the files that are to go.
//! * `upload` brings a request's body to an unlinked temporary file; `reading` reads it in the background
//!   and settles what becomes of it; [`readers`] bounds how many are under way.
//!
//! Raw exports are never kept. What a play does not have is not even decoded: user names, addresses,
//! devices. Rows of private sessions are dropped before anything else is looked at.

pub mod actions;
pub mod checks;
mod compacting;
pub mod counts_file;
mod files;
pub mod helpers;
pub mod intake;
pub mod json;
mod leftovers;
pub mod made_up;
mod merging;
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
mod stored_plays;
#[cfg(test)]
pub(crate) mod tests;
mod upload;
mod window;
pub mod zip;
