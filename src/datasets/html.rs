//! A listing as a page for people. Everything is in it: no script runs, nothing is loaded from elsewhere, and every text from
//! outside is escaped. What search engines for datasets read of it lies inside, as data.

use super::views::{DatasetView, EditionSummary, PreviewView};
use crate::aggregates::Column;
use crate::error::{Error, Result};
use crate::money::{counted, grouped};
use crate::text::escape_html as escape;
use serde_json::Value;
use std::fmt::{self, Write};

/// The media type of the page.
pub const MEDIA_TYPE: &str = "text/html; charset=utf-8";

const STYLE: &str = "body{font:11pt/1.5 system-ui,sans-serif;color:#222;max-width:52rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}.of{color:#555;margin:.25rem 0 1.5rem}\
dl{display:grid;grid-template-columns:10rem 1fr;gap:.25rem 1rem;margin:1rem 0}dt{color:#555}dd{margin:0;overflow-wrap:anywhere}\
table{width:100%;border-collapse:collapse;margin:.5rem 0}td,th{padding:.35rem .75rem .35rem 0;border-bottom:1px solid #ccc;\
text-align:left;vertical-align:top;overflow-wrap:anywhere}.text{white-space:pre-line}code{font-size:.95em}\
@media(max-width:40rem){dl{grid-template-columns:1fr}}";

/// The whole page. `linked` is the listing in the words of schema.org.
///
/// # Errors
/// `internal`: only by a defect.
pub fn page(view: &DatasetView, linked: &Value) -> Result<String> {
    let mut out = String::new();
    let written = head(&mut out, view, linked).and_then(|()| body(&mut out, view));
    written.map_err(Error::internal)?;
    Ok(out)
}

fn head(out: &mut String, view: &DatasetView, linked: &Value) -> fmt::Result {
    let (title, id) = (escape(&view.title), &view.id);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title>\
         <link rel=\"canonical\" href=\"/v1/datasets/{id}\">"
    )?;
    for (path, media_type, words) in OTHER_FORMS {
        write!(
            out,
            "<link rel=\"alternate\" type=\"{media_type}\" href=\"/v1/datasets/{id}{path}\" title=\"{words}\">"
        )?;
    }
    let linked = in_script(linked);
    writeln!(out, "<style>{STYLE}</style><script type=\"application/ld+json\">{linked}</script></head>")
}

/// The same listing for programs.
const OTHER_FORMS: [(&str, &str, &str); 2] =
    [("/croissant.json", "application/ld+json", "Croissant"), ("/dcat.jsonld", "application/ld+json", "DCAT and ODRL")];

