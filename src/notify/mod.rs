//! Mails and webhooks: what has happened, told to those whom it concerns, to people in plain words and to their programs.
//!
//! Other slices push events that carry ids and nothing else; who is told, and what it says, is
//! looked up here at the moment of sending. An event for many is first split into one event for
//! each of them, so that every mail is tried, repeated and set aside by itself.

pub mod actions;
mod letters;
mod licensees;
mod mailer;
mod notices;
pub mod webhooks;
pub mod wording;

pub use mailer::Mailer;
