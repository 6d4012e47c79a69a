//! The limits that the document states are those that the server keeps to: beyond them a request is refused, at them it
//! is not, or for something else.

use crate::common::contract::{fits, resolved, the_document};
use crate::common::http::{Answer, Caller};
use crate::common::market::{Market, usd};
use crate::common::{Backend, actors};
use serde_json::{Value, json};

const NOBODYS: &str = "01jd2k8m0wfv9s3x6q4r7t5y2z";

/// A place in a body, and what a limit allows there and what not.
struct Limit {
    place: Vec<String>,
    at: Value,
    beyond: Value,
}

/// Every limit of a request's schema. `body` says which of several shapes is meant.
fn limits(schema: &Value, body: &Value, place: &[String], found: &mut Vec<Limit>) {
    let schema = resolved(schema);
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        limits(part, body, place, found);
    }
    let choices: Vec<&Value> = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().collect();
    let chosen = choices.iter().find(|choice| fits(body, choice).is_ok() && choice["type"] != "null");
    if let Some(choice) = chosen.or(choices.first()) {
        limits(choice, body, place, found);
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let place = [place, std::slice::from_ref(name)].concat();
        limits(field, body.get(name).unwrap_or(&Value::Null), &place, found);
    }
    let mut limit = |at: Value, beyond: Value| found.push(Limit { place: place.to_vec(), at, beyond });
    let text = |length: u64| {
        let pattern = schema["pattern"].as_str().unwrap_or_default();
        let head = if pattern.contains("https") && length > 20 { "https://a.example/" } else { "" };
        Value::from(head.to_owned() + &"a".repeat(length as usize - head.len()))
    };
    let is_exact = !["email", "password"].contains(&schema["format"].as_str().unwrap_or_default());
    if let Some(least) = schema["minLength"].as_u64().filter(|_| is_exact && schema.get("pattern").is_none()) {
        limit(text(least), text(least - 1));
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        limit(if schema["format"] == "email" { json!("ada@example.org") } else { text(most) }, text(most + 1));
    }
    if let Some(least) = schema["minimum"].as_i64() {
        limit(json!(least), json!(least - 1));
    }
    if let Some(most) = schema["maximum"].as_i64() {
        limit(json!(most), json!(most + 1));
    }
    let words = |count: u64| Value::from((0..count).map(|i| format!("word_{i}")).collect::<Vec<_>>());
    if let Some(least) = schema["minItems"].as_u64() {
        limit(words(least), words(least - 1));
    }
    if let Some(most) = schema["maxItems"].as_u64() {
        limit(words(most), words(most + 1));
    }
}

fn changed(body: &Value, place: &[String], to: &Value) -> Value {
    let mut body = body.clone();
    place.iter().fold(&mut body, |at, name| &mut at[name.as_str()]).clone_from(to);
    body
}

/// The words of a refusal without the value that they are about.
fn words(answer: &Answer, value: &Value) -> String {
    answer.json()["detail"].as_str().unwrap().replace(&value.to_string(), "…")
}

