//! The operations that are about the server itself: is it alive, is it ready, what can it do.

use crate::context::Context;
use crate::error::{Code, Error, Result};
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Data;
use diesel::prelude::*;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use utoipa::ToSchema;

/// Whether the server has been told to stop: it then finishes what is under way and takes no more.
#[derive(Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// From now on the server is not ready.
    pub fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "version": "0.1.0"}))]
pub struct Health {
    /// `ok`.
    pub status: &'static str,
    /// The version that runs.
    pub version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// The document and the page, made once at start.
#[derive(Clone)]
pub struct Documents {
    /// `/openapi.json`.
    pub openapi: bytes::Bytes,
    /// `/docs`.
    pub page: bytes::Bytes,
    /// `/docs/problems`.
    pub problems: bytes::Bytes,
}

/// The key with which the service signs what anybody may check: a JWK (RFC 8037) with its thumbprint (RFC 7638) as its name.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
}))]
pub struct SigningKey {
    /// `OKP`.
    pub kty: &'static str,
    /// `Ed25519`.
    pub crv: &'static str,
    /// `EdDSA`.
    pub alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    pub used_for: &'static str,
    /// The key's name.
    pub kid: String,
    /// The key: 32 bytes in base64url without padding.
    pub x: String,
}

/// `GET /v1/signing-key`
pub async fn signing_key(ctx: Data<Context>) -> HttpResponse {
    let public = ctx.signer.public();
    HttpResponse::Ok().json(SigningKey {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        used_for: "sig",
        kid: public.id(),
        x: public.text(),
    })
}

/// `GET /`: whoever comes by with a browser is shown what there is.
pub async fn front() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/docs")).finish()
}

/// `GET /healthz`: the process runs and answers.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(OK)
}

/// `GET /readyz`: it can reach its database and is not stopping.
///
/// # Errors
/// `busy` where it should get no requests.
pub async fn ready(ctx: Data<Context>, stopping: Data<Stopping>) -> Result<HttpResponse> {
    if stopping.has_begun() {
        return Err(Error::new(Code::Busy, "The server is stopping."));
    }
    ctx.db.read(|db| Ok(diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")).execute(db)?)).await?;
    Ok(HttpResponse::Ok().json(OK))
}

/// `GET /openapi.json`
pub async fn openapi(documents: Data<Documents>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(documents.openapi.clone())
}

/// `GET /docs`
pub async fn docs(documents: Data<Documents>) -> HttpResponse {
    html(&documents.page)
}

/// `GET /docs/problems`
pub async fn problems(documents: Data<Documents>) -> HttpResponse {
    html(&documents.problems)
}

/// A page of our own making; the policy lets it load nothing from elsewhere.
fn html(page: &bytes::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"))
        .body(page.clone())
}
