//! Downloads over HTTP.

use super::conditions::Asked;
pub use super::model::Access;
use super::{actions, answers};
use crate::accounts::caller::{Buyer, Caller};
use crate::context::Context;
use crate::datasets::model::EditionFile;
use crate::error::Result;
use crate::ids::LicenceId;
use crate::page::{Page, PageQuery};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

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

/// `GET /v1/licences/{id}/files`: the files of a licence.
pub async fn list(buyer: Buyer, ctx: Data<Context>, id: Path<LicenceId>) -> Result<Json<FilesView>> {
    let id = id.into_inner();
    let files = actions::files(&ctx, &buyer, id.clone()).await?;
    let view = |file: EditionFile| FileView {
        href: format!("/v1/licences/{id}/files/{}", file.name),
        name: file.name,
        media_type: file.media_type,
        size_bytes: file.size_bytes,
        sha256: file.sha256,
    };
    Ok(Json(FilesView { items: files.into_iter().map(view).collect() }))
}

/// `GET` and `HEAD /v1/licences/{id}/files/{name}`: a file, or the part of it that is asked for.
pub async fn file(
    buyer: Buyer,
    ctx: Data<Context>,
    path: Path<(LicenceId, String)>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let (id, name) = path.into_inner();
    let asked = Asked {
        if_match: joined(&request, &header::IF_MATCH),
        if_none_match: joined(&request, &header::IF_NONE_MATCH),
        if_range: joined(&request, &header::IF_RANGE),
        range: joined(&request, &header::RANGE),
    };
    let head = request.method() == Method::HEAD;
    let (file, answer) = actions::open(&ctx, &buyer, id, name, asked, head).await?;
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

/// A header's lines joined by commas (RFC 9110, section 5.3). One that is no text counts as text that
/// matches nothing, so that a condition is never dropped because it cannot be read.
fn joined(request: &HttpRequest, name: &HeaderName) -> Option<String> {
    let lines: Vec<&str> = request.headers().get_all(name).map(|value| value.to_str().unwrap_or("?")).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}
