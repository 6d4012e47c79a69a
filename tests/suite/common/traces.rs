//! What a server has on its disk: for tests that ask what was left behind.

use super::TestApp;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl TestApp {
    /// The files of the storage, by their keys.
    pub fn stored_files(&self) -> Vec<String> {
        let root = self.ctx.config.files_dir();
        let key = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let mut keys: Vec<String> = files_below(&root).iter().map(key).collect();
        keys.sort();
        keys
    }

    /// Waits until so many files are stored: a history is accepted a moment before what it replaces is deleted.
    #[track_caller]
    pub fn wait_for_files(&self, count: usize) {
        for _ in 0..1_000 {
            if self.stored_files().len() == count {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{count} files were to be stored, and these are: {:?}", self.stored_files());
    }

    /// The files of the data directory whose paths in it are wanted, with their content.
    pub fn kept_files(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>)> {
        let root = &self.ctx.config.data_dir;
        let path = |file: &PathBuf| file.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let files = files_below(root).into_iter().filter(|file| wanted(&path(file)));
        files.map(|file| (path(&file), std::fs::read(&file).unwrap())).collect()
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
