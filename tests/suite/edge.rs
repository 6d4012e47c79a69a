//! What holds for every request, whatever it is about.

use crate::common::{Backend, TestApp};
use refrain::routes::operation::Access;
use refrain::routes::operations;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn the_server_says_how_it_is() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    assert_eq!(anyone.get("/healthz").ok()["status"], "ok");
    assert_eq!(anyone.get("/readyz").ok()["status"], "ok");
    let metrics = crate::common::http::Caller::new(&app.metrics_url).get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("refrain_http_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1"));
    anyone.get("/metrics").problem(404, "not-found");
}

#[test]
fn what_is_not_there_is_a_problem_document() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    for path in ["/v1", "/v1/nothing", "/v1/datasets/none", "/%00", "/v1/../etc/passwd"] {
        anyone.get(path).problem(404, "not-found");
    }
}

#[test]
fn methods_that_are_not_there_are_told_which_are() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    let answer = anyone.delete("/healthz");
    answer.problem(405, "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    for method in ["TRACE", "BREW", "OPTIONS"] {
        anyone.send(method, "/healthz", &[], None).problem(405, "method-not-allowed");
    }
    let head = anyone.send("HEAD", "/healthz", &[], None);
    assert_eq!((head.status, head.bytes.len()), (200, 0));
}

#[test]
fn methods_that_callers_make_up_are_counted_as_one() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    for number in 0..20 {
        anyone.send(&format!("BREW{number}"), "/healthz", &[], None).problem(405, "method-not-allowed");
    }
    let metrics = crate::common::http::Caller::new(&app.metrics_url).get("/metrics").text();
    assert!(metrics.contains("refrain_http_requests_total{method=\"_OTHER\",route=\"/healthz\",status=\"405\"} 20"));
    assert!(!metrics.contains("BREW"));
}

#[test]
fn every_read_has_an_etag_and_knows_what_the_caller_has() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    for path in ["/healthz", "/openapi.json", "/v1/datasets", "/v1/pools"] {
        let first = anyone.get(path);
        let etag = first.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{path}: {etag} is not strong");
        let again = anyone.get_with(path, &[("if-none-match", &etag)]);
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{path}");
        assert_eq!(anyone.get_with(path, &[("if-none-match", "\"other\"")]).status, 200, "{path}");
    }
}

#[test]
fn bodies_that_do_not_fit_are_refused_in_words() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    let login = "/v1/sessions";
    let send = |body: &[u8]| anyone.send("POST", login, &[("content-type", "application/json")], Some(body));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("{{\"email\":\"{}\",\"password\":\"x\"}}", "a".repeat(300_000));
    for body in [&b"{"[..], b"", b"\xff", b"nul", b"{\"email\":\"\\ud800\"}", deep.as_bytes(), b"{} {}"] {
        let status = send(body).status;
        assert!(
            status == 400 || status == 422,
            "{status} for {:?}",
            String::from_utf8_lossy(&body[..body.len().min(40)])
        );
    }
    send(long.as_bytes()).problem(413, "payload-too-large");
    send(br#"{"email":"a@b.example","password":"x","role":"operator"}"#).problem(400, "malformed-request");
    send(br#"{"email":"a@b.example","email":"c@d.example","password":"x"}"#).problem(400, "malformed-request");
    send(br#"{"email":1,"password":"x"}"#).problem(422, "invalid");
    anyone.send("POST", login, &[("content-type", "text/plain")], Some(b"{}")).problem(415, "unsupported-media-type");
    anyone.send("POST", login, &[], Some(b"{}")).problem(415, "unsupported-media-type");
    // Nothing at all is as good as an object without members: where something has to be said, it is told what.
    let asked = anyone.send("POST", login, &[], None).problem(422, "invalid");
    assert!(asked["detail"].as_str().unwrap().contains("email"), "{asked}");
}

#[test]
fn requests_that_two_servers_might_read_differently_are_refused() {
    let app = TestApp::start(Backend::Sqlite);
    let address = app.url.trim_start_matches("http://");
    let raw = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    for request in [
        "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /healthz HTTP/9.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = raw(request);
        assert!(answer.starts_with("HTTP/1.1 4"), "{request:?} was answered with {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer:?}");
    }
}

/// The walk over every operation without a token: 401, or on this short list.
#[test]
fn nothing_is_open_that_is_not_meant_to_be() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    let open: BTreeSet<String> = include_str!("open_operations.txt").lines().map(str::to_owned).collect();
    let mut found = BTreeSet::new();
    for operation in operations() {
        let name = format!("{} {}", operation.method, operation.path);
        if operation.access == Access::Anyone {
            found.insert(name);
            continue;
        }
        let path = operation.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        for headers in [&[][..], &[("authorization", "Bearer nonsense")][..], &[("authorization", "Basic eDp5")][..]] {
            let mut all = vec![("content-type", "application/json"), ("idempotency-key", "k")];
            all.extend(headers);
            let body = (operation.method != "GET" && operation.method != "HEAD" && operation.method != "DELETE")
                .then_some(&b"{}"[..]);
            let answer = anyone.send(operation.method.as_str(), &path, &all, body);
            assert_eq!(answer.status, 401, "{name}: {}", answer.text());
            if operation.method != "HEAD" {
                answer.problem(401, "not-authenticated");
            }
        }
    }
    assert_eq!(found, open, "the list of open operations is tests/suite/open_operations.txt");
}

#[test]
fn a_request_keeps_the_id_that_it_came_with() {
    let app = TestApp::start(Backend::Sqlite);
    let anyone = app.anyone();
    let given = anyone.get_with("/healthz", &[("x-request-id", "abc-123")]);
    assert_eq!(given.header("x-request-id"), Some("abc-123"));
    let forged = anyone.get_with("/healthz", &[("x-request-id", "a b;c")]);
    assert!(forged.header("x-request-id").is_some_and(|id| id != "a b;c" && !id.is_empty()));
}
