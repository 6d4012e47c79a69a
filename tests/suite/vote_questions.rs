//! What members ask about the offer that they vote on, what the buyer answers, and that nobody is told who asked.

use crate::common::Backend;
use crate::common::http::{Answer, Caller};
use crate::common::market::{Market, VOTING_DAYS, id, items};
use diesel::prelude::*;
use refrain::db::schema::vote_questions;
use serde_json::{Value, json};

const PRICE: i64 = 50_000;
const HOUR_S: i64 = 3_600;

crate::on_both_databases!(
    electors_ask_while_the_vote_is_open_and_nobody_else,
    the_buyer_answers_once_and_the_terms_stay_as_they_are,
    questions_are_read_page_by_page_and_without_names,
    one_mail_a_day_tells_the_buyer_and_one_the_asker,
    what_an_operator_withholds_is_shown_to_nobody,
    who_leaves_is_forgotten_and_the_questions_stay,
    of_many_at_once_three_are_asked_and_one_answers,
);

fn voting(backend: Backend, members: u64) -> (Market, String, String) {
    let market = Market::open(backend, members);
    let offer_id = market.place(PRICE);
    let vote_id = market.vote_id(&offer_id);
    (market, offer_id, vote_id)
}

fn ask(member: &Caller, vote_id: &str, text: &str) -> Answer {
    member.post(&format!("/v1/votes/{vote_id}/questions"), &json!({"text": text}))
}

fn answer(buyer: &Caller, question_id: &str, text: &str) -> Answer {
    buyer.post(&format!("/v1/questions/{question_id}/answer"), &json!({"text": text}))
}

fn withhold(caller: &Caller, question_id: &str, reason: &str) -> Answer {
    caller.post(&format!("/v1/questions/{question_id}/withhold"), &json!({"reason": reason}))
}

