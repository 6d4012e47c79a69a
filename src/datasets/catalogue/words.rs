//! Words: what of a text is searched, and what a query asks for.
//!
//! Both are folded and told apart here and not by the databases, which know different alphabets and have rules of their own for
//! addresses, numbers and signs. What they get are *tokens* of the letters `a` to `z` and digits alone, the first of them a letter, which
//! both take for one word each, and which have no meaning in either's language of queries. So a search finds the same on both,
//! and nothing that anybody types can be more than words.
//!
//! - Capitals, accents, width and ligatures make no difference, nor does the `s` of a plural.
//! - Signs separate words, but `+` and `#` at the end of one belong to it: `C++` is not `C`. Emoji are words.
//! - In scripts that are written without spaces every character is a word, so that any part of a text is found.

use crate::error::{Error, Result};
use icu_normalizer::DecomposingNormalizerBorrowed;
use std::fmt::Write;

/// Most words of a query.
const WORDS_MAX: usize = 8;
/// Longest query in characters.
const QUERY_MAX: usize = 200;
/// Of a longer word only so many characters count.
const WORD_MAX: usize = 60;
/// A plural of fewer letters is left as it is: `gas`.
const PLURAL_MIN: usize = 4;
/// Stands around the number of a character that is no letter from `a` to `z` and no digit; and so it is one itself.
const ESCAPE: char = 'q';
/// Stands between two texts: a token that no word has, as it is the escape of no character.
const BETWEEN: &str = " qq ";

/// What is asked for: all of the first, and nothing of the second.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Each must be found.
    pub wanted: Vec<Term>,
    /// None may be found.
    pub unwanted: Vec<Term>,
}

/// A word or a phrase, in the wordings of which any will do.
#[derive(Debug, PartialEq, Eq)]
pub struct Term(pub Vec<Wording>);

/// Tokens that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// The tokens, one at least.
    pub tokens: Vec<String>,
    /// Whether a token that begins with the last one will do: it may not have been typed to its end.
    pub is_open: bool,
}

/// The tokens of some texts, as they are kept to be searched. A phrase is found within one of them, and not from one to the next.
pub fn searched<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let text = |text| words(text).iter().map(|word| token(singular(word))).collect::<Vec<_>>().join(" ");
    let texts: Vec<String> = texts.into_iter().map(text).collect();
    texts.join(BETWEEN)
}

/// A text in the order of which lists are sorted: folded, so that capitals and accents do not tear apart what belongs together.
pub fn sorted_by(text: &str) -> String {
    words(text).join(" ")
}

impl Question {
    /// Reads a query: words, "phrases in quotes", and -words that must not be found. Whatever has no letter, digit or emoji says nothing.
    ///
    /// # Errors
    /// `invalid` for a query of more words or characters than anybody types.
    pub fn read(query: &str) -> Result<Question> {
        if query.chars().count() > QUERY_MAX {
            return Err(Error::invalid(format!("q: a search has at most {QUERY_MAX} characters.")));
        }
        let mut question = Question::default();
        let mut rest = query.trim_start();
        while !rest.is_empty() {
            let is_unwanted = rest.starts_with('-');
            let (text, is_open, after) = next(rest.trim_start_matches('-'));
            let is_open = is_open && !is_unwanted;
            if let Some(term) = Term::of(text, is_open) {
                if is_unwanted { question.unwanted.push(term) } else { question.wanted.push(term) }
            }
            rest = after.trim_start();
        }
        if question.wanted.len() + question.unwanted.len() > WORDS_MAX {
            return Err(Error::invalid(format!("q: a search has at most {WORDS_MAX} words and phrases.")));
        }
        Ok(question)
    }

    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }
}

/// The first word or phrase of a query, whether it may not have been typed to its end, and what comes after it.
fn next(rest: &str) -> (&str, bool, &str) {
    if let Some(phrase) = rest.strip_prefix(is_quote) {
        return match phrase.find(is_quote) {
            Some(end) => (&phrase[..end], false, skip_one(&phrase[end..])),
            None => (phrase, !phrase.ends_with(char::is_whitespace), ""),
        };
    }
    match rest.find(|c: char| c.is_whitespace() || is_quote(c)) {
        Some(end) => (&rest[..end], false, &rest[end..]),
        None => (rest, true, ""),
    }
}

