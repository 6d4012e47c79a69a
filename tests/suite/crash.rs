//! `kill -9` of a server under writes: what it acknowledged is there when it comes back, and nothing is half.

use crate::common::Backend;
use crate::common::house::copy;
use crate::common::http::Caller;
use crate::common::market::{COST_NANO, Market, id, items, revealing};
use aws_lc_rs::digest;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// Rounds of killing; each is a start, a burst of writes and a kill.
const ROUNDS: usize = 4;
const WRITERS: usize = 8;

/// The real program, as a process of its own.
pub struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// As the kernel does it: without a word.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refrain(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
    command
        .env("REFRAIN_DATA_DIR", directory)
        .env("REFRAIN_SERVER__BIND", "127.0.0.1:0")
        .env("REFRAIN_LOG__FORMAT", "json")
        .env("REFRAIN_LOG__FILTER", "info")
        .env("REFRAIN_AUTH__ARGON2_MEMORY_KIB", "64")
        .env("REFRAIN_AUTH__ARGON2_PASSES", "1")
        .env("REFRAIN_AUTH__REGISTRATIONS", "1000000")
        .env("REFRAIN_WEBHOOKS__ALLOW_PRIVATE", "true")
        // So that nobody waits long for the work of a server that was killed.
        .env("REFRAIN_JOBS__LEASE_S", "2")
        .env("REFRAIN_JOBS__POLL_MS", "100");
    command
}

/// Starts the program and waits for the log line that names its address.
pub fn serve(directory: &Path) -> Server {
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
            server.kill();
        });
    }
    let mut server = serve(directory.path());
    let anyone = Caller::new(&server.url);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= ROUNDS * 10);
    for email in &acknowledged {
        let session = anyone.post("/v1/sessions", &json!({"email": email, "password": "correct horse"}));
        assert_eq!(session.status, 201, "{email} was acknowledged and is gone: {}", session.text());
    }
    server.kill();
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
    server.kill();
}

/// Has the server stop in good order.
fn stop(server: &mut Server) {
    let killed = Command::new("kill").arg("-TERM").arg(server.child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn a_stop_signal_ends_the_server_in_good_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    assert_eq!(Caller::new(&server.url).get("/readyz").status, 200);
    stop(&mut server);
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
    server.kill();
}

/// Stored files of editions.
fn edition_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.join("files/editions")];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let to = if entry.path().is_dir() { &mut open } else { &mut found };
            to.push(entry.path());
        }
    }
    found
}

/// A sale that is paid, whose edition the next server that runs will draw; who sees it, and where.
struct Due {
    market: Market,
    licence: String,
}

impl Due {
    fn new() -> Due {
        let market = Market::with(Backend::Sqlite, 8, &json!({"recipe": revealing(), "dataset": {"rows_promised": 3}}));
        let offer = market.send(&market.buyer, &market.asks(50_000, &json!({"period_days": 365}))).ok();
        market.app.run_jobs();
        let purchase = market.settle(&market.accept(&id(&offer)));
        let licence = purchase["licence_id"].as_str().unwrap().to_owned();
        Due { market, licence }
    }

    /// What the buyer sees on another server: the licence, and the files' digests once they can be had, after a look at each.
    fn seen(&self, url: &str) -> (Value, BTreeSet<String>) {
        let buyer = Caller::new(url).with_token(self.market.buyer.token.as_deref().unwrap());
        let licence = || buyer.get(&format!("/v1/licences/{}", self.licence)).ok();
        let base = format!("/v1/licences/{}/files", self.licence);
        let files = buyer.get(&base);
        if files.status != 200 {
            files.problem(409, "licence-preparing");
            return (licence(), BTreeSet::new());
        }
        let read = |file: Value| {
            let content = buyer.get(&format!("{base}/{}", file["name"].as_str().unwrap())).bytes;
            let sha256 = hex::encode(digest::digest(&digest::SHA256, &content));
            assert_eq!(file["sha256"], sha256);
            sha256
        };
        (licence(), items(&files.ok()).into_iter().map(read).collect())
    }

