//! The document says what the server does, completely.

use crate::common::contract::{fits, the_document};
use refrain::error::Code;
use refrain::routes::operation::Access;
use refrain::routes::{document, operations};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every operation of the document with its path and method.
fn described(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (path.clone(), method.clone(), operation.clone()))
    });
    all.collect()
}

#[test]
fn every_operation_of_the_list_is_in_the_document_once() {
    let document = the_document();
    assert_eq!(document["openapi"], "3.1.0");
    let ids: Vec<String> =
        described(document).iter().map(|(_, _, o)| o["operationId"].as_str().unwrap().into()).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
    assert_eq!(ids.len(), operations().len());
}

#[test]
fn every_operation_says_what_it_does_and_what_can_go_wrong() {
    let document = the_document();
    for (path, method, operation) in described(document) {
        let here = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|s| s.len() > 5), "{here} has no summary");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2') || status == "303"), "{here} never answers well");
        assert!(responses.contains_key("405") && responses.contains_key("500"), "{here} leaves errors out");
        if path.contains('{') {
            assert!(responses.contains_key("404"), "{here} cannot be missing");
        }
        for (status, response) in responses {
            assert!(
                response["description"].as_str().is_some_and(|d| !d.is_empty()),
                "{here} {status} is not described"
            );
        }
    }
}

#[test]
fn security_is_stated_wherever_a_token_is_needed() {
    let document = the_document();
    let open: BTreeSet<String> =
        operations().iter().filter(|o| o.access == Access::Anyone).map(document::operation_id).collect();
    for (path, method, operation) in described(document) {
        let id = operation["operationId"].as_str().unwrap();
        let secured = operation["security"].as_array().is_some_and(|list| !list.is_empty());
        // Tools show the token of a profile where accounts have none to show.
        let is_of_tools = path.starts_with("/delta-sharing/");
        assert_eq!(secured, !open.contains(id) || is_of_tools, "{method} {path}");
        let shown = if is_of_tools { "profile_token" } else { "access_token" };
        assert!(!secured || operation["security"] == json!([{shown: []}]), "{method} {path}");
        assert_eq!(secured, operation["responses"].get("401").is_some() && secured, "{method} {path} has no 401");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = the_document();
    let mut waiting = vec![document];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(map) => {
                if let Some(path) = map.get("$ref").and_then(Value::as_str) {
                    assert!(document.pointer(path.trim_start_matches('#')).is_some(), "{path} leads nowhere");
                }
                waiting.extend(map.values());
            }
            Value::Array(list) => waiting.extend(list),
            _ => {}
        }
    }
}

/// What a generator of clients and a reader both need.
#[test]
fn every_schema_has_an_example_that_fits_and_says_what_its_fields_mean() {
    let mut missing = BTreeSet::new();
    for (name, schema) in the_document()["components"]["schemas"].as_object().unwrap() {
        match schema.get("example").or_else(|| schema.pointer("/examples/0")) {
            None => drop(missing.insert(format!("{name} has no example"))),
            Some(example) => {
                if let Err(why) = fits(example, schema) {
                    missing.insert(format!("the example of {name} does not fit: {why}"));
                }
            }
        }
        undescribed(name, schema, &mut missing);
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn undescribed(name: &str, schema: &Value, missing: &mut BTreeSet<String>) {
    for part in ["allOf", "oneOf"].iter().filter_map(|how| schema.get(how)?.as_array()).flatten() {
        undescribed(name, part, missing);
    }
    for (field, about) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_tag = about["enum"].as_array().is_some_and(|words| words.len() == 1);
        if !is_tag && about["description"].as_str().is_none_or(str::is_empty) {
            missing.insert(format!("{name}.{field} is not described"));
        }
    }
}

/// Generators name types after titles; what has none gets a number, and its name changes when another is put before it.
#[test]
fn every_alternative_has_a_name() {
    for (name, schema) in the_document()["components"]["schemas"].as_object().unwrap() {
        for choice in schema["oneOf"].as_array().into_iter().flatten().filter(|choice| choice["type"] == "object") {
            assert!(choice["title"].is_string(), "{name}: {choice} has no title");
        }
    }
}

/// Generators ask for a body where the document says that there is one: nobody should have to send an empty one.
#[test]
fn a_body_is_required_where_a_member_of_it_is() {
    let (document, mut optional) = (the_document(), 0);
    for (path, method, operation) in described(document) {
        let body = &operation["requestBody"];
        let Some(name) = body["content"]["application/json"]["schema"]["$ref"].as_str() else { continue };
        let shape = &document["components"]["schemas"][name.rsplit('/').next().unwrap()];
        let has_none = shape["type"] == "object" && shape["required"].as_array().is_none_or(Vec::is_empty);
        assert_eq!(body["required"] == true, !has_none, "{method} {path}");
        optional += usize::from(has_none);
    }
    assert!(optional > 0, "there are bodies that may be left out");
}

/// A cursor leads on by these, so that whoever can read a page can turn it.
#[test]
fn every_list_of_pages_says_how_to_turn_them() {
    /// There are few of these, and they are given all at once.
    const WHOLE: [&str; 2] = ["/v1/memberships", "/v1/pools/{id}/consent-texts"];
    let (document, mut lists) = (the_document(), 0);
    for (path, method, operation) in described(document) {
        let page = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str();
        let shape = page.map(|page| &document["components"]["schemas"][page.rsplit('/').next().unwrap()]);
        if WHOLE.contains(&path.as_str()) || shape.is_none_or(|shape| shape["properties"]["next_cursor"].is_null()) {
            continue;
        }
        let taken = operation["parameters"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
        let taken: BTreeSet<&str> = taken.collect();
        assert!(taken.contains("limit") && taken.contains("cursor"), "{method} {path}: {taken:?}");
        lists += 1;
    }
    assert!(lists > 15, "only {lists} were found");
}

/// Types of their own, and one for each kind of page: a generator makes one for every shape that stands in an operation.
#[test]
fn no_shape_of_json_stands_in_an_operation_itself() {
    for (path, method, operation) in described(the_document()) {
        let bodies = operation["responses"].as_object().unwrap().values().chain([&operation["requestBody"]]);
        let contents = bodies.filter_map(|body| body["content"].as_object()).flatten();
        for (media_type, content) in contents.filter(|(media_type, _)| media_type.ends_with("json")) {
            assert!(content["schema"].get("properties").is_none(), "{method} {path}: {media_type}");
            assert!(
                content["schema"]["$ref"].is_string() || media_type.contains("ndjson"),
                "{method} {path}: {media_type}"
            );
        }
    }
}

#[test]
fn operations_are_named_after_their_paths() {
    let document = the_document();
    for (path, method, id) in [
        ("/", "get", "get_front"),
        ("/v1/offers", "post", "post_offers"),
        ("/v1/offers/{id}/terms", "get", "get_offer_terms"),
        ("/v1/histories/{id}", "get", "get_history"),
        ("/v1/links/{id}/{name}", "get", "get_link_by_name"),
        ("/v1/licences/{id}/files", "get", "get_licence_files"),
        ("/v1/licences/{id}/files/{name}", "get", "get_licence_file"),
        ("/.well-known/jwks.json", "get", "get_well_known_jwks_json"),
    ] {
        assert_eq!(document["paths"][path][method]["operationId"], id, "{method} {path}");
    }
}

/// Words are documented as they are written, not as the code calls them.
#[test]
fn the_words_of_the_document_are_those_of_the_api() {
    let schemas = &the_document()["components"]["schemas"];
    assert_eq!(schemas["Choice"]["enum"], json!(["yes", "no", "abstain"]));
    for (name, schema) in schemas.as_object().unwrap() {
        for word in schema["enum"].as_array().into_iter().flatten() {
            let word = word.as_str().unwrap();
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b"_.0123456789".contains(&b)), "{name}: {word}");
        }
    }
}

