//! What can be done with accounts, one verb a function.
//!
//! Where a password is hashed or compared, a read comes before and a write after: hashing takes tens
//! of milliseconds and must not happen inside a transaction. The write then checks again what the
//! read saw.

mod credentials;
mod login;
mod organisations;
mod registration;

pub use credentials::{ask_reset, ask_verification, change_password, reset_password, verify_email};
pub use login::{SessionTokens, log_in, log_out, log_out_everywhere, refresh};
pub use organisations::{Applicant, decide, hand_in, list_organisations, me, read_organisation, set_account_state};
pub use organisations::{Me, set_credit_limit, set_vote_mails};
pub use registration::{Registered, add_operator, register_member, register_organisation};

#[cfg(test)]
mod tests;