    /// What the pool's budget has reserved and spent on another server.
    fn budget(&self, url: &str) -> (i64, i64) {
        let budget = Caller::new(url).get(&format!("/v1/pools/{}", self.market.pool_id)).ok()["budget"].clone();
        (budget["reserved"]["rho_nano"].as_i64().unwrap(), budget["spent"]["rho_nano"].as_i64().unwrap())
    }
}

/// The steps of a draw that can be told from outside, in their order; each is the moment at which the server is killed.
const MOMENTS: [&str; 5] = ["serving", "reading", "one file", "all files", "active"];

#[test]
fn dp10_a_kill_at_any_step_of_a_draw_leaves_one_draw_and_one_debit() {
    let due = Due::new();
    for moment in MOMENTS {
        let directory = tempfile::tempdir().unwrap();
        copy(&due.market.app.ctx.config.data_dir, directory.path());
        let mut server = serve(directory.path());
        let has_come = || match moment {
            "serving" => true,
            "reading" => directory.path().join("spill").exists() || !edition_files(directory.path()).is_empty(),
            "one file" => !edition_files(directory.path()).is_empty(),
            "all files" => edition_files(directory.path()).len() >= 4,
            _ => !due.seen(&server.url).1.is_empty(),
        };
        while !has_come() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let before = (moment == "active").then(|| due.seen(&server.url).1);
        server.kill();

        let mut server = serve(directory.path());
        let (licence, files) = loop {
            let (licence, files) = due.seen(&server.url);
            let budget = due.budget(&server.url);
            assert!([(5 * COST_NANO, 0), (0, 5 * COST_NANO)].contains(&budget), "{moment}: {budget:?}");
            if !files.is_empty() {
                break (licence, files);
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!((files.len(), due.budget(&server.url)), (4, (0, 5 * COST_NANO)), "{moment}: {licence}");
        assert!(before.is_none_or(|before| before == files), "{moment}: what was published is not drawn again");
        stop(&mut server);
        assert_eq!(edition_files(directory.path()).len(), 4, "{moment}: nothing is left of the draw that was killed");
        let check = refrain(directory.path()).arg("check").output().unwrap();
        assert!(check.status.success(), "{moment}: {}", String::from_utf8_lossy(&check.stdout));
    }
}

#[test]
fn dp10_a_kill_while_budget_is_reserved_leaves_each_offer_with_its_part() {
    let market = Market::open(Backend::Sqlite, 1);
    let directory = tempfile::tempdir().unwrap();
    copy(&market.app.ctx.config.data_dir, directory.path());
    let body = market.asks(50_000, &json!({}));
    let acknowledged = Mutex::new(BTreeSet::<String>::new());
    for round in 0..2 {
        let mut server = serve(directory.path());
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (buyer, url, body, acknowledged) = (&market.buyer, &server.url, &body, &acknowledged);
                scope.spawn(move || {
                    let offer = ureq::post(format!("{url}/v1/offers"))
                        .header("authorization", format!("Bearer {}", buyer.token.as_deref().unwrap()))
                        .header("idempotency-key", format!("r{round}-w{writer}"));
                    let answer = offer.send_json(body).and_then(|mut answer| answer.body_mut().read_json::<Value>());
                    acknowledged.lock().unwrap().extend(answer.ok().map(|offer| id(&offer)));
                });
            }
            let before = acknowledged.lock().unwrap().len();
            while acknowledged.lock().unwrap().len() < before + 2 {
                std::thread::yield_now();
            }
            server.child.kill().unwrap();
            server.child.wait().unwrap();
        });
    }
    let mut server = serve(directory.path());
    let buyer = Caller::new(&server.url).with_token(market.buyer.token.as_deref().unwrap());
    let offers: BTreeSet<String> = items(&buyer.get("/v1/offers?limit=100").ok()).iter().map(id).collect();
    assert!(offers.is_superset(&acknowledged.into_inner().unwrap()), "what was acknowledged is there");
    let budget = buyer.get(&format!("/v1/pools/{}", market.pool_id)).ok()["budget"].clone();
    assert_eq!(budget["reserved"]["rho_nano"], offers.len() as i64 * COST_NANO);
    server.kill();
    let check = refrain(directory.path()).arg("check").output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}
