//! Which mails about votes a member gets.

use crate::common::Backend;
use crate::common::market::{Market, VOTING_DAYS, rules};
use serde_json::{Value, json};

const PRICE: i64 = 50_000;
const DAY_S: i64 = 86_400;

crate::on_both_databases!(
    who_wants_reminders_only_is_told_nothing_else,
    a_vote_without_reminders_is_told_to_everybody,
    a_moved_deadline_is_told_once_to_every_elector_who_wants_to_know,
);

/// A market whose members' addresses are verified.
fn market(backend: Backend, changes: &Value) -> Market {
    let rules = rules(changes);
    let market = Market::with(backend, 3, &json!({"pool": {"rules": rules}}));
    (0..3).for_each(|index| market.app.verify_email(&format!("listener{index}@example.org")));
    market
}

/// The subjects of the mails about votes that went to each member.
fn mailed(market: &Market) -> [Vec<&'static str>; 3] {
    const SUBJECTS: [&str; 3] = ["your vote is asked for", "you have not voted yet", "the offer for"];
    let mails: Vec<String> = market.app.mails().iter().map(|mail| mail.replace("\r\n ", " ")).collect();
    [0, 1, 2].map(|index| {
        let to = format!("To: listener{index}@example.org\r\n");
        let theirs = mails.iter().filter(|mail| mail.contains(&to));
        theirs
            .filter_map(|mail| SUBJECTS.into_iter().find(|subject| mail.contains(&format!("Refrain: {subject}"))))
            .collect()
    })
}

fn who_wants_reminders_only_is_told_nothing_else(backend: Backend) {
    let market = market(backend, &json!({}));
    let (path, wish) = ("/v1/me/vote-mails", json!({"vote_mails": "reminders_only"}));
    for other in [&market.buyer, &market.operator] {
        other.put(path, &wish).problem(403, "forbidden");
        assert!(other.get("/v1/me").ok().get("vote_mails").is_none());
    }
    for odd in [json!({"vote_mails": "none"}), json!({"vote_mails": true}), json!({})] {
        market.members[1].put(path, &odd).problem(422, "invalid");
    }
    let ballot = json!({"vote_mails": "all", "choice": "yes"});
    market.members[1].put(path, &ballot).problem(400, "malformed-request");
    assert_eq!(market.members[1].get("/v1/me").ok()["vote_mails"], "all");
    for member in [1, 2] {
        assert_eq!(market.members[member].put(path, &wish).ok()["vote_mails"], "reminders_only");
    }
    assert_eq!(market.members[1].get("/v1/me").ok()["vote_mails"], "reminders_only");
    let vote_id = market.vote_id(&market.place(PRICE));
    market.cast(2, &vote_id, "yes").ok();
    assert_eq!(market.vote(&vote_id)["turnout"], 1, "a setting votes for nobody");
    for _ in 0..VOTING_DAYS {
        market.app.advance_days(1);
    }
    let (opened, reminded, ended) = ("your vote is asked for", "you have not voted yet", "the offer for");
    let expected = [vec![opened, reminded, reminded, ended], vec![reminded, reminded], vec![]];
    assert_eq!(mailed(&market), expected, "the last one has voted");
    market.members[1].put(path, &json!({"vote_mails": "all"})).ok();
    market.place(PRICE);
    assert_eq!(
        mailed(&market).map(|subjects| subjects.iter().filter(|subject| **subject == opened).count()),
        [2, 1, 0]
    );
}

fn a_vote_without_reminders_is_told_to_everybody(backend: Backend) {
    let market = market(backend, &json!({"voting_period_s": DAY_S}));
    market.members[1].put("/v1/me/vote-mails", &json!({"vote_mails": "reminders_only"})).ok();
    market.place(PRICE);
    market.app.advance_days(1);
    let (opened, ended) = ("your vote is asked for", "the offer for");
    assert_eq!(mailed(&market), [vec![opened, ended], vec![opened], vec![opened, ended]]);
}

fn a_moved_deadline_is_told_once_to_every_elector_who_wants_to_know(backend: Backend) {
    let market = market(backend, &json!({"quorum_bp": 5_000, "late_quorum_s": DAY_S}));
    market.members[2].put("/v1/me/vote-mails", &json!({"vote_mails": "reminders_only"})).ok();
    let told = |index: u64| -> Vec<String> {
        let whole = market.app.mails().into_iter().map(|mail| mail.replace("=\r\n", "").replace("\r\n ", " "));
        let to = format!("To: listener{index}@example.org\r\n");
        whole.filter(|mail| mail.contains(&to) && mail.contains("more time to vote")).collect()
    };
    let vote_id = market.vote_id(&market.place(PRICE));
    market.cast(0, &vote_id, "yes").ok();
    market.app.advance_s(VOTING_DAYS * DAY_S - 3_600);
    assert_eq!([0, 1, 2].map(|index| told(index).len()), [0; 3]);
    let before = market.vote(&vote_id)["closes_at"].clone();
    market.cast(1, &vote_id, "abstain").ok();
    market.app.run_jobs();
    assert_eq!([0, 1, 2].map(|index| told(index).len()), [0; 3], "an abstention reaches nothing");
    market.members[2].put(&format!("/v1/votes/{vote_id}/ballot"), &json!({"choice": "yes"})).ok();
    let after = market.vote(&vote_id)["closes_at"].clone();
    assert_ne!(before, after);
    market.app.run_jobs();
    market.app.advance_s(60);
    assert_eq!([0, 1, 2].map(|index| told(index).len()), [1, 1, 0]);
    let minutes = |instant: &Value| instant.as_str().unwrap()[..16].replace('T', " ");
    for words in [minutes(&before), minutes(&after), "reached late".into(), format!("/v1/votes/{vote_id}")] {
        assert!(told(0)[0].contains(&words), "{words} is not in {}", told(0)[0]);
    }
    market.app.advance_days(1);
    assert_eq!([0, 1, 2].map(|index| told(index).len()), [1, 1, 0], "once");
}
