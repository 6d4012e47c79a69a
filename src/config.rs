//! Settings: defaults, then a TOML file, then `REFRAIN_…` variables, then flags. A later one wins.
//!
//! A variable names section and field: `REFRAIN_SERVER__BIND=0.0.0.0:8080` is `bind` in `[server]`;
//! `REFRAIN_DATA_DIR` has no section. Unknown names are refused in the file and ignored in the
//! environment (test switches live there too). Secrets are redacted in `Debug`.

mod checks;

use crate::error::{Error, Result};
use serde::Deserialize;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// All settings of a server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the embedded database, the files, the keys and the unsent mail lie.
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// Logs.
    pub log: Log,
    /// Accounts, passwords and tokens.
    pub auth: Auth,
    /// Outgoing mail.
    pub mail: Mail,
    /// Uploaded exports.
    pub uploads: Uploads,
    /// Stored files.
    pub storage: Storage,
    /// Background work.
    pub jobs: Jobs,
    /// The drawing of editions.
    pub draws: Draws,
    /// Webhooks of buyers.
    pub webhooks: Webhooks,
    /// What stands on invoices about the cooperative itself.
    pub seller: Seller,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Where the API listens.
    pub bind: SocketAddr,
    /// Where `/metrics` listens: an address of its own, so that it is never public by accident.
    pub metrics_bind: Option<SocketAddr>,
    /// How the outside reaches this server, if not where it listens; stands in mails, links and tokens.
    pub public_url: Option<String>,
    /// Worker threads; one per core if not set.
    pub workers: Option<usize>,
    /// Seconds that requests under way get after a stop signal.
    pub shutdown_grace_s: u64,
    /// Largest JSON body in bytes.
    pub json_limit_bytes: usize,
    /// Proxies whose `X-Forwarded-For` is believed when attempts are counted.
    pub trusted_proxies: Vec<IpAddr>,
}

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `postgres://…`, or nothing for `refrain.db` in the data directory.
    pub url: Option<Secret>,
    /// Connections that read; one per core, and two at least, if not set.
    pub readers: Option<u32>,
    /// Connections to PostgreSQL, where that is the database.
    pub pool_size: u32,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `pretty` for people, `json` for machines.
    pub format: LogFormat,
    /// What is logged: a level, or `module=level` for parts, with commas between them.
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    Pretty,
    Json,
}

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Seconds that an access token is good for.
    pub access_ttl_s: i64,
    /// Days that an unused session lives.
    pub refresh_ttl_days: i64,
    /// argon2id memory in KiB.
    pub argon2_memory_kib: u32,
    /// argon2id passes.
    pub argon2_passes: u32,
    /// Passwords hashed at the same time; more wait, and then are told to come back.
    pub argon2_permits: usize,
    /// Failed logins per account and per address in 15 minutes before further ones are refused.
    pub login_attempts: u32,
    /// Registrations from one network address in 15 minutes before further ones are refused.
    pub registrations: u32,
}

/// `[mail]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// `smtps://user:password@host` or `smtp://…?tls=required`; without it mails are written as
    /// `.eml` files into `mail/` in the data directory.
    pub smtp_url: Option<Secret>,
    /// The sender.
    pub from: String,
}

/// `[uploads]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uploads {
    /// Largest upload in bytes.
    pub max_bytes: u64,
    /// Seconds in which an upload must have arrived.
    pub timeout_s: u64,
    /// Threads that read uploads: one for each that is being read, and those left over help with its files.
    pub readers: usize,
}

/// `[storage]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Seconds for which an upload's plays lie in a file of their own before they are merged into those of the
    /// member's shard: so long others gather that are merged along.
    pub compact_after_s: i64,
    /// Files lie in a bucket and not in the data directory, where this is set.
    pub s3: Option<S3>,
}

