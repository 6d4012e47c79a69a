use super::actions;
use super::model::{BudgetState, Cost, Listing, MembershipState, OwnMembership, VoteRules};
use super::settings::{BudgetCap, NewConsentText, NewPool, PoolChange, RulesChange};
use super::steps;
use crate::accounts::caller::{Member, Operator};
use crate::accounts::model::Role;
use crate::context::Context;
use crate::db::schema::{accounts, audit_log, budget_entries, pools};
use crate::error::{Code, Result};
use crate::ids::{AccountId, EditionId};
use crate::money::Money;
use crate::page::PageQuery;
use diesel::prelude::*;

/// An account without a password, written straight into the table.
async fn account(ctx: &Context, id: AccountId, role: Role) -> AccountId {
    ctx.db
        .write(move |tx| {
            let now = tx.now();
            diesel::insert_into(accounts::table)
                .values((
                    accounts::id.eq(&id),
                    accounts::role.eq(role),
                    accounts::email.eq(format!("{id}@example.org")),
                    accounts::password_hash.eq("none"),
                    accounts::state.eq("active"),
                    accounts::created_at.eq(now),
                    accounts::updated_at.eq(now),
                ))
                .execute(&mut **tx)?;
            Ok(id.clone())
        })
        .await
        .unwrap()
}

/// A member who has just registered.
pub(crate) async fn member(ctx: &Context) -> Member {
    member_with(ctx, AccountId::new(ctx.clock.now(), &ctx.entropy)).await
}

/// The same with an id of the test's choice.
pub(crate) async fn member_with(ctx: &Context, id: AccountId) -> Member {
    Member { account_id: account(ctx, id, Role::Member).await }
}

/// An operator.
pub(crate) async fn operator(ctx: &Context) -> Operator {
    let id = AccountId::new(ctx.clock.now(), &ctx.entropy);
    Operator { account_id: account(ctx, id, Role::Operator).await }
}

/// A pool with two purposes, and a budget for five editions of the usual kind.
pub(crate) async fn pool(ctx: &Context) -> Listing {
    actions::create(ctx, &operator(ctx).await, new_pool()).await.unwrap()
}

fn new_pool() -> NewPool {
    NewPool {
        name: "Night Listeners".into(),
        description: "People who listen at night.".into(),
        contact_email: "pool@example.org".into(),
        tax_note: String::new(),
        fee_bp: 1_000,
        tax_bp: 0,
        price_floor: Money::new(100_000, "USD"),
        payment_days: 30,
        rules: VoteRules::default(),
        budget: BudgetCap::default(),
        consent: NewConsentText {
            body: "What happens with your plays.".into(),
            purposes: vec!["market_research".into(), "academic_research".into()],
        },
    }
}

async fn version(ctx: &Context, listing: &Listing) -> i64 {
    actions::read(ctx, listing.pool.id.clone()).await.unwrap().pool.membership_version
}

#[tokio::test]
async fn a_pool_is_made_listed_and_read_and_its_name_is_its_own() {
    let (ctx, _guard) = Context::for_tests();
    let made = pool(&ctx).await;
    assert_eq!(made.members, 0);
    assert_eq!(made.text.version, 1);
    assert_eq!(made.budget.left(), Cost { rho_nano: 500_000_000, delta_pico: 1_000_000 });
    assert_eq!(actions::read(&ctx, made.pool.id.clone()).await.unwrap(), made);
    assert_eq!(actions::list(&ctx, &PageQuery::default()).await.unwrap().items, [made]);
    let again = actions::create(&ctx, &operator(&ctx).await, new_pool()).await.unwrap_err();
    assert_eq!(again.code(), Code::Conflict);
}

