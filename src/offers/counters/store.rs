//! Queries over counter-offers.

use super::model::{Counter, CounterState};
use crate::clock::UtcTime;
use crate::db::Db;
use crate::db::schema::counters;
use crate::error::Result;
use crate::ids::{CounterId, OfferId};
use diesel::prelude::*;

/// A counter-offer.
pub fn find(db: &mut Db, id: &CounterId) -> Result<Option<Counter>> {
    Ok(counters::table.find(id).select(Counter::as_select()).first(db).optional()?)
}

/// The newest counter-offer to an offer.
pub fn newest_of(db: &mut Db, offer_id: &OfferId) -> Result<Option<Counter>> {
    Ok(counters::table
        .filter(counters::offer_id.eq(offer_id))
        .order((counters::made_at.desc(), counters::id.desc()))
        .select(Counter::as_select())
        .first(db)
        .optional()?)
}

/// The counter-offer to an offer that nobody has ended; whether it has lapsed is not looked at.
pub fn standing_of(db: &mut Db, offer_id: &OfferId) -> Result<Option<Counter>> {
    Ok(counters::table
        .filter(counters::offer_id.eq(offer_id).and(counters::state.eq(CounterState::Standing)))
        .select(Counter::as_select())
        .first(db)
        .optional()?)
}

/// Adds a counter-offer.
pub fn insert(db: &mut Db, counter: &Counter) -> Result<()> {
    diesel::insert_into(counters::table).values(counter).execute(db)?;
    Ok(())
}

/// Brings a counter-offer to its end, if its state allows it: the one place that does.
pub fn end(db: &mut Db, id: &CounterId, to: CounterState, at: UtcTime, new_offer_id: Option<&OfferId>) -> Result<bool> {
    let allowed = counters::table.filter(counters::id.eq(id).and(counters::state.eq_any(to.allowed_from())));
    let changed = diesel::update(allowed)
        .set((counters::state.eq(to), counters::ended_at.eq(at), counters::new_offer_id.eq(new_offer_id)))
        .execute(db)?;
    Ok(changed == 1)
}
