//! Pools: a cooperative's members and their consent, its rules, and its privacy budget.
//!
//! A pool's rules are frozen into each vote when it opens, so that changing them never touches one
//! that is open. Whatever changes who might vote (joining, leaving, consent, a first history) raises
//! the pool's membership version: a vote whose electorate was listed under an older one does not open.

pub mod actions;
mod budget;
pub mod model;
pub mod routes;
mod settings;
pub mod steps;
mod store;
#[cfg(test)]
pub(crate) mod tests;
pub mod views;
