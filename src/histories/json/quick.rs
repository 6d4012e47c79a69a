//! A decoder for rows as services write them, more than twice as quick as the careful one.
//!
//! It knows flat objects of texts, whole numbers, `true`, `false` and `null`: all that genuine rows hold. At anything
//! else, be it valid (a list, a fraction, `\u00e9`) or not, it gives up, and the careful decoder reads the row from its
//! beginning. So every error, and every judgement of what is odd, is the careful one's; this one must only never take
//! what the other refuses, nor take it for something else.

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::fmt;

/// The row that begins at `at`, and the first byte behind it; `None` where the careful decoder has to look.
#[inline]
pub fn row<'a, T: Deserialize<'a>>(bytes: &'a [u8], at: usize) -> Option<(T, usize)> {
    let mut quick = Quick { bytes, at };
    let row = T::deserialize(&mut quick).ok()?;
    Some((row, quick.at))
}

struct Quick<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// So many digits always fit.
const MOST_DIGITS: usize = 18;

impl<'a> Quick<'a> {
    #[inline(always)]
    fn peek(&self) -> Result<u8, GaveUp> {
        self.bytes.get(self.at).copied().ok_or(GaveUp)
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn expect(&mut self, word: &[u8]) -> Result<(), GaveUp> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(GaveUp);
        }
        self.at += word.len();
        Ok(())
    }

    /// Goes to the next quote, backslash or control character of a text.
    #[inline(always)]
    fn skip_letters(&mut self) -> Result<u8, GaveUp> {
        while let Some(chunk) = self.bytes.get(self.at..self.at + 8) {
            let letters = special_bytes(chunk.try_into().map_err(|_| GaveUp)?).trailing_zeros() / 8;
            self.at += letters as usize;
            if letters < 8 {
                return self.peek();
            }
        }
        while self.peek()? >= b' ' && !matches!(self.peek()?, b'"' | b'\\') {
            self.at += 1;
        }
        self.peek()
    }

    /// A text without escapes, as it stands between its quotes. Where there is an escape in it, stops there.
    #[inline(always)]
    fn plain_text(&mut self) -> Result<Option<&'a [u8]>, GaveUp> {
        self.expect(b"\"")?;
        let start = self.at;
        match self.skip_letters()? {
            b'"' => {
                self.at += 1;
                Ok(Some(&self.bytes[start..self.at - 1]))
            }
            b'\\' => Ok(None),
            _ => Err(GaveUp),
        }
    }

    /// The rest of a text with escapes in it. Only those of one letter: exports write all others as they are.
    #[cold]
    fn escaped_text(&mut self, start: usize) -> Result<String, GaveUp> {
        let mut text = self.bytes[start..self.at].to_vec();
        loop {
            let letters_at = self.at;
            let special = self.skip_letters()?;
            text.extend_from_slice(&self.bytes[letters_at..self.at]);
            self.at += 1;
            match special {
                b'"' => return String::from_utf8(text).map_err(|_| GaveUp),
                b'\\' => text.push(unescaped(self.peek()?)?),
                _ => return Err(GaveUp),
            }
            self.at += 1;
        }
    }

    /// A whole number. One below zero stands in no genuine row.
    #[inline(always)]
    fn whole(&mut self) -> Result<u64, GaveUp> {
        let start = self.at;
        let mut number = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        let padded = self.bytes[start] == b'0' && self.at > start + 1;
        let goes_on = matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E'));
        if padded || goes_on || self.at - start > MOST_DIGITS { Err(GaveUp) } else { Ok(number) }
    }
}

/// A high bit for each byte that is a quote, a backslash or a control character; above the lowest such bit others may
/// be wrong. (Subtracting from all bytes at once: only a byte that is found borrows from those above it.)
#[inline(always)]
fn special_bytes(chunk: [u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let letters = u64::from_le_bytes(chunk);
    let below = |letters: u64, limit: u8| letters.wrapping_sub(ONES * u64::from(limit)) & !letters;
    let equal = |letter: u8| below(letters ^ (ONES * u64::from(letter)), 1);
    (below(letters, b' ') | equal(b'"') | equal(b'\\')) & (ONES << 7)
}

fn unescaped(letter: u8) -> Result<u8, GaveUp> {
    Ok(match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return Err(GaveUp),
    })
}

impl<'de> Deserializer<'de> for &mut Quick<'de> {
    type Error = GaveUp;

    #[inline(always)]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GaveUp> {
        match self.peek()? {
            b'"' => {
                let start = self.at + 1;
                match self.plain_text()? {
                    Some(text) => visitor.visit_borrowed_str(std::str::from_utf8(text).map_err(|_| GaveUp)?),
                    None => visitor.visit_string(self.escaped_text(start)?),
                }
            }
            b'n' => self.expect(b"null").and_then(|()| visitor.visit_unit()),
            b't' => self.expect(b"true").and_then(|()| visitor.visit_bool(true)),
            b'f' => self.expect(b"false").and_then(|()| visitor.visit_bool(false)),
            b'0'..=b'9' => visitor.visit_u64(self.whole()?),
            _ => Err(GaveUp),
        }
    }

    #[inline(always)]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, GaveUp> {
        self.expect(b"{")?;
        visitor.visit_map(Fields { quick: self, first: true })
    }

    /// A key. Those of services are ASCII; another one may be no text at all, which the careful decoder finds out.
    #[inline(always)]
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GaveUp> {
        let key = self.plain_text()?.filter(|key| key.is_ascii()).ok_or(GaveUp)?;
        visitor.visit_borrowed_bytes(key)
    }

    /// A value that nobody wants: its text need not even be UTF-8, for the careful decoder does not look either.
    #[inline(always)]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, GaveUp> {
        if self.peek()? == b'"' && self.plain_text()?.is_some() {
            return visitor.visit_unit();
        }
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum
    }
}

