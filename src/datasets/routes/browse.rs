//! The catalogue over HTTP: ready bytes, strong ETags, 304 to those who have them.

use crate::accept;
use crate::accounts::caller::Caller;
use crate::context::Context;
use crate::datasets::actions;
use crate::datasets::cache::{Catalogue, Ready};
use crate::datasets::catalogue::CatalogueQuery;
use crate::datasets::page::Part;
use crate::error::{Code, Result};
use crate::ids::DatasetId;
use crate::page::PageQuery;
use crate::query::Query;
use crate::telemetry::Route;
use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Data, Path};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use std::time::Instant;

/// Anybody may keep a copy, and asks whether it still holds before using it.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, no-cache");
/// What only some may see stays with them.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// Who wants another account of the same gets another answer.
const VARIES: HeaderValue = HeaderValue::from_static("Accept");

/// A page runs nothing and loads nothing.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

/// The addresses at which anybody gets what is kept, as the list of operations has them.
const KEPT: [&str; 9] = [
    "/v1/datasets",
    "/v1/datasets/{id}",
    "/v1/datasets/{id}/page.html",
    "/v1/datasets/{id}/dcat.jsonld",
    "/v1/datasets/{id}/dictionary",
    "/v1/datasets/{id}/accuracy",
    "/v1/datasets/{id}/croissant.json",
    "/v1/datasets/{id}/twin.parquet",
    "/v1/datasets/{id}/twin.csv",
];

/// The answer to a request that needs no more than a look at its address, and where in the list that is: most of what is read is
/// this, and the way to its handler would cost several times the answer. Nothing where the handler has to see the request.
pub fn at_hand(request: &HttpRequest, now: Instant) -> Option<(Route, HttpResponse)> {
    if *request.method() != Method::GET {
        return None;
    }
    let route = route(request.path())?;
    let shelf = request.app_data::<Data<Catalogue>>()?;
    let ready = shelf.at_hand(request.uri().path_and_query()?.as_str(), now)?;
    if ready.varies && !wants_ours(request) {
        return None;
    }
    Some((route, answer(request, ready, PUBLIC)))
}

fn route(path: &str) -> Option<Route> {
    const ONE: &str = "/v1/datasets/";
    let is_kept = |kept: &&&str| match (kept.strip_prefix("/v1/datasets/{id}"), path.strip_prefix(ONE)) {
        (Some(wanted), Some(rest)) => rest.find('/').map_or("", |end| &rest[end..]) == wanted,
        _ => **kept == path,
    };
    KEPT.iter().find(is_kept).map(|kept| Route(kept))
}

/// Whether a caller says that it wants our own words, or nothing of it.
fn wants_ours(request: &HttpRequest) -> bool {
    let mut lines = request.headers().get_all(header::ACCEPT);
    match (lines.next().map(HeaderValue::as_bytes), lines.next()) {
        (None, _) => true,
        (Some(one), None) => one == b"*/*" || one == b"application/json",
        _ => false,
    }
}

/// `GET /v1/datasets`
pub async fn catalogue(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    query: Query<CatalogueQuery>,
) -> Result<HttpResponse> {
    let url = request.uri().path_and_query().map_or("/", |both| both.as_str());
    let ready = actions::browse(&ctx, &shelf, url, query.into_inner()).await?;
    Ok(answer(&request, ready, PUBLIC))
}

/// `GET /v1/catalogue.jsonld`
pub async fn linked_catalogue(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    query: Query<PageQuery>,
) -> Result<HttpResponse> {
    let url = request.uri().path_and_query().map_or("/", |both| both.as_str());
    let ready = actions::linked_catalogue(&ctx, &shelf, url, query.into_inner()).await?;
    Ok(answer(&request, ready, PUBLIC))
}

/// `GET /v1/datasets/{id}`: in our own words, or in those that the caller likes better.
pub async fn dataset(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    let wanted = wanted(&request)?;
    // Of one address there are several accounts: all but our own are kept under another name, which no request has.
    let url = match wanted {
        Part::Page => request.path().to_owned(),
        other => format!("{}#{other:?}", request.path()),
    };
    let mut answer = part_at(&ctx, &shelf, &request, &url, id, wanted).await?;
    answer.headers_mut().insert(header::VARY, VARIES);
    Ok(answer)
}

/// `GET /v1/datasets/{id}/page.html`
pub async fn page(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    part(&ctx, &shelf, &request, id, Part::Html).await
}

/// `GET /v1/datasets/{id}/dcat.jsonld`
pub async fn dcat(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    part(&ctx, &shelf, &request, id, Part::Dcat).await
}

/// The account of a listing that `Accept` asks for; our own where it says nothing.
fn wanted(request: &HttpRequest) -> Result<Part> {
    let Some(ranges) = accept::ranges(request)? else { return Ok(Part::Page) };
    Part::accepted(
        ranges.iter().map(|range| (range.essence_str(), range.get_param("profile").map(|name| name.as_str()))),
    )
}

