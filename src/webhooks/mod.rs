//! Webhooks: a buyer organisation is told at an address of its own what happens to its offers, invoices and licences, as the
//! Standard Webhooks specification has it (<https://www.standardwebhooks.com>, version 1.0.0).
//!
//! Other slices [tell](steps::tell) in the transaction of what they tell of; that writes one delivery for each address which
//! wants the event. `notify` sends them. What is told is thin: ids, states and amounts that its receiver may read anyway, and
//! where to read more.

pub mod actions;
pub mod destination;
pub mod events;
pub mod model;
pub mod routes;
pub mod signature;
pub mod steps;
pub mod views;

mod store;
