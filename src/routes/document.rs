//! The OpenAPI document, made of the list of operations.

use super::examples;
use super::operation::{Access, Answer, Body, Operation};
use super::rooms::{ROOMS, room};
use crate::error::{Code, Error};
use actix_web::http::{Method, StatusCode};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Content, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, RefOr, Required, Response, ResponseBuilder,
};

/// The name under which the document knows accounts' tokens.
const BEARER: &str = "access_token";
/// The same for those of profiles, which tools show that know nothing of accounts.
const PROFILE: &str = "profile_token";

/// The name of what is JSON, and of a shape that another standard tells.
const JSON_DOCUMENT: &str = "JsonDocument";

/// The name of how Delta Sharing tells of failures.
const DELTA_SHARING_ERROR: &str = "DeltaSharingError";

/// What goes wrong before a request gets to its handler.
const AT_THE_EDGE: [Code; 3] = [Code::MethodNotAllowed, Code::RequestTimeout, Code::HeadersTooLarge];

/// Makes the document.
pub fn document(operations: &[Operation]) -> OpenApi {
    let account = bearer("The `access_token` of `POST /v1/sessions`, good for ten minutes.").bearer_format("JWT");
    let profile = bearer("The `bearerToken` of `GET /v1/licences/{id}/profile.share`, good until it is taken back.");
    let mut components = ComponentsBuilder::new()
        .schema("Problem", problem_schema())
        .schema(JSON_DOCUMENT, json_document_schema())
        .schema(DELTA_SHARING_ERROR, delta_sharing_error_schema())
        .security_scheme(BEARER, SecurityScheme::Http(account.build()))
        .security_scheme(PROFILE, SecurityScheme::Http(profile.build()));
    let mut paths = PathsBuilder::new();
    for operation in operations {
        for (name, schema) in &operation.schemas {
            components = components.schema(name, schema.clone());
        }
        paths = paths.path(operation.path, PathItem::new(http_method(&operation.method), describe(operation)));
    }
    let info = InfoBuilder::new()
        .title("Refrain")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The marketplace of a listening-data cooperative: browse aggregates, make an offer, follow the members' \
             vote, pay, download. Amounts are minor units with a currency, instants are RFC 3339 in UTC, errors are \
             problem documents (RFC 9457) with a stable `code`.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()));
    let tags = ROOMS.iter().map(|room| TagBuilder::new().name(room.name).description(Some(room.about)).build());
    let mut components = components.build();
    examples::complete(&mut components.schemas);
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).tags(Some(tags)).build()
}

fn describe(operation: &Operation) -> utoipa::openapi::path::Operation {
    let mut described = OperationBuilder::new()
        .tag(room(operation.path).name)
        .operation_id(Some(operation_id(operation)))
        .summary(Some(operation.summary))
        .description(Some(full_description(operation)));
    if let Some(shown) = token_shown(operation) {
        described = described.security(SecurityRequirement::new(shown, Vec::<String>::new()));
    }
    for name in path_names(operation.path) {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let about = format!("Which `{name}`.");
        described = described.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(about))
                .schema(Some(text)),
        );
    }
    for parameter in &operation.query {
        described = described.parameter(parameter.clone());
    }
    for header in request_headers(operation) {
        described = described.parameter(header);
    }
    if !operation.bodies.is_empty() {
        let mut body = RequestBodyBuilder::new().required(Some(is_needed(operation)));
        for taken in &operation.bodies {
            body = body.content(taken.media_type, content(taken));
        }
        described = described.request_body(Some(body.build()));
    }
    for answer in &operation.answers {
        described = described.response(answer.status.as_str(), response(operation, answer));
    }
    for (status, codes) in errors_by_status(operation) {
        let description = codes.iter().map(|code| format!("`{}`: {}.", code.slug(), code.title()));
        // What fails before a tool's request gets to its handler is told as to everybody.
        let is_told_by_protocol = is_of_tools(operation) && codes.iter().any(|code| !AT_THE_EDGE.contains(code));
        let (media_type, schema) = if is_told_by_protocol {
            ("application/json", DELTA_SHARING_ERROR)
        } else {
            ("application/problem+json", "Problem")
        };
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let response =
            ResponseBuilder::new().description(description.collect::<Vec<_>>().join(" ")).content(media_type, content);
        described = described.response(status.to_string(), response);
    }
    described.build()
}

