//! Queries of this room. None opens a transaction.

mod datasets;
mod editions;
mod facts;
mod listings;
mod lists;
mod recalls;
mod recipes;
mod spending;
mod words;

pub use datasets::*;
pub use editions::*;
pub use facts::*;
pub use listings::*;
pub use lists::*;
pub use recalls::*;
pub use recipes::*;
pub use spending::*;
pub use words::*;
