//! Placing an offer: every check, the freezing of the terms, and the first entry of its story.

use crate::accounts::caller::Buyer;
use crate::accounts::model::Organisation;
use crate::clock::UtcTime;
use crate::datasets::model::{Dataset, DatasetState, StoredRecipe};
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::ids::{EditionId, OfferId};
use crate::money::{self, Money};
use crate::offers::model::{EditionChoice, Offer, OfferState};
use crate::offers::terms::{ArtistList, NewOffer};
use crate::offers::{artists, deliverable, freezing, queueing, steps, store, telling};
use crate::pools::model::{Cost, Pool};
use crate::queue::{self, JobKind};
use crate::votes::electorate;
use crate::{accounts, datasets, pools};

/// The furthest exclusivity, in days.
const EXCLUSIVE_DAYS_MAX: i64 = 3_650;

/// What an offer asks for, with everything looked up.
pub(super) struct Asked<'a> {
    pub new: &'a NewOffer,
    pub buyer: &'a Buyer,
    pub organisation: Organisation,
    pub dataset: Dataset,
    pub recipe: StoredRecipe,
    pub pool: Pool,
}

/// The edition asked for, the rows that are promised of it, and the artists that it is about.
pub(super) struct Wanted {
    pub edition_id: Option<EditionId>,
    pub rows_promised: i64,
    pub artist_list: Option<ArtistList>,
}

/// Checks an offer, freezes its terms and places it: before the members at once where they have room for
/// another vote, else in the queue.
pub fn place(tx: &mut Tx, buyer: &Buyer, new: &NewOffer) -> Result<Offer> {
    let id = OfferId::new(tx.now(), tx.entropy());
    new.check()?;
    let organisation = accounts::steps::approved_buyer(tx, buyer)?;
    let dataset = datasets::steps::dataset(tx, &new.dataset_id)?;
    match dataset.state {
        DatasetState::Listed => {}
        DatasetState::Draft => return Err(Error::not_found("dataset")),
        DatasetState::Unlisted => return Err(Error::conflict("The dataset is no longer offered.")),
    }
    let pool = pools::steps::pool(tx, &dataset.pool_id)?;
    let recipe = datasets::steps::recipe(tx, &dataset.recipe_id)?;
    let asked = Asked { new, buyer, organisation, dataset, recipe, pool };
    check_purpose_and_price(&asked)?;
    let decision_by = when_decided(tx, &asked.pool)?;
    check_exclusivity(tx, &asked, decision_by)?;
    let wanted = wanted_edition(tx, &asked)?;
    check_deliverable(tx, &asked, &wanted)?;
    let state = first_state(tx, &asked.pool)?;
    let offer = freezing::offer(tx, id, &asked, &wanted, state, decision_by)?;
    check_credit(tx, &asked.organisation, &offer)?;
    store::insert(tx, &offer)?;
    begin(tx, &asked, &offer)?;
    Ok(offer)
}

fn check_purpose_and_price(asked: &Asked) -> Result<()> {
    let (new, dataset, pool) = (asked.new, &asked.dataset, &asked.pool);
    if !dataset.purposes.contains(&new.purpose) {
        let detail = format!("The dataset is licensed for: {}.", dataset.purposes.join(", "));
        return Err(Error::new(Code::PurposeNotOffered, detail));
    }
    let price_minor = new.price.expect_positive(&pool.currency, "price")?;
    let floor_minor = pool.price_floor_minor.max(dataset.price_floor_minor);
    if price_minor < floor_minor {
        let floor = Money::new(floor_minor, pool.currency.clone());
        return Err(Error::new(Code::PriceBelowFloor, format!("Offers for this dataset begin at {floor}.")));
    }
    Ok(())
}

/// The rule is told in the module's documentation.
fn check_exclusivity(tx: &mut Tx, asked: &Asked, decision_by: UtcTime) -> Result<()> {
    let (now, dataset, organisation_id) = (tx.now(), &asked.dataset, &asked.buyer.organisation_id);
    let refused = |detail: String| Err(Error::new(Code::ExclusivelyLicensed, detail));
    if let Some(until) = dataset.exclusive_at(now)
        && !store::holds_exclusivity(tx, &dataset.id, organisation_id, now)?
    {
        return refused(format!("The dataset is licensed exclusively until {until}; offers are taken after that."));
    }
    let others = store::standing_of_others(tx, &dataset.id, organisation_id)?;
    if let Some(other) = others.iter().filter(|other| other.is_exclusive).max_by_key(|other| other.until) {
        let until = other.until;
        return refused(format!("An exclusive offer for the dataset stands; it is out of the way or sold by {until}."));
    }
    let Some(until) = asked.new.exclusive_until else { return Ok(()) };
    if let Some(other) = others.iter().max_by_key(|other| other.until) {
        let by = other.until;
        return refused(format!(
            "Other offers for the dataset stand, until {by}; an exclusive one cannot beside them."
        ));
    }
    if until <= decision_by || until > now.plus_days(EXCLUSIVE_DAYS_MAX) {
        let detail = format!("exclusive_until lies after {decision_by} and within {EXCLUSIVE_DAYS_MAX} days.");
        return Err(Error::invalid(detail));
    }
    Ok(())
}

