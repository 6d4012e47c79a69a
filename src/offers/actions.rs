//! What buyers and operators do with offers.

use crate::accounts::caller::{Buyer, Caller, Member, Operator};
use crate::accounts::model::Role;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::idempotency::{self, Kept, Once};
use crate::ids::{AccountId, OfferId, OrganisationId, VoteId};
use crate::offers::holding::Hold;
use crate::offers::model::{Offer, OfferState, TimelineEntry};
use crate::offers::terms::NewOffer;
use crate::offers::views::{ArtistListView, OfferView};
use crate::offers::{counters, holding, placing, steps, store};
use crate::page::Window;
use crate::votes::model::Vote;
use crate::{accounts, audit, datasets, votes};

pub use crate::offers::opening::open_vote;

/// An offer with its story and its vote.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The offer.
    pub offer: Offer,
    /// What has happened to it, from the beginning.
    pub timeline: Vec<TimelineEntry>,
    /// Its vote with the ballots cast so far, once it has opened.
    pub vote: Option<(Vote, i64)>,
    /// The newest counter-offer to it.
    pub counter: Option<counters::steps::Seen>,
    /// What was held of its opening.
    pub hold: Option<Hold>,
    /// Whether the one who looks is told how many joined.
    pub is_operator: bool,
}

/// Places an offer, once per key, and answers with it as it was placed.
///
/// # Errors
/// `email-not-verified`, `buyer-not-approved`, `not-found`, `purpose-not-offered`, `invalid`,
/// `price-below-floor`, `exclusively-licensed`, `empty-electorate`, `not-deliverable`, `credit-limit`, `budget-exhausted`;
/// `conflict` where the dataset is no longer listed or has no stock edition.
pub async fn place(ctx: &Context, buyer: &Buyer, new: NewOffer, once: Once) -> Result<Kept> {
    let buyer = buyer.clone();
    ctx.db
        .write(move |tx| {
            idempotency::once(tx, &once, 201, |tx| {
                let (offer, now) = (placing::place(tx, &buyer, &new)?, tx.now());
                OfferView::of(seen(tx, offer, now)?)
            })
        })
        .await
}

/// Takes an offer back. Possible until it is decided.
///
/// # Errors
/// `not-found` for an offer of another organisation, `conflict` where it is decided.
pub async fn withdraw(ctx: &Context, buyer: &Buyer, id: OfferId) -> Result<Seen> {
    let organisation_id = buyer.organisation_id.clone();
    ctx.db
        .write(move |tx| {
            let offer = of_organisation(tx, &id, Some(&organisation_id))?;
            steps::call_off(tx, &offer, OfferState::Withdrawn, "Withdrawn by the buyer.")?;
            let (offer, now) = (steps::offer(tx, &id)?, tx.now());
            seen(tx, offer, now)
        })
        .await
}

/// Calls an undecided offer and its vote off, for a reason that buyer and members are told.
///
/// # Errors
/// `invalid` without a reason, `conflict` where the offer is decided.
pub async fn void(ctx: &Context, operator: &Operator, id: OfferId, reason: String) -> Result<Seen> {
    let reason = reason.trim().to_owned();
    accounts::model::reason(&reason)?;
    let operator = operator.clone();
    ctx.db
        .write(move |tx| {
            let offer = steps::offer(tx, &id)?;
            steps::void(tx, &offer, &format!("Called off by the operator: {reason}"))?;
            audit::note(tx, &operator.account_id, "offer.void", id.as_str(), Some(&reason))?;
            let (offer, now) = (steps::offer(tx, &id)?, tx.now());
            seen(tx, offer, now)
        })
        .await
}

/// One offer: a buyer's own organisation's, or any for an operator.
///
/// # Errors
/// `not-found` for an offer of another organisation.
pub async fn read(ctx: &Context, caller: &Caller, id: OfferId) -> Result<Seen> {
    let (organisation_id, now) = (scope(caller)?, ctx.clock.now());
    ctx.db
        .read(move |db| {
            let offer = of_organisation(db, &id, organisation_id.as_ref())?;
            Ok(Seen { is_operator: organisation_id.is_none(), ..seen(db, offer, now)? })
        })
        .await
}

