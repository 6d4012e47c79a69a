//! How a delivery is signed: Standard Webhooks 1.0.0, "Signature scheme", the symmetric one.

use crate::clock::{Entropy, UtcTime};
use crate::error::Result;
use crate::ids::{EventId, WebhookId};
use crate::secrets::Pepper;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The specification allows 24 to 64 bytes.
const SECRET_BYTES: usize = 32;
/// What keys are made for that encrypt secrets.
const PURPOSE: &str = "secrets of webhooks";

/// What a webhook's deliveries are signed with. It has no `Debug`, so that it stands in no log.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A new one.
    pub fn new(entropy: &Entropy) -> Self {
        Secret(entropy.bytes::<SECRET_BYTES>().to_vec())
    }

    /// As its receiver is shown it: `whsec_` and base64.
    pub fn text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(&self.0))
    }

    /// As the database keeps it.
    ///
    /// # Errors
    /// `internal` where the library fails.
    pub fn sealed(&self, pepper: &Pepper, id: &WebhookId, entropy: &Entropy) -> Result<Vec<u8>> {
        pepper.seal(PURPOSE, id.as_str(), &self.0, entropy)
    }

    /// One that the database has kept.
    ///
    /// # Errors
    /// `internal` where it was sealed with another server's secret, or for another webhook.
    pub fn open(pepper: &Pepper, id: &WebhookId, sealed: &[u8]) -> Result<Self> {
        pepper.open(PURPOSE, id.as_str(), sealed).map(Secret)
    }

    /// `v1,` and the base64 of HMAC-SHA256 over id, time in seconds and body, with full stops in between. Neither id nor time can
    /// hold one.
    fn signature(&self, id: &EventId, at: UtcTime, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{}.{body}", at.unix_s()).as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

/// The header `webhook-signature`: one for each secret that is good now, with spaces between.
pub fn header(secrets: &[Secret], id: &EventId, at: UtcTime, body: &str) -> String {
    secrets.iter().map(|secret| secret.signature(id, at, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by hand with `openssl dgst -sha256 -hmac`: the secret is `thirty-two bytes of a test key..`.
    #[test]
    fn the_signature_is_that_of_the_specification() {
        let at = UtcTime::from_unix_s(1_674_087_231).unwrap();
        let id = EventId::parse("event_01jd2k8m0wfv9s3x6q4r7t5y2z").unwrap();
        let secret = Secret(b"thirty-two bytes of a test key..".to_vec());
        assert_eq!(secret.text(), "whsec_dGhpcnR5LXR3byBieXRlcyBvZiBhIHRlc3Qga2V5Li4=");
        let signature = "v1,ofskxYICLpdvwfYcG8UhNqi8k9uEYZ7Ofgfu5Xirq+k=";
        assert_eq!(header(std::slice::from_ref(&secret), &id, at, "{\"a\":1}"), signature);
        let both = header(&[secret, Secret::new(&Entropy::seeded(1))], &id, at, "{\"a\":1}");
        assert!(both.starts_with(signature) && both.matches(" v1,").count() == 1, "{both}");
    }
}
