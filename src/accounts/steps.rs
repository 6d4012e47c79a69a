//! What other slices ask about accounts, and do to them, in their own transaction.

use super::caller::Buyer;
use super::model::{Account, EmailTokenPurpose, Organisation, OrganisationState, Role, VoteMails, own_domain};
use super::opaque::Opaque;
use super::{sessions, store};
use crate::clock::UtcTime;
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, OrganisationId};
use crate::secrets::Pepper;
use std::collections::BTreeSet;

/// What keyed hashes of the addresses of those who left are made for.
const TOMBSTONE_PURPOSE: &str = "tombstone of an e-mail address";

/// An organisation.
///
/// # Errors
/// `not-found`.
pub fn organisation(db: &mut Db, id: &OrganisationId) -> Result<Organisation> {
    store::organisation(db, id)?.ok_or_else(|| Error::not_found("organisation"))
}

/// An account.
///
/// # Errors
/// `not-found`.
pub fn account(db: &mut Db, id: &AccountId) -> Result<Account> {
    store::account(db, id)?.ok_or_else(|| Error::not_found("account"))
}

/// Which mails about votes a member wants.
///
/// # Errors
/// `internal` where the database fails.
pub fn vote_mails(db: &mut Db, id: &AccountId) -> Result<VoteMails> {
    store::vote_mails(db, id)
}

/// The organisation of a buyer who may make offers.
///
/// # Errors
/// `email-not-verified` or `buyer-not-approved`, each with what to do.
pub fn approved_buyer(db: &mut Db, buyer: &Buyer) -> Result<Organisation> {
    if account(db, &buyer.account_id)?.email_verified_at.is_none() {
        return Err(Error::new(
            Code::EmailNotVerified,
            "Open the link in the mail that was sent at registration, or ask for another one, and try again.",
        ));
    }
    let organisation = organisation(db, &buyer.organisation_id)?;
    let reason = organisation.decision_reason.as_deref().unwrap_or("none was given");
    let detail = match organisation.state {
        OrganisationState::Approved => return Ok(organisation),
        OrganisationState::Pending => "An operator has yet to read the application; a mail will tell.".to_owned(),
        OrganisationState::Returned => format!("The application was returned; mend it and hand it in again. {reason}"),
        OrganisationState::Rejected => format!("The application was refused. The reason: {reason}"),
    };
    Err(Error::new(Code::BuyerNotApproved, detail))
}

/// The operators who are active, by id.
///
/// # Errors
/// `internal` where the database fails.
pub fn operators(db: &mut Db) -> Result<Vec<Account>> {
    store::accounts_of_role(db, Role::Operator)
}

/// The active accounts that act for an organisation, by id.
///
/// # Errors
/// `internal` where the database fails.
pub fn buyers_of(db: &mut Db, id: &OrganisationId) -> Result<Vec<Account>> {
    store::accounts_of_organisation(db, id)
}

/// The domains that are an organisation's own, by the verified addresses of those who act for it.
///
/// # Errors
/// `not-found` where there is no such organisation.
pub fn own_domains(db: &mut Db, id: &OrganisationId) -> Result<BTreeSet<String>> {
    let website = organisation(db, id)?.profile.website;
    let buyers = buyers_of(db, id)?.into_iter().filter(|buyer| buyer.email_verified_at.is_some());
    Ok(buyers.filter_map(|buyer| own_domain(&website, &buyer.email)).collect())
}

/// Makes a token that is to be sent to an account's address, now. It is made when the mail is
/// written, so that it is stored nowhere in the clear and its time begins with the mail.
///
/// # Errors
/// `internal` where the database fails.
pub fn mint_email_token(tx: &mut Tx, id: &AccountId, purpose: EmailTokenPurpose) -> Result<String> {
    let token = Opaque::new(purpose.as_str(), tx.entropy());
    let expires_at = tx.now().plus_s(purpose.ttl_s());
    store::insert_email_token(tx, &token.hash, id, purpose, expires_at)?;
    Ok(token.text)
}

/// Closes the account of somebody who leaves for good: the address becomes a keyed tombstone, the
/// password nobody's, every session ends. Closing it again changes nothing.
///
/// # Errors
/// `not-found` where there is no such account.
pub fn close_account(tx: &mut Tx, pepper: &Pepper, id: &AccountId) -> Result<()> {
    let (account, now) = (account(tx, id)?, tx.now());
    if account.email.contains('@') {
        store::set_tombstone(tx, &email_tag(pepper, &account.email), now)?;
        store::empty_account(tx, id, now)?;
    }
    sessions::revoke_all(tx, id, "the account was closed")
}

/// The keyed hash by which an address is recognised after its holder has left.
pub fn email_tag(pepper: &Pepper, email: &str) -> String {
    pepper.tag(TOMBSTONE_PURPOSE, email.as_bytes())
}

/// Forgets some of the sessions that were over before an instant, with their tokens; says how many.
///
/// # Errors
/// `internal` where the database fails.
pub fn prune_sessions(tx: &mut Tx, before: UtcTime, most: usize) -> Result<usize> {
    sessions::prune(tx, before, i64::try_from(most).map_err(Error::internal)?)
}

/// Forgets some of the mailed tokens that were over before an instant; says how many.
///
/// # Errors
/// `internal` where the database fails.
pub fn prune_email_tokens(tx: &mut Tx, before: UtcTime, most: usize) -> Result<usize> {
    store::prune_email_tokens(tx, before, i64::try_from(most).map_err(Error::internal)?)
}
