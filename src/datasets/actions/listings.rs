//! Listings: written by an operator, published, taken out again.

use crate::accounts::caller::Operator;
use crate::aggregates::{self, KeysFrom, Recipe};
use crate::audit;
use crate::context::Context;
use crate::datasets::catalogue::words;
use crate::datasets::draft::{self, DatasetChanges, Demands, NewDataset};
use crate::datasets::model::{Dataset, DatasetState, StoredRecipe, Words};
use crate::datasets::{steps, store};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids::DatasetId;
use crate::money::{counted, grouped};
use crate::page::{Page, PageQuery};
use crate::pools;
use crate::pools::model::Pool;

/// How many listings are given words in one write.
const LISTINGS_AT_ONCE: i64 = 100;

/// A listing with the currency of its pool, in which its prices are.
#[derive(Debug, Clone)]
pub struct Priced {
    /// The listing.
    pub dataset: Dataset,
    /// The currency.
    pub currency: String,
    /// Why nothing can be delivered as things stand, where it was just published.
    pub warnings: Vec<String>,
}

/// Writes a draft.
///
/// # Errors
/// `invalid`, `price-below-floor`: something in it does not hold; `not-found`: no such recipe.
pub async fn create(ctx: &Context, operator: &Operator, new: NewDataset) -> Result<Priced> {
    let operator = operator.clone();
    ctx.db.write(move |tx| insert(tx, &operator, &new)).await
}

fn insert(tx: &mut Tx, operator: &Operator, new: &NewDataset) -> Result<Priced> {
    let recipe = store::recipe(tx, &new.recipe_id)?;
    let (pool, demands) = demands(tx, &recipe)?;
    let rows_promised = match new.rows_promised {
        Some(rows) => rows,
        None => {
            let members = store::active_members(tx, &pool.id)?;
            let sheet = aggregates::accuracy_sheet(&recipe.document, members, None)?;
            i64::try_from(sheet.rows.fewest).map_err(Error::internal)?
        }
    };
    let now = tx.now();
    let mut dataset = Dataset {
        id: DatasetId::new(now, tx.entropy()),
        pool_id: recipe.pool_id.clone(),
        recipe_id: recipe.id.clone(),
        title: new.title.clone(),
        description: new.description.clone(),
        keywords: new.keywords.clone(),
        purposes: new.purposes.clone(),
        licence_name: new.licence_name.clone(),
        licence_text: new.licence_text.clone(),
        price_floor_minor: new.price_floor.expect_positive(&demands.currency, "price_floor")?,
        rows_promised,
        state: DatasetState::Draft,
        exclusive_until: None,
        listed_at: None,
        created_at: now,
        updated_at: now,
    };
    draft::check(&mut dataset, &demands)?;
    store::insert_dataset(tx, &dataset)?;
    store::write_words(tx, &dataset.id, &words_of(&dataset, &recipe, &pool)?)?;
    audit::note(tx, &operator.account_id, "dataset.create", dataset.id.as_str(), None)?;
    Ok(Priced { dataset, currency: pool.currency, warnings: Vec::new() })
}

/// Changes a draft.
///
/// # Errors
/// As [`create`]; `conflict`: it is no draft any more.
pub async fn edit(ctx: &Context, operator: &Operator, id: DatasetId, changes: DatasetChanges) -> Result<Priced> {
    let operator = operator.clone();
    ctx.db
        .write(move |tx| {
            let mut dataset = store::dataset(tx, &id)?;
            let recipe = store::recipe(tx, &dataset.recipe_id)?;
            let (pool, demands) = demands(tx, &recipe)?;
            changes.clone().apply(&mut dataset, &demands)?;
            draft::check(&mut dataset, &demands)?;
            dataset.updated_at = tx.now();
            if !store::update_draft(tx, &dataset)? {
                return Err(Error::conflict("Only a draft can be edited; make a new listing instead."));
            }
            store::write_words(tx, &id, &words_of(&dataset, &recipe, &pool)?)?;
            audit::note(tx, &operator.account_id, "dataset.edit", id.as_str(), None)?;
            Ok(Priced { dataset, currency: pool.currency, warnings: Vec::new() })
        })
        .await
}

/// Puts a draft, or a listing that was taken out, into the catalogue. From then on its purposes are fixed. What keeps an
/// edition from being worth anything as things stand is no fault of the listing, since pools grow and editions come: it is
/// said, and offers on it are refused until it has changed.
///
/// # Errors
/// `conflict`: it is listed already; `invalid`, `price-below-floor`: what the pool demands has changed since it was written.
pub async fn publish(ctx: &Context, operator: &Operator, id: DatasetId) -> Result<Priced> {
    let operator = operator.clone();
    let published = ctx.db.write(move |tx| {
        let mut dataset = store::dataset(tx, &id)?;
        let recipe = store::recipe(tx, &dataset.recipe_id)?;
        let (pool, demands) = demands(tx, &recipe)?;
        draft::check(&mut dataset, &demands)?;
        step(tx, &id, DatasetState::PUBLISH_FROM, DatasetState::Listed, "It is in the catalogue already.")?;
        audit::note(tx, &operator.account_id, "dataset.publish", id.as_str(), None)?;
        let members = store::active_members(tx, &pool.id)?;
        let lacks_artists = recipe.document.keys_from == KeysFrom::Edition && !steps::has_public_artists(tx, &pool.id)?;
        Ok((store::dataset(tx, &id)?, pool.currency, recipe.document, members, lacks_artists))
    });
    let (dataset, currency, recipe, members, lacks_artists) = published.await?;
    // What the noise needs is worked out where it holds nobody up.
    let mut warnings = warnings(&recipe, members, lacks_artists)?;
    let needed = aggregates::fewest_members(&recipe, dataset.rows_promised)?;
    if needed.unsigned_abs() > members {
        warnings.push(format!(
            "No offer can be accepted yet: {} are promised, which takes {} at the very least, and the pool has {}.",
            counted(dataset.rows_promised, "rows"),
            counted(needed, "members"),
            grouped(i64::try_from(members).unwrap_or(i64::MAX))
        ));
    }
    Ok(Priced { dataset, currency, warnings })
}