fn check_credit(tx: &mut Tx, organisation: &Organisation, offer: &Offer) -> Result<()> {
    let outstanding_minor = steps::outstanding_minor(tx, &organisation.id)?;
    if money::sum([outstanding_minor, offer.total_minor])? <= organisation.credit_limit_minor {
        return Ok(());
    }
    let words = |amount_minor| Money::new(amount_minor, offer.currency.clone()).to_string();
    let detail = format!(
        "The total of this offer is {}, {} stand already, and the limit is {}. Pay or withdraw one, or ask for a higher limit.",
        words(offer.total_minor),
        words(outstanding_minor),
        words(organisation.credit_limit_minor),
    );
    Err(Error::new(Code::CreditLimit, detail))
}

fn wanted_edition(tx: &mut Tx, asked: &Asked) -> Result<Wanted> {
    match asked.new.edition {
        EditionChoice::Next => Ok(Wanted {
            edition_id: None,
            rows_promised: asked.dataset.rows_promised,
            artist_list: artists::wanted(tx, asked, None)?,
        }),
        EditionChoice::Stock => {
            let edition = datasets::steps::published_stock(tx, &asked.dataset.id)?;
            let edition = edition.ok_or_else(|| {
                Error::conflict(
                    "There is no edition of the dataset to be had at once: none is drawn yet, or all were recalled. Ask for the next \
                     one.",
                )
            })?;
            let artist_list = artists::wanted(tx, asked, Some(&edition))?;
            // What was drawn is known: exactly so many rows are promised.
            let rows_promised = edition.rows_given.unwrap_or(0);
            Ok(Wanted { edition_id: Some(edition.id), rows_promised, artist_list })
        }
    }
}

/// Whether anybody could vote now, and enough that what is promised can come of it. The electorate itself
/// is taken when the vote opens, and looked at once more.
fn check_deliverable(tx: &mut Tx, asked: &Asked, wanted: &Wanted) -> Result<()> {
    let (electors, needed) = match &wanted.edition_id {
        Some(edition_id) => (i64::from(electorate::is_anyone_eligible_stock(tx, edition_id)?), 1),
        None => {
            let needed = deliverable::electors_needed(&asked.recipe.document, wanted.rows_promised)?;
            let (purposes, joined_before) = (&asked.dataset.purposes, tx.now().plus_s(-asked.pool.rules.cool_off_s));
            (electorate::count_eligible(tx, &asked.pool.id, purposes, joined_before, needed)?, needed)
        }
    };
    match electors {
        0 => Err(Error::new(
            Code::EmptyElectorate,
            "No member whose data would be sold has been in the pool for long enough and consents to the dataset's purposes.",
        )),
        few if few < needed => Err(Error::new(Code::NotDeliverable, deliverable::too_few(few, needed))),
        _ => Ok(()),
    }
}

fn when_decided(tx: &mut Tx, pool: &Pool) -> Result<UtcTime> {
    let (rules, now) = (&pool.rules, tx.now());
    let ends = store::ends_before_members(tx, &pool.id)?;
    let ahead = store::queued(tx, &pool.id)?.len();
    let longest_s = rules.voting_period_s.saturating_add(rules.late_quorum_s);
    Ok(queueing::decision_by(now, longest_s, rules.open_votes_max, ends, ahead))
}

/// Before the members at once, or behind those who wait already.
fn first_state(tx: &mut Tx, pool: &Pool) -> Result<OfferState> {
    let has_room = store::count_before_members(tx, &pool.id)? < i64::from(pool.rules.open_votes_max);
    let is_next = store::queued(tx, &pool.id)?.is_empty();
    Ok(if has_room && is_next { OfferState::Opening } else { OfferState::Queued })
}

/// The first entry of the story: the budget is set aside where an edition must be drawn, and the opening
/// is asked for where the members have room.
fn begin(tx: &mut Tx, asked: &Asked, offer: &Offer) -> Result<()> {
    if offer.edition_id.is_none() {
        let cost = Cost { rho_nano: asked.recipe.rho_nano, delta_pico: asked.recipe.delta_pico };
        pools::steps::reserve_budget(tx, &offer.pool_id, offer.id.as_str(), cost)?;
    }
    telling::placed(tx, offer)?;
    if offer.state == OfferState::Opening {
        queue::push(tx, JobKind::OpenVote, offer.id.as_str(), offer.created_at)?;
        return steps::note(tx, &offer.id, offer.state, "Placed; the electorate is being listed.");
    }
    let detail = "Placed; it waits because the members have as many votes open as they want to answer at a time.";
    steps::note(tx, &offer.id, offer.state, detail)
}
