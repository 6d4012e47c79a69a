//! The heads of a download's answers.

use super::actions::{Answer, tag};
use crate::datasets::model::EditionFile;
use crate::error::{Code, Error, Result};
use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use futures_util::stream;

/// RFC 9530: the digest of the whole file, the same on every part of it.
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// The answer over HTTP.
///
/// # Errors
/// `internal` where the stored digest is damaged.
pub fn response(file: &EditionFile, answer: Answer) -> Result<HttpResponse> {
    let length_bytes = file.size_bytes.unsigned_abs();
    match answer {
        Answer::Content { part, bytes } => {
            let (status, size_bytes) = match &part {
                Some(part) => (StatusCode::PARTIAL_CONTENT, part.end - part.start),
                None => (StatusCode::OK, length_bytes),
            };
            let mut head = head(file, status)?;
            head.content_type(file.media_type.as_str());
            head.insert_header((header::CONTENT_DISPOSITION, disposition(&file.name)));
            if let Some(part) = part {
                let range = format!("bytes {}-{}/{length_bytes}", part.start, part.end - 1);
                head.insert_header((header::CONTENT_RANGE, range));
            }
            let bytes = bytes.unwrap_or_else(|| stream::empty().boxed());
            Ok(head.body(SizedStream::new(size_bytes, bytes)))
        }
        Answer::Elsewhere(url) => {
            // Nothing of the file's head: the store's answer has a head of its own. No proxy keeps where it is today.
            let mut head = HttpResponse::build(StatusCode::TEMPORARY_REDIRECT);
            head.insert_header((header::LOCATION, url)).insert_header((header::CACHE_CONTROL, "private, no-store"));
            Ok(head.finish())
        }
        Answer::Unchanged => Ok(head(file, StatusCode::NOT_MODIFIED)?.finish()),
        Answer::Stale => Ok(Error::new(Code::PreconditionFailed, "Begin the download anew.").error_response()),
        Answer::Outside => {
            let detail = format!("The file has {length_bytes} bytes; ask for some of those, or for all.");
            let mut refused = Error::new(Code::RangeNotSatisfiable, detail).error_response();
            let range = header::HeaderValue::from_str(&format!("bytes */{length_bytes}")).map_err(Error::internal)?;
            refused.headers_mut().insert(header::CONTENT_RANGE, range);
            Ok(refused)
        }
    }
}

/// What stands on every answer that stands for the file. A proxy keeps no copy of it, and nothing on
/// the way may encode it anew: the digest is that of the bytes as they are.
fn head(file: &EditionFile, status: StatusCode) -> Result<HttpResponseBuilder> {
    let digest = STANDARD.encode(hex::decode(&file.sha256).map_err(Error::internal)?);
    let mut head = HttpResponse::build(status);
    head.insert_header((header::ETAG, tag(file)))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, no-store, no-transform"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REPR_DIGEST, format!("sha-256=:{digest}:")));
    Ok(head)
}

/// The name to save a file under (RFC 6266): quoted for every client, and in UTF-8 (RFC 8187) where
/// the name is more than plain ASCII.
fn disposition(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\' && c != '%' || c == ' ';
    let quoted: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    if quoted == name {
        return format!("attachment; filename=\"{quoted}\"");
    }
    let encoded: String = name
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(b).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{quoted}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::EditionId;

    fn file() -> EditionFile {
        EditionFile {
            edition_id: EditionId::parse("edition_01jd2k8m0wfv9s3x6q4r7t5y2z").unwrap(),
            name: "artists.parquet".into(),
            object_key: "editions/x".into(),
            media_type: "application/vnd.apache.parquet".into(),
            size_bytes: 10,
            sha256: "00".repeat(32),
        }
    }

    fn value<'a>(response: &'a HttpResponse, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn a_part_says_which_and_carries_the_digest_of_the_whole() {
        let part = response(&file(), Answer::Content { part: Some(3..5), bytes: None }).unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(value(&part, "content-range"), "bytes 3-4/10");
        let whole = response(&file(), Answer::Content { part: None, bytes: None }).unwrap();
        assert_eq!(whole.status(), 200);
        assert_eq!(value(&whole, "content-range"), "");
        for both in [&part, &whole] {
            assert_eq!(value(both, "repr-digest"), format!("sha-256=:{}=:", "A".repeat(43)));
            assert_eq!(value(both, "etag"), format!("\"{}\"", "00".repeat(32)));
            assert_eq!(value(both, "content-disposition"), "attachment; filename=\"artists.parquet\"");
            assert!(value(both, "cache-control").starts_with("private, no-store"));
            assert_eq!(value(both, "x-content-type-options"), "nosniff");
            assert_eq!(value(both, "content-encoding"), "");
        }
    }

    #[test]
    fn refusals_are_problems_and_say_how_long_the_file_is() {
        let outside = response(&file(), Answer::Outside).unwrap();
        assert_eq!((outside.status().as_u16(), value(&outside, "content-range")), (416, "bytes */10"));
        assert_eq!(value(&outside, "content-type"), "application/problem+json");
        assert_eq!(response(&file(), Answer::Stale).unwrap().status(), 412);
        let unchanged = response(&file(), Answer::Unchanged).unwrap();
        assert_eq!((unchanged.status().as_u16(), value(&unchanged, "etag").len()), (304, 66));
    }

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        assert_eq!(disposition("a b.csv"), "attachment; filename=\"a b.csv\"");
        let hostile = disposition("a\"; x=\"\r\nb.csv");
        assert_eq!(hostile, "attachment; filename=\"a_; x=___b.csv\"; filename*=UTF-8''a%22%3B%20x%3D%22%0D%0Ab.csv");
        assert_eq!(disposition("naïve.csv"), "attachment; filename=\"na_ve.csv\"; filename*=UTF-8''na%C3%AFve.csv");
    }
}
