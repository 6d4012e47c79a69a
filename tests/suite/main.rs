//! The tests from outside, as one binary: the query engine is linked once.

mod accounts;
mod architecture;
mod catalogue;
mod common;
mod crash;
mod database;
mod edge;
mod histories;
mod migrations;
mod openapi;
mod pools;
mod story;
mod tokens;
