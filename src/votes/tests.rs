//! What a vote does, seen from outside.

use crate::accounts::caller::{Caller, Member};
use crate::accounts::model::Role;
use crate::clock::{Entropy, UtcTime};
use crate::context::Context;
use crate::db::schema::{accounts, consents, memberships, plays_files, votes};
use crate::error::Code;
use crate::ids::{MembershipId, PoolId, SessionId, VoteId};
use crate::page::PageQuery;
use crate::pools;
use crate::pools::model::VoteRules;
use crate::votes::fixture::{PURPOSE, consent, listed_vote, member, members, open_vote, pool, rules};
use crate::votes::model::{Choice, Vote, VoteState};
use crate::votes::rules::Tally;
use crate::votes::steps::{self, Closed, IfChanged};
use crate::votes::views::VoteView;
use crate::votes::{actions, electorate, fixture, log_store, upgrade};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use futures_util::future::join_all;

async fn close(ctx: &Context, id: &VoteId) -> Option<Closed> {
    let id = id.clone();
    ctx.db.write(move |tx| steps::close(tx, &id)).await.unwrap()
}

async fn vote(ctx: &Context, id: &VoteId) -> Vote {
    let id = id.clone();
    ctx.db.read(move |db| steps::vote(db, &id)).await.unwrap()
}

/// Moves a vote's deadline: the standing clock moves by whole seconds only.
async fn set_deadline(ctx: &Context, id: &VoteId, closes_at: UtcTime) {
    let id = id.clone();
    let set = ctx.db.write(move |tx| {
        diesel::update(votes::table.find(&id)).set(votes::closes_at.eq(closes_at)).execute(&mut **tx)?;
        Ok(())
    });
    set.await.unwrap();
}

async fn cast(ctx: &Context, member: &Member, id: &VoteId, choice: Choice) -> Result<(), Code> {
    fixture::cast(ctx, member, id.clone(), choice).await.map(|_| ()).map_err(|error| error.code())
}

/// Takes a member's consent back; names the membership that it hung on.
async fn withdraw(ctx: &Context, pool_id: &PoolId, member: &Member) -> MembershipId {
    let (of, pool_id) = (member.account_id.clone(), pool_id.clone());
    let work = move |tx: &mut crate::db::Tx| {
        steps::forget_ballots_about(tx, &of, &pool_id, PURPOSE)?;
        Ok(pools::steps::withdraw_consent(tx, &pool_id, &of, PURPOSE)?.membership.id)
    };
    ctx.db.write(work).await.unwrap()
}

