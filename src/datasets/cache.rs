//! Ready bytes: what the catalogue answered before, kept with a strong ETag as long as it holds.
//!
//! Every listing's change raises a version in the database. A server asks for it at most once in a
//! while (one second, unless it is told otherwise) and lets go of everything when it has moved.
//! Numbers that move by themselves, like a pool's members, do not raise it: what was made from them
//! is made again after a minute. In between an answer is one look into a map: no database, no copy, and where the
//! address alone says what is wanted, no way through the house either (see [`Catalogue::at_hand`]).

use super::catalogue::Kept;
use super::store;
use crate::db::{Database, Db};
use crate::error::{Error, Result};
use actix_web::http::header::HeaderValue;
use aws_lc_rs::digest;
use bytes::Bytes;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long an answer is good though the version has not moved.
pub const GOOD_FOR: Duration = Duration::from_secs(60);
/// Most answers that are kept, whatever their size.
const ANSWERS_MAX: usize = 4_096;
/// Most bytes that are kept.
const BYTES_MAX: usize = 64 << 20;
/// Answers beyond this are not kept: the addresses are the callers' to choose.
const URL_MAX: usize = 1_024;

/// Something to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The body.
    pub bytes: Bytes,
    /// Its media type.
    pub media_type: String,
    /// The name under which it is to be saved, for a file.
    pub file_name: Option<String>,
    /// Where else the same is told, as `Link` says it.
    pub links: Option<String>,
    /// Whether another `Accept` gets something else at the same address.
    pub varies: bool,
}

impl Content {
    /// Bytes of some type, and nothing more to be said of them.
    pub fn new(bytes: Bytes, media_type: &str) -> Content {
        Content { bytes, media_type: media_type.into(), file_name: None, links: None, varies: false }
    }

    /// A JSON document.
    ///
    /// # Errors
    /// `internal`: the value cannot be written as JSON, which is a defect.
    pub fn json(value: &impl Serialize) -> Result<Content> {
        Ok(Content::new(serde_json::to_vec(value)?.into(), "application/json"))
    }
}

/// Content with its strong ETag, and all that is said of it as headers. Cloning copies no bytes.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The body.
    pub bytes: Bytes,
    /// SHA-256 of the body in quotes.
    pub etag: HeaderValue,
    /// Its media type.
    pub media_type: HeaderValue,
    /// That it is to be saved, and under which name, for a file.
    pub disposition: Option<HeaderValue>,
    /// Where else the same is told.
    pub links: Option<HeaderValue>,
    /// Whether another `Accept` gets something else at the same address.
    pub varies: bool,
}

impl TryFrom<Content> for Ready {
    type Error = Error;

    /// # Errors
    /// `internal`: something of it cannot stand in a header, which is a defect.
    fn try_from(content: Content) -> Result<Self> {
        let header = |text: String| HeaderValue::try_from(text).map_err(Error::internal);
        let disposition = content.file_name.map(|name| format!("attachment; filename=\"{name}\""));
        Ok(Ready {
            etag: header(format!("\"{}\"", hex::encode(digest::digest(&digest::SHA256, &content.bytes))))?,
            media_type: header(content.media_type)?,
            disposition: disposition.map(header).transpose()?,
            links: content.links.map(header).transpose()?,
            varies: content.varies,
            bytes: content.bytes,
        })
    }
}

/// The ready answers of one server.
pub struct Catalogue {
    shelf: RwLock<Shelf>,
    listings: Arc<Kept>,
    check_every: Duration,
    began: Instant,
    /// When the version was last asked for, in milliseconds since `began`, plus one; nought for never.
    checked_ms: AtomicU64,
}

#[derive(Default)]
struct Shelf {
    /// The version of the catalogue that all answers were made from.
    version: i64,
    answers: HashMap<String, Answer>,
    bytes: usize,
}

struct Answer {
    ready: Ready,
    made: Instant,
}

impl Catalogue {
    /// An empty shelf that asks for the version at most once in `check_every`; nought asks every time.
    pub fn new(check_every: Duration) -> Self {
        Catalogue {
            shelf: RwLock::default(),
            listings: Arc::default(),
            check_every,
            began: Instant::now(),
            checked_ms: AtomicU64::new(0),
        }
    }

    /// What is kept under an address, where the version need not be asked for at that time.
    pub fn at_hand(&self, url: &str, now: Instant) -> Option<Ready> {
        if self.is_check_due(now) {
            return None;
        }
        self.find(url, now).map(|(_, ready)| ready)
    }

    /// The answer at an address, made by `make` where none is at hand that still holds.
    ///
    /// # Errors
    /// What `make` returned; failures are not kept.
    pub async fn ready<F>(&self, db: &Database, url: &str, make: F) -> Result<Ready>
    where
        F: FnOnce(&mut Db) -> Result<Content> + Send + 'static,
    {
        let now = Instant::now();
        let at_hand = self.find(url, now);
        if let Some((_, ready)) = &at_hand
            && !self.takes_check(now)
        {
            return Ok(ready.clone());
        }
        let looked_up = db.read(move |db| {
            let version = store::catalogue_version(db)?;
            match at_hand {
                Some((known, ready)) if known == version => Ok((version, ready, false)),
                _ => Ok((version, Ready::try_from(make(db)?)?, true)),
            }
        });
        let (version, ready, is_new) = looked_up.await?;
        if is_new {
            self.keep(url, version, &ready);
        }
        Ok(ready)
    }