/// Whether a body has to be sent. Where each of its members may be left out it may be so itself.
fn is_needed(operation: &Operation) -> Required {
    let shapes = operation.schemas.iter().filter(|(name, _)| operation.bodies.iter().any(|body| refers_to(body, name)));
    let mut objects = shapes.filter_map(|(_, schema)| match schema {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    });
    match objects.next() {
        Some(object) if object.required.is_empty() => Required::False,
        _ => Required::True,
    }
}

fn refers_to(body: &Body, name: &str) -> bool {
    matches!(&body.schema, Some(RefOr::Ref(reference)) if reference.ref_location.ends_with(&format!("/{name}")))
}

fn bearer(about: &str) -> HttpBuilder {
    HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about))
}

/// Which token an operation wants to see.
fn token_shown(operation: &Operation) -> Option<&'static str> {
    (operation.access != Access::Anyone).then_some(BEARER).or(is_of_tools(operation).then_some(PROFILE))
}

/// Whether it belongs to the protocol of Delta Sharing, which has errors of its own form.
fn is_of_tools(operation: &Operation) -> bool {
    operation.path.starts_with("/delta-sharing/")
}

/// Headers that an operation reads, besides those that every HTTP client knows.
fn request_headers(operation: &Operation) -> Vec<ParameterBuilder> {
    let mut headers = Vec::new();
    let header = |name: &str, required, about: &str, shape: ObjectBuilder| {
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(required);
        parameter.description(Some(about)).schema(Some(shape.schema_type(Type::String)))
    };
    if operation.idempotent {
        let about = "New for each intention; sending the same request again with it is harmless.";
        let key = ObjectBuilder::new().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"));
        headers.push(header("Idempotency-Key", Required::True, about, key));
    }
    if has_etag(operation) {
        let about = "An `ETag` that an earlier answer had; where it still holds, the answer is 304 without a body.";
        headers.push(header("If-None-Match", Required::False, about, ObjectBuilder::new()));
    }
    if operation.answers.iter().flat_map(|answer| &answer.bodies).any(|body| body.media_type == "text/event-stream") {
        let about = "The `id` of the event that was read last; the stream goes on after it.";
        headers.push(header("Last-Event-ID", Required::False, about, ObjectBuilder::new()));
    }
    headers
}

fn has_etag(operation: &Operation) -> bool {
    operation.answers.iter().any(|answer| answer.status == StatusCode::NOT_MODIFIED)
}

fn response(operation: &Operation, answer: &Answer) -> Response {
    let mut response = ResponseBuilder::new().description(answer.description);
    for body in &answer.bodies {
        response = response.content(body.media_type, content(body));
    }
    let header = |about: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        HeaderBuilder::new().schema(Some(text)).description(Some(about)).build()
    };
    if answer.located {
        response = response.header("Location", header("Where it stands."));
    }
    if has_etag(operation) && [StatusCode::OK, StatusCode::NOT_MODIFIED].contains(&answer.status) {
        response = response.header("ETag", header("Names this very content; good for `If-None-Match`."));
    }
    response.build()
}

/// The codes that an operation may answer with: its own, and those that follow from its shape.
pub fn error_codes(operation: &Operation) -> BTreeSet<&'static str> {
    errors_by_status(operation).into_values().flatten().map(Code::slug).collect()
}

fn errors_by_status(operation: &Operation) -> BTreeMap<u16, Vec<Code>> {
    let mut codes = [&AT_THE_EDGE[..], &[Code::Internal, Code::Busy]].concat();
    if operation.access != Access::Anyone {
        codes.push(Code::NotAuthenticated);
    }
    if !matches!(operation.access, Access::Anyone | Access::Caller) {
        codes.push(Code::Forbidden);
    }
    if operation.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if !operation.bodies.is_empty() {
        codes.extend([Code::MalformedRequest, Code::PayloadTooLarge]);
        codes.extend([Code::UnsupportedMediaType, Code::Invalid, Code::StorageFull]);
    }
    if !operation.query.is_empty() {
        codes.extend([Code::MalformedRequest, Code::InvalidCursor, Code::Invalid]);
    }
    if operation.idempotent {
        codes.extend([Code::IdempotencyKeyMissing, Code::IdempotencyKeyReused, Code::IdempotencyInFlight]);
    }
    codes.extend(&operation.errors);
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        let known = by_status.entry(code.status()).or_default();
        if !known.contains(&code) {
            known.push(code);
        }
    }
    by_status
}

