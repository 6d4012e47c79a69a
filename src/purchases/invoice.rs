//! The invoice: frozen when it is issued, as JSON, as plain text, and as a page that prints.

use super::invoice_html;
use crate::clock::UtcTime;
use crate::error::{Code, Error, Result};
use crate::ids::{DatasetId, EditionId, OfferId, PoolId};
use crate::money::Money;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use utoipa::ToSchema;

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "number": "R-2026-000123-7T5Y2Z",
    "issued_at": "2026-01-08T12:00:00Z",
    "due_at": "2026-01-22T12:00:00Z",
    "seller": {"name": "Listeners eG", "address": "Torstr. 1\n10119 Berlin", "country": "DE", "tax_id": "DE123456789"},
    "buyer": {"name": "Northwind Radio BV", "address": "Kade 5\n1011 AB Amsterdam", "country": "NL", "tax_id": "NL0012"},
    "po_number": "PO 4711",
    "offer_id": "offer_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "dataset_id": "dataset_01jd2k8m0wfv9s3x6q4r7t5y2z",
    "lines": [
        {"text": "Licence to \"Artist preference\", the next edition, 365 days", "amount": {"amount": 5_500_000, "currency": "USD"}},
        {"text": "Tax, 19 % of the price", "amount": {"amount": 1_045_000, "currency": "USD"}}
    ],
    "fee_included": {"amount": 550_000, "currency": "USD"},
    "total": {"amount": 6_545_000, "currency": "USD"},
    "tax_note": "",
    "bank_details": "IBAN DE02 1203 0000 0000 2020 51",
    "contact_email": "office@listeners.example",
    "terms_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}))]
pub struct Invoice {
    /// Its number: `R-`, the year, the next number of the pool, and letters that name the pool.
    pub number: String,
    /// When it was issued.
    pub issued_at: UtcTime,
    /// By when it is to be paid; after that the offer lapses.
    pub due_at: UtcTime,
    /// The cooperative.
    pub seller: Party,
    /// The organisation.
    pub buyer: Party,
    /// The buyer's purchase order number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub po_number: Option<String>,
    /// When it was paid in full; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<UtcTime>,
    /// Whether its offer has lapsed, so that nothing is owed any more. Absent: it stands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_void: bool,
    /// The offer that the members accepted.
    pub offer_id: OfferId,
    /// The dataset.
    pub dataset_id: DatasetId,
    /// The edition, where it is one from stock; a next one is drawn after payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition_id: Option<EditionId>,
    /// What is charged: the price, and tax where there is any.
    pub lines: Vec<Line>,
    /// The part of the price that the cooperative keeps. The rest goes to the members.
    pub fee_included: Money,
    /// What is to be paid: the sum of the lines.
    pub total: Money,
    /// What the buyer should know about tax.
    pub tax_note: String,
    /// Where to pay.
    pub bank_details: String,
    /// Whom to ask.
    pub contact_email: String,
    /// SHA-256 of the terms, in hex: the same on the offer, the vote and the licence.
    pub terms_hash: String,
}

/// A seller or a buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "Northwind Radio BV", "address": "Kade 5\n1011 AB Amsterdam", "country": "NL", "tax_id": "NL001234567B01"
}))]
pub struct Party {
    /// Legal name.
    pub name: String,
    /// Postal address, in lines.
    pub address: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Tax number; empty where there is none.
    pub tax_id: String,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"text": "Tax, 19 % of the price", "amount": {"amount": 1_045_000, "currency": "USD"}}))]
pub struct Line {
    /// What is charged for.
    pub text: String,
    /// How much.
    pub amount: Money,
}

/// The forms in which an invoice is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For programs.
    Json,
    /// For mails.
    Text,
    /// For people and printers.
    Html,
}

