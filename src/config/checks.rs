//! Settings that can be read and cannot be meant.

use super::{Config, S3};
use crate::error::{Error, Result};

/// The longest times that are taken: what is longer is a slip, and sums of times have to stay on the calendar.
const YEAR_S: i64 = 366 * 86_400;
const DAYS_MAX: i64 = 10 * 366;
/// The longest time for which a link that an S3 service signs may be good: a week.
const REDIRECT_MAX_S: u64 = 604_800;

impl Config {
    /// Refuses numbers that nothing can work with, and a public URL that links cannot begin with. What passwords
    /// may cost is checked where they are hashed.
    ///
    /// # Errors
    /// `invalid` naming every such setting, what it is and what it may be.
    pub fn check(&self) -> Result<()> {
        let Config { server, database, auth, uploads, storage, jobs, draws, .. } = self;
        let problems = [
            at_least_one("[server] workers", server.workers),
            at_least_one("[server] json_limit_bytes", Some(server.json_limit_bytes)),
            server.public_url.as_deref().and_then(public_url),
            server.metrics_bind.filter(|bind| *bind == server.bind && bind.port() != 0).map(|bind| {
                format!("[server] metrics_bind is {bind}, as bind is: /metrics needs an address of its own.")
            }),
            at_least_one("[database] readers", database.readers),
            at_least_one("[database] pool_size", Some(database.pool_size)),
            between("[auth] access_ttl_s", auth.access_ttl_s, YEAR_S),
            between("[auth] refresh_ttl_days", auth.refresh_ttl_days, DAYS_MAX),
            at_least_one("[auth] argon2_permits", Some(auth.argon2_permits)),
            at_least_one("[auth] login_attempts", Some(auth.login_attempts)),
            at_least_one("[uploads] max_bytes", Some(uploads.max_bytes)),
            at_least_one("[uploads] timeout_s", Some(uploads.timeout_s)),
            at_least_one("[uploads] readers", Some(uploads.readers)),
            between("[storage] compact_after_s", storage.compact_after_s, YEAR_S),
            storage.s3.as_ref().and_then(s3),
            at_least_one("[jobs] poll_ms", Some(jobs.poll_ms)),
            between("[jobs] lease_s", jobs.lease_s, YEAR_S),
            at_least_one("[draws] memory_bytes", Some(draws.memory_bytes)),
            at_least_one("[draws] partitions", draws.partitions),
        ];
        let problems: Vec<String> = problems.into_iter().flatten().collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(problems.join(" "))) }
    }
}

fn at_least_one<N: Default + PartialEq>(name: &str, number: Option<N>) -> Option<String> {
    (number == Some(N::default())).then(|| format!("{name} is 0; it must be 1 at least."))
}

fn between(name: &str, number: i64, most: i64) -> Option<String> {
    let outside = !(1..=most).contains(&number);
    outside.then(|| format!("{name} is {number}; it must lie between 1 and {most}."))
}

fn s3(s3: &S3) -> Option<String> {
    if let Some((url, why)) = s3.endpoint.as_deref().and_then(|url| Some((url, no_url(url)?))) {
        return Some(format!("[storage.s3] endpoint is {url:?}; {why}, as in https://s3.example."));
    }
    let why = match (&s3.access_key_id, &s3.secret_access_key) {
        (Some(_), None) | (None, Some(_)) => "access_key_id and secret_access_key go together",
        _ if s3.bucket.is_empty() => "bucket is empty",
        _ if s3.redirect_s > REDIRECT_MAX_S => "redirect_s is more than 604800, longer than such a link may be good",
        _ => return None,
    };
    Some(format!("[storage.s3] {why}."))
}

fn public_url(url: &str) -> Option<String> {
    let why = no_url(url)?;
    Some(format!(
        "[server] public_url is {url:?}; {why}, as in https://refrain.example or https://example.org/refrain."
    ))
}

