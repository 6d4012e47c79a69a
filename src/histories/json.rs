//! JSON as people's exports hold it: one array of rows, read in one pass and in pieces, without a tree in between.
//!
//! A row is an object and decoded on its own. One that is valid JSON and yet not what a row should be is handed
//! over as `None`, and the reading goes on behind it; only what is no JSON at all ends the file.
//! Texts are borrowed from the piece's bytes. Nesting costs no stack: values that nobody wants are
//! passed over in a loop. Ordinary rows go through `quick`, all others through `serde_json`.

mod quick;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Why a file is not an array of JSON values, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Bytes before the place, a byte order mark included.
    pub byte: usize,
    /// The line of the place, counted from one.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// Reads an array piece by piece.
#[derive(Debug, Default)]
pub struct Rows {
    next: Next,
    bytes_before: usize,
    lines_before: usize,
}

/// What has to come next, apart from space.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    #[default]
    Array,
    FirstRow,
    Row,
    Comma,
    Nothing,
}

impl Rows {
    /// Hands every element in a piece of the file to `each`, `None` for one that cannot be a `T`. Returns the bytes
    /// that are done with: the next piece begins behind them. In any piece but the last, what seems to be no JSON may
    /// only be cut off, and is left for the next.
    ///
    /// # Errors
    /// The first place where the file stops to be JSON; elements before it have been handed over.
    pub fn read<'a, T: Deserialize<'a>>(
        &mut self,
        piece: &'a [u8],
        last: bool,
        each: impl FnMut(Option<T>),
    ) -> Result<usize, Unreadable> {
        let done = self.walk(piece, last, each).map_err(|place| Unreadable {
            byte: self.bytes_before + place.byte,
            line: self.lines_before + place.line,
            what: place.what,
        })?;
        self.bytes_before += done;
        self.lines_before += line_ends(&piece[..done]);
        Ok(done)
    }

    /// The same, with places that count from the piece's beginning.
    fn walk<'a, T: Deserialize<'a>>(
        &mut self,
        piece: &'a [u8],
        last: bool,
        mut each: impl FnMut(Option<T>),
    ) -> Result<usize, Unreadable> {
        let marked = self.bytes_before == 0 && piece.starts_with(b"\xef\xbb\xbf");
        let mut at = if marked { 3 } else { 0 };
        loop {
            at = skip_space(piece, at);
            let letter = piece.get(at);
            if letter.is_none() && (!last || self.next == Next::Nothing) {
                return Ok(at);
            }
            (self.next, at) = match (self.next, letter) {
                (Next::Array, Some(b'[')) => (Next::FirstRow, at + 1),
                (Next::FirstRow | Next::Comma, Some(b']')) => (Next::Nothing, at + 1),
                (Next::Comma, Some(b',')) => (Next::Row, at + 1),
                (Next::FirstRow | Next::Row, _) => match one_row(piece, at) {
                    Ok((row, end)) if last || end < piece.len() => {
                        each(row);
                        (Next::Comma, end)
                    }
                    Err(place) if last => return Err(place),
                    _ => return Ok(at),
                },
                (Next::Array, None) => return Err(unreadable(piece, at, "the file is empty")),
                (Next::Array, _) => return Err(unreadable(piece, at, "a history is an array and begins with [")),
                (Next::Comma, None) => return Err(unreadable(piece, at, "the file ends in the middle of the array")),
                (Next::Comma, _) => return Err(unreadable(piece, at, "a comma or the end of the array is missing")),
                (Next::Nothing, _) => return Err(unreadable(piece, at, "there is something behind the array")),
            };
        }
    }
}

/// The value that begins at `at`, and the first byte behind it.
fn one_row<'a, T: Deserialize<'a>>(bytes: &'a [u8], at: usize) -> Result<(Option<T>, usize), Unreadable> {
    // Only objects: an array would be taken for a row's fields in the order of their declaration.
    if bytes.get(at) == Some(&b'{') {
        if let Some((row, end)) = quick::row(bytes, at) {
            return Ok((Some(row), end));
        }
        let mut typed = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<T>();
        if let Some(Ok(row)) = typed.next() {
            return Ok((Some(row), at + typed.byte_offset()));
        }
    }
    // Not a row: another type, a number beyond every range, half of a surrogate pair? Or no JSON?
    let mut any = serde_json::Deserializer::from_slice(&bytes[at..]).into_iter::<IgnoredAny>();
    match any.next() {
        Some(Ok(_)) => Ok((None, at + any.byte_offset())),
        Some(Err(error)) if error.is_eof() => {
            Err(unreadable(bytes, bytes.len(), "the file ends in the middle of a row"))
        }
        Some(Err(error)) => {
            let place = offset(&bytes[at..], error.line(), error.column());
            Err(unreadable(bytes, (at + place).min(bytes.len()), &plain(&error)))
        }
        None => Err(unreadable(bytes, bytes.len(), "the file ends in the middle of the array")),
    }
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t')).map_or(bytes.len(), |n| from + n)
}

