//! What a server's log says of the requests that it answered.

use crate::common::http::Caller;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// The lines of the real program's log from its start to its end, while `visit` asks things of it.
fn logged(directory: &Path, format: &str, filter: &str, visit: impl FnOnce(&Caller)) -> Vec<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_refrain"))
        .arg("serve")
        .env("REFRAIN_DATA_DIR", directory)
        .env("REFRAIN_SERVER__BIND", "127.0.0.1:0")
        .env("REFRAIN_LOG__FORMAT", format)
        .env("REFRAIN_LOG__FILTER", filter)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| {
        let (_, after) = line.split_once("server.address")?;
        Some(after.trim_start_matches(['=', '"', ':']).split([' ', '"']).next()?.to_owned())
    });
    visit(&Caller::new(&format!("http://{}", address.unwrap())));
    let stopped = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success());
    let rest = lines.collect();
    assert!(child.wait().unwrap().success());
    rest
}

/// The ids of three answers: one of the catalogue made for it, one that was ready, and one that is none.
fn visit(anyone: &Caller, ids: &mut Vec<String>) {
    for (path, status) in [("/v1/datasets", 200), ("/v1/datasets", 200), ("/v1/a%0A%22b%22?token=secret", 404)] {
        let answer = anyone.get(path);
        assert_eq!(answer.status, status);
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }
}

#[test]
fn every_answered_request_leaves_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    let lines = logged(directory.path(), "json", "info", |anyone| visit(anyone, &mut ids));
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered: Vec<&Value> = lines.iter().filter(|line| line["message"] == "answered").collect();
    assert_eq!(answered.iter().map(|line| line["request.id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    for line in &answered[..2] {
        assert_eq!((&line["http.path"], &line["http.route"]), (&"/v1/datasets".into(), &"/v1/datasets".into()));
        assert_eq!(
            (&line["level"], &line["http.method"], &line["http.status"]),
            (&"INFO".into(), &"GET".into(), &200.into())
        );
        assert!(line["http.elapsed_ms"].is_u64() && line["error.code"].is_null() && line["timestamp"].is_string());
    }
    assert_eq!(
        (&answered[2]["http.path"], &answered[2]["error.code"]),
        (&"/v1/a%0A%22b%22".into(), &"not-found".into())
    );

    ids.clear();
    let lines = logged(directory.path(), "pretty", "info", |anyone| visit(anyone, &mut ids));
    let answered: Vec<&String> = lines.iter().filter(|line| line.contains(" answered ")).collect();
    assert_eq!(answered.len(), 3);
    for (line, id) in answered.iter().zip(&ids) {
        assert!(
            line.contains(&format!("Z  INFO answered request.id=\"{id}\" http.method=GET http.path=\"/v1/")),
            "{line}"
        );
    }
    assert!(!lines.iter().any(|line| line.contains("secret")), "{lines:?}");
}

#[test]
fn the_filter_holds_for_answered_requests_too() {
    let directory = tempfile::tempdir().unwrap();
    let filter = "info,refrain::telemetry=warn";
    let lines = logged(directory.path(), "pretty", filter, |anyone| visit(anyone, &mut Vec::new()));
    assert!(!lines.iter().any(|line| line.contains("answered")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("stopping")), "{lines:?}");
}
