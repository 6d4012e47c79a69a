//! Sending webhooks: out of this house goes only what is signed, and only to the public network.
//!
//! At least once: a delivery is marked after it was answered, so a crash repeats it, under the same id. Each webhook is sent to
//! by one at a time, and many webhooks at once: one that answers slowly, or not at all, holds up no other.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::webhooks::steps::{self, Errand, Tried};
use crate::webhooks::{destination, signature};
use crate::{clock::UtcTime, text};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Webhooks that are sent to at the same time.
const HANDS: usize = 64;
/// How long a receiver has to take a delivery and to answer it.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Seconds after which what was taken and not marked is taken again.
const LEASE_S: i64 = 60;
/// How much of an answer is read.
const ANSWER_BYTES: usize = 4_096;
/// How much of it is kept, in characters.
const ANSWER_CHARS: usize = 500;

/// Carries deliveries, many at a time.
pub struct Courier {
    ctx: Context,
    client: OnceLock<Client>,
    under_way: JoinSet<()>,
}

impl Courier {
    /// One who has nothing under way.
    pub fn new(ctx: &Context) -> Self {
        Courier { ctx: ctx.clone(), client: OnceLock::new(), under_way: JoinSet::new() }
    }

    /// Takes what is due, as far as hands are free, and sets out with it; says how many deliveries that are.
    ///
    /// # Errors
    /// `internal` where the database fails, or the system's certificates cannot be read.
    pub async fn set_out(&mut self) -> Result<usize> {
        let free = HANDS.saturating_sub(self.under_way.len());
        let most = i64::try_from(free).map_err(Error::internal)?;
        if most == 0 {
            return Ok(0);
        }
        let errands = self.ctx.db.write(move |tx| steps::claim(tx, most, LEASE_S)).await?;
        let count = errands.len();
        for errand in errands {
            let (ctx, client) = (self.ctx.clone(), self.client()?);
            self.under_way.spawn(async move { run(&ctx, &client, errand).await });
        }
        Ok(count)
    }

    /// Waits until one of those under way is done; for ever, where none is.
    pub async fn one_is_back(&mut self) {
        if self.under_way.join_next().await.is_none() {
            std::future::pending().await
        }
    }

    /// Waits for all that are under way.
    pub async fn all_are_back(mut self) {
        while self.under_way.join_next().await.is_some() {}
    }

    fn client(&self) -> Result<Client> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let made = client(self.ctx.config.webhooks.allow_private)?;
        Ok(self.client.get_or_init(|| made).clone())
    }
}

/// Sends everything that is due now, and says how many deliveries that were. For tests, which start no worker.
///
/// # Errors
/// As [`Courier::set_out`].
pub async fn send_due(ctx: &Context) -> Result<usize> {
    let (mut courier, mut count) = (Courier::new(ctx), 0);
    loop {
        count += courier.set_out().await?;
        if courier.under_way.is_empty() {
            return Ok(count);
        }
        courier.one_is_back().await;
    }
}

/// Follows no redirect and asks no proxy: both would lead elsewhere than what was looked at. Every delivery makes a connection of
/// its own, so that its address is looked at each time.
fn client(allow_private: bool) -> Result<Client> {
    Client::builder()
        .dns_resolver(Arc::new(Outward { allow_private }))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .pool_max_idle_per_host(0)
        .timeout(TIMEOUT)
        .user_agent(concat!("Refrain/", env!("CARGO_PKG_VERSION"), " webhooks"))
        .build()
        .map_err(Error::internal)
}

/// Looks names up, and knows only addresses of the public network: whatever a name led to when it was registered, this is
/// what is connected to.
struct Outward {
    allow_private: bool,
}

impl Resolve for Outward {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let out: Vec<SocketAddr> = found.filter(|to| allow_private || destination::is_public(to.ip())).collect();
            if out.is_empty() {
                return Err("the name leads to no address of the public network".into());
            }
            Ok(Box::new(out.into_iter()) as Addrs)
        })
    }
}

/// Sends a delivery, and notes what has come of it.
async fn run(ctx: &Context, client: &Client, errand: Errand) {
    let tried = send(ctx, client, &errand).await;
    let (label, words) = match &tried.error {
        None => ("done", "a webhook has taken a delivery"),
        Some(_) => ("failed", "a webhook has not taken a delivery"),
    };
    ctx.metrics.count_job("webhook", label);
    tracing::info!(
        webhook.id = %errand.webhook.id, delivery.id = %errand.delivery.id, delivery.event = %errand.delivery.event,
        delivery.status = tried.status, delivery.took_ms = tried.took_ms, error.cause = tried.error, "{words}"
    );
    if let Err(error) = ctx.db.write(move |tx| steps::note(tx, &errand, &tried)).await {
        tracing::error!(error.cause = ?error.cause(), "what has come of a webhook could not be noted; it is sent again");
    }
}

async fn send(ctx: &Context, client: &Client, errand: &Errand) -> Tried {
    let (at, began) = (ctx.clock.now(), Instant::now());
    let (mut tried, answer) = match signed(ctx, errand, at) {
        Ok((url, signature)) => post(client, errand, at, url, &signature).await,
        Err(error) => (failed(at, error.detail()), None),
    };
    if let Some(answer) = answer {
        tried.answer = beginning(answer).await;
    }
    tried.took_ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
    tried
}