/// `[storage.s3]`: a bucket of an S3-compatible service, which is there already.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Its name. Nothing else lies in it.
    pub bucket: String,
    /// Where the service is, if it is not that of AWS: `https://…`.
    pub endpoint: Option<String>,
    /// The service's region.
    #[serde(default = "S3::usual_region")]
    pub region: String,
    /// Who asks. Without it the machine's own credentials are looked for: in the `AWS_…` variables, then where the machine runs.
    pub access_key_id: Option<String>,
    /// The key's secret.
    pub secret_access_key: Option<Secret>,
    /// Whether the bucket stands in the host's name and not in the path.
    #[serde(default)]
    pub virtual_hosted: bool,
    /// Signed links lead on to the service's own links, which are good for so many seconds: the service then sends the files, and
    /// a link that was taken back, or a licence that was, may be read that much longer. With 0 all files come through this server.
    #[serde(default)]
    pub redirect_s: u64,
}

impl S3 {
    fn usual_region() -> String {
        "us-east-1".into()
    }
}

/// `[jobs]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// Whether this server works on background jobs.
    pub enabled: bool,
    /// Milliseconds between looks for due work.
    pub poll_ms: u64,
    /// Seconds after which the work of a server that has gone silent is taken over.
    pub lease_s: i64,
}

/// `[draws]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Draws {
    /// Memory in bytes that one draw may take before it spills to disk.
    pub memory_bytes: usize,
    /// Partitions that a draw works on at the same time; one per core if not set.
    pub partitions: Option<usize>,
    /// A CSV file with the columns `artist` and `mbid`: editions then tell the MusicBrainz ids of their artists.
    pub musicbrainz_csv: Option<PathBuf>,
}

/// `[webhooks]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Whether they may lead to `http` and to private addresses: for development on one machine, and for a network of one's own.
    pub allow_private: bool,
}

/// `[seller]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Seller {
    pub legal_name: String,
    pub address: String,
    pub country: String,
    pub tax_id: String,
    pub bank_details: String,
    pub contact_email: String,
}

/// A setting that never shows in logs.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            data_dir: PathBuf::from("refrain-data"),
            server: Server::default(),
            database: Database::default(),
            log: Log::default(),
            auth: Auth::default(),
            mail: Mail::default(),
            uploads: Uploads::default(),
            storage: Storage::default(),
            jobs: Jobs::default(),
            draws: Draws::default(),
            webhooks: Webhooks::default(),
            seller: Seller::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Server {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_bind: None,
            public_url: None,
            workers: None,
            shutdown_grace_s: 20,
            json_limit_bytes: 256 * 1024,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Server {
    /// How the outside reaches this server, without a slash at the end. Where that was not said it is where
    /// the server listens, or this machine where that is everywhere.
    pub fn public_url(&self) -> String {
        let listens = || {
            let mut address = self.bind;
            match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
                IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
                _ => {}
            }
            format!("http://{address}")
        };
        self.public_url.as_deref().map_or_else(listens, |url| url.trim_end_matches('/').to_owned())
    }
}

impl Default for Database {
    fn default() -> Self {
        Database { url: None, readers: None, pool_size: 16 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Pretty, filter: "info".into() }
    }
}

impl Default for Auth {
    fn default() -> Self {
        // OWASP's floor for argon2id: 19 MiB, 2 passes, 1 lane.
        Auth {
            access_ttl_s: 600,
            refresh_ttl_days: 30,
            argon2_memory_kib: 19_456,
            argon2_passes: 2,
            argon2_permits: 2 * cores(),
            login_attempts: 10,
            registrations: 60,
        }
    }
}

impl Default for Mail {
    fn default() -> Self {
        Mail { smtp_url: None, from: "Refrain <refrain@localhost>".into() }
    }
}

impl Default for Uploads {
    fn default() -> Self {
        Uploads { max_bytes: 512 << 20, timeout_s: 15 * 60, readers: cores() }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Storage { compact_after_s: 60, s3: None }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Jobs { enabled: true, poll_ms: 500, lease_s: 60 }
    }
}

impl Default for Draws {
    fn default() -> Self {
        Draws { memory_bytes: 1 << 30, partitions: None, musicbrainz_csv: None }
    }
}

impl Default for Seller {
    fn default() -> Self {
        Seller {
            legal_name: "The cooperative (set [seller] legal_name)".into(),
            address: "(set [seller] address)".into(),
            country: "ZZ".into(),
            tax_id: String::new(),
            bank_details: "(set [seller] bank_details)".into(),
            contact_email: "cooperative@localhost".into(),
        }
    }
}

