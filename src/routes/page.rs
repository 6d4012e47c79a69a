//! `/docs`: the API for people, made of the same list as the OpenAPI document, with nothing to load
//! from anywhere else.

use super::document;
use super::operation::{Body, Operation};
use crate::error::Code;
use crate::text::escape_html as escape;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// The page of all operations. `openapi` is the document that it links to and takes schemas from.
pub fn operations_page(operations: &[Operation], openapi: &Value) -> String {
    let mut by_tag: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        by_tag.entry(document::tag(operation.path)).or_default().push(operation);
    }
    let mut body = String::from(
        "<h1>Refrain API</h1><p>REST and JSON. Amounts are minor units with a currency, instants are RFC 3339 in UTC. \
         Errors are <a href=\"/docs/problems\">problem documents</a> with a stable <code>code</code>. The machine-readable \
         form of this page is <a href=\"/openapi.json\">openapi.json</a>.</p><nav>",
    );
    for tag in by_tag.keys() {
        let _ = write!(body, "<a href=\"#{tag}\">{tag}</a> ");
    }
    body.push_str("</nav>");
    for (tag, operations) in by_tag {
        let _ = write!(body, "<h2 id=\"{tag}\">{tag}</h2>");
        for operation in operations {
            write_operation(&mut body, operation, openapi);
        }
    }
    frame("Refrain API", &body)
}

/// The page that the `type` of a problem document leads to.
pub fn problems_page() -> String {
    let mut body = String::from("<h1>Problems</h1><p>Every error of the API is one of these.</p><table>");
    body.push_str("<tr><th>code</th><th>status</th><th>meaning</th></tr>");
    for code in Code::ALL {
        let (slug, status, title) = (code.slug(), code.status(), escape(code.title()));
        let _ = write!(body, "<tr id=\"{slug}\"><td><code>{slug}</code></td><td>{status}</td><td>{title}</td></tr>");
    }
    body.push_str("</table>");
    frame("Refrain problems", &body)
}

fn write_operation(out: &mut String, operation: &Operation, openapi: &Value) {
    let id = document::operation_id(operation);
    let _ = write!(
        out,
        "<details id=\"{id}\"><summary><b class=\"{method}\">{method}</b> <code>{path}</code> {summary}</summary><p>For {who}.</p>",
        method = operation.method,
        path = escape(operation.path),
        summary = escape(operation.summary),
        who = operation.access.as_str(),
    );
    if let Some(text) = operation.description {
        let _ = write!(out, "<p>{}</p>", escape(text));
    }
    if operation.idempotent {
        out.push_str("<p>Needs an <code>Idempotency-Key</code> header.</p>");
    }
    for body in &operation.bodies {
        let _ = write!(out, "<h4>Takes <code>{}</code></h4>", body.media_type);
        write_schema(out, body, openapi);
    }
    for answer in &operation.answers {
        let _ = write!(out, "<h4>{} {}</h4>", answer.status.as_u16(), escape(answer.description));
        for body in &answer.bodies {
            let _ = write!(out, "<p><code>{}</code></p>", body.media_type);
            write_schema(out, body, openapi);
        }
    }
    out.push_str("<h4>Problems</h4><p>");
    for slug in document::error_codes(operation) {
        let _ = write!(out, "<a href=\"/docs/problems#{slug}\"><code>{slug}</code></a> ");
    }
    out.push_str("</p></details>");
}

/// The example that stands on the type, or else its fields with what they mean.
fn write_schema(out: &mut String, body: &Body, openapi: &Value) {
    let Some(schema) = body.schema.as_ref().and_then(|schema| serde_json::to_value(schema).ok()) else { return };
    let schema = resolve(&schema, openapi);
    if let Some(example) = schema.get("example") {
        let text = serde_json::to_string_pretty(example).unwrap_or_default();
        let _ = write!(out, "<pre>{}</pre>", escape(&text));
    }
    let Some(fields) = schema.get("properties").and_then(Value::as_object) else { return };
    out.push_str("<table>");
    for (name, field) in fields {
        let about = field.get("description").and_then(Value::as_str).unwrap_or("");
        let _ = write!(out, "<tr><td><code>{}</code></td><td>{}</td></tr>", escape(name), escape(about));
    }
    out.push_str("</table>");
}

/// Follows `#/components/schemas/…`, and for a list looks at what it lists.
fn resolve<'a>(schema: &'a Value, openapi: &'a Value) -> &'a Value {
    let referred = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let schema = referred.and_then(|name| openapi.pointer(&format!("/components/schemas/{name}"))).unwrap_or(schema);
    let listed = schema.pointer("/properties/items/items").or_else(|| schema.get("items"));
    listed.map_or(schema, |items| resolve(items, openapi))
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><main>{body}</main></html>"
    )
}
