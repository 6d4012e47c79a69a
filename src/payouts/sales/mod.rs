//! What became of a vote, for one who was in it: what was sold, their ballot, their data, their money. This is the one room
//! that knows all of these.

pub mod model;
pub mod views;

use super::model::Payout;
use super::{steps, store};
use crate::accounts::caller::Member;
use crate::aggregates::Manifest;
use crate::context::Context;
use crate::datasets::model::Edition;
use crate::datasets::recall::RecallState;
use crate::db::Db;
use crate::error::Result;
use crate::ids::{AccountId, EditionId};
use crate::offers::model::{Offer, OfferState};
use crate::page::Window;
use crate::purchases::licence::{Licence, LicenceState};
use crate::purchases::model::Purchase;
use crate::queue::{self, JobKind};
use crate::votes::model::Vote;
use crate::{datasets, offers, purchases, votes};
use model::{Data, Drawn, Money, OwnSale, Recall};

/// What became of the votes that have ended and that a member was in, newest first.
///
/// # Errors
/// `internal` where the database fails.
pub async fn list(ctx: &Context, member: &Member, window: &Window) -> Result<Vec<OwnSale>> {
    let (member_id, window) = (member.account_id.clone(), window.clone());
    ctx.db
        .read(move |db| {
            let votes = votes::steps::ended_of_elector(db, &member_id, window.after.as_deref(), window.fetch())?;
            votes.into_iter().map(|vote| own_sale(db, vote, &member_id)).collect()
        })
        .await
}

fn own_sale(db: &mut Db, vote: Vote, member_id: &AccountId) -> Result<OwnSale> {
    let offer = offers::steps::of_vote(db, &vote.id)?;
    let ballot = votes::steps::own_ballot(db, &vote.id, member_id)?;
    let purchase = purchases::steps::purchase_of(db, &offer.id)?;
    let licence = match &purchase {
        Some(purchase) => purchases::steps::licence_of(db, &purchase.id)?,
        None => None,
    };
    let data = data(db, &offer, licence.as_ref(), member_id)?;
    let mut money = money(db, &offer, purchase.as_ref(), &data, member_id)?;
    let is_drawn_for_it = offer.edition_id.is_none();
    if money == Money::NotYet
        && is_drawn_for_it
        && data.drawn().is_none()
        && !votes::steps::has_part(db, &vote, member_id)?
    {
        money = Money::NotAsThingsStand;
    }
    Ok(OwnSale { vote, offer, ballot, data, money })
}

fn data(db: &mut Db, offer: &Offer, licence: Option<&Licence>, member_id: &AccountId) -> Result<Data> {
    let Some(licence) = licence else {
        return Ok(match offer.state {
            OfferState::Accepted => Data::Unpaid,
            OfferState::Lapsed if is_recalled(db, offer)? => Data::RecalledUnpaid,
            OfferState::Lapsed => Data::Lapsed,
            _ => Data::NotSold,
        });
    };
    match (licence.state, purchases::steps::sold_edition(db, offer)?) {
        (LicenceState::Cancelled, _) => Ok(Data::Cancelled),
        (LicenceState::Preparing, _) | (_, None) => Ok(Data::Preparing),
        (_, Some(edition)) => {
            let is_in_it = datasets::steps::is_in_edition(db, &edition.id, member_id)?;
            let drawn = Drawn {
                period: period(db, &edition)?,
                drawn_at: edition.published_at,
                is_stock: offer.edition_id.is_some(),
                recall: if is_in_it { recall(db, &edition.id, member_id)? } else { None },
                edition_id: edition.id,
            };
            Ok(if is_in_it { Data::InTheDraw(drawn) } else { Data::NotInTheDraw(drawn) })
        }
    }
}

/// Whether an unpaid offer ended because the edition that it was for was recalled before the day to pay by.
fn is_recalled(db: &mut Db, offer: &Offer) -> Result<bool> {
    let Some(edition_id) = offer.edition_id.as_ref().filter(|_| offer.pay_by > Some(offer.updated_at)) else {
        return Ok(false);
    };
    Ok(datasets::steps::recall(db, edition_id)?.is_some())
}

/// That an edition was recalled, and whether somebody's plays count in what took its place.
fn recall(db: &mut Db, edition_id: &EditionId, member_id: &AccountId) -> Result<Option<Recall>> {
    let Some(recalled) = datasets::steps::recall(db, edition_id)? else { return Ok(None) };
    let replacement =
        recalled.recall.replacement_id.as_ref().filter(|_| recalled.recall.state == RecallState::Replaced);
    let is_in_replacement = match replacement {
        Some(id) => datasets::steps::is_in_edition(db, id, member_id)?,
        None => false,
    };
    Ok(Some(Recall { in_words: format!("{} {}", recalled.in_public(), recalled.what_follows()), is_in_replacement }))
}

/// Which plays an edition counted, in words, as its manifest says; as its recipe says where there is none.
fn period(db: &mut Db, edition: &Edition) -> Result<String> {
    if let Some(json) = &edition.manifest_json {
        let period = serde_json::from_str::<Manifest>(json)?.period;
        return Ok(match (period.from, period.to) {
            (Some(from), Some(to)) => format!("from {from} until before {to}"),
            _ => period.words,
        });
    }
    let dataset = datasets::steps::dataset(db, &edition.dataset_id)?;
    Ok(datasets::steps::recipe(db, &dataset.recipe_id)?.document.period_in_words())
}

fn money(db: &mut Db, offer: &Offer, purchase: Option<&Purchase>, data: &Data, member_id: &AccountId) -> Result<Money> {
    let Some(purchase) = purchase else { return Ok(Money::NotSold) };
    let Some(sale) = steps::sale(db, &purchase.id)? else {
        return Ok(match data {
            Data::Cancelled => Money::GoneBack,
            Data::Lapsed => Money::Lapsed,
            Data::RecalledUnpaid => Money::RecalledUnpaid,
            _ => Money::NotYet,
        });
    };
    if let Some(Payout { amount_minor, .. }) = store::of_member_in(db, &purchase.id, member_id)? {
        return Ok(Money::Share { amount_minor, shared_minor: sale.to_share_minor(), members: sale.payees });
    }
    let is_paid_for_data = offer.edition_id.is_none();
    Ok(match data {
        Data::NotInTheDraw(_) if is_paid_for_data => Money::NotInTheDraw,
        _ if sale.to_share_minor() == 0 => Money::GoneBack,
        _ if queue::is_waiting(db, JobKind::Payout, purchase.id.as_str())? => Money::NotYet,
        _ => Money::TooLittle { members: sale.payees },
    })
}
