//! Downloads: what a licence entitles to, as often as its holder likes until it ends.
//!
//! A file never changes, so its SHA-256 is its strong entity tag, and interrupted downloads go on
//! where they stopped. Every request that reaches a licence's file is in the access log before its
//! answer begins: an access that cannot be recorded is not given.
//!
//! Tools that know nothing of accounts are given a grant: links that carry their own signature. It hangs on the licence, which is
//! looked at for every request, and can be taken back. Or a profile, with which a tool reads the tables by itself ([`delta_sharing`]).

pub mod actions;
mod answers;
pub mod conditions;
pub mod delta_sharing;
pub mod links;
pub mod model;
pub mod range;
pub mod routes;
mod store;

#[cfg(test)]
mod tests;
