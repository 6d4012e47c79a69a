//! Queries of requests: read strictly, and refused in words that callers understand.
//!
//! A name that nothing is called by is refused: a filter that was misspelt would else be none, and the answer all there is.

use crate::error::{Code, Error, Result};
use crate::text::of_queries;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};
use std::ops::Deref;

/// Of a longer query a problem tells so many characters.
const TOLD_CHARS_MAX: usize = 100;

/// What stands behind the question mark, as one of our types. Where an operation takes several, each has its part of it.
#[derive(Debug)]
pub struct Query<T>(T);

/// The names that are known at an address: what its operations take, all together.
#[derive(Debug, Clone)]
pub struct QueryNames(pub Vec<String>);

impl<T> Query<T> {
    /// What was asked.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (query, names) = (request.query_string(), request.app_data::<QueryNames>());
        ready(read(query, names.map_or(&[], |names| names.0.as_slice())).map(Query))
    }
}

fn read<T: DeserializeOwned>(query: &str, known: &[String]) -> Result<T> {
    if !query.is_empty() {
        let pairs: Vec<(String, String)> = parts(query)?;
        if let Some((unknown, _)) = pairs.iter().find(|(name, _)| !known.contains(name)) {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            return Err(refused(query, &format!("nothing is called `{unknown}` here; there are {}", known.join(", "))));
        }
    }
    parts(query)
}

fn parts<T: DeserializeOwned>(query: &str) -> Result<T> {
    let read = web::Query::from_query(query).map(web::Query::into_inner);
    read.map_err(|cause| refused(query, &of_queries(&cause.to_string())))
}

/// The library never says where it failed: the query is told with it.
fn refused(query: &str, why: &str) -> Error {
    let told = query.char_indices().nth(TOLD_CHARS_MAX).map_or(query, |(end, _)| &query[..end]);
    Error::new(Code::MalformedRequest, format!("The query `{told}` cannot be read: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Asked {
        limit: Option<i64>,
        state: Option<String>,
    }

    fn asked(query: &str) -> Result<Asked> {
        read(query, &["limit", "state", "cursor"].map(str::to_owned))
    }

    #[test]
    fn what_is_known_is_read() {
        assert_eq!(asked("").unwrap(), Asked::default());
        let both = Asked { limit: Some(2), state: Some("a b".into()) };
        assert_eq!(asked("limit=2&cursor=x&state=a%20b").unwrap(), both, "the cursor is somebody else's part");
    }

    #[test]
    fn what_is_not_is_refused_in_words() {
        for (query, words) in [
            ("stat=open", "nothing is called `stat` here; there are `limit`, `state`, `cursor`"),
            ("limit=2&LIMIT=3", "nothing is called `LIMIT` here"),
            ("limit=2&limit=3", "`limit` is given more than once"),
            ("limit=two", "The query `limit=two` cannot be read: a whole number is wanted."),
            ("limit", "a whole number is wanted"),
            ("=1", "nothing is called `` here"),
        ] {
            let error = asked(query).unwrap_err();
            assert_eq!(error.code(), Code::MalformedRequest);
            assert!(error.detail().contains(words), "{query}: {}", error.detail());
        }
        let long = asked(&format!("limit={}", "é".repeat(200))).unwrap_err();
        assert!(long.detail().chars().count() < 2 * TOLD_CHARS_MAX, "{}", long.detail());
    }
}
