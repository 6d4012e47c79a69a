//! Search in words: what is searched, and how a query becomes patterns.

use crate::error::{Error, Result};

/// Most words of a query.
const WORDS_MAX: usize = 8;
/// Longest query in characters.
const QUERY_MAX: usize = 200;
/// The character that takes the special meaning from `%`, `_` and itself in a pattern.
pub const ESCAPE: char = '!';

/// What a listing is found by: all its parts in lower case.
pub fn text<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().collect::<Vec<_>>().join("\n").to_lowercase()
}

/// The patterns that a text must match, one for each word of a query.
///
/// # Errors
/// `invalid` for a query of more words or characters than anybody types.
pub fn patterns(query: &str) -> Result<Vec<String>> {
    if query.chars().count() > QUERY_MAX {
        return Err(Error::invalid(format!("q: a search has at most {QUERY_MAX} characters.")));
    }
    let words: Vec<String> = query.to_lowercase().split_whitespace().map(pattern).collect();
    if words.len() > WORDS_MAX {
        return Err(Error::invalid(format!("q: a search has at most {WORDS_MAX} words.")));
    }
    Ok(words)
}

fn pattern(word: &str) -> String {
    let mut out = String::from("%");
    for c in word.chars() {
        if matches!(c, '%' | '_') || c == ESCAPE {
            out.push(ESCAPE);
        }
        out.push(c);
    }
    out.push('%');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_patterns_and_nothing_in_them_is_special() {
        assert_eq!(patterns("  Jazz  50%_off! ").unwrap(), ["%jazz%", "%50!%!_off!!%"]);
        assert!(patterns(" \t ").unwrap().is_empty());
        assert_eq!(patterns("ÉTÉ").unwrap(), ["%été%"]);
        assert_eq!(text(["Été", "JAZZ"]), "été\njazz");
    }

    #[test]
    fn endless_queries_are_refused() {
        assert!(patterns(&"a ".repeat(WORDS_MAX + 1)).is_err());
        assert!(patterns(&"a".repeat(QUERY_MAX + 1)).is_err());
    }
}
