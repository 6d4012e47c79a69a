//! Access tokens: JWTs (RFC 7519, profile of RFC 9068) signed with Ed25519, good for some minutes.
//!
//! What is checked, beyond the signature: the one algorithm, a key id of ours, `typ` `at+jwt`, no
//! header that asks for a key from elsewhere or for an extension, every claim present, issuer and
//! audience, and the times by this server's own clock. A token that fails any of it gets the same
//! answer as one that fails another.

use super::keys::Keys;
use crate::clock::{Entropy, UtcTime};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, SessionId};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

const AUDIENCE: &str = "refrain";
const TYP: &str = "at+jwt";
/// Seconds by which the clocks of two servers may differ.
const LEEWAY_S: i64 = 30;
/// Ours have about 500 bytes.
const BYTES_MAX: usize = 4_096;

/// What a token says. The names are those of RFC 7519 and OpenID's `sid`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: AccountId,
    sid: SessionId,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// What a genuine token that is still good says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The account.
    pub account_id: AccountId,
    /// The session that it belongs to.
    pub session_id: SessionId,
    /// When it stops being good, leeway included.
    pub good_until: UtcTime,
}

/// Makes and checks access tokens.
pub struct Tokens {
    keys: Keys,
    issuer: String,
    ttl_s: i64,
    validation: Validation,
}

impl Tokens {
    /// Signs in the name of an issuer, for so many seconds.
    ///
    /// # Errors
    /// `internal` where the cryptography does not work: better found at the start than at the first login.
    pub fn new(keys: Keys, issuer: &str, ttl_s: i64) -> Result<Self> {
        // A second server in the same process (tests, the demo) finds it installed.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[AUDIENCE]);
        // The library would ask the system's clock; the times are checked below, by ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Ok(Tokens { keys, issuer: issuer.to_owned(), ttl_s, validation })
    }

    /// Seconds that a token is good for.
    pub fn ttl_s(&self) -> i64 {
        self.ttl_s
    }

    /// The public keys as a JWK Set (RFC 7517).
    pub fn jwks(&self) -> serde_json::Value {
        self.keys.jwks()
    }

    /// A new token for a session.
    ///
    /// # Errors
    /// `internal` where it cannot be signed.
    pub fn issue(&self, account: &AccountId, session: &SessionId, now: UtcTime, entropy: &Entropy) -> Result<String> {
        let (kid, key) = self.keys.signing();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: account.clone(),
            sid: session.clone(),
            jti: hex::encode(entropy.bytes::<16>()),
            iat: now.unix_s(),
            nbf: now.unix_s(),
            exp: now.unix_s() + self.ttl_s,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYP.to_owned());
        header.kid = Some(kid.to_owned());
        encode(&header, &claims, key).map_err(Error::internal)
    }

    /// Checks a token.
    ///
    /// # Errors
    /// `not-authenticated`, in the same words whatever is wrong with it.
    pub fn verify(&self, token: &str, now: UtcTime) -> Result<Verified> {
        self.genuine(token, now).ok_or_else(refused)
    }

    fn genuine(&self, token: &str, now: UtcTime) -> Option<Verified> {
        if token.len() > BYTES_MAX {
            return None;
        }
        let header = decode_header(token).ok()?;
        let foreign = header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some();
        if header.typ.as_deref() != Some(TYP) || header.crit.is_some() || foreign {
            return None;
        }
        let key = self.keys.verifying(header.kid.as_deref()?)?;
        let claims = decode::<Claims>(token, key, &self.validation).ok()?.claims;
        let now_s = now.unix_s();
        let begun = claims.nbf <= now_s + LEEWAY_S && claims.iat <= now_s + LEEWAY_S;
        let good_until = UtcTime::from_unix_s(claims.exp)?.plus_s(LEEWAY_S);
        (begun && now < good_until && !claims.jti.is_empty()).then_some(Verified {
            account_id: claims.sub,
            session_id: claims.sid,
            good_until,
        })
    }
}

/// The one answer to whatever is not a good token.
pub fn refused() -> Error {
    Error::new(Code::NotAuthenticated, "Send a valid access token: Authorization: Bearer …")
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
