//! The demo's view of the server: HTTP and nothing else. Every call can be shown as the curl command
//! that does the same.

use crate::error::{Error, Result};
use serde_json::Value;
use std::time::Duration;

/// Somebody who calls the server, with or without a token.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

/// A body to send.
pub enum Body<'a> {
    /// None.
    Empty,
    /// JSON.
    Json(&'a Value),
    /// A file of a media type.
    File(&'static str, &'a [u8]),
}

impl Client {
    /// A client without a token.
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(300)));
        Client { agent: config.build().into(), base: base.to_owned(), token: None }
    }

    /// The same client with a token.
    pub fn with_token(&self, token: &str) -> Self {
        Client { token: Some(token.to_owned()), ..self.clone() }
    }

    /// GET.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.json("GET", path, &[], Body::Empty)
    }

    /// POST with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json("POST", path, &[], Body::Json(body))
    }

    /// POST with a JSON body and an `Idempotency-Key`.
    pub fn post_once(&self, path: &str, key: &str, body: &Value) -> Result<Value> {
        self.json("POST", path, &[("idempotency-key", key)], Body::Json(body))
    }

    /// PUT with a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.json("PUT", path, &[], Body::Json(body))
    }

    /// POST of a file.
    pub fn upload(&self, path: &str, media_type: &'static str, bytes: &[u8]) -> Result<Value> {
        self.json("POST", path, &[], Body::File(media_type, bytes))
    }

    /// A request whose answer is JSON, or nothing.
    pub fn json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Result<Value> {
        let (_, bytes) = self.send(method, path, headers, body)?;
        if bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&bytes)?) }
    }

    /// A download: the `Repr-Digest` header and the bytes.
    pub fn download(&self, path: &str) -> Result<(Option<String>, Vec<u8>)> {
        self.send("GET", path, &[], Body::Empty)
    }

    /// A download in the media type asked for.
    pub fn download_as(&self, path: &str, media_type: &str) -> Result<(Option<String>, Vec<u8>)> {
        self.send("GET", path, &[("accept", media_type)], Body::Empty)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<(Option<String>, Vec<u8>)> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let sent = match body {
            Body::Empty => self.agent.run(request.body(()).map_err(Error::internal)?),
            Body::Json(value) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(value.to_string().into_bytes()).map_err(Error::internal)?)
            }
            Body::File(media_type, bytes) => {
                self.agent.run(request.header("content-type", media_type).body(bytes).map_err(Error::internal)?)
            }
        };
        let mut response = sent.map_err(|e| Error::internal(format!("{method} {path}: {e}")))?;
        let digest = response.headers().get("repr-digest").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = response.body_mut().with_config().limit(1 << 32).read_to_vec().map_err(Error::internal)?;
        if response.status().is_success() {
            return Ok((digest, bytes));
        }
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let words = problem["detail"].as_str().unwrap_or("no reason was given");
        Err(Error::conflict(format!("{method} {path} answered {}: {words}", response.status())))
    }
}
