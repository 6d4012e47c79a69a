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
use serde::Deserialize;
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

/// What somebody knows of a key from elsewhere: itself, or its name. Both are 32 bytes in base64url, and none that is taken for
/// the other: whoever had such a key would have found a preimage of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey(String);

/// What a signature says of itself (RFC 7515, section 4.1). A field that is not one of these is refused, `crit` and all keys that a
/// signature brings along among them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JwsHeader {
    alg: String,
    kid: Option<String>,
}

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

    /// The signature of a payload as a JWS in compact form that is detached from it (RFC 7515, appendix F), with the algorithm of
    /// RFC 8037 and the key's name.
    ///
    /// What is signed holds the payload in base64url. RFC 7797 would leave that away (`b64: false`), for payloads too large to be
    /// encoded; it has to be named critical, and programs that do not know it must refuse the signature. Ours are small.
    pub fn sign_detached(&self, payload: &[u8]) -> String {
        self.detached(&format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, self.public.id()), payload)
    }

    fn detached(&self, header: &str, payload: &[u8]) -> String {
        let header = URL_SAFE_NO_PAD.encode(header);
        let signature = self.sign(signing_input(&header, payload).as_bytes());
        format!("{header}..{signature}")
    }

    /// The key with which it is checked.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// What is signed of a JWS (RFC 7515, section 5.1).
fn signing_input(header: &str, payload: &[u8]) -> String {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload))
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

    /// Whether a detached JWS ([`Signer::sign_detached`]) is this key's for a payload; if not, why.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with what was signed.
    pub fn verifies_detached(&self, payload: &[u8], jws: &str) -> Result<(), &'static str> {
        let parts: Vec<&str> = jws.split('.').collect();
        let [header, "", signature] = parts[..] else {
            return Err("has no detached signature in the compact form of RFC 7515");
        };
        let told = URL_SAFE_NO_PAD.decode(header).ok().and_then(|json| serde_json::from_slice::<JwsHeader>(&json).ok());
        let told = told.ok_or("has a signature whose header is not one of alg and kid alone")?;
        if told.alg != "EdDSA" {
            return Err("is signed with an algorithm other than EdDSA");
        }
        if told.kid.is_some_and(|kid| kid != self.id()) {
            return Err("has a signature that names another key");
        }
        if self.verifies(signing_input(header, payload).as_bytes(), signature) {
            return Ok(());
        }
        Err("is not what the key has signed")
    }
}

impl KnownKey {
    /// A key or its name, in base64url without padding.
    pub fn parse(text: &str) -> Option<Self> {
        PublicKey::parse(text).map(|_| KnownKey(text.to_owned()))
    }

    /// Whether it is this one.
    pub fn is(&self, key: &PublicKey) -> bool {
        self.0 == key.text() || self.0 == key.id()
    }

    /// As it was given.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl From<&PublicKey> for KnownKey {
    fn from(key: &PublicKey) -> Self {
        KnownKey(key.text())
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
        for known in [public.text(), public.id()] {
            assert!(KnownKey::parse(&known).unwrap().is(&public), "{known}");
        }
        let other = KnownKey::parse("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4g").unwrap();
        assert!(!other.is(&public) && KnownKey::parse("kid").is_none());
    }

    /// The key of RFC 8037, appendix A.1.
    fn signer_of_the_rfc() -> Signer {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = PublicKey::from_bytes(pair.public_key().as_ref()).unwrap();
        Signer { pair: Arc::new(pair), public }
    }

    #[test]
    fn a_detached_signature_is_that_of_rfc_8037() {
        let (signer, payload) = (signer_of_the_rfc(), b"Example of Ed25519 signing");
        let whole = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6\
                     dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let parts: Vec<&str> = whole.split('.').collect();
        assert_eq!(URL_SAFE_NO_PAD.encode(payload), parts[1]);
        let detached = format!("{}..{}", parts[0], parts[2]);
        assert_eq!(signer.detached(r#"{"alg":"EdDSA"}"#, payload), detached);
        assert_eq!(signer.public().verifies_detached(payload, &detached), Ok(()));
        assert!(signer.public().verifies_detached(payload, whole).is_err(), "it is not detached");
    }

    #[test]
    fn a_detached_signature_is_good_for_one_payload_and_one_key_alone() {
        let (signer, payload) = (signer_of_the_rfc(), b"{}");
        let public = signer.public().clone();
        let good = signer.sign_detached(payload);
        assert_eq!(public.verifies_detached(payload, &good), Ok(()));
        let refused = |header: &str| public.verifies_detached(payload, &signer.detached(header, payload)).unwrap_err();
        for (header, why) in [
            (r#"{"alg":"none"}"#, "algorithm"),
            (r#"{"alg":"HS256"}"#, "algorithm"),
            (r#"{"alg":"EdDSA","kid":"somebody"}"#, "another key"),
            (r#"{"alg":"EdDSA","b64":false,"crit":["b64"]}"#, "header"),
            (r#"{"alg":"EdDSA","jwk":{}}"#, "header"),
            (r#"{"alg":"EdDSA","alg":"EdDSA"}"#, "header"),
            ("", "header"),
        ] {
            assert!(refused(header).contains(why), "{header}: {}", refused(header));
        }
        for wrong in ["", "..", "a.b", &good[..good.len() - 1], &format!("{good}."), &good.replace("..", ".e30.")] {
            assert!(public.verifies_detached(payload, wrong).is_err(), "{wrong}");
        }
        assert_eq!(public.verifies_detached(b"{ }", &good), Err("is not what the key has signed"));
    }
}
