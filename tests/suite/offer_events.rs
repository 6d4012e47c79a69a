//! Following an offer: what a stream of its events tells, to whom, from where on, and when it ends.

use crate::common::actors::offer;
use crate::common::house::copy;
use crate::common::http::Caller;
use crate::common::market::{Market, id, lasting_sessions};
use crate::common::{Backend, TestApp};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::sync::mpsc;
use std::time::{Duration, Instant};

crate::on_both_databases!(
    a_stream_tells_what_happens_until_nothing_can_any_more,
    a_stream_goes_on_after_any_event_on_another_server,
    a_deadline_that_moves_is_told,
);

/// Longer than a server may be silent.
const PATIENCE: Duration = Duration::from_secs(25);

/// One event.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    kind: String,
    id: String,
    data: Value,
}

/// A connection on which events come.
struct Listening {
    status: u16,
    lines: mpsc::Receiver<String>,
}

impl Listening {
    fn to(url: &str, caller: &Caller, offer_id: &str, last: Option<&str>) -> Self {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent
            .get(format!("{url}/v1/offers/{offer_id}/events"))
            .header("authorization", format!("Bearer {}", caller.token.as_deref().unwrap()));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = request.call().unwrap();
        let status = answer.status().as_u16();
        if status == 200 {
            assert_eq!(answer.headers()["content-type"], "text/event-stream");
            assert_eq!(answer.headers()["cache-control"], "private, no-store");
        }
        let (send, lines) = mpsc::sync_channel(0);
        std::thread::spawn(move || {
            for line in BufReader::new(answer.into_body().into_reader()).lines() {
                // Who listens no longer lets go of the connection.
                if send.send(line.expect("a stream ends as it should")).is_err() {
                    return;
                }
            }
        });
        Listening { status, lines }
    }

    /// The next event, past comments; `None` where the stream has ended.
    #[track_caller]
    fn next(&self) -> Option<Event> {
        let (mut kind, mut id, mut data) = (None, None, None);
        loop {
            let line = match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the stream is silent"),
            };
            match line.split_once(": ") {
                Some(("event", text)) => kind = Some(text.to_owned()),
                Some(("id", text)) => id = Some(text.to_owned()),
                Some(("data", text)) => data = Some(serde_json::from_str(text).unwrap()),
                Some(("retry", ms)) => assert!(ms.parse::<u32>().unwrap() >= 1_000),
                Some(("", comment)) => assert_eq!(comment, "still here"),
                _ => assert_eq!(line, ""),
            }
            if let Some(kind) = kind.take_if(|_| line.is_empty()) {
                return Some(Event { kind, id: id.unwrap(), data: data.unwrap() });
            }
        }
    }

    /// So many events more.
    #[track_caller]
    fn take(&self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.next().expect("the stream goes on")).collect()
    }

    /// All that are left.
    #[track_caller]
    fn rest(&self) -> Vec<Event> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

fn follow(market: &Market, offer_id: &str, last: Option<&str>) -> Listening {
    Listening::to(&market.app.url, &market.buyer, offer_id, last)
}

fn states(events: &[Event]) -> Vec<(&str, &str)> {
    events.iter().map(|event| (event.kind.as_str(), event.data["state"].as_str().unwrap())).collect()
}

fn a_stream_tells_what_happens_until_nothing_can_any_more(backend: Backend) {
    let market = Market::open(backend, 3);
    let offer_id = market.place(50_000);
    let listening = follow(&market, &offer_id, None);
    let mut told = listening.take(3);
    assert_eq!(states(&told), [("offer", "opening"), ("offer", "voting"), ("vote", "open")]);
    assert_eq!((&told[2].data["turnout"], &told[2].data["electors"]), (&json!(0), &json!(3)));
    let vote_id = market.vote_id(&offer_id);
    for (member, turnout) in [(0, 1), (1, 2)] {
        market.cast(member, &vote_id, ["yes", "no"][member]).ok();
        let event = listening.next().unwrap();
        assert_eq!((event.kind.as_str(), &event.data["turnout"]), ("vote", &json!(turnout)));
        assert_eq!(
            event.data,
            market.buyer.get(&format!("/v1/offers/{offer_id}")).ok()["vote"],
            "what the offer shows"
        );
        told.push(event);
    }
    market.cast(0, &vote_id, "abstain").ok();
    market.buyer.post(&format!("/v1/offers/{offer_id}/withdraw"), &json!({})).ok();
    let end = listening.rest();
    assert_eq!(states(&end), [("offer", "withdrawn"), ("vote", "void")], "who changes a ballot changes no turnout");
    told.extend(end);
    let shown = market.buyer.get(&format!("/v1/offers/{offer_id}")).ok();
    let lines: Vec<&Value> = told.iter().filter(|event| event.kind == "offer").map(|event| &event.data).collect();
    assert_eq!(json!(lines), shown["timeline"]);
    for event in &told {
        let text = event.data.to_string();
        assert!(
            !["yes\"", "\"no\"", "abstain"].iter().any(|sealed| text.replace("needed_yes\"", "").contains(sealed)),
            "{text}"
        );
    }
    // Whoever comes late is told what has happened, and whoever knows that is told that there is no more.
    let late = follow(&market, &offer_id, None).rest();
    assert_eq!(states(&late), [("offer", "opening"), ("offer", "voting"), ("offer", "withdrawn"), ("vote", "void")]);
    let last = &told.last().unwrap().id;
    assert_eq!(last, &late.last().unwrap().id);
    assert_eq!(follow(&market, &offer_id, Some(last)).status, 204);
    assert_eq!(follow(&market, &offer_id, Some("of another kind")).rest(), late, "a strange id is the beginning");
    let sold = market.sell(50_000);
    let whole = states(&follow(&market, &sold.offer_id, None).rest()).len();
    assert_eq!(whole, 5, "opening, voting, accepted, paid, and the vote");
}

