//! Queries on accounts, organisations, tokens sent by e-mail, and tombstones.

use super::model::{
    Account, AccountState, EmailTokenPurpose, Organisation, OrganisationState, Profile, Role, VoteMails,
};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{accounts, email_tokens, organisations, tombstones};
use crate::error::Result;
use crate::ids::{AccountId, OrganisationId};
use diesel::prelude::*;

const TOMBSTONE: &str = "email";

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts)]
pub(super) struct AccountRow {
    id: AccountId,
    role: Role,
    email: String,
    email_verified_at: Option<UtcTime>,
    organisation_id: Option<OrganisationId>,
    state: AccountState,
    created_at: UtcTime,
    updated_at: UtcTime,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Account {
            id: row.id,
            role: row.role,
            email: row.email,
            email_verified_at: row.email_verified_at,
            organisation_id: row.organisation_id,
            state: row.state,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = organisations)]
struct OrganisationRow {
    id: OrganisationId,
    legal_name: String,
    country: String,
    website: String,
    purpose: String,
    address: String,
    tax_id: String,
    state: OrganisationState,
    decision_reason: Option<String>,
    decided_by: Option<String>,
    decided_at: Option<UtcTime>,
    may_reapply_at: Option<UtcTime>,
    credit_limit_minor: i64,
    created_at: UtcTime,
    updated_at: UtcTime,
}

