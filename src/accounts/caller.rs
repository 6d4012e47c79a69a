//! Who calls: extractors that stand in a handler's signature and let nobody else in.

use super::auth::Auth;
use super::model::Role;
use super::tokens;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, OrganisationId, SessionId};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::{Ready, ready};
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

/// What the door has said of a request with a token. It stands in the request from [`identify`] on.
struct AtTheDoor(Result<Arc<Caller>>);

/// Finds out who sends a request, before anything else of it is read: so that whoever may not call an operation is told so, and
/// not what is wrong with a body or an id. For those that everybody may call, whatever is found is left alone.
pub async fn identify(request: &ServiceRequest) {
    let Some(token) = bearer(request.headers()) else { return };
    let found = match (request.app_data::<Data<Context>>(), request.app_data::<Data<Auth>>()) {
        (Some(context), Some(auth)) => auth.caller(context, token).await,
        _ => Err(Error::internal("the server was built without Context or Auth")),
    };
    request.extensions_mut().insert(AtTheDoor(found));
}

/// Who sends a request, as `make` wants them.
fn ask<T>(request: &HttpRequest, make: impl FnOnce(&Caller) -> Result<T>) -> Ready<Result<T>> {
    let mut extensions = request.extensions_mut();
    ready(match extensions.get_mut() {
        None => Err(tokens::refused()),
        Some(AtTheDoor(Ok(caller))) => make(caller),
        // One who is refused is told why once.
        Some(AtTheDoor(refused)) => std::mem::replace(refused, Err(tokens::refused())).and_then(|caller| make(&caller)),
    })
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ask(request, |caller| Ok(caller.clone()))
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1). Sent twice, neither counts.
pub fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let mut values = headers.get_all(AUTHORIZATION);
    let (value, None) = (values.next()?.as_bytes(), values.next()) else { return None };
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

/// Implements an extractor that wants one role.
macro_rules! role_extractor {
    ($name:ident, $role:pat, $from:expr, $wanted:literal) => {
        impl FromRequest for $name {
            type Error = Error;
            type Future = Ready<Result<Self>>;

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
