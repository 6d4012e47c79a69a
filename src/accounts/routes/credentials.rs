//! `/v1/email-verifications`, `/v1/password-resets` and `/v1/me/password`.

use super::sessions::{SessionView, secret};
use crate::accounts::actions;
use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::caller::Caller;
use crate::accounts::passwords::Password;
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder};
use serde::{Deserialize, Serialize};

/// The token of a mail that asked to verify an address.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "verify_2sS0nqyc1Jz0o3fJw5m0p1bSx8m3o3v4x5y6z7A8B9C"}))]
pub struct Verification {
    /// As it stands in the mail.
    pub token: String,
}

/// Whose password is to be set anew.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org"}))]
pub struct ResetRequest {
    /// The address of the account, at most 254 bytes.
    #[schema(min_length = 3, max_length = 254, format = Email)]
    pub email: String,
}

/// The token of a mail, and the new password.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "token": "reset_2sS0nqyc1Jz0o3fJw5m0p1bSx8m3o3v4x5y6z7A8B9C", "password": "a new horse battery staple"
}))]
pub struct Reset {
    /// As it stands in the mail.
    pub token: String,
    /// The password from now on.
    pub password: Password,
}

/// The present password and the next.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "present_password": "correct horse battery staple", "new_password": "a new horse battery staple"
}))]
pub struct PasswordChange {
    /// The password until now.
    pub present_password: Password,
    /// The password from now on.
    pub new_password: Password,
}

/// `PUT /v1/email-verifications`
pub async fn verify_email(ctx: Data<Context>, body: Body<Verification>) -> Result<HttpResponse> {
    actions::verify_email(&ctx, &body.token).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /v1/email-verifications`
pub async fn ask_verification(caller: Caller, ctx: Data<Context>, auth: Data<Auth>) -> Result<HttpResponse> {
    actions::ask_verification(&ctx, &auth, &caller).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// `POST /v1/password-resets`
pub async fn ask_reset(
    ctx: Data<Context>,
    auth: Data<Auth>,
    from: ClientAddress,
    body: Body<ResetRequest>,
) -> Result<HttpResponse> {
    actions::ask_reset(&ctx, &auth, from, &body.email).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// `PUT /v1/password-resets`
pub async fn reset_password(ctx: Data<Context>, auth: Data<Auth>, body: Body<Reset>) -> Result<HttpResponse> {
    let Reset { token, password } = body.into_inner();
    actions::reset_password(&ctx, &auth, &token, password).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `PUT /v1/me/password`
pub async fn change_password(
    caller: Caller,
    ctx: Data<Context>,
    auth: Data<Auth>,
    body: Body<PasswordChange>,
) -> Result<impl Responder> {
    let PasswordChange { present_password, new_password } = body.into_inner();
    let tokens = actions::change_password(&ctx, &auth, &caller, present_password, new_password).await?;
    Ok(secret(StatusCode::OK, SessionView::from(tokens)))
}
