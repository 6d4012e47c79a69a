#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! Refrain: the marketplace of a listening-data cooperative.
//!
//! Listeners pool the histories that they exported from their music services; buyers browse the
//! privacy-safe aggregates made of them and make an offer; the members vote on that very offer; an
//! accepted and paid offer becomes a licence with downloads, and every member's share stands in the ledger.
//!
//! The modules stand in a fixed order, and a module imports only what stands before it:
//! the foundations ([`clock`], [`error`], [`config`], [`ids`], [`text`], [`money`]), the house's services ([`db`],
//! [`telemetry`], [`zcdp`], [`body`], [`query`], [`page`], [`storage`], [`secrets`], [`signing`], [`idempotency`], [`outbox`], [`queue`], [`audit`],
//! [`context`]), then the slices ([`accounts`], [`webhooks`], [`pools`], [`histories`], [`aggregates`], [`datasets`],
//! [`votes`], [`ledger`], [`offers`], [`purchases`], [`payouts`], [`downloads`], [`notify`], [`erasure`]), and last
//! what puts them together ([`upkeep`], [`jobs`], [`routes`], [`app`], [`cli`]).
//!
//! One offer's way: [`offers`] freezes the buyer's terms and reserves privacy budget in [`pools`]; a job
//! takes the electorate and opens a vote in [`votes`]; when it closes, [`offers`] is decided and
//! [`purchases`] writes the invoice; once that is settled, [`datasets`] draws an edition with
//! [`aggregates`], [`payouts`] enters the shares in [`ledger`], and [`downloads`] serves the files.

pub mod accept;
pub mod accounts;
pub mod aggregates;
pub mod app;
pub mod audit;
pub mod body;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod datasets;
pub mod db;
pub mod downloads;
pub mod erasure;
pub mod error;
pub mod histories;
pub mod idempotency;
pub mod ids;
pub mod jobs;
pub mod ledger;
pub mod money;
pub mod notify;
pub mod offers;
pub mod outbox;
pub mod page;
pub mod payouts;
pub mod pools;
pub mod purchases;
pub mod query;
pub mod queue;
pub mod routes;
pub mod secrets;
pub mod signing;
pub mod storage;
pub mod telemetry;
pub mod text;
pub mod upkeep;
pub mod votes;
pub mod webhooks;
pub mod zcdp;
