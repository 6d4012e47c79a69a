//! The key with which the service signs what anybody may check without asking it: Ed25519 (RFC 8032).
//!
//! It is made at the first start. Several servers on one database share its file. What was signed stays valid as long as
//! people keep the public key, so it is not changed lightly: it has nothing to do with the keys of access tokens.

use crate::clock::Entropy;
use crate::error::{Error, Result};
use crate::secrets::private_file;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::Path;
use std::sync::Arc;

/// Length of a public key, in bytes.
const PUBLIC_BYTES: usize = 32;

/// Signs. Cloning shares the key.
#[derive(Clone)]
pub struct Signer {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

/// A key that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

impl Signer {
    /// Reads the key, or makes one where there is none.
    ///
    /// # Errors
    /// `invalid` where the file is no Ed25519 key in PKCS #8 form, or may be read by others.
    pub fn load_or_make(file: &Path, entropy: &Entropy) -> Result<Self> {
        let seed = entropy.bytes::<32>();
        let fresh = Ed25519KeyPair::from_seed_unchecked(&seed)
            .and_then(|pair| Ok(pair.to_pkcs8()?))
            .map_err(Error::internal)?;
        let private = private_file(file, || fresh.as_ref().to_vec())?;
        let pair = Ed25519KeyPair::from_pkcs8(&private)
            .map_err(|_| Error::invalid(format!("{} is not an Ed25519 key in PKCS #8 form.", file.display())))?;
        let public = PublicKey::from_bytes(pair.public_key().as_ref())
            .ok_or_else(|| Error::internal("an Ed25519 key has 32 bytes"))?;
        Ok(Signer { pair: Arc::new(pair), public })
    }

    /// The signature of a message, in base64url without padding.
    pub fn sign(&self, message: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.sign(message))
    }

    /// The key with which it is checked.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl PublicKey {
    /// A key from its 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(PublicKey)
    }

    /// A key from base64url without padding.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&URL_SAFE_NO_PAD.decode(text).ok()?)
    }

    /// The key in base64url without padding.
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The key's name: its thumbprint (RFC 7638).
    pub fn id(&self) -> String {
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.text());
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, jwk.as_bytes()))
    }

    /// Whether a signature, in base64url without padding, is this key's for a message.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_signs_what_nobody_else_can() {
        let directory = tempfile::tempdir().unwrap();
        let (file, other) = (directory.path().join("a.pk8"), directory.path().join("b.pk8"));
        let signer = Signer::load_or_make(&file, &Entropy::seeded(1)).unwrap();
        let again = Signer::load_or_make(&file, &Entropy::seeded(2)).unwrap();
        let stranger = Signer::load_or_make(&other, &Entropy::seeded(3)).unwrap();
        let signature = signer.sign(b"a head");
        assert_eq!(signer.public().id(), again.public().id());
        let public = PublicKey::parse(&signer.public().text()).unwrap();
        assert!(public.verifies(b"a head", &signature));
        assert!(
            !public.verifies(b"another head", &signature) && !public.verifies(b"a head", &stranger.sign(b"a head"))
        );
        assert!(!public.verifies(b"a head", "") && !public.verifies(b"a head", "***"));
        assert!(PublicKey::parse("AAAA").is_none());
        std::fs::write(&file, "no key").unwrap();
        assert!(Signer::load_or_make(&file, &Entropy::seeded(1)).is_err());
    }

    #[test]
    fn a_key_has_the_name_that_rfc_8037_gives_it() {
        let public = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(public.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
