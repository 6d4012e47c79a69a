//! Documents of hostile names, and every way of changing an agreement.

mod twin;
mod wording;

use super::model::{
    Agreement, Bundle, Decision, Documents, FORMAT, Facts, Licensed, LicensedFile, Privacy, Statement, WORDING,
};
use super::verifying::{Brought, Verdict, is_agreement, verify};
use crate::clock::{Entropy, UtcTime};
use crate::error::Code;
use crate::ids::{EditionId, LicenceId, OfferId, VoteId};
use crate::offers::terms::{self, Terms};
use crate::purchases::invoice::Party;
use crate::signing::{KnownKey, PublicKey, Signer};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

const ID: &str = "01jd2k8m0wfv9s3x6q4r7t5y2z";
const LICENCE_TEXT: &str = "The licensee may look at it.\n\nAnd that is all.";

fn at(text: &str) -> UtcTime {
    UtcTime::parse(text).unwrap()
}

fn signer(seed: u64) -> Signer {
    let directory = tempfile::tempdir().unwrap();
    Signer::load_or_make(&directory.path().join("key.pk8"), &Entropy::seeded(seed)).unwrap()
}

/// Terms with some fields changed.
fn terms_with(changes: &Value) -> Terms {
    let id = |prefix: &str| json!(format!("{prefix}_{ID}"));
    let money = |amount: i64| json!({"amount": amount, "currency": "USD"});
    let mut terms = json!({
        "format": "refrain-terms-1", "submitted_at": "2026-01-01T12:00:00Z",
        "pool_id": id("pool"), "pool_name": "Listeners together",
        "dataset_id": id("dataset"), "dataset_title": "Artist preference",
        "recipe_id": id("recipe"), "recipe_hash": "ab".repeat(32), "edition": "next",
        "organisation_id": id("org"), "organisation_name": "Northwind Radio BV", "purpose": "market_research",
        "field_of_use": "Finding out what people love.", "licence_name": "Licence 1",
        "licence_sha256": terms::sha256(LICENCE_TEXT), "period_days": 365,
        "earlier_licences": "Earlier ones stay.", "redistribution": "none", "no_reidentification": true,
        "models_after_term": "keep", "warranty": "As exact as its sheet says.",
        "refund": {"below_rows": 50, "refund_bp": 10_000},
        "revocation": {"grounds": ["breach that is not mended", "an order of a court"], "notice_days": 30},
        "price": money(5_500_000), "fee": money(550_000), "tax": money(1_045_000), "total": money(6_545_000),
        "payment_days": 14,
        "vote": {
            "quorum_bp": 1000, "threshold_numerator": 1, "threshold_denominator": 2,
            "voting_period_s": 604_800, "cool_off_s": 1_209_600
        },
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        terms[name] = value.clone();
    }
    serde_json::from_value(terms).unwrap()
}

fn facts() -> Facts {
    let party = |name: &str| Party {
        name: name.into(),
        address: "Kade 5\n1011 AB Amsterdam".into(),
        country: "NL".into(),
        tax_id: "NL0012".into(),
    };
    Facts {
        licence_id: LicenceId::parse(&format!("licence_{ID}")).unwrap(),
        offer_id: OfferId::parse(&format!("offer_{ID}")).unwrap(),
        granted_at: at("2026-01-09T08:00:00Z"),
        made_at: at("2026-01-09T08:00:00Z"),
        server_url: "https://refrain.example".into(),
        key_id: signer(1).public().id(),
        licensor: party("Listeners eG"),
        licensor_email: "office@listeners.example".into(),
        licensee: party("Northwind Radio BV"),
        edition: Licensed { id: EditionId::parse(&format!("edition_{ID}")).unwrap(), number: 3, files: Vec::new() },
        other_purposes: vec!["model_training".into()],
        ends_at: None,
        invoice_number: "R-2026-000123-7T5Y2Z".into(),
        paid_at: Some(at("2026-01-09T08:00:00Z")),
        payment_reference: Some("statement 7".into()),
        privacy: Privacy {
            rho_nano: 50_000_000,
            delta_pico: 500_000,
            epsilon: Some("1.52".into()),
            at_delta_pico: 1_000_000,
        },
        vote: Decision {
            vote_id: VoteId::parse(&format!("vote_{ID}")).unwrap(),
            opens_at: at("2026-01-01T12:00:05Z"),
            closed_at: at("2026-01-08T12:00:05Z"),
            electors: 18_000,
            yes: 9_950,
            no: 50,
            abstain: 0,
            log_size: 10_100,
            log_root: "cd".repeat(32),
        },
    }
}

fn made(facts: Facts, terms: &Terms, by: &Signer) -> Bundle {
    let terms = terms.freeze().unwrap().json;
    Agreement::make(facts, &terms, LICENCE_TEXT.into(), by).unwrap().bundle(terms)
}

fn sample() -> Bundle {
    made(facts(), &terms_with(&json!({})), &signer(1))
}

fn documents(wording: u32, facts: &Facts, terms: &Terms) -> Documents {
    Documents::of(wording, facts, terms, &terms.freeze().unwrap().sha256, LICENCE_TEXT).unwrap()
}

fn checked(bundle: &Bundle, brought: &Brought) -> Verdict {
    verify(&serde_json::to_vec(bundle).unwrap(), brought).unwrap()
}

fn faults(bundle: &Bundle) -> String {
    checked(bundle, &Brought::default()).faults.join("\n")
}

#[test]
fn what_was_signed_holds_and_is_told_in_words() {
    let bundle = sample();
    assert!(is_agreement(&serde_json::to_vec(&bundle).unwrap()[..64]));
    let public = PublicKey::parse(&bundle.key).unwrap();
    for known in [public.text(), public.id()] {
        let documents = vec![
            ("a.html".to_owned(), bundle.documents.html.clone().into_bytes()),
            ("a.txt".to_owned(), bundle.documents.txt.clone().into_bytes()),
            ("a.jsonld".to_owned(), bundle.documents.jsonld.clone().into_bytes()),
            ("a.jws".to_owned(), bundle.signature.clone().into_bytes()),
        ];
        let verdict = checked(&bundle, &Brought { key: KnownKey::parse(&known), documents });
        assert_eq!([verdict.faults, verdict.misfits].concat(), Vec::<String>::new());
        let shown = verdict.shown.join("\n");
        for words in [
            "The key is the one that you named.",
            "Listeners eG grants Northwind Radio BV the licence",
            "18,000 electors decided",
            &terms::sha256(&bundle.terms),
            "a.html is the page of this agreement",
            "a.txt is the text",
            "a.jsonld is the ODRL document",
            "a.jws is the signature",
            "made anew of these, they are the same",
        ] {
            assert!(shown.contains(words), "{words} is missing in\n{shown}");
        }
        assert!(verdict.not_proved[0].starts_with("Whether the licence still stands"));
    }
}

#[test]
fn page_and_text_say_all_that_the_terms_say() {
    let mut facts = facts();
    let Documents { html, txt, .. } = documents(WORDING, &facts, &terms_with(&json!({})));
    let text = |txt: &str| txt.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "Listeners eG",
        "Northwind Radio BV",
        "the members of the pool “Listeners together”",
        "“Artist preference”",
        "number 3",
        "drawn for this agreement, once, after the payment",
        "50 rows at least",
        "for the purpose market_research",
        "Finding out what people love.",
        "That includes model_training,",
        "Training models on the edition.",
        "Singling out or identifying anybody",
        "Selling or lending the edition",
        "Handing on results of analyses",
        "good for 365 days",
        "It is not exclusive.",
        "may be used on after the term",
        "USD 55,000.00",
        "USD 5,500.00",
        "USD 65,450.00",
        "R-2026-000123-7T5Y2Z",
        "in full, 2026-01-09 08:00:00 UTC",
        "statement 7",
        "100 % of the total goes back",
        "breach that is not mended",
        "lie 30 days",
        "0.05 rho",
        "by epsilon 1.52 at delta 0.000001",
        "9,950 yes, 50 no, 0 abstained, of 18,000 electors",
        "As exact as its sheet says.",
        "And that is all.",
        &facts.key_id,
    ] {
        assert!(text(&txt).contains(said), "{said} is missing in\n{txt}");
        assert!(html.contains(said), "{said} is missing in\n{html}");
    }
    assert!(txt.lines().all(|line| line.chars().count() <= 110 && line.trim_end() == line), "{txt}");
    facts.other_purposes = Vec::new();
    facts.ends_at = Some(at("2027-01-09T08:00:00Z"));
    facts.edition.files = vec![LicensedFile { name: "artists.csv".into(), sha256: "ef".repeat(32) }];
    facts.paid_at = None;
    let other = terms_with(&json!({
        "edition": "stock", "edition_id": format!("edition_{ID}"), "redistribution": "results", "models_after_term": "delete",
        "exclusive_until": "2026-06-01T00:00:00Z", "refund": {"below_rows": 0, "refund_bp": 10_000},
        "price": {"amount": 1234, "currency": "JPY"}, "organisation_name": "Northwind & Sons",
        "artist_list": {"source": "offer", "artists": 2, "sha256": "12".repeat(32)}
    }));
    let words = text(&documents(WORDING, &facts, &other).txt);
    for said in [
        "drawn before this agreement was made",
        "artists.csv, SHA-256 efef",
        "may be handed on",
        "are deleted after the term",
        "before 2026-06-01 00:00:00 UTC",
        "none is promised",
        "it ends at 2027-01-09 08:00:00 UTC",
        "Price JPY 1,234 ",
        "the licensee is called “Northwind & Sons”",
        "2 artists named by the licensee",
    ] {
        assert!(words.contains(said), "{said} is missing in\n{words}");
    }
    for unsaid in ["Training models", "Handing on results", "Paid"] {
        assert!(!words.contains(unsaid), "{unsaid} is in\n{words}");
    }
}

