//! Counter-offers: other terms than the buyer's, under which the pool would rather decide.
//!
//! An operator makes one while the offer is undecided; offer and vote go on meanwhile. It changes nothing by itself: only the
//! buyer's yes ends the old offer and places a new one, in one write, with a vote of its own. One stands at a time.

pub mod actions;
pub mod model;
pub mod routes;
pub mod steps;
pub mod views;

mod store;
