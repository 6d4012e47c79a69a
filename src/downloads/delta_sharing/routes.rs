//! The protocol over HTTP. Bodies of lists are one line, and everything is ASCII: clients read line by line, and some take
//! characters of Unicode for the end of one.

use super::actions::{self, Profile};
use super::model::{Item, Share, SharedTable, same};
use crate::accounts::caller::{Buyer, bearer};
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::ids::LicenceId;
use crate::text::{ascii_json, of_queries, without_types};
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which version of a table an answer is about.
const TABLE_VERSION: HeaderName = HeaderName::from_static("delta-table-version");
/// What a client can read, and what the server has chosen of it.
const CAPABILITIES: HeaderName = HeaderName::from_static("delta-sharing-capabilities");
/// How files' ids are hashed, where the client has a wish.
const FILE_ID_HASH: HeaderName = HeaderName::from_static("fileidhash");
/// Most items of a list.
const RESULTS_MAX: usize = 500;
const JSON: &str = "application/json; charset=utf-8";
const LINES: &str = "application/x-ndjson; charset=utf-8";

/// What a tool is handed: where to ask, and the token to show.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "shareCredentialsVersion": 1,
    "endpoint": "https://market.example/delta-sharing/",
    "bearerToken": "grant_01jd2k8m0wfv9s3x6q4r7t5y2z.5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "expirationTime": "2027-01-10T12:00:00.0Z"
}))]
pub struct ProfileView {
    /// Version of the profile's form.
    pub share_credentials_version: u32,
    /// Where the tool asks.
    pub endpoint: String,
    /// What it shows. Whoever has it may read the licence's tables.
    pub bearer_token: String,
    /// When the licence ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<String>,
}

/// Part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Most items of the answer: 0 to 500.
    #[param(minimum = 0, maximum = 500)]
    pub max_results: Option<usize>,
    /// The `nextPageToken` of the answer before.
    pub page_token: Option<String>,
}

/// Which version of a table is meant.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// The number of an edition.
    pub version: Option<i64>,
    /// The edition that there was at an instant (RFC 3339).
    pub timestamp: Option<String>,
}

/// From when on a version is looked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct SinceQuery {
    /// The first version at or after an instant (RFC 3339).
    pub starting_timestamp: Option<String>,
}

/// What is wanted of a table. Hints are allowed to be overlooked, and are: the tables are small, and the client filters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    version: Option<i64>,
    timestamp: Option<String>,
    starting_version: Option<i64>,
    ending_version: Option<i64>,
}

/// `GET /v1/licences/{id}/profile.share`: the profile for a tool.
pub async fn profile(buyer: Buyer, ctx: Data<Context>, id: Path<LicenceId>) -> Result<HttpResponse> {
    let Profile { token, ends_at, share } = actions::profile(&ctx, &buyer, id.into_inner()).await?;
    let view = ProfileView {
        share_credentials_version: 1,
        endpoint: format!("{}/delta-sharing/", ctx.config.server.public_url()),
        bearer_token: token,
        // The form in which clients look for it.
        expiration_time: ends_at.map(|at| at.calendar().format("%Y-%m-%dT%H:%M:%S.0Z").to_string()),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{share}.share\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(view))
}

/// `GET /delta-sharing/shares`.
pub async fn shares(ctx: Data<Context>, request: HttpRequest) -> Result<HttpResponse> {
    answered(async {
        let share = shown(&ctx, &request).await?;
        listed(&request, vec![share.item()])
    })
    .await
}

/// `GET /delta-sharing/shares/{share}`.
pub async fn share(ctx: Data<Context>, path: Path<String>, request: HttpRequest) -> Result<HttpResponse> {
    answered(async {
        let share = named(&ctx, &request, &path).await?;
        Ok(HttpResponse::Ok().content_type(JSON).body(ascii_json(&serde_json::json!({"share": share.item()}))?))
    })
    .await
}

/// `GET /delta-sharing/shares/{share}/schemas`.
pub async fn schemas(ctx: Data<Context>, path: Path<String>, request: HttpRequest) -> Result<HttpResponse> {
    answered(async {
        let share = named(&ctx, &request, &path).await?;
        listed(&request, vec![share.schema_item()])
    })
    .await
}