fn skip_one(text: &str) -> &str {
    let mut rest = text.chars();
    rest.next();
    rest.as_str()
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»')
}

impl Term {
    fn of(text: &str, is_open: bool) -> Option<Term> {
        let words = words(text);
        let last = words.last()?.clone();
        let tokens: Vec<String> = words.iter().map(|word| token(singular(word))).collect();
        let mut wordings = vec![Wording { tokens: tokens.clone(), is_open: false }];
        if is_open {
            // As far as it was typed: the `s` of `lens` may be the plural's or not, so the whole begins nothing that `len` does.
            let mut open = Wording { tokens, is_open: true };
            open.tokens.pop();
            open.tokens.push(token(&last));
            wordings.push(open);
        }
        Some(Term(wordings))
    }
}

/// The words of a text, folded.
fn words(text: &str) -> Vec<String> {
    let letters = letters(text);
    let (mut words, mut word) = (Vec::new(), String::new());
    let mut end = |word: &mut String| {
        if let Some((end, _)) = word.char_indices().nth(WORD_MAX) {
            word.truncate(end);
        }
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    for (index, c) in letters.iter().copied().enumerate() {
        if stands_alone(c) {
            end(&mut word);
            word.push(c);
            end(&mut word);
        } else if c.is_alphanumeric() || (!word.is_empty() && is_suffix(&letters[index..])) {
            word.push(c);
        } else {
            end(&mut word);
        }
    }
    end(&mut word);
    words
}

/// A text without what makes no difference (Unicode UAX #15: compatibility decomposition).
fn letters(text: &str) -> Vec<char> {
    let lower = text.to_lowercase();
    let apart = DecomposingNormalizerBorrowed::new_nfkd().normalize(&lower);
    let mut letters = Vec::with_capacity(apart.len());
    // What signs are made of may be capitals again, as with `™`.
    for c in apart.chars().filter(|c| !is_accent(*c)).flat_map(char::to_lowercase) {
        match written_otherwise(c) {
            Some(written) => letters.extend(written.chars()),
            None => letters.push(c),
        }
    }
    letters
}

/// Letters that Unicode takes for whole, and that people without such a key write otherwise.
const fn written_otherwise(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        _ => return None,
    })
}

/// Accents of Latin, Greek and Cyrillic letters, the points of Hebrew and Arabic ones, and what draws these longer.
fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{591}'..='\u{5C7}' | '\u{610}'..='\u{61A}' | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}')
}

/// Characters of scripts that are written without spaces (Thai, Lao, Burmese, Khmer, Chinese, Japanese), and pictures.
fn stands_alone(c: char) -> bool {
    let unspaced = matches!(c, '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3041}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}');
    let picture = c >= '\u{2190}' && !matches!(c, '\u{2E00}'..='\u{303F}' | '\u{FE00}'..='\u{FE6F}' | '\u{E0000}'..);
    if c.is_alphanumeric() { unspaced } else { picture && !c.is_whitespace() && !c.is_control() }
}

/// Whether what follows ends a word as in `C++` and `C#`.
fn is_suffix(rest: &[char]) -> bool {
    let after = rest.iter().find(|c| !matches!(c, '+' | '#'));
    matches!(rest[0], '+' | '#') && after.is_none_or(|c| !c.is_alphanumeric())
}

/// A word without the `s` of a plural: Harman 1991, "How effective is suffixing?", the last rule of her weakest stemmer.
fn singular(word: &str) -> &str {
    let Some(stem) = word.strip_suffix('s') else { return word };
    let is_plural = word.len() >= PLURAL_MIN && !stem.ends_with(['s', 'u', 'i']) && stem.is_ascii();
    if is_plural { stem } else { word }
}