/// The edge gives every JSON answer to a read an ETag and knows `If-None-Match`.
#[test]
fn every_read_of_json_may_find_it_unchanged() {
    for (path, method, operation) in described(the_document()).into_iter().filter(|(_, method, _)| method == "get") {
        let responses = &operation["responses"];
        let is_json = responses["200"]["content"].get("application/json").is_some();
        let asks = operation["parameters"].as_array().into_iter().flatten().any(|p| p["name"] == "If-None-Match");
        assert!(!is_json || responses.get("304").is_some(), "{method} {path} has no 304");
        assert_eq!(responses.get("304").is_some(), asks, "{method} {path} and If-None-Match");
        assert_eq!(responses["200"]["headers"].get("ETag").is_some(), asks, "{method} {path} and ETag");
    }
}

#[test]
fn every_operation_stands_in_one_room_that_is_described() {
    let document = the_document();
    let rooms: Vec<&Value> = document["tags"].as_array().unwrap().iter().collect();
    assert!(rooms.iter().all(|room| room["description"].as_str().is_some_and(|about| about.len() > 20)));
    let names: BTreeSet<&str> = rooms.iter().map(|room| room["name"].as_str().unwrap()).collect();
    let mut used = BTreeSet::new();
    for (path, method, operation) in described(document) {
        let tags = operation["tags"].as_array().unwrap();
        let name = tags[0].as_str().unwrap();
        assert!(tags.len() == 1 && names.contains(name), "{method} {path}: {tags:?}");
        let elsewhere = ["/v1/", "/delta-sharing/", "/account", "/.well-known/jwks"];
        assert_eq!(name == "service", elsewhere.iter().all(|start| !path.starts_with(start)), "{path}");
        used.insert(name.to_owned());
    }
    assert_eq!(used.len(), names.len(), "a room has no operation");
}

#[test]
fn a_form_is_an_object_with_a_file() {
    let upload = &the_document()["paths"]["/v1/histories"]["post"]["requestBody"]["content"];
    let form = &upload["multipart/form-data"]["schema"];
    assert_eq!((&form["type"], &form["required"]), (&json!("object"), &json!(["file"])));
    assert_eq!(form["properties"]["file"]["format"], "binary");
}

/// Two types of the same name would overwrite each other in the document.
#[test]
fn every_schema_has_a_name_of_its_own() {
    let mut known = std::collections::BTreeMap::new();
    let mut doubled = BTreeSet::new();
    for (name, schema) in operations().into_iter().flat_map(|operation| operation.schemas) {
        let text = serde_json::to_string(&schema).unwrap();
        let before = known.entry(name.clone()).or_insert_with(|| text.clone());
        if *before != text {
            eprintln!("{name}: {before} and {text}");
            doubled.insert(name);
        }
    }
    assert_eq!(doubled, BTreeSet::new(), "two schemas have the same name");
}

#[test]
fn every_code_of_the_error_table_is_in_the_document() {
    let document = the_document();
    let listed = document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].as_array().unwrap().clone();
    for code in Code::ALL {
        assert!(listed.contains(&Value::from(code.slug())), "{} is not listed", code.slug());
    }
    let slugs: BTreeSet<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
    assert_eq!(slugs.len(), Code::ALL.len(), "two codes have the same name");
}
