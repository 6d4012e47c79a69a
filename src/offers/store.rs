//! Queries over offers and their story.

use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::{offer_events, offer_holds, offers};
use crate::error::Result;
use crate::ids::{DatasetId, EditionId, OfferId, OrganisationId, PoolId, VoteId};
use crate::offers::holding::Hold;
use crate::offers::model::{Offer, OfferState, TimelineEntry};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

/// An offer of another organisation that may still become a licence.
pub struct Standing {
    /// Whether it asks for exclusivity.
    pub is_exclusive: bool,
    /// When it will be out of the way, or be a licence.
    pub until: UtcTime,
}

/// An offer.
pub fn find(db: &mut Db, id: &OfferId) -> Result<Option<Offer>> {
    Ok(offers::table.find(id).select(Offer::as_select()).first(db).optional()?)
}

/// The offer that a vote decides.
pub fn of_vote(db: &mut Db, vote_id: &VoteId) -> Result<Option<Offer>> {
    Ok(offers::table.filter(offers::vote_id.eq(vote_id)).select(Offer::as_select()).first(db).optional()?)
}

/// Adds an offer.
pub fn insert(db: &mut Db, offer: &Offer) -> Result<()> {
    diesel::insert_into(offers::table)
        .values((
            (
                offers::id.eq(&offer.id),
                offers::dataset_id.eq(&offer.dataset_id),
                offers::pool_id.eq(&offer.pool_id),
                offers::organisation_id.eq(&offer.organisation_id),
                offers::placed_by.eq(&offer.placed_by),
                offers::edition_id.eq(&offer.edition_id),
                offers::state.eq(offer.state),
                offers::exclusive_until.eq(offer.exclusive_until),
                offers::decision_by.eq(offer.decision_by),
                offers::created_at.eq(offer.created_at),
                offers::updated_at.eq(offer.updated_at),
            ),
            (
                offers::price_minor.eq(offer.price_minor),
                offers::fee_minor.eq(offer.fee_minor),
                offers::tax_minor.eq(offer.tax_minor),
                offers::total_minor.eq(offer.total_minor),
                offers::currency.eq(&offer.currency),
                offers::terms_json.eq(&offer.terms_json),
                offers::terms_hash.eq(&offer.terms_hash),
                offers::message.eq(&offer.message),
                offers::artist_list_sha256.eq(&offer.artist_list_sha256),
            ),
        ))
        .execute(db)?;
    Ok(())
}

/// Offers, newest first, of one organisation or of all, in one state or in any.
pub fn list(
    db: &mut Db,
    organisation_id: Option<&OrganisationId>,
    state: Option<OfferState>,
    after: Option<&str>,
    most: i64,
) -> Result<Vec<Offer>> {
    let mut query = offers::table.select(Offer::as_select()).order(offers::id.desc()).limit(most).into_boxed();
    if let Some(organisation_id) = organisation_id {
        query = query.filter(offers::organisation_id.eq(organisation_id));
    }
    if let Some(state) = state {
        query = query.filter(offers::state.eq(state));
    }
    if let Some(after) = after {
        query = query.filter(offers::id.lt(after.to_owned()));
    }
    Ok(query.load(db)?)
}

/// The story of an offer, from its beginning.
pub fn timeline(db: &mut Db, id: &OfferId) -> Result<Vec<TimelineEntry>> {
    let lines = offer_events::table.filter(offer_events::offer_id.eq(id)).order(offer_events::number);
    Ok(lines.select(TimelineEntry::as_select()).load(db)?)
}

/// By when each of a pool's offers that are before the members will be decided.
pub fn ends_before_members(db: &mut Db, pool_id: &PoolId) -> Result<Vec<UtcTime>> {
    Ok(offers::table
        .filter(offers::pool_id.eq(pool_id).and(offers::state.eq_any(OfferState::BEFORE_MEMBERS)))
        .select(offers::decision_by)
        .load(db)?)
}

/// How many of a pool's offers are before the members.
pub fn count_before_members(db: &mut Db, pool_id: &PoolId) -> Result<i64> {
    Ok(offers::table
        .filter(offers::pool_id.eq(pool_id).and(offers::state.eq_any(OfferState::BEFORE_MEMBERS)))
        .count()
        .get_result(db)?)
}

