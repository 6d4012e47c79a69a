//! What every letter has, and what some say.

use super::*;
use crate::accounts::model::Profile;
use crate::clock::Entropy;
use crate::histories::model::{History, HistoryState};
use crate::ids::{AccountId, CounterId, HistoryId, LicenceId, OfferId, OrganisationId};
use crate::notify::licensees::{Ready, files_ready};
use crate::offers::counters::model::CounterState;

fn time() -> UtcTime {
    UtcTime::parse("2026-01-31T12:00:00Z").unwrap()
}

fn organisation(state: OrganisationState) -> Organisation {
    Organisation {
        id: OrganisationId::new(time(), &Entropy::seeded(1)),
        profile: Profile {
            legal_name: "Northern Sound Research AB".into(),
            country: "SE".into(),
            website: "https://northern.example".into(),
            purpose: "Measuring how listeners find music.".into(),
            address: "Storgatan 1".into(),
            tax_id: String::new(),
        },
        state,
        decision_reason: Some("Who will have access?".into()),
        decided_by: None,
        decided_at: Some(time()),
        may_reapply_at: Some(time()),
        credit_limit_minor: 0,
        created_at: time(),
        updated_at: time(),
    }
}

fn held(others: usize, left_at: Option<UtcTime>) -> HeldHistory {
    let history = History {
        id: HistoryId::new(time(), &Entropy::seeded(2)),
        member_id: AccountId::new(time(), &Entropy::seeded(3)),
        state: HistoryState::Held,
        fingerprint: None,
        source_kind: None,
        service: None,
        covers_from: None,
        covers_to: None,
        report_json: None,
        problem_code: None,
        problem_detail: None,
        staged_key: None,
        same_as: None,
        received_at: time(),
        finished_at: None,
    };
    HeldHistory { others: vec![history.clone(); others], history, left_at }
}

fn ready(ends_at: Option<UtcTime>, refund_due: Option<Money>) -> Ready {
    Ready {
        dataset: "Artists of 2025".into(),
        ends_at,
        refund_due,
        licence_id: LicenceId::new(time(), &Entropy::seeded(7)),
    }
}

fn counter() -> Counter {
    Counter {
        id: CounterId::new(time(), &Entropy::seeded(4)),
        offer_id: OfferId::new(time(), &Entropy::seeded(5)),
        made_by: AccountId::new(time(), &Entropy::seeded(6)),
        state: CounterState::Standing,
        terms_json: "{}".into(),
        message: "It is too little.".into(),
        answer_by: time(),
        made_at: time(),
        ended_at: None,
        new_offer_id: None,
    }
}

/// A window of an hour, moved by another.
fn moved() -> Window {
    let window = Window::new(time(), time().plus_s(3_600));
    Window { extended_to: Some(time().plus_s(7_200)), ..window }
}

fn proposal() -> Proposal {
    Proposal {
        pool: "Open Ears".into(),
        dataset: "Artists of 2025".into(),
        buyer: "Northern Sound Research AB".into(),
        purpose: "market_research".into(),
        field_of_use: "Measuring how listeners find music.".into(),
        price: Money::new(5_500_000, "USD"),
        path: "/v1/votes/vote_1".into(),
    }
}

#[test]
fn every_letter_has_one_line_of_subject_a_link_and_lines_that_fit() {
    let links = Links::new("https://refrain.example");
    let proposal = proposal();
    let decided = |state| application_decided(&links, &organisation(state));
    let mut letters = vec![
        verify_address(&links, "verify_T", time()),
        reset_password(&links, "reset_T", time()),
        application_waits(&links, &organisation(OrganisationState::Pending)),
        vote_opened(&links, &proposal, time(), false),
        vote_opened(&links, &proposal, time(), true),
        vote_reminder(&links, &proposal, time()),
        question_asked(&links, &proposal, 2, time()),
        offer_held(&links, &proposal, 900, 1_200),
        offer_countered(&links, &proposal, &["Price: more instead of less.".into()], &counter()),
        vote_extended(&links, &proposal, &moved(), true).unwrap(),
        question_answered(&links, &proposal, "Who will read it?", "We will.\nNobody else."),
        files_ready(&links, &ready(Some(time()), None)),
        files_ready(&links, &ready(None, Some(Money::new(5_500_000, "USD")))),
        history_held(&links, &held(0, None)),
        history_held(&links, &held(1, Some(time()))),
        history_held(&links, &held(2, None)),
    ];
    letters.extend(OrganisationState::ALL.iter().filter_map(|state| decided(*state)));
    assert_eq!(letters.len(), 19);
    for Letter { subject, body } in &letters {
        assert!(subject.starts_with("Refrain: ") && !subject.contains('\n') && subject.len() < 100, "{subject}");
        assert!(body.contains("https://refrain.example/") && body.lines().all(|line| line.len() < 200), "{body}");
        assert!(!body.contains("example//"), "{body}");
    }
}

#[test]
fn letters_say_what_to_do_until_when() {
    let links = Links::new("https://refrain.example");
    let verify = verify_address(&links, "verify_T", time()).body;
    assert!(verify.contains("\nhttps://refrain.example/account#verify_T\n") && verify.contains("\nverify_T\n"));
    assert!(verify.contains("until 2026-01-31 12:00 UTC"));
    let refused = application_decided(&links, &organisation(OrganisationState::Rejected)).unwrap();
    assert!(refused.body.contains("Who will have access?") && refused.body.contains("from 2026-01-31 12:00 UTC on"));
    assert_eq!(application_decided(&links, &organisation(OrganisationState::Pending)), None);
}

#[test]
fn a_moved_deadline_says_from_when_to_when_and_what_is_left_to_do() {
    let (links, proposal) = (Links::new("https://refrain.example"), proposal());
    let unmoved = Window { extended_to: None, ..moved() };
    assert_eq!(vote_extended(&links, &proposal, &unmoved, true), None);
    let told = |may_vote| vote_extended(&links, &proposal, &moved(), may_vote).unwrap().body;
    assert!(told(true).contains("until 2026-01-31 14:00 UTC. It was to end on 2026-01-31 13:00 UTC."));
    assert!(told(true).contains("You may vote, or change") && told(false).contains("there is nothing to do"));
}
