//! Offers: a buyer's exact terms for a dataset, and what becomes of them.
//!
//! Placing checks the buyer, the listing, the price, exclusivity, credit and budget, and freezes the
//! terms ([`terms`]) in one write. A job opens the vote ([`actions::open_vote`]) once the pool's
//! members have room for one more; the vote's end decides the offer ([`steps::settle_vote`]). Until
//! then the buyer may withdraw it, and an operator may call it off for a public reason.
//!
//! In the words of the Dataspace Protocol (2025-1): queued, opening and voting are REQUESTED, accepted
//! is AGREED, paid is FINALIZED once the files are there, and every other end is TERMINATED.
//!
//! # Exclusivity
//! An exclusive offer asks that nobody else be granted a licence to the dataset until a date. So that
//! two promises can never contradict each other, at most one side has a claim at a time:
//! - while an exclusive licence runs, offers of other organisations are refused;
//! - while an exclusive offer stands (queued, being voted on, or accepted and unpaid), so are they;
//! - an exclusive offer is refused while an offer of another organisation stands.
//!
//! Licences granted before stay as they are; the terms say so. Each of these ends at a known time,
//! which the refusal names. One's own offers never stand in one's own way.
//!
//! # Counter-offers
//! An operator may ask the buyer for other terms while an offer is undecided ([`counters`]). If the buyer accepts them, the old offer
//! ends and a new one is placed, with terms, vote and place in the queue of its own.
//!
//! # Held openings
//! Where a pool's rules say so, a vote does not open by itself when too many of its electors have joined lately ([`holding`]).
//!
//! # As it happens
//! A buyer follows an offer by server-sent events ([`feed`]), and is told by webhooks (`telling`).
//!
//! # Lists of artists
//! Some recipes are about artists on a list: the buyer's, or those that an earlier edition of the pool has made public.
//! The list is a part of what is sold: the terms name it by its hash, and whoever votes on them may read it ([`actions::artist_list`]).

pub mod actions;
pub mod counters;
pub mod feed;
pub mod holding;
pub mod model;
pub mod questions;
pub mod routes;
pub mod steps;
pub mod terms;
pub mod views;

mod artists;
mod deliverable;
mod freezing;
mod opening;
mod placing;
mod queueing;
mod store;
mod subject;
mod telling;
#[cfg(test)]
mod tests;
