//! Queries of this room. None opens a transaction.

mod datasets;
mod editions;
mod facts;
mod recipes;

pub use datasets::*;
pub use editions::*;
pub use facts::*;
pub use recipes::*;
