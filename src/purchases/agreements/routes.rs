//! Agreements over HTTP: each form at an address of its own, and all of them at one, as the caller likes it best.

use super::model::Form;
use super::{actions, html};
use crate::accept;
use crate::accounts::caller::Caller;
use crate::context::Context;
use crate::error::Result;
use crate::ids::LicenceId;
use crate::offers::terms;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

pub use super::model::Bundle;

/// `GET /v1/licences/{id}/agreement`: in the form that the caller likes best.
pub async fn read(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let form = match accept::ranges(&request)? {
        Some(ranges) => Form::accepted(ranges.iter().map(|range| range.essence_str()))?,
        None => Form::Json,
    };
    let mut answer = given(&caller, &ctx, id, &request, form).await?;
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}

/// `GET /v1/licences/{id}/agreement.html`
pub async fn page(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    given(&caller, &ctx, id, &request, Form::Html).await
}

/// `GET /v1/licences/{id}/agreement.txt`
pub async fn text(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    given(&caller, &ctx, id, &request, Form::Txt).await
}

/// `GET /v1/licences/{id}/agreement.jsonld`
pub async fn odrl(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    given(&caller, &ctx, id, &request, Form::Jsonld).await
}

/// `GET /v1/licences/{id}/agreement.jws`
pub async fn signature(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    given(&caller, &ctx, id, &request, Form::Jws).await
}

/// `GET /v1/licences/{id}/agreement.json`
pub async fn bundle(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    given(&caller, &ctx, id, &request, Form::Json).await
}

async fn given(
    caller: &Caller,
    ctx: &Context,
    id: Path<LicenceId>,
    request: &HttpRequest,
    form: Form,
) -> Result<HttpResponse> {
    let id = id.into_inner();
    let name = format!("inline; filename=\"agreement-{id}.{}\"", form.ending());
    let content = actions::read(ctx, caller, id, form).await?;
    let etag = format!("\"{}\"", terms::sha256(&content));
    let is_known = accept::matches_etag(request.headers().get_all(header::IF_NONE_MATCH), etag.as_bytes());
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((header::ETAG, etag)).insert_header((header::CACHE_CONTROL, "private, no-cache"));
    if is_known {
        return Ok(answer.finish());
    }
    if form == Form::Html {
        // The page holds its policy itself; what only a header can say is that nobody may put it into a frame.
        let policy = format!("{}; frame-ancestors 'none'", html::policy());
        answer.insert_header((header::CONTENT_SECURITY_POLICY, policy));
    }
    answer.insert_header((header::CONTENT_DISPOSITION, name));
    Ok(answer.content_type(form.media_type()).body(content))
}
