//! Coming in: organisations, members and operators.

use super::login::{SessionTokens, answer};
use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::model::{
    self, Account, AccountState, CREDIT_LIMIT_DEFAULT_MINOR, Organisation, OrganisationState, Profile, Role,
};
use crate::accounts::passwords::{Hasher, Password};
use crate::accounts::sessions::{self, Begun};
use crate::accounts::throttle::Bucket;
use crate::accounts::{steps, store};
use crate::audit;
use crate::clock::{Entropy, UtcTime};
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, OrganisationId};
use crate::outbox;
use serde_json::json;

/// A new account, and its first session.
pub struct Registered {
    /// The account.
    pub account: Account,
    /// The organisation that it acts for, if it is a buyer.
    pub organisation: Option<Organisation>,
    /// Its first session.
    pub session: SessionTokens,
}

/// Registers an organisation with the first person who acts for it. Operators are told.
///
/// # Errors
/// `invalid` for a field that is not valid, `email-taken`, `busy`, `too-many-requests`.
pub async fn register_organisation(
    ctx: &Context,
    auth: &Auth,
    from: ClientAddress,
    profile: Profile,
    email: &str,
    password: Password,
) -> Result<Registered> {
    let profile = profile.checked()?;
    let (email, hash) = prepare(ctx, auth, from, email, password).await?;
    let ttl_days = ctx.config.auth.refresh_ttl_days;
    let registered = ctx.db.write(move |tx| {
        let organisation = new_organisation(tx.now(), tx.entropy(), profile.clone());
        store::insert_organisation(tx, &organisation)?;
        let account = add(tx, Role::Buyer, &email, &hash, Some(organisation.id.clone()))?;
        outbox::push(tx, "organisation.registered", &json!({"organisation_id": organisation.id}))?;
        let begun = welcome(tx, &account, ttl_days)?;
        Ok((account, Some(organisation), begun))
    });
    finish(ctx, auth, from, registered.await)
}

/// Registers a listener. One who left may come back with the same address; that is noted.
///
/// # Errors
/// `invalid`, `email-taken`, `busy`, `too-many-requests`.
pub async fn register_member(
    ctx: &Context,
    auth: &Auth,
    from: ClientAddress,
    email: &str,
    password: Password,
) -> Result<Registered> {
    let (email, hash) = prepare(ctx, auth, from, email, password).await?;
    let (ttl_days, tag) = (ctx.config.auth.refresh_ttl_days, steps::email_tag(&ctx.pepper, &email));
    let registered = ctx.db.write(move |tx| {
        let account = add(tx, Role::Member, &email, &hash, None)?;
        if let Some(left_at) = store::tombstone(tx, &tag)? {
            let note = format!("the holder of this address left at {left_at}");
            audit::note(tx, &account.id, "member.rejoin", account.id.as_str(), Some(&note))?;
        }
        let begun = welcome(tx, &account, ttl_days)?;
        Ok((account, None, begun))
    });
    finish(ctx, auth, from, registered.await)
}

/// Makes an operator: only from the command line of the server's machine. The address counts as
/// verified, because whoever runs the server vouches for it.
///
/// # Errors
/// `invalid` or `email-taken`.
pub async fn add_operator(ctx: &Context, email: &str, password: Password) -> Result<Account> {
    let email = model::email(email)?;
    let hash = Hasher::new(&ctx.config.auth, ctx.entropy.clone())?.hash(password).await?;
    let added = ctx.db.write(move |tx| {
        let account = add(tx, Role::Operator, &email, &hash, None)?;
        let now = tx.now();
        store::set_verified(tx, &account.id, now)?;
        audit::note(tx, &account.id, "operator.add", account.id.as_str(), None)?;
        Ok(Account { email_verified_at: Some(now), ..account })
    });
    added.await.map_err(taken)
}

/// Checks the address and hashes the password. Whether the address is taken shows only in the write,
/// after the hashing, so that a known address is answered no faster than an unknown one.
async fn prepare(
    ctx: &Context,
    auth: &Auth,
    from: ClientAddress,
    email: &str,
    password: Password,
) -> Result<(String, String)> {
    let email = model::email(email)?;
    auth.throttle.check(Bucket::network(from.0), ctx.clock.now())?;
    // One person needs one account: who makes hundreds from one place wants the votes of many.
    auth.registrations.take(Bucket::network(from.0), ctx.clock.now())?;
    Ok((email, auth.hasher.hash(password).await?))
}

/// Turns what was written into the answer. Whoever keeps hitting taken addresses is slowed down like
/// one who guesses passwords: it is the one place that tells whether an address is known.
fn finish(
    ctx: &Context,
    auth: &Auth,
    from: ClientAddress,
    registered: Result<(Account, Option<Organisation>, Begun)>,
) -> Result<Registered> {
    let (account, organisation, begun) = registered.map_err(taken).inspect_err(|error| {
        if error.code() == Code::EmailTaken {
            auth.throttle.count(Bucket::network(from.0), ctx.clock.now());
        }
    })?;
    Ok(Registered { account, organisation, session: answer(ctx, auth, begun)? })
}

fn taken(error: Error) -> Error {
    if !error.is_unique_violation() {
        return error;
    }
    Error::new(Code::EmailTaken, "There is an account with this address. Log in, or have its password reset.")
}

fn add(tx: &mut Tx, role: Role, email: &str, hash: &str, organisation_id: Option<OrganisationId>) -> Result<Account> {
    let now = tx.now();
    let account = Account {
        id: AccountId::new(now, tx.entropy()),
        role,
        email: email.to_owned(),
        email_verified_at: None,
        organisation_id,
        state: AccountState::Active,
        created_at: now,
        updated_at: now,
    };
    store::insert_account(tx, &account, hash)?;
    Ok(account)
}

/// Asks for the mail that verifies the address, and begins the first session.
fn welcome(tx: &mut Tx, account: &Account, ttl_days: i64) -> Result<Begun> {
    outbox::push(tx, "account.verify", &json!({"account_id": account.id}))?;
    sessions::begin(tx, &account.id, ttl_days)
}

fn new_organisation(now: UtcTime, entropy: &Entropy, profile: Profile) -> Organisation {
    Organisation {
        id: OrganisationId::new(now, entropy),
        profile,
        state: OrganisationState::Pending,
        decision_reason: None,
        decided_by: None,
        decided_at: None,
        may_reapply_at: None,
        credit_limit_minor: CREDIT_LIMIT_DEFAULT_MINOR,
        created_at: now,
        updated_at: now,
    }
}
