//! The tests from outside, as one binary: the query engine is linked once.

mod access;
mod accounts;
mod architecture;
mod catalogue;
mod check;
mod common;
mod concurrency;
mod crash;
mod database;
mod downloads;
mod edge;
mod histories;
mod limits;
mod migrations;
mod offer_endings;
mod offers;
mod openapi;
mod pools;
mod purchases;
mod readme;
mod sharing;
mod story;
mod tokens;
mod votes;
