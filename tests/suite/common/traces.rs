//! What a server has on its disk: for tests that ask what was left behind.

use super::TestApp;
use std::path::{Path, PathBuf};

impl TestApp {
    /// The files of the storage, by their keys.
    pub fn stored_files(&self) -> Vec<String> {
        let root = self.ctx.config.files_dir();
        let key = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let mut keys: Vec<String> = files_below(&root).iter().map(key).collect();
        keys.sort();
        keys
    }

    /// Whether bytes stand anywhere in the data directory: in the database, its log, the files. Mails are
    /// left out: they are what was sent.
    pub fn keeps(&self, what: &[u8]) -> bool {
        let mails = self.ctx.config.mail_dir();
        let files = files_below(&self.ctx.config.data_dir).into_iter().filter(|path| !path.starts_with(&mails));
        files.map(|path| std::fs::read(path).unwrap()).any(|bytes| bytes.windows(what.len()).any(|w| w == what))
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
