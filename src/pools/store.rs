//! Queries over pools, consent texts, memberships and consents.

use super::budget;
use super::model::{Consent, ConsentText, Listing, Membership, MembershipState, OwnMembership, Pool, purposes_from};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{consent_texts, consents, memberships, pools};
use crate::error::{Error, Result};
use crate::ids::{AccountId, MembershipId, PoolId};
use diesel::prelude::*;

/// One pool.
pub fn pool(db: &mut Db, id: &PoolId) -> Result<Pool> {
    let found = pools::table.find(id).select(Pool::as_select()).first(db).optional()?;
    found.ok_or_else(|| Error::not_found("pool"))
}

/// Pools, newest first.
pub fn pools(db: &mut Db, after: Option<&str>, limit: i64) -> Result<Vec<Listing>> {
    let mut query = pools::table.select(Pool::as_select()).order(pools::id.desc()).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(pools::id.lt(after.to_owned()));
    }
    query.load(db)?.into_iter().map(|pool| listing(db, pool)).collect()
}

/// What may be told of a pool to anyone.
pub fn listing(db: &mut Db, pool: Pool) -> Result<Listing> {
    Ok(Listing {
        members: count_members(db, &pool.id)?,
        budget: budget::of(db, &pool)?,
        text: current_text(db, &pool.id)?,
        pool,
    })
}

/// How many active members a pool has.
pub fn count_members(db: &mut Db, id: &PoolId) -> Result<i64> {
    let active = memberships::pool_id.eq(id).and(memberships::state.eq(MembershipState::Active));
    Ok(memberships::table.filter(active).count().get_result(db)?)
}

/// The next active members of a pool after somebody, sorted by id.
pub fn members_after(db: &mut Db, id: &PoolId, after: Option<&AccountId>, most: i64) -> Result<Vec<AccountId>> {
    let active = memberships::pool_id.eq(id).and(memberships::state.eq(MembershipState::Active));
    let members = memberships::table.filter(active).select(memberships::member_id);
    let mut query = members.order(memberships::member_id).limit(most).into_boxed();
    if let Some(after) = after {
        query = query.filter(memberships::member_id.gt(after.clone()));
    }
    Ok(query.load(db)?)
}

/// Whether a pool of this name exists.
pub fn name_is_taken(db: &mut Db, name: &str) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(pools::table.filter(pools::name.eq(name)))).get_result(db)?)
}

type TextRow = (PoolId, i32, String, String, UtcTime);

fn text((pool_id, version, body, purposes_json, created_at): TextRow) -> Result<ConsentText> {
    Ok(ConsentText { pool_id, version, body, purposes: purposes_from(&purposes_json)?, created_at })
}

/// Every version of a pool's consent text, newest first.
pub fn texts(db: &mut Db, pool_id: &PoolId) -> Result<Vec<ConsentText>> {
    let rows: Vec<TextRow> = consent_texts::table
        .filter(consent_texts::pool_id.eq(pool_id))
        .order(consent_texts::version.desc())
        .load(db)?;
    rows.into_iter().map(text).collect()
}

/// The consent text that holds now.
pub fn current_text(db: &mut Db, pool_id: &PoolId) -> Result<ConsentText> {
    let newest = consent_texts::table
        .filter(consent_texts::pool_id.eq(pool_id))
        .order(consent_texts::version.desc())
        .first::<TextRow>(db)
        .optional()?;
    text(newest.ok_or_else(|| Error::internal("a pool has a consent text from the start"))?)
}

/// Somebody's membership in a pool, if there ever was one.
pub fn membership(db: &mut Db, pool_id: &PoolId, member_id: &AccountId) -> Result<Option<Membership>> {
    Ok(memberships::table
        .filter(memberships::pool_id.eq(pool_id).and(memberships::member_id.eq(member_id)))
        .select(Membership::as_select())
        .first(db)
        .optional()?)
}

/// All memberships that somebody has or had, newest first.
pub fn memberships_of(db: &mut Db, member_id: &AccountId) -> Result<Vec<Membership>> {
    Ok(memberships::table
        .filter(memberships::member_id.eq(member_id))
        .order(memberships::id.desc())
        .select(Membership::as_select())
        .load(db)?)
}

/// A membership as its member sees it.
pub fn own(db: &mut Db, membership: Membership) -> Result<OwnMembership> {
    let pool = pool(db, &membership.pool_id)?;
    let consents = consents::table
        .filter(consents::membership_id.eq(&membership.id))
        .order((consents::given_at.desc(), consents::id.desc()))
        .select(Consent::as_select())
        .load(db)?;
    Ok(OwnMembership {
        votes_from: membership.joined_at.plus_s(pool.rules.cool_off_s),
        current_text_version: current_text(db, &pool.id)?.version,
        pool_name: pool.name,
        consents,
        membership,
    })
}

/// Somebody's membership in a pool, if it has not ended.
pub fn active(db: &mut Db, pool_id: &PoolId, member_id: &AccountId) -> Result<Membership> {
    membership(db, pool_id, member_id)?
        .filter(|membership| membership.state == MembershipState::Active)
        .ok_or_else(|| Error::not_found("membership"))
}

/// The consent to a purpose that holds now, if there is one.
#[diesel::dsl::auto_type(no_type_alias)]
pub fn live_consent<'a>(membership: &'a Membership, purpose: &'a str) -> _ {
    let membership_id: &'a MembershipId = &membership.id;
    consents::table
        .filter(consents::membership_id.eq(membership_id))
        .filter(consents::purpose.eq(purpose))
        .filter(consents::withdrawn_at.is_null())
}