    /// Lets go of everything, for a server that has itself changed a listing and answers about it next.
    pub fn forget(&self) {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        shelf.clear();
    }

    /// The listings that answers are made of.
    pub fn listings(&self) -> Arc<Kept> {
        Arc::clone(&self.listings)
    }

    fn find(&self, url: &str, now: Instant) -> Option<(i64, Ready)> {
        let shelf = self.shelf.read().unwrap_or_else(PoisonError::into_inner);
        let answer = shelf.answers.get(url).filter(|answer| now.saturating_duration_since(answer.made) < GOOD_FOR)?;
        Some((shelf.version, answer.ready.clone()))
    }

    fn keep(&self, url: &str, version: i64, ready: &Ready) {
        let mut shelf = self.shelf.write().unwrap_or_else(PoisonError::into_inner);
        if version > shelf.version {
            shelf.clear();
            shelf.version = version;
        }
        // An answer from before the version moved may arrive after it; it went to who asked, and is not kept.
        if version == shelf.version && url.len() <= URL_MAX {
            shelf.put(url, ready);
        }
    }

    /// Whether it is time to ask for the version.
    fn is_check_due(&self, now: Instant) -> bool {
        self.check_every.is_zero() || self.is_due(self.checked_ms.load(Ordering::Relaxed), self.ms(now))
    }

    /// The same, for one who then asks: of many at the same time one is told so.
    fn takes_check(&self, now: Instant) -> bool {
        if self.check_every.is_zero() {
            return true;
        }
        let (now, last) = (self.ms(now), self.checked_ms.load(Ordering::Relaxed));
        self.is_due(last, now)
            && self.checked_ms.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn is_due(&self, last: u64, now: u64) -> bool {
        last == 0 || u128::from(now.saturating_sub(last)) >= self.check_every.as_millis()
    }

    /// Milliseconds since the shelf was put up, plus one.
    fn ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}

impl Shelf {
    fn clear(&mut self) {
        self.answers.clear();
        self.bytes = 0;
    }

    fn put(&mut self, url: &str, ready: &Ready) {
        let size = ready.bytes.len() + url.len();
        if size > BYTES_MAX / 16 {
            return;
        }
        self.remove(url);
        // Which one has to go does not matter much: a map's order is as good as chance, and no caller can steer it.
        while self.answers.len() >= ANSWERS_MAX || self.bytes + size > BYTES_MAX {
            let Some(other) = self.answers.keys().next().cloned() else { break };
            self.remove(&other);
        }
        self.bytes += size;
        self.answers.insert(url.to_owned(), Answer { ready: ready.clone(), made: Instant::now() });
    }

    fn remove(&mut self, url: &str) {
        if let Some(old) = self.answers.remove(url) {
            self.bytes -= old.ready.bytes.len() + url.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        Instant::now()
    }

    fn ready(size: usize) -> Ready {
        Content::new(vec![7; size].into(), "text/plain").try_into().unwrap()
    }

    #[test]
    fn the_shelf_is_bounded_in_number_and_in_bytes() {
        let catalogue = Catalogue::new(Duration::ZERO);
        let small = ready(1);
        (0..ANSWERS_MAX + 10).for_each(|i| catalogue.keep(&format!("/{i}"), 1, &small));
        assert_eq!(catalogue.shelf.read().unwrap().answers.len(), ANSWERS_MAX);
        let large = ready(BYTES_MAX / 20);
        (0..40).for_each(|i| catalogue.keep(&format!("/large{i}"), 1, &large));
        let shelf = catalogue.shelf.read().unwrap();
        let size: usize = shelf.answers.iter().map(|(url, answer)| url.len() + answer.ready.bytes.len()).sum();
        assert!(size <= BYTES_MAX && shelf.bytes == size);
    }

    #[test]
    fn what_is_too_large_or_too_long_or_too_late_is_not_kept() {
        let catalogue = Catalogue::new(Duration::ZERO);
        catalogue.keep("/huge", 2, &ready(BYTES_MAX / 16 + 1));
        catalogue.keep(&"/".repeat(URL_MAX + 1), 2, &ready(1));
        catalogue.keep("/old", 1, &ready(1));
        assert!(catalogue.shelf.read().unwrap().answers.is_empty());
        catalogue.keep("/new", 2, &ready(1));
        catalogue.keep("/newer", 3, &ready(1));
        assert!(catalogue.find("/new", now()).is_none() && catalogue.find("/newer", now()).is_some());
    }

    #[test]
    fn the_version_is_asked_for_once_in_a_while() {
        let catalogue = Catalogue::new(Duration::from_secs(3_600));
        catalogue.keep("/kept", 1, &ready(1));
        assert!(catalogue.at_hand("/kept", now()).is_none(), "never asked yet");
        assert!(catalogue.takes_check(now()));
        assert!(
            !catalogue.takes_check(now())
                && catalogue.at_hand("/kept", now()).is_some()
                && catalogue.at_hand("/x", now()).is_none()
        );
        let doubtful = Catalogue::new(Duration::ZERO);
        doubtful.keep("/kept", 1, &ready(1));
        assert!(
            doubtful.takes_check(now()) && doubtful.takes_check(now()) && doubtful.at_hand("/kept", now()).is_none()
        );
    }

    #[test]
    fn the_etag_is_the_content() {
        let (one, same, other) = (ready(1), ready(1), ready(2));
        assert!(one.etag == same.etag && one.etag != other.etag);
        assert_eq!(one.etag.len(), 66);
    }
}
