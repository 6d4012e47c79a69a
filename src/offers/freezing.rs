//! From what a buyer asks and what the pool lays down: the terms, frozen, and the offer that carries them.

use crate::clock::UtcTime;
use crate::db::Tx;
use crate::error::Result;
use crate::ids::OfferId;
use crate::money::{self, Money};
use crate::offers::model::{Offer, OfferState};
use crate::offers::placing::{Asked, Wanted};
use crate::offers::terms::{FORMAT, Refund, Revocation, Terms, TermsOfVote};
use aws_lc_rs::digest;

const WARRANTY: &str = "The edition is computed by the recipe named here, from members' own exports and with their \
    consent, and as exact as the dataset's accuracy sheet says. Nothing else is warranted: exports are not signed by \
    the services they come from.";
const EARLIER_LICENCES: &str = "Licences that were granted to others before stay as they are; exclusivity means that \
    no further one is granted.";
const REVOCATION_GROUNDS: [&str; 3] = [
    "breach of these terms that is not mended within the notice",
    "an attempt to single out or identify a member",
    "an order of a court or an authority",
];
const REVOCATION_NOTICE_DAYS: i32 = 30;
/// An edition with fewer rows than promised is refunded in full.
const REFUND_BP: i32 = 10_000;

/// What is to be paid, and for what.
struct Amounts {
    price_minor: i64,
    fee_minor: i64,
    tax_minor: i64,
    total_minor: i64,
}

/// An offer with its terms frozen, not yet stored.
pub fn offer(
    tx: &mut Tx,
    id: OfferId,
    asked: &Asked,
    wanted: &Wanted,
    state: OfferState,
    decision_by: UtcTime,
) -> Result<Offer> {
    let now = tx.now();
    let amounts = amounts(asked)?;
    let frozen = terms(asked, wanted, &amounts, now).freeze()?;
    Ok(Offer {
        id,
        dataset_id: asked.dataset.id.clone(),
        pool_id: asked.pool.id.clone(),
        organisation_id: asked.organisation.id.clone(),
        placed_by: asked.buyer.account_id.clone(),
        edition_id: wanted.edition_id.clone(),
        state,
        price_minor: amounts.price_minor,
        fee_minor: amounts.fee_minor,
        tax_minor: amounts.tax_minor,
        total_minor: amounts.total_minor,
        currency: asked.pool.currency.clone(),
        terms_json: frozen.json,
        terms_hash: frozen.sha256,
        message: asked.new.message.trim().to_owned(),
        vote_id: None,
        exclusive_until: asked.new.exclusive_until,
        decision_by,
        pay_by: None,
        reason: None,
        created_at: now,
        updated_at: now,
        artist_list_sha256: wanted.artist_list.as_ref().map(|list| list.sha256.clone()),
    })
}

fn amounts(asked: &Asked) -> Result<Amounts> {
    let price_minor = asked.new.price.amount_minor;
    let tax_minor = money::share_bp(price_minor, asked.pool.tax_bp)?;
    Ok(Amounts {
        price_minor,
        fee_minor: money::share_bp(price_minor, asked.pool.fee_bp)?,
        tax_minor,
        total_minor: money::sum([price_minor, tax_minor])?,
    })
}

fn terms(asked: &Asked, wanted: &Wanted, amounts: &Amounts, now: UtcTime) -> Terms {
    let Asked { new, organisation, dataset, recipe, pool, .. } = asked;
    let money = |amount_minor| Money::new(amount_minor, pool.currency.clone());
    Terms {
        format: FORMAT.into(),
        submitted_at: now,
        pool_id: pool.id.clone(),
        pool_name: pool.name.clone(),
        dataset_id: dataset.id.clone(),
        dataset_title: dataset.title.clone(),
        recipe_id: recipe.id.clone(),
        recipe_hash: recipe.document_hash.clone(),
        edition: new.edition,
        edition_id: wanted.edition_id.clone(),
        artist_list: wanted.artist_list.clone(),
        organisation_id: organisation.id.clone(),
        organisation_name: organisation.profile.legal_name.clone(),
        purpose: new.purpose.clone(),
        field_of_use: new.field_of_use.trim().to_owned(),
        licence_name: dataset.licence_name.clone(),
        licence_sha256: hex::encode(digest::digest(&digest::SHA256, dataset.licence_text.as_bytes())),
        period_days: new.period_days,
        exclusive_until: new.exclusive_until,
        earlier_licences: EARLIER_LICENCES.into(),
        redistribution: new.redistribution,
        no_reidentification: true,
        models_after_term: new.models_after_term,
        warranty: WARRANTY.into(),
        refund: Refund { below_rows: wanted.rows_promised, refund_bp: REFUND_BP },
        revocation: Revocation {
            grounds: REVOCATION_GROUNDS.map(str::to_owned).to_vec(),
            notice_days: REVOCATION_NOTICE_DAYS,
        },
        price: money(amounts.price_minor),
        fee: money(amounts.fee_minor),
        tax: money(amounts.tax_minor),
        total: money(amounts.total_minor),
        payment_days: pool.payment_days,
        vote: TermsOfVote::from(&pool.rules),
    }
}