/// Where the parser's line and column lie in what it was given.
fn offset(bytes: &[u8], line: usize, column: usize) -> usize {
    let mut ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i + 1);
    let line_start = if line <= 1 { 0 } else { ends.nth(line - 2).unwrap_or(0) };
    line_start + column.saturating_sub(1)
}

/// The parser's words without its own line and column, which count from the row.
fn plain(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split(" at line ").next().unwrap_or(&words).to_owned()
}

fn unreadable(bytes: &[u8], byte: usize, what: &str) -> Unreadable {
    Unreadable { byte, line: 1 + line_ends(&bytes[..byte]), what: what.to_owned() }
}

/// Counts in bytes, for as many as a byte can count: so the compiler counts dozens at a time.
fn line_ends(bytes: &[u8]) -> usize {
    let in_chunk = |chunk: &[u8]| chunk.iter().map(|b| u8::from(*b == b'\n')).sum::<u8>();
    bytes.chunks(255).map(|chunk| usize::from(in_chunk(chunk))).sum()
}

/// A field as it was found: any JSON value can stand anywhere in a file that somebody edited.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value<'a> {
    /// Absent or `null`.
    #[default]
    Nothing,
    /// A text.
    Text(Cow<'a, str>),
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction, in the range where every one of them is exact.
    Whole(i64),
    /// Another number, an array or an object.
    Else,
}

impl<'a> Value<'a> {
    /// The text, `None` where there is none; a value of another type is an error.
    ///
    /// # Errors
    /// The row is malformed.
    pub fn text(self) -> Result<Option<Cow<'a, str>>, WrongType> {
        match self {
            Value::Nothing => Ok(None),
            Value::Text(text) if text.trim().is_empty() => Ok(None),
            Value::Text(text) if text.len() > MAX_TEXT_BYTES || text.chars().any(char::is_control) => Err(WrongType),
            Value::Text(text) => Ok(Some(text)),
            _ => Err(WrongType),
        }
    }

    /// Yes, no, or nothing; hand-made files write the empty text for nothing.
    ///
    /// # Errors
    /// The row is malformed.
    pub fn flag(self) -> Result<Option<bool>, WrongType> {
        match self {
            Value::Nothing => Ok(None),
            Value::Text(text) if text.is_empty() => Ok(None),
            Value::Bool(flag) => Ok(Some(flag)),
            _ => Err(WrongType),
        }
    }

    /// Whether anything stands here.
    pub fn is_something(&self) -> bool {
        !matches!(self, Value::Nothing) && !matches!(self, Value::Text(text) if text.is_empty())
    }
}

/// No name in genuine exports comes near this; the longest artist known has 82 characters.
const MAX_TEXT_BYTES: usize = 2_000;