impl Form {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Text => "text/plain; charset=utf-8",
            Form::Html => "text/html; charset=utf-8",
        }
    }

    /// The form for the media ranges that a caller accepts, the best liked first (RFC 9110, section
    /// 12.5.1). JSON where anything will do.
    ///
    /// # Errors
    /// `not-acceptable` where none of the three is among them.
    pub fn accepted<'a>(ranges: impl IntoIterator<Item = &'a str>) -> Result<Form> {
        let fitting = |range: &str| match range {
            "application/json" | "application/*" | "*/*" => Some(Form::Json),
            "text/plain" | "text/*" => Some(Form::Text),
            "text/html" => Some(Form::Html),
            _ => None,
        };
        ranges.into_iter().find_map(fitting).ok_or_else(|| {
            Error::new(Code::NotAcceptable, "An invoice is given as application/json, text/plain or text/html.")
        })
    }
}

impl Invoice {
    /// The invoice in a form.
    ///
    /// # Errors
    /// `internal` where it cannot be written.
    pub fn render(&self, form: Form) -> Result<String> {
        match form {
            Form::Json => Ok(serde_json::to_string(self)?),
            Form::Text => self.text().map_err(Error::internal),
            Form::Html => invoice_html::page(self).map_err(Error::internal),
        }
    }

    /// What stands at the top, in pairs.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("Invoice", self.number.clone()),
            ("Issued", day(self.issued_at)),
            ("To be paid by", day(self.due_at)),
            ("Offer", self.offer_id.to_string()),
            ("Dataset", self.dataset_id.to_string()),
        ];
        facts.extend(self.edition_id.as_ref().map(|id| ("Edition", id.to_string())));
        facts.extend(self.po_number.as_ref().map(|number| ("Your order", number.clone())));
        facts.push(("Terms (SHA-256)", self.terms_hash.clone()));
        facts
    }

    /// What stands below the sum.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!(
            "Of the price, {} is the cooperative's fee; the rest goes to the members in equal shares.",
            self.fee_included
        )];
        notes.extend((!self.tax_note.is_empty()).then(|| self.tax_note.clone()));
        notes.push(match self.paid_at {
            Some(paid_at) => format!("Paid in full, {}. Thank you.", day(paid_at)),
            None if self.is_void => "Void: the offer has lapsed. Nothing is owed.".into(),
            None => format!("Please pay with the reference {} to:\n{}", self.number, self.bank_details),
        });
        notes.push(format!("Questions: {}", self.contact_email));
        notes
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        for (name, value) in self.facts() {
            writeln!(out, "{name:<16} {value}")?;
        }
        for (title, party) in [("Seller", &self.seller), ("Buyer", &self.buyer)] {
            writeln!(out, "\n{title}")?;
            for line in party.lines() {
                writeln!(out, "  {line}")?;
            }
        }
        writeln!(out)?;
        for line in &self.lines {
            writeln!(out, "{}\n{:>60}", line.text, line.amount.to_string())?;
        }
        writeln!(out, "Total\n{:>60}", self.total.to_string())?;
        for note in self.notes() {
            writeln!(out, "\n{note}")?;
        }
        Ok(out)
    }
}

impl Party {
    /// Name, address, country and tax number, line by line.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.name.clone()];
        lines.extend(self.address.lines().map(str::to_owned));
        lines.push(self.country.clone());
        lines.extend((!self.tax_id.is_empty()).then(|| format!("Tax number {}", self.tax_id)));
        lines
    }
}

/// The number that stands on an invoice: `R-`, the year, the pool's next number, and six letters of
/// the pool's id, because several pools may sell under one name and each counts for itself.
pub fn number(issued_at: UtcTime, pool_id: &PoolId, count: i64) -> String {
    let id = pool_id.as_str();
    // Ids are ASCII, and longer than six letters.
    let mark = id[id.len() - 6..].to_uppercase();
    format!("R-{}-{count:06}-{mark}", issued_at.calendar().format("%Y"))
}

/// Basis points as people write them: 1900 is `19 %`, 770 is `7.7 %`.
pub fn percent(basis_points: i32) -> String {
    let (whole, part) = (basis_points / 100, basis_points % 100);
    match part {
        0 => format!("{whole} %"),
        part if part % 10 == 0 => format!("{whole}.{} %", part / 10),
        part => format!("{whole}.{part:02} %"),
    }
}

