//! Purchases and licences over HTTP.

mod licences;
mod purchases;

pub use super::invoice::Invoice;
pub use super::views::{LicenceSummary, LicenceView, PurchaseView};
pub use licences::{
    Cancel, Revoke, WithdrawNotice, cancel, list as list_licences, read as read_licence, revoke, withdraw_notice,
};
pub use purchases::{Payment, PurchaseFilter, SetPoNumber, invoice, list, read, refund, set_po_number, settle};