/// The keys and values of a row. Whatever takes them takes all: it learns of the end by asking for the next key.
struct Fields<'q, 'a> {
    quick: &'q mut Quick<'a>,
    first: bool,
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = GaveUp;

    #[inline(always)]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, GaveUp> {
        self.quick.skip_space();
        if self.quick.peek()? == b'}' {
            self.quick.at += 1;
            return Ok(None);
        }
        if !std::mem::take(&mut self.first) {
            self.quick.expect(b",")?;
            self.quick.skip_space();
        }
        seed.deserialize(&mut *self.quick).map(Some)
    }

    #[inline(always)]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, GaveUp> {
        self.quick.skip_space();
        self.quick.expect(b":")?;
        self.quick.skip_space();
        seed.deserialize(&mut *self.quick)
    }
}

/// The careful decoder has to look. Carries nothing: nobody reads it.
#[derive(Debug)]
struct GaveUp;

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a row as services write them")
    }
}

impl std::error::Error for GaveUp {}

impl de::Error for GaveUp {
    fn custom<T: fmt::Display>(_: T) -> Self {
        GaveUp
    }
}

#[cfg(test)]
mod tests {
    use super::super::Value;
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Default, serde::Deserialize)]
    #[serde(default)]
    struct Row<'a> {
        #[serde(borrow, alias = "an\u{e4}")]
        a: Value<'a>,
        #[serde(borrow)]
        name: Value<'a>,
    }

    fn quick(bytes: &[u8]) -> Option<(Row<'_>, usize)> {
        row(bytes, 0)
    }

    fn careful(bytes: &[u8]) -> Option<(Row<'_>, usize)> {
        let mut rows = serde_json::Deserializer::from_slice(bytes).into_iter();
        rows.next()?.ok().map(|row| (row, rows.byte_offset()))
    }

    #[test]
    fn rows_as_services_write_them_are_taken() {
        for json in [
            "{}",
            r#"{"a":"x","name":"y"},"#,
            "{\n    \"a\" : \"2023-10-02 23:43\",\n    \"unknown\" : 61000\r\n  }\n]",
            r#"{ "a": 123456789012345678, "name": "夜に \"駆\\ける\"", "other": "" } "#,
            r#"{"a": true, "name": null, "b": false, "c": "Señor, without escapes and longer than eight bytes", "d": 0}"#,
        ] {
            assert!(quick(json.as_bytes()).is_some(), "{json}");
            assert_eq!(quick(json.as_bytes()), careful(json.as_bytes()), "{json}");
        }
    }

    #[test]
    fn all_else_is_left_to_the_careful_decoder() {
        for json in [
            "",
            "{",
            "[]",
            "7",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{,}",
            "{\"a\" 1}",
            "{\"a\":1 \"name\":2}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":01}",
            "{\"a\":-1}",
            "{\"a\":1.5}",
            "{\"a\":1e2}",
            "{\"a\":1234567890123456789}",
            "{\"a\":[]}",
            "{\"b\":{}}",
            "{\"a\":\"\\u00e9\"}",
            "{\"b\":\"\\u00e9\"}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"no end",
            "{\"a\":\"no end, with an escape\\",
            "{\"a\":nul}",
            "{\"a\":tru",
            "{\"an\u{e4}\":1}",
            "{\"\\u0061\":1}",
        ] {
            assert_eq!(quick(json.as_bytes()), None, "{json}");
        }
        assert_eq!(quick(b"{\"a\":\"\xff\"}"), None);
        assert_eq!(quick(b"{\"\xff\":1}"), None);
    }

    /// Pieces of rows, put together at random: many are rows, and many nearly so.
    fn anything_like_a_row() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            ",",
            ":",
            " ",
            "\n  ",
            "\"",
            "\\",
            "\"a\"",
            "\"name\"",
            "\"b\"",
            "\"a\":",
            "\"name\" : ",
            ",\"b\":",
            "null",
            "true",
            "false",
            "0",
            "17",
            "-",
            "01",
            "1.0",
            "1e3",
            "\"text\"",
            "\"\\\"\"",
            "\"\\\\\"",
            "\"\\n\"",
            "\"\\u00e9\"",
            "\"Señor 夜\"",
            "[",
            "]",
            "\u{7f}",
            "\t",
        ]);
        prop_oneof![
            proptest::collection::vec(piece.clone(), 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
            (proptest::collection::vec((piece.clone(), piece), 0..3), any::<prop::sample::Index>(), any::<u8>())
                .prop_map(|(cells, at, with)| {
                    let cells: Vec<String> = cells.iter().map(|(a, b)| format!("{a}:{b}")).collect();
                    let mut bytes = format!("{{{}}}", cells.join(",")).into_bytes();
                    let at = at.index(bytes.len());
                    if with < 128 {
                        bytes[at] = with.wrapping_mul(2)
                    }
                    bytes
                }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn what_it_takes_it_takes_as_the_careful_decoder_does(bytes in anything_like_a_row()) {
            if let Some(row) = quick(&bytes) {
                prop_assert_eq!(Some(row), careful(&bytes));
            }
        }

        #[test]
        fn letters_are_told_from_what_ends_or_breaks_a_text(chunk in any::<[u8; 8]>()) {
            let special = |b: &u8| *b < b' ' || matches!(b, b'"' | b'\\');
            let first = chunk.iter().position(special).unwrap_or(8);
            prop_assert_eq!(special_bytes(chunk).trailing_zeros() as usize / 8, first);
        }
    }
}
