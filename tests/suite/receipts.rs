//! Receipts and the log of a vote, checked as a member would who trusts nobody: from what the API says alone.

use crate::common::Backend;
use crate::common::http::Caller;
use crate::common::market::{Market, rules};
use aws_lc_rs::digest;
use refrain::signing::PublicKey;
use refrain::votes::log::{Frontier, Hash, leaf_hash, verify_consistency, verify_inclusion};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const PRICE: i64 = 50_000;

crate::on_both_databases!(
    every_ballot_has_a_receipt_that_can_be_checked,
    a_log_only_grows_and_strangers_see_nothing_of_it,
    who_leaves_is_void_in_the_log_and_nobody_is_lost,
    ballots_of_many_members_at_once_have_places_of_their_own,
    anybody_can_count_an_ended_vote_again,
);

fn voting(backend: Backend, members: u64) -> (Market, String) {
    let market = Market::with(backend, members, &json!({"pool": {"rules": rules(&json!({}))}}));
    let offer_id = market.place(PRICE);
    let vote_id = market.vote_id(&offer_id);
    (market, vote_id)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Parts behind their lengths, hashed with what RFC 9162 puts before a leaf, or with nothing.
pub fn sha256(before: &[u8], parts: &[&[u8]]) -> String {
    let mut bytes = before.to_vec();
    for part in parts {
        bytes.extend((part.len() as u32).to_be_bytes());
        bytes.extend(*part);
    }
    hex::encode(digest::digest(&digest::SHA256, &bytes))
}

fn hashes(proof: &Value) -> Vec<Hash> {
    proof.as_array().unwrap().iter().map(|hash| Hash::parse(text(hash)).unwrap()).collect()
}

fn key(market: &Market) -> PublicKey {
    let jwk = Caller::new(&market.app.url).get("/v1/signing-key").ok();
    let key = PublicKey::parse(text(&jwk["x"])).unwrap();
    assert_eq!(key.id(), text(&jwk["kid"]));
    key
}

/// A head's size and root, its signature checked.
fn head(market: &Market, head: &Value) -> (u64, Hash) {
    let (vote, root, at) = (text(&head["vote_id"]), text(&head["root"]), text(&head["signed_at"]));
    let signed = format!("refrain-vote-head-1\n{vote}\n{}\n{root}\n{at}\n", head["size"]);
    let key = key(market);
    assert!(key.verifies(signed.as_bytes(), text(&head["signature"])), "{head}");
    assert_eq!(head["key_id"], json!(key.id()));
    (head["size"].as_u64().unwrap(), Hash::parse(root).unwrap())
}

/// Checks a receipt: commitment, leaf, and that the leaf is in the log of its head.
fn check(market: &Market, ballot: &Value) {
    let (vote_id, choice, receipt) = (text(&ballot["vote_id"]), text(&ballot["choice"]), &ballot["receipt"]);
    let bytes = |name: &str| hex::decode(text(&receipt[name])).unwrap();
    let (tag, nonce) = (bytes("tag"), bytes("nonce"));
    let parts: [&[u8]; 5] = [b"refrain-ballot-1", choice.as_bytes(), &nonce, vote_id.as_bytes(), &tag];
    assert_eq!(sha256(&[], &parts), text(&receipt["commitment"]));
    let sequence = (receipt["sequence"].as_u64().unwrap() as u32).to_be_bytes();
    let parts: [&[u8]; 5] = [b"refrain-leaf-1", vote_id.as_bytes(), &tag, &sequence, &bytes("commitment")];
    assert_eq!(sha256(&[0], &parts), text(&receipt["leaf_hash"]));
    let (size, root) = head(market, &receipt["head"]);
    let (index, leaf) = (receipt["log_index"].as_u64().unwrap(), Hash::parse(text(&receipt["leaf_hash"])).unwrap());
    let path = format!("/v1/votes/{vote_id}/log/inclusion?index={index}&size={size}");
    let proof = market.operator.get(&path).ok();
    assert_eq!(verify_inclusion(&leaf, index, size, &hashes(&proof["hashes"]), &root), Ok(()), "{ballot}");
    if let Some(proof) = receipt.get("inclusion_proof") {
        assert_eq!(verify_inclusion(&leaf, index, size, &hashes(proof), &root), Ok(()));
    }
}

fn every_ballot_has_a_receipt_that_can_be_checked(backend: Backend) {
    let (market, vote_id) = voting(backend, 4);
    let path = format!("/v1/votes/{vote_id}/ballot");
    let mut tags = std::collections::BTreeMap::new();
    for (place, (member, choice)) in
        [(0, "yes"), (1, "no"), (0, "no"), (2, "abstain"), (0, "yes")].into_iter().enumerate()
    {
        let cast = market.cast(member, &vote_id, choice).ok();
        check(&market, &cast);
        let receipt = &cast["receipt"];
        assert_eq!(receipt["log_index"], place, "in the order in which they were taken");
        assert!(
            text(&receipt["in_words"]).starts_with(&format!("Your ballot says {choice}. It is number {}", place + 1))
        );
        let (first, casts) = tags.entry(member).or_insert((receipt["tag"].clone(), 0));
        assert_eq!((&receipt["tag"], &receipt["sequence"]), (&*first, &json!(*casts)), "one tag a member, counted up");
        *casts += 1;
    }
    let distinct: std::collections::BTreeSet<String> = tags.values().map(|(tag, _)| tag.to_string()).collect();
    assert_eq!(distinct.len(), 3);
    let read = market.members[0].get(&path).ok();
    check(&market, &read);
    assert_eq!((&read["receipt"]["log_index"], &read["receipt"]["head"]["size"]), (&json!(4), &json!(5)));
    assert!(read["receipt"]["inclusion_proof"].is_array());
    market.close_votes();
    check(&market, &market.members[1].get(&path).ok());
    // Who has not voted knows what would stand for them, and nobody else.
    let seen = |member: usize| market.members[member].get(&format!("/v1/votes/{vote_id}")).ok();
    assert_eq!(seen(1)["your_tag"], tags[&1].0);
    let mut all: Vec<Vec<u8>> = (0..4).map(|member| hex::decode(text(&seen(member)["your_tag"])).unwrap()).collect();
    all.sort();
    let mut tree = Frontier::default();
    all.iter().for_each(|tag| tree.append(leaf_hash(tag)));
    assert_eq!(seen(3)["electorate_root"], tree.root().to_string());
    assert!(market.operator.get(&format!("/v1/votes/{vote_id}")).ok().get("your_tag").is_none());
    assert_eq!(market.vote(&vote_id)["result"], json!({"yes": 1, "no": 1, "abstain": 1}));
}

fn a_log_only_grows_and_strangers_see_nothing_of_it(backend: Backend) {
    let (market, vote_id) = voting(backend, 3);
    let log = format!("/v1/votes/{vote_id}/log");
    let empty = market.members[2].get(&log).ok();
    assert_eq!(head(&market, &empty).0, 0);
    let mut heads = Vec::new();
    for round in 0..7 {
        market.cast(round % 3, &vote_id, ["yes", "no"][round % 2]).ok();
        heads.push(head(&market, &market.members[2].get(&log).ok()));
    }
    for (first, first_root) in &heads {
        for (second, second_root) in heads.iter().filter(|(second, _)| second >= first) {
            let proof = market.members[0].get(&format!("{log}/consistency?first={first}&second={second}")).ok();
            let shown = verify_consistency(*first, *second, first_root, second_root, &hashes(&proof["hashes"]));
            assert_eq!(shown, Ok(()), "{first} and {second}");
        }
    }
    for odd in [
        "consistency",
        "inclusion",
        "consistency?first=0",
        "consistency?first=8",
        "consistency?first=3&second=2",
        "inclusion?index=7",
        "inclusion?index=0&size=8",
        "inclusion?index=3&size=3",
    ] {
        market.members[0].get(&format!("{log}/{odd}")).problem(422, "invalid");
    }
    for stranger in [&market.buyer, &market.app.member("stranger")] {
        for path in ["", "/inclusion?index=0", "/consistency?first=1"] {
            stranger.get(&format!("{log}{path}")).problem(404, "not-found");
        }
    }
}

fn who_leaves_is_void_in_the_log_and_nobody_is_lost(backend: Backend) {
    let (market, vote_id) = voting(backend, 4);
    market.vote_as(&vote_id, "yyyn");
    let before = head(&market, &market.operator.get(&format!("/v1/votes/{vote_id}/log")).ok());
    market.members[0].delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    let consent = format!("/v1/pools/{}/membership/consents/model_training", market.pool_id);
    market.members[1].delete(&consent).ok();
    let left = head(&market, &market.operator.get(&format!("/v1/votes/{vote_id}/log")).ok());
    assert_eq!((before.0, left.0), (4, 6), "leaving is a leaf, and so is taking a consent back, both at once");
    assert_eq!(market.vote(&vote_id)["turnout"], 2);
    market.members[1]
        .put(&format!("/v1/votes/{vote_id}/ballot"), &json!({"choice": "yes"}))
        .problem(403, "not-in-electorate");
    market.close_votes();
    let closed = head(&market, &market.operator.get(&format!("/v1/votes/{vote_id}/log")).ok());
    assert_eq!(closed.0, 6, "closing adds nothing");
    assert_eq!(market.vote(&vote_id)["result"], json!({"yes": 1, "no": 1, "abstain": 0}));
    let path = format!("/v1/votes/{vote_id}/log/consistency?first=4&second=6");
    let proof = market.operator.get(&path).ok();
    assert_eq!(verify_consistency(4, 6, &before.1, &closed.1, &hashes(&proof["hashes"])), Ok(()));
}

/// More than a tile holds, in batches as they come.
fn ballots_of_many_members_at_once_have_places_of_their_own(backend: Backend) {
    let (market, vote_id) = voting(backend, 8);
    let ballots: Vec<Value> = std::thread::scope(|scope| {
        let cast = |member: usize| {
            let (market, vote_id) = (&market, &vote_id);
            move || {
                (0..40)
                    .map(|round| market.cast(member, vote_id, ["yes", "no", "abstain"][round % 3]).ok())
                    .collect::<Vec<_>>()
            }
        };
        let threads: Vec<_> = (0..8).map(|member| scope.spawn(cast(member))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut places: Vec<u64> = ballots.iter().map(|ballot| ballot["receipt"]["log_index"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (0..320).collect::<Vec<_>>(), "every place once");
    for ballot in ballots.iter().step_by(7) {
        check(&market, ballot);
    }
    market.close_votes();
    assert_eq!(market.vote(&vote_id)["result"], json!({"yes": 8, "no": 0, "abstain": 0}));
}

/// The checker, as a program of its own that knows of no server.
fn verify(bundle: &Path, flags: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refrain"));
    let done = command.arg("verify").arg(bundle).args(flags).output().unwrap();
    let printed = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (done.status.success(), printed)
}

fn anybody_can_count_an_ended_vote_again(backend: Backend) {
    let (market, vote_id) = voting(backend, 6);
    let (path, anyone) = (format!("/v1/votes/{vote_id}/bundle"), market.app.anyone());
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let first = file("first.json", &market.cast(0, &vote_id, "no").bytes);
    market.vote_as(&vote_id, "yynya");
    let last =
        file("last.json", &market.members[0].get(&format!("/v1/votes/{vote_id}/ballot")).ok().to_string().into_bytes());
    market.members[1].delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    anyone.get(&path).problem(404, "not-found");
    assert!(market.vote(&vote_id).get("bundle").is_none(), "nothing is opened before the end");
    market.close_votes();
    let published = anyone.get(&path);
    assert_eq!((published.status, published.header("content-type")), (200, Some("application/x-ndjson")));
    let told = market.vote(&vote_id)["bundle"].clone();
    let digest = hex::encode(digest::digest(&digest::SHA256, &published.bytes));
    assert_eq!(told, json!({"href": path, "size_bytes": published.bytes.len(), "sha256": digest}));
    let bundle = file("bundle.jsonl", &published.bytes);
    let key = key(&market).text();
    let last = last.to_str().unwrap();
    let (holds, words) = verify(&bundle, &["--key", &key, "--receipt", last]);
    assert!(holds && !words.contains("FAULT"), "{words}");
    for said in [
        "6 electors",
        "7 ballots",
        "4 of 6 members voted: 2 yes, 1 no, 1 abstained",
        "it was counted: yes.",
        "cannot prove",
    ] {
        assert!(words.contains(said), "{said} is not in:\n{words}");
    }
    let (_, words) = verify(&bundle, &["--receipt", first.to_str().unwrap()]);
    assert!(words.contains("A later one took its place and was counted: yes."), "{words}");
    let tag = market.members[5].get(&format!("/v1/votes/{vote_id}")).ok()["your_tag"].clone();
    let (_, words) = verify(&bundle, &["--tag", text(&tag)]);
    assert!(words.contains("no ballot was cast under it"), "{words}");
    // Nothing in it tells who anybody is, or what it was about.
    let content = String::from_utf8(published.bytes.clone()).unwrap();
    for member in &market.members {
        assert!(!content.contains(text(&member.get("/v1/me").ok()["id"])), "no names");
    }
    assert!(!content.contains(&market.pool_id) && !content.contains("listener"));
    let forged = file("forged.jsonl", content.replacen(",\"yes\",", ",\"no\",", 1).as_bytes());
    let (holds, words) = verify(&forged, &["--receipt", last]);
    assert!(
        !holds && words.contains("FAULTS") && words.contains("not those of which the log's root was made"),
        "{words}"
    );
    let cut = file("cut.jsonl", &published.bytes[..published.bytes.len() / 2]);
    let (holds, words) = verify(&cut, &[]);
    assert!(!holds && words.contains("of the bundle: "), "{words}");
}
