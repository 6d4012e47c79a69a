//! `POST /v1/organisations` and `POST /v1/members`.

use super::organisations::{AccountView, OrganisationView};
use super::sessions::{SessionView, secret};
use crate::accounts::actions::{self, Registered};
use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::model::Profile;
use crate::accounts::passwords::Password;
use crate::body::Body;
use crate::context::Context;
use crate::error::Result;
use actix_web::Responder;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};

/// An organisation that wants to buy, and the first person who acts for it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "organisation": {
        "legal_name": "Northern Sound Research AB", "country": "SE", "website": "https://northern.example",
        "purpose": "Measuring how listeners find music from small labels.",
        "address": "Storgatan 1\n111 22 Stockholm", "tax_id": "SE556677889901"
    },
    "email": "ada@northern.example", "password": "correct horse battery staple"
}))]
pub struct NewOrganisation {
    /// What the organisation says of itself.
    pub organisation: Profile,
    /// Where mails go; also the name to log in with. At most 254 bytes.
    #[schema(min_length = 3, max_length = 254, format = Email)]
    pub email: String,
    /// The password to log in with.
    pub password: Password,
}

/// A listener who wants to join.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.org", "password": "correct horse battery staple"}))]
pub struct NewMember {
    /// Where mails go; also the name to log in with. At most 254 bytes.
    #[schema(min_length = 3, max_length = 254, format = Email)]
    pub email: String,
    /// The password to log in with.
    pub password: Password,
}

/// A new account and its first session.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "account": {
        "id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "role": "member", "email": "ada@example.org",
        "email_verified": false, "state": "active", "created_at": "2026-01-31T12:00:00Z"
    },
    "session": {
        "account_id": "acct_01jd2k8m0wfv9s3x6q4r7t5y2z", "token_type": "Bearer",
        "access_token": "eyJ0eXAiOiJhdCtqd3Q…", "expires_in_s": 600,
        "refresh_token": "refresh_2sS0nqyc1Jz0o3fJw5m0p1bSx8m3o3v4x5y6z7A8B9C"
    }
}))]
pub struct RegisteredView {
    /// The account.
    pub account: AccountView,
    /// The organisation that it acts for, if it is a buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationView>,
    /// Its first session.
    pub session: SessionView,
}

impl From<Registered> for RegisteredView {
    fn from(registered: Registered) -> Self {
        RegisteredView {
            account: registered.account.into(),
            organisation: registered.organisation.map(OrganisationView::from),
            session: registered.session.into(),
        }
    }
}

/// `POST /v1/organisations`
pub async fn organisation(
    ctx: Data<Context>,
    auth: Data<Auth>,
    from: ClientAddress,
    body: Body<NewOrganisation>,
) -> Result<impl Responder> {
    let NewOrganisation { organisation, email, password } = body.into_inner();
    let registered = actions::register_organisation(&ctx, &auth, from, organisation, &email, password).await?;
    Ok(secret(StatusCode::CREATED, RegisteredView::from(registered)))
}

/// `POST /v1/members`
pub async fn member(
    ctx: Data<Context>,
    auth: Data<Auth>,
    from: ClientAddress,
    body: Body<NewMember>,
) -> Result<impl Responder> {
    let NewMember { email, password } = body.into_inner();
    let registered = actions::register_member(&ctx, &auth, from, &email, password).await?;
    Ok(secret(StatusCode::CREATED, RegisteredView::from(registered)))
}