fn content(body: &Body) -> Content {
    let file = || {
        let text = ObjectBuilder::new().schema_type(Type::String);
        match body.media_type {
            json if json == "application/json" || json.ends_with("+json") => {
                RefOr::Ref(Ref::from_schema_name(JSON_DOCUMENT))
            }
            words if words.starts_with("text/") => text.into(),
            _ => text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary))).into(),
        }
    };
    ContentBuilder::new().schema(Some(body.schema.clone().unwrap_or_else(file))).build()
}

fn problem_schema() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
    let status = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(400)).maximum(Some(599));
    let status = status.description(Some("The status code of the answer."));
    ObjectBuilder::new()
        .description(Some("A problem document (RFC 9457)."))
        .examples([Error::not_found("offer").problem()])
        .property("type", text().description(Some("Where the kind of problem is explained.")))
        .required("type")
        .property("title", text().description(Some("The kind of problem, in words.")))
        .required("title")
        .property("status", status)
        .required("status")
        .property("code", text().enum_values(Some(codes)).description(Some("The kind of problem, for programs.")))
        .required("code")
        .property("detail", text().description(Some("What went wrong here, and what to do.")))
        .required("detail")
        .build()
        .into()
}

fn delta_sharing_error_schema() -> Schema {
    let text = |about: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(about));
    ObjectBuilder::new()
        .description(Some("A failure as the protocol of Delta Sharing tells it."))
        .examples([serde_json::json!({"errorCode": "RESOURCE_DOES_NOT_EXIST", "message": "There is no share x under this licence."})])
        .property("errorCode", text("The kind of failure, for programs."))
        .required("errorCode")
        .property("message", text("What went wrong here, and what to do."))
        .required("message")
        .build()
        .into()
}

fn json_document_schema() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("A JSON object whose shape another standard tells: the operation says which."))
        .examples([serde_json::json!({"@context": "https://schema.org/", "@type": "Dataset"})])
        .build()
        .into()
}

fn full_description(operation: &Operation) -> String {
    let who = format!("For {}.", operation.access.as_str());
    operation.description.map_or(who.clone(), |text| format!("{text}\n\n{who}"))
}

/// Under which heading the page for people has a path: `/v1/offers/{id}/terms` under `offers`, what lies outside of `/v1`
/// under `service`.
pub fn tag(path: &str) -> &str {
    match path.strip_prefix("/v1/").and_then(|rest| rest.split('/').next()) {
        Some("operator") => path.split('/').nth(3).unwrap_or("service"),
        Some(first) => first,
        None => "service",
    }
}

/// `GET /v1/offers/{id}/terms` is `get_offer_terms`, and `GET /v1/offers` is `get_offers`: made of the path, so that a
/// generated client's functions can be guessed from it. A test sees to it that no two are the same.
pub fn operation_id(operation: &Operation) -> String {
    let segments: Vec<&str> =
        operation.path.trim_start_matches("/v1").split('/').filter(|one| !one.is_empty()).collect();
    let mut id = operation.method.as_str().to_ascii_lowercase();
    for (at, segment) in segments.iter().enumerate() {
        let word = match variable(segment) {
            Some(name) if at > 0 && variable(segments[at - 1]).is_some() => format!("by_{name}"),
            Some(_) => continue,
            None if segments.get(at + 1).is_some_and(|next| variable(next).is_some()) => singular(segment),
            None => (*segment).to_owned(),
        };
        id.push('_');
        id.push_str(word.trim_start_matches('.').replace(['.', '-'], "_").as_str());
    }
    if segments.is_empty() {
        id.push_str("_front");
    }
    id
}

/// One of a collection: `offer` of `offers`, `history` of `histories`.
fn singular(collection: &str) -> String {
    match collection.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => collection.strip_suffix('s').unwrap_or(collection).to_owned(),
    }
}

/// The name of a segment that varies.
fn variable(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(variable)
}

fn http_method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        Method::HEAD => HttpMethod::Head,
        _ => HttpMethod::Get,
    }
}