/// A vote as a member sees it.
async fn page(ctx: &Context, member: &Member, id: &VoteId) -> VoteView {
    let session_id = SessionId::new(ctx.clock.now(), &ctx.entropy);
    let account_id = member.account_id.clone();
    let caller = Caller { account_id, role: Role::Member, organisation_id: None, session_id };
    VoteView::of(actions::read(ctx, &caller, id.clone()).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_final_ballot_that_was_made_void_is_not_cast_anew() {
    let (ctx, _guard) = Context::for_tests();
    let pool_id = pool(&ctx, VoteRules { final_ballots: true, ..rules() }).await;
    let members = members(&ctx, &pool_id, 3).await;
    let (id, window) = open_vote(&ctx, &pool_id, &members).await;
    fixture::cast(&ctx, &members[0], id.clone(), Choice::No).await.unwrap();
    let again = withdraw(&ctx, &pool_id, &members[0]).await;
    ctx.db.write(move |tx| consent(tx, &again, PURPOSE)).await.unwrap();
    assert_eq!(cast(&ctx, &members[0], &id, Choice::Yes).await, Err(Code::Conflict));
    let told = page(&ctx, &members[0], &id).await;
    assert!(!told.you_may_vote && told.if_you_do_nothing.unwrap().contains("none is taken in its place"));
    fixture::cast(&ctx, &members[1], id.clone(), Choice::Yes).await.unwrap();
    ctx.clock.advance_s(window.closes_at.unix_s() - window.opens_at.unix_s()).unwrap();
    assert_eq!(close(&ctx, &id).await.unwrap().tally, Tally { yes: 1, no: 0, abstain: 0 });
    assert_eq!(ctx.db.read(steps::verify).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn who_takes_the_consent_back_has_no_say_until_it_is_given_again() {
    let (ctx, _guard) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let members = members(&ctx, &pool_id, 3).await;
    let (id, window) = open_vote(&ctx, &pool_id, &members).await;
    for member in &members {
        fixture::cast(&ctx, member, id.clone(), Choice::Yes).await.unwrap();
    }
    let again = withdraw(&ctx, &pool_id, &members[0]).await;
    withdraw(&ctx, &pool_id, &members[1]).await;
    let told = page(&ctx, &members[0], &id).await;
    assert_eq!((told.you_may_vote, told.your_ballot.is_some()), (false, false));
    let words = told.if_you_do_nothing.unwrap();
    assert!(words.contains("no share of yours") && words.contains("you may vote again"), "{words}");
    let none = actions::own_ballot(&ctx, &members[0], id.clone()).await.unwrap_err();
    assert!(none.code() == Code::NotFound && none.detail().contains("is void"), "{}", none.detail());
    let refused = fixture::cast(&ctx, &members[0], id.clone(), Choice::No).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotInElectorate);
    assert!(refused.detail().contains("consent"), "{}", refused.detail());
    ctx.db.write(move |tx| consent(tx, &again, PURPOSE)).await.unwrap();
    let told = page(&ctx, &members[0], &id).await;
    assert!(told.you_may_vote && told.if_you_do_nothing.unwrap().contains("you may vote again"));
    fixture::cast(&ctx, &members[0], id.clone(), Choice::No).await.unwrap();
    let told = page(&ctx, &members[0], &id).await;
    assert_eq!(told.if_you_do_nothing.unwrap(), "Your ballot says no. If you do nothing, it stands and is counted.");
    let of = id.clone();
    let leaves = ctx.db.read(move |db| log_store::leaves(db, &of, 0..6)).await.unwrap();
    let own: Vec<_> = leaves.iter().filter(|leaf| leaf.tag == leaves[0].tag).map(|leaf| leaf.sequence).collect();
    assert_eq!(own, [0, 1, 2], "cast, void, cast again");
    ctx.clock.advance_s(window.closes_at.unix_s() - window.opens_at.unix_s()).unwrap();
    let vote_id = id.clone();
    let closed = ctx.db.write(move |tx| steps::close(tx, &vote_id)).await.unwrap().unwrap();
    assert_eq!((closed.tally.yes, closed.tally.no, closed.tally.abstain), (1, 1, 0));
    assert_eq!(ctx.db.read(steps::verify).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn sixty_four_ballots_of_one_member_are_one_live_ballot() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 3).await;
    let (id, window) = open_vote(&ctx, &pool_id, &electors).await;
    let casts = (0..64).map(|i| cast(&ctx, &electors[0], &id, if i % 2 == 0 { Choice::Yes } else { Choice::No }));
    assert!(join_all(casts).await.iter().all(Result::is_ok));
    cast(&ctx, &electors[0], &id, Choice::Abstain).await.unwrap();
    assert_eq!(actions::own_ballot(&ctx, &electors[0], id.clone()).await.unwrap().0.choice, Choice::Abstain);
    ctx.clock.advance_s(window.closes_at.unix_s() - window.opens_at.unix_s()).unwrap();
    assert_eq!(close(&ctx, &id).await.unwrap().tally, Tally { yes: 0, no: 0, abstain: 1 });
}

#[tokio::test]
async fn a_ballot_is_taken_until_one_millisecond_before_the_deadline() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 1).await;
    let (id, _) = open_vote(&ctx, &pool_id, &electors).await;
    ctx.clock.advance_s(60).unwrap();
    let now = ctx.clock.now();
    set_deadline(&ctx, &id, UtcTime::from_unix_ms(now.unix_ms() + 1).unwrap()).await;
    cast(&ctx, &electors[0], &id, Choice::Yes).await.unwrap();
    assert_eq!(close(&ctx, &id).await, None, "not due yet");
    set_deadline(&ctx, &id, now).await;
    assert_eq!(cast(&ctx, &electors[0], &id, Choice::No).await, Err(Code::VoteClosed));
    let closed = close(&ctx, &id).await.unwrap();
    assert_eq!(closed.tally, Tally { yes: 1, no: 0, abstain: 0 }, "the late change of mind does not count");
    assert!(closed.accepted);
}

#[tokio::test]
async fn closing_from_many_sides_gives_one_result_that_never_changes() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 3).await;
    let (id, _) = open_vote(&ctx, &pool_id, &electors).await;
    cast(&ctx, &electors[0], &id, Choice::Yes).await.unwrap();
    cast(&ctx, &electors[1], &id, Choice::Yes).await.unwrap();
    cast(&ctx, &electors[2], &id, Choice::No).await.unwrap();
    ctx.clock.advance_s(rules().voting_period_s).unwrap();
    let closed: Vec<_> = join_all((0..16).map(|_| close(&ctx, &id))).await.into_iter().flatten().collect();
    assert_eq!(closed.len(), 1);
    let ended = vote(&ctx, &id).await;
    assert_eq!((ended.state, ended.yes, ended.no, ended.abstain), (VoteState::Accepted, Some(2), Some(1), Some(0)));
    assert_eq!(ended.reason.as_deref(), Some(closed[0].reason.as_str()));
    // Neither a clock that steps back nor an operator who comes too late opens it again.
    ctx.clock.advance_s(-rules().voting_period_s).unwrap();
    assert_eq!(cast(&ctx, &electors[2], &id, Choice::No).await, Err(Code::VoteClosed));
    let vote_id = id.clone();
    assert!(!ctx.db.write(move |tx| steps::void(tx, &vote_id, "too late")).await.unwrap());
    assert_eq!(vote(&ctx, &id).await.reason, ended.reason);
}