/// Offers, newest first: a buyer's own organisation's, or all for an operator.
///
/// # Errors
/// `forbidden` for members, who see votes instead.
pub async fn list(ctx: &Context, caller: &Caller, state: Option<OfferState>, window: &Window) -> Result<Vec<Offer>> {
    let (organisation_id, window) = (scope(caller)?, window.clone());
    ctx.db
        .read(move |db| store::list(db, organisation_id.as_ref(), state, window.after.as_deref(), window.fetch()))
        .await
}

/// The exact terms that a vote is about, for the members who are asked.
///
/// # Errors
/// `not-found` outside of the vote's pool.
pub async fn terms_of_vote(ctx: &Context, member: &Member, vote_id: VoteId) -> Result<String> {
    let member_id = member.account_id.clone();
    ctx.db
        .read(move |db| {
            votes::steps::expect_member(db, &vote_id, &member_id)?;
            Ok(steps::of_vote(db, &vote_id)?.terms_json)
        })
        .await
}

/// A list of artists that an offer is about: for operators, for the organisations with an offer or a licence about it,
/// and for the electors of a vote on it.
///
/// # Errors
/// `not-found` for everybody else, and where there is none.
pub async fn artist_list(ctx: &Context, caller: &Caller, sha256: String) -> Result<ArtistListView> {
    let caller = caller.clone();
    ctx.db
        .read(move |db| {
            let may_see = match (caller.role, &caller.organisation_id) {
                (Role::Operator, _) => true,
                (Role::Buyer, Some(own)) => store::is_of_organisation(db, &sha256, own)?,
                (Role::Buyer, None) => false,
                (Role::Member, _) => is_elector(db, &sha256, &caller.account_id)?,
            };
            let artists = if may_see { datasets::steps::find_artists(db, &sha256)? } else { None };
            let artists = artists.ok_or_else(|| Error::not_found("list of artists"))?;
            Ok(ArtistListView { sha256: sha256.clone(), artists })
        })
        .await
}

/// Whether a member is in the electorate of any vote on an offer about a list of artists.
fn is_elector(db: &mut Db, list_sha256: &str, member_id: &AccountId) -> Result<bool> {
    for vote_id in store::votes_about(db, list_sha256)? {
        match votes::steps::expect_member(db, &vote_id, member_id) {
            Ok((_, elector)) if elector.tag.is_some() => return Ok(true),
            Err(error) if error.code() != Code::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(false)
}

/// Whose offers a caller may see: those of one organisation, or `None` for all.
pub(super) fn scope(caller: &Caller) -> Result<Option<OrganisationId>> {
    match (caller.role, &caller.organisation_id) {
        (Role::Operator, _) => Ok(None),
        (Role::Buyer, Some(organisation_id)) => Ok(Some(organisation_id.clone())),
        _ => Err(Error::new(Code::Forbidden, "Offers are for buyers and operators; members see the votes on them.")),
    }
}

pub(super) fn of_organisation(db: &mut Db, id: &OfferId, organisation_id: Option<&OrganisationId>) -> Result<Offer> {
    let offer = steps::offer(db, id)?;
    match organisation_id {
        Some(own) if offer.organisation_id != *own => Err(Error::not_found("offer")),
        _ => Ok(offer),
    }
}

/// An offer as it is to be shown at an instant.
pub(super) fn seen(db: &mut Db, offer: Offer, now: UtcTime) -> Result<Seen> {
    let timeline = store::timeline(db, &offer.id)?;
    let vote = match &offer.vote_id {
        Some(id) => Some(votes::steps::vote(db, id)?).filter(|vote| vote.opens_at.is_some()),
        None => None,
    };
    let vote = match vote {
        Some(vote) => {
            let turnout = votes::steps::turnout(db, &vote)?;
            Some((vote, turnout))
        }
        None => None,
    };
    let counter = counters::steps::newest_of(db, &offer, now)?;
    let hold = holding::find(db, &offer.id)?;
    Ok(Seen { offer, timeline, vote, counter, hold, is_operator: false })
}
