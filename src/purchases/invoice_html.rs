//! The invoice as a page that prints on one sheet. Everything is in it: no script, no picture, no
//! font from elsewhere. Every text from outside is escaped.

use super::invoice::{Invoice, Party};
use crate::text::escape_html as escape;
use std::fmt::{self, Write};

const STYLE: &str = "body{font:11pt/1.45 system-ui,sans-serif;color:#222;max-width:44rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1rem;margin:0 0 .25rem}\
.parties{display:flex;gap:2rem;margin:1.5rem 0}.parties section{flex:1}\
dl{display:grid;grid-template-columns:9rem 1fr;gap:.15rem 1rem;margin:0}dt{color:#666}dd{margin:0;overflow-wrap:anywhere}\
table{width:100%;border-collapse:collapse;margin:1rem 0}td,th{padding:.4rem 0;border-bottom:1px solid #ccc;text-align:left}\
td:last-child,th:last-child{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\
tfoot th{border-bottom:2px solid #222}p{white-space:pre-line}\
@page{margin:2cm}@media print{body{margin:0;max-width:none}}";

/// The whole page.
pub fn page(invoice: &Invoice) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let number = escape(&invoice.number);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Invoice {number}</title><style>{STYLE}</style></head>\n<body><h1>Invoice {number}</h1>\n<dl>"
    )?;
    for (name, value) in invoice.facts() {
        write!(out, "<dt>{name}</dt><dd>{}</dd>", escape(&value))?;
    }
    out.push_str("</dl>\n<div class=\"parties\">");
    party(&mut out, "Seller", &invoice.seller)?;
    party(&mut out, "Buyer", &invoice.buyer)?;
    out.push_str("</div>\n<table><thead><tr><th>For</th><th>Amount</th></tr></thead><tbody>");
    for line in &invoice.lines {
        write!(out, "<tr><td>{}</td><td>{}</td></tr>", escape(&line.text), escape(&line.amount.to_string()))?;
    }
    let total = escape(&invoice.total.to_string());
    writeln!(out, "</tbody><tfoot><tr><th>Total</th><th>{total}</th></tr></tfoot></table>")?;
    for note in invoice.notes() {
        write!(out, "<p>{}</p>", escape(&note))?;
    }
    out.push_str("</body></html>\n");
    Ok(out)
}

fn party(out: &mut String, title: &str, party: &Party) -> fmt::Result {
    let lines: Vec<String> = party.lines().iter().map(|line| escape(line)).collect();
    write!(out, "<section><h2>{title}</h2>{}</section>", lines.join("<br>"))
}

#[cfg(test)]
mod tests {
    use super::super::invoice::tests::hostile;
    use super::*;

    #[test]
    fn no_text_from_outside_becomes_markup_and_nothing_is_fetched() {
        let html = page(&hostile()).unwrap();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
        for fetched in ["http://", "https://", "src=", "@import", "url("] {
            assert!(!html.contains(fetched), "{fetched}");
        }
        assert!(html.contains("USD 65,450.00") && html.contains("<br>second<br>"));
    }
}
