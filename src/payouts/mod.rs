//! The members' shares of a sale: the price less the fee, in equal parts, exact to the minor unit.
//!
//! Those who vote are those whose data is sold are those who are paid. For an edition drawn for the
//! sale that is everybody in it; for one from stock, the electorate of the sale. Both are frozen by
//! the time of the first share, so the shares come out the same however often the job is run, and
//! somebody who leaves between the draw and the payout still has theirs.

pub mod actions;
pub mod model;
pub mod routes;
pub mod sales;
pub mod split;
pub mod steps;
mod store;
pub mod views;

#[cfg(test)]
mod tests;