#[tokio::test]
async fn only_electors_vote_and_strangers_learn_nothing() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let all = members(&ctx, &pool_id, 2).await;
    let stranger = members(&ctx, &pool(&ctx, rules()).await, 1).await.remove(0);
    let (id, _) = open_vote(&ctx, &pool_id, &all[..1]).await;
    assert_eq!(cast(&ctx, &all[1], &id, Choice::Yes).await, Err(Code::NotInElectorate));
    assert_eq!(cast(&ctx, &stranger, &id, Choice::Yes).await, Err(Code::NotFound));
    assert_eq!(actions::own_ballot(&ctx, &all[0], id.clone()).await.unwrap_err().code(), Code::NotFound, "none cast");
    let unopened = listed_vote(&ctx, &pool_id, &all).await;
    assert_eq!(cast(&ctx, &all[0], &unopened, Choice::Yes).await, Err(Code::NotFound));
}

#[tokio::test]
async fn whoever_leaves_takes_the_ballot_along_and_leaves_the_size_of_the_electorate() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 3).await;
    let (open, _) = open_vote(&ctx, &pool_id, &electors).await;
    for elector in &electors {
        cast(&ctx, elector, &open, Choice::Yes).await.unwrap();
    }
    let leaver = electors[0].account_id.clone();
    let left = ctx.db.write(move |tx| {
        pools::steps::leave_all(tx, &leaver)?;
        steps::forget_ballots(tx, &leaver)
    });
    left.await.unwrap();
    assert_eq!(cast(&ctx, &electors[0], &open, Choice::No).await, Err(Code::NotFound), "no vote after leaving");
    ctx.clock.advance_s(rules().voting_period_s).unwrap();
    let closed = close(&ctx, &open).await.unwrap();
    assert_eq!(closed.tally, Tally { yes: 2, no: 0, abstain: 0 });
    assert!(closed.reason.contains("2 of 3 members voted"), "{}", closed.reason);
    // A vote that has ended keeps its count: it could not be checked any more otherwise.
    let leaver = electors[1].account_id.clone();
    ctx.db.write(move |tx| steps::forget_ballots(tx, &leaver)).await.unwrap();
    let id = open.clone();
    assert_eq!(ctx.db.read(move |db| crate::votes::store::count(db, &id)).await.unwrap().yes, 2);
}

