//! The line that every answered request leaves in the log.
//!
//! Every request pays for it, so it is written straight to where lines are gathered. It reads like every other event of the
//! log, of which a test makes sure; where the log goes to a terminal, in colours, it is one.

use super::lines::Lines;
use crate::config::LogFormat;
use chrono::DateTime;
use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is told of a request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    pub id: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    /// The pattern of the path.
    pub route: &'a str,
    pub elapsed_ms: u64,
    /// Of a failure its code.
    pub code: Option<&'a str>,
}

/// Where lines are gathered, and in which form; nothing where no log was started, or one with colours.
static PLACE: OnceLock<(Lines, LogFormat)> = OnceLock::new();

/// From now on lines go there.
pub fn start(lines: Lines, format: LogFormat) {
    let _ = PLACE.set((lines, format)); // the first log of a process is its only one
}

impl Answered<'_> {
    /// Leaves the line, where the log's filter lets it through.
    pub fn log(&self) {
        match PLACE.get() {
            None => self.log_as_event(),
            Some((lines, format)) if tracing::enabled!(tracing::Level::INFO) => {
                lines.push(false, |line| self.push(line, *format, now()));
            }
            Some(_) => (),
        }
    }

    fn log_as_event(&self) {
        tracing::info!(
            request.id = self.id,
            http.method = %self.method,
            http.path = self.path,
            http.status = self.status,
            http.route = self.route,
            http.elapsed_ms = self.elapsed_ms,
            error.code = self.code,
            "answered"
        );
    }

    fn push(&self, line: &mut Vec<u8>, format: LogFormat, time: SystemTime) {
        let (mut status, mut elapsed_ms) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (status, elapsed_ms) = (status.format(self.status), elapsed_ms.format(self.elapsed_ms));
        // The path is the caller's; in all the rest there is no character that would have to be escaped.
        match format {
            LogFormat::Pretty => {
                put_time(line, time);
                put(line, &["  INFO answered request.id=\"", self.id, "\" http.method=", self.method, " http.path="]);
                put_quoted(line, self.path);
                put(line, &[" http.status=", status, " http.route=\"", self.route, "\" http.elapsed_ms=", elapsed_ms]);
                if let Some(code) = self.code {
                    put(line, &[" error.code=\"", code, "\""]);
                }
                put(line, &["\n"]);
            }
            LogFormat::Json => {
                put(line, &["{\"timestamp\":\""]);
                put_time(line, time);
                put(line, &["\",\"level\":\"INFO\",\"message\":\"answered\",\"request.id\":\"", self.id]);
                put(line, &["\",\"http.method\":\"", self.method, "\",\"http.path\":"]);
                put_json(line, self.path);
                put(line, &[",\"http.status\":", status, ",\"http.route\":\"", self.route]);
                put(line, &["\",\"http.elapsed_ms\":", elapsed_ms]);
                if let Some(code) = self.code {
                    put(line, &[",\"error.code\":\"", code, "\""]);
                }
                put(line, &[",\"target\":\"", module_path!(), "\"}\n"]);
            }
        }
    }
}

fn put(line: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| line.extend_from_slice(part.as_bytes()));
}

/// A text in quotes.
fn put_quoted(line: &mut Vec<u8>, text: &str) {
    let is_plain = |byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    match text.bytes().all(is_plain) {
        true => put(line, &["\"", text, "\""]),
        false => put(line, &[&format!("{text:?}")]),
    }
}

fn put_json(line: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(line, text); // neither a text nor memory fails
}

#[expect(clippy::disallowed_methods, reason = "the log tells when something really happened")]
fn now() -> SystemTime {
    SystemTime::now()
}

thread_local! {
    /// A second since 1970, and how it is written.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// A time as RFC 3339 has it, in UTC, to the microsecond.
fn put_time(line: &mut Vec<u8>, time: SystemTime) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, written)| {
        if *second != since.as_secs() || written.is_empty() {
            let calendar = i64::try_from(since.as_secs()).ok().and_then(|second| DateTime::from_timestamp(second, 0));
            *written = calendar.unwrap_or_default().format("%Y-%m-%dT%H:%M:%S.").to_string();
            *second = since.as_secs();
        }
        put(line, &[written]);
    });
    let with_noughts = 1_000_000 + since.subsec_micros();
    put(line, &[&itoa::Buffer::new().format(with_noughts)[1..], "Z"]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ANSWERED: Answered<'static> = Answered {
        id: "1ccbe3a90c0333928f110517",
        method: "GET",
        path: "/v1/datasets",
        status: 200,
        route: "/v1/datasets",
        elapsed_ms: 0,
        code: None,
    };

    /// The line as any event is written, and as it is written here, without their times.
    fn both(answered: Answered<'_>, format: LogFormat) -> (String, String) {
        let lines = Lines::to(|_| ());
        let layer = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone());
        let log = || answered.log_as_event();
        match format {
            LogFormat::Pretty => tracing::subscriber::with_default(layer.with_target(false).finish(), log),
            LogFormat::Json => tracing::subscriber::with_default(layer.json().flatten_event(true).finish(), log),
        }
        let event = lines.text();
        lines.push(false, |line| {
            line.clear();
            answered.push(line, format, now());
        });
        let without_time = |line: String| {
            let year = line.find("20").unwrap();
            let (before, after) = (&line[..year], &line[year + "26-01-31T23:59:59.000000".len() + 2..]);
            assert!(after.starts_with('Z'), "{line}");
            format!("{before}{after}")
        };
        (without_time(event), without_time(lines.text()))
    }

    #[test]
    fn it_reads_like_every_event() {
        let failed =
            Answered { status: 404, code: Some("not-found"), elapsed_ms: 12_345, route: "unmatched", ..ANSWERED };
        for format in [LogFormat::Pretty, LogFormat::Json] {
            let paths = ["/", "/a \"b\" \\", "/\n\t\u{1b}[2J\u{7f}\u{9b}", "/é…\u{200b}\u{301}日本", "/%0A?'{}"];
            for path in paths {
                let (event, line) = both(Answered { path, ..ANSWERED }, format);
                assert_eq!(event, line);
            }
            let (event, line) = both(failed, format);
            assert_eq!(event, line);
            assert!(line.ends_with('\n') && line.lines().count() == 1 && line.contains("not-found"), "{line}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        let text = |micros| {
            let mut line = Vec::new();
            put_time(&mut line, UNIX_EPOCH + Duration::from_micros(micros));
            String::from_utf8(line).unwrap()
        };
        assert_eq!(text(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(1_769_903_999_000_042), "2026-01-31T23:59:59.000042Z");
        assert_eq!(text(1_769_903_999_999_999), "2026-01-31T23:59:59.999999Z");
        assert_eq!(text(1_769_904_000_120_000), "2026-02-01T00:00:00.120000Z");
    }
}
