//! What operators, members and anyone may do with pools.

use super::model::{Consent, ConsentText, Listing, Membership, MembershipState, OwnMembership, Pool};
use super::settings::{self, NewConsentText, NewPool, PoolChange};
use super::{steps, store};
use crate::accounts::caller::{Member, Operator};
use crate::audit;
use crate::context::Context;
use crate::db::Tx;
use crate::db::schema::{consent_texts, consents, memberships, pools};
use crate::error::{Error, Result};
use crate::ids::{AccountId, ConsentId, MembershipId, PoolId};
use crate::outbox;
use crate::page::{Page, PageQuery};
use diesel::prelude::*;
use serde_json::json;

/// Makes a pool, with its first consent text.
///
/// # Errors
/// `invalid` for a setting out of range, `conflict` where the name is taken.
pub async fn create(ctx: &Context, operator: &Operator, new: NewPool) -> Result<Listing> {
    settings::check_text(&new.consent)?;
    let actor_id = operator.account_id.clone();
    ctx.db
        .write(move |tx| {
            let pool = settings::check(fresh(tx, &new))?;
            if store::name_is_taken(tx, &pool.name)? {
                return Err(Error::conflict(format!("A pool named {:?} exists already.", pool.name)));
            }
            diesel::insert_into(pools::table).values(&pool).execute(&mut **tx)?;
            add_text(tx, &pool.id, 1, &new.consent)?;
            audit::note(tx, &actor_id, "pool.create", pool.id.as_str(), None)?;
            store::listing(tx, pool)
        })
        .await
}

fn fresh(tx: &Tx, new: &NewPool) -> Pool {
    let now = tx.now();
    Pool {
        id: PoolId::new(now, tx.entropy()),
        name: new.name.trim().to_owned(),
        description: new.description.clone(),
        contact_email: new.contact_email.clone(),
        tax_note: new.tax_note.clone(),
        currency: new.price_floor.currency.clone(),
        fee_bp: new.fee_bp,
        tax_bp: new.tax_bp,
        price_floor_minor: new.price_floor.amount_minor,
        payment_days: new.payment_days,
        rules: new.rules.clone(),
        rho_cap_nano: new.budget.rho_nano,
        rho_committed_nano: 0,
        delta_cap_pico: new.budget.delta_pico,
        delta_committed_pico: 0,
        membership_version: 0,
        invoices_issued: 0,
        created_at: now,
        updated_at: now,
    }
}

