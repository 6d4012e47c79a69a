//! The token matrix: what is refused, and that all of it is refused in the same words.

use super::*;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const ISSUER: &str = "https://refrain.example";

struct Forge {
    tokens: Tokens,
    pair: Ed25519KeyPair,
    kid: String,
    now: UtcTime,
    _directory: tempfile::TempDir,
}

impl Forge {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_make(directory.path(), &Entropy::seeded(7)).unwrap();
        let private = std::fs::read(directory.path().join("token-signing.pk8")).unwrap();
        Forge {
            kid: keys.signing().0.to_owned(),
            pair: Ed25519KeyPair::from_pkcs8(&private).unwrap(),
            tokens: Tokens::new(keys, ISSUER, 600).unwrap(),
            now: UtcTime::parse("2026-01-01T00:00:00Z").unwrap(),
            _directory: directory,
        }
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    fn claims(&self) -> Value {
        let (entropy, now_s) = (Entropy::seeded(1), self.now.unix_s());
        json!({
            "iss": ISSUER, "aud": "refrain", "jti": "x", "iat": now_s, "nbf": now_s, "exp": now_s + 600,
            "sub": AccountId::new(self.now, &entropy), "sid": SessionId::new(self.now, &entropy),
        })
    }

    /// A token with a genuine signature over whatever it says.
    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes())))
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.sign(&header.to_string(), &self.claims().to_string())
    }

    fn with_claim(&self, name: &str, value: Option<Value>) -> String {
        let mut claims = self.claims();
        match value {
            Some(value) => claims[name] = value,
            None => drop(claims.as_object_mut().unwrap().remove(name)),
        }
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    fn is_refused(&self, token: &str, why: &str) {
        let error = self.tokens.verify(token, self.now).expect_err(why);
        assert_eq!(error.problem(), refused().problem(), "{why}");
        assert!(error.cause().is_none(), "{why}");
    }
}

#[test]
fn a_good_token_is_accepted_until_its_end_and_the_leeway() {
    let forge = Forge::new();
    let token = forge.sign(&forge.header().to_string(), &forge.claims().to_string());
    forge.tokens.verify(&token, forge.now).unwrap();
    forge.tokens.verify(&token, forge.now.plus_s(600 + LEEWAY_S - 1)).unwrap();
    forge.tokens.verify(&token, forge.now.plus_s(-LEEWAY_S)).unwrap();
    assert!(forge.tokens.verify(&token, forge.now.plus_s(600 + LEEWAY_S)).is_err());
    assert!(forge.tokens.verify(&token, forge.now.plus_s(-LEEWAY_S - 1)).is_err());

    let entropy = Entropy::seeded(2);
    let (account, session) = (AccountId::new(forge.now, &entropy), SessionId::new(forge.now, &entropy));
    let own = forge.tokens.issue(&account, &session, forge.now, &entropy).unwrap();
    let verified = forge.tokens.verify(&own, forge.now).unwrap();
    assert_eq!((verified.account_id, verified.session_id), (account, session));
}

#[test]
fn headers_that_are_not_ours_are_refused() {
    let forge = Forge::new();
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("ES256")),
        ("alg", json!("HS256")),
        ("kid", json!("another")),
        ("kid", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", Value::Null),
        ("jku", json!("https://evil.example/jwks.json")),
        ("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
    ] {
        forge.is_refused(&forge.with_header(name, value.clone()), &format!("{name}: {value}"));
    }
}

#[test]
fn other_algorithms_are_refused_even_with_our_public_key_as_their_secret() {
    let forge = Forge::new();
    let mut header = forge.header();
    header["alg"] = json!("HS256");
    let x = forge.tokens.jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    for secret in [URL_SAFE_NO_PAD.decode(&x).unwrap(), x.clone().into_bytes()] {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(forge.claims().to_string())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        forge.is_refused(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag)), "a MAC with the public key");
    }
    header["alg"] = json!("none");
    let bare = forge.sign(&header.to_string(), &forge.claims().to_string());
    let unsigned = bare.rsplit_once('.').unwrap().0;
    forge.is_refused(&format!("{unsigned}."), "no signature");
}

#[test]
fn every_claim_is_wanted_and_means_what_it_says() {
    let forge = Forge::new();
    let now_s = forge.now.unix_s();
    for name in ["exp", "nbf", "iat", "iss", "aud", "sub", "jti", "sid"] {
        forge.is_refused(&forge.with_claim(name, None), &format!("no {name}"));
        forge.is_refused(&forge.with_claim(name, Some(Value::Null)), &format!("{name} is null"));
    }
    for (name, value) in [
        ("exp", json!("never")),
        ("exp", json!(-1)),
        ("exp", json!(now_s - 31)),
        ("nbf", json!(now_s + 31)),
        ("iat", json!(now_s + 31)),
        ("iss", json!("https://evil.example")),
        ("iss", json!([ISSUER, "https://evil.example"])),
        ("aud", json!("another")),
        ("aud", json!(["refrain", "another"])),
        ("sub", json!("offer_01jd2k8m0wfv9s3x6q4r7t5y2z")),
        ("sub", json!("")),
        ("sid", json!(17)),
        ("jti", json!("")),
    ] {
        forge.is_refused(&forge.with_claim(name, Some(value.clone())), &format!("{name}: {value}"));
    }
}

#[test]
fn what_was_changed_or_is_no_token_is_refused() {
    let forge = Forge::new();
    let good = forge.sign(&forge.header().to_string(), &forge.claims().to_string());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let other = forge.with_claim("jti", Some(json!("y")));
    let payload_of_other = other.split('.').nth(1).unwrap();
    forge.is_refused(&format!("{header}.{payload_of_other}.{signature}"), "another payload");
    forge.is_refused(&format!("{good}."), "four parts");
    forge.is_refused(&good[..good.len() - 2], "a short signature");
    forge.is_refused("refresh_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a refresh token");
    forge.is_refused("", "nothing");
    forge.is_refused(&"a.b.c".repeat(2_000), "much too long");
    let twice = forge.claims().to_string().replacen('{', "{\"sub\":\"acct_00000000000000000000000000\",", 1);
    forge.is_refused(&forge.sign(&forge.header().to_string(), &twice), "a claim twice");
}
