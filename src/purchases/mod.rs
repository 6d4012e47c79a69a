//! From an accepted offer to a licence: the invoice, its payment, and what the payment entitles to.
//!
//! An accepted offer becomes a purchase with an invoice, in the same write, and its amounts are
//! promised in the books. It is settled or it lapses, once. A settled purchase has a licence, on
//! which all downloads hang: active at once where the edition is in stock, `preparing` until the
//! edition is drawn where it is made to order. What was agreed is written down with it, and signed ([`agreements`]).
//!
//! An edition may be recalled later ([`recalls`]). Those who hold licences are told once a quarter how many of the members in
//! their editions have left ([`leavers`]).

pub mod actions;
pub mod agreements;
pub mod invoice;
mod invoice_html;
pub mod leavers;
pub mod licence;
pub mod model;
pub mod recalls;
pub mod routes;
pub mod steps;
mod store;
mod telling;
pub mod views;

#[cfg(test)]
pub(crate) mod fixture;

#[cfg(test)]
mod tests;
