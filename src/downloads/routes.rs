//! Downloads over HTTP.

use super::conditions::Asked;
use super::links::LinkQuery;
pub use super::model::{Access, Grant};
use super::{actions, answers, links};
use crate::accounts::caller::{Buyer, Caller};
use crate::body::Body;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::croissant::MEDIA_TYPE;
use crate::datasets::model::EditionFile;
use crate::error::{Error, Result};
use crate::ids::{GrantId, LicenceId};
use crate::page::{Page, PageQuery};
use crate::query::Query;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The files that a licence entitles to.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"items": [{
    "name": "artist_preference.parquet",
    "media_type": "application/vnd.apache.parquet",
    "size_bytes": 48_213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "href": "/v1/licences/licence_01jd2k8m0wfv9s3x6q4r7t5y2z/files/artist_preference.parquet"
}]}))]
pub struct FilesView {
    /// One for each form in which the edition is kept, and its manifest.
    pub items: Vec<FileView>,
}

/// A file.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "artist_preference.parquet",
    "media_type": "application/vnd.apache.parquet",
    "size_bytes": 48_213,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "href": "/v1/licences/licence_01jd2k8m0wfv9s3x6q4r7t5y2z/files/artist_preference.parquet"
}))]
pub struct FileView {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its length.
    pub size_bytes: i64,
    /// SHA-256 of its content, in hex: its entity tag too, and what `Repr-Digest` says.
    pub sha256: String,
    /// Where to download it, as often as needed while the licence is active.
    pub href: String,
}

/// Makes links to files.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"files": ["artist_preference.parquet"], "lifetime_s": 3_600}))]
pub struct MakeLinks {
    /// Names of files; all of the licence's if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    /// For how many seconds they are good: 1 to 604,800, an hour if not said. Never longer than the licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 604_800)]
    pub lifetime_s: Option<i64>,
}

/// Links that were made together. Whoever has one can read the file, without an account, until it ends or is taken back.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({
    "grant_id": "grant_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "expires_at": "2026-01-10T13:00:00Z",
    "items": [{
        "name": "artist_preference.parquet",
        "media_type": "application/vnd.apache.parquet",
        "size_bytes": 48_213,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "href": "https://market.example/v1/links/licence_01jd2k8m0wfv9s3x6q4r7t5y2z/artist_preference.parquet?X-Amz-Algorithm=REFRAIN-HMAC-SHA256&X-Amz-Credential=grant_01jd2k8m0wfv9s3x6q4r7t5y2z&X-Amz-Date=20260110T120000Z&X-Amz-Expires=3600&X-Amz-Signature=5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"
    }]
}))]
pub struct LinksView {
    /// What takes them back: `DELETE /v1/grants/{id}`.
    pub grant_id: GrantId,
    /// When they end.
    pub expires_at: UtcTime,
    /// One for each file.
    pub items: Vec<FileView>,
}

/// `POST /v1/licences/{id}/links`: links that carry their own signature.
pub async fn make_links(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    body: Body<MakeLinks>,
) -> Result<Json<LinksView>> {
    let MakeLinks { files, lifetime_s } = body.into_inner();
    let made = actions::make_links(&ctx, &buyer, id.into_inner(), files, lifetime_s).await?;
    let items = made.items.into_iter().map(|(file, href)| FileView::of(file, href)).collect();
    Ok(Json(LinksView { grant_id: made.grant.id, expires_at: made.expires_at, items }))
}

/// How long the links of a document are good.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LinksQuery {
    /// For how many seconds: 1 to 604,800, an hour if not said. Never longer than the licence.
    #[param(minimum = 1, maximum = 604_800)]
    pub lifetime_s: Option<i64>,
}

/// `GET /v1/licences/{id}/croissant.json`: the licensed edition in the words of Croissant, with signed links to its files.
pub async fn croissant(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    query: Query<LinksQuery>,
) -> Result<HttpResponse> {
    let document = actions::croissant(&ctx, &buyer, id.into_inner(), query.lifetime_s).await?;
    Ok(HttpResponse::Ok()
        .content_type(MEDIA_TYPE)
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"croissant.json\""))
        .body(serde_json::to_vec(&document)?))
}

