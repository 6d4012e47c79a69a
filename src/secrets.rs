//! The server's own secret, from which keyed hashes are made: tombstones, fingerprints, cursors; and keys for what the database
//! keeps and must not tell: the secrets of webhooks.
//!
//! It is made at the first start and kept in a file that only the server's user can read. Losing it
//! makes old cursors and tombstones meaningless, and webhooks need new secrets; it harms nothing else. Several servers on one
//! PostgreSQL share one.

use crate::clock::Entropy;
use crate::error::{Error, Result};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// A secret of 32 bytes. Each purpose gets hashes of its own.
#[derive(Clone)]
pub struct Pepper(hmac::Key);

impl Pepper {
    /// Reads the secret, or makes it where there is none.
    ///
    /// # Errors
    /// `invalid` where the file is shorter than 32 bytes or readable by others.
    pub fn load_or_make(file: &Path, entropy: &Entropy) -> Result<Self> {
        let bytes = private_file(file, || entropy.bytes::<32>().to_vec())?;
        if bytes.len() < 32 {
            return Err(Error::invalid(format!(
                "{} holds fewer than 32 bytes; restore it from a backup.",
                file.display()
            )));
        }
        Ok(Pepper(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// HMAC-SHA256 of data for a purpose, as 64 hex digits.
    pub fn tag(&self, purpose: &str, data: &[u8]) -> String {
        hex::encode(self.bytes(purpose, data))
    }

    /// HMAC-SHA256 of data for a purpose.
    pub fn bytes(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(data);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.sign().as_ref());
        bytes
    }

    /// Encrypts for a purpose: a random nonce, then the ciphertext with its tag (AES-256-GCM, NIST SP 800-38D). Opens only
    /// together with `about`, which says what it belongs to.
    ///
    /// # Errors
    /// `internal` where the library fails.
    pub fn seal(&self, purpose: &str, about: &str, plain: &[u8], entropy: &Entropy) -> Result<Vec<u8>> {
        let nonce = entropy.bytes::<NONCE_LEN>();
        let mut sealed = plain.to_vec();
        let key = self.sealing_key(purpose)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed)
            .map_err(Error::internal)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// What was sealed.
    ///
    /// # Errors
    /// `internal` where it was sealed with another secret, for another purpose or about something else, or is damaged.
    pub fn open(&self, purpose: &str, about: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let damaged = || Error::internal(format!("what is sealed about {about} does not open with this server's keys"));
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let (key, mut rest) = (self.sealing_key(purpose)?, rest.to_vec());
        let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(about), &mut rest);
        Ok(opened.map_err(|_| damaged())?.to_vec())
    }

    fn sealing_key(&self, purpose: &str) -> Result<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, &self.bytes(purpose, b"sealing key")).map_err(Error::internal)?;
        Ok(LessSafeKey::new(key))
    }
}

/// Reads a file that only its owner may read, or makes it so.
///
/// # Errors
/// `invalid` where others may read it: a secret that is known is none.
pub fn private_file(file: &Path, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut new) => {
            let bytes = make();
            new.write_all(&bytes)?;
            new.sync_all()?;
            Ok(bytes)
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            if std::fs::metadata(file)?.permissions().mode() & 0o077 != 0 {
                return Err(Error::invalid(format!("{} may be read by others; run chmod 600 on it.", file.display())));
            }
            Ok(std::fs::read(file)?)
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys/pepper");
        let first = Pepper::load_or_make(&file, &Entropy::seeded(1)).unwrap();
        let again = Pepper::load_or_make(&file, &Entropy::seeded(2)).unwrap();
        assert_eq!(first.tag("a", b"x"), again.tag("a", b"x"));
        assert_ne!(first.tag("a", b"x"), first.tag("b", b"x"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Pepper::load_or_make(&file, &Entropy::seeded(1)).is_err());
    }

    #[test]
    fn what_is_sealed_opens_only_where_it_belongs() {
        let dir = tempfile::tempdir().unwrap();
        let entropy = Entropy::seeded(1);
        let pepper = Pepper::load_or_make(&dir.path().join("pepper"), &entropy).unwrap();
        let other = Pepper::load_or_make(&dir.path().join("other"), &entropy).unwrap();
        let sealed = pepper.seal("a", "webhook_1", b"a secret", &entropy).unwrap();
        assert!(!sealed.windows(8).any(|window| window == b"a secret"));
        assert_ne!(sealed, pepper.seal("a", "webhook_1", b"a secret", &entropy).unwrap(), "never twice the same");
        assert_eq!(pepper.open("a", "webhook_1", &sealed).unwrap(), b"a secret");
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        for (pepper, purpose, about, sealed) in [
            (&other, "a", "webhook_1", &sealed[..]),
            (&pepper, "b", "webhook_1", &sealed),
            (&pepper, "a", "webhook_2", &sealed),
            (&pepper, "a", "webhook_1", &changed),
            (&pepper, "a", "webhook_1", &sealed[..20]),
            (&pepper, "a", "webhook_1", &[]),
        ] {
            assert!(pepper.open(purpose, about, sealed).is_err(), "{purpose} {about}");
        }
    }
}
