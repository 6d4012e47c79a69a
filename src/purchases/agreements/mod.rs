//! What was agreed, as a document to be kept: a page, a plain text and its twin in the words of ODRL, all three made once, of the
//! frozen terms, in the write that grants the licence, and never again.
//!
//! Signed is one small statement ([`model::Statement`]) that names the terms by their SHA-256 and each document by its own. So
//! one signature is enough to check any of them alone, and the statement says in values what the documents say in words. A
//! [`model::Bundle`] holds all of it; [`verifying`] checks one without a server.

pub mod actions;
mod clauses;
mod html;
pub mod model;
mod odrl;
pub mod routes;
pub mod steps;
mod store;
mod text;
pub mod verifying;

#[cfg(test)]
mod tests;
