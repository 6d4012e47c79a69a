//! Texts that people write and that others read among our own words: in a mail, an invoice, a vote.

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

#[cfg(test)]
mod tests {
    use super::*;

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
