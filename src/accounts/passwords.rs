//! Passwords: argon2id (RFC 9106), hashed on blocking threads, only so many at the same time.
//!
//! Each hash takes megabytes by design, so memory is bounded by the permits; those who find no
//! permit wait in a bounded queue for a bounded time, and then are told to come back.

use crate::clock::Entropy;
use crate::config;
use crate::error::{Code, Error, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Fewest and most bytes of a password (UTF-8).
const BYTES: std::ops::RangeInclusive<usize> = 8..=1024;
/// Who may wait for each permit.
const WAITING_PER_PERMIT: usize = 16;
/// How long somebody waits for a permit.
const WAIT: Duration = Duration::from_secs(5);

/// The dearest stored hash that is still computed: 256 MiB, 16 passes, 4 lanes. A stored hash that
/// asks for more was not made here, and would be a way to stop the server.
const MEMORY_KIB_MAX: u32 = 256 << 10;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 4;

/// A password as somebody typed it: any characters, 8 to 1,024 bytes as UTF-8, so 2 characters at least. Never shown.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = Password, min_length = 2, max_length = 1024, example = "correct horse battery staple")]
pub struct Password(String);

impl Password {
    /// Checks a password that is to be set.
    ///
    /// # Errors
    /// `invalid` where it is too short or too long.
    pub fn check(&self) -> Result<()> {
        if BYTES.contains(&self.0.len()) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "password has {} to {} bytes; any characters are fine.",
            BYTES.start(),
            BYTES.end()
        )))
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Password(text.to_owned())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What came of comparing a password with a stored hash.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or there is no such account.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and this is its hash by the present settings, to be stored in place of the old one.
    Outdated(String),
}

/// Hashes and compares passwords.
#[derive(Clone)]
pub struct Hasher {
    params: Params,
    entropy: Entropy,
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// What an unknown account's password is compared with, so that the answer takes as long.
    nobodys: Arc<str>,
}

impl Hasher {
    /// By the settings.
    ///
    /// # Errors
    /// `invalid` where the settings are out of what argon2 or this server allows.
    pub fn new(settings: &config::Auth, entropy: Entropy) -> Result<Self> {
        let params = Params::new(settings.argon2_memory_kib, settings.argon2_passes, 1, None)
            .map_err(|e| Error::invalid(format!("[auth] argon2_memory_kib and argon2_passes: {e}.")))?;
        if !affordable(&params) {
            return Err(Error::invalid(format!(
                "[auth] argon2_memory_kib is at most {MEMORY_KIB_MAX}, argon2_passes at most {PASSES_MAX}."
            )));
        }
        let permits = settings.argon2_permits.max(1);
        let nobodys = compute(&params, entropy.bytes(), &entropy.bytes::<16>())?.into();
        Ok(Hasher {
            params,
            entropy,
            running: Arc::new(Semaphore::new(permits)),
            places: Arc::new(Semaphore::new(permits.saturating_mul(1 + WAITING_PER_PERMIT))),
            nobodys,
        })
    }

    /// Hashes a password that is to be set. The result is a PHC string.
    ///
    /// # Errors
    /// `invalid` for a password out of bounds, `busy` where too many are waiting.
    pub async fn hash(&self, password: Password) -> Result<String> {
        password.check()?;
        let (params, salt) = (self.params.clone(), self.entropy.bytes::<16>());
        self.run(move || compute(&params, salt, password.0.as_bytes())).await
    }

    /// Compares a password with a stored hash; with `None` it takes as long and answers
    /// [`Verdict::Wrong`].
    ///
    /// # Errors
    /// `busy` where too many are waiting; `internal` where the stored hash is damaged or asks for more
    /// work than any that was made here.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<Verdict> {
        if password.0.len() > *BYTES.end() {
            return Ok(Verdict::Wrong);
        }
        let known = stored.is_some();
        let (params, salt) = (self.params.clone(), self.entropy.bytes::<16>());
        let stored = stored.unwrap_or_else(|| self.nobodys.to_string());
        self.run(move || {
            let verdict = compare(&params, salt, password.0.as_bytes(), &stored)?;
            Ok(if known { verdict } else { Verdict::Wrong })
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let busy =
            || Error::new(Code::Busy, "Too many passwords are being checked; try again shortly.").retry_after_s(2);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.running).acquire_owned()).await;
        let permit = permit.map_err(|_| busy())?.map_err(Error::internal)?;
        let span = tracing::Span::current();
        // The permit goes along: a caller that hangs up does not free the memory that is still in use.
        let task = tokio::task::spawn_blocking(move || {
            let _held = (place, permit);
            span.in_scope(work)
        });
        task.await.map_err(Error::internal)?
    }
}

