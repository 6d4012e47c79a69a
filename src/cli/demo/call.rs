//! One call of the story: what is sent, and the curl command that does the very same.

use serde_json::Value;

/// What the commands take the access token from an answer with: no more than a new machine has.
pub const TOKEN_FUNCTION: &str = r#"token() { sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'; }"#;

/// A request.
pub struct Call<'a> {
    /// Its method.
    pub method: &'static str,
    /// Its path, with a query.
    pub path: String,
    /// Its headers besides those that follow from the body and the token.
    pub headers: Vec<(&'static str, &'a str)>,
    /// Its body.
    pub body: Body<'a>,
    /// The file into which the command writes the answer; on the screen if there is none.
    pub into_file: Option<&'a str>,
}

/// A body to send.
pub enum Body<'a> {
    /// None.
    Empty,
    /// JSON.
    Json(&'a Value),
    /// A zip archive, and the path where the command finds it.
    Zip(&'a [u8], &'a str),
}

impl<'a> Call<'a> {
    /// GET.
    pub fn get(path: impl Into<String>) -> Self {
        Call::new("GET", path, Body::Empty)
    }

    /// POST with a JSON body.
    pub fn post(path: impl Into<String>, body: &'a Value) -> Self {
        Call::new("POST", path, Body::Json(body))
    }

    /// PUT with a JSON body.
    pub fn put(path: impl Into<String>, body: &'a Value) -> Self {
        Call::new("PUT", path, Body::Json(body))
    }

    /// Any other.
    pub fn new(method: &'static str, path: impl Into<String>, body: Body<'a>) -> Self {
        Call { method, path: path.into(), headers: Vec::new(), body, into_file: None }
    }

    /// The same with a header more.
    pub fn with(mut self, name: &'static str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with the answer in a file.
    pub fn into_file(self, name: &'a str) -> Self {
        Call { into_file: Some(name), ..self }
    }

    /// The command for a POSIX shell in which `$S` is the server and `$WHO` is the access token of whoever calls.
    pub fn command(&self, who: Option<&str>) -> String {
        let mut words = String::from("curl -s");
        // curl makes a POST of what has a body by itself.
        if !matches!((self.method, &self.body), ("GET", _) | ("POST", Body::Json(_) | Body::Zip(..))) {
            words += &format!(" -X {}", self.method);
        }
        words += &format!(" \"$S{}\"", self.path);
        if let Some(who) = who {
            words += &format!(" -H \"Authorization: Bearer ${who}\"");
        }
        for (name, value) in &self.headers {
            words += &format!(" -H '{name}: {value}'");
        }
        match self.body {
            Body::Empty => {}
            Body::Json(json) => {
                let text = json.to_string().replace('\'', r"'\''");
                words += &format!(" -H 'Content-Type: application/json' -d '{text}'");
            }
            Body::Zip(_, file) => words += &format!(" -H 'Content-Type: application/zip' --data-binary '@{file}'"),
        }
        if let Some(file) = self.into_file {
            words += &format!(" -o {file}");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn commands_say_all_that_is_sent() {
        let body = json!({"name": "Ada's"});
        let quoted = r#"-H 'Content-Type: application/json' -d '{"name":"Ada'\''s"}'"#;
        let once = Call::post("/v1/offers", &body).with("Idempotency-Key", "k-1");
        let words = r#"curl -s "$S/v1/offers" -H "Authorization: Bearer $BUYER" -H 'Idempotency-Key: k-1' "#;
        assert_eq!(once.command(Some("BUYER")), format!("{words}{quoted}"));
        assert_eq!(Call::put("/a", &body).command(None), format!(r#"curl -s -X PUT "$S/a" {quoted}"#));
        let bare = Call::new("POST", "/a", Body::Empty).command(None);
        assert_eq!(bare, r#"curl -s -X POST "$S/a""#);
        let found = Call::get("/a?q=b").into_file("b.csv").command(None);
        assert_eq!(found, r#"curl -s "$S/a?q=b" -o b.csv"#);
        let sent = Call::new("POST", "/a", Body::Zip(b"", "/tmp/my data.zip")).command(None);
        assert_eq!(sent, r#"curl -s "$S/a" -H 'Content-Type: application/zip' --data-binary '@/tmp/my data.zip'"#);
    }
}
