//! Examples for every schema of the document. Most types carry one; those that are only ever a part of others get
//! theirs from the example of a whole, and a whole without one gets it from its parts. So no example is written twice.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

type Schemas = BTreeMap<String, RefOr<Schema>>;
type Examples = BTreeMap<String, Value>;

/// Gives every schema an example for which one can be found, and lifts the descriptions of optional fields to
/// where a reader looks for them.
pub fn complete(schemas: &mut Schemas) {
    for schema in schemas.values_mut() {
        lift(schema);
    }
    let shapes: BTreeMap<String, Value> = schemas.iter().filter_map(|(name, schema)| shape(name, schema)).collect();
    let mut known: Examples = shapes.iter().filter_map(|(name, shape)| Some((name.clone(), own(shape)?))).collect();
    loop {
        let before = known.len();
        for (name, example) in known.clone() {
            if let Some(shape) = shapes.get(&name) {
                harvest(shape, &example, &mut known);
            }
        }
        for (name, shape) in &shapes {
            if !known.contains_key(name)
                && let Some(example) = composed(shape, &known)
            {
                known.insert(name.clone(), example);
            }
        }
        if known.len() == before {
            break;
        }
    }
    for (name, schema) in schemas {
        if let (RefOr::T(schema), Some(example)) = (schema, known.remove(name)) {
            set(schema, example);
        }
    }
}

fn shape(name: &str, schema: &RefOr<Schema>) -> Option<(String, Value)> {
    Some((name.to_owned(), serde_json::to_value(schema).ok()?))
}

fn own(shape: &Value) -> Option<Value> {
    shape.get("example").or_else(|| shape.pointer("/examples/0")).cloned()
}

/// The name behind `#/components/schemas/…`.
fn referred(shape: &Value) -> Option<&str> {
    shape.get("$ref")?.as_str()?.rsplit('/').next()
}

/// Takes the examples of parts out of the example of a whole.
fn harvest(shape: &Value, example: &Value, known: &mut Examples) {
    if example.is_null() {
        return;
    }
    if let Some(name) = referred(shape) {
        known.entry(name.to_owned()).or_insert_with(|| example.clone());
    }
    if let (Some(items), Some(first)) = (shape.get("items"), example.get(0)) {
        harvest(items, first, known);
    }
    for (name, field) in shape.get("properties").and_then(Value::as_object).into_iter().flatten() {
        harvest(field, &example[name], known);
    }
    // What is flattened into the whole is not all of it, so it is no example of the part; its fields are.
    for part in shape.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if part.get("$ref").is_none() {
            harvest(part, example, known);
        }
    }
    if let Some([only]) = alternatives(shape).as_deref() {
        harvest(only, example, known);
    }
}

/// Puts an example of a whole together of its parts'.
fn composed(shape: &Value, known: &Examples) -> Option<Value> {
    if let Some(example) = own(shape) {
        return Some(example);
    }
    if let Some(name) = referred(shape) {
        return known.get(name).cloned();
    }
    if let Some(words) = shape.get("enum").and_then(Value::as_array) {
        return words.first().cloned();
    }
    if let Some(items) = shape.get("items") {
        return Some(Value::Array(vec![composed(items, known)?]));
    }
    if let Some(parts) = shape.get("allOf").and_then(Value::as_array) {
        let parts: Option<Vec<Value>> = parts.iter().map(|part| composed(part, known)).collect();
        let members = parts?.into_iter().filter_map(|part| part.as_object().cloned());
        return Some(Value::Object(members.flatten().collect()));
    }
    if let Some([first, ..]) = alternatives(shape).as_deref() {
        return composed(first, known);
    }
    let Some(fields) = shape.get("properties").and_then(Value::as_object) else { return shape.get("default").cloned() };
    let required = shape.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut members = Map::new();
    for (name, field) in fields {
        match composed(field, known) {
            Some(example) => drop(members.insert(name.clone(), example)),
            None if required.iter().any(|needed| needed == name) => return None,
            None => {}
        }
    }
    Some(Value::Object(members))
}

/// What a value may be, besides missing.
fn alternatives(shape: &Value) -> Option<Vec<&Value>> {
    let all = shape.get("oneOf")?.as_array()?;
    Some(all.iter().filter(|one| one.get("type").is_none_or(|kind| kind != "null")).collect())
}

fn set(schema: &mut Schema, example: Value) {
    let (field, examples) = match schema {
        Schema::Array(it) => (&mut it.example, &it.examples),
        Schema::Object(it) => (&mut it.example, &it.examples),
        Schema::OneOf(it) => (&mut it.example, &it.examples),
        Schema::AllOf(it) => (&mut it.example, &it.examples),
        Schema::AnyOf(it) => (&mut it.example, &it.examples),
        _ => return,
    };
    if field.is_none() && examples.is_empty() {
        *field = Some(example);
    }
}

/// A field that may be missing is one of a reference and nothing; its description stands at the reference.
fn lift(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => object.properties.values_mut().for_each(lift),
        RefOr::T(Schema::AllOf(whole)) => whole.items.iter_mut().for_each(lift),
        RefOr::T(Schema::OneOf(choice)) => {
            if choice.description.is_none() {
                choice.description = choice.items.iter_mut().find_map(|item| match item {
                    RefOr::Ref(to) if !to.description.is_empty() => Some(std::mem::take(&mut to.description)),
                    _ => None,
                });
            }
            choice.items.iter_mut().for_each(lift);
        }
        _ => {}
    }
}