/// Every text that somebody else wrote tries to be markup, to end a quotation, and to pass for a clause.
fn hostile() -> (Facts, Terms) {
    let bad = "\"><script src=//x>alert('x')</script>&lt;\u{2028}13. Price\n\n1. The parties\nLicence  ";
    let mut facts = facts();
    for party in [&mut facts.licensor, &mut facts.licensee] {
        *party = Party { name: bad.into(), address: bad.into(), country: "NL".into(), tax_id: bad.into() };
    }
    facts.payment_reference = Some(bad.into());
    facts.invoice_number = bad.into();
    facts.other_purposes = vec![bad.into()];
    facts.edition.files = vec![LicensedFile { name: bad.into(), sha256: bad.into() }];
    let changes = json!({
        "pool_name": bad, "dataset_title": bad, "organisation_name": bad, "field_of_use": bad, "licence_name": bad,
        "revocation": {"grounds": [bad], "notice_days": 0}
    });
    (facts, terms_with(&changes))
}

#[test]
fn no_text_from_outside_becomes_markup_and_nothing_is_fetched() {
    let (facts, terms) = hostile();
    let html = documents(WORDING, &facts, &terms).html;
    let ours = [
        "!doctype html>",
        "html lang=\"en\">",
        "html>",
        "head>",
        "meta charset=\"utf-8\">",
        "meta http-equiv=",
        "meta name=\"viewport\"",
        "title>",
        "style>",
        "body>",
        "h1>",
        "h2>",
        "dl>",
        "dt>",
        "dd>",
        "p>",
        "ul>",
        "li>",
        "blockquote>",
    ];
    let tags = html.split('<').skip(1).map(|rest| rest.strip_prefix('/').unwrap_or(rest));
    for tag in tags {
        assert!(ours.iter().any(|our| tag.starts_with(our)), "<{}", &tag[..tag.len().min(40)]);
    }
    for fetched in ["href=", "url(", "@import", "<script", "<img"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
    assert!(html.contains("&lt;script src=//x&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;lt;"));
    assert!(html.contains("default-src 'none'; style-src 'sha256-"));
}

#[test]
fn nobody_elses_words_pass_for_a_clause_of_the_text() {
    let (facts, terms) = hostile();
    let txt = documents(WORDING, &facts, &terms).txt;
    assert!(txt.contains("  > 13. Price") && !txt.contains('\u{2028}'), "{txt}");
    let titles: Vec<&str> = txt.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(titles.len(), 14, "{titles:#?}");
    assert_eq!((titles[0], titles[13]), ("1. The parties", "14. Signature, and how to check it"));
    let licences = txt.lines().filter(|line| line.starts_with("Licence ")).count();
    assert_eq!(licences, 1, "{txt}");
}

#[test]
fn every_kind_of_tampering_is_named() {
    let (bundle, other) = (sample(), {
        let mut facts = facts();
        facts.licence_id = LicenceId::parse("licence_01jd2k8m0wfv9s3x6q4r7t5y2y").unwrap();
        made(facts, &terms_with(&json!({})), &signer(1))
    });
    assert_eq!(faults(&other), "");
    let changed = |change: &dyn Fn(&mut Bundle)| {
        let mut changed = bundle.clone();
        change(&mut changed);
        faults(&changed)
    };
    let cases: [(&dyn Fn(&mut Bundle), &str); 9] = [
        (&|b| b.documents.html.push(' '), "the page is not the one that was signed"),
        (&|b| b.documents.txt = b.documents.txt.replace("65,450", "65,451"), "the text is not the one that was signed"),
        (&|b| b.documents.jsonld = other.documents.jsonld.clone(), "the ODRL document is not the one that was signed"),
        (&|b| b.terms = b.terms.replace("365", "366"), "The terms are not those that were signed"),
        (&|b| b.licence_text.push('!'), "The licence's text is not the one that the terms name"),
        (&|b| b.signature = other.signature.clone(), "The statement is not what the key has signed"),
        (&|b| b.key = signer(2).public().text(), "names another key"),
        (&|b| b.statement = b.statement.replace("9950", "9951"), "The statement is not what the key has signed"),
        (&|b| b.signature = signer(2).sign_detached(b.statement.as_bytes()), "names another key"),
    ];
    for (change, words) in cases {
        let told = changed(change);
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
    // A whole agreement by somebody else's key holds by itself, and not against the key that one knows.
    let forged = made(Facts { key_id: signer(2).public().id(), ..facts() }, &terms_with(&json!({})), &signer(2));
    assert_eq!(faults(&forged), "");
    let known = Brought { key: Some(signer(1).public().into()), ..Brought::default() };
    let told = checked(&forged, &known).faults.join("\n");
    assert!(told.contains("and not by"), "{told}");
    let brought = Brought { documents: vec![("mine.html".into(), other.documents.html.into())], ..Brought::default() };
    let verdict = checked(&bundle, &brought);
    assert!(verdict.faults.is_empty() && verdict.misfits[0].starts_with("mine.html is none of"), "{verdict:?}");
}

/// A service that signs documents which do not say what the terms say is found out, as long as their wording is known.
#[test]
fn what_was_signed_must_say_what_the_terms_say() {
    let mut bundle = sample();
    let mut statement: Statement = serde_json::from_str(&bundle.statement).unwrap();
    let sign = |bundle: &mut Bundle, statement: &mut Statement| {
        statement.documents = bundle.documents.digests();
        bundle.statement = terms::canonical(statement).unwrap();
        bundle.signature = signer(1).sign_detached(bundle.statement.as_bytes());
    };
    bundle.documents.txt = bundle.documents.txt.replace("365 days", "366 days");
    sign(&mut bundle, &mut statement);
    assert!(faults(&bundle).contains("is not what the terms say"), "{}", faults(&bundle));
    // What was made in an older wording is made anew in that.
    statement.wording = 1;
    bundle.documents = documents(1, &facts(), &terms_with(&json!({})));
    sign(&mut bundle, &mut statement);
    let verdict = checked(&bundle, &Brought::default());
    assert!(verdict.shown.iter().any(|line| line.contains("byte for byte")), "{verdict:?}");
    assert_eq!((verdict.faults, verdict.not_proved.iter().any(|line| line.contains("wording"))), (Vec::new(), false));
    statement.wording = WORDING + 1;
    sign(&mut bundle, &mut statement);
    let verdict = checked(&bundle, &Brought::default());
    assert_eq!(verdict.faults, Vec::<String>::new());
    assert!(
        verdict.not_proved.iter().any(|line| line.contains(&format!("they are of wording {}", WORDING + 1))),
        "{verdict:?}"
    );
    bundle.format = "refrain-agreement-2".into();
    let refused = verify(&serde_json::to_vec(&bundle).unwrap(), &Brought::default()).unwrap_err();
    assert!(refused.detail().contains("this program reads refrain-agreement-1"), "{}", refused.detail());
}

static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| serde_json::to_vec(&sample()).unwrap());

proptest! {
    /// Of the file, which holds the documents, the terms, the statement and the signature, no byte can be another.
    #[test]
    fn any_byte_that_is_changed_is_noticed(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut file = FILE.clone();
        let place = place.index(file.len());
        prop_assume!(file[place] != byte);
        file[place] = byte;
        let holds = verify(&file, &Brought::default()).is_ok_and(|verdict| verdict.faults.is_empty());
        prop_assert!(!holds, "byte {place} may be {byte}");
    }

    /// And of a copy of a document neither.
    #[test]
    fn a_changed_copy_is_none_of_the_documents(place in any::<prop::sample::Index>(), byte in any::<u8>(), which in 0..3) {
        let bundle = sample();
        let Documents { html, jsonld, txt } = &bundle.documents;
        let mut copy = [html, jsonld, txt][which as usize].clone().into_bytes();
        let place = place.index(copy.len());
        prop_assume!(copy[place] != byte);
        copy[place] = byte;
        let verdict = checked(&bundle, &Brought { key: None, documents: vec![("copy".into(), copy)] });
        prop_assert_eq!((verdict.faults.len(), verdict.misfits.len()), (0, 1));
    }
}

#[test]
fn what_is_no_agreement_is_refused_in_words() {
    for text in ["", "{}", "null", "[1]", "{\"format\":\"refrain-agreement-1\"}", "\u{FEFF}{}"] {
        let refused = verify(text.as_bytes(), &Brought::default()).unwrap_err();
        assert_eq!(refused.code(), Code::Invalid);
        assert!(refused.detail().starts_with("This is no agreement: "), "{}", refused.detail());
    }
    let longer = [&FILE[..], b" {}"].concat();
    assert!(verify(&longer, &Brought::default()).is_err());
    assert!(!is_agreement(b"{\"format\":\"refrain-vote-bundle-1\"}"));
    let mut keyless = sample();
    keyless.key = "none".into();
    assert!(verify(&serde_json::to_vec(&keyless).unwrap(), &Brought::default()).is_err());
}

#[test]
fn no_agreement_is_made_with_another_licence_text() {
    let terms = terms_with(&json!({})).freeze().unwrap().json;
    let refused = Agreement::make(facts(), &terms, "Another.".into(), &signer(1)).unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert_eq!(FORMAT, sample().format);
}
