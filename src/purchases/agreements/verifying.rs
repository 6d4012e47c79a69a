//! Checking an agreement ([`Bundle`]): needs no server, and trusts nobody but whoever holds the key.

use super::clauses::moment;
use super::model::{Bundle, Documents, FORMAT, Statement, WORDING};
use crate::error::{Error, Result};
use crate::money::{counted, grouped};
use crate::offers::terms::{self, Terms};
use crate::signing::{KnownKey, PublicKey};
use crate::text::without_types;

/// The name of every version of this shape begins so; no published vote holds it.
const MARK: &[u8] = b"refrain-agreement-";

/// What somebody brings along to a bundle.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// The service's key or its name, had from elsewhere.
    pub key: Option<KnownKey>,
    /// Copies of documents: the name of the file, and what is in it.
    pub documents: Vec<(String, Vec<u8>)>,
}

/// What the checking of an agreement has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What holds, in words.
    pub shown: Vec<String>,
    /// What does not.
    pub faults: Vec<String>,
    /// What does not fit of what was brought along: that says nothing of the agreement.
    pub misfits: Vec<String>,
    /// What could not be told.
    pub not_proved: Vec<String>,
}

impl Verdict {
    /// Notes a fault where something does not hold; whether it does.
    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) -> bool {
        if !holds {
            self.faults.push(fault());
        }
        holds
    }
}

/// What no agreement can prove.
const NOT_PROVED: [&str; 4] = [
    "Whether the licence still stands: its term may be over, it may have been revoked or cancelled since. GET /v1/licences/{id} tells.",
    "That the vote was counted rightly: `refrain verify` shows that of what is published of the vote.",
    "Who the parties are, and that the money has arrived: the service says so, as the invoice does.",
    "That the service has signed nothing else about the same licence.",
];

/// Whether a file that begins like this holds an agreement.
pub fn is_agreement(beginning: &[u8]) -> bool {
    beginning.windows(MARK.len()).any(|window| window == MARK)
}

/// Checks a bundle from its text, and what somebody brings along against it.
///
/// # Errors
/// `invalid` where it is no bundle. What does not hold in one that can be read is in [`Verdict::faults`].
pub fn verify(text: &[u8], brought: &Brought) -> Result<Verdict> {
    let bundle = serde_json::from_slice(text)
        .map_err(|error| Error::invalid(format!("This is no agreement: {}.", without_types(&error.to_string()))))?;
    check(&bundle, brought)
}

/// Checks a bundle.
///
/// # Errors
/// As [`verify`].
pub fn check(bundle: &Bundle, brought: &Brought) -> Result<Verdict> {
    if bundle.format != FORMAT {
        let format = &bundle.format;
        return Err(Error::invalid(format!("The agreement is of the shape {format}; this program reads {FORMAT}.")));
    }
    let key = PublicKey::parse(&bundle.key)
        .ok_or_else(|| Error::invalid("The agreement's key is no Ed25519 key in base64url."))?;
    let mut verdict = Verdict { not_proved: NOT_PROVED.map(str::to_owned).into(), ..Verdict::default() };
    let signed = key.verifies_detached(bundle.statement.as_bytes(), &bundle.signature);
    let is_signed = signed.map_err(|why| verdict.faults.push(format!("The statement {why}."))).is_ok();
    check_key(&key, brought, &mut verdict);
    let statement: Statement = match serde_json::from_str(&bundle.statement) {
        Ok(statement) => statement,
        Err(error) => {
            verdict.faults.push(format!("The statement cannot be read: {}.", without_types(&error.to_string())));
            return Ok(verdict);
        }
    };
    verdict.expect(statement.format == FORMAT && statement.facts.key_id == key.id(), || {
        "The statement is of another shape, or names another key than the one that it comes with.".into()
    });
    if is_signed {
        tell(&statement, &mut verdict);
    }
    check_terms(bundle, &statement, is_signed, &mut verdict)?;
    check_documents(bundle, &statement, is_signed, &mut verdict);
    for (name, content) in &brought.documents {
        match which(bundle, content) {
            Some(document) if is_signed => {
                verdict.shown.push(format!("{name} is {document} of this agreement, byte for byte."));
            }
            Some(_) => {}
            None => verdict.misfits.push(format!(
                "{name} is none of the documents of this agreement: it was changed, or is of another agreement."
            )),
        }
    }
    Ok(verdict)
}

