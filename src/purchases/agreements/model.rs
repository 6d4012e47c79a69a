//! What an agreement is: the facts that it states, its documents, and what is signed of them.

use super::{html, odrl, text};
use crate::clock::UtcTime;
use crate::db::schema::agreements;
use crate::error::{Code, Error, Result};
use crate::ids::{EditionId, LicenceId, OfferId, VoteId};
use crate::offers::terms::{self, Terms};
use crate::purchases::invoice::Party;
use crate::signing::Signer;
use diesel::prelude::{Queryable, Selectable};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The name of this shape, of the statement and of the bundle.
pub const FORMAT: &str = "refrain-agreement-1";
/// The wording that documents are made in, and all from 1 on are known. A change to any byte of any document gets a new number: who
/// checks an agreement makes its documents anew, in their own wording, and must not take an older one for a forgery.
///
/// 2: what is done about a recalled edition has a clause of its own.
/// 3: that clause asks nothing of the licensee that the members did not decide on; the ODRL document has the refund, the warranty, what
/// is said of earlier licences, and the licence text's SHA-256.
pub const WORDING: u32 = 3;

/// All that the documents say beyond the terms, as it was when they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // as on licence, offer, invoice, edition and vote
pub struct Facts {
    pub licence_id: LicenceId,
    pub offer_id: OfferId,
    pub granted_at: UtcTime,
    /// Later than the grant only where a licence is from before there were agreements.
    pub made_at: UtcTime,
    /// Where the service is reached; links and the identifiers of the ODRL document begin with it.
    pub server_url: String,
    /// The thumbprint of the key with which the statement is signed.
    pub key_id: String,
    pub licensor: Party,
    pub licensor_email: String,
    pub licensee: Party,
    pub edition: Licensed,
    /// What the dataset is offered for besides, and this agreement does not cover.
    pub other_purposes: Vec<String>,
    /// When the term is over, where it has begun already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UtcTime>,
    pub invoice_number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<UtcTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_reference: Option<String>,
    pub privacy: Privacy,
    pub vote: Decision,
}

/// The edition that is licensed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Licensed {
    pub id: EditionId,
    pub number: i32,
    /// Empty where it is yet to be drawn.
    pub files: Vec<LicensedFile>,
}

/// One of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LicensedFile {
    pub name: String,
    pub sha256: String,
}

/// What a draw of the recipe costs of the members' privacy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Privacy {
    pub rho_nano: u64,
    pub delta_pico: u64,
    /// Epsilon, rounded up to two decimals, at a total failure probability of [`Privacy::at_delta_pico`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<String>,
    pub at_delta_pico: u64,
}

/// The vote by which the members accepted the terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Decision {
    pub vote_id: VoteId,
    pub opens_at: UtcTime,
    pub closed_at: UtcTime,
    pub electors: i64,
    pub yes: i64,
    pub no: i64,
    pub abstain: i64,
    pub log_size: u64,
    pub log_root: String,
}

/// The three documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "html": "<!doctype html>…", "jsonld": "{\"@type\": \"odrl:Agreement\", …}", "txt": "LICENCE AGREEMENT …"
}))]
pub struct Documents {
    /// The page.
    pub html: String,
    /// The twin in ODRL 2.2, as JSON-LD.
    pub jsonld: String,
    /// The plain text.
    pub txt: String,
}

/// What the service signs of an agreement. Its text is canonical JSON (RFC 8785).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`FORMAT`].
    pub format: String,
    /// [`WORDING`], as it was when the documents were made.
    pub wording: u32,
    /// SHA-256 of the frozen terms, in hex.
    pub terms_sha256: String,
    /// SHA-256 of each document, in hex.
    pub documents: Documents,
    /// What the documents say beyond the terms.
    pub facts: Facts,
}

/// An agreement as it is kept: every byte as it was when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = agreements)]
#[allow(missing_docs)] // as in the bundle
pub struct Agreement {
    pub licence_id: LicenceId,
    pub made_at: UtcTime,
    pub statement_json: String,
    pub signature: String,
    pub public_key: String,
    pub licence_text: String,
    pub html: String,
    pub jsonld: String,
    pub txt: String,
}

/// All that belongs to an agreement, for who wants to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "format": "refrain-agreement-1",
    "statement": "{\"documents\":{\"html\":\"9f86d081…\",…},\"format\":\"refrain-agreement-1\",…}",
    "signature": "eyJhbGciOiJFZERTQSIsImtpZCI6IuKApiJ9..hgyY0il_MGCjP0JzlnLWG1PPOt7-09PG",
    "key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "terms": "{\"dataset_id\":\"dataset_01jd2k8m0wfv9s3x6q4r7t5y2z\",…}",
    "licence_text": "The licensee may …",
    "documents": {
        "html": "<!doctype html>…", "jsonld": "{\"@type\": \"odrl:Agreement\", …}", "txt": "LICENCE AGREEMENT …"
    }
}))]
pub struct Bundle {
    /// The name of this shape.
    pub format: String,
    /// What is signed, byte for byte: canonical JSON (RFC 8785) that names licence, parties, vote, and the SHA-256 of the terms and
    /// of each document.
    pub statement: String,
    /// The signature of the statement: a detached JWS (RFC 7515, appendix F) with `EdDSA` (RFC 8037) and the key's name.
    pub signature: String,
    /// The public key: Ed25519, 32 bytes in base64url without padding.
    pub key: String,
    /// The frozen terms, byte for byte: what the members accepted.
    pub terms: String,
    /// The licence's text, whose SHA-256 the terms name.
    pub licence_text: String,
    /// The documents, byte for byte.
    pub documents: Documents,
}