/// What keeps a text from being the beginning of URLs over HTTP.
fn no_url(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some("it must begin with http:// or https://");
    };
    let host = rest.split('/').next().unwrap_or_default();
    match () {
        () if url.contains(['?', '#']) => Some("it must end before any ? or #"),
        () if host.contains('@') => Some("it must not hold a name or password"),
        () if host.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) => {
            Some("it must name a host")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, value: &str) -> Result<Config> {
        Config::load(None, [(format!("REFRAIN_{name}"), value.to_owned())].into_iter())
    }

    #[test]
    fn the_defaults_can_be_meant() {
        Config::default().check().unwrap();
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let refused = [
            ("SERVER__WORKERS", "0", "workers"),
            ("SERVER__JSON_LIMIT_BYTES", "0", "json_limit_bytes"),
            ("SERVER__METRICS_BIND", "127.0.0.1:8080", "metrics_bind"),
            ("DATABASE__READERS", "0", "readers"),
            ("DATABASE__POOL_SIZE", "0", "pool_size"),
            ("AUTH__ACCESS_TTL_S", "-1", "access_ttl_s is -1"),
            ("AUTH__ACCESS_TTL_S", "9000000000000000000", "access_ttl_s"),
            ("AUTH__REFRESH_TTL_DAYS", "0", "refresh_ttl_days"),
            ("AUTH__ARGON2_PERMITS", "0", "argon2_permits"),
            ("AUTH__LOGIN_ATTEMPTS", "0", "login_attempts"),
            ("UPLOADS__MAX_BYTES", "0", "max_bytes"),
            ("UPLOADS__MAX_BYTES", "-1", "max_bytes"),
            ("UPLOADS__TIMEOUT_S", "0", "timeout_s"),
            ("UPLOADS__READERS", "0", "readers"),
            ("STORAGE__COMPACT_AFTER_S", "0", "compact_after_s"),
            ("JOBS__POLL_MS", "0", "poll_ms"),
            ("JOBS__LEASE_S", "-60", "lease_s"),
            ("DRAWS__MEMORY_BYTES", "0", "memory_bytes"),
            ("DRAWS__PARTITIONS", "0", "partitions"),
            ("SERVER__PUBLIC_URL", "refrain.example", "public_url"),
            ("SERVER__PUBLIC_URL", "ftp://refrain.example", "public_url"),
            ("SERVER__PUBLIC_URL", "https://", "public_url"),
            ("SERVER__PUBLIC_URL", "https://a b.example", "public_url"),
            ("SERVER__PUBLIC_URL", "https://u:p@refrain.example", "public_url"),
            ("SERVER__PUBLIC_URL", "https://refrain.example/?a=b", "public_url"),
            ("SERVER__PUBLIC_URL", "https://refrain.example/#a", "public_url"),
        ];
        for (name, value, word) in refused {
            let error = load(name, value).expect_err(name);
            assert!(error.detail().contains(word), "{name}={value}: {}", error.detail());
        }
    }

    #[test]
    fn a_bucket_that_cannot_be_meant_is_refused() {
        let with = |settings: &[(&str, &str)]| {
            let all = [&[("BUCKET", "pool")], settings].concat();
            Config::load(None, all.into_iter().map(|(k, v)| (format!("REFRAIN_STORAGE__S3__{k}"), v.to_owned())))
        };
        with(&[("ENDPOINT", "http://127.0.0.1:9000"), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")]).unwrap();
        for (settings, word) in [
            (&[("BUCKET", "")], "bucket is empty"),
            (&[("ENDPOINT", "127.0.0.1:9000")], "https://"),
            (&[("ENDPOINT", "http://")], "name a host"),
            (&[("ENDPOINT", "https://key:secret@s3.example")], "name or password"),
            (&[("ACCESS_KEY_ID", "a")], "go together"),
            (&[("SECRET_ACCESS_KEY", "b")], "go together"),
            (&[("REDIRECT_S", "604801")], "redirect_s"),
        ] {
            let error = with(settings).expect_err(word);
            assert!(error.detail().contains(word), "{}", error.detail());
        }
    }

    #[test]
    fn links_begin_where_the_server_listens_unless_it_is_said_otherwise() {
        let url = |name, value| load(name, value).unwrap().server.public_url();
        assert_eq!(Config::default().server.public_url(), "http://127.0.0.1:8080");
        assert_eq!(url("SERVER__BIND", "192.0.2.7:9000"), "http://192.0.2.7:9000");
        assert_eq!(url("SERVER__BIND", "0.0.0.0:9000"), "http://127.0.0.1:9000");
        assert_eq!(url("SERVER__BIND", "[::]:9000"), "http://[::1]:9000");
        assert_eq!(url("SERVER__PUBLIC_URL", "https://refrain.example/"), "https://refrain.example");
        assert_eq!(url("SERVER__PUBLIC_URL", "https://example.org/refrain"), "https://example.org/refrain");
    }
}
