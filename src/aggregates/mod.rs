//! From the members' plays to an edition that is safe to sell.
//!
//! The story of a draw, file by file:
//!
//! 1. A [`Recipe`] says what is counted and how much privacy that may cost ([`Recipe::cost`]). It is validated,
//!    written canonically and hashed; `words` puts it into plain English and into a data dictionary.
//! 2. Before anybody pays, [`accuracy_sheet`] tells what the recipe gives in a pool of so many members, without looking
//!    at data, and [`synthetic_twin`] makes a file of the same shape from thin air.
//! 3. [`draw()`] runs once an offer is paid for. `query` reads the members' Parquet objects with DataFusion;
//!    `bound` limits what any one member can move, before anything is added up across members.
//! 4. `noise` adds discrete Gaussian noise and keeps the artists whose noisy count passes a threshold. Exact numbers
//!    end there: what comes out is differentially private, and all that follows is post-processing.
//! 5. `formats` writes Parquet and CSV, the same bytes from the same rows; the [`Manifest`] tells how it all was made.
//!    [`preview()`] picks the few rows that anybody may see.
//!
//! Two rules hold all over this room. Whole numbers only on the way to the noise: the proof rests on it. And no exact
//! number about plays leaves it by a side door: not in a manifest, not as progress, not in an error or a log.
//!
//! The room knows no database and no HTTP. Whoever calls [`draw()`] keeps the budget, the one draw per edition and the storage.

mod accuracy;
mod bound;
mod draw;
pub mod example;
mod formats;
mod manifest;
mod noise;
mod popularity;
mod preview;
mod query;
mod recipe;
mod twin;
mod words;

#[cfg(test)]
mod tests;

pub use accuracy::{AccuracySheet, BudgetShare, RowsForecast, accuracy_sheet, smallest_published_fans};
pub use draw::{DrawRequest, Drawn, Progress, Stage, draw};
pub use formats::{File, FileEntry};
pub use manifest::{Bounds, EpsilonAt, Manifest, MeasureReport, Period, Selection};
pub use noise::{Row, epsilon_at};
pub use preview::{PREVIEW_ROWS, preview};
pub use query::{DrawMember, Engine, EngineConfig};
pub use recipe::{ArtistPreference, Cost, NANO, PICO, Recipe};
pub use twin::synthetic_twin;
pub use words::{Column, UNIT_OF_PRIVACY};