#[tokio::test]
async fn settings_out_of_range_are_refused_by_name() {
    let (ctx, _guard) = Context::for_tests();
    let operator = operator(&ctx).await;
    let rules = |change: fn(&mut VoteRules)| {
        let mut new = new_pool();
        change(&mut new.rules);
        new
    };
    let with = |change: fn(&mut NewPool)| {
        let mut new = new_pool();
        change(&mut new);
        new
    };
    let refused = [
        ("quorum_bp", rules(|r| r.quorum_bp = 0)),
        ("quorum_bp", rules(|r| r.quorum_bp = 10_001)),
        ("threshold_denominator", rules(|r| r.threshold_denominator = 0)),
        ("threshold_numerator", rules(|r| r.threshold_numerator = 3)),
        ("threshold", rules(|r| (r.threshold_numerator, r.threshold_denominator) = (1, 3))),
        ("voting_period_s", rules(|r| r.voting_period_s = 0)),
        ("cool_off_s", rules(|r| r.cool_off_s = r.voting_period_s)),
        ("open_votes_max", rules(|r| r.open_votes_max = 0)),
        ("fee_bp", with(|p| p.fee_bp = 10_001)),
        ("tax_bp", with(|p| p.tax_bp = -1)),
        ("price_floor", with(|p| p.price_floor = Money::new(0, "USD"))),
        ("price_floor", with(|p| p.price_floor = Money::new(1, "usd"))),
        ("payment_days", with(|p| p.payment_days = 0)),
        ("rho_nano", with(|p| p.budget.rho_nano = i64::MAX)),
        ("delta_pico", with(|p| p.budget.delta_pico = 0)),
        ("contact_email", with(|p| p.contact_email = "nowhere".into())),
        ("name", with(|p| p.name = "  ".into())),
        ("purposes", with(|p| p.consent.purposes.clear())),
        ("purposes", with(|p| p.consent.purposes = vec!["a_b".into(), "a_b".into()])),
        ("Market", with(|p| p.consent.purposes = vec!["Market research".into()])),
    ];
    for (word, new) in refused {
        let error = actions::create(&ctx, &operator, new).await.unwrap_err();
        assert_eq!(error.code(), Code::Invalid, "{word}");
        assert!(error.detail().contains(word), "{word}: {error}");
    }
}

#[tokio::test]
async fn one_half_is_one_half_however_it_is_written() {
    let (ctx, _guard) = Context::for_tests();
    let mut new = new_pool();
    (new.rules.threshold_numerator, new.rules.threshold_denominator) = (50, 100);
    let rules = actions::create(&ctx, &operator(&ctx).await, new).await.unwrap().pool.rules;
    assert_eq!((rules.threshold_numerator, rules.threshold_denominator), (1, 2));
}