fn questions(caller: &Caller, of: &str) -> Vec<Value> {
    items(&caller.get(&format!("/v1/{of}/questions")).ok())
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

fn electors_ask_while_the_vote_is_open_and_nobody_else(backend: Backend) {
    let (market, _, vote_id) = voting(backend, 2);
    let member = &market.members[0];
    for other in [&market.buyer, &market.operator] {
        ask(other, &vote_id, "What for?").problem(403, "forbidden");
    }
    ask(&market.app.member("stranger"), &vote_id, "What for?").problem(404, "not-found");
    let newcomer = market.app.listener(&market.pool_id, 50);
    let refused = ask(&newcomer, &vote_id, "What for?").problem(403, "not-in-electorate");
    assert!(detail(&refused).contains("Everybody of the pool may read"), "{refused}");
    for odd in ["", "  \n ", "a\u{0}b", "a\u{202E}b", &"ö".repeat(1_001)] {
        ask(member, &vote_id, odd).problem(422, "invalid");
    }
    let path = format!("/v1/votes/{vote_id}/questions");
    member.post(&path, &json!({})).problem(422, "invalid");
    member.post(&path, &json!({"text": "What for?", "to": "all"})).problem(400, "malformed-request");
    assert_eq!(questions(&market.operator, &format!("votes/{vote_id}")), [Value::Null; 0]);
    market.app.ctx.clock.advance_s(1).unwrap();
    let long = "ö".repeat(1_000);
    for text in ["  What for?\n", "And then?\nReally?", &long] {
        let asked = ask(member, &vote_id, text);
        assert_eq!((asked.status, &asked.json()["text"]), (201, &json!(text.trim())));
    }
    assert!(detail(&ask(member, &vote_id, "What for?").problem(409, "conflict")).contains("just this"));
    assert!(detail(&ask(member, &vote_id, "One more?").problem(409, "conflict")).contains("3 questions"));
    ask(&market.members[1], &vote_id, "What for?").ok();
    market.app.ctx.clock.advance_s(VOTING_DAYS * 24 * HOUR_S - 2).unwrap();
    ask(&market.members[1], &vote_id, "In time?").ok();
    market.app.ctx.clock.advance_s(1).unwrap();
    ask(&market.members[1], &vote_id, "Too late?").problem(409, "vote-closed");
    market.app.run_jobs();
    ask(&market.members[1], &vote_id, "Too late?").problem(409, "vote-closed");
    assert_eq!(questions(&newcomer, &format!("votes/{vote_id}")).len(), 5, "they are kept with the vote");
    assert_eq!(market.vote(&vote_id)["questions"], 5);
}

fn the_buyer_answers_once_and_the_terms_stay_as_they_are(backend: Backend) {
    let (market, offer_id, vote_id) = voting(backend, 2);
    let (of_vote, of_offer) = (format!("votes/{vote_id}"), format!("offers/{offer_id}"));
    let terms = market.buyer.get(&format!("/v1/offers/{offer_id}/terms")).bytes;
    let first = id(&ask(&market.members[0], &vote_id, "Who will read it?").ok());
    market.app.ctx.clock.advance_s(1).unwrap();
    let second = id(&ask(&market.members[1], &vote_id, "Where is it kept?").ok());
    let stranger = market.app.buyer("stranger");
    answer(&stranger, &first, "We do not know.").problem(404, "not-found");
    for other in [&market.members[0], &market.operator] {
        answer(other, &first, "We do not know.").problem(403, "forbidden");
    }
    stranger.get(&format!("/v1/{of_offer}/questions")).problem(404, "not-found");
    market.members[0].get(&format!("/v1/{of_offer}/questions")).problem(403, "forbidden");
    market.buyer.get(&format!("/v1/{of_vote}/questions")).problem(404, "not-found");
    for odd in ["", " ", "a\u{7}", &"a".repeat(1_001)] {
        answer(&market.buyer, &first, odd).problem(422, "invalid");
    }
    let answered = answer(&market.buyer, &first, " Three people in Amsterdam. ").ok();
    assert_eq!(answered["answer"]["text"], "Three people in Amsterdam.");
    assert!(detail(&answer(&market.buyer, &first, "Four.").problem(409, "conflict")).contains("not changed"));
    for seen in [questions(&market.members[1], &of_vote), questions(&market.buyer, &of_offer)] {
        assert_eq!((&seen[0]["id"], &seen[0]["answer"]), (&json!(first), &answered["answer"]));
        assert_eq!((&seen[1]["text"], seen[1].get("answer")), (&json!("Where is it kept?"), None));
    }
    for vote in [market.vote(&vote_id), items(&market.members[0].get("/v1/votes").ok())[0].clone()] {
        assert_eq!((&vote["questions"], &vote["questions_answered"]), (&json!(2), &json!(1)));
    }
    market.close_votes();
    answer(&market.buyer, &second, "In Amsterdam.").problem(409, "vote-closed");
    assert_eq!(market.buyer.get(&format!("/v1/offers/{offer_id}/terms")).bytes, terms);
    assert_eq!(questions(&market.members[0], &of_vote).len(), 2);
}

fn questions_are_read_page_by_page_and_without_names(backend: Backend) {
    let (market, offer_id, vote_id) = voting(backend, 2);
    for number in 0..6 {
        market.app.ctx.clock.advance_s(1).unwrap();
        ask(&market.members[number % 2], &vote_id, &format!("Number {number}?")).ok();
    }
    let own: Vec<String> = market.members.iter().map(|member| id(&member.get("/v1/me").ok())).collect();
    let readers = [
        (&market.members[0], format!("/v1/votes/{vote_id}/questions"), 3),
        (&market.operator, format!("/v1/votes/{vote_id}/questions"), 0),
        (&market.buyer, format!("/v1/offers/{offer_id}/questions"), 0),
    ];
    for (reader, list, theirs) in readers {
        let (mut seen, mut path) = (Vec::new(), format!("{list}?limit=4"));
        loop {
            let page = reader.get(&path).ok();
            assert!(own.iter().all(|id| !page.to_string().contains(id.as_str())), "{page}");
            seen.extend(items(&page));
            let Some(cursor) = page.get("next_cursor") else { break };
            path = format!("{list}?limit=4&cursor={}", cursor.as_str().unwrap());
        }
        let texts: Vec<&str> = seen.iter().map(|question| question["text"].as_str().unwrap()).collect();
        assert_eq!(texts, ["Number 0?", "Number 1?", "Number 2?", "Number 3?", "Number 4?", "Number 5?"]);
        assert_eq!(seen.iter().filter(|question| question["yours"] == true).count(), theirs);
        assert_eq!(seen.iter().filter(|question| question.get("yours").is_some()).count(), theirs);
    }
    let other = market.vote_id(&market.place(PRICE));
    let page = market.operator.get(&format!("/v1/votes/{vote_id}/questions?limit=1")).ok();
    let elsewhere = format!("/v1/votes/{other}/questions?cursor={}", page["next_cursor"].as_str().unwrap());
    market.operator.get(&elsewhere).problem(400, "invalid-cursor");
}

/// How many mails went to an address with this in their subject.
fn mailed(market: &Market, to: &str, subject: &str) -> usize {
    market.app.run_jobs();
    let whole = |mail: &String| mail.replace("=\r\n", "").replace("\r\n ", " ");
    let fits = |mail: &String| mail.contains(&format!("To: {to}\r\n")) && mail.contains(subject);
    market.app.mails().iter().map(whole).filter(fits).count()
}

fn one_mail_a_day_tells_the_buyer_and_one_the_asker(backend: Backend) {
    let market = Market::open(backend, 2);
    market.app.verify_email("listener0@example.org");
    market.app.verify_email("listener1@example.org");
    let vote_id = market.vote_id(&market.place(PRICE));
    let (buyer, about) = ("buyer@northwind.example", "members ask about your offer");
    let to_buyer = || mailed(&market, buyer, about);
    let first = id(&ask(&market.members[0], &vote_id, "Who will read it?").ok());
    assert_eq!(to_buyer(), 1);
    market.app.ctx.clock.advance_s(HOUR_S).unwrap();
    let second = id(&ask(&market.members[1], &vote_id, "Where is it kept?").ok());
    market.app.ctx.clock.advance_s(HOUR_S).unwrap();
    let third = id(&ask(&market.members[1], &vote_id, "For how long?").ok());
    assert_eq!(to_buyer(), 1, "not before a day is over");
    market.app.advance_s(22 * HOUR_S);
    assert_eq!(to_buyer(), 2, "one for all that was asked meanwhile");
    assert!(market.app.mails().iter().any(|mail| mail.contains("3 questions wait for an answer")));
    let to_asker = |member: u64| mailed(&market, &format!("listener{member}@example.org"), "was answered");
    answer(&market.buyer, &first, "Three people.\nNo more.").ok();
    assert_eq!((to_asker(0), to_asker(1)), (1, 0), "only who asked");
    let mails = market.app.mails();
    let mail = mails.iter().rev().find(|mail| mail.contains("was answered")).unwrap();
    for words in ["> Who will read it?", "> Three people.", "> No more."] {
        assert!(mail.contains(words), "{words} is not in {mail}");
    }
    market.app.ctx.clock.advance_s(HOUR_S).unwrap();
    ask(&market.members[0], &vote_id, "And then?").ok();
    for question in [&second, &third] {
        answer(&market.buyer, question, "In Amsterdam.").ok();
    }
    let last = items(&market.operator.get(&format!("/v1/votes/{vote_id}/questions")).ok());
    answer(&market.buyer, &id(last.last().unwrap()), "Nothing.").ok();
    market.app.advance_s(24 * HOUR_S);
    assert_eq!(to_buyer(), 2, "nothing waits any more");
    assert_eq!((to_asker(0), to_asker(1)), (2, 2));
}

fn what_an_operator_withholds_is_shown_to_nobody(backend: Backend) {
    let (market, offer_id, vote_id) = voting(backend, 2);
    let words = "Is it true what Jane Doe said?";
    let question_id = id(&ask(&market.members[0], &vote_id, words).ok());
    market.app.ctx.clock.advance_s(1).unwrap();
    let answered = id(&ask(&market.members[0], &vote_id, "And her sister?").ok());
    answer(&market.buyer, &answered, "Her sister agrees.").ok();
    for other in [&market.members[0], &market.buyer] {
        withhold(other, &question_id, "No.").problem(403, "forbidden");
    }
    for none in ["", " \n", &"x".repeat(2_001)] {
        withhold(&market.operator, &question_id, none).problem(422, "invalid");
    }
    let nobodys = "question_01jd2k8m0wfv9s3x6q4r7t5y2z";
    withhold(&market.operator, nobodys, "It names a person.").problem(404, "not-found");
    for id in [&question_id, &answered] {
        let withheld = withhold(&market.operator, id, " It names a person. ").ok();
        assert_eq!(withheld["withheld"]["reason"], "It names a person.");
        withhold(&market.operator, id, "Again.").problem(409, "conflict");
    }
    assert!(detail(&answer(&market.buyer, &question_id, "Yes.").problem(409, "conflict")).contains("withheld"));
    let views = [
        questions(&market.members[0], &format!("votes/{vote_id}")),
        questions(&market.operator, &format!("votes/{vote_id}")),
        questions(&market.buyer, &format!("offers/{offer_id}")),
    ];
    for seen in views {
        assert_eq!(seen.len(), 2);
        for question in seen {
            assert!(question.get("text").is_none() && question.get("answer").is_none(), "{question}");
            assert_eq!(question["withheld"]["reason"], "It names a person.");
        }
    }
    let acts = items(&market.operator.get("/v1/audit-log").ok());
    let act = acts.iter().find(|act| act["subject_id"] == json!(question_id)).expect("it is in the audit log");
    assert_eq!((&act["action"], &act["reason"]), (&json!("question.withhold"), &json!("It names a person.")));
    assert_eq!(mailed(&market, "buyer@northwind.example", "members ask about your offer"), 0, "nothing waits");
    ask(&market.members[0], &vote_id, "A third?").ok();
    ask(&market.members[0], &vote_id, "A fourth?").problem(409, "conflict");
}

/// The authors of all questions, the first that was asked first.
fn authors(market: &Market) -> Vec<Option<String>> {
    let read =
        market.app.ctx.db.read(|db| {
            Ok(vote_questions::table.order(vote_questions::id).select(vote_questions::member_id).load(db)?)
        });
    market.app.block_on(read).unwrap()
}

fn who_leaves_is_forgotten_and_the_questions_stay(backend: Backend) {
    let market = Market::open(backend, 3);
    market.app.verify_email("listener1@example.org");
    let offer_id = market.place(PRICE);
    let vote_id = market.vote_id(&offer_id);
    let asked: Vec<String> = (0..3)
        .map(|member| {
            market.app.ctx.clock.advance_s(1).unwrap();
            id(&ask(&market.members[member], &vote_id, &format!("Number {member}?")).ok())
        })
        .collect();
    let ids: Vec<String> = market.members.iter().map(|member| id(&member.get("/v1/me").ok())).collect();
    assert_eq!(authors(&market), ids.iter().cloned().map(Some).collect::<Vec<_>>());
    let elsewhere = market.app.pool("Another pool");
    market.app.join(&market.members[1], &elsewhere);
    market.members[1].delete(&format!("/v1/pools/{elsewhere}/membership")).ok();
    assert!(authors(&market)[1].is_some(), "that was another pool");
    answer(&market.buyer, &asked[1], "Yes.").ok();
    market.members[0].delete("/v1/me").ok();
    market.members[1].delete(&format!("/v1/pools/{}/membership", market.pool_id)).ok();
    assert_eq!(authors(&market), [None, None, Some(ids[2].clone())]);
    assert_eq!(mailed(&market, "listener1@example.org", "was answered"), 0, "nobody is left to be told");
    let seen = questions(&market.members[2], &format!("votes/{vote_id}"));
    let texts: Vec<&Value> = seen.iter().map(|question| &question["text"]).collect();
    assert_eq!(texts, ["Number 0?", "Number 1?", "Number 2?"]);
    assert_eq!(questions(&market.buyer, &format!("offers/{offer_id}")).len(), 3);
    // Who comes back has not asked anything, and is no elector any more.
    market.app.join(&market.members[1], &market.pool_id);
    assert!(
        questions(&market.members[1], &format!("votes/{vote_id}"))
            .iter()
            .all(|question| question.get("yours").is_none())
    );
    ask(&market.members[1], &vote_id, "Once more?").problem(403, "not-in-electorate");
}

/// Sends these at once, and says how many were taken; the others are refused as conflicts.
fn taken(send: impl Fn(usize) -> Answer + Sync) -> usize {
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn({
                    let send = &send;
                    move || send(number)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let refused = answers.iter().filter(|answer| answer.status >= 300);
    refused.for_each(|answer| drop(answer.problem(409, "conflict")));
    answers.iter().filter(|answer| answer.status < 300).count()
}

fn of_many_at_once_three_are_asked_and_one_answers(backend: Backend) {
    let (market, offer_id, vote_id) = voting(backend, 1);
    assert_eq!(taken(|number| ask(&market.members[0], &vote_id, &format!("Number {number}?"))), 3);
    let asked = questions(&market.buyer, &format!("offers/{offer_id}"));
    assert_eq!(asked.len(), 3);
    let first = id(&asked[0]);
    assert_eq!(taken(|number| answer(&market.buyer, &first, &format!("Answer {number}."))), 1);
    assert_eq!(market.vote(&vote_id)["questions_answered"], 1);
    assert_eq!(mailed(&market, "buyer@northwind.example", "members ask about your offer"), 1, "one mail for all");
}
