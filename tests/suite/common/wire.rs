//! Bytes on a wire: requests that no well-behaved client sends, or does not send to the end.

use super::TestApp;
use super::http::{Answer, Caller};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A connection on which a test writes what it likes.
pub struct Wire(TcpStream);

impl Wire {
    pub fn to(app: &TestApp) -> Self {
        let stream = TcpStream::connect(app.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Wire(stream)
    }

    /// The beginning of an upload, with the header that says how its body is sent.
    pub fn begin_upload(app: &TestApp, caller: &Caller, framing: &str) -> Self {
        let token = caller.token.as_deref().unwrap();
        Self::to(app).send(
            format!(
                "POST /v1/histories HTTP/1.1\r\nHost: refrain\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/zip\r\n{framing}\r\n\r\n"
            )
            .as_bytes(),
        )
    }

    pub fn send(mut self, bytes: &[u8]) -> Self {
        self.0.write_all(bytes).unwrap();
        self
    }

    /// A piece of a chunked body.
    pub fn chunk(self, bytes: &[u8]) -> Self {
        self.send(format!("{:x}\r\n", bytes.len()).as_bytes()).send(bytes).send(b"\r\n")
    }

    /// Whether an answer has begun to arrive.
    pub fn is_answered(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let answered = self.0.peek(&mut [0]).is_ok();
        self.0.set_nonblocking(false).unwrap();
        answered
    }

    /// Waits for the answer. The body has to have a length, which those of problem documents have.
    pub fn answer(mut self) -> Answer {
        let mut bytes = Vec::new();
        let (head, rest) = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = bytes.split_off(end + 4);
                break (String::from_utf8(bytes).unwrap(), rest);
            }
            let mut piece = [0; 4_096];
            let read = self.0.read(&mut piece).unwrap();
            assert!(read > 0, "the connection ended within {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&piece[..read]);
        };
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut answer = Answer { status, headers, bytes: rest };
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        while answer.bytes.len() < length {
            let mut piece = vec![0; length - answer.bytes.len()];
            let read = self.0.read(&mut piece).unwrap();
            assert!(read > 0, "the connection ended within the body");
            answer.bytes.extend_from_slice(&piece[..read]);
        }
        answer
    }
}