/// `GET` and `HEAD /v1/links/{licence}/{name}`: a file by a signed link, or the part of it that is asked for.
pub async fn by_link(
    ctx: Data<Context>,
    path: Path<(LicenceId, String)>,
    query: std::result::Result<Query<LinkQuery>, Error>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let (id, name) = path.into_inner();
    // A link that lost its end on the way is as good as one that was never made.
    let query = query.map_err(|_| links::refused())?.into_inner();
    let head = request.method() == Method::HEAD;
    let (file, answer) = actions::open_by_link(&ctx, id, name, query, asked(&request), head).await?;
    answers::response(&file, answer)
}

/// `GET /v1/licences/{id}/grants`: what was given out of a licence, newest first.
pub async fn grants(
    buyer: Buyer,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    query: Query<PageQuery>,
) -> Result<Json<Page<Grant>>> {
    let id = id.into_inner();
    let window = ctx.cursors.window(&query, &format!("grants of {id}"))?;
    let found = actions::grants(&ctx, &buyer, id, &window).await?;
    Ok(Json(ctx.cursors.page(&window, found, |grant| grant.id.as_str())))
}

/// `DELETE /v1/grants/{id}`: takes back what was given out.
pub async fn revoke_grant(buyer: Buyer, ctx: Data<Context>, id: Path<GrantId>) -> Result<Json<Grant>> {
    Ok(Json(actions::revoke_grant(&ctx, &buyer, id.into_inner()).await?))
}

/// `GET /v1/licences/{id}/files`: the files of a licence.
pub async fn list(buyer: Buyer, ctx: Data<Context>, id: Path<LicenceId>) -> Result<Json<FilesView>> {
    let id = id.into_inner();
    let files = actions::files(&ctx, &buyer, id.clone()).await?;
    let view = |file: EditionFile| {
        let href = format!("/v1/licences/{id}/files/{}", file.name);
        FileView::of(file, href)
    };
    Ok(Json(FilesView { items: files.into_iter().map(view).collect() }))
}

impl FileView {
    fn of(file: EditionFile, href: String) -> Self {
        let EditionFile { name, media_type, size_bytes, sha256, .. } = file;
        FileView { name, media_type, size_bytes, sha256, href }
    }
}

/// `GET` and `HEAD /v1/licences/{id}/files/{name}`: a file, or the part of it that is asked for.
pub async fn file(
    buyer: Buyer,
    ctx: Data<Context>,
    path: Path<(LicenceId, String)>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let (id, name) = path.into_inner();
    let head = request.method() == Method::HEAD;
    let (file, answer) = actions::open(&ctx, &buyer, id, name, asked(&request), head).await?;
    answers::response(&file, answer)
}

/// `GET /v1/licences/{id}/accesses`: who downloaded what, newest first.
pub async fn accesses(
    caller: Caller,
    ctx: Data<Context>,
    id: Path<LicenceId>,
    query: Query<PageQuery>,
) -> Result<Json<Page<Access>>> {
    let id = id.into_inner();
    let window = ctx.cursors.window(&query, &format!("accesses of {id}"))?;
    let found = actions::accesses(&ctx, &caller, id, &window).await?;
    Ok(Json(ctx.cursors.page(&window, found, |access| access.id.as_str())))
}

fn asked(request: &HttpRequest) -> Asked {
    Asked {
        if_match: joined(request, &header::IF_MATCH),
        if_none_match: joined(request, &header::IF_NONE_MATCH),
        if_range: joined(request, &header::IF_RANGE),
        range: joined(request, &header::RANGE),
    }
}

/// A header's lines joined by commas (RFC 9110, section 5.3). One that is no text counts as text that
/// matches nothing, so that a condition is never dropped because it cannot be read.
fn joined(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = request.headers().get_all(name).map(|value| value.to_str().unwrap_or("?")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}
