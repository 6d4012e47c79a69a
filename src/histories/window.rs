//! Shows a file to its reader through a window: a file of any size costs no more memory than what is looked at.
//!
//! That is also the fastest way. A window stays in the processor's cache between inflating and reading, and the
//! system need not find and clear memory for whole files, which takes longer than inflating them.

use crate::error::Result;
use std::io::{ErrorKind, Read};

/// A usual window: some hundred rows.
pub const WINDOW_BYTES: usize = 256 << 10;

/// How much a window grows at most where a single row is larger than it is.
const GROWTH_BYTES: usize = 8 << 20;

/// Shows all of `source` to `take`, piece by piece, and says with which piece it ends. What `take` has not done with, as
/// it answers, stands at the beginning of the next piece; where it has done with nothing, that piece is larger.
/// Returns the size of the file in bytes.
///
/// # Errors
/// Those of `source` and of `take`.
pub fn look_through(
    mut source: impl Read,
    window_bytes: usize,
    mut take: impl FnMut(&[u8], bool) -> Result<usize>,
) -> Result<u64> {
    let mut window = vec![0; window_bytes];
    let (mut filled, mut file_bytes) = (0, 0);
    loop {
        let read = match source.read(&mut window[filled..]) {
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        filled += read;
        file_bytes += read as u64;
        if read > 0 && filled < window.len() {
            continue;
        }
        let done = take(&window[..filled], read == 0)?;
        if read == 0 {
            return Ok(file_bytes);
        }
        if done == 0 {
            window.resize(window.len() + window.len().min(GROWTH_BYTES), 0);
        }
        window.copy_within(done..filled, 0);
        filled -= done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use proptest::prelude::*;

    /// Gives its bytes in portions of so many, and is interrupted before each.
    struct Portions<'a>(&'a [u8], usize, bool);

    impl Read for Portions<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(ErrorKind::Interrupted.into());
            }
            let portion = bytes.len().min(self.1);
            self.0.read(&mut bytes[..portion])
        }
    }

    proptest! {
        #[test]
        fn a_reader_of_words_sees_every_word_whole(text in "[ab ]{0,60}", window_bytes in 1..9usize, portion in 1..9usize) {
            let mut words = Vec::new();
            let source = Portions(text.as_bytes(), portion, false);
            let file_bytes = look_through(source, window_bytes, |piece, last| {
                let end = if last { piece.len() } else { piece.iter().rposition(|b| *b == b' ').map_or(0, |at| at + 1) };
                words.extend(piece[..end].split(|b| *b == b' ').filter(|word| !word.is_empty()).map(<[u8]>::to_vec));
                Ok(end)
            });
            prop_assert_eq!(file_bytes.unwrap(), text.len() as u64);
            let expected: Vec<&[u8]> = text.split_ascii_whitespace().map(str::as_bytes).collect();
            prop_assert_eq!(words, expected);
        }
    }

    #[test]
    fn failures_of_either_side_end_it() {
        let take = |_: &[u8], _| Err(Error::invalid("enough"));
        assert_eq!(look_through(&b"abc"[..], 2, take).unwrap_err().to_string(), Error::invalid("enough").to_string());
        let source = std::io::empty().chain(&b"abc"[..]).chain(Broken);
        assert!(look_through(source, 2, |piece, _| Ok(piece.len())).is_err());
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }
}
