//! The demo's view of the server: HTTP and nothing else.

use super::call::{Body, Call};
use crate::error::{Error, Result};
use serde_json::Value;
use std::time::Duration;

/// Somebody who calls the server, with or without a token.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
    /// The shell variable that holds the token in the commands that are shown.
    who: Option<&'static str>,
}

/// What came back: the body, and its digest as the server says it.
pub struct Answer {
    /// The `Repr-Digest` header.
    pub digest: Option<String>,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where there is none.
    pub fn json(&self) -> Result<Value> {
        if self.bytes.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(&self.bytes)?) }
    }
}

impl Client {
    /// A client without a token.
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(300)));
        Client { agent: config.build().into(), base: base.to_owned(), token: None, who: None }
    }

    /// The same client with the token of somebody.
    pub fn with_token(&self, who: &'static str, token: &str) -> Self {
        Client { token: Some(token.to_owned()), who: Some(who), ..self.clone() }
    }

    /// The shell variable with the token, if there is one.
    pub fn who(&self) -> Option<&'static str> {
        self.who
    }

    /// Makes a call whose answer is JSON, or nothing.
    pub fn ask(&self, call: &Call) -> Result<Value> {
        self.send(call)?.json()
    }

    /// Makes a call.
    ///
    /// # Errors
    /// `conflict` with the server's words where it refused.
    pub fn send(&self, call: &Call) -> Result<Answer> {
        let Call { method, path, .. } = call;
        let mut request = ureq::http::Request::builder().method(*method).uri(format!("{}{path}", self.base));
        for (name, value) in &call.headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let sent = match call.body {
            Body::Empty => self.agent.run(request.body(()).map_err(Error::internal)?),
            Body::Json(value) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(value.to_string().into_bytes()).map_err(Error::internal)?)
            }
            Body::Zip(bytes, _) => {
                self.agent.run(request.header("content-type", "application/zip").body(bytes).map_err(Error::internal)?)
            }
        };
        let mut response = sent.map_err(|e| Error::internal(format!("{method} {path}: {e}")))?;
        let digest = response.headers().get("repr-digest").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = response.body_mut().with_config().limit(1 << 32).read_to_vec().map_err(Error::internal)?;
        if response.status().is_success() {
            return Ok(Answer { digest, bytes });
        }
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let words = problem["detail"].as_str().unwrap_or("no reason was given");
        Err(Error::conflict(format!("{method} {path} answered {}: {words}", response.status())))
    }
}
