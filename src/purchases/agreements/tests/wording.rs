//! Wordings stay what they are.

use super::*;
use std::path::Path;

/// Agreements are checked by making their documents anew, so that a wording must stay what it is. If this fails, documents read
/// otherwise now: give that a number of its own in `WORDING`. Its files are written by the first run, to be looked at.
#[test]
fn a_wording_never_changes() {
    (1..=WORDING).for_each(expect_unchanged);
}

fn expect_unchanged(wording: u32) {
    let mut facts = facts();
    let next = documents(wording, &facts, &terms_with(&json!({})));
    facts.ends_at = Some(at("2027-01-09T08:00:00Z"));
    facts.other_purposes = Vec::new();
    facts.edition.files = vec![LicensedFile { name: "artists.csv".into(), sha256: "ef".repeat(32) }];
    let stock = documents(
        wording,
        &facts,
        &terms_with(&json!({
            "edition": "stock", "redistribution": "results", "models_after_term": "delete",
            "exclusive_until": "2026-06-01T00:00:00Z", "refund": {"below_rows": 0, "refund_bp": 10_000},
            "artist_list": {"source": "edition", "artists": 2, "sha256": "12".repeat(32)}
        })),
    );
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/purchases/agreements/wording/{wording}"));
    let is_new = !directory.exists();
    for (name, Documents { html, jsonld, txt }) in [("next", next), ("stock", stock)] {
        for (form, document) in [("html", html), ("jsonld", jsonld), ("txt", txt)] {
            let file = directory.join(format!("{name}.{form}"));
            if is_new {
                std::fs::create_dir_all(&directory).unwrap();
                std::fs::write(&file, &document).unwrap();
            }
            assert!(
                std::fs::read_to_string(&file).unwrap() == document,
                "{name}.{form} of wording {wording} is not:\n{document}"
            );
        }
    }
    assert!(!is_new, "wording {wording} is written to {}; look at it", directory.display());
}