/// Why an edition of a recipe could not be delivered now, or would be of no use.
fn warnings(recipe: &Recipe, members: u64, lacks_artists: bool) -> Result<Vec<String>> {
    let mut warnings = recipe.warnings(members)?;
    if lacks_artists {
        warnings.push(
            "No offer can be placed yet: the artists come from an earlier edition of the pool, and none has named any. Sell one first \
             whose artists come from listening, such as artist_preference."
                .into(),
        );
    }
    Ok(warnings)
}

/// Takes a listing out of the catalogue. Offers, licences and editions of it stay.
///
/// # Errors
/// `conflict`: it is not listed; `invalid`: no reason was given.
pub async fn unlist(ctx: &Context, operator: &Operator, id: DatasetId, reason: String) -> Result<Priced> {
    if reason.trim().is_empty() || reason.chars().count() > 1_000 {
        return Err(Error::invalid("reason: say why, in 1 to 1,000 characters."));
    }
    let operator = operator.clone();
    ctx.db
        .write(move |tx| {
            let listed = store::dataset(tx, &id)?;
            let pool = pools::steps::pool(tx, &listed.pool_id)?;
            step(tx, &id, DatasetState::UNLIST_FROM, DatasetState::Unlisted, "It is not in the catalogue.")?;
            audit::note(tx, &operator.account_id, "dataset.unlist", id.as_str(), Some(reason.trim()))?;
            Ok(Priced { dataset: store::dataset(tx, &id)?, currency: pool.currency, warnings: Vec::new() })
        })
        .await
}

/// Listings in whatever state, newest first: the operator's list.
///
/// # Errors
/// `invalid-cursor`, `invalid`.
pub async fn list(ctx: &Context, query: &PageQuery, state: Option<DatasetState>) -> Result<Page<Priced>> {
    let window = ctx.cursors.window(query, &format!("listings {state:?}"))?;
    let (after, fetch) = (window.after.clone(), window.fetch());
    let rows = ctx
        .db
        .read(move |db| {
            let datasets = store::datasets(db, state, after.as_deref(), fetch)?.into_iter();
            datasets
                .map(|dataset| {
                    let currency = pools::steps::pool(db, &dataset.pool_id)?.currency;
                    Ok(Priced { currency, dataset, warnings: Vec::new() })
                })
                .collect::<Result<Vec<_>>>()
        })
        .await?;
    Ok(ctx.cursors.page(&window, rows, |listing| listing.dataset.id.as_str()))
}

fn step(tx: &mut Tx, id: &DatasetId, from: &[DatasetState], to: DatasetState, refusal: &str) -> Result<()> {
    let now = tx.now();
    if !store::move_dataset(tx, id, from, to, now)? {
        return Err(Error::conflict(refusal));
    }
    steps::catalogue_changed(tx)
}

/// The pool of a recipe, and what both demand of a listing.
fn demands(db: &mut Db, recipe: &StoredRecipe) -> Result<(Pool, Demands)> {
    let pool = pools::steps::pool(db, &recipe.pool_id)?;
    let demands = Demands {
        currency: pool.currency.clone(),
        price_floor_minor: pool.price_floor_minor,
        purposes: pools::steps::purposes(db, &recipe.pool_id)?,
        rows_most: aggregates::most_rows(&recipe.document),
    };
    Ok((pool, demands))
}

/// What a listing is found by. None of it changes but by [`edit`]: pools and recipes keep their names.
fn words_of(dataset: &Dataset, recipe: &StoredRecipe, pool: &Pool) -> Result<Words> {
    let columns = recipe.document.columns()?;
    let names = columns.iter().map(|column| column.name.as_str());
    let purposes = dataset.purposes.iter().map(String::as_str);
    Ok(Words {
        title: words::searched([dataset.title.as_str()]),
        keywords: words::searched(dataset.keywords.iter().map(String::as_str)),
        description: words::searched([dataset.description.as_str()]),
        recipe: words::searched(
            [recipe.document.kind(), &recipe.name, &pool.name].into_iter().chain(names).chain(purposes),
        ),
    })
}

/// Gives words to the listings that were written before listings had any. Repeating it changes nothing.
///
/// # Errors
/// `internal` where the database fails.
pub async fn give_words(ctx: &Context) -> Result<()> {
    let some = |tx: &mut Tx| {
        let without = store::datasets_without_words(tx, LISTINGS_AT_ONCE)?;
        for id in &without {
            let dataset = store::dataset(tx, id)?;
            let recipe = store::recipe(tx, &dataset.recipe_id)?;
            let pool = pools::steps::pool(tx, &dataset.pool_id)?;
            store::write_words(tx, id, &words_of(&dataset, &recipe, &pool)?)?;
        }
        if !without.is_empty() {
            steps::catalogue_changed(tx)?;
        }
        Ok(!without.is_empty())
    };
    while ctx.db.write(some).await? {}
    Ok(())
}
