//! The verbs of this room.

mod draw;
mod licences;
mod reading;
mod settling;

pub use draw::draw;
pub use licences::{cancel, expire, list as list_licences, read as read_licence, revoke, withdraw_notice};
pub use reading::{invoice, list, read, set_po_number};
pub use settling::{lapse, pay_refund, settle};

use super::licence::Licence;
use super::model::{Purchase, RefundPaid};
use crate::accounts::caller::Caller;
use crate::accounts::model::Role;
use crate::datasets::recall::Recalled;
use crate::error::{Code, Error, Result};
use crate::ids::OrganisationId;

/// A purchase with what is known of it elsewhere.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The purchase.
    pub purchase: Purchase,
    /// Its licence, once it is settled.
    pub licence: Option<Licence>,
    /// What the pool still owes the buyer, in minor units.
    pub refund_due_minor: i64,
    /// What was paid back.
    pub refunds: Vec<RefundPaid>,
}

/// A licence with what is known of its edition.
#[derive(Debug, Clone)]
pub struct SeenLicence {
    /// The licence.
    pub licence: Licence,
    /// Rows of the edition, once it is published.
    pub rows_given: Option<i64>,
    /// The recall of the edition, if there is one.
    pub recalled: Option<Recalled>,
}

/// Whose purchases a caller may see: those of one organisation, or `None` for all.
pub(super) fn scope(caller: &Caller) -> Result<Option<OrganisationId>> {
    match (caller.role, &caller.organisation_id) {
        (Role::Operator, _) => Ok(None),
        (Role::Buyer, Some(organisation_id)) => Ok(Some(organisation_id.clone())),
        _ => Err(Error::new(Code::Forbidden, "Purchases are for buyers and operators; members see their payouts.")),
    }
}

/// Refuses what belongs to another organisation as if it were not there.
pub(super) fn within(scope: Option<&OrganisationId>, owner: &OrganisationId, what: &str) -> Result<()> {
    match scope {
        Some(own) if own != owner => Err(Error::not_found(what)),
        _ => Ok(()),
    }
}
