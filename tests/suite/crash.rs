//! `kill -9` of a server under writes: what it acknowledged is there when it comes back, and nothing is half.

use crate::common::http::Caller;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

/// Rounds of killing; each is a start, a burst of writes and a kill.
const ROUNDS: usize = 4;
const WRITERS: usize = 8;

struct Server {
    child: Child,
    url: String,
}

fn refrain(directory: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
    command
        .env("REFRAIN_DATA_DIR", directory)
        .env("REFRAIN_SERVER__BIND", "127.0.0.1:0")
        .env("REFRAIN_LOG__FORMAT", "json")
        .env("REFRAIN_LOG__FILTER", "info")
        .env("REFRAIN_AUTH__ARGON2_MEMORY_KIB", "64")
        .env("REFRAIN_AUTH__ARGON2_PASSES", "1")
        .env("REFRAIN_AUTH__REGISTRATIONS", "1000000");
    command
}

/// Starts the program and waits for the log line that names its address.
fn serve(directory: &std::path::Path) -> Server {
    let mut child = refrain(directory).arg("serve").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .find_map(|line| {
            let line: serde_json::Value = serde_json::from_str(&line.unwrap()).ok()?;
            line["server.address"].as_str().map(str::to_owned)
        })
        .expect("the server says where it listens");
    // Whoever stops reading a pipe stops the one who writes into it.
    std::thread::spawn(move || lines.for_each(drop));
    Server { child, url: format!("http://{address}") }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(Vec::<String>::new());
    for round in 0..ROUNDS {
        let mut server = serve(directory.path());
        let url = server.url.clone();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (url, acknowledged) = (url.clone(), &acknowledged);
                scope.spawn(move || write_until_it_dies(&url, round, writer, acknowledged));
            }
            // Long enough for some writes to be answered, whatever the machine: the first ten.
            let before = acknowledged.lock().unwrap().len();
            while acknowledged.lock().unwrap().len() < before + 10 {
                std::thread::yield_now();
            }
            server.child.kill().unwrap();
            server.child.wait().unwrap();
        });
    }
    let server = serve(directory.path());
    let anyone = Caller::new(&server.url);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= ROUNDS * 10);
    for email in &acknowledged {
        let session = anyone.post("/v1/sessions", &json!({"email": email, "password": "correct horse"}));
        assert_eq!(session.status, 201, "{email} was acknowledged and is gone: {}", session.text());
    }
    let mut child = server.child;
    child.kill().unwrap();
    child.wait().unwrap();
    let check = refrain(directory.path()).arg("check").output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

fn write_until_it_dies(url: &str, round: usize, writer: usize, acknowledged: &Mutex<Vec<String>>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent: ureq::Agent = config.into();
    for i in 0.. {
        let email = format!("r{round}-w{writer}-{i}@example.org");
        let body = json!({"email": email, "password": "correct horse"});
        match agent.post(format!("{url}/v1/members")).send_json(&body) {
            Ok(answer) if answer.status() == 201 => acknowledged.lock().unwrap().push(email),
            Ok(answer) => panic!("{}", answer.status()),
            Err(_) => return,
        }
    }
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let second = refrain(directory.path()).arg("serve").output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("Another server runs on"));
    server.child.kill().unwrap();
    server.child.wait().unwrap();
}

#[test]
fn a_stop_signal_ends_the_server_in_good_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    assert_eq!(Caller::new(&server.url).get("/readyz").status, 200);
    let killed = Command::new("kill").arg("-TERM").arg(server.child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn an_operator_is_added_beside_a_running_server() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let mut add = refrain(directory.path());
    let mut child =
        add.args(["operator", "add", "op@example.org"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a long enough password\n").unwrap();
    assert!(child.wait().unwrap().success());
    let body = json!({"email": "op@example.org", "password": "a long enough password"});
    assert_eq!(Caller::new(&server.url).post("/v1/sessions", &body).status, 201);
    server.child.kill().unwrap();
    server.child.wait().unwrap();
}
