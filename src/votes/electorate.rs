//! Who may vote on a sale: exactly those whose data would be sold, who are those who would be paid.

use crate::accounts::model::AccountState;
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{accounts, consents, datasets, edition_members, editions, memberships, plays_files};
use crate::error::{Error, Result};
use crate::ids::{AccountId, EditionId, PoolId};
use crate::pools::model::MembershipState;
use diesel::dsl::exists;
use diesel::prelude::*;
use std::collections::{BTreeSet, HashSet};

/// The electorate of an edition that is still to be drawn: active members who joined no later than
/// `joined_before`, have an accepted history, and consent to every one of the purposes. Sorted by id.
///
/// Nobody consents to nothing in particular: without purposes nobody is eligible.
///
/// # Errors
/// `internal` where the database fails.
pub fn eligible(db: &mut Db, pool_id: &PoolId, purposes: &[String], joined_before: UtcTime) -> Result<Vec<AccountId>> {
    first_eligible(db, pool_id, purposes, joined_before, i64::MAX)
}

/// How many members would be in that electorate; counted no further than `most`.
///
/// # Errors
/// `internal` where the database fails.
pub fn count_eligible(
    db: &mut Db,
    pool_id: &PoolId,
    purposes: &[String],
    joined_before: UtcTime,
    most: i64,
) -> Result<i64> {
    let first = first_eligible(db, pool_id, purposes, joined_before, most)?;
    i64::try_from(first.len()).map_err(Error::internal)
}

fn first_eligible(
    db: &mut Db,
    pool_id: &PoolId,
    purposes: &[String],
    joined_before: UtcTime,
    most: i64,
) -> Result<Vec<AccountId>> {
    if purposes.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = memberships::table
        .inner_join(accounts::table)
        .filter(memberships::pool_id.eq(pool_id).and(memberships::state.eq(MembershipState::Active)))
        .filter(memberships::joined_at.le(joined_before).and(accounts::state.eq(AccountState::Active)))
        .filter(exists(plays_files::table.filter(plays_files::member_id.eq(memberships::member_id))))
        .select(memberships::member_id)
        .order(memberships::member_id)
        .limit(most)
        .into_boxed();
    for purpose in purposes {
        query = query.filter(exists(
            consents::table
                .filter(consents::membership_id.eq(memberships::id).and(consents::purpose.eq(purpose)))
                .filter(consents::withdrawn_at.is_null()),
        ));
    }
    Ok(query.load(db)?)
}

/// How many of some members have joined the pool, for the last time, after an instant.
///
/// # Errors
/// `internal` where the database fails.
pub fn count_joined_after(db: &mut Db, pool_id: &PoolId, members: &[AccountId], after: UtcTime) -> Result<i64> {
    let members: HashSet<&AccountId> = members.iter().collect();
    let joined: Vec<AccountId> = memberships::table
        .filter(memberships::pool_id.eq(pool_id).and(memberships::state.eq(MembershipState::Active)))
        .filter(memberships::joined_at.gt(after))
        .select(memberships::member_id)
        .load(db)?;
    i64::try_from(joined.iter().filter(|member| members.contains(member)).count()).map_err(Error::internal)
}

/// Those of some members who belong to none of these domains by their e-mail address: who belongs to the buyer does not decide
/// on its offer, and is neither in what is drawn for it nor paid.
///
/// # Errors
/// `internal` where the database fails.
pub fn without_domains(
    db: &mut Db,
    pool_id: &PoolId,
    mut members: Vec<AccountId>,
    domains: &BTreeSet<String>,
) -> Result<Vec<AccountId>> {
    for domain in domains {
        // A domain has none of the characters that mean something in a pattern but `_`, which it escapes here.
        let name = domain.replace('_', "\\_");
        let of_domain = |pattern: String| accounts::email.like(pattern).escape('\\');
        let theirs: Vec<AccountId> = memberships::table
            .inner_join(accounts::table)
            .filter(memberships::pool_id.eq(pool_id))
            .filter(of_domain(format!("%@{name}")).or(of_domain(format!("%@%.{name}"))))
            .select(memberships::member_id)
            .load(db)?;
        members.retain(|member| !theirs.contains(member));
    }
    Ok(members)
}

/// The electorate of an edition that was drawn already: those in it who are still members. Sorted by id.
///
/// # Errors
/// `internal` where the database fails.
pub fn eligible_stock(db: &mut Db, edition_id: &EditionId) -> Result<Vec<AccountId>> {
    first_eligible_stock(db, edition_id, i64::MAX)
}

/// Whether at least one member would be in that electorate.
///
/// # Errors
/// `internal` where the database fails.
pub fn is_anyone_eligible_stock(db: &mut Db, edition_id: &EditionId) -> Result<bool> {
    Ok(!first_eligible_stock(db, edition_id, 1)?.is_empty())
}

/// How many of those in an edition that was drawn are members no more. A fact of membership alone.
///
/// # Errors
/// `internal` where the database fails.
pub fn count_left(db: &mut Db, edition_id: &EditionId) -> Result<i64> {
    let in_it: i64 =
        edition_members::table.filter(edition_members::edition_id.eq(edition_id)).count().get_result(db)?;
    let still = i64::try_from(eligible_stock(db, edition_id)?.len()).map_err(Error::internal)?;
    Ok(in_it - still)
}

fn first_eligible_stock(db: &mut Db, edition_id: &EditionId, most: i64) -> Result<Vec<AccountId>> {
    let still_member = memberships::table
        .filter(memberships::member_id.eq(edition_members::member_id))
        .filter(memberships::pool_id.eq(datasets::pool_id))
        .filter(memberships::state.eq(MembershipState::Active));
    Ok(edition_members::table
        .inner_join(editions::table.inner_join(datasets::table))
        .inner_join(accounts::table)
        .filter(edition_members::edition_id.eq(edition_id).and(accounts::state.eq(AccountState::Active)))
        .filter(exists(still_member))
        .select(edition_members::member_id)
        .order(edition_members::member_id)
        .limit(most)
        .load(db)?)
}
