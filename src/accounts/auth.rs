//! What the door needs and the database does not keep: keys, counts of failures, and who was let in
//! a moment ago.

use super::caller::Caller;
use super::generations::Generations;
use super::keys::Keys;
use super::lookups::Lookups;
use super::model::Account;
use super::opaque;
use super::passwords::Hasher;
use super::throttle::Throttle;
use super::tokens::{self, Tokens, Verified};
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::Result;
use crate::ids::{AccountId, SessionId};
use std::sync::{Arc, PoisonError, RwLock};

/// Seconds for which it is remembered what the database said of a token's account and session.
const REMEMBERED_S: i64 = 60;
/// Tokens remembered at most.
const TOKENS_MAX: usize = 100_000;

/// The state of the door. One per server, beside the [`Context`].
pub struct Auth {
    /// Hashes and compares passwords.
    pub hasher: Hasher,
    /// Makes and checks access tokens.
    pub tokens: Tokens,
    /// Counts failed attempts.
    pub throttle: Throttle,
    /// Counts registrations, by network.
    pub registrations: Throttle,
    seen: RwLock<Generations<[u8; 32], Seen>>,
    lookups: Lookups,
}

/// A genuine token, and what the database said of it.
struct Seen {
    caller: Arc<Caller>,
    looked_up_at: UtcTime,
    good_until: UtcTime,
}

/// What is known of a token without being asked for.
enum Remembered {
    /// Who sends it.
    Caller(Arc<Caller>),
    /// That it is genuine; whether its session and its account are still good, the database has to say.
    Token(Verified),
}

impl Auth {
    /// Reads or makes the keys, and tries them.
    ///
    /// # Errors
    /// `invalid` where a key file or a setting is not usable.
    pub fn start(ctx: &Context) -> Result<Self> {
        let settings = &ctx.config.auth;
        let keys = Keys::load_or_make(&ctx.config.keys_dir(), &ctx.entropy)?;
        let tokens = Tokens::new(keys, &ctx.config.server.public_url(), settings.access_ttl_s)?;
        // Signing and verifying once shows at the start whether the cryptography is in place.
        let now = ctx.clock.now();
        let (account, session) = (AccountId::new(now, &ctx.entropy), SessionId::new(now, &ctx.entropy));
        tokens.verify(&tokens.issue(&account, &session, now, &ctx.entropy)?, now)?;
        Ok(Auth {
            hasher: Hasher::new(settings, ctx.entropy.clone())?,
            tokens,
            throttle: Throttle::new(settings.login_attempts),
            registrations: Throttle::new(settings.registrations),
            seen: RwLock::new(Generations::new(TOKENS_MAX)),
            lookups: Lookups::default(),
        })
    }

    /// Who sends a token. What the signature says is remembered as long as the token is good, what the database says for a minute
    /// at most, so that neither is paid for by every request.
    ///
    /// # Errors
    /// `not-authenticated` where the token, its session or its account is not good (any more).
    pub async fn caller(&self, ctx: &Context, token: &[u8]) -> Result<Arc<Caller>> {
        let (key, now) = (opaque::sha256(token), ctx.clock.now());
        let verified = match self.remembered(&key, now) {
            Some(Remembered::Caller(caller)) => return Ok(caller),
            Some(Remembered::Token(verified)) => verified,
            None => self.tokens.verify(std::str::from_utf8(token).map_err(|_| tokens::refused())?, now)?,
        };
        let session_id = verified.session_id.clone();
        let found = self.lookups.account_of_live(ctx, session_id).await?;
        let account = found.filter(|account| account.id == verified.account_id).ok_or_else(tokens::refused)?;
        let caller = Arc::new(Caller {
            account_id: account.id,
            role: account.role,
            organisation_id: account.organisation_id,
            session_id: verified.session_id,
        });
        let seen = Seen { caller: Arc::clone(&caller), looked_up_at: now, good_until: verified.good_until };
        self.seen.write().unwrap_or_else(PoisonError::into_inner).insert(key, seen);
        Ok(caller)
    }

    /// Whether the session and the account behind a caller are still good, and the account what it was: asked of the database.
    ///
    /// # Errors
    /// `busy` or `internal` where the database fails.
    pub async fn is_good(&self, ctx: &Context, caller: &Caller) -> Result<bool> {
        let found = self.lookups.account_of_live(ctx, caller.session_id.clone()).await?;
        let is_same =
            |account: Account| account.id == caller.account_id && account.organisation_id == caller.organisation_id;
        Ok(found.is_some_and(is_same))
    }

    /// Forgets what was remembered of a session, so that its end takes hold on this server at once.
    pub fn forget_session(&self, id: &SessionId) {
        self.retain(|caller| caller.session_id != *id);
    }

    /// Forgets what was remembered of an account, so that a change takes hold on this server at once.
    pub fn forget_account(&self, id: &AccountId) {
        self.retain(|caller| caller.account_id != *id);
    }

    fn retain(&self, keep: impl Fn(&Caller) -> bool) {
        self.seen.write().unwrap_or_else(PoisonError::into_inner).retain(|seen| keep(&seen.caller));
    }

    fn remembered(&self, key: &[u8; 32], now: UtcTime) -> Option<Remembered> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let found = seen.get(key).filter(|found| now < found.good_until)?;
        let is_fresh = now >= found.looked_up_at && now < found.looked_up_at.plus_s(REMEMBERED_S);
        let Caller { account_id, session_id, .. } = &*found.caller;
        Some(if is_fresh {
            Remembered::Caller(Arc::clone(&found.caller))
        } else {
            Remembered::Token(Verified {
                account_id: account_id.clone(),
                session_id: session_id.clone(),
                good_until: found.good_until,
            })
        })
    }
}
