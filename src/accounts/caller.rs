//! Who calls: extractors that stand in a handler's signature and let nobody else in.

use super::auth::Auth;
use super::model::Role;
use super::tokens;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, OrganisationId, SessionId};
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::{Either, LocalBoxFuture, Ready, ready};
use std::sync::Arc;

/// Anyone who is logged in.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account.
    pub account_id: AccountId,
    /// Its role, as the database has it.
    pub role: Role,
    /// The organisation of a buyer.
    pub organisation_id: Option<OrganisationId>,
    /// The session that the access token belongs to.
    pub session_id: SessionId,
}

/// A buyer.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// The account.
    pub account_id: AccountId,
    /// The organisation that it acts for.
    pub organisation_id: OrganisationId,
}

/// A member.
#[derive(Debug, Clone)]
pub struct Member {
    /// The account.
    pub account_id: AccountId,
}

/// An operator.
#[derive(Debug, Clone)]
pub struct Operator {
    /// The account.
    pub account_id: AccountId,
}

/// A caller whom the door has let in, for those who ask a second time in one request.
#[derive(Clone)]
pub struct LetIn(pub Arc<Caller>);

/// What an extractor gives at once where the door has been passed, and else after a look at the database.
type Asked<T> = Either<Ready<Result<T>>, LocalBoxFuture<'static, Result<T>>>;

/// Who sends a request, as `make` wants them.
fn ask<T: 'static>(request: &HttpRequest, make: fn(&Arc<Caller>) -> Result<T>) -> Asked<T> {
    if let Some(LetIn(caller)) = request.extensions().get() {
        return Either::Left(ready(make(caller)));
    }
    let context = request.app_data::<Data<Context>>().cloned();
    let auth = request.app_data::<Data<Auth>>().cloned();
    let token = bearer(request).map(str::to_owned);
    Either::Right(Box::pin(async move {
        let (Some(context), Some(auth)) = (context, auth) else {
            return Err(Error::internal("the server was built without Context or Auth"));
        };
        make(&auth.caller(&context, &token.ok_or_else(tokens::refused)?).await?)
    }))
}

impl FromRequest for LetIn {
    type Error = Error;
    type Future = Asked<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ask(request, |caller| Ok(LetIn(Arc::clone(caller))))
    }
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Asked<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ask(request, |caller| Ok(Caller::clone(caller)))
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1). Sent twice, neither counts.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Implements an extractor that wants one role.
macro_rules! role_extractor {
    ($name:ident, $role:pat, $from:expr, $wanted:literal) => {
        impl FromRequest for $name {
            type Error = Error;
            type Future = Asked<Self>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                ask(request, |caller| {
                    let make: fn(&Caller) -> Option<$name> = $from;
                    let made = if matches!(caller.role, $role) { make(caller) } else { None };
                    made.ok_or_else(|| Error::new(Code::Forbidden, concat!("Only ", $wanted, " may do this.")))
                })
            }
        }
    };
}

role_extractor!(
    Buyer,
    Role::Buyer,
    |c| c.organisation_id.clone().map(|organisation_id| Buyer { account_id: c.account_id.clone(), organisation_id }),
    "a buyer"
);
role_extractor!(Member, Role::Member, |c| Some(Member { account_id: c.account_id.clone() }), "a member");
role_extractor!(Operator, Role::Operator, |c| Some(Operator { account_id: c.account_id.clone() }), "an operator");
