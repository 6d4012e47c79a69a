//! How often somebody may guess: failures are counted per account and per network address.
//!
//! The counts are this server's own and in memory: several servers behind one address allow as many
//! times more. Memory is bounded; whoever wants to push a count out has to fail tens of thousands of
//! times from many addresses first.

use super::generations::Generations;
use super::opaque;
use crate::clock::UtcTime;
use crate::error::{Code, Error, Result};
use std::net::IpAddr;
use std::sync::Mutex;

/// Seconds in which failures are counted together.
pub const WINDOW_S: i64 = 15 * 60;
/// Counts kept at most.
const COUNTS_MAX: usize = 100_000;

/// What failures are counted by. Addresses of accounts are hashed, whether or not they exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Logins to an account.
    Account([u8; 32]),
    /// Mails asked for to an address.
    Mail([u8; 32]),
    /// Everything from a network: an IPv4 address, or the /64 of an IPv6 address, which is one customer.
    Network(IpAddr),
}

impl Bucket {
    /// Logins to the account of an e-mail address.
    pub fn account(email: &str) -> Self {
        Bucket::Account(opaque::sha256(email.as_bytes()))
    }

    /// Mails asked for to an e-mail address.
    pub fn mail(email: &str) -> Self {
        Bucket::Mail(opaque::sha256(email.as_bytes()))
    }

    /// Whatever comes from a network address.
    pub fn network(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Bucket::Network(IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into())),
            v4 => Bucket::Network(v4),
        }
    }
}

/// Failures since a time.
#[derive(Clone, Copy)]
struct Count {
    began_at: UtcTime,
    failures: u32,
}

/// Counts failures.
pub struct Throttle {
    counts: Mutex<Generations<Bucket, Count>>,
    failures_max: u32,
}

impl Throttle {
    /// Allows so many failures in [`WINDOW_S`] per bucket.
    pub fn new(failures_max: u32) -> Self {
        Throttle { counts: Mutex::new(Generations::new(COUNTS_MAX)), failures_max }
    }

    /// Says whether there may be a further attempt.
    ///
    /// # Errors
    /// `too-many-requests` with the seconds until the count begins anew.
    pub fn check(&self, bucket: Bucket, now: UtcTime) -> Result<()> {
        self.with(|counts| refuse(self.failures_max, counts.get(&bucket), now))
    }

    /// Checks and counts in one step, so that attempts made at the same time cannot slip past the count.
    ///
    /// # Errors
    /// `too-many-requests`, and then nothing was counted.
    pub fn take(&self, bucket: Bucket, now: UtcTime) -> Result<()> {
        self.with(|counts| {
            refuse(self.failures_max, counts.get(&bucket), now)?;
            add(counts, bucket, now);
            Ok(())
        })
    }

    /// Counts a failure.
    pub fn count(&self, bucket: Bucket, now: UtcTime) {
        self.with(|counts| add(counts, bucket, now));
    }

    /// Takes one attempt back that [`Throttle::take`] counted and that was no failure of the caller's.
    pub fn give_back(&self, bucket: Bucket) {
        self.with(|counts| {
            if let Some(count) = counts.get(&bucket).copied() {
                counts.insert(bucket, Count { failures: count.failures.saturating_sub(1), ..count });
            }
        });
    }

    /// Forgets what was counted.
    pub fn forget(&self, bucket: Bucket) {
        self.with(|counts| counts.remove(&bucket));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Generations<Bucket, Count>) -> T) -> T {
        work(&mut self.counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

fn add(counts: &mut Generations<Bucket, Count>, bucket: Bucket, now: UtcTime) {
    let count = match counts.get(&bucket) {
        Some(count) if now < count.began_at.plus_s(WINDOW_S) => {
            Count { failures: count.failures.saturating_add(1), ..*count }
        }
        _ => Count { began_at: now, failures: 1 },
    };
    counts.insert(bucket, count);
}

fn refuse(failures_max: u32, count: Option<&Count>, now: UtcTime) -> Result<()> {
    let Some(count) = count else { return Ok(()) };
    let left_s = count.began_at.plus_s(WINDOW_S).unix_s() - now.unix_s();
    if count.failures < failures_max || left_s <= 0 {
        return Ok(());
    }
    let detail = "Too many attempts in a short time; wait until the time in Retry-After is over.";
    Err(Error::new(Code::TooManyRequests, detail).retry_after_s(u32::try_from(left_s).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> UtcTime {
        UtcTime::from_unix_s(1_000_000 + s).unwrap()
    }

    #[test]
    fn the_count_is_per_bucket_and_begins_anew_after_the_window() {
        let throttle = Throttle::new(3);
        let (ada, bob) = (Bucket::account("ada@example.org"), Bucket::account("bob@example.org"));
        for s in 0..3 {
            throttle.take(ada, at(s)).unwrap();
        }
        let refused = throttle.take(ada, at(3)).unwrap_err();
        assert_eq!(refused.code(), Code::TooManyRequests);
        throttle.take(bob, at(3)).unwrap();
        assert!(throttle.check(ada, at(WINDOW_S - 1)).is_err());
        throttle.take(ada, at(WINDOW_S)).unwrap();
        assert_ne!(Bucket::account("ada@example.org"), Bucket::mail("ada@example.org"));
    }

    #[test]
    fn success_forgets_and_a_busy_server_gives_back() {
        let throttle = Throttle::new(1);
        let ada = Bucket::account("ada@example.org");
        throttle.take(ada, at(0)).unwrap();
        throttle.give_back(ada);
        throttle.take(ada, at(1)).unwrap();
        throttle.forget(ada);
        throttle.check(ada, at(2)).unwrap();
    }

    #[test]
    fn attempts_at_the_same_time_do_not_slip_past() {
        let throttle = Throttle::new(10);
        let ada = Bucket::account("ada@example.org");
        let passed = std::thread::scope(|scope| {
            let tries: Vec<_> =
                (0..8).map(|_| scope.spawn(|| (0..50).filter(|_| throttle.take(ada, at(0)).is_ok()).count())).collect();
            tries.into_iter().map(|t| t.join().unwrap()).sum::<usize>()
        });
        assert_eq!(passed, 10);
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let ip = |text: &str| Bucket::network(text.parse().unwrap());
        assert_eq!(ip("2001:db8:1:2::1"), ip("2001:db8:1:2:ffff::9"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
        assert_eq!(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
        assert_ne!(ip("192.0.2.1"), ip("192.0.2.2"));
    }
}