fn compute(params: &Params, salt: [u8; 16], password: &[u8]) -> Result<String> {
    let hash = argon2(params).hash_password_with_salt(password, &salt).map_err(Error::internal)?;
    Ok(hash.to_string())
}

fn compare(params: &Params, salt: [u8; 16], password: &[u8], stored: &str) -> Result<Verdict> {
    let hash = PasswordHash::new(stored).map_err(Error::internal)?;
    let theirs = Params::try_from(&hash).map_err(Error::internal)?;
    if hash.algorithm != ARGON2ID_IDENT || !affordable(&theirs) {
        return Err(Error::internal("a stored password hash asks for what no hash made here asks for"));
    }
    if argon2(&theirs).verify_password(password, &hash).is_err() {
        return Ok(Verdict::Wrong);
    }
    let same = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost());
    if same(&theirs) == same(params) {
        Ok(Verdict::Right)
    } else {
        compute(params, salt, password).map(Verdict::Outdated)
    }
}

fn argon2(params: &Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
}

fn affordable(params: &Params) -> bool {
    params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX && params.p_cost() <= LANES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(change: impl Fn(&mut config::Auth)) -> Hasher {
        let mut settings = config::Auth { argon2_memory_kib: 64, argon2_passes: 1, ..config::Auth::default() };
        change(&mut settings);
        Hasher::new(&settings, Entropy::seeded(1)).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_recognised_and_another_is_not() {
        let hasher = hasher(|_| {});
        for text in ["eight by", "pässwörd → 密码", &"x".repeat(1024), "with\0null!"] {
            let stored = hasher.hash(text.into()).await.unwrap();
            assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
            assert_eq!(hasher.verify(text.into(), Some(stored.clone())).await.unwrap(), Verdict::Right);
            assert_eq!(hasher.verify("another password".into(), Some(stored)).await.unwrap(), Verdict::Wrong);
        }
        assert_eq!(hasher.verify("eight by".into(), None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn passwords_out_of_bounds_are_refused_before_hashing() {
        let hasher = hasher(|_| {});
        for text in ["", "seven b", &"x".repeat(1025)] {
            assert_eq!(hasher.hash(text.into()).await.unwrap_err().code(), Code::Invalid);
        }
        assert_eq!(hasher.verify("x".repeat(1 << 20).as_str().into(), None).await.unwrap(), Verdict::Wrong);
        assert!(!format!("{:?}", Password::from("hunter22")).contains("hunter"));
    }

    #[tokio::test]
    async fn a_hash_by_old_settings_is_made_anew() {
        let stored = hasher(|_| {}).hash("the password".into()).await.unwrap();
        let dearer = hasher(|settings| settings.argon2_passes = 2);
        let Verdict::Outdated(anew) = dearer.verify("the password".into(), Some(stored)).await.unwrap() else {
            panic!("the old hash counted as new")
        };
        assert_eq!(dearer.verify("the password".into(), Some(anew)).await.unwrap(), Verdict::Right);
    }

    #[tokio::test]
    async fn an_absurd_stored_hash_is_not_computed() {
        let hasher = hasher(|_| {});
        let stored = hasher.hash("the password".into()).await.unwrap();
        for absurd in [
            stored.replace("m=64", "m=4194304"),
            stored.replace("t=1", "t=4000000"),
            stored.replace("argon2id", "argon2d"),
            "!".to_owned(),
        ] {
            let error = hasher.verify("the password".into(), Some(absurd)).await.unwrap_err();
            assert_eq!(error.code(), Code::Internal);
        }
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let hasher = hasher(|settings| settings.argon2_permits = 1);
        let places = Arc::clone(&hasher.places).acquire_many_owned(1 + WAITING_PER_PERMIT as u32).await.unwrap();
        assert_eq!(hasher.hash("the password".into()).await.unwrap_err().code(), Code::Busy);
        drop(places);
        hasher.hash("the password".into()).await.unwrap();
    }
}