/// A try that got no answer.
fn failed(at: UtcTime, why: impl Into<String>) -> Tried {
    Tried { at, took_ms: 0, status: None, error: Some(why.into()), answer: None, retry_after_s: None }
}

/// Where a delivery goes, and its signature.
fn signed(ctx: &Context, errand: &Errand, at: UtcTime) -> Result<(Url, String)> {
    let Errand { webhook, delivery, .. } = errand;
    let url = destination::read(&webhook.url, ctx.config.webhooks.allow_private)?;
    let secrets = webhook.secrets(&ctx.pepper, at).map_err(|error| {
        tracing::error!(webhook.id = %webhook.id, error.cause = ?error.cause(), "a webhook's secret cannot be read");
        Error::invalid("It cannot be signed, as its secret cannot be read any more; renew the secret.")
    })?;
    Ok((url, signature::header(&secrets, &delivery.event_id, at, &delivery.body)))
}

async fn post(client: &Client, errand: &Errand, at: UtcTime, url: Url, signature: &str) -> (Tried, Option<Response>) {
    let delivery = &errand.delivery;
    let request = client
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", delivery.event_id.as_str())
        .header("webhook-timestamp", at.unix_s())
        .header("webhook-signature", signature)
        .body(delivery.body.clone());
    match request.send().await {
        Ok(answer) => {
            let status = answer.status();
            let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let tried = Tried {
                at,
                took_ms: 0,
                status: Some(status.as_u16()),
                error: refusal(status),
                answer: None,
                retry_after_s: retry_after.and_then(|text| seconds(text, at)),
            };
            (tried, Some(answer))
        }
        Err(error) => (failed(at, unanswered(&error)), None),
    }
}

/// Why an answer does not count as taken; `None` where it does (Standard Webhooks, "Delivery success and failure").
fn refusal(status: StatusCode) -> Option<String> {
    let hint = match status {
        _ if status.is_success() => return None,
        _ if status.is_redirection() => "; redirects are not followed, so change the url instead",
        _ => "",
    };
    Some(format!("It answered {status}{hint}."))
}

/// Why there was no answer, in words.
fn unanswered(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("There was no answer within {} seconds.", TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let what = if error.is_connect() { "No connection could be made" } else { "There was no answer" };
    plain(&format!("{what}: {cause}."))
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a time.
fn seconds(text: &str, now: UtcTime) -> Option<i64> {
    let text = text.trim();
    let until = || chrono::DateTime::parse_from_rfc2822(text).ok().map(|at| at.timestamp() - now.unix_s());
    text.parse().ok().or_else(until)
}

/// How an answer begins. If more of it does not come, that is its end.
async fn beginning(mut answer: Response) -> Option<String> {
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER_BYTES {
        match answer.chunk().await {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) | Err(_) => break,
        }
    }
    let words = plain(&String::from_utf8_lossy(&bytes[..bytes.len().min(ANSWER_BYTES)]));
    (!words.is_empty()).then_some(words)
}

/// What a stranger wrote, as far as it shows.
fn plain(words: &str) -> String {
    let shown = words.chars().filter(|c| text::is_plain(c.encode_utf8(&mut [0; 4])));
    shown.take(ANSWER_CHARS).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolved(name: &str, allow_private: bool) -> Result<usize, String> {
        let found = Outward { allow_private }.resolve(name.parse().unwrap()).await;
        found.map(Iterator::count).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_that_leads_within_is_not_connected_to() {
        assert!(resolved("localhost", true).await.unwrap() > 0);
        for name in ["localhost", "127.0.0.1", "10.0.0.1", "::1"] {
            assert!(resolved(name, false).await.unwrap_err().contains("public network"), "{name}");
        }
        assert_eq!(resolved("8.8.8.8", false).await, Ok(1));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let refused = client(false).unwrap().post(&url).send().await.unwrap_err();
        assert_eq!(
            unanswered(&refused),
            "No connection could be made: the name leads to no address of the public network."
        );
        let connected = tokio::time::timeout(Duration::from_millis(100), listener.accept());
        assert!(connected.await.is_err(), "nobody came");
    }

    #[test]
    fn a_receiver_says_when_in_seconds_or_as_a_time() {
        let now = UtcTime::parse("2026-01-01T00:00:00Z").unwrap();
        assert_eq!(seconds(" 120 ", now), Some(120));
        assert_eq!(seconds("Thu, 01 Jan 2026 00:02:00 GMT", now), Some(120));
        assert_eq!(seconds("Wed, 31 Dec 2025 23:59:00 GMT", now), Some(-60));
        assert_eq!(seconds("soon", now), None);
        assert_eq!(seconds("99999999999999999999", now), None);
    }

    #[test]
    fn answers_are_kept_as_far_as_they_show() {
        assert_eq!(plain("a\0b\u{202E}c\r\n"), "abc");
        assert_eq!(plain(&"é".repeat(600)).chars().count(), ANSWER_CHARS);
    }
}