#[tokio::test]
async fn the_electorate_is_those_whose_data_is_sold() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let eligible = members(&ctx, &pool_id, 2).await;
    let limit = ctx.clock.now().plus_days(-14);
    let other = pool(&ctx, rules()).await;
    members(&ctx, &other, 1).await;
    let asked = pool_id.clone();
    let made = ctx.db.write(move |tx| {
        let just_in_time = member(tx, &asked, limit)?;
        member(tx, &asked, limit.plus_s(1))?;
        let without_plays = member(tx, &asked, limit)?.account_id;
        diesel::delete(plays_files::table.filter(plays_files::member_id.eq(&without_plays))).execute(&mut **tx)?;
        let changed_mind = member(tx, &asked, limit)?.account_id;
        let membership: MembershipId = memberships::table
            .filter(memberships::member_id.eq(&changed_mind))
            .select(memberships::id)
            .first(&mut **tx)?;
        let now = tx.now();
        diesel::update(consents::table.filter(consents::membership_id.eq(&membership)))
            .set(consents::withdrawn_at.eq(now))
            .execute(&mut **tx)?;
        consent(tx, &membership, "another_purpose")?;
        let left = member(tx, &asked, limit)?.account_id;
        pools::steps::leave_all(tx, &left)?;
        let disabled = member(tx, &asked, limit)?.account_id;
        diesel::update(accounts::table.find(&disabled)).set(accounts::state.eq("disabled")).execute(&mut **tx)?;
        Ok(just_in_time)
    });
    let just_in_time = made.await.unwrap();
    let of = |purposes: &[&str]| {
        let (pool_id, purposes) = (pool_id.clone(), purposes.iter().map(|p| p.to_string()).collect::<Vec<_>>());
        let found = ctx.db.read(move |db| {
            let all = electorate::eligible(db, &pool_id, &purposes, limit)?;
            let most = all.len() as i64;
            assert_eq!(electorate::count_eligible(db, &pool_id, &purposes, limit, most + 1)?, most);
            assert_eq!(electorate::count_eligible(db, &pool_id, &purposes, limit, 1)?, most.min(1));
            Ok(all)
        });
        async { found.await.unwrap() }
    };
    let mut expected: Vec<_> = eligible.iter().chain([&just_in_time]).map(|m| m.account_id.clone()).collect();
    expected.sort();
    assert_eq!(of(&[PURPOSE]).await, expected);
    assert_eq!(of(&[PURPOSE, "another_purpose"]).await, [], "consent to every purpose is needed");
    assert_eq!(of(&[]).await, [], "nobody consents to nothing in particular");
}

#[tokio::test]
async fn a_vote_opens_only_for_the_membership_that_was_listed() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let mut electors = members(&ctx, &pool_id, 3).await;
    let id = listed_vote(&ctx, &pool_id, &electors).await;
    let leaver = electors.remove(1).account_id;
    ctx.db.write(move |tx| pools::steps::leave_all(tx, &leaver)).await.unwrap();
    let open = |if_changed| {
        let id = id.clone();
        let opened = ctx.db.write(move |tx| steps::open(tx, &id, if_changed));
        async { opened.await.unwrap() }
    };
    assert_eq!(open(IfChanged::Wait).await, None, "somebody left since");
    electors.extend(members(&ctx, &pool_id, 1).await);
    let wanted: Vec<_> = electors.iter().map(|m| m.account_id.clone()).collect();
    assert!(actions::list_electors(&ctx, &id, 2, wanted.clone()).await.unwrap());
    let stale = (id.clone(), wanted.clone());
    let shut_out = ctx.db.write(move |tx| steps::list_piece(tx, &stale.0, 1, &[], &stale.1));
    assert!(!shut_out.await.unwrap(), "an older listing changes nothing any more");
    let window = open(IfChanged::Wait).await.unwrap();
    assert_eq!(window.closes_at, window.opens_at.plus_s(rules().voting_period_s));
    assert_eq!(open(IfChanged::Wait).await, None, "it opens once");
    let vote_id = id.clone();
    let mut listed = ctx.db.read(move |db| steps::electors(db, &vote_id)).await.unwrap();
    listed.sort();
    let mut wanted = wanted;
    wanted.sort();
    assert_eq!(listed, wanted);
    assert_eq!(vote(&ctx, &id).await.electors, 3);
    assert!(!actions::list_electors(&ctx, &id, 2, vec![]).await.unwrap(), "an open electorate stays as it is");
}