impl Config {
    /// Defaults, then `file` if given, then the variables.
    ///
    /// # Errors
    /// `invalid` naming the file or setting, and what about it cannot be read or cannot be.
    pub fn load(file: Option<&Path>, variables: impl Iterator<Item = (String, String)>) -> Result<Self> {
        let mut table = toml::Table::new();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|e| Error::invalid(format!("The settings file {} cannot be read: {e}.", path.display())))?;
            table = text.parse().map_err(|e| Error::invalid(format!("{} is not valid TOML: {e}", path.display())))?;
        }
        for (name, value) in variables {
            if let Some(rest) = name.strip_prefix("REFRAIN_") {
                overlay(&mut table, rest, &value);
            }
        }
        let config: Config = table.try_into().map_err(|e| Error::invalid(format!("A setting is not valid: {e}")))?;
        config.check()?;
        Ok(config)
    }

    /// Makes the data directory where it is missing, closes an empty one to others, and sees that it can be
    /// written to.
    ///
    /// # Errors
    /// `invalid` naming the directory, what is wrong with it and what to do: also where everybody on the
    /// machine may look into it, as members' plays and addresses lie there.
    pub fn prepare_data_dir(&self) -> Result<()> {
        let directory = self.data_dir.display();
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data_dir);
        made.and_then(|()| tempfile::tempfile_in(&self.data_dir)).map_err(|cause| {
            Error::invalid(format!(
                "The data directory {directory} cannot be used: {cause}. Name another with --data-dir or data_dir, or \
                 let this user write there."
            ))
        })?;
        let mode = std::fs::metadata(&self.data_dir)?.permissions().mode();
        if mode & 0o007 == 0 {
            return Ok(());
        }
        if std::fs::read_dir(&self.data_dir)?.next().is_none() {
            let closed = std::fs::Permissions::from_mode(mode & 0o7770);
            return Ok(std::fs::set_permissions(&self.data_dir, closed)?);
        }
        Err(Error::invalid(format!(
            "Everybody on this machine may look into the data directory {directory}, where members' plays lie; run \
             chmod o= {directory}."
        )))
    }

    /// The embedded database's file.
    pub fn sqlite_path(&self) -> PathBuf {
        self.data_dir.join("refrain.db")
    }

    /// The directory of the stored files.
    pub fn files_dir(&self) -> PathBuf {
        self.data_dir.join("files")
    }

    /// The directory of what draws spill. Made by the first draw, removed when a server starts.
    pub fn spill_dir(&self) -> PathBuf {
        self.data_dir.join("spill")
    }

    /// The directory of the signing keys and the pepper.
    pub fn keys_dir(&self) -> PathBuf {
        self.data_dir.join("keys")
    }

    /// The directory into which mails are written where no SMTP server is set.
    pub fn mail_dir(&self) -> PathBuf {
        self.data_dir.join("mail")
    }
}

/// Sets one value from a variable, if its name is a setting: `SECTION__FIELD`, or `FIELD`. A section may lie in another.
fn overlay(table: &mut toml::Table, name: &str, value: &str) {
    let name = name.to_ascii_lowercase();
    let mut sections: Vec<&str> = name.split("__").collect();
    let field = sections.pop().unwrap_or_default();
    if sections.is_empty() {
        if field == "data_dir" {
            table.insert(name, value.into());
        }
        return;
    }
    let mut inmost = table;
    for section in sections {
        // A section that is misspelt is refused with the rest, when the table is read.
        let entry = inmost.entry(section).or_insert_with(|| toml::Table::new().into());
        let Some(found) = entry.as_table_mut() else { return };
        inmost = found;
    }
    inmost.insert(field.into(), typed(value));
}

/// Numbers, booleans and lists as TOML writes them; all else is a text.
fn typed(value: &str) -> toml::Value {
    let parsed = format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("v"));
    match parsed {
        Some(v @ (toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_))) => v,
        _ => value.into(),
    }
}

/// Cores of the machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

#[cfg(test)]
mod tests;
