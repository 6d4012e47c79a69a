//! Opening the vote of an offer: a job of many small writes, which may be run again at any point.

use crate::context::Context;
use crate::datasets::model::Dataset;
use crate::db::schema::offers;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::{AccountId, OfferId, VoteId};
use crate::offers::model::{Offer, OfferState};
use crate::offers::{artists, deliverable, holding, queueing, steps, subject, telling};
use crate::votes::electorate;
use crate::votes::model::NewVote;
use crate::votes::steps::IfChanged;
use crate::webhooks::events::EventType;
use crate::{accounts, datasets, outbox, pools, votes};
use diesel::prelude::*;
use serde_json::json;

/// How often the electorate is taken again because somebody joined, left or changed a consent meanwhile.
/// Only the difference is written, so each attempt is shorter than the one before; the last one opens
/// all the same, because a pool that never stands still must be able to vote.
const ATTEMPTS: u32 = 5;

/// The electorate of one membership version.
struct Snapshot {
    membership_version: i64,
    members: Vec<AccountId>,
    /// Why a vote of these is not worth opening, if it is not.
    refusal: Option<String>,
    /// How many of them have joined lately, where that holds the opening.
    burst: Option<i64>,
}

/// What an attempt to open has come to.
enum Attempt {
    Opened,
    /// The membership has changed.
    Changed,
    /// The offer is no longer being opened.
    Gone,
}

/// Takes the electorate of an offer and opens its vote. An offer on which nobody could vote is rejected.
/// Nothing happens where the offer is no longer being opened.
///
/// # Errors
/// `conflict` where another server is at it, so that the job is looked at again later.
pub async fn open_vote(ctx: &Context, id: &OfferId) -> Result<()> {
    for attempt in 1..=ATTEMPTS {
        let offer_id = id.clone();
        let Some(snapshot) = ctx.db.read(move |db| snapshot(db, &offer_id)).await? else { return Ok(()) };
        let (version, electors) = (snapshot.membership_version, snapshot.members.len());
        let (offer_id, refusal, burst) = (id.clone(), snapshot.refusal, snapshot.burst);
        let begun = ctx.db.write(move |tx| begin(tx, &offer_id, version, electors, refusal.as_deref(), burst));
        let Some(vote_id) = begun.await? else { return Ok(()) };
        if !votes::actions::list_electors(ctx, &vote_id, version, snapshot.members).await? {
            return still_wanted(ctx, id).await;
        }
        let if_changed = if attempt == ATTEMPTS { IfChanged::Open } else { IfChanged::Wait };
        let (offer_id, vote_id) = (id.clone(), vote_id.clone());
        match ctx.db.write(move |tx| open(tx, &offer_id, &vote_id, if_changed)).await? {
            Attempt::Opened | Attempt::Gone => return Ok(()),
            Attempt::Changed => {}
        }
    }
    Err(Error::internal("the last attempt opens a vote or finds it gone"))
}

/// The electorate as of now; `None` where the offer is not being opened, or is held until an operator has looked at it.
fn snapshot(db: &mut Db, id: &OfferId) -> Result<Option<Snapshot>> {
    let (offer, hold) = (steps::offer(db, id)?, holding::find(db, id)?);
    if offer.state != OfferState::Opening || hold.as_ref().is_some_and(|hold| hold.released_at.is_none()) {
        return Ok(None);
    }
    let membership_version = pools::steps::pool(db, &offer.pool_id)?.membership_version;
    let members = match &offer.edition_id {
        Some(edition_id) => electorate::eligible_stock(db, edition_id)?,
        None => {
            let purposes = datasets::steps::dataset(db, &offer.dataset_id)?.purposes;
            let joined_before = offer.created_at.plus_s(-offer.terms()?.vote.cool_off_s);
            electorate::eligible(db, &offer.pool_id, &purposes, joined_before)?
        }
    };
    let domains = accounts::steps::own_domains(db, &offer.organisation_id)?;
    let members = electorate::without_domains(db, &offer.pool_id, members, &domains)?;
    let electors = i64::try_from(members.len()).map_err(Error::internal)?;
    let burst = if hold.is_some() { None } else { burst(db, &offer, &members, electors)? };
    Ok(Some(Snapshot { membership_version, refusal: why_not(db, &offer, electors)?, burst, members }))
}

/// How many electors have joined lately, if they are too many for the vote to open by itself.
fn burst(db: &mut Db, offer: &Offer, members: &[AccountId], electors: i64) -> Result<Option<i64>> {
    let rules = offer.terms()?.vote;
    let Some(after) = holding::new_after(&rules, offer) else { return Ok(None) };
    let joined = electorate::count_joined_after(db, &offer.pool_id, members, after)?;
    Ok(Some(joined).filter(|joined| holding::is_burst(*joined, electors, rules.burst_bp)))
}

