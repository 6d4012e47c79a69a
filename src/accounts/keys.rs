//! The keys that sign access tokens: Ed25519 (RFC 8037), in files that only the server's user can read.
//!
//! To change the key: rename `token-signing.pk8` to `token-signing.previous.pk8` and start again. A
//! new key signs from then on; the old one still verifies, until the file is taken away (ten minutes
//! later nothing is left that it signed). Several servers on one database share these files.

use crate::clock::Entropy;
use crate::error::{Error, Result};
use crate::secrets::private_file;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::json;
use std::path::Path;

const CURRENT: &str = "token-signing.pk8";
const PREVIOUS: &str = "token-signing.previous.pk8";

/// The key that signs, and the keys that verify.
pub struct Keys {
    signing: EncodingKey,
    signing_kid: String,
    verifying: Vec<Public>,
}

/// A key that verifies.
struct Public {
    kid: String,
    x: String,
    key: DecodingKey,
}

impl Keys {
    /// Reads the keys, or makes one where there is none.
    ///
    /// # Errors
    /// `invalid` where a file is no Ed25519 key or may be read by others.
    pub fn load_or_make(directory: &Path, entropy: &Entropy) -> Result<Self> {
        let seed = entropy.bytes::<32>();
        let fresh = Ed25519KeyPair::from_seed_unchecked(&seed)
            .and_then(|pair| Ok(pair.to_pkcs8()?))
            .map_err(Error::internal)?;
        let path = directory.join(CURRENT);
        let private = private_file(&path, || fresh.as_ref().to_vec())?;
        let current = public(&path, &private)?;
        let signing_kid = current.kid.clone();
        let mut verifying = vec![current];
        let path = directory.join(PREVIOUS);
        if path.exists() {
            verifying.push(public(&path, &private_file(&path, Vec::new)?)?);
        }
        Ok(Keys { signing: EncodingKey::from_ed_der(&private), signing_kid, verifying })
    }

    /// The key that signs, and its id.
    pub fn signing(&self) -> (&str, &EncodingKey) {
        (&self.signing_kid, &self.signing)
    }

    /// The key of an id, if it is one of ours.
    pub fn verifying(&self, kid: &str) -> Option<&DecodingKey> {
        self.verifying.iter().find(|public| public.kid == kid).map(|public| &public.key)
    }

    /// The public keys as a JWK Set (RFC 7517).
    pub fn jwks(&self) -> serde_json::Value {
        let jwk = |public: &Public| json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": public.kid, "x": public.x});
        json!({"keys": self.verifying.iter().map(jwk).collect::<Vec<_>>()})
    }
}

fn public(path: &Path, private: &[u8]) -> Result<Public> {
    let pair = Ed25519KeyPair::from_pkcs8(private)
        .map_err(|_| Error::invalid(format!("{} is not an Ed25519 key in PKCS #8 form.", path.display())))?;
    let bytes = pair.public_key().as_ref();
    let x = URL_SAFE_NO_PAD.encode(bytes);
    // The id is the key's own thumbprint (RFC 7638): the same on every server that has the key.
    let thumbprint = super::opaque::sha256(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes());
    Ok(Public { kid: URL_SAFE_NO_PAD.encode(thumbprint), x, key: DecodingKey::from_ed_der(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_the_old_one_still_verifies() {
        let dir = tempfile::tempdir().unwrap();
        let first = Keys::load_or_make(dir.path(), &Entropy::seeded(1)).unwrap();
        let again = Keys::load_or_make(dir.path(), &Entropy::seeded(2)).unwrap();
        assert_eq!(first.signing().0, again.signing().0);
        std::fs::rename(dir.path().join(CURRENT), dir.path().join(PREVIOUS)).unwrap();
        let rotated = Keys::load_or_make(dir.path(), &Entropy::seeded(3)).unwrap();
        assert_ne!(rotated.signing().0, first.signing().0);
        assert!(rotated.verifying(first.signing().0).is_some());
        assert!(rotated.verifying("another").is_none());
        assert_eq!(rotated.jwks()["keys"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        // RFC 8037, appendix A.1 to A.3: private key, public key, thumbprint.
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = public(Path::new("x"), pair.to_pkcs8().unwrap().as_ref()).unwrap();
        assert_eq!(public.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(public.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn what_is_no_key_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        private_file(&dir.path().join(CURRENT), || b"not a key".to_vec()).unwrap();
        let refused = Keys::load_or_make(dir.path(), &Entropy::seeded(1)).err().unwrap();
        assert!(refused.detail().contains(CURRENT));
    }
}
