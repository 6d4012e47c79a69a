//! How members of the pool stand to a vote: whether they may cast a ballot, and what they have cast.

use super::commitment::Tag;
use super::model::{Choice, Vote, VoteState};
use super::store::{NAMES_AT_ONCE, lacks_consent};
use crate::db::Db;
use crate::db::kept::kept_statement;
use crate::db::schema::{ballots, electors, memberships, vote_leaves, votes};
use crate::error::{Error, Result};
use crate::ids::{AccountId, VoteId};
use crate::pools::model::MembershipState;
use diesel::dsl::max;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Integer, Nullable, Text};
use std::collections::HashMap;

/// A member of the pool, as a vote's box sees them.
#[derive(Debug, Clone)]
pub struct Elector {
    /// What stands for them in the log; `None` where they are not in the electorate.
    pub tag: Option<Tag>,
    /// Whether they have taken back a consent without which the data is not sold.
    pub lacks_consent: bool,
    /// Their ballot that counts.
    pub choice: Option<Choice>,
    /// How many they have cast so far.
    pub casts: u32,
}

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
            found.insert(member_id, elector(tag, false, choice, casts)?);
        }
    }
    let unsettled: Vec<&AccountId> = members.iter().copied().filter(|member| !found.contains_key(*member)).collect();
    for some in unsettled.chunks(NAMES_AT_ONCE) {
        for (member_id, has_stayed, tag, lacks_consent, choice, casts, void) in asked_of_the_pool(db, vote, some)? {
            let casts = casts.or(void.map(|sequence| sequence + 1));
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

type Settled = (AccountId, Option<Vec<u8>>, Option<Choice>, Option<i32>);

/// Electors of whom nothing has changed since the electorate was fixed.
fn settled(db: &mut Db, vote: &Vote, members: &[&AccountId]) -> Result<Vec<Settled>> {
    Ok(match db {
        // A statement for one is kept, where one for many is parsed anew for each number of them.
        Db::Sqlite(c) => {
            let mut rows = Vec::with_capacity(members.len());
            for member_id in members {
                let same = ballots::vote_id.eq(electors::vote_id).and(ballots::member_id.eq(electors::member_id));
                let one = electors::table
                    .left_join(ballots::table.on(same))
                    .filter(electors::vote_id.eq(&vote.id).and(electors::member_id.eq(member_id)))
                    .filter(electors::unsettled.eq(false))
                    .select((
                        electors::member_id,
                        electors::tag,
                        ballots::choice.nullable(),
                        ballots::casts.nullable(),
                    ));
                rows.extend(one.load::<Settled>(c)?);
            }
            rows
        }
        Db::Postgres(c) => {
            let member_ids = members.iter().map(|member_id| member_id.as_str()).collect();
            SettledElectors { vote_id: &vote.id, member_ids }.load(c)?
        }
    })
}

// A plain join, planned and kept while there are few ballots, would go on reading all of them: so each is looked for by itself.
kept_statement! {
    struct SettledElectors<'a> on Pg -> (Text, Nullable<Binary>, Nullable<Text>, Nullable<Integer>) {
        vote_id: &'a VoteId as Text,
        member_ids: Vec<&'a str> as Array<Text>,
    }
    "SELECT electors.member_id, electors.tag, cast_before.choice, cast_before.casts \
     FROM electors LEFT JOIN LATERAL ( \
         SELECT choice, casts FROM ballots \
         WHERE ballots.vote_id = electors.vote_id AND ballots.member_id = electors.member_id LIMIT 1 \
     ) AS cast_before ON TRUE \
     WHERE electors.vote_id = ? AND electors.member_id = ANY (?) AND NOT electors.unsettled"
}

type Asked = (AccountId, bool, Option<Vec<u8>>, bool, Option<Choice>, Option<i32>, Option<i32>);

/// Members of the vote's pool as the pool knows them now: whether they have stayed since the vote opened (who left and came back
/// has given the vote up), whether they lack a consent, and which was their last ballot that was made void.
fn asked_of_the_pool(db: &mut Db, vote: &Vote, members: &[&AccountId]) -> Result<Vec<Asked>> {
    // A void ballot is in the log alone; whoever votes again goes on counting from there.
    let void = vote_leaves::table
        .filter(vote_leaves::vote_id.eq(votes::id).and(vote_leaves::tag.nullable().eq(electors::tag.nullable())))
        .filter(vote_leaves::choice.is_null())
        .select(max(vote_leaves::sequence))
        .single_value();
    Ok(votes::table
        .inner_join(
            memberships::table
                .on(memberships::pool_id.eq(votes::pool_id).and(memberships::state.eq(MembershipState::Active))),
        )
        .left_join(
            electors::table.on(electors::vote_id.eq(votes::id).and(electors::member_id.eq(memberships::member_id))),
        )
        .left_join(ballots::table.on(ballots::vote_id.eq(votes::id).and(ballots::member_id.eq(memberships::member_id))))
        .filter(votes::id.eq(&vote.id).and(votes::opens_at.is_not_null()))
        .filter(memberships::member_id.eq_any(members))
        .select((
            memberships::member_id,
            memberships::joined_at.nullable().le(votes::opens_at).assume_not_null(),
            electors::tag.nullable(),
            lacks_consent(),
            ballots::choice.nullable(),
            ballots::casts.nullable(),
            void,
        ))
        .load(db)?)
}

/// Marks an elector who leaves the pool or takes a consent back.
pub fn unsettle(db: &mut Db, id: &VoteId, member_id: &AccountId) -> Result<()> {
    diesel::update(electors::table.find((id, member_id))).set(electors::unsettled.eq(true)).execute(db)?;
    Ok(())
}
