//! JSON in the handwriting of each kind of export, which a library's own style would not give.

/// How an export lays out its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// All on one line: extended histories until 2023.
    Compact,
    /// Two spaces of indentation: extended histories since.
    Pretty,
    /// The same with a space before the colon: account data.
    Spaced,
}

/// A value in a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    Number(i64),
    Flag(bool),
    Null,
}

/// An array of rows in the making.
pub(super) struct Sheet {
    hand: Hand,
    out: String,
    rows: usize,
}

impl Sheet {
    pub(super) fn new(hand: Hand) -> Self {
        Sheet { hand, out: String::from("["), rows: 0 }
    }

    pub(super) fn row(&mut self, cells: &[(&str, Cell<'_>)]) {
        let (before_row, before_cell, after_cells, colon) = match self.hand {
            Hand::Compact => ("", "", "", ":"),
            Hand::Pretty => ("\n  ", "\n    ", "\n  ", ": "),
            Hand::Spaced => ("\n  ", "\n    ", "\n  ", " : "),
        };
        if self.rows > 0 {
            self.out.push(',');
        }
        self.rows += 1;
        self.out.push_str(before_row);
        self.out.push('{');
        for (i, (key, cell)) in cells.iter().enumerate() {
            if i > 0 {
                self.out.push(',');
            }
            self.out.push_str(before_cell);
            self.out.push('"');
            self.out.push_str(key);
            self.out.push('"');
            self.out.push_str(colon);
            match cell {
                Cell::Text(text) => self.text(text),
                Cell::Number(number) => self.out.push_str(&number.to_string()),
                Cell::Flag(true) => self.out.push_str("true"),
                Cell::Flag(false) => self.out.push_str("false"),
                Cell::Null => self.out.push_str("null"),
            }
        }
        self.out.push_str(after_cells);
        self.out.push('}');
    }

    /// Letters of every alphabet stand as they are, as in genuine exports.
    fn text(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.find(['"', '\\']) {
            self.out.push_str(&rest[..at]);
            self.out.push('\\');
            self.out.push_str(&rest[at..=at]);
            rest = &rest[at + 1..];
        }
        self.out.push_str(rest);
        self.out.push('"');
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.out.push_str(if self.hand == Hand::Compact || self.rows == 0 { "]" } else { "\n]" });
        self.out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hand_writes_json_in_its_own_way() {
        let written = |hand| {
            let mut sheet = Sheet::new(hand);
            sheet.row(&[("a", Cell::Text("x \"y\" \\ ü")), ("b", Cell::Null)]);
            sheet.row(&[("a", Cell::Number(-1)), ("b", Cell::Flag(true))]);
            String::from_utf8(sheet.finish()).unwrap()
        };
        assert_eq!(written(Hand::Compact), r#"[{"a":"x \"y\" \\ ü","b":null},{"a":-1,"b":true}]"#);
        assert!(written(Hand::Pretty).starts_with("[\n  {\n    \"a\": \"x "));
        assert!(written(Hand::Spaced).starts_with("[\n  {\n    \"a\" : \"x "));
        for hand in [Hand::Compact, Hand::Pretty, Hand::Spaced] {
            let value: serde_json::Value = serde_json::from_str(&written(hand)).unwrap();
            assert_eq!(value[0]["a"], "x \"y\" \\ ü");
        }
        assert_eq!(Sheet::new(Hand::Pretty).finish(), b"[]");
    }
}