#[tokio::test]
async fn changes_are_noted_and_the_budget_only_shrinks_to_what_is_committed() {
    let (ctx, _guard) = Context::for_tests();
    let (listing, operator) = (pool(&ctx).await, operator(&ctx).await);
    let id = listing.pool.id.clone();
    let change = |change: PoolChange| actions::change(&ctx, &operator, id.clone(), change);
    let because = || PoolChange { reason: "Asked for by the members.".into(), ..PoolChange::default() };
    assert_eq!(change(PoolChange::default()).await.unwrap_err().code(), Code::Invalid, "a reason is needed");
    let stricter = RulesChange { quorum_bp: Some(4_000), ..RulesChange::default() };
    let changed = change(PoolChange { rules: Some(stricter), ..because() }).await.unwrap();
    let before = VoteRules::default();
    assert_eq!(changed.pool.rules, VoteRules { quorum_bp: 4_000, ..before }, "a rule that is left out stays");
    let cheaper = change(PoolChange { fee_bp: Some(500), ..because() }).await.unwrap();
    assert_eq!(cheaper.pool.fee_bp, 500);
    assert_eq!(cheaper.pool.description, listing.pool.description);
    reserve(&ctx, &listing, "offer_1", 100_000_000).await.unwrap();
    let cap = |rho_nano| PoolChange { budget: Some(BudgetCap { rho_nano, ..BudgetCap::default() }), ..because() };
    assert_eq!(change(cap(500_000_001)).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(change(cap(99_999_999)).await.unwrap_err().code(), Code::Conflict);
    assert_eq!(change(cap(100_000_000)).await.unwrap().budget.left().rho_nano, 0);
    let euros = PoolChange { price_floor: Some(Money::new(1, "EUR")), ..because() };
    assert_eq!(change(euros).await.unwrap_err().code(), Code::Invalid, "the currency is for good");
    let acts: Vec<String> =
        ctx.db.read(|db| Ok(audit_log::table.order(audit_log::id).select(audit_log::action).load(db)?)).await.unwrap();
    assert_eq!(acts.iter().filter(|act| *act == "pool.change").count(), 3);
}

async fn leave(ctx: &Context, member: &Member, listing: &Listing) -> OwnMembership {
    let (pool_id, member_id) = (listing.pool.id.clone(), member.account_id.clone());
    ctx.db.write(move |tx| steps::leave_one(tx, &pool_id, &member_id)).await.unwrap()
}

#[tokio::test]
async fn members_join_consent_and_leave_and_every_change_is_seen_by_the_votes() {
    let (ctx, _guard) = Context::for_tests();
    let (listing, member) = (pool(&ctx).await, member(&ctx).await);
    let id = listing.pool.id.clone();
    let join = |version, purposes: &[&str]| {
        let purposes = purposes.iter().map(|p| p.to_string()).collect();
        actions::join(&ctx, &member, id.clone(), version, purposes)
    };
    assert_eq!(join(2, &[]).await.unwrap_err().code(), Code::Conflict, "no such text yet");
    assert_eq!(join(1, &["advertising"]).await.unwrap_err().code(), Code::Invalid);
    assert_eq!(actions::own(&ctx, &member, id.clone()).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(version(&ctx, &listing).await, 0, "what failed changed nothing");

    let own = join(1, &["market_research", "market_research"]).await.unwrap();
    assert_eq!(own.consents.len(), 1);
    assert_eq!(own.votes_from, ctx.clock.now().plus_days(14));
    assert_eq!(version(&ctx, &listing).await, 1);
    assert_eq!(join(1, &[]).await.unwrap_err().code(), Code::Conflict, "a member already");
    assert_eq!(actions::read(&ctx, id.clone()).await.unwrap().members, 1);

    let purpose = || "academic_research".to_owned();
    actions::give_consent(&ctx, &member, id.clone(), purpose(), 1).await.unwrap();
    let withdraw = async || {
        let (pool_id, member_id) = (id.clone(), member.account_id.clone());
        let work = move |tx: &mut crate::db::Tx| steps::withdraw_consent(tx, &pool_id, &member_id, "academic_research");
        ctx.db.write(work).await
    };
    withdraw().await.unwrap();
    let own = withdraw().await.unwrap();
    assert_eq!(own.consents.iter().filter(|c| c.withdrawn_at.is_none()).count(), 1);
    assert_eq!(version(&ctx, &listing).await, 3, "taking back nothing is no change");

    ctx.clock.advance_s(86_400).unwrap();
    let left = leave(&ctx, &member, &listing).await;
    assert_eq!(left.membership.state, MembershipState::Left);
    assert!(left.consents.iter().all(|c| c.withdrawn_at.is_some()));
    assert_eq!(version(&ctx, &listing).await, 4);
    leave(&ctx, &member, &listing).await;
    assert_eq!(version(&ctx, &listing).await, 4, "leaving twice is leaving once");
    let gone = actions::give_consent(&ctx, &member, id.clone(), purpose(), 1).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);

    ctx.clock.advance_s(86_400).unwrap();
    let back = join(1, &["market_research"]).await.unwrap();
    assert_eq!(back.membership.joined_at, ctx.clock.now(), "the cool-off begins anew");
    assert_eq!(back.consents.iter().filter(|c| c.withdrawn_at.is_none()).count(), 1);
}

#[tokio::test]
async fn a_new_text_is_read_by_who_joins_and_older_consents_stand() {
    let (ctx, _guard) = Context::for_tests();
    let (listing, early, late) = (pool(&ctx).await, member(&ctx).await, member(&ctx).await);
    let id = listing.pool.id.clone();
    actions::join(&ctx, &early, id.clone(), 1, vec!["market_research".into()]).await.unwrap();
    let text = NewConsentText { body: "Another wording.".into(), purposes: vec!["market_research".into()] };
    let text = actions::publish_text(&ctx, &operator(&ctx).await, id.clone(), text).await.unwrap();
    assert_eq!(text.version, 2);
    let outdated = actions::join(&ctx, &late, id.clone(), 1, vec![]).await.unwrap_err();
    assert!(outdated.detail().contains("version 2"));
    let own = actions::own(&ctx, &early, id.clone()).await.unwrap();
    assert_eq!((own.current_text_version, own.consents[0].text_version), (2, 1));
    assert_eq!(actions::texts(&ctx, id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn who_has_left_altogether_cannot_join_with_an_old_token() {
    let (ctx, _guard) = Context::for_tests();
    let (listing, member) = (pool(&ctx).await, member(&ctx).await);
    let account_id = member.account_id.clone();
    let closed = ctx.db.write(move |tx| {
        Ok(diesel::update(accounts::table.find(&account_id)).set(accounts::state.eq("left")).execute(&mut **tx)?)
    });
    closed.await.unwrap();
    let refused = actions::join(&ctx, &member, listing.pool.id, 1, vec![]).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotAuthenticated);
}

async fn reserve(ctx: &Context, listing: &Listing, subject: &str, rho_nano: i64) -> Result<()> {
    let (id, subject) = (listing.pool.id.clone(), subject.to_owned());
    let reserved = ctx
        .db
        .write(move |tx| steps::reserve_budget(tx, &id, &subject, Cost { rho_nano, delta_pico: 1_000 }).map(|_| ()));
    reserved.await
}

async fn spend(ctx: &Context, subject: &str, edition_id: &EditionId) -> Result<()> {
    let (subject, edition_id) = (subject.to_owned(), edition_id.clone());
    ctx.db.write(move |tx| steps::spend_budget(tx, &subject, &edition_id)).await
}

async fn release(ctx: &Context, subject: &str) -> Result<()> {
    let subject = subject.to_owned();
    ctx.db.write(move |tx| steps::release_budget(tx, &subject)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dp9_of_sixty_four_at_once_five_fit_under_a_cap_of_five() {
    let (ctx, _guard) = Context::for_tests();
    let listing = pool(&ctx).await;
    let asking = (0..64).map(|i| {
        let (ctx, listing) = (ctx.clone(), listing.clone());
        tokio::spawn(async move { reserve(&ctx, &listing, &format!("offer_{i}"), 100_000_000).await })
    });
    let mut answers = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        answers.push(asked.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
    assert!(answers.iter().filter_map(|a| a.as_ref().err()).all(|e| e.code() == Code::BudgetExhausted));
    let budget = actions::read(&ctx, listing.pool.id).await.unwrap().budget;
    assert_eq!(budget.reserved, Cost { rho_nano: 500_000_000, delta_pico: 5_000 });
    assert_eq!(budget.left().rho_nano, 0);
    assert_eq!(ctx.db.read(steps::budget_problems).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_spent_never_comes_back_and_what_is_released_does_once() {
    let (ctx, _guard) = Context::for_tests();
    let listing = pool(&ctx).await;
    let edition = EditionId::new(ctx.clock.now(), &ctx.entropy);
    for subject in ["offer_1", "offer_1", "offer_2"] {
        reserve(&ctx, &listing, subject, 100_000_000).await.unwrap();
    }
    assert!(reserve(&ctx, &listing, "offer_1", 1).await.is_err(), "the same subject at another cost");
    spend(&ctx, "offer_1", &edition).await.unwrap();
    spend(&ctx, "offer_1", &edition).await.unwrap();
    let other = EditionId::new(ctx.clock.now(), &ctx.entropy);
    assert_eq!(spend(&ctx, "offer_1", &other).await.unwrap_err().code(), Code::Conflict);
    for subject in ["offer_1", "offer_2", "offer_2", "never_reserved"] {
        release(&ctx, subject).await.unwrap();
    }
    assert_eq!(spend(&ctx, "offer_2", &edition).await.unwrap_err().code(), Code::Conflict);
    assert!(reserve(&ctx, &listing, "offer_2", 100_000_000).await.is_err(), "a released reservation is over");
    let budget = actions::read(&ctx, listing.pool.id.clone()).await.unwrap().budget;
    assert_eq!((budget.reserved.rho_nano, budget.spent.rho_nano), (0, 100_000_000));
    assert_eq!(budget.left().rho_nano, 400_000_000);
    let states: Vec<BudgetState> = ctx
        .db
        .read(|db| {
            Ok(budget_entries::table.order(budget_entries::subject_id).select(budget_entries::state).load(db)?)
        })
        .await
        .unwrap();
    assert_eq!(states, [BudgetState::Spent, BudgetState::Released]);
    assert_eq!(ctx.db.read(steps::budget_problems).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_reservation_is_of_something_and_fits_under_both_caps() {
    let (ctx, _guard) = Context::for_tests();
    let listing = pool(&ctx).await;
    let of = |subject: &str, rho_nano: i64, delta_pico: i64| {
        let (id, subject) = (listing.pool.id.clone(), subject.to_owned());
        ctx.db.write(move |tx| steps::reserve_budget(tx, &id, &subject, Cost { rho_nano, delta_pico }).map(|_| ()))
    };
    for (rho_nano, delta_pico) in [(0, 1_000), (-1, 1_000), (1, -1), (0, 0)] {
        let refused = of("offer_1", rho_nano, delta_pico).await.unwrap_err();
        assert!(refused.cause().is_some_and(|cause| cause.to_string().contains("costs something")), "{refused:?}");
    }
    for (rho_nano, delta_pico) in [(500_000_001, 0), (1, 1_000_001)] {
        assert_eq!(of("offer_1", rho_nano, delta_pico).await.unwrap_err().code(), Code::BudgetExhausted);
    }
    of("offer_1", 1, 0).await.unwrap();
    of("offer_2", 499_999_999, 1_000_000).await.unwrap();
    assert_eq!(of("offer_3", 1, 0).await.unwrap_err().code(), Code::BudgetExhausted);
    let left = actions::read(&ctx, listing.pool.id.clone()).await.unwrap().budget.left();
    assert_eq!(left, Cost { rho_nano: 0, delta_pico: 0 });
}

#[tokio::test]
async fn a_budget_that_does_not_add_up_is_told_of() {
    let (ctx, _guard) = Context::for_tests();
    let listing = pool(&ctx).await;
    reserve(&ctx, &listing, "offer_1", 100_000_000).await.unwrap();
    for (rho_nano, delta_pico, is_wrong) in
        [(100_000_000, 1_000, false), (99_999_999, 1_000, true), (100_000_000, 1_001, true)]
    {
        let id = listing.pool.id.clone();
        let moved = ctx.db.write(move |tx| {
            let committed = (pools::rho_committed_nano.eq(rho_nano), pools::delta_committed_pico.eq(delta_pico));
            Ok(diesel::update(pools::table.find(&id)).set(committed).execute(&mut **tx)?)
        });
        moved.await.unwrap();
        let problems = ctx.db.read(steps::budget_problems).await.unwrap();
        assert_eq!(problems.len(), usize::from(is_wrong), "{problems:?}");
        assert!(problems.iter().all(|words| words.contains("add up to 100000000 and 1000")), "{problems:?}");
    }
}

#[tokio::test]
async fn other_rooms_learn_who_is_in_and_have_them_leave() {
    let (ctx, _guard) = Context::for_tests();
    let (listing, one, two) = (pool(&ctx).await, member(&ctx).await, member(&ctx).await);
    for member in [&one, &two] {
        actions::join(&ctx, member, listing.pool.id.clone(), 1, vec![]).await.unwrap();
    }
    let seen = || {
        let (id, member) = (listing.pool.id.clone(), one.account_id.clone());
        ctx.db.read(move |db| {
            let states = steps::memberships_of(db, &member)?.into_iter().map(|membership| membership.state);
            let states: Vec<MembershipState> = states.collect();
            Ok((
                steps::count_members(db, &id)?,
                steps::members_after(db, &id, None, 100)?,
                steps::purposes(db, &id)?,
                states,
            ))
        })
    };
    let mut both = [one.account_id.clone(), two.account_id.clone()];
    both.sort();
    let purposes = ["market_research", "academic_research"].map(str::to_owned).to_vec();
    assert_eq!(seen().await.unwrap(), (2, both.to_vec(), purposes.clone(), vec![MembershipState::Active]));
    let (id, first) = (listing.pool.id.clone(), both[0].clone());
    let next = ctx.db.read(move |db| steps::members_after(db, &id, Some(&first), 100)).await.unwrap();
    assert_eq!(next, both[1..]);
    let leaver = one.account_id.clone();
    ctx.db.write(move |tx| steps::leave_all(tx, &leaver)).await.unwrap();
    let rest = vec![two.account_id.clone()];
    assert_eq!(seen().await.unwrap(), (1, rest, purposes, vec![MembershipState::Left]));
}

#[tokio::test]
async fn invoices_are_numbered_without_gaps() {
    let (ctx, _guard) = Context::for_tests();
    let listing = pool(&ctx).await;
    for expected in 1..=3 {
        let id = listing.pool.id.clone();
        let number = ctx.db.write(move |tx| steps::next_invoice_number(tx, &id)).await.unwrap();
        assert_eq!(number, expected);
        let id = listing.pool.id.clone();
        let failed = ctx.db.write(move |tx| {
            steps::next_invoice_number(tx, &id)?;
            Err::<(), _>(crate::error::Error::conflict("something else went wrong"))
        });
        assert!(failed.await.is_err(), "the number goes back with the write that took it");
    }
}

#[test]
fn a_cost_is_told_as_epsilon_as_recipes_tell_it() {
    let recipe = Cost { rho_nano: 100_000_000, delta_pico: 1_000 };
    let words = recipe.in_words().unwrap();
    assert!(
        words.contains("rho 0.1 ") && words.contains("(epsilon 2.14)") && words.contains("1 in 1,000,000"),
        "{words}"
    );
    let lifetime = Cost { rho_nano: 500_000_000, delta_pico: 1_000_000 };
    let words = lifetime.in_words().unwrap();
    assert!(words.contains("(epsilon 5.22)") && words.contains("1 in 500,000"), "{words}");
    assert_eq!(Cost { rho_nano: 0, delta_pico: 0 }.in_words().unwrap(), "nothing");
}
