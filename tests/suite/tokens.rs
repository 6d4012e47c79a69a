//! Access tokens: what is not exactly ours, and good now, opens nothing.

use crate::common::http::Caller;
use crate::common::{Backend, TestApp};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Somebody who got hold of a token, and even of the key that signs.
struct Forge {
    pair: Ed25519KeyPair,
    header: Value,
    claims: Value,
    signature: String,
}

impl Forge {
    fn of(app: &TestApp, caller: &Caller) -> Self {
        let private = std::fs::read(app.ctx.config.keys_dir().join("token-signing.pk8")).unwrap();
        let token = caller.token.clone().unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        Forge {
            pair: Ed25519KeyPair::from_pkcs8(&private).unwrap(),
            header: json(parts[0]),
            claims: json(parts[1]),
            signature: parts[2].to_owned(),
        }
    }

    /// A genuine signature over whatever it says.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes())))
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header.clone();
        header[name] = value;
        self.sign(&header, &self.claims)
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[name] = value;
        self.sign(&self.header, &claims)
    }

    fn without(&self, name: &str) -> String {
        let (mut header, mut claims) = (self.header.clone(), self.claims.clone());
        header.as_object_mut().unwrap().remove(name);
        claims.as_object_mut().unwrap().remove(name);
        self.sign(&header, &claims)
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn a_token_that_was_tampered_with_opens_nothing() {
    let app = TestApp::start(Backend::Sqlite);
    let (member, operator) = (app.member("ada"), app.operator());
    let forge = Forge::of(&app, &member);
    let open = |token: &str| app.anyone().with_token(token).get("/v1/me");
    assert_eq!(open(&forge.with_claim("jti", json!("another"))).status, 200, "the forge works");
    let operators = Forge::of(&app, &operator).claims;
    let (now_s, mut none, mut mac) = (app.ctx.clock.now().unix_s(), forge.header.clone(), forge.header.clone());
    none["alg"] = json!("none");
    mac["alg"] = json!("HS256");
    let jwks = app.anyone().get("/.well-known/jwks.json").ok();
    let public = hmac::Key::new(hmac::HMAC_SHA256, jwks["keys"][0]["x"].as_str().unwrap().as_bytes());
    let message = unsigned(&mac, &forge.claims);
    let by_mac = URL_SAFE_NO_PAD.encode(hmac::sign(&public, message.as_bytes()));
    let as_operator = unsigned(&forge.header, &operators);
    let own = member.token.as_deref().unwrap();
    let cases = [
        ("no algorithm", format!("{}.", unsigned(&none, &forge.claims))),
        ("no algorithm, and a signature", format!("{}.{}", unsigned(&none, &forge.claims), forge.signature)),
        ("the public key as a secret", format!("{message}.{by_mac}")),
        ("other claims under the signature", format!("{as_operator}.{}", forge.signature)),
        ("no signature", unsigned(&forge.header, &forge.claims)),
        ("half a signature", own[..own.len() - 40].to_owned()),
        ("another key's id", forge.with_header("kid", json!("another"))),
        ("a path for a key's id", forge.with_header("kid", json!("../keys/token-signing.pk8"))),
        ("a key that it brings along", forge.with_header("jwk", jwks["keys"][0].clone())),
        ("another type", forge.with_header("typ", json!("JWT"))),
        ("an extension", forge.with_header("crit", json!(["exp"]))),
        ("another audience", forge.with_claim("aud", json!("another"))),
        ("another issuer", forge.with_claim("iss", json!("https://elsewhere.example"))),
        ("another account of this session", forge.with_claim("sub", operators["sub"].clone())),
        ("another session of this account", forge.with_claim("sid", operators["sid"].clone())),
        ("an end in the past", forge.with_claim("exp", json!(now_s - 60))),
        ("a beginning in the future", forge.with_claim("nbf", json!(now_s + 60))),
        ("no end", forge.without("exp")),
        ("no audience", forge.without("aud")),
        ("no type", forge.without("typ")),
        ("no key's id", forge.without("kid")),
        ("nothing", String::new()),
        ("too much", "a".repeat(10_000)),
    ];
    let words = app.anyone().get("/v1/me").problem(401, "not-authenticated");
    for (what, token) in cases {
        let answer = open(&token);
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert_eq!(answer.json(), words, "{what} is told apart from no token");
        assert!(answer.header("www-authenticate").is_some_and(|scheme| scheme.starts_with("Bearer")), "{what}");
    }
}

#[test]
fn a_token_ends_after_ten_minutes_and_what_two_clocks_may_differ_by() {
    let app = TestApp::start(Backend::Sqlite);
    let member = app.member("ada");
    app.advance_s(600 + 29);
    assert_eq!(member.get("/v1/me").status, 200);
    app.advance_s(1);
    member.get("/v1/me").problem(401, "not-authenticated");
}

#[test]
fn a_token_sent_in_another_way_does_not_count() {
    let app = TestApp::start(Backend::Sqlite);
    let token = app.member("ada").token.unwrap();
    let anyone = app.anyone();
    let with = |headers: &[(&str, &str)]| anyone.get_with("/v1/me", headers).status;
    let bearer = format!("Bearer {token}");
    assert_eq!(with(&[("authorization", &format!("bearer {token}"))]), 200, "the scheme has no case");
    assert_eq!(with(&[("authorization", &bearer), ("authorization", &bearer)]), 401, "sent twice");
    assert_eq!(with(&[("authorization", &token)]), 401);
    assert_eq!(with(&[("authorization", &format!("Token {token}"))]), 401);
    assert_eq!(with(&[("cookie", &format!("access_token={token}"))]), 401);
    assert_eq!(anyone.get(&format!("/v1/me?access_token={token}")).status, 401);
}

#[test]
fn the_public_keys_are_those_of_the_tokens_and_hold_nothing_private() {
    let app = TestApp::start(Backend::Sqlite);
    let forge = Forge::of(&app, &app.member("ada"));
    let jwks = app.anyone().get("/.well-known/jwks.json").ok();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["kid"], forge.header["kid"]);
    assert!(keys[0].get("d").is_none());
    let public = URL_SAFE_NO_PAD.decode(keys[0]["x"].as_str().unwrap()).unwrap();
    let signed = unsigned(&forge.header, &forge.claims);
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, public);
    let genuine = forge.sign(&forge.header, &forge.claims);
    let signature = URL_SAFE_NO_PAD.decode(genuine.rsplit('.').next().unwrap()).unwrap();
    key.verify(signed.as_bytes(), &signature).unwrap();
}