/// JSON inside of a script element: whatever its texts say, nothing in it ends the element or opens a comment (the HTML standard,
/// "restrictions for contents of script elements").
fn in_script(json: &Value) -> String {
    json.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn body(out: &mut String, view: &DatasetView) -> fmt::Result {
    let id = &view.id;
    let pool = format!("{}, a pool of {}", view.pool.name, counted_members(view.pool.members));
    write!(out, "<body><h1>{}</h1><p class=\"of\">From {}</p>", escape(&view.title), escape(&pool))?;
    write!(out, "<p class=\"text\">{}</p><dl>", escape(&view.description))?;
    for (name, value) in facts(view) {
        write!(out, "<dt>{name}</dt><dd>{}</dd>", escape(&value))?;
    }
    out.push_str("</dl><h2>What is in it</h2>");
    columns(out, &view.dictionary)?;
    for table in &view.accuracy.further_tables {
        write!(out, "<p>And a table <code>{}</code>:</p>", escape(&table.name))?;
        columns(out, &table.columns)?;
    }
    write!(out, "<h2>How exact it is</h2><p>{}</p><ul>", escape(&view.accuracy.explanation))?;
    for caveat in view.accuracy.warnings.iter().chain(&view.accuracy.caveats) {
        write!(out, "<li>{}</li>", escape(caveat))?;
    }
    write!(out, "</ul><h2>Try it</h2><p>{}</p><ul>", escape(&view.twin.note))?;
    for file in &view.twin.files {
        let (url, media_type) = (escape(&file.url), escape(&file.media_type));
        write!(out, "<li><a href=\"{url}\">{media_type}</a></li>")?;
    }
    out.push_str("</ul><h2>Editions</h2>");
    editions(out, &view.editions)?;
    view.preview.as_ref().map_or(Ok(()), |shown| preview(out, shown))?;
    write!(out, "<h2>Where it comes from</h2><p>{}</p>", escape(&view.provenance.origin))?;
    write!(out, "<p>{}</p>", escape(&view.provenance.consent_note))?;
    let (name, text) = (escape(&view.licence.name), escape(&view.licence.text));
    write!(out, "<h2 id=\"licence\">{name}</h2><p class=\"text\">{text}</p><h2>For programs</h2><ul>")?;
    for (path, _, words) in OTHER_FORMS {
        write!(out, "<li><a href=\"/v1/datasets/{id}{path}\">{words}</a></li>")?;
    }
    writeln!(
        out,
        "</ul><p><code>/v1/datasets/{id}</code> gives all of this as JSON to programs. An offer is made through the API: see \
         <a href=\"/docs#offers\">its page</a>.</p></body></html>"
    )
}

fn counted_members(members: u64) -> String {
    counted(i64::try_from(members).unwrap_or(i64::MAX), "members")
}

/// What a buyer asks first.
fn facts(view: &DatasetView) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Price", format!("from {}. {}", view.price.floor, view.price.note)),
        ("For", words(&view.purposes)),
        ("Rows", format!("{} at least, or the terms' refund applies", grouped(view.rows_promised))),
        ("Exclusivity", view.exclusivity.words.clone()),
        ("Privacy budget", view.budget.words.clone()),
        ("Good for", view.accuracy.good_for.clone()),
        ("Keywords", view.keywords.join(", ")),
        ("Listed", view.listed_at.map_or_else(String::new, |at| at.calendar().format("%Y-%m-%d").to_string())),
        ("Questions to", view.contact_email.clone()),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// Purposes as people read them.
fn words(purposes: &[String]) -> String {
    purposes.iter().map(|purpose| purpose.replace('_', " ")).collect::<Vec<_>>().join(", ")
}

fn columns(out: &mut String, columns: &[Column]) -> fmt::Result {
    out.push_str(
        "<table><thead><tr><th>Column</th><th>What it says</th><th>How far it may be off</th></tr></thead><tbody>",
    );
    for column in columns {
        let [name, meaning, error_bar] = [&column.name, &column.meaning, &column.error_bar].map(|text| escape(text));
        write!(out, "<tr><td><code>{name}</code></td><td>{meaning}</td><td>{error_bar}</td></tr>")?;
    }
    out.push_str("</tbody></table>");
    Ok(())
}

fn editions(out: &mut String, editions: &[EditionSummary]) -> fmt::Result {
    if editions.is_empty() {
        out.push_str(
            "<p>None is drawn yet: the first is made for the first offer that the members accept and that is paid.</p>",
        );
        return Ok(());
    }
    out.push_str("<table><thead><tr><th>Edition</th><th>Rows</th><th>Members</th><th>Published</th><th></th></tr></thead><tbody>");
    for edition in editions {
        let published =
            edition.published_at.map_or_else(String::new, |at| at.calendar().format("%Y-%m-%d").to_string());
        let (number, rows, members) = (edition.number, grouped(edition.rows), grouped(edition.members));
        let recalled =
            edition.recall.as_ref().map_or_else(String::new, |recall| format!("<br>{}", escape(&recall.in_words)));
        write!(
            out,
            "<tr><td>{number}</td><td>{rows}</td><td>{members}</td><td>{published}</td><td><a href=\"/v1/editions/{}/privacy-report\">\
             Privacy report</a>{recalled}</td></tr>",
            edition.id
        )?;
    }
    out.push_str("</tbody></table>");
    Ok(())
}

fn preview(out: &mut String, shown: &PreviewView) -> fmt::Result {
    let Some(first) = shown.rows.first() else { return Ok(()) };
    write!(out, "<p>{}</p><table><thead><tr>", escape(&shown.note))?;
    for name in first.keys() {
        write!(out, "<th>{}</th>", escape(name))?;
    }
    out.push_str("</tr></thead><tbody>");
    for row in &shown.rows {
        out.push_str("<tr>");
        for value in row.values() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            write!(out, "<td>{}</td>", escape(&text))?;
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    Ok(())
}
