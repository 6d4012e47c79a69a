#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! Refrain: the marketplace of a listening-data cooperative.

pub mod clock;
pub mod error;
pub mod ids;
pub mod money;
