//! Delta Sharing: licensed tables for tools that read them by themselves, as pandas, Spark and DuckDB do.
//!
//! The protocol is that of the Delta Sharing project (PROTOCOL.md), its tables in the response format `parquet`. A holder is given a
//! profile, a small file with an address and a token, and hands it to the tool. Behind the token stands a grant, and behind that the
//! licence, which is looked at for every request: a tool is let in as long as its holder is, and reads by signed links what
//! the holder could download.
//!
//! A licence shows one share, named after the pool; in it one schema, named after the dataset; in it the edition's tables. An
//! edition is a version of the tables: its number is theirs.

mod actions;
mod model;
pub mod routes;
