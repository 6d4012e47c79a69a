//! A throw-away PostgreSQL cluster: its own directory, its own port, gone when the tests end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A cluster that runs as long as the tests do.
pub struct Cluster {
    port: u16,
    databases: AtomicU32,
    bin: PathBuf,
}

/// Where the server programs are: on PATH, or where Debian puts them. `None` without them.
pub fn server_programs() -> Option<PathBuf> {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    on_path.chain(debian).find(|bin| ["initdb", "postgres", "pg_ctl"].iter().all(|program| bin.join(program).exists()))
}

/// The cluster, started at the first call.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start(server_programs().expect("PostgreSQL's server programs are installed")))
}

impl Cluster {
    fn start(bin: PathBuf) -> Self {
        let directory = tempfile::Builder::new().prefix("refrain-pg").tempdir().unwrap().keep();
        let port = free_port();
        let as_postgres = running_as_root();
        if as_postgres {
            run(Command::new("chown").arg("-R").arg("postgres").arg(&directory));
        }
        let data = directory.join("data");
        run(program(&bin, "initdb", as_postgres).arg("-D").arg(&data).args([
            "-U",
            "refrain",
            "-A",
            "trust",
            "--no-sync",
        ]));
        // The shell waits for the tests' process to end, however it ends, and then takes all of it away.
        let watch = format!(
            "while kill -0 {pid} 2>/dev/null; do sleep 1; done; kill -QUIT $(head -1 {data}/postmaster.pid); sleep 1; rm -rf {directory}",
            pid = std::process::id(),
            data = data.display(),
            directory = directory.display()
        );
        let options = format!("-p {port} -h 127.0.0.1 -k {} -c max_connections=200 -c fsync=off", directory.display());
        run(program(&bin, "pg_ctl", as_postgres)
            .arg("-D")
            .arg(&data)
            .arg("-o")
            .arg(options)
            .arg("-l")
            .arg(directory.join("log"))
            .args(["-w", "start"]));
        #[allow(clippy::zombie_processes)] // it outlives this process on purpose
        Command::new("sh")
            .arg("-c")
            .arg(watch)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let cluster = Cluster { port, databases: AtomicU32::new(0), bin };
        cluster.wait();
        cluster
    }

    /// The URL of a new, empty database.
    pub fn new_database(&self) -> String {
        let name = self.new_name();
        self.execute(&format!("CREATE DATABASE {name}")).unwrap();
        self.url(&name)
    }

    /// The URL of a new database with what another one has in it. Waits until nobody is connected to that any more.
    pub fn copy_of(&self, url: &str) -> String {
        let (name, began_at) = (self.new_name(), Instant::now());
        while let Err(error) = self.execute(&format!("CREATE DATABASE {name} TEMPLATE {}", name_in(url))) {
            assert!(began_at.elapsed() < Duration::from_secs(30), "{url} cannot be copied: {error}");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.url(&name)
    }

    /// Removes a database, whoever is connected to it.
    pub fn remove(&self, url: &str) {
        self.execute(&format!("DROP DATABASE {} WITH (FORCE)", name_in(url))).unwrap();
    }

    fn new_name(&self) -> String {
        format!("t{}", self.databases.fetch_add(1, Ordering::SeqCst))
    }

    fn execute(&self, sql: &str) -> diesel::QueryResult<()> {
        use diesel::Connection;
        use diesel::connection::SimpleConnection;
        diesel::PgConnection::establish(&self.url("postgres")).unwrap().batch_execute(sql)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://refrain@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    fn wait(&self) {
        use diesel::Connection;
        let began_at = Instant::now();
        while diesel::PgConnection::establish(&self.url("postgres")).is_err() {
            assert!(began_at.elapsed() < Duration::from_secs(60), "PostgreSQL of {} did not start", self.bin.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The name of a database of this cluster.
fn name_in(url: &str) -> &str {
    url.rsplit('/').next().and_then(|name| name.split('?').next()).unwrap()
}

/// PostgreSQL refuses to run as root; Debian's package brings a user for it.
fn program(bin: &Path, name: &str, as_postgres: bool) -> Command {
    let path = bin.join(name);
    if as_postgres {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
        command
    } else {
        Command::new(path)
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(output.success(), "{command:?} failed");
}

fn running_as_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8_lossy(&id.stdout).trim() == "0"
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
