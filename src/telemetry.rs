//! Logs, request ids and metrics.
//!
//! Field names are dotted (`request.id`, `job.kind`), units stand at their end. No token, e-mail
//! address or play is ever logged. A failure is logged once, at the boundary: here for requests, in
//! `jobs` for background work.

mod access;
mod lines;

use crate::clock::Entropy;
use crate::config::{Log, LogFormat};
use crate::error::{Error, Result};
use access::Answered;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use lines::{LastLines, Lines};
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use std::cell::RefCell;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tracing::Span;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The header that carries the id of a request, in answers and, if the caller sets it, in requests.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Of a longer path the log has so many characters.
const PATH_CHARS_MAX: usize = 500;

/// Starts logging to standard error, until what it gives is dropped. A second call changes nothing (tests start many servers).
///
/// # Errors
/// `invalid` where the filter cannot be read.
pub fn start(settings: &Log) -> Result<LastLines> {
    let filter = filter(&settings.filter)?;
    // Colours are for a terminal; in a file or a journal they are noise.
    let colours = std::io::stderr().is_terminal();
    let (gathered, last) = Lines::gather()?;
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(gathered.clone());
    let filtered = tracing_subscriber::registry().with(filter);
    let begun = match settings.format {
        LogFormat::Pretty => filtered.with(lines.with_target(false)).try_init(),
        LogFormat::Json => filtered.with(lines.json().flatten_event(true)).try_init(),
    };
    if begun.is_ok() && !colours {
        access::start(gathered, settings.format);
    }
    LOGS_PANICS.store(true, Ordering::SeqCst);
    restore_panic_hook();
    Ok(last)
}

/// What is let through. Each part is a level, or `module=level`: a word that is neither would be taken for the name of a module,
/// and nothing else be let through.
fn filter(text: &str) -> Result<Targets> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let is_level = |part: &str| !part.is_empty() && part.parse::<LevelFilter>().is_ok();
    if let Some(unclear) = parts.iter().find(|part| !is_level(part) && !part.contains('=')) {
        return Err(Error::invalid(format!(
            "[log] filter: \"{unclear}\" is no level. Levels are off, error, warn, info, debug and trace, for parts of the program \
             module=level."
        )));
    }
    // What the HTTP library says of requests that are none: anybody could fill the log with it. Who wants to
    // see it names it in the filter, where a later word counts.
    format!("actix_http=off,{}", parts.join(","))
        .parse()
        .map_err(|e| Error::invalid(format!("[log] filter cannot be read: {e}.")))
}

/// Whether panics go to the log like everything else; where no log was started, the runtime prints them.
static LOGS_PANICS: AtomicBool = AtomicBool::new(false);

/// Has panics told of again. The noise library silences them for a moment while it works, by swapping the
/// process's one hook; when two threads do so at once, the silent hook can stay. Whoever has called that
/// library calls this afterwards, so that the last one to leave puts things right.
pub fn restore_panic_hook() {
    if std::thread::panicking() {
        return; // the hook must not be touched now, and somebody else comes by later
    }
    if LOGS_PANICS.load(Ordering::SeqCst) {
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let message = panic.payload_as_str().unwrap_or("a payload that is no text");
            tracing::error!(panic.location = %location, panic.message = %message, "panicked");
        }));
    } else {
        drop(std::panic::take_hook()); // which leaves the runtime's own
    }
}

/// What a server counts about itself.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    requests_open: IntGauge,
    jobs: IntCounterVec,
}

impl Metrics {
    /// A new set, all zero.
    ///
    /// # Errors
    /// `internal` where two metrics have the same name, which is a defect.
    pub fn new() -> Result<Self> {
        let metrics = Metrics {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("refrain_http_requests_total", "Requests answered."),
                &["method", "route", "status"],
            )
            .map_err(Error::internal)?,
            request_seconds: HistogramVec::new(
                HistogramOpts::new("refrain_http_request_seconds", "Time to answer a request."),
                &["method", "route"],
            )
            .map_err(Error::internal)?,
            requests_open: IntGauge::new("refrain_http_requests_open", "Requests being worked on.")
                .map_err(Error::internal)?,
            jobs: IntCounterVec::new(Opts::new("refrain_jobs_total", "Background jobs run."), &["kind", "outcome"])
                .map_err(Error::internal)?,
        };
        let all: [Box<dyn prometheus::core::Collector>; 4] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.request_seconds.clone()),
            Box::new(metrics.requests_open.clone()),
            Box::new(metrics.jobs.clone()),
        ];
        for collector in all {
            metrics.registry.register(collector).map_err(Error::internal)?;
        }
        Ok(metrics)
    }

    /// Counts a background job that has ended.
    pub fn count_job(&self, kind: &str, outcome: &str) {
        self.jobs.with_label_values(&[kind, outcome]).inc();
    }

    /// The text that Prometheus reads (exposition format 0.0.4).
    ///
    /// # Errors
    /// `internal` where a metric cannot be written.
    pub fn render(&self) -> Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).map_err(Error::internal)?;
        String::from_utf8(text).map_err(Error::internal)
    }
}

