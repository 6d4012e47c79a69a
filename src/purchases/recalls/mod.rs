//! Recalls: an edition that was sold turns out to be one that should not have been.
//!
//! From the instant of the recall on, no file of the edition is given out and nobody can buy it: offers for it are called off, votes on
//! them end, invoices for it lapse. Licences on it get one of two remedies:
//!
//! - **A replacement**, free of charge. The edition is drawn anew from those who were in it, less those who have left or taken a
//!   consent back since: they voted for the sale and have been paid for it. It costs privacy budget like every draw, set aside in the
//!   write of the recall; where the pool has less left, only a refund is possible. Until it is there the licences are `suspended` and
//!   their terms stand still. Where it has fewer rows than a licence's terms promise, that licence gets a refund instead.
//! - **A refund** ([`model::refund`]). The licence ends, and the buyer gets back the part of what was paid for the rest of the term;
//!   for an error in the edition, which then never was what was sold, the part that the terms state for one with too few rows, if that
//!   is more.
//!
//! Members' shares stay theirs: they voted, their plays were drawn, and the terms know no other reason to take anything back. What a
//! recall costs beyond the cooperative's fee and the tax for that part is borne by the cooperative, in an account of its own
//! ([`crate::ledger::model::LedgerKind::RecallCosts`]).

pub mod actions;
pub mod model;
pub mod routes;
pub mod steps;
pub mod verifying;
