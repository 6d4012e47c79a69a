//! A receiver of webhooks on loopback, as a buyer would run one: it keeps what comes, and answers as it is told.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Gone when it is dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    got: Mutex<Vec<Received>>,
    reply: Mutex<Reply>,
    is_closed: Mutex<bool>,
}

#[derive(Clone)]
struct Reply {
    head: String,
    body: String,
    after: Duration,
}

impl Default for Reply {
    fn default() -> Self {
        Reply { head: "204 No Content".into(), body: String::new(), after: Duration::ZERO }
    }
}

/// What came.
#[derive(Debug, Clone)]
pub struct Received {
    pub request: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Receiver {
    pub fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if *known.is_closed.lock().unwrap() {
                    return;
                }
                let known = Arc::clone(&known);
                std::thread::spawn(move || known.take(stream));
            }
        });
        Receiver { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers with this from now on: a status line's end, and more headers below it.
    pub fn answers(&self, head: &str, body: &str) {
        *self.shared.reply.lock().unwrap() = Reply { head: head.into(), body: body.into(), after: Duration::ZERO };
    }

    /// Answers only after a while, from now on.
    pub fn answers_after(&self, after: Duration) {
        self.shared.reply.lock().unwrap().after = after;
    }

    /// What has come so far.
    pub fn got(&self) -> Vec<Received> {
        self.shared.got.lock().unwrap().clone()
    }

    /// What has come since it was asked last.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut *self.shared.got.lock().unwrap())
    }

    /// Waits until so many have come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) {
        for _ in 0..3_000 {
            if self.got().len() >= count {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{count} deliveries were to come, and these did: {:?}", self.got());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        *self.shared.is_closed.lock().unwrap() = true;
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn take(&self, stream: TcpStream) {
        let mut reader = BufReader::new(&stream);
        let mut lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let Some(request) = lines.next() else { return };
        let headers = lines.filter_map(|line| line.split_once(": ").map(|(a, b)| (a.to_lowercase(), b.to_owned())));
        let mut received = Received { request, headers: headers.collect(), body: Vec::new() };
        let length = received.header("content-length").map_or(0, |length| length.parse().unwrap());
        received.body.resize(length, 0);
        if reader.read_exact(&mut received.body).is_err() {
            return;
        }
        let Reply { head, body, after } = self.reply.lock().unwrap().clone();
        self.got.lock().unwrap().push(received);
        std::thread::sleep(after);
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let _ = (&stream).write_all(answer.as_bytes());
    }
}

impl Received {
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn id(&self) -> String {
        self.header("webhook-id").unwrap().to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn event(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// How many of its signatures a secret makes: computed here, from the specification alone.
    pub fn signatures_by(&self, secret: &str) -> usize {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret begins with whsec_")).unwrap();
        assert!((24..=64).contains(&key.len()));
        let signed = [
            self.header("webhook-id").unwrap().as_bytes(),
            self.header("webhook-timestamp").unwrap().as_bytes(),
            &self.body,
        ];
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed.join(&b"."[..]));
        let expected = format!("v1,{}", STANDARD.encode(tag));
        self.signatures().iter().filter(|signature| **signature == expected).count()
    }

    pub fn signatures(&self) -> Vec<&str> {
        self.header("webhook-signature").unwrap().split(' ').collect()
    }
}
