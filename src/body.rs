//! JSON bodies of requests: read strictly, and refused in words that callers understand.
//!
//! Unknown and repeated members are refused by the types themselves (`deny_unknown_fields`); a body that
//! is no object is refused here, as it would else be taken member by member in the order of a declaration.

use crate::error::{Code, Error, Result};
use crate::text::without_types;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use std::ops::Deref;

/// A request's JSON object as one of our types.
#[derive(Debug)]
pub struct Body<T>(T);

impl<T> Body<T> {
    /// What was sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Body<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request.content_type().eq_ignore_ascii_case("application/json");
        let says_nothing = request.content_type().is_empty();
        let bytes = Bytes::from_request(request, payload);
        async move {
            let refused = Error::new(Code::UnsupportedMediaType, "Send the body as application/json.");
            if !is_json && !says_nothing {
                return Err(refused);
            }
            match &bytes.await.map_err(|error| unread(&error))?[..] {
                // Whoever sends nothing says nothing of anything that may be said.
                [] => read(b"{}").map(Body),
                _ if says_nothing => Err(refused),
                bytes => read(bytes).map(Body),
            }
        }
        .boxed_local()
    }
}

fn unread(error: &actix_web::Error) -> Error {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => Error::new(Code::PayloadTooLarge, "The body is larger than is taken here."),
        _ => Error::new(Code::MalformedRequest, "The body broke off; send it again."),
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| b"[\"tfn-0123456789".contains(first)) {
        return Err(Error::new(Code::MalformedRequest, "The body is a JSON object: {\"name\": value, …}."));
    }
    serde_json::from_slice(bytes).map_err(|cause| {
        // A word of a list that is no text at all counts as bad JSON with the library; what reads as JSON is not.
        let is_json = cause.is_data() || serde_json::from_slice::<serde_json::Value>(bytes).is_ok();
        let words = if is_json { without_types(&cause.to_string()) } else { cause.to_string() };
        let is_shape = ["unknown field", "duplicate field"].iter().any(|known| words.contains(known));
        if is_json && !is_shape {
            Error::invalid(format!("The body does not fit: {words}."))
        } else {
            Error::new(Code::MalformedRequest, format!("The body cannot be read: {words}."))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: i64,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    enum Word {
        #[serde(rename = "yes")]
        Yes,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        inner: Inner,
        word: Option<Word>,
    }

    fn refused(body: &str) -> (Code, String) {
        let error = read::<Outer>(body.as_bytes()).unwrap_err();
        (error.code(), error.detail().to_owned())
    }

    #[test]
    fn only_objects_are_taken() {
        assert_eq!(read::<Inner>(b" \n{\"count\":1}").unwrap(), Inner { count: 1 });
        for body in ["[1]", " [\"a\",[1]]", "\"a\"", "1", "-1", "true", "null"] {
            let (code, words) = refused(body);
            assert_eq!(code, Code::MalformedRequest, "{body}");
            assert!(words.contains("a JSON object"), "{words}");
        }
    }

    #[test]
    fn refusals_name_what_is_wrong_and_no_type_of_ours() {
        for (body, code, says) in [
            ("", Code::MalformedRequest, "EOF"),
            ("{", Code::MalformedRequest, "EOF"),
            ("{\"name\":\"a\",\"inner\":{\"count\":1},\"more\":1}", Code::MalformedRequest, "unknown field `more`"),
            ("{\"name\":\"a\",\"name\":\"b\"}", Code::MalformedRequest, "duplicate field `name`"),
            ("{\"name\":\"a\"}", Code::Invalid, "missing field `inner`"),
            ("{\"name\":1}", Code::Invalid, "expected a string"),
            ("{\"name\":\"a\",\"inner\":{\"count\":\"1\"}}", Code::Invalid, "expected a whole number at line 1"),
            ("{\"name\":\"a\",\"inner\":7}", Code::Invalid, "expected an object at line 1"),
            ("{\"word\":\"no\"}", Code::Invalid, "unknown variant `no`, expected `yes`"),
            ("{\"word\":1}", Code::Invalid, "expected a value of another kind at line 1"),
            ("{\"word\":}", Code::MalformedRequest, "expected value at line 1"),
            ("{\"name\":\"\\ud800\"}", Code::MalformedRequest, "line 1"),
        ] {
            let (is, words) = refused(body);
            assert_eq!(is, code, "{body}: {words}");
            assert!(words.contains(says), "{body}: {words}");
            assert!(!words.contains("struct"), "{words}");
        }
    }
}
