#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! Refrain: the marketplace of a listening-data cooperative.

pub mod accounts;
pub mod audit;
pub mod clock;
pub mod config;
pub mod context;
pub mod db;
pub mod error;
pub mod idempotency;
pub mod ids;
pub mod money;
pub mod outbox;
pub mod page;
pub mod queue;
pub mod secrets;
pub mod storage;
pub mod telemetry;
