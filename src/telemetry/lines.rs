//! The way of log lines to standard error: gathered for a moment, as a call of the system for each line would be a good part
//! of what a request costs. A warning or an error goes out at once, with all that came before it.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Longest time that a line waits.
const WAIT: Duration = Duration::from_millis(50);
/// Bytes that are gathered at most.
const BYTES_MAX: usize = 64 << 10;

/// Where lines are gathered. Cloning shares the place.
#[derive(Clone)]
pub struct Lines(Arc<Gathered>);

struct Gathered {
    bytes: Mutex<Vec<u8>>,
    begun: Condvar,
    /// Where they go.
    out: fn(&[u8]),
}

/// Writes out on drop what is still there.
pub struct LastLines(Lines);

impl Drop for LastLines {
    fn drop(&mut self) {
        self.0.write_out(&mut self.0.bytes());
    }
}

/// Where standard error is gone there is nobody to tell.
fn to_stderr(bytes: &[u8]) {
    let _ = std::io::stderr().write_all(bytes);
}

impl Lines {
    /// Begins to gather, and a thread that writes out. What is there at the end is written when the second value is dropped.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn gather() -> std::io::Result<(Lines, LastLines)> {
        let lines = Lines::to(to_stderr);
        let writer = lines.clone();
        std::thread::Builder::new().name("log".into()).spawn(move || writer.keep_writing())?;
        Ok((lines.clone(), LastLines(lines)))
    }

    /// Lines that go out by themselves only when there are many, or one is urgent.
    pub(super) fn to(out: fn(&[u8])) -> Lines {
        Lines(Arc::new(Gathered { bytes: Mutex::default(), begun: Condvar::new(), out }))
    }

    fn keep_writing(&self) {
        loop {
            let bytes = self.0.begun.wait_while(self.bytes(), |bytes| bytes.is_empty());
            drop(bytes.unwrap_or_else(PoisonError::into_inner));
            std::thread::sleep(WAIT);
            self.write_out(&mut self.bytes());
        }
    }

    fn write_out(&self, bytes: &mut Vec<u8>) {
        (self.0.out)(bytes);
        bytes.clear();
    }

    /// Has a line written behind those that are there.
    pub fn push(&self, at_once: bool, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.bytes();
        let begins = bytes.is_empty();
        write(&mut bytes);
        if at_once || bytes.len() >= BYTES_MAX {
            self.write_out(&mut bytes);
        } else if begins {
            self.0.begun.notify_one();
        }
    }

    /// What waits.
    #[cfg(test)]
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes().clone()).unwrap()
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that is being written.
pub struct Line<'a> {
    lines: &'a Lines,
    at_once: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.lines.push(self.at_once, |bytes| bytes.extend_from_slice(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, at_once: true }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        Line { lines: self, at_once: *meta.level() <= Level::WARN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_until_there_are_many_or_one_is_urgent() {
        // Without the thread that writes, what waits stays; and what goes out does not go to who reads of the tests.
        let lines = Lines::to(|_| ());
        let waiting = Line { lines: &lines, at_once: false }.write(b"a request\n").map(|_| lines.bytes().len());
        assert_eq!(waiting.unwrap(), 10);
        assert_eq!(Line { lines: &lines, at_once: true }.write(b"a failure\n").unwrap(), 10);
        assert!(lines.bytes().is_empty());
        for _ in 0..BYTES_MAX / 8 - 1 {
            Line { lines: &lines, at_once: false }.write_all(b"8 bytes\n").unwrap();
        }
        assert_eq!(lines.bytes().len(), BYTES_MAX - 8);
        Line { lines: &lines, at_once: false }.write_all(b"8 bytes\n").unwrap();
        assert!(lines.bytes().is_empty());
    }
}
