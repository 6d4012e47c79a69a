//! From an accepted offer to a licence, seen from outside.

mod drawing;
mod licences;
mod paying;
mod recalls;
