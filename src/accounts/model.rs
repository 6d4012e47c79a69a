//! What accounts and organisations are.

use crate::text_enum;

text_enum! {
    /// What an account is for. One of the three, never two.
    pub enum Role {
        /// Acts for a buyer organisation.
        Buyer = "buyer",
        /// A listener.
        Member = "member",
        /// Runs the service.
        Operator = "operator",
    }
}
