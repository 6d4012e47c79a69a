//! Addresses shown to be real, and passwords set anew.

use super::login::{SessionTokens, answer, check_password, wrong};
use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::caller::Caller;
use crate::accounts::model::{self, AccountState, EmailTokenPurpose};
use crate::accounts::passwords::Password;
use crate::accounts::throttle::Bucket;
use crate::accounts::{opaque, sessions, steps, store};
use crate::audit;
use crate::context::Context;
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::AccountId;
use crate::outbox;
use serde_json::json;

/// Takes the token of a mail as proof that the address reaches its holder.
///
/// # Errors
/// `link-invalid` where the token is unknown, used or too old.
pub async fn verify_email(ctx: &Context, token: &str) -> Result<()> {
    let hash = opaque::hash(token);
    let verified = ctx.db.write(move |tx| {
        let id = spend(tx, &hash, EmailTokenPurpose::Verify)?;
        let now = tx.now();
        store::set_verified(tx, &id, now)
    });
    verified.await
}

/// Has the mail that verifies an address sent again. Where it is verified already, nothing is sent.
///
/// # Errors
/// `too-many-requests` where it was asked for too often.
pub async fn ask_verification(ctx: &Context, auth: &Auth, caller: &Caller) -> Result<()> {
    auth.throttle.take(Bucket::mail(caller.account_id.as_str()), ctx.clock.now())?;
    let id = caller.account_id.clone();
    let asked = ctx.db.write(move |tx| {
        if steps::account(tx, &id)?.email_verified_at.is_none() {
            outbox::push(tx, "account.verify", &json!({"account_id": id}))?;
        }
        Ok(())
    });
    asked.await
}

/// Has a mail sent with which a new password can be set. For an unknown address an event is written
/// that says nothing, so that the answer is the same and takes as long.
///
/// # Errors
/// `invalid` for what is no address, `too-many-requests` where it was asked for too often.
pub async fn ask_reset(ctx: &Context, auth: &Auth, from: ClientAddress, email: &str) -> Result<()> {
    let (email, now) = (model::email(email)?, ctx.clock.now());
    auth.throttle.check(Bucket::network(from.0), now)?;
    auth.throttle.take(Bucket::mail(&email), now)?;
    let asked = ctx.db.write(move |tx| {
        let account = store::account_by_email(tx, &email)?;
        match account.filter(|account| account.state == AccountState::Active) {
            Some(account) => outbox::push(tx, "account.reset", &json!({"account_id": account.id})),
            None => outbox::push(tx, "nothing", &json!({})),
        }
    });
    asked.await
}

/// Sets a new password with the token of a mail. Every session ends; the address counts as verified,
/// since the token came there.
///
/// # Errors
/// `link-invalid`; `invalid` for a password that is too short or too long; `busy`.
pub async fn reset_password(ctx: &Context, auth: &Auth, token: &str, password: Password) -> Result<()> {
    password.check()?;
    let (hash, now) = (opaque::hash(token), ctx.clock.now());
    let shown = hash.clone();
    // Looked at first, because hashing is dear and anybody may send tokens that they made up.
    let good = ctx.db.read(move |db| store::email_token(db, &shown, EmailTokenPurpose::Reset, now)).await?;
    good.ok_or_else(link_invalid)?;
    let anew = auth.hasher.hash(password).await?;
    let reset = ctx.db.write(move |tx| {
        let id = spend(tx, &hash, EmailTokenPurpose::Reset)?;
        let now = tx.now();
        store::set_verified(tx, &id, now)?;
        set_password(tx, &id, &anew, "password.reset")?;
        steps::account(tx, &id)
    });
    let account = reset.await?;
    auth.throttle.forget(Bucket::account(&account.email));
    auth.forget_account(&account.id);
    Ok(())
}

/// Changes the caller's password. Every session ends, and the answer carries a new one.
///
/// # Errors
/// `invalid-credentials` where the present password is wrong, `too-many-requests` after too many
/// failures, `invalid` for a new one that is too short or too long, `busy`.
pub async fn change_password(
    ctx: &Context,
    auth: &Auth,
    caller: &Caller,
    present: Password,
    new: Password,
) -> Result<SessionTokens> {
    new.check()?;
    let account_id = caller.account_id.clone();
    let email = ctx.db.read(move |db: &mut Db| Ok(steps::account(db, &account_id)?.email)).await?;
    let bucket = Bucket::account(&email);
    auth.throttle.take(bucket, ctx.clock.now())?;
    let checked = check_password(ctx, auth, &email, present).await;
    let checked = checked.inspect_err(|_| auth.throttle.give_back(bucket))?.ok_or_else(wrong)?;
    auth.throttle.forget(bucket);
    let anew = auth.hasher.hash(new).await?;
    let ttl_days = ctx.config.auth.refresh_ttl_days;
    let changed = ctx.db.write(move |tx| {
        checked.still_holds(tx)?;
        set_password(tx, &checked.account.id, &anew, "password.change")?;
        sessions::begin(tx, &checked.account.id, ttl_days)
    });
    let begun = changed.await?;
    auth.forget_account(&caller.account_id);
    answer(ctx, auth, begun)
}

fn set_password(tx: &mut Tx, id: &AccountId, hash: &str, act: &str) -> Result<()> {
    let now = tx.now();
    store::set_password(tx, id, hash, now)?;
    store::void_email_tokens(tx, id, EmailTokenPurpose::Reset, now)?;
    sessions::revoke_all(tx, id, "the password was changed")?;
    audit::note(tx, id, act, id.as_str(), None)
}

/// Uses a token up, and says whose it was.
fn spend(tx: &mut Tx, hash: &str, purpose: EmailTokenPurpose) -> Result<AccountId> {
    let now = tx.now();
    let id = store::email_token(tx, hash, purpose, now)?.ok_or_else(link_invalid)?;
    let active = steps::account(tx, &id)?.state == AccountState::Active;
    if active && store::use_email_token(tx, hash, now)? { Ok(id) } else { Err(link_invalid()) }
}

fn link_invalid() -> Error {
    Error::new(Code::LinkInvalid, "It was used before, is too old, or is not complete; ask for a new mail.")
}