/// A word in letters and digits of ASCII. Where a word begins another, its token begins the other's.
fn token(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        // PostgreSQL takes `1e5x` for two words, so no token begins with a digit.
        if c.is_ascii_lowercase() && c != ESCAPE || c.is_ascii_digit() && !out.is_empty() {
            out.push(c);
        } else {
            // Writing into a text cannot fail.
            let _ = write!(out, "{ESCAPE}{:x}{ESCAPE}", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_folded_and_told_apart() {
        for (text, expected) in [
            ("Été À Paris", &["ete", "a", "paris"][..]),
            ("ＦＵＬＬ ﬁne Ⅳ", &["full", "fine", "iv"]),
            ("Straße Øre Łódź Ǿ™", &["strasse", "ore", "lodz", "otm"]),
            ("C++, C# and C", &["c++", "c#", "and", "c"]),
            ("rock+pop AC/DC don't", &["rock", "pop", "ac", "dc", "don", "t"]),
            ("capped_plays 50%_off!", &["capped", "plays", "50", "off"]),
            ("音楽データ", &["音", "楽", "テ", "\u{3099}", "ー", "タ"]),
            ("🎵 night🌙", &["🎵", "night", "🌙"]),
            ("مُوسِيقَى", &["موسيقى"]),
            ("% \" * -- ()", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(searched(["Artists", "of  jazz", "1e5x queen"]), "artist qq of jazz qq q31qe5x q71queen");
    }

    #[test]
    fn plurals_are_one_with_their_singular() {
        for (word, expected) in
            [("artists", "artist"), ("jazz", "jazz"), ("chess", "chess"), ("gas", "gas"), ("bus", "bus"), ("s", "s")]
        {
            assert_eq!(singular(word), expected, "{word}");
        }
    }

    fn read(query: &str) -> (Vec<String>, Vec<String>) {
        let told = |terms: Vec<Term>| -> Vec<String> {
            let of =
                |wording: &Wording| format!("{}{}", wording.tokens.join("+"), if wording.is_open { "…" } else { "" });
            terms.iter().map(|term| term.0.iter().map(of).collect::<Vec<_>>().join("|")).collect()
        };
        let question = Question::read(query).unwrap();
        (told(question.wanted), told(question.unwanted))
    }

    #[test]
    fn a_query_is_words_phrases_and_what_must_not_be_found() {
        for (query, wanted, unwanted) in [
            ("", &[][..], &[][..]),
            (" % \" ' *", &[], &[]),
            ("jazz at", &["jazz", "at|at…"], &[]),
            ("jazz ", &["jazz"], &[]),
            ("lens", &["len|lens…"], &[]),
            ("\"late night\" jazz ", &["late+night", "jazz"], &[]),
            ("\"late nights", &["late+night|late+nights…"], &[]),
            ("\"late\"night", &["late", "night|night…"], &[]),
            ("hip-hop -jazz -\"late night\" ", &["hip+hop"], &["jazz", "late+night"]),
            ("-", &[], &[]),
            ("--x", &[], &["x"]),
            ("a OR b AND NOT NEAR(c ", &["a", "or", "b", "and", "not", "near+c"], &[]),
        ] {
            let expected = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
            assert_eq!(read(query), (expected(wanted), expected(unwanted)), "{query}");
        }
    }

    #[test]
    fn endless_queries_are_refused() {
        assert!(Question::read(&"a ".repeat(WORDS_MAX + 1)).is_err());
        assert!(Question::read(&"a".repeat(QUERY_MAX + 1)).is_err());
    }

    proptest! {
        #[test]
        fn tokens_are_letters_and_digits_whatever_is_written(text in "\\PC{0,60}", other in any::<String>()) {
            for text in [text, other] {
                for token in searched([text.as_str()]).split_whitespace() {
                    prop_assert!(token.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{}", token);
                    prop_assert!(token.starts_with(|c: char| c.is_ascii_lowercase()), "{}", token);
                    prop_assert!(token != BETWEEN.trim(), "{}", text);
                }
            }
        }

        #[test]
        fn what_a_word_begins_with_begins_its_token(word in "[a-z0-9q音é+]{1,9}", cut in 0usize..9) {
            for word in words(&word) {
                let beginning: String = word.chars().take(cut).collect();
                prop_assert!(token(&word).starts_with(&token(&beginning)));
            }
        }
    }
}
