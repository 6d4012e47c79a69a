//! An S3-compatible service on this machine: its own directory, its own port, gone when the tests end.
//!
//! It is `s3s-fs`, which keeps each bucket as a directory and, unlike most that stand in for such a service, refuses what is
//! signed with another key or is older than it says: requests and links. `cargo install` brings it, so that nothing but
//! Rust is needed.

use super::postgres::free_port;
use refrain::config::{S3, Secret};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const KEY_ID: &str = "refrain-tests";
const SECRET: &str = "made-up-for-the-tests";

/// A service that runs as long as the tests do.
pub struct Service {
    port: u16,
    directory: PathBuf,
    buckets: AtomicU32,
}

/// A bucket of it.
pub struct Bucket {
    pub settings: S3,
    /// Where its files lie on this machine.
    pub directory: PathBuf,
}

/// The service, started at the first call.
pub fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(Service::start)
}

impl Service {
    #[allow(clippy::zombie_processes)] // both outlive this process on purpose
    fn start() -> Self {
        let directory = tempfile::Builder::new().prefix("refrain-s3").tempdir().unwrap().keep();
        let port = free_port();
        let program = std::env::var("REFRAIN_S3_SERVER").unwrap_or_else(|_| "s3s-fs".into());
        let server = Command::new(&program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--access-key", KEY_ID, "--secret-key", SECRET])
            .arg(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|cause| {
                panic!("{program} cannot be started ({cause}): cargo install s3s-fs --features binary")
            });
        // The shell waits for the tests' process to end, however it ends, and then takes all of it away.
        let watch = format!(
            "while kill -0 {tests} 2>/dev/null; do sleep 1; done; kill -KILL {server}; rm -rf {directory}",
            tests = std::process::id(),
            server = server.id(),
            directory = directory.display()
        );
        Command::new("sh").arg("-c").arg(watch).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let began_at = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began_at.elapsed() < Duration::from_secs(60), "{program} did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Service { port, directory, buckets: AtomicU32::new(0) }
    }

    /// A new, empty bucket.
    pub fn new_bucket(&self) -> Bucket {
        let name = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::SeqCst));
        let directory = self.directory.join(&name);
        std::fs::create_dir(&directory).unwrap();
        let settings = S3 {
            bucket: name,
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            region: "us-east-1".into(),
            access_key_id: Some(KEY_ID.into()),
            secret_access_key: Some(Secret::from(SECRET.to_owned())),
            virtual_hosted: false,
            redirect_s: 0,
        };
        Bucket { settings, directory }
    }
}
