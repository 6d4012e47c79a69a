//! The document says what the server does, completely.

use refrain::error::Code;
use refrain::routes::operation::Access;
use refrain::routes::{document, operations};
use serde_json::Value;
use std::collections::BTreeSet;

fn the_document() -> Value {
    serde_json::to_value(document::document(&operations())).unwrap()
}

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
        described(&document).iter().map(|(_, _, o)| o["operationId"].as_str().unwrap().into()).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
    assert_eq!(ids.len(), operations().len());
}

#[test]
fn every_operation_says_what_it_does_and_what_can_go_wrong() {
    let document = the_document();
    for (path, method, operation) in described(&document) {
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
    for (path, method, operation) in described(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let secured = operation["security"].as_array().is_some_and(|list| !list.is_empty());
        assert_eq!(secured, !open.contains(id), "{method} {path}");
        assert_eq!(secured, operation["responses"].get("401").is_some() && secured, "{method} {path} has no 401");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = the_document();
    let mut waiting = vec![&document];
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

#[test]
fn every_body_and_answer_has_an_example() {
    let document = the_document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut without = BTreeSet::new();
    for operation in operations() {
        let answers = operation.answers.iter().flat_map(|answer| &answer.bodies);
        for body in operation.bodies.iter().chain(answers) {
            let Some(schema) = &body.schema else { continue };
            let text = serde_json::to_string(schema).unwrap();
            for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
                if !has_example(&schemas[name], schemas) {
                    without.insert(name.to_owned());
                }
            }
        }
    }
    assert!(without.is_empty(), "schemas without an example: {without:?}");
}

/// An example of its own, or, where a schema is put together of others or is a list of described fields,
/// enough for a reader to write one.
fn has_example(schema: &Value, schemas: &serde_json::Map<String, Value>) -> bool {
    if schema.get("example").is_some() || schema.get("examples").is_some() {
        return true;
    }
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
        return has_example(&schemas[name], schemas);
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        return parts.iter().all(|part| has_example(part, schemas));
    }
    let fields = schema.get("properties").and_then(Value::as_object);
    let is_told = |field: &Value| field.to_string().contains("\"description\"");
    fields.is_some_and(|fields| fields.values().all(|field| is_told(field) || has_example(field, schemas)))
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