#[tokio::test]
async fn a_pool_that_never_stands_still_may_vote_all_the_same() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 2).await;
    let id = listed_vote(&ctx, &pool_id, &electors).await;
    let leaver = electors[1].account_id.clone();
    ctx.db.write(move |tx| pools::steps::leave_all(tx, &leaver)).await.unwrap();
    let vote_id = id.clone();
    assert!(ctx.db.write(move |tx| steps::open(tx, &vote_id, IfChanged::Open)).await.unwrap().is_some());
    cast(&ctx, &electors[0], &id, Choice::Yes).await.unwrap();
    assert_eq!(
        cast(&ctx, &electors[1], &id, Choice::Yes).await,
        Err(Code::NotFound),
        "listed, but gone before it opened"
    );
    assert!(!vote(&ctx, &id).await.electors_settled);
}

#[tokio::test]
async fn the_list_shows_open_votes_first_and_keeps_the_split_sealed() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 2).await;
    let (ended, _) = open_vote(&ctx, &pool_id, &electors).await;
    cast(&ctx, &electors[0], &ended, Choice::Yes).await.unwrap();
    ctx.clock.advance_s(1).unwrap();
    let (open, _) = open_vote(&ctx, &pool_id, &electors).await;
    ctx.clock.advance_s(1).unwrap();
    let (called_off, _) = open_vote(&ctx, &pool_id, &electors).await;
    cast(&ctx, &electors[0], &open, Choice::No).await.unwrap();
    cast(&ctx, &electors[1], &open, Choice::Yes).await.unwrap();
    let vote_id = called_off.clone();
    ctx.db.write(move |tx| steps::void(tx, &vote_id, "called off")).await.unwrap();
    ctx.clock.advance_s(rules().voting_period_s - 2).unwrap();
    close(&ctx, &ended).await.unwrap();

    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let window = ctx.cursors.window(&PageQuery { limit: Some(1), cursor }, "votes").unwrap();
        let seen = actions::list(&ctx, &electors[0], window.clone()).await.unwrap();
        let views = seen.into_iter().map(|seen| VoteView::of(seen).unwrap()).collect();
        let page = ctx.cursors.page(&window, views, |view| view.id.as_str());
        found.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let ids: Vec<_> = found.iter().map(|view| view.id.clone()).collect();
    assert_eq!(ids, [open, called_off, ended]);
    assert_eq!((found[0].turnout, found[0].result.is_none(), found[0].you_may_vote), (2, true, true));
    assert_eq!(found[0].your_ballot.as_ref().unwrap().choice, Choice::No);
    assert_eq!((found[1].result.is_none(), found[1].reason.as_deref()), (true, Some("called off")));
    assert_eq!((found[2].turnout, found[2].result.as_ref().unwrap().yes), (1, 1));
    assert!(
        found[0].if_you_do_nothing.as_deref().unwrap().contains("Your ballot says no. If you do nothing, it stands")
    );
}

/// Whatever members do in whatever order, what counts is each one's last ballot.
#[tokio::test]
async fn the_tally_is_the_last_ballot_of_each() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 9).await;
    let (id, _) = open_vote(&ctx, &pool_id, &electors).await;
    let entropy = Entropy::seeded(7);
    let mut last = [None; 9];
    for _ in 0..200 {
        let [who, what] = entropy.bytes::<2>().map(usize::from);
        let choice = Choice::ALL[what % 3];
        cast(&ctx, &electors[who % 9], &id, choice).await.unwrap();
        last[who % 9] = Some(choice);
    }
    let count = |choice| i64::try_from(last.iter().filter(|c| **c == Some(choice)).count()).unwrap();
    ctx.clock.advance_s(rules().voting_period_s).unwrap();
    let expected = Tally { yes: count(Choice::Yes), no: count(Choice::No), abstain: count(Choice::Abstain) };
    assert_eq!(close(&ctx, &id).await.unwrap().tally, expected);
}

