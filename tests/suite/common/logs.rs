//! What servers of this process log, as a server's own log would have it.

use std::io::Write;
use std::sync::{Mutex, OnceLock};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

static HEARD: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();

struct Ear;

impl Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        HEARD.get_or_init(Mutex::default).lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Listens from now on, to more than a server says unless it is asked to: all of the house, and what libraries tell.
pub fn listen() {
    let filter = Targets::new().with_default(Level::INFO).with_target("refrain", Level::TRACE);
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Ear).json().flatten_event(true);
    tracing_subscriber::registry().with(filter).with(lines).try_init().expect("nobody else listens");
}

/// What was heard so far.
pub fn heard() -> String {
    String::from_utf8_lossy(&HEARD.get_or_init(Mutex::default).lock().unwrap()).into_owned()
}
