//! Opaque tokens: randomness that means nothing by itself. The database keeps only their SHA-256, so
//! that whoever reads it cannot use them; 256 random bits need no slow hash.

use crate::clock::Entropy;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A new token: the text for its holder, and the hash for the database.
pub struct Opaque {
    /// What its holder gets, once.
    pub text: String,
    /// What is stored.
    pub hash: String,
}

impl Opaque {
    /// A new token. `kind` stands in front of it, so that a token found in the wrong place is recognised.
    pub fn new(kind: &str, entropy: &Entropy) -> Self {
        let text = format!("{kind}_{}", URL_SAFE_NO_PAD.encode(entropy.bytes::<32>()));
        let hash = hash(&text);
        Opaque { text, hash }
    }
}

/// SHA-256 of a token, as 64 hex digits.
pub fn hash(token: &str) -> String {
    hex::encode(sha256(token.as_bytes()))
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_long_and_the_hash_is_of_the_text() {
        let entropy = Entropy::seeded(1);
        let (a, b) = (Opaque::new("refresh", &entropy), Opaque::new("refresh", &entropy));
        assert_ne!(a.text, b.text);
        assert!(a.text.starts_with("refresh_") && a.text.len() == "refresh_".len() + 43);
        assert_eq!(hash(&a.text), a.hash);
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
