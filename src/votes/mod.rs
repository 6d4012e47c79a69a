//! The members' vote on one subject: who may vote, how, and what comes of it.
//!
//! A vote knows nothing of offers. Whoever opens one hands over the subject in plain words, the hash
//! of the exact terms and the electorate, and is told the outcome.
//!
//! The life of a vote: [`steps::create`] makes it in state `opening`; [`actions::list_electors`]
//! writes its electorate in bounded steps; [`steps::open`] opens it if the pool's membership is still
//! the one the electorate was taken of; members cast and change ballots ([`actions::cast`]);
//! [`steps::close`] counts them once the deadline has passed, or [`steps::void`] calls it off.

pub mod actions;
mod answer;
pub mod appending;
pub mod ballot_box;
pub mod bundle;
pub mod commitment;
pub mod electorate;
pub mod head;
pub mod log;
pub mod log_store;
pub mod model;
pub mod publishing;
pub mod questions;
pub mod routes;
pub mod rules;
mod standing;
pub mod steps;
pub mod tiles;
pub mod upgrade;
pub mod verifying;
pub mod views;
pub mod words;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod replay_tests;
mod store;
#[cfg(test)]
mod tests;
