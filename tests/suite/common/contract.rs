//! The document as a contract: what it says of a value, and whether an answer is one that it announces.

use super::http::Answer;
use refrain::routes::{document, operations};
use serde_json::Value;
use std::sync::OnceLock;

/// The document, made once.
pub fn the_document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::to_value(document::document(&operations())).unwrap())
}

/// The path of the document that an address belongs to; fixed segments go before variable ones.
fn template(address: &str) -> Option<&'static str> {
    let path = address.split('?').next().unwrap_or_default();
    let matches = |template: &&String| {
        let (mut a, mut b) = (template.split('/'), path.split('/'));
        a.by_ref().zip(b.by_ref()).all(|(a, b)| a == b || (a.starts_with('{') && !b.is_empty()))
            && template.split('/').count() == path.split('/').count()
    };
    let paths = the_document()["paths"].as_object().unwrap();
    let found = paths.keys().filter(matches).min_by_key(|template| template.matches('{').count());
    found.map(String::as_str)
}

/// Asserts that the document announces an answer: its status, its code where it failed, and its shape.
#[track_caller]
pub fn check(method: &str, address: &str, answer: &Answer) {
    let Some(path) = template(address) else { return };
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let Some(operation) = the_document()["paths"][path].get(&method) else { return };
    let here = format!("{method} {path} {}", answer.status);
    let Some(response) = operation["responses"].get(answer.status.to_string()) else {
        panic!("the document does not know {here}: {}", answer.text());
    };
    if answer.bytes.is_empty() {
        return;
    }
    if answer.header("content-type") == Some("application/problem+json") {
        let code = format!("`{}`", answer.json()["code"].as_str().unwrap());
        let known = response["description"].as_str().unwrap();
        assert!(known.contains(&code), "the document does not know {here} with {code}, only: {known}");
    }
    if answer.status == 201 {
        let announced = response["headers"].get("Location").is_some();
        assert_eq!(announced, answer.header("location").is_some(), "{here}: Location");
    }
    let media_type = answer.header("content-type").and_then(|value| value.split(';').next());
    if media_type == Some("application/json")
        && let Some(schema) = response["content"].get("application/json").map(|content| &content["schema"])
    {
        fits(&answer.json(), schema).unwrap_or_else(|why| panic!("{here} is not of the shape announced: {why}"));
    }
}

/// The schema behind a reference.
pub fn resolved(schema: &Value) -> &Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(path) => resolved(the_document().pointer(path.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

/// Whether a value is what a schema says, members that it does not know included.
pub fn fits(value: &Value, schema: &Value) -> Result<(), String> {
    fits_closed(value, schema, true)
}

fn fits_closed(value: &Value, schema: &Value, closed: bool) -> Result<(), String> {
    let schema = resolved(schema);
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        for part in parts {
            fits_closed(value, part, false)?;
        }
        return if closed { knows_all(value, schema) } else { Ok(()) };
    }
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        let tried: Vec<String> = choices.iter().map_while(|choice| fits_closed(value, choice, closed).err()).collect();
        return if tried.len() < choices.len() { Ok(()) } else { Err(tried.join(" or ")) };
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        return Err(format!("{value} is none of {words:?}"));
    }
    is_of_kind(value, schema)?;
    within(value, schema)?;
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        fits(item, &schema["items"]).map_err(|why| format!("[{index}]: {why}"))?;
    }
    let Some(members) = value.as_object() else { return Ok(()) };
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        let name = name.as_str().unwrap();
        members.get(name).ok_or_else(|| format!("{name} is missing in {value}"))?;
    }
    for (name, member) in members {
        if let Some(field) = schema["properties"].get(name) {
            fits(member, field).map_err(|why| format!("{name}: {why}"))?;
        }
    }
    if closed { knows_all(value, schema) } else { Ok(()) }
}

fn knows_all(value: &Value, schema: &Value) -> Result<(), String> {
    let mut known = Vec::new();
    names(schema, &mut known);
    let unknown = value.as_object().into_iter().flat_map(|members| members.keys()).find(|name| !known.contains(name));
    match unknown {
        Some(name) if !known.is_empty() => Err(format!("{name} is not in the document")),
        _ => Ok(()),
    }
}

fn names<'a>(schema: &'a Value, known: &mut Vec<&'a String>) {
    let schema = resolved(schema);
    known.extend(schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|fields| fields.keys()));
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        names(part, known);
    }
}

fn is_of_kind(value: &Value, schema: &Value) -> Result<(), String> {
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_known = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
    if is_known { Ok(()) } else { Err(format!("{value} is {kind}, not {kinds:?}")) }
}

fn within(value: &Value, schema: &Value) -> Result<(), String> {
    let size = match value {
        Value::String(text) => Some((text.chars().count() as f64, "minLength", "maxLength")),
        Value::Array(items) => Some((items.len() as f64, "minItems", "maxItems")),
        Value::Number(number) => number.as_f64().map(|number| (number, "minimum", "maximum")),
        _ => None,
    };
    let Some((size, least, most)) = size else { return Ok(()) };
    let out = schema[least].as_f64().is_some_and(|least| size < least)
        || schema[most].as_f64().is_some_and(|most| size > most);
    if out { Err(format!("{value} is out of {} to {}", schema[least], schema[most])) } else { Ok(()) }
}

/// The prefix of the ids that a path takes.
pub fn id_prefix(path: &str) -> &'static str {
    const KINDS: [(&str, &str); 21] = [
        ("/v1/erasures/", "erasure"),
        ("/v1/accounts/", "acct"),
        ("/v1/organisations/", "org"),
        ("/v1/pools/", "pool"),
        ("/v1/recipes/", "recipe"),
        ("/v1/datasets/", "dataset"),
        ("/v1/editions/", "edition"),
        ("/v1/offers/", "offer"),
        ("/v1/votes/", "vote"),
        ("/v1/questions/", "question"),
        ("/v1/counters/", "counter"),
        ("/v1/histories/", "hist"),
        ("/v1/held-histories/", "hist"),
        ("/v1/purchases/", "purchase"),
        ("/v1/licences/", "licence"),
        ("/v1/links/", "licence"),
        ("/v1/grants/", "grant"),
        ("/v1/jobs/", "job"),
        ("/v1/payouts/", "payout"),
        ("/v1/webhooks/", "webhook"),
        ("/v1/deliveries/", "delivery"),
    ];
    let found = KINDS.iter().find(|(start, _)| path.starts_with(start));
    found.unwrap_or_else(|| panic!("say in this test whose ids {path} takes")).1
}
