//! An agreement as a plain text. What stands at the beginning of a line is ours: values and quoted words are set in, so that no
//! name and no field of use can pass for a clause.

use super::clauses::{Clause, Part, moment};
use super::model::Facts;

/// Lines are broken before they are longer than this, in characters.
const WIDTH: usize = 80;
/// Where values stand.
const INDENT: &str = "                ";

/// What readers take for the end of a line (Unicode 16.0, section 5.8).
const END_OF_LINE: [char; 7] = ['\n', '\r', '\u{B}', '\u{C}', '\u{85}', '\u{2028}', '\u{2029}'];

/// The whole text.
pub fn text(facts: &Facts, clauses: &[Clause]) -> String {
    let mut out = String::from("LICENCE AGREEMENT\n\n");
    fold(&mut out, &named("Licence"), INDENT, facts.licence_id.as_str());
    fold(&mut out, &named("Granted"), INDENT, &moment(facts.granted_at));
    for (number, clause) in (1..).zip(clauses) {
        out += &format!("\n{number}. {}\n", clause.title);
        for part in &clause.parts {
            out.push('\n');
            match part {
                Part::Facts(rows) => rows.iter().for_each(|(name, value)| fold(&mut out, &named(name), INDENT, value)),
                Part::Words(words) => fold(&mut out, "", "", &words.replace(END_OF_LINE, " ")),
                Part::List(lines) => lines.iter().for_each(|line| fold(&mut out, "- ", "  ", line)),
                Part::Quoted(words) => fold(&mut out, "  > ", "  > ", words),
            }
        }
    }
    out
}

fn named(name: &str) -> String {
    format!("{name:<width$}", width = INDENT.len())
}

/// Writes a text in lines that are not too long, the first behind one beginning and all others behind another.
fn fold(out: &mut String, first: &str, other: &str, text: &str) {
    let mut begin = first;
    for paragraph in text.split(END_OF_LINE) {
        let mut line = begin.to_owned();
        for word in paragraph.split(' ') {
            let is_begun = line.len() > begin.len();
            if is_begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
                *out += line.trim_end();
                out.push('\n');
                begin = other;
                line = begin.to_owned();
            } else if is_begun {
                line.push(' ');
            }
            line += word;
        }
        *out += line.trim_end();
        out.push('\n');
        begin = other;
    }
}
