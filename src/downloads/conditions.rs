//! Conditional requests on a file that never changes (RFC 9110, section 13).
//!
//! A file's entity tag is its SHA-256, so it is strong. There is no `Last-Modified`, so conditions on
//! dates are ignored (sections 13.1.3 and 13.1.4), and an `If-Range` with a date never matches.

/// The headers of a request that decide what it is answered with, as they were sent.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `If-Match`, all its lines joined by commas.
    pub if_match: Option<String>,
    /// `If-None-Match`, the same.
    pub if_none_match: Option<String>,
    /// `If-Range`.
    pub if_range: Option<String>,
    /// `Range`.
    pub range: Option<String>,
}

/// What the conditions come to, in the order of section 13.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The caller's copy is not this file: 412.
    Stale,
    /// The caller has it already: 304.
    Unchanged,
    /// Send the file, and only a part of it where `ranged` says so and a part is asked for.
    Send {
        /// Whether `Range` counts.
        ranged: bool,
    },
}

/// Weighs the conditions against the file's entity tag, quotes included.
pub fn weigh(asked: &Asked, tag: &str) -> Verdict {
    if asked.if_match.as_deref().is_some_and(|list| !matches_strongly(list, tag)) {
        return Verdict::Stale;
    }
    if asked.if_none_match.as_deref().is_some_and(|list| matches_weakly(list, tag)) {
        return Verdict::Unchanged;
    }
    let same = asked.if_range.as_deref().is_none_or(|given| given.trim() == tag);
    Verdict::Send { ranged: same }
}

fn matches_strongly(list: &str, tag: &str) -> bool {
    list.trim() == "*" || members(list).any(|member| member == tag)
}

fn matches_weakly(list: &str, tag: &str) -> bool {
    list.trim() == "*" || members(list).any(|member| member.strip_prefix("W/").unwrap_or(member) == tag)
}

/// The members of a list of tags. A foreign tag with a comma inside falls apart into pieces without
/// both quotes, none of which can equal a tag of ours.
fn members(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"9f86\"";

    fn verdict(if_match: Option<&str>, if_none_match: Option<&str>, if_range: Option<&str>) -> Verdict {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let asked = Asked {
            if_match: owned(if_match),
            if_none_match: owned(if_none_match),
            if_range: owned(if_range),
            range: None,
        };
        weigh(&asked, TAG)
    }

    #[test]
    fn a_copy_that_is_not_this_file_is_stale() {
        for matching in [TAG, "*", "\"a\", \"9f86\"", "\"a,b\",\"9f86\""] {
            assert_eq!(verdict(Some(matching), None, None), Verdict::Send { ranged: true }, "{matching}");
        }
        for stale in ["\"a\"", "W/\"9f86\"", "9f86", "", "\"x,\"9f86"] {
            assert_eq!(verdict(Some(stale), None, None), Verdict::Stale, "{stale}");
        }
    }

    #[test]
    fn who_has_it_gets_nothing_again() {
        for having in [TAG, "*", "W/\"9f86\"", "\"a\",W/\"9f86\""] {
            assert_eq!(verdict(None, Some(having), None), Verdict::Unchanged, "{having}");
        }
        assert_eq!(verdict(None, Some("\"a\""), None), Verdict::Send { ranged: true });
        assert_eq!(verdict(Some("\"a\""), Some(TAG), None), Verdict::Stale, "If-Match comes first");
    }

    #[test]
    fn a_part_is_only_for_who_has_the_rest_of_the_same_file() {
        assert_eq!(verdict(None, None, Some(TAG)), Verdict::Send { ranged: true });
        for other in ["\"a\"", "W/\"9f86\"", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(verdict(None, None, Some(other)), Verdict::Send { ranged: false }, "{other}");
        }
    }
}
