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
    if request.headers().get_all(header::ACCEPT).all(HeaderValue::is_empty) {
        return Ok(None);
    }
    let mut accept = header::Accept::parse(request)
        .map_err(|e| Error::new(Code::MalformedRequest, "The Accept header cannot be read.").because(e))?;
    accept.0.retain(|item| item.quality > header::Quality::ZERO);
    Ok(Some(accept.ranked()))
}

/// Whether the lines of `If-None-Match` name an ETag (RFC 9110, section 13.1.2: a weak one compares equal here).
pub fn matches_etag<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>, etag: &[u8]) -> bool {
    let lists = lines.into_iter().filter_map(|line| line.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag)
}