/// The pattern of a path, as a resource of the API carries it: what a request is counted under. The framework would find the
/// resource once more to tell it.
#[derive(Debug, Clone, Copy)]
pub struct Route(pub &'static str);

/// A request that is being answered: it has an id, is counted, and is logged once when it ends.
pub struct Watched {
    began_at: Instant,
    id: HeaderValue,
    method: &'static str,
    path: String,
    metrics: Option<Data<Metrics>>,
}

impl Watched {
    /// From now on its time counts.
    pub fn begin(request: &ServiceRequest) -> Self {
        let metrics = request.app_data::<Data<Metrics>>().cloned();
        if let Some(metrics) = &metrics {
            metrics.requests_open.inc();
        }
        Watched {
            began_at: Instant::now(),
            id: request_id(request),
            method: known_method(request.method().as_str()),
            path: told(request.path()),
            metrics,
        }
    }

    /// When it came.
    pub fn began_at(&self) -> Instant {
        self.began_at
    }

    /// What every line carries that is logged while it is worked on.
    pub fn span(&self) -> Span {
        tracing::info_span!("request", request.id = self.id(), http.method = %self.method, http.path = self.path)
    }

    /// It was answered: counts it, logs it, and gives the answer its id.
    pub fn end(mut self, answer: &mut Result<ServiceResponse, actix_web::Error>, route: Option<Route>) {
        let elapsed = self.began_at.elapsed();
        let status = match answer {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        // Unknown paths share one label, or anyone could fill the server's memory with labels.
        let Route(route) = route.unwrap_or(Route("unmatched"));
        if let Some(metrics) = &self.metrics {
            metrics.requests.with_label_values(&[self.method, route, status.as_str()]).inc();
            metrics.request_seconds.with_label_values(&[self.method, route]).observe(elapsed.as_secs_f64());
        }
        let failure = match &*answer {
            Ok(response) => response.response().error(),
            Err(error) => Some(error),
        };
        self.log(status.as_u16(), route, elapsed.as_millis() as u64, failure); // of a request that ends in our time
        if let Ok(response) = answer {
            response.headers_mut().insert(REQUEST_ID, std::mem::replace(&mut self.id, UNKNOWN));
        }
    }

    fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default() // it is made of letters, digits, hyphens and underscores
    }

    fn log(&self, status: u16, route: &str, elapsed_ms: u64, failure: Option<&actix_web::Error>) {
        let ours = failure.and_then(|error| error.as_error::<Error>());
        let code = ours.map(|error| error.code().slug());
        match ours.and_then(Error::cause) {
            Some(cause) if status >= 500 => {
                tracing::error!(request.id = self.id(), http.method = %self.method, http.path = self.path, http.status = status, http.route = route, http.elapsed_ms = elapsed_ms, error.code = code, error.cause = %cause, "answered");
            }
            _ => {
                Answered { id: self.id(), method: self.method, path: &self.path, status, route, elapsed_ms, code }.log()
            }
        }
    }
}

/// A method as it is told and counted: one of HTTP's own, or the one name for all that callers make up (OpenTelemetry's semantic
/// conventions have it so). Their own names could be many and long.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}

/// A path as it is told in the log: callers choose it, and its end may be far.
fn told(path: &str) -> String {
    if path.len() <= PATH_CHARS_MAX {
        return path.to_owned(); // nearly every path; its characters need not be counted
    }
    match path.char_indices().nth(PATH_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

/// Whether it was answered or its caller went away.
impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(metrics) = &self.metrics {
            metrics.requests_open.dec();
        }
    }
}

/// What stands for an id where no randomness is at hand, which is in no server.
const UNKNOWN: HeaderValue = HeaderValue::from_static("unknown");

/// The caller's own id where it is harmless to repeat, else a new one.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let is_harmless = |id: &&HeaderValue| {
        let is_known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=64).contains(&id.len()) && id.as_bytes().iter().all(is_known)
    };
    match (request.headers().get(REQUEST_ID).filter(is_harmless), request.app_data::<Data<Entropy>>()) {
        (Some(given), _) => given.clone(),
        (None, Some(entropy)) => next_id(entropy),
        (None, None) => UNKNOWN,
    }
}

/// Hexadecimal digits of an id.
const ID_DIGITS: usize = 24;

thread_local! {
    static IDS: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
}

/// An id of randomness. It is drawn and written for many at once: a draw costs the same for one.
fn next_id(entropy: &Entropy) -> HeaderValue {
    IDS.with_borrow_mut(|ids| {
        if ids.is_empty() {
            *ids = hex::encode(entropy.many::<{ ID_DIGITS / 2 }>(256).as_flattened()).into();
        }
        HeaderValue::from_maybe_shared(ids.split_to(ID_DIGITS)).unwrap_or(UNKNOWN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_fills_the_log_with_a_path() {
        assert_eq!(told("/v1/datasets"), "/v1/datasets");
        let longest = format!("/{}", "é".repeat(PATH_CHARS_MAX - 1));
        assert_eq!(told(&longest), longest);
        assert_eq!(told(&format!("{longest}xyz")), format!("{longest}…"));
    }

    #[test]
    fn a_filter_is_made_of_levels() {
        for good in ["info", "OFF", "info,refrain::jobs=debug", "warn, refrain=info", "actix_http=debug,error"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for wrong in ["inof", "", "info,", "info,refrain", "a==b", "refrain=loud"] {
            let error = filter(wrong).unwrap_err();
            assert!(error.detail().starts_with("[log] filter"), "{wrong}: {}", error.detail());
        }
        assert!(filter("info,inof").unwrap_err().detail().contains("\"inof\" is no level"));
    }
}
