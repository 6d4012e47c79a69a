//! An agreement as a page that prints. Everything is in it: no script, no picture, nothing from elsewhere, and a policy of its own
//! that holds for a saved copy too. Every text from outside is escaped.

use super::clauses::{Clause, Part, moment};
use super::model::Facts;
use crate::text::escape_html as escape;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::{self, Write};

const STYLE: &str = "body{font:11pt/1.5 system-ui,sans-serif;color:#222;max-width:46rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1.05rem;margin:1.75rem 0 .5rem;break-after:avoid}\
dl{display:grid;grid-template-columns:9rem 1fr;gap:.15rem 1rem;margin:.5rem 0}dt{color:#666}\
dd{margin:0;white-space:pre-line;overflow-wrap:anywhere}p,li{overflow-wrap:anywhere}p{margin:.5rem 0}ul{margin:.5rem 0;padding-left:1.25rem}\
blockquote{margin:.5rem 0;padding-left:1rem;border-left:3px solid #ccc;white-space:pre-line;overflow-wrap:anywhere}\
@page{margin:2cm}@media print{body{margin:0;max-width:none}}";

/// The whole page.
pub fn page(facts: &Facts, clauses: &[Clause]) -> Result<String, fmt::Error> {
    let mut out = String::new();
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Licence agreement {}</title><style>{STYLE}</style></head>\n<body><h1>Licence agreement</h1>\n",
        policy(),
        facts.licence_id
    )?;
    let granted = moment(facts.granted_at);
    rows(&mut out, &[("Licence", facts.licence_id.to_string()), ("Granted", granted)])?;
    for (number, clause) in (1..).zip(clauses) {
        writeln!(out, "<h2>{number}. {}</h2>", escape(clause.title))?;
        for part in &clause.parts {
            match part {
                Part::Facts(facts) => rows(&mut out, facts)?,
                Part::Words(words) => writeln!(out, "<p>{}</p>", escape(words))?,
                Part::List(lines) => {
                    out.push_str("<ul>");
                    lines.iter().try_for_each(|line| write!(out, "<li>{}</li>", escape(line)))?;
                    out.push_str("</ul>\n");
                }
                Part::Quoted(words) => writeln!(out, "<blockquote>{}</blockquote>", escape(words))?,
            }
        }
    }
    out.push_str("</body></html>\n");
    Ok(out)
}

/// What a browser may do with the page: apply this one style, and nothing else (Content Security Policy, level 3).
pub fn policy() -> String {
    let style = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'")
}

fn rows(out: &mut String, facts: &[(&str, String)]) -> fmt::Result {
    out.push_str("<dl>");
    for (name, value) in facts {
        write!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value))?;
    }
    out.push_str("</dl>\n");
    Ok(())
}