fn check_key(key: &PublicKey, brought: &Brought, verdict: &mut Verdict) {
    match &brought.key {
        Some(known) => {
            let matches = verdict.expect(known.is(key), || {
                format!("It is signed by the key {} ({}), and not by {}.", key.text(), key.id(), known.text())
            });
            if matches {
                verdict.shown.push("The key is the one that you named.".into());
            }
        }
        None => verdict.shown.push(format!(
            "The key is {}. Compare it with the one that the cooperative publishes, or give that with --key.",
            key.text()
        )),
    }
}

/// What is signed.
fn tell(statement: &Statement, verdict: &mut Verdict) {
    let facts = &statement.facts;
    verdict.shown.push(format!(
        "Its service has signed this agreement: {} grants {} the licence {}, as of {}.",
        facts.licensor.name,
        facts.licensee.name,
        facts.licence_id,
        moment(facts.granted_at)
    ));
    let vote = &facts.vote;
    verdict.shown.push(format!(
        "It says that {} decided in {}: {} yes, {} no, {} abstained; root of the log {}.",
        counted(vote.electors, "electors"),
        vote.vote_id,
        grouped(vote.yes),
        grouped(vote.no),
        grouped(vote.abstain),
        vote.log_root
    ));
}

/// Whether the terms are those that were signed, the licence's text is that of the terms, and what was signed as documents says what
/// the terms say.
fn check_terms(bundle: &Bundle, statement: &Statement, is_signed: bool, verdict: &mut Verdict) -> Result<()> {
    let (is, signed) = (terms::sha256(&bundle.terms), &statement.terms_sha256);
    if !verdict.expect(is == *signed, || {
        format!("The terms are not those that were signed: their SHA-256 is {is}, and {signed} was signed.")
    }) {
        return Ok(());
    }
    let Ok(terms) = Terms::read(&bundle.terms) else {
        verdict.faults.push("The terms cannot be read.".into());
        return Ok(());
    };
    if is_signed {
        verdict.shown.push(format!("The terms are those that were signed, SHA-256 {is}: on these the members voted."));
    }
    if !verdict.expect(terms.licence_sha256 == terms::sha256(&bundle.licence_text), || {
        "The licence's text is not the one that the terms name.".into()
    }) {
        return Ok(());
    }
    if !(1..=WORDING).contains(&statement.wording) {
        verdict.not_proved.push(format!(
            "That the documents say what the terms say: they are of wording {}, and this program knows none after {WORDING}. They are \
             what was signed when the licence was granted; read the terms beside them.",
            statement.wording
        ));
        return Ok(());
    }
    let anew = Documents::of(statement.wording, &statement.facts, &terms, &is, &bundle.licence_text)?;
    let says_the_same = verdict.expect(anew.digests() == statement.documents, || {
        "What was signed as documents is not what the terms say: made anew of these, they are others.".into()
    });
    if says_the_same && is_signed {
        verdict
            .shown
            .push("The documents say what the terms say: made anew of these, they are the same, byte for byte.".into());
    }
    Ok(())
}

fn check_documents(bundle: &Bundle, statement: &Statement, is_signed: bool, verdict: &mut Verdict) {
    let (here, signed) = (bundle.documents.digests(), &statement.documents);
    let mut all = true;
    for (what, is, signed) in
        [(PAGE, here.html, &signed.html), (TEXT, here.txt, &signed.txt), (ODRL, here.jsonld, &signed.jsonld)]
    {
        all &= verdict.expect(is == *signed, || {
            format!("In this file {what} is not the one that was signed: its SHA-256 is {is}, and {signed} was signed.")
        });
    }
    if all && is_signed {
        verdict.shown.push("The page, the text and the ODRL document are those that were signed.".into());
    }
}

const PAGE: &str = "the page";
const TEXT: &str = "the text";
const ODRL: &str = "the ODRL document";
const SIGNATURE: &str = "the signature";

fn which(bundle: &Bundle, content: &[u8]) -> Option<&'static str> {
    let Documents { html, jsonld, txt } = &bundle.documents;
    let all = [(PAGE, html), (TEXT, txt), (ODRL, jsonld), (SIGNATURE, &bundle.signature)];
    all.into_iter().find(|(_, document)| document.as_bytes() == content).map(|(what, _)| what)
}
