//! Who somebody is: buyer organisations, members and operators; passwords, sessions and tokens.
//!
//! A request carries a signed access token of ten minutes. What it says is who and which session;
//! what that account may do is asked of the database, and remembered for a minute at most, so that
//! a demotion or a logout takes hold although the token is still good.

pub mod actions;
pub mod address;
pub mod auth;
pub mod caller;
mod generations;
pub mod keys;
mod lookups;
pub mod model;
pub mod opaque;
pub mod passwords;
pub mod routes;
mod sessions;
pub mod steps;
mod store;
pub mod throttle;
pub mod tokens;