/// Tries every limit of an operation; returns how many there are.
fn keep(caller: &Caller, method: &str, template: &str, path: &str, body: &Value) -> usize {
    let operation = &the_document()["paths"][template][method.to_lowercase()];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(fits(body, schema), Ok(()), "{method} {template}");
    let mut found = Vec::new();
    limits(schema, body, &[], &mut found);
    let send = |body: &Value| caller.json(method, path, &[("idempotency-key", "k")], body);
    let mut wrong = Vec::new();
    for Limit { place, at, beyond } in &found {
        let here = format!("{method} {template} {}", place.join("."));
        let refused = send(&changed(body, place, beyond));
        // A budget beyond its limit is beyond what was promised before, too.
        if refused.status != 422 && !(refused.status == 409 && place[0] == "budget") {
            wrong.push(format!("{here} beyond its limit: {}", refused.text()));
            continue;
        }
        let allowed = send(&changed(body, place, at));
        // What one part of a fraction may be depends on the other.
        let is_free = !place.iter().any(|name| name.starts_with("threshold_"));
        if is_free && allowed.status == 422 && words(&allowed, at) == words(&refused, beyond) {
            wrong.push(format!("{here} at its limit: {}", allowed.text()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    found.len()
}

#[test]
fn the_limits_of_the_document_are_the_servers() {
    let market = Market::open(Backend::Sqlite, 1);
    let (operator, buyer) = (&market.operator, &market.buyer);
    let profile = json!({
        "legal_name": "Northwind", "country": "NL", "website": "https://northwind.example",
        "purpose": "Finding music for a small radio.", "address": "Kade 5\nAmsterdam", "tax_id": ""
    });
    let consent = json!({"body": "What happens with your plays.", "purposes": actors::PURPOSES});
    let pool = json!({
        "name": "Another", "description": "For limits.", "contact_email": "pool@example.org", "price_floor": usd(1),
        "consent": consent,
        "rules": {"voting_period_s": 60, "cool_off_s": 90 * 86_400 + 1}
    });
    let change = json!({"reason": "Because.", "rules": pool["rules"]});
    let dataset = &market.operator.get("/v1/listings").ok()["items"][0];
    let recipe = json!({"pool_id": market.pool_id, "name": "limits", "document": {"kind": "artist_preference"}});
    let listing = json!({
        "recipe_id": dataset["recipe_id"], "title": "T", "description": "D", "keywords": ["k"],
        "purposes": actors::PURPOSES, "licence_name": "L", "licence_text": "You may.", "price_floor": usd(20_000)
    });
    let because = json!({"reason": "Because."});
    let payment = json!({"amount": usd(1), "payment_reference": "line 3"});
    let decision = json!({"outcome": "approve", "reason": "Known to us."});
    let revoke = json!({"ground": "breach of these terms", "reason": "Because."});
    let recall = json!({"ground": "error", "reason": "Because.", "remedy": "refund"});
    let password = json!({"email": "ada@limits.example", "password": "correct horse"});
    let credit = json!({"credit_limit_minor": 1, "reason": "Because."});
    let cases = [
        (buyer, "PUT", "/v1/organisations/{id}", "org", &profile),
        (operator, "POST", "/v1/organisations/{id}/decisions", "org", &decision),
        (operator, "PUT", "/v1/organisations/{id}/credit-limit", "org", &credit),
        (operator, "PUT", "/v1/accounts/{id}/state", "acct", &json!({"state": "disabled", "reason": "Because."})),
        (operator, "POST", "/v1/members", "", &password),
        (operator, "POST", "/v1/pools", "", &pool),
        (operator, "PATCH", "/v1/pools/{id}", "pool", &change),
        (operator, "POST", "/v1/recipes", "", &recipe),
        (operator, "POST", "/v1/datasets", "", &listing),
        (operator, "POST", "/v1/datasets/{id}/unlist", "dataset", &because),
        (buyer, "POST", "/v1/offers", "", &market.asks(20_000, &json!({}))),
        (operator, "POST", "/v1/offers/{id}/void", "offer", &because),
        (operator, "POST", "/v1/licences/{id}/revoke", "licence", &revoke),
        (operator, "POST", "/v1/licences/{id}/withdraw-notice", "licence", &because),
        (operator, "POST", "/v1/licences/{id}/cancel", "licence", &because),
        (operator, "POST", "/v1/editions/{id}/recall", "edition", &recall),
        (operator, "POST", "/v1/editions/{id}/give-up-replacement", "edition", &because),
        (operator, "POST", "/v1/held-histories/{id}/release", "hist", &because),
        (operator, "POST", "/v1/held-histories/{id}/reject", "hist", &because),
        (buyer, "PUT", "/v1/purchases/{id}/po-number", "purchase", &json!({"po_number": "PO 1"})),
        (operator, "POST", "/v1/purchases/{id}/settle", "purchase", &payment),
        (operator, "POST", "/v1/purchases/{id}/refund", "purchase", &payment),
        (buyer, "POST", "/v1/webhooks", "", &json!({"url": "https://hooks.example.org", "description": "Ours."})),
        (buyer, "PATCH", "/v1/webhooks/{id}", "webhook", &json!({"url": "https://a.example", "description": "Ours."})),
        (buyer, "POST", "/v1/webhooks/{id}/secret", "webhook", &json!({"overlap_s": 1})),
        // Last, because listings are held against the pool's newest text.
        (operator, "POST", "/v1/pools/{id}/consent-texts", "pool", &consent),
    ];
    let mut tried = 0;
    for (caller, method, template, prefix, body) in cases {
        let path = match prefix {
            "pool" => template.replace("{id}", &market.pool_id),
            "org" => template.replace("{id}", buyer.get("/v1/me").ok()["organisation"]["id"].as_str().unwrap()),
            prefix => template.replace("{id}", &format!("{prefix}_{NOBODYS}")),
        };
        let limits = keep(caller, method, template, &path, body);
        assert!(limits > 0, "{method} {template} states no limits");
        tried += limits;
    }
    assert!(tried > 90, "only {tried} limits were tried");
}