fn add_text(tx: &mut Tx, pool_id: &PoolId, version: i32, new: &NewConsentText) -> Result<()> {
    let now = tx.now();
    diesel::insert_into(consent_texts::table)
        .values((
            consent_texts::pool_id.eq(pool_id),
            consent_texts::version.eq(version),
            consent_texts::body.eq(&new.body),
            consent_texts::purposes_json.eq(serde_json::to_string(&new.purposes)?),
            consent_texts::created_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Changes a pool's settings. Votes that are open keep their rules, offers their fee and tax.
///
/// # Errors
/// `invalid` for a setting out of range, `conflict` for a budget that is raised or used up.
pub async fn change(ctx: &Context, operator: &Operator, id: PoolId, change: PoolChange) -> Result<Listing> {
    let actor_id = operator.account_id.clone();
    ctx.db
        .write(move |tx| {
            let pool = settings::changed(store::pool(tx, &id)?, change.clone())?;
            let now = tx.now();
            diesel::update(pools::table.find(&id))
                .set((
                    pools::description.eq(&pool.description),
                    pools::contact_email.eq(&pool.contact_email),
                    pools::tax_note.eq(&pool.tax_note),
                    pools::fee_bp.eq(pool.fee_bp),
                    pools::tax_bp.eq(pool.tax_bp),
                    pools::price_floor_minor.eq(pool.price_floor_minor),
                    pools::payment_days.eq(pool.payment_days),
                    pools::quorum_bp.eq(pool.rules.quorum_bp),
                    pools::threshold_numerator.eq(pool.rules.threshold_numerator),
                    pools::threshold_denominator.eq(pool.rules.threshold_denominator),
                    pools::voting_period_s.eq(pool.rules.voting_period_s),
                    pools::cool_off_s.eq(pool.rules.cool_off_s),
                    pools::open_votes_max.eq(pool.rules.open_votes_max),
                    pools::late_quorum_s.eq(pool.rules.late_quorum_s),
                    pools::final_ballots.eq(pool.rules.final_ballots),
                    pools::split.eq(pool.rules.split),
                    pools::burst_bp.eq(pool.rules.burst_bp),
                    pools::burst_window_s.eq(pool.rules.burst_window_s),
                    pools::rho_cap_nano.eq(pool.rho_cap_nano),
                    pools::delta_cap_pico.eq(pool.delta_cap_pico),
                    pools::updated_at.eq(now),
                ))
                .execute(&mut **tx)?;
            // Another cool-off makes another electorate.
            steps::membership_changed(tx, &id)?;
            audit::note(tx, &actor_id, "pool.change", id.as_str(), Some(&change.reason))?;
            let pool = store::pool(tx, &id)?;
            store::listing(tx, pool)
        })
        .await
}

/// Publishes a new version of the consent text. Consents that were given to older versions stand
/// until they are taken back: each names the version that its member read.
///
/// # Errors
/// `invalid` for a text or purposes out of range.
pub async fn publish_text(ctx: &Context, operator: &Operator, id: PoolId, new: NewConsentText) -> Result<ConsentText> {
    settings::check_text(&new)?;
    let actor_id = operator.account_id.clone();
    ctx.db
        .write(move |tx| {
            store::pool(tx, &id)?;
            let version = store::current_text(tx, &id)?.version + 1;
            add_text(tx, &id, version, &new)?;
            audit::note(tx, &actor_id, "consent_text.publish", id.as_str(), Some(&format!("version {version}")))?;
            outbox::push(tx, "consent_text.published", &json!({"pool_id": id}))?;
            store::current_text(tx, &id)
        })
        .await
}

/// Every version of a pool's consent text, newest first.
///
/// # Errors
/// `not-found`.
pub async fn texts(ctx: &Context, id: PoolId) -> Result<Vec<ConsentText>> {
    ctx.db
        .read(move |db| {
            store::pool(db, &id)?;
            store::texts(db, &id)
        })
        .await
}

/// Pools, newest first.
///
/// # Errors
/// `invalid-cursor`.
pub async fn list(ctx: &Context, query: &PageQuery) -> Result<Page<Listing>> {
    let window = ctx.cursors.window(query, "pools")?;
    let (after, limit) = (window.after.clone(), window.fetch());
    let rows = ctx.db.read(move |db| store::pools(db, after.as_deref(), limit)).await?;
    Ok(ctx.cursors.page(&window, rows, |listing| listing.pool.id.as_str()))
}

/// One pool.
///
/// # Errors
/// `not-found`.
pub async fn read(ctx: &Context, id: PoolId) -> Result<Listing> {
    ctx.db
        .read(move |db| {
            let pool = store::pool(db, &id)?;
            store::listing(db, pool)
        })
        .await
}

/// Joins a pool, with consent to the purposes named and no other. Who comes back begins a new
/// cool-off, and consents anew.
///
/// # Errors
/// `conflict` for a member, and where the text is not the one that holds now; `invalid` for a
/// purpose that the text does not name.
pub async fn join(
    ctx: &Context,
    member: &Member,
    id: PoolId,
    text_version: i32,
    purposes: Vec<String>,
) -> Result<OwnMembership> {
    let member_id = member.account_id.clone();
    ctx.db
        .write(move |tx| {
            steps::ensure_open(tx, &member_id)?;
            store::pool(tx, &id)?;
            let text = text_read(tx, &id, text_version)?;
            let membership = begin(tx, &id, &member_id)?;
            for purpose in &purposes {
                give(tx, &membership, &text, purpose)?;
            }
            steps::membership_changed(tx, &id)?;
            store::own(tx, membership)
        })
        .await
}

/// The text that somebody says they have read, if it is the one that holds now.
fn text_read(tx: &mut Tx, pool_id: &PoolId, version: i32) -> Result<ConsentText> {
    let text = store::current_text(tx, pool_id)?;
    if text.version == version {
        return Ok(text);
    }
    Err(Error::conflict(format!("The consent text that holds now is version {}; read it, then name it.", text.version)))
}

fn begin(tx: &mut Tx, pool_id: &PoolId, member_id: &AccountId) -> Result<Membership> {
    let now = tx.now();
    match store::membership(tx, pool_id, member_id)? {
        Some(Membership { state: MembershipState::Active, .. }) => {
            return Err(Error::conflict("You are a member already; consents are given and taken back one by one."));
        }
        Some(earlier) => {
            diesel::update(memberships::table.find(&earlier.id))
                .set((
                    memberships::state.eq(MembershipState::Active),
                    memberships::joined_at.eq(now),
                    memberships::left_at.eq(None::<crate::clock::UtcTime>),
                ))
                .execute(&mut **tx)?;
        }
        None => {
            diesel::insert_into(memberships::table)
                .values((
                    memberships::id.eq(MembershipId::new(now, tx.entropy())),
                    memberships::pool_id.eq(pool_id),
                    memberships::member_id.eq(member_id),
                    memberships::state.eq(MembershipState::Active),
                    memberships::joined_at.eq(now),
                ))
                .execute(&mut **tx)?;
        }
    }
    store::membership(tx, pool_id, member_id)?.ok_or_else(|| Error::internal("a membership was just written"))
}

/// Gives a consent. One that is live stays as it was first given.
fn give(tx: &mut Tx, membership: &Membership, text: &ConsentText, purpose: &str) -> Result<()> {
    if !text.purposes.iter().any(|known| known == purpose) {
        let known = text.purposes.join(", ");
        return Err(Error::invalid(format!("{purpose:?} is no purpose of this pool; it has: {known}.")));
    }
    let live = store::live_consent(membership, purpose).select(Consent::as_select()).first(&mut **tx).optional()?;
    if live.is_some() {
        return Ok(());
    }
    let now = tx.now();
    diesel::insert_into(consents::table)
        .values((
            consents::id.eq(ConsentId::new(now, tx.entropy())),
            consents::membership_id.eq(&membership.id),
            consents::purpose.eq(purpose),
            consents::text_version.eq(text.version),
            consents::given_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Consents to one more purpose.
///
/// # Errors
/// `not-found` for who is no member; else as [`join`].
pub async fn give_consent(
    ctx: &Context,
    member: &Member,
    id: PoolId,
    purpose: String,
    text_version: i32,
) -> Result<OwnMembership> {
    let member_id = member.account_id.clone();
    ctx.db
        .write(move |tx| {
            let membership = store::active(tx, &id, &member_id)?;
            let text = text_read(tx, &id, text_version)?;
            give(tx, &membership, &text, &purpose)?;
            steps::membership_changed(tx, &id)?;
            store::own(tx, membership)
        })
        .await
}

/// A member's own place in a pool.
///
/// # Errors
/// `not-found` for who never was a member.
pub async fn own(ctx: &Context, member: &Member, id: PoolId) -> Result<OwnMembership> {
    let member_id = member.account_id.clone();
    ctx.db
        .read(move |db| {
            let found = store::membership(db, &id, &member_id)?.ok_or_else(|| Error::not_found("membership"))?;
            store::own(db, found)
        })
        .await
}

/// A member's places in all pools.
///
/// # Errors
/// `busy` where the database is overloaded.
pub async fn own_all(ctx: &Context, member: &Member) -> Result<Vec<OwnMembership>> {
    let member_id = member.account_id.clone();
    ctx.db
        .read(move |db| {
            let found = store::memberships_of(db, &member_id)?;
            found.into_iter().map(|membership| store::own(db, membership)).collect()
        })
        .await
}
