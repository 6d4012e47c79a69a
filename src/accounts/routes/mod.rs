//! Accounts over HTTP.

mod credentials;
mod organisations;
mod page;
mod registration;
mod sessions;

pub use super::model::{Decision, Profile};
pub use credentials::{
    PasswordChange, Reset, ResetRequest, Verification, ask_reset, ask_verification, change_password, reset_password,
    verify_email,
};
pub use organisations::{
    AccountStateChange, AccountView, ApplicantView, CreditLimit, MeView, OrganisationView, OrganisationsQuery,
    VoteMailsChange, decide, hand_in, list, me, read, set_account_state, set_credit_limit, set_vote_mails,
};
pub use page::{page, script};
pub use registration::{NewMember, NewOrganisation, RegisteredView, member, organisation};
pub use sessions::{Login, Refresh, SessionView, jwks, log_in, log_out, log_out_everywhere, refresh};