/// The forms in which an agreement is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people and printers.
    Html,
    /// For mails and terminals.
    Txt,
    /// For programs that know ODRL.
    Jsonld,
    /// The signature alone.
    Jws,
    /// The bundle.
    Json,
}

impl Form {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Form::Html => "text/html; charset=utf-8",
            Form::Txt => "text/plain; charset=utf-8",
            Form::Jsonld => "application/ld+json",
            Form::Jws => "application/jose",
            Form::Json => "application/json",
        }
    }

    /// How the name of a file of this form ends.
    pub const fn ending(self) -> &'static str {
        match self {
            Form::Html => "html",
            Form::Txt => "txt",
            Form::Jsonld => "jsonld",
            Form::Jws => "jws",
            Form::Json => "json",
        }
    }

    /// The form for the media ranges that a caller accepts, the best liked first (RFC 9110, section 12.5.1). The bundle where
    /// anything will do.
    ///
    /// # Errors
    /// `not-acceptable` where none of them is among the ranges.
    pub fn accepted<'a>(ranges: impl IntoIterator<Item = &'a str>) -> Result<Form> {
        let fitting = |range: &str| match range {
            "text/html" => Some(Form::Html),
            "text/plain" | "text/*" => Some(Form::Txt),
            "application/ld+json" => Some(Form::Jsonld),
            "application/jose" => Some(Form::Jws),
            "application/json" | "application/*" | "*/*" => Some(Form::Json),
            _ => None,
        };
        let words = "An agreement is given as text/html, text/plain, application/ld+json (ODRL), application/json (all of it, signed) or \
                     application/jose (the signature alone).";
        ranges.into_iter().find_map(fitting).ok_or_else(|| Error::new(Code::NotAcceptable, words))
    }
}

impl Documents {
    /// Makes the documents: the same bytes for the same facts, terms and text, in a wording that is known.
    ///
    /// # Errors
    /// `internal` where they cannot be written.
    pub fn of(wording: u32, facts: &Facts, terms: &Terms, terms_sha256: &str, licence_text: &str) -> Result<Documents> {
        let clauses = super::clauses::of(wording, facts, terms, terms_sha256, licence_text);
        Ok(Documents {
            html: html::page(facts, &clauses).map_err(Error::internal)?,
            jsonld: odrl::document(wording, facts, terms, terms_sha256)?,
            txt: text::text(facts, &clauses),
        })
    }

    /// The SHA-256 of each, in hex.
    pub fn digests(&self) -> Documents {
        let of = terms::sha256;
        Documents { html: of(&self.html), jsonld: of(&self.jsonld), txt: of(&self.txt) }
    }
}

impl Agreement {
    /// Makes an agreement and signs it.
    ///
    /// # Errors
    /// `internal` where the terms are damaged, or the licence's text is not theirs.
    pub fn make(facts: Facts, terms_json: &str, licence_text: String, signer: &Signer) -> Result<Self> {
        let (terms, terms_sha256) = (Terms::read(terms_json)?, terms::sha256(terms_json));
        if terms.licence_sha256 != terms::sha256(&licence_text) {
            return Err(Error::internal(format!("the terms of {} name another licence text", facts.licence_id)));
        }
        let documents = Documents::of(WORDING, &facts, &terms, &terms_sha256, &licence_text)?;
        let (licence_id, made_at) = (facts.licence_id.clone(), facts.made_at);
        let (format, digests) = (FORMAT.to_owned(), documents.digests());
        let statement_json =
            terms::canonical(&Statement { format, wording: WORDING, terms_sha256, documents: digests, facts })?;
        Ok(Agreement {
            licence_id,
            made_at,
            signature: signer.sign_detached(statement_json.as_bytes()),
            statement_json,
            public_key: signer.public().text(),
            licence_text,
            html: documents.html,
            jsonld: documents.jsonld,
            txt: documents.txt,
        })
    }

    /// All of it, with the terms that stand on the licence.
    pub fn bundle(self, terms_json: String) -> Bundle {
        Bundle {
            format: FORMAT.into(),
            statement: self.statement_json,
            signature: self.signature,
            key: self.public_key,
            terms: terms_json,
            licence_text: self.licence_text,
            documents: Documents { html: self.html, jsonld: self.jsonld, txt: self.txt },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_best_liked() {
        assert_eq!(Form::accepted(["*/*"]).unwrap(), Form::Json);
        assert_eq!(Form::accepted(["text/html", "application/xhtml+xml", "*/*"]).unwrap(), Form::Html);
        assert_eq!(Form::accepted(["image/png", "text/plain"]).unwrap(), Form::Txt);
        assert_eq!(Form::accepted(["application/ld+json"]).unwrap(), Form::Jsonld);
        assert_eq!(Form::accepted(["application/jose"]).unwrap(), Form::Jws);
        assert_eq!(Form::accepted(["image/png"]).unwrap_err().code(), Code::NotAcceptable);
    }
}
