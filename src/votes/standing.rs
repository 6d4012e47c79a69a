//! How members of the pool stand to a vote: whether they may cast a ballot, and what they have cast.

use super::model::{Choice, Elector, Vote, VoteState};
use super::store::{NAMES_AT_ONCE, lacks_consent};
use crate::db::Db;
use crate::db::kept::kept_statement;
use crate::db::schema::{electors, memberships, votes};
use crate::error::{Error, Result};
use crate::ids::{AccountId, VoteId};
use crate::pools::model::MembershipState;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;
use std::collections::HashMap;

/// Those of these members who are of the vote's pool, and how they stand to the vote. Nobody, before it has opened.
///
/// Of most it is enough to read the electorate: they were members with all consents when it was fixed, and whoever has left or
/// taken a consent back while it is open is marked there. Of the others, and of all once it has ended, the pool is asked.
pub fn electors_among(db: &mut Db, vote: &Vote, members: &[&AccountId]) -> Result<HashMap<AccountId, Elector>> {
    if vote.opens_at.is_none() {
        return Ok(HashMap::new());
    }
    let mut found = HashMap::with_capacity(members.len());
    if vote.electors_settled && vote.state == VoteState::Open {
        for (member_id, tag, choice, casts) in settled(db, vote, members)? {
            found.insert(member_id, elector(tag, false, choice, Some(casts))?);
        }
    }
    let unsettled: Vec<&AccountId> = members.iter().copied().filter(|member| !found.contains_key(*member)).collect();
    for some in unsettled.chunks(NAMES_AT_ONCE) {
        for (member_id, has_stayed, tag, lacks_consent, choice, casts) in asked_of_the_pool(db, vote, some)? {
            found.insert(member_id, elector(tag.filter(|_| has_stayed), lacks_consent, choice, casts)?);
        }
    }
    Ok(found)
}

fn elector(tag: Option<Vec<u8>>, lacks_consent: bool, choice: Option<Choice>, casts: Option<i32>) -> Result<Elector> {
    let tag = tag.map(|tag| tag.try_into().map_err(|_| Error::internal("a tag has 32 bytes"))).transpose()?;
    let casts = u32::try_from(casts.unwrap_or(0)).map_err(Error::internal)?;
    Ok(Elector { tag, lacks_consent, choice, casts })
}

type Settled = (AccountId, Option<Vec<u8>>, Option<Choice>, i32);

/// Electors of whom nothing has changed since the electorate was fixed.
fn settled(db: &mut Db, vote: &Vote, members: &[&AccountId]) -> Result<Vec<Settled>> {
    Ok(match db {
        Db::Sqlite(c) => {
            let mut rows = Vec::with_capacity(members.len());
            for member_id in members {
                rows.extend(SettledElector { vote_id: &vote.id, member_id }.load(c)?);
            }
            rows
        }
        Db::Postgres(c) => {
            let member_ids = members.iter().map(|member_id| member_id.as_str()).collect();
            SettledElectors { member_ids, vote_id: &vote.id }.load(c)?
        }
    })
}

kept_statement! {
    struct SettledElector<'a> on Sqlite -> (Text, Nullable<Binary>, Nullable<Text>, Integer) {
        vote_id: &'a VoteId as Text,
        member_id: &'a AccountId as Text,
    }
    "SELECT member_id, tag, choice, casts FROM electors WHERE vote_id = ? AND member_id = ? AND NOT unsettled"
}
// Each is looked for by itself: a plan for all at once, made and kept while a table is empty, would go on reading all of it.
kept_statement! {
    struct SettledElectors<'a> on Pg -> (Text, Nullable<Binary>, Nullable<Text>, Integer) {
        member_ids: Vec<&'a str> as Array<Text>,
        vote_id: &'a VoteId as Text,
    }
    "SELECT asked.member_id, elector.tag, elector.choice, elector.casts FROM unnest(?) AS asked (member_id) \
     CROSS JOIN LATERAL ( \
         SELECT tag, choice, casts FROM electors \
         WHERE vote_id = ? AND electors.member_id = asked.member_id AND NOT unsettled LIMIT 1 \
     ) AS elector"
}

type Asked = (AccountId, bool, Option<Vec<u8>>, bool, Option<Choice>, Option<i32>);

/// Members of the vote's pool as the pool knows them now: whether they have stayed since the vote opened (who left and came back
/// has given the vote up), and whether they lack a consent.
fn asked_of_the_pool(db: &mut Db, vote: &Vote, members: &[&AccountId]) -> Result<Vec<Asked>> {
    Ok(votes::table
        .inner_join(
            memberships::table
                .on(memberships::pool_id.eq(votes::pool_id).and(memberships::state.eq(MembershipState::Active))),
        )
        .left_join(
            electors::table.on(electors::vote_id.eq(votes::id).and(electors::member_id.eq(memberships::member_id))),
        )
        .filter(votes::id.eq(&vote.id).and(votes::opens_at.is_not_null()))
        .filter(memberships::member_id.eq_any(members))
        .select((
            memberships::member_id,
            memberships::joined_at.nullable().le(votes::opens_at).assume_not_null(),
            electors::tag.nullable(),
            lacks_consent(),
            electors::choice.nullable(),
            electors::casts.nullable(),
        ))
        .load(db)?)
}

/// Marks an elector who leaves the pool or takes a consent back.
pub fn unsettle(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<()> {
    diesel::update(electors::table.find((id, member_id))).set(electors::unsettled.eq(true)).execute(db)?;
    Ok(())
}
