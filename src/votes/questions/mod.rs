//! What members ask about the offer that they vote on, and what they are answered.
//!
//! Questions and answers change no terms. They stay with the vote, and everybody of the pool reads them, without the names
//! of those who asked. A vote does not know who may answer: whoever opened it does.

pub mod actions;
pub mod model;
pub mod routes;
pub mod steps;
pub mod views;

mod store;
