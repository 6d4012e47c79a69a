//! Time and randomness, injected: the server runs on the system's, tests and the demo bring their own.

use crate::error::{Error, Result};
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use diesel::backend::Backend;
use diesel::deserialize::{FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::sql_types::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// An instant in UTC with microsecond resolution: what both databases keep without loss.
/// In JSON: RFC 3339 with a `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamp)]
pub struct UtcTime(NaiveDateTime);

impl UtcTime {
    /// From milliseconds since 1970-01-01T00:00:00Z; `None` outside of what a calendar can name.
    pub fn from_unix_ms(ms: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(ms).map(|t| UtcTime(t.naive_utc()))
    }

    /// From seconds since 1970-01-01T00:00:00Z; `None` outside of what a calendar can name.
    pub fn from_unix_s(s: i64) -> Option<Self> {
        DateTime::from_timestamp(s, 0).map(|t| UtcTime(t.naive_utc()))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_ms(self) -> i64 {
        self.0.and_utc().timestamp_millis()
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix_s(self) -> i64 {
        self.0.and_utc().timestamp()
    }

    /// This instant plus a number of seconds (may be negative); stops at the calendar's ends.
    pub fn plus_s(self, seconds: i64) -> Self {
        let span = chrono::TimeDelta::try_seconds(seconds).unwrap_or(chrono::TimeDelta::MAX);
        UtcTime(self.0.checked_add_signed(span).unwrap_or(if seconds < 0 {
            NaiveDateTime::MIN
        } else {
            NaiveDateTime::MAX
        }))
    }

    /// This instant plus a number of days of 86,400 seconds.
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_s(days.saturating_mul(86_400))
    }

    /// From RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().and_then(|t| Self::from_unix_micros(t.timestamp_micros()))
    }

    /// The calendar's date and time, in UTC.
    pub fn calendar(self) -> DateTime<Utc> {
        self.0.and_utc()
    }

    /// The same without a zone, as databases keep it.
    pub(crate) fn without_zone(&self) -> &NaiveDateTime {
        &self.0
    }

    fn from_unix_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(|t| UtcTime(t.naive_utc()))
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        UtcTime::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("an instant looks like 2026-01-31T12:00:00Z, of a day that exists"))
    }
}

impl utoipa::PartialSchema for UtcTime {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-01-31T12:00:00Z"])
            .into()
    }
}
impl utoipa::ToSchema for UtcTime {}

impl<DB: Backend> FromSql<Timestamp, DB> for UtcTime
where
    NaiveDateTime: FromSql<Timestamp, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> diesel::deserialize::Result<Self> {
        NaiveDateTime::from_sql(bytes).map(UtcTime)
    }
}

/// Where "now" comes from. Cloning shares the same clock.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    /// Microseconds since 1970; moved by hand.
    Hand(Arc<AtomicI64>),
    /// Microseconds that it is off the machine's clock; it runs like that, and is moved by hand too.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock: what `serve` always runs on.
    pub fn system() -> Self {
        Clock(Source::System)
    }

    /// A clock that runs from an instant on as the machine's does, and can be moved. For the demo.
    pub fn running_from(start: UtcTime) -> Self {
        let micros = |time: UtcTime| time.0.and_utc().timestamp_micros();
        Clock(Source::Shifted(Arc::new(AtomicI64::new(micros(start) - micros(Clock::system().now())))))
    }

    /// A clock that stands until it is moved. For tests.
    pub fn standing_at(start: UtcTime) -> Self {
        Clock(Source::Hand(Arc::new(AtomicI64::new(start.0.and_utc().timestamp_micros()))))
    }

    /// The present instant.
    pub fn now(&self) -> UtcTime {
        let micros = match &self.0 {
            Source::System => system_micros(),
            Source::Hand(at) => at.load(Ordering::SeqCst),
            Source::Shifted(by) => system_micros().saturating_add(by.load(Ordering::SeqCst)),
        };
        UtcTime::from_unix_micros(micros).unwrap_or(UtcTime(NaiveDateTime::MAX))
    }

    /// Moves a clock forward, unless it is the system's, and returns the new instant.
    ///
    /// # Errors
    /// The system's clock cannot be moved.
    pub fn advance_s(&self, seconds: i64) -> Result<UtcTime> {
        match &self.0 {
            Source::System => Err(Error::internal("the system clock is not ours to move")),
            Source::Hand(at) | Source::Shifted(at) => {
                at.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
                Ok(self.now())
            }
        }
    }
}

#[allow(clippy::disallowed_methods)] // the one place that may ask the system
fn system_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Where randomness comes from: the operating system, or a seed in tests. Never the noise of an
/// edition, which the noise library draws from the operating system itself.
#[derive(Clone)]
pub struct Entropy(Arc<dyn Fn(&mut [u8]) + Send + Sync>);

impl Entropy {
    /// The operating system's randomness.
    pub fn system() -> Self {
        use aws_lc_rs::rand::{SecureRandom, SystemRandom};
        let source = SystemRandom::new();
        // A machine that cannot give random bytes must not hand out tokens: stopping is right.
        Entropy(Arc::new(move |bytes| source.fill(bytes).expect("the operating system gives random bytes")))
    }

    /// A repeatable stream, for tests.
    pub fn seeded(seed: u64) -> Self {
        use rand::{RngCore, SeedableRng, rngs::StdRng};
        let rng = std::sync::Mutex::new(StdRng::seed_from_u64(seed));
        Entropy(Arc::new(move |bytes| rng.lock().unwrap_or_else(|e| e.into_inner()).fill_bytes(bytes)))
    }

    /// N random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// As many times N random bytes as are wanted, which costs little more than N.
    pub fn many<const N: usize>(&self, count: usize) -> Vec<[u8; N]> {
        let mut all = vec![[0; N]; count];
        (self.0)(all.as_flattened_mut());
        all
    }
}
