//! The server's own secret, from which keyed hashes are made: tombstones, fingerprints, cursors.
//!
//! It is made at the first start and kept in a file that only the server's user can read. Losing it
//! makes old cursors and tombstones meaningless and harms nothing else; several servers on one
//! PostgreSQL share one.

use crate::clock::Entropy;
use crate::error::{Error, Result};
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
}
