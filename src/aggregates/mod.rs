//! From the members' plays to an edition that is safe to sell.
//!
//! The story of a draw, file by file:
//!
//! 1. A [`Recipe`] says what is counted and how much privacy that may cost ([`Recipe::cost`]). Those made ready stand in
//!    `presets`; `faults` tells what keeps one from holding; `keys` and `measures` say what may be grouped by and counted, and
//!    how far one member moves it; `words` and `columns` put it into plain English and into a data dictionary.
//! 2. Before anybody pays, [`accuracy_sheet`] tells what the recipe gives in a pool of so many members, without looking
//!    at data, and [`synthetic_twin`] makes a file of the same shape from thin air.
//! 3. [`draw()`] runs once an offer is paid for. `query` reads the members' objects with DataFusion, and `operator` brings
//!    them to the inner loop in `bounder`: `rows` reads a batch, `member` (with `returning` and `local_time`) tells how one member's plays
//!    fall into groups, and `bound` limits what that member can move, before anything is added up across members.
//! 4. `noise` adds discrete Gaussian noise and keeps the groups whose noisy count passes a threshold. Exact numbers
//!    end there: what comes out is differentially private, and all that follows is post-processing.
//! 5. `table` makes columns of it, `musicbrainz` and `vectors` add what costs no privacy, `formats` writes the files, the same
//!    bytes from the same rows; the [`Manifest`] tells how it all was made, and `report` says it
//!    to people. [`preview()`] picks the few rows that anybody may see.
//!
//! Two rules hold all over this room. Whole numbers only on the way to the noise: the proof rests on it. And no exact
//! number about plays leaves it by a side door: not in a manifest, not as progress, not in an error or a log.
//!
//! The room knows no database and no HTTP. Whoever calls [`draw()`] keeps the budget, the one draw per edition and the storage.

mod accuracy;
mod artist_counts;
mod bound;
mod bounder;
mod columns;
mod counting;
mod draw;
pub mod example;
mod faults;
mod formats;
mod intern;
mod keys;
mod local_time;
mod manifest;
mod measures;
mod member;
mod musicbrainz;
mod noise;
mod operator;
mod popularity;
mod presets;
mod preview;
mod query;
mod recipe;
mod report;
mod returning;
mod rows;
mod table;
mod totals;
mod twin;
mod vectors;
mod words;

#[cfg(test)]
mod tests;

pub use accuracy::{AccuracySheet, BudgetShare, RowsForecast, accuracy_sheet, fewest_members, most_rows, rows_with};
pub use columns::{Column, TableColumns};
pub use counting::counts_suffice;
pub use draw::{DrawRequest, Drawn, Progress, Stage, check_list, draw, draw_from_made_up};
pub use formats::{File, FileEntry};
pub use keys::{Key, period};
pub use manifest::{Bounds, EpsilonAt, Manifest, MeasureReport, Period, Selection, TableReport, ThresholdReport};
pub use measures::Measure;
pub use musicbrainz::ArtistIds;
pub use presets::of as preset;
pub use preview::{PREVIEW_ROWS, preview};
pub use query::{Engine, EngineConfig};
pub use recipe::{Cost, KeysFrom, Kind, NANO, PICO, Recipe};
pub use twin::synthetic_twin;
pub use words::UNIT_OF_PRIVACY;
