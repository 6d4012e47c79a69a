//! `/v1/sessions` and the public keys.

use crate::accounts::actions::{self, SessionTokens};
use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::caller::Caller;
use crate::accounts::passwords::Password;
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use crate::ids::AccountId;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};

/// Who wants to come in.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "correct horse battery staple"}))]
pub struct Login {
    /// The address of the account.
    pub email: String,
    /// Its password.
    pub password: Password,
}

/// A refresh token that is to be exchanged.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "refresh_2sS0nqyc1Jz0o3fJw5m0p1bSx8m3o3v4x5y6z7A8B9C"}))]
pub struct Refresh {
    /// The newest refresh token of the session.
    pub refresh_token: String,
}

/// The tokens of a session. Shown once; keep them secret.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "account_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "token_type": "Bearer", "access_token": "eyJ0eXAiOiJhdCtqd3Q…",
    "expires_in_s": 600, "refresh_token": "refresh_2sS0nqyc1Jz0o3fJw5m0p1bSx8m3o3v4x5y6z7A8B9C"
}))]
pub struct SessionView {
    /// Whose session it is.
    pub account_id: AccountId,
    /// `Bearer`: how the access token is sent.
    pub token_type: &'static str,
    /// Goes into the `Authorization` header of every request.
    pub access_token: String,
    /// Seconds that the access token is good for.
    pub expires_in_s: i64,
    /// Good for one exchange at `/v1/sessions/refresh`; shown a second time, it ends the session.
    pub refresh_token: String,
}

impl From<SessionTokens> for SessionView {
    fn from(tokens: SessionTokens) -> Self {
        SessionView {
            account_id: tokens.account_id,
            token_type: "Bearer",
            access_token: tokens.access_token,
            expires_in_s: tokens.expires_in_s,
            refresh_token: tokens.refresh_token,
        }
    }
}

/// `POST /v1/sessions`
pub async fn log_in(
    ctx: Data<Context>,
    auth: Data<Auth>,
    from: ClientAddress,
    body: Body<Login>,
) -> Result<impl Responder> {
    let Login { email, password } = body.into_inner();
    let tokens = actions::log_in(&ctx, &auth, from, &email, password).await?;
    Ok(secret(StatusCode::CREATED, SessionView::from(tokens)))
}

/// `POST /v1/sessions/refresh`
pub async fn refresh(ctx: Data<Context>, auth: Data<Auth>, body: Body<Refresh>) -> Result<impl Responder> {
    let tokens = actions::refresh(&ctx, &auth, body.into_inner().refresh_token).await?;
    Ok(secret(StatusCode::OK, SessionView::from(tokens)))
}

/// `DELETE /v1/sessions/current`
pub async fn log_out(caller: Caller, ctx: Data<Context>, auth: Data<Auth>) -> Result<HttpResponse> {
    actions::log_out(&ctx, &auth, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /v1/sessions`
pub async fn log_out_everywhere(caller: Caller, ctx: Data<Context>, auth: Data<Auth>) -> Result<HttpResponse> {
    actions::log_out_everywhere(&ctx, &auth, &caller).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /.well-known/jwks.json`
pub async fn jwks(auth: Data<Auth>) -> impl Responder {
    Json(auth.tokens.jwks()).customize().insert_header((CACHE_CONTROL, "public, max-age=300"))
}

/// An answer that carries secrets: nothing on the way may keep it.
pub(super) fn secret<T: Serialize>(status: StatusCode, view: T) -> impl Responder {
    Json(view).customize().with_status(status).insert_header((CACHE_CONTROL, "no-store"))
}
