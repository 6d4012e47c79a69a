//! Writes that may be sent twice: the first 2xx answer is stored in the same transaction as its
//! effect, and replayed to whoever sends the same key again (draft-ietf-httpapi-idempotency-key-header-07).
//!
//! Keys belong to an account. The same key with another request is refused. A request that failed
//! leaves no trace, so that it may be mended and sent again. Answers are kept for a month. Secrets that are shown once never pass
//! through here.

use crate::clock::UtcTime;
use crate::db::schema::idempotency_keys;
use crate::db::{Db, Tx};
use crate::error::{Code, Error, Result};
use crate::ids::AccountId;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use aws_lc_rs::digest;
use diesel::prelude::*;
use serde::Serialize;
use std::future::{Ready, ready};

/// The header, as the caller sent it: 1 to 255 visible characters.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(String);

/// One request of one account, told apart from every other.
#[derive(Debug, Clone)]
pub struct Once {
    account_id: AccountId,
    key: String,
    request_hash: String,
}

/// An answer as it was first given.
#[derive(Debug, Clone)]
pub struct Kept {
    status: u16,
    body: String,
    collection: Option<&'static str>,
}

impl Kept {
    /// Says in `Location` that the thing made stands in this collection, under the `id` in the body: of a replay the same.
    pub fn in_collection(mut self, path: &'static str) -> Self {
        self.collection = Some(path);
        self
    }

    fn location(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(format!("{}/{}", self.collection?, body["id"].as_str()?))
    }
}

impl IdempotencyKey {
    /// Binds the key to an account, an operation and what was sent.
    ///
    /// # Errors
    /// `internal` where the request cannot be written as JSON, which is a defect.
    pub fn bind(&self, account_id: &AccountId, operation: &str, request: &impl Serialize) -> Result<Once> {
        let text = format!("{operation}\n{}", serde_json::to_string(request)?);
        let request_hash = hex::encode(digest::digest(&digest::SHA256, text.as_bytes()));
        Ok(Once { account_id: account_id.clone(), key: self.0.clone(), request_hash })
    }
}

/// Runs `effect` once per key, and keeps its answer.
///
/// # Errors
/// `idempotency-key-reused` where the key came with another request before; else what `effect` returned.
pub fn once<T: Serialize>(
    tx: &mut Tx,
    once: &Once,
    status: u16,
    effect: impl FnOnce(&mut Tx) -> Result<T>,
) -> Result<Kept> {
    if let Some((request_hash, status, body)) = find(tx, once)? {
        if request_hash != once.request_hash {
            return Err(Error::new(
                Code::IdempotencyKeyReused,
                "This key was used for a different request; send a new key, or the same request again.",
            ));
        }
        return Ok(Kept { status: u16::try_from(status).map_err(Error::internal)?, body, collection: None });
    }
    let body = serde_json::to_string(&effect(tx)?)?;
    let now = tx.now();
    diesel::insert_into(idempotency_keys::table)
        .values((
            idempotency_keys::account_id.eq(&once.account_id),
            idempotency_keys::idempotency_key.eq(&once.key),
            idempotency_keys::request_hash.eq(&once.request_hash),
            idempotency_keys::status.eq(i32::from(status)),
            idempotency_keys::body.eq(&body),
            idempotency_keys::created_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(Kept { status, body, collection: None })
}

/// Forgets some of the answers that were kept before an instant; says how many.
///
/// # Errors
/// `internal` where the database fails.
pub fn prune(tx: &mut Tx, before: UtcTime, most: usize) -> Result<usize> {
    let most = i64::try_from(most).map_err(Error::internal)?;
    let old: Vec<(AccountId, String)> = idempotency_keys::table
        .filter(idempotency_keys::created_at.lt(before))
        .select((idempotency_keys::account_id, idempotency_keys::idempotency_key))
        .limit(most)
        .load(&mut **tx)?;
    for (account_id, key) in &old {
        diesel::delete(idempotency_keys::table.find((account_id, key))).execute(&mut **tx)?;
    }
    Ok(old.len())
}

fn find(db: &mut Db, once: &Once) -> Result<Option<(String, i32, String)>> {
    Ok(idempotency_keys::table
        .find((&once.account_id, &once.key))
        .select((idempotency_keys::request_hash, idempotency_keys::status, idempotency_keys::body))
        .first(db)
        .optional()?)
}

impl FromRequest for IdempotencyKey {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let missing = || {
            Error::new(
                Code::IdempotencyKeyMissing,
                "Send an Idempotency-Key header of 1 to 255 visible characters, new for each intention; \
                 sending the same request again with the same key is then harmless.",
            )
        };
        let given = request.headers().get("idempotency-key").and_then(|value| value.to_str().ok());
        ready(match given.map(|key| key.trim_matches('"')) {
            Some(key) if (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) => {
                Ok(IdempotencyKey(key.to_owned()))
            }
            _ => Err(missing()),
        })
    }
}

impl Responder for Kept {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = HttpResponse::build(status);
        if let Some(location) = self.location() {
            response.insert_header((LOCATION, location));
        }
        response.content_type("application/json").body(self.body)
    }
}
