//! The tests from outside, as one binary: the query engine is linked once.

mod architecture;
mod common;
mod crash;
mod database;
mod edge;
mod migrations;
mod openapi;
mod story;