/// A second server on the same database; where there can be only one, one on a copy of it, as after a restart.
fn another_server(backend: Backend, market: &Market, directory: &tempfile::TempDir) -> TestApp {
    let first = &market.app.ctx;
    copy(&first.config.data_dir, directory.path());
    let app = TestApp::start_with(backend, |config| {
        lasting_sessions(config);
        config.data_dir = directory.path().to_owned();
        config.database.url = first.config.database.url.clone();
    });
    let behind_s = first.clock.now().unix_s() - app.ctx.clock.now().unix_s();
    app.ctx.clock.advance_s(behind_s).unwrap();
    app
}

fn a_stream_goes_on_after_any_event_on_another_server(backend: Backend) {
    let market = Market::open(backend, 2);
    let offer_id = market.place(50_000);
    market.cast(0, &market.vote_id(&offer_id), "yes").ok();
    let told = follow(&market, &offer_id, None).take(3);
    let directory = tempfile::tempdir().unwrap();
    let other = another_server(backend, &market, &directory);
    for read in 0..told.len() {
        let listening = Listening::to(&other.url, &market.buyer, &offer_id, Some(&told[read].id));
        let left = told.len() - read - 1;
        assert_eq!(listening.take(left), told[read + 1..], "after {read}");
    }
    // What happens while nobody listens is told to whoever comes back, once.
    let last = &told.last().unwrap().id;
    let buyer = Caller::new(&other.url).with_token(market.buyer.token.as_deref().unwrap());
    buyer.post(&format!("/v1/offers/{offer_id}/withdraw"), &json!({})).ok();
    let rest = Listening::to(&other.url, &market.buyer, &offer_id, Some(last)).rest();
    assert_eq!(states(&rest), [("offer", "withdrawn"), ("vote", "void")]);
}

fn a_deadline_that_moves_is_told(backend: Backend) {
    let rules = crate::common::market::rules(&json!({"quorum_bp": 5_000, "late_quorum_s": 86_400}));
    let market = Market::with(backend, 2, &json!({"pool": {"rules": rules}}));
    let offer_id = market.place(50_000);
    let listening = follow(&market, &offer_id, None);
    let opened = listening.take(3).pop().unwrap();
    market.app.advance_s(3 * 86_400 - 3_600);
    market.cast(0, &market.vote_id(&offer_id), "yes").ok();
    let moved = listening.next().unwrap();
    assert_eq!(moved.data["turnout"], 1);
    assert!(moved.data["closes_at"].as_str() > opened.data["closes_at"].as_str(), "{moved:?}");
}

#[test]
fn a_stream_is_for_the_buyer_of_the_offer_and_they_have_few() {
    let market = Market::open(Backend::Sqlite, 1);
    let offer_id = market.place(50_000);
    let path = format!("/v1/offers/{offer_id}/events");
    market.app.anyone().get(&path).problem(401, "not-authenticated");
    market.operator.get(&path).problem(403, "forbidden");
    market.members[0].get(&path).problem(403, "forbidden");
    market.app.buyer("stranger").get(&path).problem(404, "not-found");
    let head = market.buyer.send("HEAD", &path, &[], None);
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    let mut open: Vec<Listening> = (0..8).map(|_| follow(&market, &offer_id, None)).collect();
    assert!(open.iter().all(|listening| listening.status == 200));
    let refused = market.buyer.get(&path);
    refused.problem(429, "too-many-requests");
    assert!(refused.header("retry-after").is_some());
    // One that was let go of makes room, once the server has found out.
    open.pop();
    let began = Instant::now();
    while follow(&market, &offer_id, None).status != 200 {
        assert!(began.elapsed() < 2 * PATIENCE, "no room was made");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn the_end_of_a_session_and_of_a_server_end_its_streams() {
    let app = TestApp::start(Backend::Sqlite);
    let market = Market::within(app, 1, &json!({}));
    let buyer = market.app.log_in("buyer@northwind.example");
    let other = market.app.log_in("buyer@northwind.example");
    let offered = buyer.post_once("/v1/offers", "a-key", &offer(&market.dataset_id, 50_000)).ok();
    let follow = |caller: &Caller| {
        let listening = Listening::to(&market.app.url, caller, &id(&offered), None);
        listening.take(1);
        listening
    };
    let [ended, lasting] = [follow(&buyer), follow(&other)];
    assert_eq!(buyer.delete("/v1/sessions/current").status, 204);
    assert_eq!(ended.rest(), [], "within a beat");
    assert!(matches!(lasting.lines.try_recv(), Ok(_) | Err(mpsc::TryRecvError::Empty)), "others' sessions go on");
    let began = Instant::now();
    drop(market);
    assert!(began.elapsed() < Duration::from_secs(4), "a stream holds up no stop: {:?}", began.elapsed());
    assert_eq!(lasting.rest(), []);
}
