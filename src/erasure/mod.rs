//! Leaving: what each slice must forget about somebody, in one place.
//!
//! Leaving takes hold at once, in one write: the account closes, memberships and consents end, ballots
//! in open votes are taken back, so that no later electorate, tally or draw has the person. What lies
//! in files is erased right after it by jobs, which may be repeated as often as it takes. Whoever leaves gets a
//! receipt and may ask with it, without an account, whether all is erased.

pub mod actions;
pub mod model;
pub mod routes;
mod store;
#[cfg(test)]
mod tests;