impl From<OrganisationRow> for Organisation {
    fn from(row: OrganisationRow) -> Self {
        Organisation {
            id: row.id,
            profile: Profile {
                legal_name: row.legal_name,
                country: row.country,
                website: row.website,
                purpose: row.purpose,
                address: row.address,
                tax_id: row.tax_id,
            },
            state: row.state,
            decision_reason: row.decision_reason,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            may_reapply_at: row.may_reapply_at,
            credit_limit_minor: row.credit_limit_minor,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Stores a new account. A UNIQUE violation means that the address is taken.
pub fn insert_account(db: &mut Db, account: &Account, password_hash: &str) -> Result<()> {
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(&account.id),
            accounts::role.eq(account.role),
            accounts::email.eq(&account.email),
            accounts::email_verified_at.eq(account.email_verified_at),
            accounts::password_hash.eq(password_hash),
            accounts::organisation_id.eq(&account.organisation_id),
            accounts::state.eq(account.state),
            accounts::created_at.eq(account.created_at),
            accounts::updated_at.eq(account.updated_at),
        ))
        .execute(db)?;
    Ok(())
}

pub fn account(db: &mut Db, id: &AccountId) -> Result<Option<Account>> {
    let row = accounts::table.find(id).select(AccountRow::as_select()).first(db).optional()?;
    Ok(row.map(Account::from))
}

/// Which mails about votes an account wants.
pub fn vote_mails(db: &mut Db, id: &AccountId) -> Result<VoteMails> {
    Ok(accounts::table.find(id).select(accounts::vote_mails).first(db)?)
}

/// Sets that.
pub fn set_vote_mails(db: &mut Db, id: &AccountId, wanted: VoteMails) -> Result<()> {
    diesel::update(accounts::table.find(id)).set(accounts::vote_mails.eq(wanted)).execute(db)?;
    Ok(())
}

pub fn account_by_email(db: &mut Db, email: &str) -> Result<Option<Account>> {
    let found = accounts::table.filter(accounts::email.eq(email));
    Ok(found.select(AccountRow::as_select()).first(db).optional()?.map(Account::from))
}

pub fn password_hash(db: &mut Db, id: &AccountId) -> Result<String> {
    Ok(accounts::table.find(id).select(accounts::password_hash).first(db)?)
}

pub fn accounts_of_role(db: &mut Db, role: Role) -> Result<Vec<Account>> {
    let found = accounts::table.filter(accounts::role.eq(role).and(accounts::state.eq(AccountState::Active)));
    let rows = found.order(accounts::id).select(AccountRow::as_select()).load(db)?;
    Ok(rows.into_iter().map(Account::from).collect())
}

pub fn accounts_of_organisation(db: &mut Db, id: &OrganisationId) -> Result<Vec<Account>> {
    let found = accounts::table.filter(accounts::organisation_id.eq(id).and(accounts::state.eq(AccountState::Active)));
    let rows = found.order(accounts::id).select(AccountRow::as_select()).load(db)?;
    Ok(rows.into_iter().map(Account::from).collect())
}

pub fn set_password(db: &mut Db, id: &AccountId, password_hash: &str, now: UtcTime) -> Result<()> {
    diesel::update(accounts::table.find(id))
        .set((accounts::password_hash.eq(password_hash), accounts::updated_at.eq(now)))
        .execute(db)?;
    Ok(())
}

/// Notes that an address was shown to reach its holder. The first time counts.
pub fn set_verified(db: &mut Db, id: &AccountId, now: UtcTime) -> Result<()> {
    diesel::update(accounts::table.filter(accounts::id.eq(id).and(accounts::email_verified_at.is_null())))
        .set((accounts::email_verified_at.eq(now), accounts::updated_at.eq(now)))
        .execute(db)?;
    Ok(())
}

/// Moves an account from one state to another; `false` where it is not in the first.
pub fn move_account(db: &mut Db, id: &AccountId, from: AccountState, to: AccountState, now: UtcTime) -> Result<bool> {
    let changed = diesel::update(accounts::table.filter(accounts::id.eq(id).and(accounts::state.eq(from))))
        .set((accounts::state.eq(to), accounts::updated_at.eq(now)))
        .execute(db)?;
    Ok(changed == 1)
}

/// Takes an account's address and password away: what is left names nobody and lets nobody in.
pub fn empty_account(db: &mut Db, id: &AccountId, now: UtcTime) -> Result<()> {
    diesel::update(accounts::table.find(id))
        .set((
            accounts::state.eq(AccountState::Left),
            accounts::email.eq(format!("left:{id}")),
            accounts::email_verified_at.eq(None::<UtcTime>),
            accounts::password_hash.eq("!"),
            accounts::vote_mails.eq(VoteMails::default()),
            accounts::updated_at.eq(now),
        ))
        .execute(db)?;
    diesel::delete(email_tokens::table.filter(email_tokens::account_id.eq(id))).execute(db)?;
    Ok(())
}

pub fn insert_organisation(db: &mut Db, organisation: &Organisation) -> Result<()> {
    let profile = &organisation.profile;
    diesel::insert_into(organisations::table)
        .values((
            organisations::id.eq(&organisation.id),
            organisations::legal_name.eq(&profile.legal_name),
            organisations::country.eq(&profile.country),
            organisations::website.eq(&profile.website),
            organisations::purpose.eq(&profile.purpose),
            organisations::address.eq(&profile.address),
            organisations::tax_id.eq(&profile.tax_id),
            organisations::state.eq(organisation.state),
            organisations::credit_limit_minor.eq(organisation.credit_limit_minor),
            organisations::created_at.eq(organisation.created_at),
            organisations::updated_at.eq(organisation.updated_at),
        ))
        .execute(db)?;
    Ok(())
}

pub fn organisation(db: &mut Db, id: &OrganisationId) -> Result<Option<Organisation>> {
    let row = organisations::table.find(id).select(OrganisationRow::as_select()).first(db).optional()?;
    Ok(row.map(Organisation::from))
}

/// Organisations, newest first.
pub fn organisations(
    db: &mut Db,
    state: Option<OrganisationState>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Organisation>> {
    let mut query = organisations::table.select(OrganisationRow::as_select()).into_boxed();
    if let Some(state) = state {
        query = query.filter(organisations::state.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(organisations::id.lt(after.to_owned()));
    }
    let rows = query.order(organisations::id.desc()).limit(limit).load(db)?;
    Ok(rows.into_iter().map(Organisation::from).collect())
}

/// Writes an organisation's own details and its state, if it is still in the state that was read.
/// `false` where it is not.
pub fn update_organisation(db: &mut Db, was: OrganisationState, now: &Organisation) -> Result<bool> {
    let profile = &now.profile;
    let changed =
        diesel::update(organisations::table.filter(organisations::id.eq(&now.id).and(organisations::state.eq(was))))
            .set((
                organisations::legal_name.eq(&profile.legal_name),
                organisations::country.eq(&profile.country),
                organisations::website.eq(&profile.website),
                organisations::purpose.eq(&profile.purpose),
                organisations::address.eq(&profile.address),
                organisations::tax_id.eq(&profile.tax_id),
                organisations::state.eq(now.state),
                organisations::decision_reason.eq(&now.decision_reason),
                organisations::decided_by.eq(&now.decided_by),
                organisations::decided_at.eq(now.decided_at),
                organisations::may_reapply_at.eq(now.may_reapply_at),
                organisations::credit_limit_minor.eq(now.credit_limit_minor),
                organisations::updated_at.eq(now.updated_at),
            ))
            .execute(db)?;
    Ok(changed == 1)
}

pub fn insert_email_token(
    db: &mut Db,
    token_hash: &str,
    account_id: &AccountId,
    purpose: EmailTokenPurpose,
    expires_at: UtcTime,
) -> Result<()> {
    diesel::insert_into(email_tokens::table)
        .values((
            email_tokens::token_hash.eq(token_hash),
            email_tokens::account_id.eq(account_id),
            email_tokens::purpose.eq(purpose),
            email_tokens::expires_at.eq(expires_at),
        ))
        .execute(db)?;
    Ok(())
}

/// Whose token this is, if it is still good.
pub fn email_token(db: &mut Db, hash: &str, purpose: EmailTokenPurpose, now: UtcTime) -> Result<Option<AccountId>> {
    let good = email_tokens::purpose.eq(purpose).and(email_tokens::used_at.is_null());
    let found = email_tokens::table.find(hash).filter(good.and(email_tokens::expires_at.gt(now)));
    Ok(found.select(email_tokens::account_id).first(db).optional()?)
}

/// Uses a token up. `false` where it was used already, by somebody else at this moment.
pub fn use_email_token(db: &mut Db, hash: &str, now: UtcTime) -> Result<bool> {
    let unused = email_tokens::table.filter(email_tokens::token_hash.eq(hash).and(email_tokens::used_at.is_null()));
    Ok(diesel::update(unused).set(email_tokens::used_at.eq(now)).execute(db)? == 1)
}

/// Makes all further tokens of a purpose useless.
pub fn void_email_tokens(db: &mut Db, id: &AccountId, purpose: EmailTokenPurpose, now: UtcTime) -> Result<()> {
    let theirs = email_tokens::account_id.eq(id).and(email_tokens::purpose.eq(purpose));
    diesel::update(email_tokens::table.filter(theirs.and(email_tokens::used_at.is_null())))
        .set(email_tokens::used_at.eq(now))
        .execute(db)?;
    Ok(())
}

/// When the holder of an address left, if that was ever so.
pub fn tombstone(db: &mut Db, tag: &str) -> Result<Option<UtcTime>> {
    let found = tombstones::table.filter(tombstones::tag.eq(tag).and(tombstones::kind.eq(TOMBSTONE)));
    Ok(found.select(tombstones::left_at).first(db).optional()?)
}

/// Notes that the holder of an address has left, for the first time or again.
pub fn set_tombstone(db: &mut Db, tag: &str, left_at: UtcTime) -> Result<()> {
    if tombstone(db, tag)?.is_some() {
        diesel::update(tombstones::table.find(tag)).set(tombstones::left_at.eq(left_at)).execute(db)?;
        return Ok(());
    }
    diesel::insert_into(tombstones::table)
        .values((tombstones::tag.eq(tag), tombstones::kind.eq(TOMBSTONE), tombstones::left_at.eq(left_at)))
        .execute(db)?;
    Ok(())
}

/// Removes mailed tokens that were over before an instant.
pub fn prune_email_tokens(db: &mut Db, before: UtcTime, most: i64) -> Result<usize> {
    let old = email_tokens::table.filter(email_tokens::expires_at.lt(before)).select(email_tokens::token_hash);
    let old: Vec<String> = old.limit(most).load(db)?;
    Ok(diesel::delete(email_tokens::table.filter(email_tokens::token_hash.eq_any(&old))).execute(db)?)
}
