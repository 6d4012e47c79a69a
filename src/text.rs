//! Texts that people write and that others read among our own words: in a mail, an invoice, a vote. And
//! numbers as people read them there.

use serde::{Serialize, Serializer};
use std::fmt;

/// Whether a text has nothing but what shows: no control characters, and none of those that turn the
/// direction of writing (Unicode UAX #9, section 2), by which a sentence can be made to look like another.
/// Lines and tabs are allowed.
pub fn is_plain(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\n' | '\t') || !(c.is_control() || turns_direction(c)))
}

/// The same for a text of one line.
pub fn is_plain_line(text: &str) -> bool {
    is_plain(text) && !text.contains(['\n', '\t'])
}

const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// 32 bytes that are shown in hex: a hash, a tag, a nonce. They stand in every receipt, six times, and so are written without a
/// text of their own in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex(pub [u8; 32]);

impl Hex {
    /// Writes them behind what a text has already.
    pub fn push_to(&self, text: &mut String) {
        self.shown(|digits| text.push_str(digits));
    }

    fn shown<T>(&self, show: impl FnOnce(&str) -> T) -> T {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).expect("each byte has two digits");
        show(std::str::from_utf8(&digits).expect("digits are ASCII"))
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown(|digits| f.write_str(digits))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.shown(|digits| serializer.serialize_str(digits))
    }
}

/// JSON of ASCII alone, in one line: some who read it take characters of Unicode for the end of a line.
///
/// # Errors
/// What the library says of a value that is not one of JSON.
pub fn ascii_json<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    if json.is_ascii() {
        return Ok(json);
    }
    let mut ascii = String::with_capacity(json.len() + 32);
    // Outside of texts JSON has none but ASCII, and in a text each may be written by its number (RFC 8259, section 7).
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            character.encode_utf16(&mut units).iter().for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}")));
        }
    }
    Ok(ascii)
}

/// A text that stands in HTML as it is, inside an element and inside a quoted attribute.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A whole number of 10^-places as people write it: 50,000,000 with 9 places is 0.05.
pub fn decimal(number: u64, places: u32) -> String {
    let one = 10u64.pow(places);
    let fraction = format!("{:0width$}", number % one, width = places as usize);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{}", number / one) } else { format!("{}.{fraction}", number / one) }
}

/// A size as people say it: `512 MiB`, cut down to a tenth; below 1 MiB in bytes.
pub fn size(bytes: u64) -> String {
    let tenths = (u128::from(bytes) * 10) >> 20;
    match (bytes >> 20, tenths % 10) {
        (0, _) => format!("{bytes} bytes"),
        (mib, 0) => format!("{mib} MiB"),
        (mib, tenth) => format!("{mib}.{tenth} MiB"),
    }
}

/// What a library that reads JSON or TOML says of a value that does not fit, without the names of our types.
pub fn without_types(words: &str) -> String {
    let Some((before, rest)) = words.split_once("expected ") else { return words.to_owned() };
    let (wanted, place) = rest.split_once(" at line").map_or((rest, None), |(wanted, place)| (wanted, Some(place)));
    let wanted = match wanted {
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "value" => "a value of another kind",
        _ if wanted.starts_with("struct ") || wanted.starts_with("internally tagged enum") => "an object",
        _ if wanted.starts_with("tuple struct ") || wanted.starts_with("newtype struct ") => "a value",
        other => other,
    };
    match place {
        Some(place) => format!("{before}expected {wanted} at line{place}"),
        None => format!("{before}expected {wanted}"),
    }
}

/// What the library that reads queries says of a value that does not fit, without who says it and in words of no language for machines.
pub fn of_queries(words: &str) -> String {
    let words = words.trim_start_matches("Query deserialize error: ");
    let known = match words {
        "invalid digit found in string" | "cannot parse integer from empty string" => "a whole number is wanted",
        "number too large to fit in target type" | "number too small to fit in target type" => {
            "no number is that large"
        }
        "provided string was not `true` or `false`" => "`true` or `false` is wanted",
        other => other,
    };
    if let Some(name) = words.strip_prefix("duplicate field ") {
        return format!("{name} is given more than once");
    }
    let of_a_list = words.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected "));
    if let Some((value, list)) = of_a_list {
        return format!("{value} is none of {}", list.trim_start_matches("one of "));
    }
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(decimal(50_000_000, 9), "0.05");
        assert_eq!(decimal(1_000, 12), "0.000000001");
        assert_eq!(decimal(30_000, 3), "30");
        assert_eq!(decimal(0, 9), "0");
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        let sizes = [512 << 20, (1 << 20) + (1 << 19), (1 << 20) - 1, 0, u64::MAX];
        let words = ["512 MiB", "1.5 MiB", "1048575 bytes", "0 bytes", "17592186044415.9 MiB"];
        assert_eq!(sizes.map(size), words);
    }

    #[test]
    fn queries_are_told_of_in_words_of_no_language_for_machines() {
        for (words, expected) in [
            ("Query deserialize error: invalid digit found in string", "a whole number is wanted"),
            ("duplicate field `limit`", "`limit` is given more than once"),
            ("unknown variant `-price`, expected one of `price`, `title`", "`-price` is none of `price`, `title`"),
            ("something new", "something new"),
        ] {
            assert_eq!(of_queries(words), expected);
        }
    }

    #[test]
    fn what_does_not_show_is_told_from_what_does() {
        for good in ["Ådå & søn", "日本語", "שלום", "a\nb\tc", "👩‍🎤", ""] {
            assert!(is_plain(good), "{good:?}");
        }
        for bad in ["a\u{0}", "a\rb", "a\u{7f}", "safe \u{202E}gnp.exe", "\u{2066}a", "\u{200F}"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
        assert!(is_plain_line("one line") && !is_plain_line("two\nlines"));
    }
}
