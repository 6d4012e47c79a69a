//! Sessions: in, on, and out.

use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::caller::Caller;
use crate::accounts::model::{self, Account, AccountState};
use crate::accounts::passwords::{Password, Verdict};
use crate::accounts::sessions::{self, Begun, Rotation};
use crate::accounts::store;
use crate::accounts::throttle::Bucket;
use crate::audit;
use crate::context::Context;
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::ids::AccountId;

/// What a session's holder gets.
#[derive(Debug, Clone)]
pub struct SessionTokens {
    /// Whose session it is.
    pub account_id: AccountId,
    /// Goes into `Authorization: Bearer …`.
    pub access_token: String,
    /// Seconds that the access token is good for.
    pub expires_in_s: i64,
    /// Good for one exchange.
    pub refresh_token: String,
}

/// Begins a session with e-mail address and password.
///
/// An unknown address, a closed account and a wrong password get the same answer after the same work.
///
/// # Errors
/// `invalid-credentials`, `too-many-requests` after too many failures, `busy`.
pub async fn log_in(
    ctx: &Context,
    auth: &Auth,
    from: ClientAddress,
    email: &str,
    password: Password,
) -> Result<SessionTokens> {
    let email = model::email(email)?;
    let (bucket, network, now) = (Bucket::account(&email), Bucket::network(from.0), ctx.clock.now());
    auth.throttle.check(network, now)?;
    auth.throttle.take(bucket, now)?;
    let checked = check_password(ctx, auth, &email, password).await;
    // A server that was too busy to look has learnt nothing against the caller.
    let checked = checked.inspect_err(|_| auth.throttle.give_back(bucket))?;
    let Some(checked) = checked else {
        auth.throttle.count(network, now);
        return Err(wrong());
    };
    auth.throttle.forget(bucket);
    let ttl_days = ctx.config.auth.refresh_ttl_days;
    let begun = ctx.db.write(move |tx| {
        checked.still_holds(tx)?;
        sessions::begin(tx, &checked.account.id, ttl_days)
    });
    answer(ctx, auth, begun.await?)
}

/// Exchanges a refresh token for new tokens. The one shown is used up; shown again, it ends the session.
///
/// # Errors
/// `invalid-refresh-token`, whatever is wrong with it.
pub async fn refresh(ctx: &Context, auth: &Auth, refresh_token: String) -> Result<SessionTokens> {
    let ttl_days = ctx.config.auth.refresh_ttl_days;
    let rotated = ctx.db.write(move |tx| sessions::rotate(tx, &refresh_token, ttl_days)).await?;
    match rotated {
        Rotation::Next(begun) => return answer(ctx, auth, begun),
        Rotation::Refused => {}
        Rotation::Reused(session_id) => {
            tracing::warn!(session.id = %session_id, "a used refresh token was shown again; the session was ended");
            auth.forget_session(&session_id);
        }
    }
    Err(Error::new(Code::InvalidRefreshToken, "The session is over or this token was used before; log in again."))
}

/// Ends the caller's session.
///
/// # Errors
/// `internal` where the database fails.
pub async fn log_out(ctx: &Context, auth: &Auth, caller: &Caller) -> Result<()> {
    let session_id = caller.session_id.clone();
    ctx.db.write(move |tx| sessions::revoke(tx, &session_id, "logged out")).await?;
    auth.forget_session(&caller.session_id);
    Ok(())
}

/// Ends every session of the caller's account.
///
/// # Errors
/// `internal` where the database fails.
pub async fn log_out_everywhere(ctx: &Context, auth: &Auth, caller: &Caller) -> Result<()> {
    let account_id = caller.account_id.clone();
    let ended = ctx.db.write(move |tx| {
        sessions::revoke_all(tx, &account_id, "logged out everywhere")?;
        audit::note(tx, &account_id, "sessions.end", account_id.as_str(), None)
    });
    ended.await?;
    auth.forget_account(&caller.account_id);
    Ok(())
}

/// A password that was right a moment ago.
#[derive(Clone)]
pub(super) struct Checked {
    pub(super) account: Account,
    stored: String,
    anew: Option<String>,
}

impl Checked {
    /// Checks inside the write that nothing has changed since, and stores the hash by the present
    /// settings where the old one was outdated.
    pub(super) fn still_holds(&self, tx: &mut Tx) -> Result<()> {
        let id = &self.account.id;
        let active = store::account(tx, id)?.is_some_and(|account| account.state == AccountState::Active);
        if !active || store::password_hash(tx, id)? != self.stored {
            return Err(wrong());
        }
        if let Some(anew) = &self.anew {
            let now = tx.now();
            store::set_password(tx, id, anew, now)?;
        }
        Ok(())
    }
}

/// Compares a password with that of the active account of an address; `None` where it is not right.
pub(super) async fn check_password(
    ctx: &Context,
    auth: &Auth,
    email: &str,
    password: Password,
) -> Result<Option<Checked>> {
    let email = email.to_owned();
    let found = ctx.db.read(move |db| {
        let Some(account) = store::account_by_email(db, &email)? else { return Ok(None) };
        let stored = store::password_hash(db, &account.id)?;
        Ok((account.state == AccountState::Active).then_some((account, stored)))
    });
    let found = found.await?;
    let verdict = auth.hasher.verify(password, found.as_ref().map(|(_, stored)| stored.clone())).await?;
    Ok(match (found, verdict) {
        (Some((account, stored)), Verdict::Right) => Some(Checked { account, stored, anew: None }),
        (Some((account, stored)), Verdict::Outdated(anew)) => Some(Checked { account, stored, anew: Some(anew) }),
        _ => None,
    })
}

/// Signs the access token of a session that has begun or gone on.
pub(super) fn answer(ctx: &Context, auth: &Auth, begun: Begun) -> Result<SessionTokens> {
    let now = ctx.clock.now();
    Ok(SessionTokens {
        access_token: auth.tokens.issue(&begun.account_id, &begun.session_id, now, &ctx.entropy)?,
        expires_in_s: auth.tokens.ttl_s(),
        refresh_token: begun.refresh_token,
        account_id: begun.account_id,
    })
}

pub(super) fn wrong() -> Error {
    Error::new(Code::InvalidCredentials, "Check both; after some failures further attempts are refused for a while.")
}