#[tokio::test]
async fn an_electorate_larger_than_one_piece_is_listed_whole() {
    let (ctx, _dir) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let electors = members(&ctx, &pool_id, 2_345).await;
    let (id, _) = open_vote(&ctx, &pool_id, &electors).await;
    let vote_id = id.clone();
    assert_eq!(ctx.db.read(move |db| steps::electors(db, &vote_id)).await.unwrap().len(), 2_345);
}

#[tokio::test]
async fn who_leaves_and_comes_back_while_a_vote_is_open_has_given_it_up() {
    let (ctx, _guard) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let members = members(&ctx, &pool_id, 2).await;
    let (vote_id, _) = open_vote(&ctx, &pool_id, &members).await;
    ctx.clock.advance_s(60).unwrap();
    let (back, of) = (members[0].account_id.clone(), pool_id.clone());
    ctx.db
        .write(move |tx| {
            steps::forget_ballots_in(tx, &back, &of)?; // as whoever leaves does
            let now = tx.now();
            let own = memberships::table.filter(memberships::member_id.eq(&back));
            diesel::update(own).set(memberships::joined_at.eq(now)).execute(&mut **tx)?;
            Ok(())
        })
        .await
        .unwrap();
    let refused = fixture::cast(&ctx, &members[0], vote_id.clone(), Choice::Yes).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotInElectorate);
    fixture::cast(&ctx, &members[1], vote_id, Choice::Yes).await.unwrap();
}

/// As a database of before there were logs is found when a server starts, and once more when it was cut off there.
#[tokio::test]
async fn a_vote_of_before_there_were_logs_gets_one_and_goes_on() {
    const AS_BEFORE: &str = "DELETE FROM vote_leaves; UPDATE electors SET tag = NULL;
        UPDATE electors SET log_index = NULL, casts = 0;
        UPDATE votes SET tag_key = NULL, electorate_root = NULL, log_size = 0, log_frontier = NULL,
            live_yes = 0, live_no = 0, live_abstain = 0;";
    let (ctx, _guard) = Context::for_tests();
    let pool_id = pool(&ctx, rules()).await;
    let members = members(&ctx, &pool_id, 3).await;
    let (id, _) = open_vote(&ctx, &pool_id, &members).await;
    for (member, choice) in members.iter().zip([Choice::Yes, Choice::No]) {
        cast(&ctx, member, &id, choice).await.unwrap();
    }
    ctx.db.write(|tx| Ok(tx.batch_execute(AS_BEFORE)?)).await.unwrap();
    upgrade::give_logs(&ctx).await.unwrap();
    let first = vote(&ctx, &id).await;
    assert_eq!((first.log_size, first.live_tally()), (2, Tally { yes: 1, no: 1, abstain: 0 }));
    let cut_off = "UPDATE votes SET tag_key = NULL, electorate_root = NULL; UPDATE electors SET tag = NULL
        WHERE member_id = (SELECT min(member_id) FROM electors);";
    ctx.db.write(move |tx| Ok(tx.batch_execute(cut_off)?)).await.unwrap();
    upgrade::give_logs(&ctx).await.unwrap();
    upgrade::give_logs(&ctx).await.unwrap();
    let again = vote(&ctx, &id).await;
    assert_eq!(
        (again.electorate_root, again.log_size),
        (first.electorate_root, 2),
        "the same tags, and no ballot twice"
    );
    cast(&ctx, &members[1], &id, Choice::Yes).await.unwrap();
    cast(&ctx, &members[2], &id, Choice::Abstain).await.unwrap();
    ctx.clock.advance_s(rules().voting_period_s).unwrap();
    assert_eq!(close(&ctx, &id).await.unwrap().tally, Tally { yes: 2, no: 0, abstain: 1 });
    assert_eq!(ctx.db.read(steps::verify).await.unwrap(), Vec::<String>::new());
}
