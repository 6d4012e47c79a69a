//! A pool and its members for tests, all made up.

use crate::accounts::caller::Member;
use crate::accounts::model::AccountState;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Tx;
use crate::db::schema::{accounts, consent_texts, consents, memberships, plays_files, pools};
use crate::error::Result;
use crate::ids::{AccountId, ConsentId, MembershipId, PoolId, VoteId};
use crate::pools::model::{MembershipState, Pool, VoteRules};
use crate::votes::actions;
use crate::votes::ballot_box::BallotBox;
use crate::votes::model::{Ballot, Choice, NewVote};
use crate::votes::rules::{Passing, Rules, Window};
use crate::votes::steps::{self, IfChanged};
use diesel::prelude::*;

/// What the members of these tests consent to.
pub const PURPOSE: &str = "market_research";
/// How long ago they joined.
pub const JOINED_DAYS_AGO: i64 = 30;

/// Rules under which tests can count on their fingers: half of the electorate, more yes than no.
pub fn rules() -> VoteRules {
    VoteRules { quorum_bp: 5_000, ..VoteRules::default() }
}

/// A pool with these rules and room in its budget for ten draws of the default recipe.
pub async fn pool(ctx: &Context, rules: VoteRules) -> PoolId {
    let made = ctx.db.write(move |tx| {
        let (id, now) = (PoolId::new(tx.now(), tx.entropy()), tx.now());
        let pool = Pool {
            name: format!("Pool {id}"),
            id: id.clone(),
            description: "A pool.".into(),
            contact_email: "pool@example.org".into(),
            tax_note: String::new(),
            currency: "USD".into(),
            fee_bp: 1_000,
            tax_bp: 700,
            price_floor_minor: 100_000,
            payment_days: 14,
            rules: rules.clone(),
            rho_cap_nano: 1_000_000_000,
            rho_committed_nano: 0,
            delta_cap_pico: 1_000_000,
            delta_committed_pico: 0,
            membership_version: 1,
            invoices_issued: 0,
            created_at: now,
            updated_at: now,
        };
        diesel::insert_into(pools::table).values(&pool).execute(&mut **tx)?;
        diesel::insert_into(consent_texts::table)
            .values((
                consent_texts::pool_id.eq(&id),
                consent_texts::version.eq(1),
                consent_texts::body.eq("What happens with your plays."),
                consent_texts::purposes_json.eq(format!("[\"{PURPOSE}\"]")),
                consent_texts::created_at.eq(now),
            ))
            .execute(&mut **tx)?;
        Ok(id)
    });
    made.await.expect("a pool")
}

/// Members who may vote: long enough in the pool, with plays, and consenting to [`PURPOSE`].
pub async fn members(ctx: &Context, pool_id: &PoolId, count: usize) -> Vec<Member> {
    let pool_id = pool_id.clone();
    let made = ctx.db.write(move |tx| {
        let joined_at = tx.now().plus_days(-JOINED_DAYS_AGO);
        (0..count).map(|_| member(tx, &pool_id, joined_at)).collect::<Result<Vec<_>>>()
    });
    made.await.expect("members")
}

/// One such member, who joined at a given time.
pub fn member(tx: &mut Tx, pool_id: &PoolId, joined_at: UtcTime) -> Result<Member> {
    let now = tx.now();
    let id = AccountId::new(now, tx.entropy());
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(&id),
            accounts::role.eq("member"),
            accounts::email.eq(format!("{id}@example.org")),
            accounts::password_hash.eq("none"),
            accounts::state.eq(AccountState::Active),
            accounts::created_at.eq(now),
            accounts::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    let membership_id = MembershipId::new(now, tx.entropy());
    diesel::insert_into(memberships::table)
        .values((
            memberships::id.eq(&membership_id),
            memberships::pool_id.eq(pool_id),
            memberships::member_id.eq(&id),
            memberships::state.eq(MembershipState::Active),
            memberships::joined_at.eq(joined_at),
        ))
        .execute(&mut **tx)?;
    consent(tx, &membership_id, PURPOSE)?;
    diesel::insert_into(plays_files::table)
        .values((
            plays_files::member_id.eq(&id),
            plays_files::object_key.eq(format!("plays/{id}")),
            plays_files::size_bytes.eq(1i64),
            plays_files::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(Member { account_id: id })
}

/// A consent to one more purpose.
pub fn consent(tx: &mut Tx, membership_id: &MembershipId, purpose: &str) -> Result<()> {
    let (id, now) = (ConsentId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(consents::table)
        .values((
            consents::id.eq(id),
            consents::membership_id.eq(membership_id),
            consents::purpose.eq(purpose),
            consents::text_version.eq(1),
            consents::given_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// A vote of these members, not opened yet, listed for the pool's present membership version.
pub async fn listed_vote(ctx: &Context, pool_id: &PoolId, members: &[Member]) -> VoteId {
    let (pool_id, electors) = (pool_id.clone(), i64::try_from(members.len()).expect("few"));
    let made = ctx.db.write(move |tx| {
        let pool = crate::pools::steps::pool(tx, &pool_id)?;
        let rules = &pool.rules;
        let new = NewVote {
            pool_id: pool_id.clone(),
            subject_text: "Somebody offers something.".into(),
            terms_hash: "00".into(),
            purposes: vec![PURPOSE.into()],
            rules: Rules {
                passing: Passing::new(rules.quorum_bp, rules.threshold_numerator, rules.threshold_denominator)?,
                voting_period_s: rules.voting_period_s,
                late_quorum_s: rules.late_quorum_s,
                final_ballots: rules.final_ballots,
                split: rules.split,
            },
            electors,
            membership_version: pool.membership_version,
        };
        Ok((steps::create(tx, &new)?, pool.membership_version))
    });
    let (id, version) = made.await.expect("a vote");
    let ids = members.iter().map(|member| member.account_id.clone()).collect();
    assert!(actions::list_electors(ctx, &id, version, ids).await.expect("an electorate"));
    id
}

/// Casts a ballot.
pub async fn cast(ctx: &Context, member: &Member, id: VoteId, choice: Choice) -> Result<Ballot> {
    let ballots = BallotBox::open(ctx);
    actions::cast(&ballots, member, id, choice).await.map(|(ballot, _)| ballot)
}

/// The same, opened.
pub async fn open_vote(ctx: &Context, pool_id: &PoolId, members: &[Member]) -> (VoteId, Window) {
    let id = listed_vote(ctx, pool_id, members).await;
    let vote_id = id.clone();
    let opened = ctx.db.write(move |tx| steps::open(tx, &vote_id, IfChanged::Wait)).await;
    (id, opened.expect("the database works").expect("nobody came or went"))
}