/// A pool's offers that wait, the one that has waited longest first.
pub fn queued(db: &mut Db, pool_id: &PoolId) -> Result<Vec<OfferId>> {
    Ok(offers::table
        .filter(offers::pool_id.eq(pool_id).and(offers::state.eq(OfferState::Queued)))
        .order((offers::created_at, offers::id))
        .select(offers::id)
        .load(db)?)
}

/// What an organisation may still have to pay, in minor units: every offer that stands.
pub fn outstanding_minor(db: &mut Db, organisation_id: &OrganisationId) -> Result<i64> {
    Ok(offers::table
        .filter(offers::organisation_id.eq(organisation_id))
        .filter(offers::state.eq_any(OfferState::STANDING))
        .select(sql::<BigInt>("cast(coalesce(sum(total_minor), 0) as bigint)"))
        .first(db)?)
}

/// Whether an organisation has made an offer about a list of artists, or bought what was drawn from it.
pub fn is_of_organisation(db: &mut Db, list_sha256: &str, organisation_id: &OrganisationId) -> Result<bool> {
    let own = offers::organisation_id.eq(organisation_id).and(offers::artist_list_sha256.eq(list_sha256));
    Ok(offers::table.filter(own).count().get_result::<i64>(db)? > 0)
}

/// The votes on offers about a list of artists.
pub fn votes_about(db: &mut Db, list_sha256: &str) -> Result<Vec<VoteId>> {
    let about = offers::table.filter(offers::artist_list_sha256.eq(list_sha256).and(offers::vote_id.is_not_null()));
    Ok(about.select(offers::vote_id.assume_not_null()).load(db)?)
}

/// Offers for a stock edition that may still become licences, in their order.
pub fn standing_for(db: &mut Db, edition_id: &EditionId) -> Result<Vec<Offer>> {
    Ok(offers::table
        .filter(offers::edition_id.eq(edition_id).and(offers::state.eq_any(OfferState::STANDING)))
        .order(offers::id)
        .select(Offer::as_select())
        .load(db)?)
}

/// Offers for a dataset by other organisations that may still become licences.
pub fn standing_of_others(
    db: &mut Db,
    dataset_id: &DatasetId,
    organisation_id: &OrganisationId,
) -> Result<Vec<Standing>> {
    let rows: Vec<(Option<UtcTime>, UtcTime, Option<UtcTime>)> = offers::table
        .filter(offers::dataset_id.eq(dataset_id).and(offers::organisation_id.ne(organisation_id)))
        .filter(offers::state.eq_any(OfferState::STANDING))
        .select((offers::exclusive_until, offers::decision_by, offers::pay_by))
        .load(db)?;
    let standing = |(exclusive, decision_by, pay_by): (Option<UtcTime>, UtcTime, Option<UtcTime>)| Standing {
        is_exclusive: exclusive.is_some(),
        until: pay_by.unwrap_or(decision_by),
    };
    Ok(rows.into_iter().map(standing).collect())
}

/// Whether an organisation has paid for exclusivity to a dataset that runs beyond `now`.
pub fn holds_exclusivity(
    db: &mut Db,
    dataset_id: &DatasetId,
    organisation_id: &OrganisationId,
    now: UtcTime,
) -> Result<bool> {
    let held: i64 = offers::table
        .filter(offers::dataset_id.eq(dataset_id).and(offers::organisation_id.eq(organisation_id)))
        .filter(offers::state.eq(OfferState::Paid).and(offers::exclusive_until.gt(now)))
        .count()
        .get_result(db)?;
    Ok(held > 0)
}

/// What was held of an offer's opening, if anything ever was.
pub fn hold(db: &mut Db, id: &OfferId) -> Result<Option<Hold>> {
    Ok(offer_holds::table.find(id).select(Hold::as_select()).first(db).optional()?)
}

/// Adds a hold.
pub fn add_hold(db: &mut Db, hold: &Hold) -> Result<()> {
    diesel::insert_into(offer_holds::table).values(hold).execute(db)?;
    Ok(())
}

/// Notes that a hold was released, and why; `false` where there is none (any more).
pub fn release_hold(db: &mut Db, id: &OfferId, reason: &str, at: UtcTime) -> Result<bool> {
    let held = offer_holds::table.filter(offer_holds::offer_id.eq(id).and(offer_holds::released_at.is_null()));
    let released = diesel::update(held)
        .set((offer_holds::released_at.eq(at), offer_holds::release_reason.eq(reason)))
        .execute(db)?;
    Ok(released == 1)
}
