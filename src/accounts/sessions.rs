//! Sessions: a family of refresh tokens, of which only the newest is good (RFC 9700, section 4.14).
//!
//! Each use of a refresh token makes it used and gives the next. A used one that turns up again was
//! copied by somebody: nobody can tell which of the two is the thief, so the whole family ends.

use super::model::{Account, AccountState};
use super::opaque::{self, Opaque};
use super::store::AccountRow;
use crate::clock::UtcTime;
use crate::db::schema::{accounts, refresh_tokens, sessions};
use crate::db::{Db, Tx};
use crate::error::Result;
use crate::ids::{AccountId, SessionId};
use diesel::prelude::*;
use std::collections::HashMap;

/// A session that has just begun or gone on.
#[derive(Debug, Clone)]
pub struct Begun {
    pub account_id: AccountId,
    pub session_id: SessionId,
    /// The refresh token that is good from now on.
    pub refresh_token: String,
}

/// What came of a refresh token that somebody showed.
#[derive(Debug)]
pub enum Rotation {
    /// It was good; the next one is.
    Next(Begun),
    /// It is unknown, expired, or its session is over.
    Refused,
    /// It had been used before. The session is over now.
    Reused(SessionId),
}

/// Begins a session.
pub fn begin(tx: &mut Tx, account_id: &AccountId, ttl_days: i64) -> Result<Begun> {
    let (now, session_id) = (tx.now(), SessionId::new(tx.now(), tx.entropy()));
    diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(&session_id),
            sessions::account_id.eq(account_id),
            sessions::created_at.eq(now),
            sessions::expires_at.eq(now.plus_days(ttl_days)),
        ))
        .execute(&mut **tx)?;
    let refresh_token = add_token(tx, &session_id)?;
    Ok(Begun { account_id: account_id.clone(), session_id, refresh_token })
}

/// Exchanges a refresh token for the next one. All of it in the caller's one write: of two uses at
/// the same moment the second finds the token used.
pub fn rotate(tx: &mut Tx, refresh_token: &str, ttl_days: i64) -> Result<Rotation> {
    let (hash, now) = (opaque::hash(refresh_token), tx.now());
    let known = refresh_tokens::table.find(&hash).select(refresh_tokens::session_id);
    let Some(session_id) = known.first::<SessionId>(&mut **tx).optional()? else { return Ok(Rotation::Refused) };
    let unused =
        refresh_tokens::table.filter(refresh_tokens::token_hash.eq(&hash).and(refresh_tokens::used_at.is_null()));
    if diesel::update(unused).set(refresh_tokens::used_at.eq(now)).execute(&mut **tx)? == 0 {
        let ended_now = revoke(tx, &session_id, "a used refresh token was shown again")?;
        return Ok(if ended_now { Rotation::Reused(session_id) } else { Rotation::Refused });
    }
    let Some(account) = account_of_live(tx, &session_id, now)? else { return Ok(Rotation::Refused) };
    diesel::update(sessions::table.find(&session_id))
        .set(sessions::expires_at.eq(now.plus_days(ttl_days)))
        .execute(&mut **tx)?;
    let refresh_token = add_token(tx, &session_id)?;
    Ok(Rotation::Next(Begun { account_id: account.id, session_id, refresh_token }))
}

/// The account of a session that is neither revoked nor expired, if the account is active.
pub fn account_of_live(db: &mut Db, session_id: &SessionId, now: UtcTime) -> Result<Option<Account>> {
    Ok(accounts_of_live(db, std::slice::from_ref(session_id), now)?.remove(session_id))
}

/// The same for several sessions; those that are over, or whose account is not active, are left out.
pub fn accounts_of_live(db: &mut Db, ids: &[SessionId], now: UtcTime) -> Result<HashMap<SessionId, Account>> {
    let live = sessions::revoked_at.is_null().and(sessions::expires_at.gt(now));
    let rows: Vec<(SessionId, AccountRow)> = sessions::table
        .inner_join(accounts::table)
        .filter(sessions::id.eq_any(ids).and(live).and(accounts::state.eq(AccountState::Active)))
        .select((sessions::id, AccountRow::as_select()))
        .load(db)?;
    Ok(rows.into_iter().map(|(id, row)| (id, row.into())).collect())
}

/// Ends a session. `false` where it was over already.
pub fn revoke(tx: &mut Tx, session_id: &SessionId, reason: &str) -> Result<bool> {
    let now = tx.now();
    let live = sessions::table.filter(sessions::id.eq(session_id).and(sessions::revoked_at.is_null()));
    let ended = diesel::update(live)
        .set((sessions::revoked_at.eq(now), sessions::revoked_reason.eq(reason)))
        .execute(&mut **tx)?;
    Ok(ended == 1)
}

/// Ends every session of an account.
pub fn revoke_all(tx: &mut Tx, account_id: &AccountId, reason: &str) -> Result<()> {
    let now = tx.now();
    let live = sessions::table.filter(sessions::account_id.eq(account_id).and(sessions::revoked_at.is_null()));
    diesel::update(live).set((sessions::revoked_at.eq(now), sessions::revoked_reason.eq(reason))).execute(&mut **tx)?;
    Ok(())
}

fn add_token(tx: &mut Tx, session_id: &SessionId) -> Result<String> {
    let (token, now) = (Opaque::new("refresh", tx.entropy()), tx.now());
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::token_hash.eq(&token.hash),
            refresh_tokens::session_id.eq(session_id),
            refresh_tokens::issued_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(token.text)
}

/// Removes sessions that were over before an instant, with their tokens.
pub fn prune(db: &mut Db, before: UtcTime, most: i64) -> Result<usize> {
    let old = sessions::table.filter(sessions::expires_at.lt(before)).select(sessions::id).limit(most);
    let old: Vec<SessionId> = old.load(db)?;
    diesel::delete(refresh_tokens::table.filter(refresh_tokens::session_id.eq_any(&old))).execute(db)?;
    Ok(diesel::delete(sessions::table.filter(sessions::id.eq_any(&old))).execute(db)?)
}