fn day(at: UtcTime) -> String {
    at.calendar().format("%Y-%m-%d").to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An invoice whose every text tries to be markup.
    pub fn hostile() -> Invoice {
        let id = "01jd2k8m0wfv9s3x6q4r7t5y2z";
        let bad = "<script>alert('x')</script> & \"co\"";
        let party =
            Party { name: bad.into(), address: format!("{bad}\nsecond"), country: "DE".into(), tax_id: bad.into() };
        Invoice {
            number: "R-2026-000123-7T5Y2Z".into(),
            issued_at: UtcTime::parse("2026-01-08T12:00:00Z").unwrap(),
            due_at: UtcTime::parse("2026-01-22T12:00:00Z").unwrap(),
            seller: party.clone(),
            buyer: party,
            po_number: Some(bad.into()),
            paid_at: None,
            is_void: false,
            offer_id: OfferId::parse(&format!("offer_{id}")).unwrap(),
            dataset_id: DatasetId::parse(&format!("dataset_{id}")).unwrap(),
            edition_id: None,
            lines: vec![
                Line { text: bad.into(), amount: Money::new(5_500_000, "USD") },
                Line { text: "Tax, 19 % of the price".into(), amount: Money::new(1_045_000, "USD") },
            ],
            fee_included: Money::new(550_000, "USD"),
            total: Money::new(6_545_000, "USD"),
            tax_note: bad.into(),
            bank_details: bad.into(),
            contact_email: "office@listeners.example".into(),
            terms_hash: "00ff".into(),
        }
    }

    #[test]
    fn numbers_and_percentages_read_as_people_write_them() {
        let january = UtcTime::parse("2026-01-08T12:00:00Z").unwrap();
        let pool = PoolId::parse("pool_01jd2k8m0wfv9s3x6q4r7t5y2z").unwrap();
        assert_eq!(number(january, &pool, 123), "R-2026-000123-7T5Y2Z");
        assert_eq!(number(january, &pool, 1_234_567), "R-2026-1234567-7T5Y2Z");
        assert_eq!([1_900, 770, 725, 5, 10_000].map(percent), ["19 %", "7.7 %", "7.25 %", "0.05 %", "100 %"]);
    }

    #[test]
    fn the_best_liked_form_is_given() {
        assert_eq!(Form::accepted(["*/*"]).unwrap(), Form::Json);
        assert_eq!(Form::accepted(["text/html", "application/xhtml+xml", "*/*"]).unwrap(), Form::Html);
        assert_eq!(Form::accepted(["image/png", "text/plain"]).unwrap(), Form::Text);
        assert_eq!(Form::accepted(["image/png"]).unwrap_err().code(), Code::NotAcceptable);
    }

    #[test]
    fn the_text_holds_everything_that_an_accountant_needs() {
        let text = hostile().render(Form::Text).unwrap();
        for part in
            ["R-2026-000123-7T5Y2Z", "2026-01-22", "USD 55,000.00", "USD 65,450.00", "USD 5,500.00", "00ff", "second"]
        {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn nobody_is_asked_to_pay_what_is_paid_or_void() {
        let text = |paid_at, is_void| Invoice { paid_at, is_void, ..hostile() }.render(Form::Text).unwrap();
        let asks = "Please pay with the reference R-2026-000123-7T5Y2Z to:";
        assert!(text(None, false).contains(asks));
        let paid = text(UtcTime::parse("2026-01-20T09:00:00Z"), false);
        assert!(paid.contains("Paid in full, 2026-01-20.") && !paid.contains(asks), "{paid}");
        let void = text(None, true);
        assert!(void.contains("Nothing is owed.") && !void.contains(asks), "{void}");
    }

    #[test]
    fn json_reads_back_as_the_same_invoice() {
        let invoice = hostile();
        let json = invoice.render(Form::Json).unwrap();
        assert_eq!(serde_json::from_str::<Invoice>(&json).unwrap(), invoice);
    }
}
