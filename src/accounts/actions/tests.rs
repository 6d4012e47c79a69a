//! Accounts as seen from outside, on a database of their own.

use super::*;
use crate::accounts::address::ClientAddress;
use crate::accounts::auth::Auth;
use crate::accounts::caller::{Buyer, Caller, Operator};
use crate::accounts::model::{AccountState, Decision, EmailTokenPurpose, OrganisationState, Profile, Role};
use crate::accounts::passwords::Password;
use crate::accounts::throttle::WINDOW_S;
use crate::accounts::{sessions, steps, store};
use crate::context::Context;
use crate::db::schema::{audit_log, outbox, sessions as session_rows};
use crate::error::{Code, Result};
use crate::ids::AccountId;
use crate::page::PageQuery;
use diesel::prelude::*;
use std::net::IpAddr;

const FROM: ClientAddress = ClientAddress(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
const PASSWORD: &str = "correct horse";

struct House {
    ctx: Context,
    auth: Auth,
    _directory: tempfile::TempDir,
}

impl House {
    fn open() -> Self {
        let (ctx, directory) = Context::for_tests();
        House { auth: Auth::start(&ctx).unwrap(), ctx, _directory: directory }
    }

    async fn member(&self, email: &str) -> Registered {
        register_member(&self.ctx, &self.auth, FROM, email, PASSWORD.into()).await.unwrap()
    }

    async fn buyer(&self) -> (Registered, Buyer) {
        let done = register_organisation(&self.ctx, &self.auth, FROM, profile(), "ada@buyer.example", PASSWORD.into());
        let done = done.await.unwrap();
        let organisation_id = done.account.organisation_id.clone().unwrap();
        let buyer = Buyer { account_id: done.account.id.clone(), organisation_id };
        (done, buyer)
    }

    async fn operator(&self) -> Operator {
        let account = add_operator(&self.ctx, "op@refrain.example", PASSWORD.into()).await.unwrap();
        assert!(account.email_verified_at.is_some());
        Operator { account_id: account.id }
    }

    async fn log_in(&self, email: &str, password: &str) -> Result<SessionTokens> {
        log_in(&self.ctx, &self.auth, FROM, email, password.into()).await
    }

    async fn caller(&self, tokens: &SessionTokens) -> Result<Caller> {
        self.auth.caller(&self.ctx, tokens.access_token.as_bytes()).await.map(|caller| Caller::clone(&caller))
    }

    async fn mint(&self, id: &AccountId, purpose: EmailTokenPurpose) -> String {
        let id = id.clone();
        self.ctx.db.write(move |tx| steps::mint_email_token(tx, &id, purpose)).await.unwrap()
    }

    async fn outbox_kinds(&self) -> Vec<String> {
        self.ctx.db.read(|db| Ok(outbox::table.order(outbox::id).select(outbox::kind).load(db)?)).await.unwrap()
    }

    async fn acts(&self) -> Vec<String> {
        self.ctx
            .db
            .read(|db| Ok(audit_log::table.order(audit_log::id).select(audit_log::action).load(db)?))
            .await
            .unwrap()
    }

    async fn live_sessions(&self) -> i64 {
        let live = session_rows::table.filter(session_rows::revoked_at.is_null()).count();
        self.ctx.db.read(move |db| Ok(live.get_result(db)?)).await.unwrap()
    }
}

fn profile() -> Profile {
    Profile {
        legal_name: "Northern Sound Research AB".into(),
        country: "SE".into(),
        website: "https://northern.example".into(),
        purpose: "Measuring how listeners find music.".into(),
        address: "Storgatan 1, Stockholm".into(),
        tax_id: String::new(),
    }
}

fn code<T>(result: Result<T>) -> Code {
    result.err().expect("it was refused").code()
}

#[tokio::test]
async fn a_member_registers_is_known_and_logs_in_again() {
    let house = House::open();
    let registered = house.member(" Ada@Example.org ").await;
    assert_eq!((registered.account.role, registered.account.email.as_str()), (Role::Member, "ada@example.org"));
    let caller = house.caller(&registered.session).await.unwrap();
    assert_eq!(caller.account_id, registered.account.id);
    assert_eq!(house.outbox_kinds().await, ["account.verify"]);
    let again = house.log_in("ADA@example.org", PASSWORD).await.unwrap();
    assert_ne!(house.caller(&again).await.unwrap().session_id, caller.session_id);
    let taken = register_member(&house.ctx, &house.auth, FROM, "ada@example.org", "another password".into()).await;
    assert_eq!(code(taken), Code::EmailTaken);
    assert_eq!(code(house.log_in("ada@example.org", "another password").await), Code::InvalidCredentials);
}

#[tokio::test]
async fn unknown_closed_and_wrong_get_the_same_answer() {
    let house = House::open();
    let registered = house.member("ada@example.org").await;
    let wrong = house.log_in("ada@example.org", "wrong password").await.unwrap_err();
    let unknown = house.log_in("bob@example.org", "wrong password").await.unwrap_err();
    assert_eq!(wrong.problem(), unknown.problem());
    let operator = house.operator().await;
    let id = registered.account.id;
    let why = "It was asked for.".to_owned();
    set_account_state(&house.ctx, &house.auth, &operator, id, AccountState::Disabled, why).await.unwrap();
    let closed = house.log_in("ada@example.org", PASSWORD).await.unwrap_err();
    assert_eq!(closed.problem(), unknown.problem());
    let known = ask_reset(&house.ctx, &house.auth, FROM, "op@refrain.example").await;
    let unknown = ask_reset(&house.ctx, &house.auth, FROM, "bob@example.org").await;
    assert!(known.is_ok() && unknown.is_ok());
    let kinds = house.outbox_kinds().await;
    assert!(["account.reset", "nothing"].iter().all(|kind| kinds.iter().any(|pushed| pushed == kind)), "{kinds:?}");
}

#[tokio::test]
async fn a_used_refresh_token_ends_the_whole_family() {
    let house = House::open();
    let first = house.member("ada@example.org").await.session;
    let second = refresh(&house.ctx, &house.auth, first.refresh_token.clone()).await.unwrap();
    house.caller(&second).await.unwrap();
    let third = refresh(&house.ctx, &house.auth, second.refresh_token.clone()).await.unwrap();
    assert_eq!(code(refresh(&house.ctx, &house.auth, first.refresh_token).await), Code::InvalidRefreshToken);
    assert_eq!(code(refresh(&house.ctx, &house.auth, third.refresh_token.clone()).await), Code::InvalidRefreshToken);
    assert_eq!(code(house.caller(&third).await), Code::NotAuthenticated, "the access token ends with it");
    assert_eq!(code(house.caller(&second).await), Code::NotAuthenticated, "also one that was remembered");
    assert_eq!(house.live_sessions().await, 0);
}

#[tokio::test]
async fn two_uses_at_once_never_leave_two_live_branches() {
    let house = House::open();
    let first = house.member("ada@example.org").await.session.refresh_token;
    let uses = (0..16).map(|_| refresh(&house.ctx, &house.auth, first.clone()));
    let answers = futures_util::future::join_all(uses).await;
    let branches: Vec<_> = answers.into_iter().flatten().collect();
    assert!(branches.len() <= 1);
    for branch in branches {
        assert_eq!(code(refresh(&house.ctx, &house.auth, branch.refresh_token).await), Code::InvalidRefreshToken);
    }
    assert_eq!(house.live_sessions().await, 0);
}

#[tokio::test]
async fn a_session_that_lies_unused_ends_and_a_used_one_goes_on() {
    let house = House::open();
    let mut tokens = house.member("ada@example.org").await.session;
    for _ in 0..3 {
        house.ctx.clock.advance_s(29 * 86_400).unwrap();
        tokens = refresh(&house.ctx, &house.auth, tokens.refresh_token).await.unwrap();
    }
    house.ctx.clock.advance_s(30 * 86_400).unwrap();
    assert_eq!(code(refresh(&house.ctx, &house.auth, tokens.refresh_token).await), Code::InvalidRefreshToken);
}

#[tokio::test]
async fn logging_out_takes_hold_at_once_here_and_within_a_minute_elsewhere() {
    let house = House::open();
    let other_server = Auth::start(&house.ctx).unwrap();
    let tokens = house.member("ada@example.org").await.session;
    let caller = house.caller(&tokens).await.unwrap();
    other_server.caller(&house.ctx, tokens.access_token.as_bytes()).await.unwrap();
    log_out(&house.ctx, &house.auth, &caller).await.unwrap();
    assert_eq!(code(house.caller(&tokens).await), Code::NotAuthenticated);
    assert_eq!(code(refresh(&house.ctx, &house.auth, tokens.refresh_token).await), Code::InvalidRefreshToken);
    house.ctx.clock.advance_s(60).unwrap();
    assert_eq!(code(other_server.caller(&house.ctx, tokens.access_token.as_bytes()).await), Code::NotAuthenticated);
}

#[tokio::test]
async fn a_changed_password_ends_every_session_but_the_new_one() {
    let house = House::open();
    let tokens = house.member("ada@example.org").await.session;
    let elsewhere = house.log_in("ada@example.org", PASSWORD).await.unwrap();
    let caller = house.caller(&tokens).await.unwrap();
    let change = |present: &str| {
        let present = Password::from(present);
        change_password(&house.ctx, &house.auth, &caller, present, "a new password".into())
    };
    assert_eq!(code(change("wrong password").await), Code::InvalidCredentials);
    let new = change(PASSWORD).await.unwrap();
    for old in [&tokens, &elsewhere] {
        assert_eq!(code(house.caller(old).await), Code::NotAuthenticated);
        assert_eq!(code(refresh(&house.ctx, &house.auth, old.refresh_token.clone()).await), Code::InvalidRefreshToken);
    }
    house.caller(&new).await.unwrap();
    assert_eq!(code(house.log_in("ada@example.org", PASSWORD).await), Code::InvalidCredentials);
    house.log_in("ada@example.org", "a new password").await.unwrap();
}

#[tokio::test]
async fn a_mailed_token_works_once_for_its_purpose_and_not_too_late() {
    let house = House::open();
    let id = house.member("ada@example.org").await.account.id;
    let verify = house.mint(&id, EmailTokenPurpose::Verify).await;
    let reset = house.mint(&id, EmailTokenPurpose::Reset).await;
    assert_eq!(code(verify_email(&house.ctx, &reset).await), Code::LinkInvalid);
    verify_email(&house.ctx, &verify).await.unwrap();
    assert_eq!(code(verify_email(&house.ctx, &verify).await), Code::LinkInvalid);
    let again = house.mint(&id, EmailTokenPurpose::Verify).await;
    house.ctx.clock.advance_s(EmailTokenPurpose::Verify.ttl_s()).unwrap();
    assert_eq!(code(verify_email(&house.ctx, &again).await), Code::LinkInvalid);
    let stored = house.ctx.db.read(move |db| store::account(db, &id)).await.unwrap().unwrap();
    assert!(stored.email_verified_at.is_some());
    let late = reset_password(&house.ctx, &house.auth, &reset, "a new password".into()).await;
    assert_eq!(code(late), Code::LinkInvalid);
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_sessions_and_voids_other_tokens() {
    let house = House::open();
    let registered = house.member("ada@example.org").await;
    let id = registered.account.id;
    let (one, two) = (house.mint(&id, EmailTokenPurpose::Reset).await, house.mint(&id, EmailTokenPurpose::Reset).await);
    let short = reset_password(&house.ctx, &house.auth, &one, "short".into()).await;
    assert_eq!(code(short), Code::Invalid);
    reset_password(&house.ctx, &house.auth, &one, "a new password".into()).await.unwrap();
    let second = reset_password(&house.ctx, &house.auth, &two, "a third password".into()).await;
    assert_eq!(code(second), Code::LinkInvalid);
    assert_eq!(code(house.caller(&registered.session).await), Code::NotAuthenticated);
    house.log_in("ada@example.org", "a new password").await.unwrap();
    let caller = house.ctx.db.read(move |db| steps::account(db, &id)).await.unwrap();
    assert!(caller.email_verified_at.is_some(), "the token came to that address");
}

#[tokio::test]
async fn guessing_is_refused_per_account_and_per_network() {
    let house = House::open();
    house.member("ada@example.org").await;
    let limit = house.ctx.config.auth.login_attempts;
    for n in 0..limit {
        let from = ClientAddress(IpAddr::from([198, 51, 100, u8::try_from(n).unwrap()]));
        let guess = log_in(&house.ctx, &house.auth, from, "ada@example.org", "wrong password".into()).await;
        assert_eq!(code(guess), Code::InvalidCredentials);
    }
    assert_eq!(code(house.log_in("ada@example.org", PASSWORD).await), Code::TooManyRequests);
    for n in 0..limit {
        let email = format!("nobody{n}@example.org");
        assert_eq!(code(house.log_in(&email, "wrong password").await), Code::InvalidCredentials);
    }
    assert_eq!(code(house.log_in("nobody@example.org", "wrong password").await), Code::TooManyRequests);
    house.ctx.clock.advance_s(WINDOW_S).unwrap();
    house.log_in("ada@example.org", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn an_application_is_returned_mended_and_approved() {
    let house = House::open();
    let (registered, buyer) = house.buyer().await;
    let operator = house.operator().await;
    let id = buyer.organisation_id.clone();
    let as_buyer = buyer.clone();
    let may_buy = || {
        let buyer = as_buyer.clone();
        house.ctx.db.read(move |db| steps::approved_buyer(db, &buyer))
    };
    assert_eq!(code(may_buy().await), Code::EmailNotVerified);
    let token = house.mint(&registered.account.id, EmailTokenPurpose::Verify).await;
    verify_email(&house.ctx, &token).await.unwrap();
    assert_eq!(code(may_buy().await), Code::BuyerNotApproved);
    let back = Decision::Return { reason: "Who will have access?".into(), as_of: None };
    decide(&house.ctx, &operator, id.clone(), back.clone()).await.unwrap();
    assert_eq!(code(decide(&house.ctx, &operator, id.clone(), back).await), Code::Conflict);
    assert!(may_buy().await.unwrap_err().detail().contains("Who will have access?"));
    let mended = Profile { purpose: "Two named researchers will measure discovery.".into(), ..profile() };
    let again = hand_in(&house.ctx, &buyer, id.clone(), mended).await.unwrap();
    assert_eq!(again.organisation.state, OrganisationState::Pending);
    let yes = Decision::Approve { reason: "Known to us.".into(), as_of: None };
    decide(&house.ctx, &operator, id.clone(), yes).await.unwrap();
    assert_eq!(may_buy().await.unwrap().profile.purpose, "Two named researchers will measure discovery.");
    assert_eq!(code(hand_in(&house.ctx, &buyer, id, profile()).await), Code::Conflict);
    let acts = house.acts().await;
    assert!(
        ["organisation.return", "organisation.hand_in", "organisation.approve"]
            .iter()
            .all(|a| acts.contains(&a.to_string()))
    );
    let told = house.outbox_kinds().await;
    assert_eq!(told.iter().filter(|kind| *kind == "organisation.decided").count(), 2);
    assert_eq!(told.iter().filter(|kind| *kind == "organisation.registered").count(), 2);
}

#[tokio::test]
async fn a_refused_applicant_may_come_back_when_told() {
    let house = House::open();
    let (_, buyer) = house.buyer().await;
    let operator = house.operator().await;
    let id = buyer.organisation_id.clone();
    let now = house.ctx.clock.now();
    let no =
        |from| Decision::Reject { reason: "No such company is registered.".into(), may_reapply_at: from, as_of: None };
    assert_eq!(code(decide(&house.ctx, &operator, id.clone(), no(now.plus_s(-1))).await), Code::Invalid);
    decide(&house.ctx, &operator, id.clone(), no(now.plus_days(30))).await.unwrap();
    assert_eq!(code(hand_in(&house.ctx, &buyer, id.clone(), profile()).await), Code::Conflict);
    house.ctx.clock.advance_s(30 * 86_400).unwrap();
    hand_in(&house.ctx, &buyer, id, profile()).await.unwrap();
}

#[tokio::test]
async fn organisations_are_seen_by_operators_and_by_their_own_people_only() {
    let house = House::open();
    let (registered, buyer) = house.buyer().await;
    let operator = house.operator().await;
    let id = buyer.organisation_id.clone();
    let own = house.caller(&registered.session).await.unwrap();
    let member = house.member("bob@example.org").await;
    let stranger = house.caller(&member.session).await.unwrap();
    let seen = read_organisation(&house.ctx, &own, id.clone()).await.unwrap();
    assert_eq!(seen.accounts.len(), 1);
    assert_eq!(code(read_organisation(&house.ctx, &stranger, id.clone()).await), Code::NotFound);
    let pending = Some(OrganisationState::Pending);
    let page = list_organisations(&house.ctx, &operator, pending, &PageQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    let approved = Some(OrganisationState::Approved);
    let page = list_organisations(&house.ctx, &operator, approved, &PageQuery::default()).await.unwrap();
    assert!(page.items.is_empty());
    let raised = set_credit_limit(&house.ctx, &operator, id.clone(), 5, "A trial.".into()).await.unwrap();
    assert_eq!(raised.organisation.credit_limit_minor, 5);
    let negative = set_credit_limit(&house.ctx, &operator, id, -1, "A trial.".into()).await;
    assert_eq!(code(negative), Code::Invalid);
    let me = me(&house.ctx, &own).await.unwrap();
    assert_eq!(me.organisation.unwrap().credit_limit_minor, 5);
}

#[tokio::test]
async fn who_leaves_is_forgotten_but_for_a_keyed_trace() {
    let house = House::open();
    let registered = house.member("ada@example.org").await;
    let (id, pepper) = (registered.account.id.clone(), house.ctx.pepper.clone());
    let reset = house.mint(&id, EmailTokenPurpose::Reset).await;
    let leaving = (id.clone(), pepper.clone());
    for _ in 0..2 {
        let (id, pepper) = leaving.clone();
        house.ctx.db.write(move |tx| steps::close_account(tx, &pepper, &id)).await.unwrap();
    }
    house.auth.forget_account(&id);
    assert_eq!(code(house.caller(&registered.session).await), Code::NotAuthenticated);
    assert_eq!(code(house.log_in("ada@example.org", PASSWORD).await), Code::InvalidCredentials);
    let reset = reset_password(&house.ctx, &house.auth, &reset, "a new password".into()).await;
    assert_eq!(code(reset), Code::LinkInvalid);
    let account = house.ctx.db.read(move |db| steps::account(db, &id)).await.unwrap();
    assert_eq!(account.state, AccountState::Left);
    assert!(!account.email.contains("ada"));
    house.member("ada@example.org").await;
    assert!(house.acts().await.contains(&"member.rejoin".to_owned()));
}

#[tokio::test]
async fn a_disabled_account_is_out_and_may_be_let_in_again() {
    let house = House::open();
    let registered = house.member("ada@example.org").await;
    let operator = house.operator().await;
    let id = registered.account.id;
    let set = |id: AccountId, state, reason: &str| {
        set_account_state(&house.ctx, &house.auth, &operator, id, state, reason.to_owned())
    };
    house.caller(&registered.session).await.unwrap();
    assert_eq!(code(set(id.clone(), AccountState::Disabled, "").await), Code::Invalid);
    assert_eq!(code(set(id.clone(), AccountState::Left, "x").await), Code::Invalid);
    assert_eq!(code(set(operator.account_id.clone(), AccountState::Disabled, "x").await), Code::Conflict);
    set(id.clone(), AccountState::Disabled, "Asked for.").await.unwrap();
    assert_eq!(code(house.caller(&registered.session).await), Code::NotAuthenticated);
    set(id, AccountState::Active, "Cleared up.").await.unwrap();
    assert_eq!(code(house.caller(&registered.session).await), Code::NotAuthenticated, "old sessions stay ended");
    house.log_in("ada@example.org", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_login_whose_password_has_just_changed_is_refused() {
    let house = House::open();
    let registered = house.member("ada@example.org").await;
    let checked = login::check_password(&house.ctx, &house.auth, "ada@example.org", PASSWORD.into());
    let checked = checked.await.unwrap().unwrap();
    let token = house.mint(&registered.account.id, EmailTokenPurpose::Reset).await;
    reset_password(&house.ctx, &house.auth, &token, "a new password".into()).await.unwrap();
    let late = house.ctx.db.write(move |tx| {
        checked.still_holds(tx)?;
        sessions::begin(tx, &checked.account.id, 30)
    });
    assert_eq!(code(late.await), Code::InvalidCredentials);
}

#[tokio::test]
async fn who_come_all_at_once_are_each_taken_for_themselves() {
    let house = House::open();
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(house.member(&format!("member{number}@example.org")).await);
    }
    log_out(&house.ctx, &house.auth, &house.caller(&all[2].session).await.unwrap()).await.unwrap();
    for _ in 0..2 {
        house.ctx.clock.advance_s(60).unwrap(); // what was remembered of them is old
        let callers = all.iter().cycle().take(1_000).map(|member| house.caller(&member.session));
        for (caller, member) in futures_util::future::join_all(callers).await.into_iter().zip(all.iter().cycle()) {
            if member.account.id == all[2].account.id {
                assert_eq!(code(caller), Code::NotAuthenticated);
            } else {
                assert_eq!(caller.unwrap().account_id, member.account.id);
            }
        }
    }
}