/// `GET /v1/datasets/{id}/dictionary`
pub async fn dictionary(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    part(&ctx, &shelf, &request, id, Part::Dictionary).await
}

/// `GET /v1/datasets/{id}/accuracy`
pub async fn accuracy(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    part(&ctx, &shelf, &request, id, Part::Accuracy).await
}

/// `GET /v1/datasets/{id}/croissant.json`
pub async fn croissant(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    part(&ctx, &shelf, &request, id, Part::Croissant).await
}

/// `GET /v1/datasets/{id}/twin.parquet`
pub async fn twin_parquet(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    part(&ctx, &shelf, &request, id, Part::TwinParquet).await
}

/// `GET /v1/datasets/{id}/twin.csv`
pub async fn twin_csv(
    ctx: Data<Context>,
    shelf: Data<Catalogue>,
    request: HttpRequest,
    id: Path<DatasetId>,
) -> Result<HttpResponse> {
    part(&ctx, &shelf, &request, id, Part::TwinCsv).await
}

/// A part of a listing at its own address. A query has no meaning there, so it is no part of what the answer is kept under.
async fn part(
    ctx: &Context,
    shelf: &Catalogue,
    request: &HttpRequest,
    id: Path<DatasetId>,
    part: Part,
) -> Result<HttpResponse> {
    part_at(ctx, shelf, request, request.path(), id, part).await
}

/// What is listed goes to anybody. Only where nothing is, a caller who shows a token is asked who it is.
async fn part_at(
    ctx: &Context,
    shelf: &Catalogue,
    request: &HttpRequest,
    url: &str,
    id: Path<DatasetId>,
    part: Part,
) -> Result<HttpResponse> {
    let id = id.into_inner();
    match actions::listing(ctx, shelf, url, id.clone(), part).await {
        Ok(ready) => Ok(answer(request, ready, PUBLIC)),
        Err(error) if error.code() == Code::NotFound && request.headers().contains_key(header::AUTHORIZATION) => {
            let caller = Caller::extract(request).await?;
            Ok(answer(request, actions::accessible(ctx, &caller, id, part).await?, PRIVATE))
        }
        Err(error) => Err(error),
    }
}

fn answer(request: &HttpRequest, ready: Ready, cache_control: HeaderValue) -> HttpResponse {
    let lines = request.headers().get_all(header::IF_NONE_MATCH);
    let unchanged = accept::matches_etag(lines, ready.etag.as_bytes());
    let mut response = HttpResponse::new(if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    let headers = response.headers_mut();
    headers.insert(header::ETAG, ready.etag);
    headers.insert(header::CACHE_CONTROL, cache_control);
    if let Some(links) = ready.links {
        headers.insert(header::LINK, links);
    }
    if ready.varies {
        headers.insert(header::VARY, VARIES);
    }
    if unchanged {
        return response;
    }
    if ready.media_type.as_bytes().starts_with(b"text/html") {
        headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    }
    headers.insert(header::CONTENT_TYPE, ready.media_type);
    if let Some(disposition) = ready.disposition {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response.set_body(BoxBody::new(ready.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::cache::Content;
    use actix_web::test::TestRequest;

    fn status(if_none_match: &[&str], ready: &Ready) -> StatusCode {
        let mut request = TestRequest::get();
        for line in if_none_match {
            request = request.append_header((header::IF_NONE_MATCH, *line));
        }
        answer(&request.to_http_request(), ready.clone(), PUBLIC).status()
    }

    #[test]
    fn who_has_the_content_is_told_so_and_sent_nothing() {
        let ready = Ready::try_from(Content::json(&"x").unwrap()).unwrap();
        let etag = ready.etag.to_str().unwrap().to_owned();
        let (weak, list) = (format!("W/{etag}"), format!("\"a\" , {etag}"));
        for lines in [&[etag.as_str()][..], &[&weak], &[&list], &["*"], &["\"a\"", &etag]] {
            assert_eq!(status(lines, &ready), StatusCode::NOT_MODIFIED, "{lines:?}");
        }
        for lines in [&[][..], &["\"a\""], &[""], &[etag.trim_matches('"')]] {
            assert_eq!(status(lines, &ready), StatusCode::OK, "{lines:?}");
        }
    }

    #[test]
    fn a_file_is_saved_under_its_name() {
        let content = Content { file_name: Some("twin.csv".into()), ..Content::new("a,b".into(), "text/csv") };
        let response = answer(&TestRequest::get().to_http_request(), content.try_into().unwrap(), PUBLIC);
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header(header::CONTENT_DISPOSITION), "attachment; filename=\"twin.csv\"");
        assert_eq!(header(header::CONTENT_TYPE), "text/csv");
    }
}
