//! The README's story, run as it stands there.

use crate::common::{Backend, TestApp};
use diesel::prelude::*;
use refrain::db::schema::histories;
use refrain::histories::made_up::{Shape, World};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

const README: &str = include_str!("../../README.md");

/// What the story is told to use, and what it gets here instead.
const SERVER: &str = "S=http://127.0.0.1:8080 ";
const DATA: &str = "DATA=refrain-data ";

/// The commands of the section: the second block; the first one starts the server.
fn story() -> &'static str {
    let section = README.split("\n## The story with curl\n").nth(1).expect("the README has the section");
    let block = section.split("\n```sh\n").nth(2).expect("the section has a second block of commands");
    block.split("\n```\n").next().unwrap()
}

/// Waits until what was uploaded is read, as anybody does who sleeps for a minute.
fn wait_until_read(app: &TestApp) {
    let reading = || {
        let count = histories::table.filter(histories::state.eq("reading")).count();
        let count = app.ctx.db.read(move |db| Ok(count.get_result::<i64>(db)?));
        app.block_on(count).unwrap()
    };
    while reading() > 0 {
        std::thread::yield_now();
    }
}

/// Moves the server's clock by as many seconds as the path of each request says, until it is told to stop.
fn sleep_for_the_shell(app: &TestApp, listener: &TcpListener, stop: &AtomicBool) {
    for stream in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut stream = stream.unwrap();
        let head: Vec<String> =
            BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        let seconds = head[0].trim_start_matches("GET /").split(' ').next().unwrap().parse().unwrap();
        wait_until_read(app);
        app.advance_s(seconds);
        stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    }
}

/// Runs the story with a `sleep` that moves the clock instead of waiting, and a `cargo run` that has built already.
fn run(app: &TestApp, directory: &Path) -> Output {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let data_dir = app.ctx.config.data_dir.display();
    for words in [SERVER, DATA] {
        assert!(story().contains(words), "the story begins with {words}");
    }
    let commands = story().replace(SERVER, &format!("S={} ", app.url)).replace(DATA, &format!("DATA='{data_dir}' "));
    let program = env!("CARGO_BIN_EXE_refrain");
    let script =
        format!("sleep() {{ curl -s http://{address}/$1; }}\ncargo() {{ shift 3; '{program}' \"$@\"; }}\n{commands}\n");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| sleep_for_the_shell(app, &listener, &stop));
        let output = Command::new("bash").args(["-eu", "-c", &script]).current_dir(directory).output().unwrap();
        stop.store(true, Ordering::Relaxed);
        drop(std::net::TcpStream::connect(address));
        output
    })
}

#[test]
#[cfg_attr(not(shell), ignore = "bash and curl were not found on PATH")]
fn the_story_with_curl_runs_as_it_stands_in_the_readme() {
    let app = TestApp::start(Backend::Sqlite);
    let directory = tempfile::tempdir().unwrap();
    let export = World::small(3, app.ctx.clock.now()).listener(0).zip(Shape::ExtendedNew);
    std::fs::write(directory.path().join("my_spotify_data.zip"), export).unwrap();
    let operator = refrain::accounts::actions::add_operator(&app.ctx, "you@example.org", "a long password".into());
    app.block_on(operator).unwrap();

    let output = run(&app, directory.path());
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{failed}\n{said}");
    assert!(!said.contains("/docs/problems#"), "{said}");
    assert!(said.contains("Your ballot is in the log as you cast it, and it was counted: yes."), "{said}");
    assert!(said.contains("Invoice "), "{said}");
    let payouts = said.rfind("{\"items\":").map(|at| &said[at..]).expect("the last answer is the member's shares");
    let payouts: Value = serde_json::from_str(payouts).unwrap();
    assert_eq!(payouts["items"][0]["share"]["amount"], 4_950_000, "{payouts}");
    let edition = std::fs::read(directory.path().join("artist_preference.parquet")).unwrap();
    assert!(edition.starts_with(b"PAR1"), "{}", String::from_utf8_lossy(&edition));
}