/// What an edition holds and what hides each member in it, as those read it who decide; and where more stands.
fn content(tx: &mut Tx, dataset: &Dataset) -> Result<Vec<String>> {
    let recipe = datasets::steps::recipe(tx, &dataset.recipe_id)?;
    Ok(vec![
        format!("What is in it: {}", recipe.document.explanation()),
        format!("How far its numbers may be off, and what they mean for your privacy: /v1/datasets/{}.", dataset.id),
    ])
}

/// Makes the offer's vote where there is none yet. `None` where there is nothing more to do: the offer is no
/// longer being opened, or was rejected or held just now for a reason that the snapshot gave.
fn begin(
    tx: &mut Tx,
    id: &OfferId,
    membership_version: i64,
    electors: usize,
    refusal: Option<&str>,
    burst: Option<i64>,
) -> Result<Option<VoteId>> {
    let offer = steps::offer(tx, id)?;
    if offer.state != OfferState::Opening {
        return Ok(None);
    }
    if let Some(reason) = refusal {
        reject(tx, &offer, reason)?;
        return Ok(None);
    }
    let electors = i64::try_from(electors).map_err(Error::internal)?;
    if let Some(joined) = burst {
        // Another server may have been quicker.
        if holding::find(tx, id)?.is_none() {
            holding::hold(tx, &offer, joined, electors)?;
        }
        return Ok(None);
    }
    if offer.vote_id.is_some() {
        return Ok(offer.vote_id);
    }
    let terms = offer.terms()?;
    let buyer = accounts::steps::organisation(tx, &offer.organisation_id)?;
    let dataset = datasets::steps::dataset(tx, &offer.dataset_id)?;
    let mut about = content(tx, &dataset)?;
    about.extend(artists::told(tx, &terms)?);
    let new = NewVote {
        pool_id: offer.pool_id.clone(),
        subject_text: subject::text(&terms, &buyer.profile, &about, &offer.message, electors),
        terms_hash: offer.terms_hash.clone(),
        purposes: match offer.edition_id {
            Some(_) => Vec::new(),
            None => dataset.purposes,
        },
        rules: terms.vote.rules()?,
        electors,
        membership_version,
    };
    let vote_id = votes::steps::create(tx, &new)?;
    diesel::update(offers::table.find(id)).set(offers::vote_id.eq(&vote_id)).execute(&mut **tx)?;
    Ok(Some(vote_id))
}

/// Why a vote of so many is not worth opening, if it is not.
fn why_not(db: &mut Db, offer: &Offer, electors: i64) -> Result<Option<String>> {
    if electors == 0 {
        let reason = "Rejected: when the vote was to open, no member whose data would be sold could vote on it.";
        return Ok(Some(reason.into()));
    }
    if offer.edition_id.is_some() {
        return Ok(None); // drawn already, and so many rows are promised as it has
    }
    let dataset = datasets::steps::dataset(db, &offer.dataset_id)?;
    let recipe = datasets::steps::recipe(db, &dataset.recipe_id)?;
    let needed = deliverable::electors_needed(&recipe.document, offer.terms()?.refund.below_rows)?;
    Ok((electors < needed).then(|| format!("Rejected: {}", deliverable::too_few(electors, needed))))
}

fn reject(tx: &mut Tx, offer: &Offer, reason: &str) -> Result<()> {
    if steps::change(tx, offer, OfferState::Rejected, reason)? {
        if let Some(vote_id) = &offer.vote_id {
            votes::steps::void(tx, vote_id, reason)?;
        }
        outbox::push(tx, "offer.decided", &json!({"offer_id": offer.id}))?;
    }
    Ok(())
}

fn open(tx: &mut Tx, id: &OfferId, vote_id: &VoteId, if_changed: IfChanged) -> Result<Attempt> {
    let offer = steps::offer(tx, id)?;
    if offer.state != OfferState::Opening {
        return Ok(Attempt::Gone);
    }
    let Some(window) = votes::steps::open(tx, vote_id, if_changed)? else { return Ok(Attempt::Changed) };
    let closes_at = votes::rules::effective_deadline(&window);
    let detail = format!("The vote is open until {closes_at}.");
    if !steps::change(tx, &offer, OfferState::Voting, &detail)? {
        return Err(Error::internal(format!("{vote_id} has opened, but {id} is {}", offer.state)));
    }
    let decision_by = closes_at.plus_s(offer.terms()?.vote.late_quorum_s.saturating_add(queueing::MARGIN_S));
    diesel::update(offers::table.find(id)).set(offers::decision_by.eq(decision_by)).execute(&mut **tx)?;
    telling::vote(tx, &offer, vote_id, EventType::VoteOpened)?;
    outbox::push(tx, "vote.opened", &json!({"vote_id": vote_id, "offer_id": id}))?;
    Ok(Attempt::Opened)
}

/// The listing was given up: right where the offer has ended meanwhile, else to be looked at again.
async fn still_wanted(ctx: &Context, id: &OfferId) -> Result<()> {
    let offer_id = id.clone();
    let offer = ctx.db.read(move |db| steps::offer(db, &offer_id)).await?;
    match offer.state {
        OfferState::Opening => Err(Error::conflict("Another server is listing the electorate of this offer.")),
        _ => Ok(()),
    }
}
