//! What happens to every request and answer at the edge of the house, whatever the operation.
//!
//! - It has an id, is counted and logged.
//! - It is known who sends it before more of it is read.
//! - Every failure leaves as a problem document, those of the framework included.
//! - A request that does not end in time is cut off; a panic is a 500 and not a dropped connection.
//! - What is read carries a strong ETag, and `If-None-Match` is answered with 304.
//! - What the catalogue has ready is answered here and goes no further.

use crate::accept::matches_etag;
use crate::accounts::caller;
use crate::datasets::routes::at_hand;
use crate::error::{Code, Error, Result};
use crate::telemetry::Watched;
use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::PathError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Data, PathConfig, PayloadConfig, ServiceConfig};
use aws_lc_rs::digest;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tracing::Instrument;

/// Below it failures have the form of that protocol.
const DELTA_SHARING: &str = "/delta-sharing/";

/// How long a request may take until its answer begins.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// For most requests.
    pub usual: Duration,
    /// For uploads, which depend on the caller's line.
    pub upload: Duration,
}

/// Makes actix's own extractors answer with problem documents.
pub fn configure(config: &mut ServiceConfig, json_limit_bytes: usize) {
    config
        .app_data(PayloadConfig::new(json_limit_bytes))
        .app_data(PathConfig::default().error_handler(|e, _| path_problem(&e).into()));
}

fn path_problem(_: &PathError) -> Error {
    Error::not_found("thing")
}

/// Middleware: all of it. One for the whole, as each would cost every request some memory and a few moves.
///
/// # Errors
/// None that is not a problem document already.
pub async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, actix_web::Error> {
    let watched = Watched::begin(&request);
    let (mut answered, route) = match at_hand(request.request(), watched.began_at()) {
        Some((route, ready)) => (Ok(request.into_response(ready)), Some(route)),
        None => {
            let answered = answer(request, next).instrument(watched.span()).await;
            let route = answered.as_ref().ok().and_then(|response| response.request().app_data().copied());
            (answered, route)
        }
    };
    watched.end(&mut answered, route);
    let mut response = answered?;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Who calls, deadline, panics, problem documents, ETags.
async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse, actix_web::Error> {
    let limit = deadline(&request);
    let conditions = Conditions::of(&request);
    let called = async move {
        caller::identify(&request).await;
        next.call(request).await
    };
    let answered = tokio::time::timeout(limit, AssertUnwindSafe(called).catch_unwind()).await;
    let response = match answered {
        Ok(Ok(Ok(response))) => response.map_into_boxed_body(),
        Ok(Ok(Err(error))) => return Err(own_error(error)),
        Ok(Err(_panic)) => return Err(Error::internal("a handler panicked").into()),
        Err(_elapsed) => {
            return Err(Error::new(Code::RequestTimeout, "The request did not arrive or end in time.").into());
        }
    };
    Ok(conditions.apply(as_problem(response)).await)
}

/// What failed before a handler was reached, as an error of ours.
fn own_error(error: actix_web::Error) -> actix_web::Error {
    if error.as_error::<Error>().is_some() {
        return error;
    }
    let code = code_of(error.as_response_error().status_code());
    Error::new(code, format!("{}.", code.title())).because(error.to_string()).into()
}

/// The first code of the table with a status.
fn code_of(status: StatusCode) -> Code {
    let code = Code::ALL.iter().copied().find(|code| code.status() == status.as_u16());
    code.unwrap_or(if status.is_server_error() { Code::Internal } else { Code::MalformedRequest })
}

fn deadline(request: &ServiceRequest) -> Duration {
    let deadlines = request.app_data::<Data<Deadlines>>();
    let is_upload = request.method() == Method::POST && request.path() == "/v1/histories";
    match deadlines {
        Some(deadlines) if is_upload => deadlines.upload,
        Some(deadlines) => deadlines.usual,
        None => Duration::from_secs(30),
    }
}

/// Turns whatever failed outside of our own handlers into a problem document of the same status.
fn as_problem(response: ServiceResponse) -> ServiceResponse {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let is_problem = is_of(&response, "application/problem+json");
    let in_delta_sharing = response.request().path().starts_with(DELTA_SHARING);
    let ours = response.response().error().and_then(|error| error.as_error::<Error>());
    if is_problem != in_delta_sharing && (is_problem || ours.is_some()) {
        return response; // it has the form that it should have
    }
    let code = code_of(status);
    let told = || Error::new(code, format!("{}.", code.title()));
    let mut problem = ours.map_or_else(told, |error| Error::new(error.code(), error.detail()));
    if in_delta_sharing {
        problem = problem.in_delta_sharing();
    }
    let (request, old) = response.into_parts();
    let mut new = HttpResponse::from_error(problem);
    for (name, value) in old.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            new.headers_mut().insert(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, new)
}

fn is_of(response: &ServiceResponse, media_type: &str) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.starts_with(media_type))
}

/// What a request says about what the caller already has.
struct Conditions {
    reads: bool,
    is_private: bool,
    if_none_match: Option<HeaderValue>,
}

impl Conditions {
    fn of(request: &ServiceRequest) -> Self {
        Conditions {
            reads: matches!(*request.method(), Method::GET | Method::HEAD),
            is_private: request.headers().contains_key(header::AUTHORIZATION),
            if_none_match: request.headers().get(header::IF_NONE_MATCH).cloned(),
        }
    }

    /// Gives a JSON answer to a read its ETag, and leaves the body out where the caller has it already.
    /// Handlers that set their own (the catalogue, downloads) are left alone.
    async fn apply(self, response: ServiceResponse) -> ServiceResponse {
        let is_json = is_of(&response, "application/json");
        let sized = matches!(response.response().body().size(), BodySize::Sized(_));
        let tagged = response.headers().contains_key(header::ETAG);
        if !self.reads || response.status() != StatusCode::OK || !is_json || !sized || tagged {
            return response;
        }
        let (request, response) = response.into_parts();
        let (mut head, body) = response.into_parts();
        let Ok(bytes) = to_bytes(body).await else {
            return ServiceResponse::from_err(Error::internal("a ready body could not be read"), request);
        };
        let hash = digest::digest(&digest::SHA256, &bytes);
        let etag = format!("\"{}\"", hex::encode(&hash.as_ref()[..16]));
        if matches_etag(&self.if_none_match, etag.as_bytes()) {
            let mut unchanged = HttpResponse::NotModified();
            unchanged.insert_header((header::ETAG, etag));
            return ServiceResponse::new(request, unchanged.finish());
        }
        if let Ok(value) = HeaderValue::from_str(&etag) {
            head.headers_mut().insert(header::ETAG, value);
        }
        if self.is_private && !head.headers().contains_key(header::CACHE_CONTROL) {
            head.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        }
        ServiceResponse::new(request, head.set_body(bytes).map_into_boxed_body())
    }
}

/// The answer to a method that a resource does not have.
pub fn method_not_allowed(allow: &str) -> HttpResponse {
    let problem = Error::new(Code::MethodNotAllowed, format!("Allowed here: {allow}."));
    let mut response = HttpResponse::from_error(problem);
    if let Ok(value) = HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}
