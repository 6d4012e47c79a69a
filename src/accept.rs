//! Which media types a caller likes to get, and what the caller has already.

use crate::error::{Code, Error, Result};
use actix_web::HttpRequest;
use actix_web::http::header::{self, Header, HeaderValue};
use actix_web::mime::Mime;

/// The media ranges of `Accept`, the best liked first, and none that is refused (RFC 9110, section 12.5.1); `None` where a request
/// says nothing of it.
///
/// # Errors
/// `malformed-request` where the header cannot be read.
pub fn ranges(request: &HttpRequest) -> Result<Option<Vec<Mime>>> {
    if !request.headers().contains_key(header::ACCEPT) {
        return Ok(None);
    }
    let mut accept = header::Accept::parse(request)
        .map_err(|e| Error::new(Code::MalformedRequest, "The Accept header cannot be read.").because(e))?;
    accept.0.retain(|item| item.quality > header::Quality::ZERO);
    Ok(Some(accept.ranked()))
}

/// Whether `If-None-Match` names an ETag (RFC 9110 section 13.1.2; weak ones match by their value).
pub fn matches_etag(if_none_match: Option<&HeaderValue>, etag: &str) -> bool {
    let Some(list) = if_none_match.and_then(|value| value.to_str().ok()) else { return false };
    list.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