/// `GET /delta-sharing/shares/{share}/schemas/{schema}/tables`.
pub async fn tables(ctx: Data<Context>, path: Path<(String, String)>, request: HttpRequest) -> Result<HttpResponse> {
    let (name, schema) = path.into_inner();
    answered(async {
        let share = named(&ctx, &request, &name).await?;
        if !same(&schema, &share.schema) {
            return Err(missing("schema", &schema));
        }
        listed(&request, share.table_items())
    })
    .await
}

/// `GET /delta-sharing/shares/{share}/all-tables`.
pub async fn all_tables(ctx: Data<Context>, path: Path<String>, request: HttpRequest) -> Result<HttpResponse> {
    answered(async {
        let share = named(&ctx, &request, &path).await?;
        listed(&request, share.table_items())
    })
    .await
}

/// `GET …/tables/{table}/version`, and `HEAD …/tables/{table}` as older clients ask.
pub async fn version(
    ctx: Data<Context>,
    path: Path<(String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    answered(async {
        let SinceQuery { starting_timestamp } = query(&request)?;
        let (share, _) = table(&ctx, &request, &path).await?;
        if starting_timestamp.as_deref().map(instant).transpose()?.is_some_and(|since| since > share.published_at) {
            let words = format!(
                "The newest version is {}, of {}; there is none after that.",
                share.version, share.published_at
            );
            return Err(Error::new(Code::NotFound, words));
        }
        Ok(HttpResponse::Ok().insert_header((TABLE_VERSION, share.version)).finish())
    })
    .await
}

/// `GET …/tables/{table}/metadata`: the protocol's version and the columns, a line each.
pub async fn metadata(
    ctx: Data<Context>,
    path: Path<(String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse> {
    answered(async {
        let asked: VersionQuery = query(&request)?;
        let (share, table) = table(&ctx, &request, &path).await?;
        expect_version(&share, asked.version, asked.timestamp.as_deref())?;
        let lines = share.head_lines(&table);
        lines_of(head(&request, &share)?, &lines)
    })
    .await
}

/// `POST …/tables/{table}/query`: the same, and a line for the file, with a link to it.
pub async fn read(
    ctx: Data<Context>,
    path: Path<(String, String, String)>,
    request: HttpRequest,
    body: Bytes,
) -> Result<HttpResponse> {
    answered(async {
        let (share, table) = table(&ctx, &request, &path).await?;
        let wanted: Wanted = if body.iter().all(u8::is_ascii_whitespace) {
            Wanted::default()
        } else {
            serde_json::from_slice(&body).map_err(|cause| {
                let why = without_types(&cause.to_string());
                Error::new(Code::MalformedRequest, format!("The body cannot be read: {why}."))
            })?
        };
        if wanted.starting_version.or(wanted.ending_version).is_some() {
            let words = "Editions are drawn anew each time: there are no changes from one to the other to read.";
            return Err(Error::new(Code::MalformedRequest, words));
        }
        expect_version(&share, wanted.version, wanted.timestamp.as_deref())?;
        let (url, expires_at) = actions::link(&ctx, &share, &table);
        let [protocol, meta_data] = share.head_lines(&table);
        lines_of(head(&request, &share)?, &[protocol, meta_data, share.file_line(&table, &url, expires_at)])
    })
    .await
}

/// Failures in the protocol's form.
async fn answered(work: impl Future<Output = Result<HttpResponse>>) -> Result<HttpResponse> {
    work.await.map_err(Error::in_delta_sharing)
}

async fn shown(ctx: &Context, request: &HttpRequest) -> Result<Share> {
    let token = bearer(request.headers()).and_then(|token| std::str::from_utf8(token).ok());
    actions::shown(ctx, token).await
}

async fn named(ctx: &Context, request: &HttpRequest, name: &str) -> Result<Share> {
    let share = shown(ctx, request).await?;
    if same(name, &share.name) { Ok(share) } else { Err(missing("share", name)) }
}

async fn table(
    ctx: &Context,
    request: &HttpRequest,
    (name, schema, table): &(String, String, String),
) -> Result<(Share, SharedTable)> {
    let share = named(ctx, request, name).await?;
    let found = share.table(schema, table).cloned();
    let found = found.ok_or_else(|| missing("table", &format!("{schema}.{table}")))?;
    Ok((share, found))
}

fn missing(what: &str, name: &str) -> Error {
    Error::new(Code::NotFound, format!("There is no {what} {name} under this licence; list what there is."))
}

fn expect_version(share: &Share, version: Option<i64>, timestamp: Option<&str>) -> Result<()> {
    if timestamp.map(instant).transpose()?.is_some_and(|at| at < share.published_at) {
        let words = format!(
            "The licence's edition, version {}, is of {}; it has none from before.",
            share.version, share.published_at
        );
        return Err(Error::new(Code::NotFound, words));
    }
    if version.is_none_or(|version| version == i64::from(share.version)) {
        return Ok(());
    }
    if let Some((_, why)) = share.recalled.iter().find(|(number, _)| version == Some(i64::from(*number))) {
        let words = format!("{why} Ask for version {} of the tables, or for none in particular.", share.version);
        return Err(Error::new(Code::EditionRecalled, words));
    }
    let words =
        format!("The licence is for edition {}, which is version {0} of its tables, and for no other.", share.version);
    Err(Error::new(Code::NotFound, words))
}

fn instant(text: &str) -> Result<UtcTime> {
    UtcTime::parse(text).ok_or_else(|| Error::invalid(format!("{text:?} is no instant as 2026-01-10T12:00:00Z.")))
}

fn query<T: serde::de::DeserializeOwned>(request: &HttpRequest) -> Result<T> {
    let read = actix_web::web::Query::<T>::from_query(request.query_string());
    read.map(|query| query.into_inner())
        .map_err(|cause| Error::invalid(format!("The query cannot be read: {}.", of_queries(&cause.to_string()))))
}

/// A part of a list, in one line. The token of the next part is where it begins.
fn listed(request: &HttpRequest, items: Vec<Item>) -> Result<HttpResponse> {
    let ListQuery { max_results, page_token } = query(request)?;
    let most = max_results.unwrap_or(RESULTS_MAX);
    if most > RESULTS_MAX {
        return Err(Error::invalid(format!("maxResults is 0 to {RESULTS_MAX}.")));
    }
    let first = match page_token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => token.parse().map_err(|_| Error::invalid("pageToken is not one of this list."))?,
        None => 0,
    };
    let (end, total) = (items.len().min(first + most), items.len());
    let part = items.get(first..end).ok_or_else(|| Error::invalid("pageToken is not one of this list."))?;
    let mut list = serde_json::json!({"items": part});
    if end < total {
        list["nextPageToken"] = end.to_string().into();
    }
    Ok(HttpResponse::Ok().content_type(JSON).body(ascii_json(&list)?))
}

/// The head of an answer about a table. It says which form was chosen, and never what the client listed: some look in it for a word.
fn head(request: &HttpRequest, share: &Share) -> Result<HttpResponseBuilder> {
    let wanted = request.headers().get(&CAPABILITIES).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let formats = wanted.split(';').find_map(|part| {
        let (name, formats) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("responseformat").then_some(formats)
    });
    let reads_parquet =
        formats.is_none_or(|formats| formats.split(',').any(|one| one.trim().eq_ignore_ascii_case("parquet")));
    if !reads_parquet {
        let words = "Tables are answered in the response format parquet alone; have the client ask for that.";
        return Err(Error::new(Code::MalformedRequest, words));
    }
    let mut head = HttpResponse::Ok();
    head.content_type(LINES)
        .insert_header((TABLE_VERSION, share.version))
        .insert_header((CAPABILITIES, "responseformat=parquet"));
    if let Some(hash) = request.headers().get(&FILE_ID_HASH) {
        if !hash.as_bytes().eq_ignore_ascii_case(b"sha256") {
            return Err(Error::invalid("fileidhash is sha256 here: a file's id is its SHA-256."));
        }
        head.insert_header((FILE_ID_HASH, "sha256"));
    }
    Ok(head)
}

fn lines_of(mut head: HttpResponseBuilder, lines: &[serde_json::Value]) -> Result<HttpResponse> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&ascii_json(line)?);
        text.push('\n');
    }
    Ok(head.body(text))
}