/// A value is not of the type, or not of the size, that its field has.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongType;

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text)))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Whole(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        // Beyond the largest instant and the longest play either way.
        Ok(Value::Whole(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        // Spreadsheets and data frames write 1234.0 for 1234. Up to 2^53 that is the same number.
        let exact = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
        Ok(if exact { Value::Whole(number as i64) } else { Value::Else })
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Else)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Else)
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Self::Value, E> {
        Err(E::custom("not a text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::histories::window::look_through;
    use proptest::prelude::*;

    #[derive(serde::Deserialize)]
    struct Row<'a> {
        #[serde(borrow)]
        a: Value<'a>,
    }

    fn read(bytes: &[u8]) -> Result<Vec<Option<Value<'_>>>, Unreadable> {
        let mut rows = Vec::new();
        Rows::default().read::<Row<'_>>(bytes, true, |row| rows.push(row.map(|r| r.a)))?;
        Ok(rows)
    }

    #[test]
    fn rows_of_every_kind_are_walked() {
        let rows =
            read(b"\xef\xbb\xbf [ {\"a\":\"x\"}, {\"a\":null,\"b\":[1,{}]},7,{\"a\":1234.0}, {\"a\":[{}]}, null ]\r\n")
                .unwrap();
        let x = Value::Text("x".into());
        assert_eq!(rows, [Some(x), Some(Value::Nothing), None, Some(Value::Whole(1234)), Some(Value::Else), None]);
        assert_eq!(read(b"[]").unwrap(), []);
    }

    #[test]
    fn odd_values_cost_their_row_and_not_the_file() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(10 << 20));
        let control = "{\"a\":\"\u{1}\"}";
        for odd in ["[true]", "{\"a\":1e400}", "{\"a\":\"\\ud800\"}", "{\"a\":1,\"a\":2}", "{\"b\":1}", &deep] {
            let text = format!("[{odd},{{\"a\":true}}]");
            assert_eq!(
                read(text.as_bytes()).unwrap(),
                [None, Some(Value::Bool(true))],
                "{}",
                &odd[..odd.len().min(40)]
            );
        }
        assert!(read(format!("[{control}]").as_bytes()).is_err(), "a bare control character is no JSON");
        let huge = format!("[{long},{{\"a\":9223372036854775808}},{{\"a\":{deep}}}]");
        let rows = read(huge.as_bytes()).unwrap();
        assert!(matches!(rows[0].clone().unwrap().text(), Err(WrongType)), "ten million letters are no name");
        assert_eq!(rows[1..], [Some(Value::Whole(i64::MAX)), Some(Value::Else)]);
    }

    #[test]
    fn text_that_is_not_utf8_costs_its_row() {
        assert_eq!(read(b"[{\"a\":\"\xff\"},{\"a\":true}]").unwrap(), [None, Some(Value::Bool(true))]);
    }

    #[test]
    fn what_is_no_json_is_named_with_its_place() {
        let place = |bytes: &[u8]| read(bytes).map(|_| ()).map_err(|e| (e.byte, e.line));
        assert_eq!(place(b"[\n{\"a\":1},\n{\"a\":x}]"), Err((16, 3)));
        assert_eq!(place(b"[\n{\"a\":1},\n{\"a\":"), Err((16, 3)), "cut off");
        assert_eq!(place(b"[{\"a\":1}"), Err((8, 1)), "cut off between rows");
        assert_eq!(place(b"{\"a\":1}"), Err((0, 1)), "an object");
        assert_eq!(place(b""), Err((0, 1)));
        assert_eq!(place(b"[1,]"), Err((3, 1)));
        assert_eq!(place(b"[1 2]"), Err((3, 1)));
        assert_eq!(place(b"[NaN]"), Err((1, 1)));
        assert_eq!(place(b"[] []"), Err((3, 1)), "something behind it");
        assert!(read(b"[\"").is_err() && read("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(noise in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:0-9a-f\\\\u \n.e+-]{0,80}") {
            let _ = read(&noise);
            let _ = read(text.as_bytes());
            let _ = read(format!("[{text}").as_bytes());
            let _ = read(format!("[{{\"a\":{text}").as_bytes());
        }
    }

    /// What comes of a file that is looked through by a window of so many bytes.
    fn through_window(bytes: &[u8], window_bytes: usize) -> (Vec<String>, Option<Unreadable>) {
        let (mut rows, mut reader, mut problem) = (Vec::new(), Rows::default(), None);
        let looked = look_through(bytes, window_bytes, |piece, last| {
            let done = reader.read::<Row<'_>>(piece, last, |row| rows.push(format!("{:?}", row.map(|r| r.a))));
            done.map_err(|place| {
                problem = Some(place);
                Error::invalid("no JSON")
            })
        });
        assert_eq!(looked.is_err(), problem.is_some());
        (rows, problem)
    }

    proptest! {
        #[test]
        fn a_window_of_any_size_shows_the_same(
            rows in proptest::collection::vec(prop::sample::select(vec![
                "{\"a\":\"x\"}", " {\"a\" : null,\r\n\"b\":[1,{}]}\n", "7", "123456", "-1.5e3", "null", "\"te\\\"xt\"", "[[]]", "{\"a\":1e400}",
                "{\"a\":\"a text that is longer than windows are\"}", "{\"a\":\"Señor\"}\n\n", "{\"a\":", "nul", "", "]", "]]", "1 2",
            ]), 0..6),
            beginning in prop::sample::select(vec!["[", "\u{feff}[", " \n[\n", "", "{", "x"]),
            end in prop::sample::select(vec!["]", "\n]\r\n", "", "] x", "]\n\nx", ",]"]),
            window_bytes in 3..40usize,
        ) {
            let bytes = format!("{beginning}{}{end}", rows.join(",")).into_bytes();
            prop_assert_eq!(through_window(&bytes, window_bytes), through_window(&bytes, 1 << 10));
        }
    }
}
