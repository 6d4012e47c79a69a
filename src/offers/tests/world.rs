//! A pool with a listed dataset, members and buyers, all made up.

use crate::accounts::caller::{Buyer, Member, Operator};
use crate::accounts::model::{AccountState, OrganisationState};
use crate::aggregates::Recipe;
use crate::context::Context;
use crate::datasets::model::DatasetState;
use crate::db::Tx;
use crate::db::schema::{accounts, datasets, edition_members, editions, jobs, organisations, outbox, pools, recipes};
use crate::error::Result;
use crate::ids::{AccountId, DatasetId, EditionId, OfferId, OrganisationId, PoolId, RecipeId};
use crate::money::Money;
use crate::offers::model::{EditionChoice, ModelsAfterTerm, Offer, OfferState, Redistribution};
use crate::offers::terms::NewOffer;
use crate::offers::{actions, placing, steps};
use crate::pools::model::VoteRules;
use crate::queue::JobKind;
use crate::votes::fixture::{self, PURPOSE};
use crate::votes::model::Choice;
use diesel::prelude::*;

/// The lowest price of the listing.
pub const FLOOR_MINOR: i64 = 200_000;
/// What a draw of the listing costs, in 1e-9 rho.
pub const DRAW_NANO: i64 = 100_000_000;

pub struct World {
    pub ctx: Context,
    pub pool_id: PoolId,
    pub dataset_id: DatasetId,
    pub members: Vec<Member>,
    _dir: tempfile::TempDir,
}

impl World {
    /// A world with so many members and votes at a time.
    pub async fn new(members: usize, open_votes_max: i32) -> World {
        let (ctx, dir) = Context::for_tests();
        let pool_id = fixture::pool(&ctx, VoteRules { open_votes_max, ..fixture::rules() }).await;
        let members = fixture::members(&ctx, &pool_id, members).await;
        let pool = pool_id.clone();
        let dataset_id = ctx.db.write(move |tx| listing(tx, &pool)).await.unwrap();
        World { ctx, pool_id, dataset_id, members, _dir: dir }
    }

    /// An approved buyer with a verified address.
    pub async fn buyer(&self, credit_limit_minor: i64) -> Buyer {
        self.ctx.db.write(move |tx| buyer(tx, credit_limit_minor)).await.unwrap()
    }

    pub async fn operator(&self) -> Operator {
        let made = self.ctx.db.write(|tx| account(tx, "operator", None));
        Operator { account_id: made.await.unwrap() }
    }

    /// An offer that is in order.
    pub fn asks(&self) -> NewOffer {
        NewOffer {
            dataset_id: self.dataset_id.clone(),
            edition: EditionChoice::Next,
            price: Money::new(1_000_000, "USD"),
            purpose: PURPOSE.into(),
            field_of_use: "Finding out what people love.".into(),
            period_days: 365,
            exclusive_until: None,
            artists: None,
            redistribution: Redistribution::None,
            models_after_term: ModelsAfterTerm::Keep,
            message: "Please.".into(),
        }
    }

    /// The rows that the listing promises from now on; at first it promises none.
    pub async fn promise(&self, rows: i64) {
        let id = self.dataset_id.clone();
        self.change(move |tx| {
            diesel::update(datasets::table.find(&id)).set(datasets::rows_promised.eq(rows)).execute(&mut **tx)?;
            Ok(())
        })
        .await;
    }

    /// The listing is computed by another recipe from now on.
    pub async fn compute(&self, recipe: Recipe) {
        let id = self.dataset_id.clone();
        self.change(move |tx| {
            let recipe_id: RecipeId = datasets::table.find(&id).select(datasets::recipe_id).first(&mut **tx)?;
            let document = (
                recipes::document_json.eq(recipe.canonical_json()),
                recipes::document_hash.eq(recipe.sha256()),
                recipes::delta_pico.eq(0i64),
            );
            diesel::update(recipes::table.find(&recipe_id)).set(document).execute(&mut **tx)?;
            Ok(())
        })
        .await;
    }

    /// An edition has made these artists public.
    pub async fn makes_public(&self, edition: &EditionId, artists: &[&str]) {
        let (id, artists) = (edition.clone(), artists.iter().map(|&artist| artist.to_owned()).collect::<Vec<_>>());
        self.change(move |tx| {
            let sha256 = crate::datasets::steps::keep_artists(tx, &artists)?;
            diesel::update(editions::table.find(&id)).set(editions::artists_sha256.eq(sha256)).execute(&mut **tx)?;
            Ok(())
        })
        .await;
    }

    pub async fn place(&self, buyer: &Buyer, new: NewOffer) -> Result<Offer> {
        let buyer = buyer.clone();
        self.ctx.db.write(move |tx| placing::place(tx, &buyer, &new)).await
    }

    pub async fn offer(&self, id: &OfferId) -> Offer {
        let id = id.clone();
        self.ctx.db.read(move |db| steps::offer(db, &id)).await.unwrap()
    }

    pub async fn state(&self, id: &OfferId) -> OfferState {
        self.offer(id).await.state
    }

    /// Opens the vote of an offer, as its job does.
    pub async fn open(&self, id: &OfferId) -> Offer {
        actions::open_vote(&self.ctx, id).await.unwrap();
        self.offer(id).await
    }

    /// Everybody casts the same ballot.
    pub async fn everybody_says(&self, offer: &Offer, choice: Choice) {
        let vote_id = offer.vote_id.clone().unwrap();
        for member in &self.members {
            crate::votes::fixture::cast(&self.ctx, member, vote_id.clone(), choice).await.unwrap();
        }
    }

    /// Closes the vote of an offer, as its job does.
    pub async fn settle(&self, offer: &Offer) -> Option<Offer> {
        let vote_id = offer.vote_id.clone().unwrap();
        self.ctx.db.write(move |tx| steps::settle_vote(tx, &vote_id)).await.unwrap()
    }

    pub fn pass_voting_period(&self) {
        self.ctx.clock.advance_s(fixture::rules().voting_period_s).unwrap();
    }

    /// What of the pool's budget is reserved or spent, in 1e-9 rho.
    pub async fn committed_nano(&self) -> i64 {
        let id = self.pool_id.clone();
        let read =
            self.ctx.db.read(move |db| Ok(pools::table.find(&id).select(pools::rho_committed_nano).first(db)?));
        read.await.unwrap()
    }

    /// Subjects of the waiting jobs of a kind.
    pub async fn jobs(&self, kind: JobKind) -> Vec<String> {
        let read = self.ctx.db.read(move |db| {
            Ok(jobs::table.filter(jobs::kind.eq(kind)).order(jobs::id).select(jobs::subject_id).load(db)?)
        });
        read.await.unwrap()
    }

    /// Kinds of the events written so far, in their order.
    pub async fn events(&self) -> Vec<String> {
        self.ctx.db.read(|db| Ok(outbox::table.order(outbox::id).select(outbox::kind).load(db)?)).await.unwrap()
    }

    /// Changes rows by hand.
    pub async fn change<T: Send + 'static>(&self, work: impl Fn(&mut Tx) -> Result<T> + Send + 'static) -> T {
        self.ctx.db.write(work).await.unwrap()
    }

    /// A stock edition with the first members of the world in it.
    pub async fn stock(&self, members: usize) -> EditionId {
        let ids: Vec<_> = self.members.iter().take(members).map(|m| m.account_id.clone()).collect();
        let dataset_id = self.dataset_id.clone();
        self.change(move |tx| edition(tx, &dataset_id, &ids)).await
    }
}

fn listing(tx: &mut Tx, pool_id: &PoolId) -> Result<DatasetId> {
    let now = tx.now();
    let (recipe_id, document) = (RecipeId::new(now, tx.entropy()), Recipe::default());
    diesel::insert_into(recipes::table)
        .values((
            recipes::id.eq(&recipe_id),
            recipes::pool_id.eq(pool_id),
            recipes::name.eq("artist preference"),
            recipes::version.eq(1),
            recipes::document_json.eq(document.canonical_json()),
            recipes::document_hash.eq(document.sha256()),
            recipes::rho_nano.eq(DRAW_NANO),
            recipes::delta_pico.eq(1_000i64),
            recipes::created_at.eq(now),
        ))
        .execute(&mut **tx)?;
    let id = DatasetId::new(now, tx.entropy());
    diesel::insert_into(datasets::table)
        .values((
            (
                datasets::id.eq(&id),
                datasets::pool_id.eq(pool_id),
                datasets::recipe_id.eq(&recipe_id),
                datasets::title.eq("Artist preference"),
                datasets::description.eq("What people love."),
                datasets::keywords_json.eq("[]"),
                datasets::purposes_json.eq(format!("[\"{PURPOSE}\"]")),
                datasets::licence_name.eq("Licence 1.0"),
                datasets::licence_text.eq("You may look at it."),
            ),
            (
                datasets::price_floor_minor.eq(FLOOR_MINOR),
                datasets::rows_promised.eq(0i64),
                datasets::state.eq(DatasetState::Listed),
                datasets::listed_at.eq(now),
                datasets::created_at.eq(now),
                datasets::updated_at.eq(now),
            ),
        ))
        .execute(&mut **tx)?;
    Ok(id)
}

fn edition(tx: &mut Tx, dataset_id: &DatasetId, members: &[AccountId]) -> Result<EditionId> {
    let (id, now) = (EditionId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(editions::table)
        .values((
            editions::id.eq(&id),
            editions::dataset_id.eq(dataset_id),
            editions::number.eq(1),
            editions::subject_id.eq("an earlier sale"),
            editions::state.eq("published"),
            editions::stage.eq("published"),
            editions::members.eq(i64::try_from(members.len()).unwrap()),
            editions::rows_given.eq(77i64),
            editions::created_at.eq(now),
            editions::published_at.eq(now),
        ))
        .execute(&mut **tx)?;
    for member in members {
        diesel::insert_into(edition_members::table)
            .values((edition_members::edition_id.eq(&id), edition_members::member_id.eq(member)))
            .execute(&mut **tx)?;
    }
    Ok(id)
}

fn buyer(tx: &mut Tx, credit_limit_minor: i64) -> Result<Buyer> {
    let (organisation_id, now) = (OrganisationId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(organisations::table)
        .values((
            organisations::id.eq(&organisation_id),
            organisations::legal_name.eq("Northwind Radio"),
            organisations::country.eq("NL"),
            organisations::website.eq("https://northwind.example"),
            organisations::purpose.eq("To play what people love."),
            organisations::address.eq("Kade 1, Amsterdam"),
            organisations::tax_id.eq(""),
            organisations::state.eq(OrganisationState::Approved),
            organisations::credit_limit_minor.eq(credit_limit_minor),
            organisations::created_at.eq(now),
            organisations::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    let account_id = account(tx, "buyer", Some(&organisation_id))?;
    Ok(Buyer { account_id, organisation_id })
}

fn account(tx: &mut Tx, role: &str, organisation_id: Option<&OrganisationId>) -> Result<AccountId> {
    let (id, now) = (AccountId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(accounts::table)
        .values((
            accounts::id.eq(&id),
            accounts::role.eq(role),
            accounts::email.eq(format!("{id}@example.org")),
            accounts::email_verified_at.eq(now),
            accounts::password_hash.eq("none"),
            accounts::organisation_id.eq(organisation_id),
            accounts::state.eq(AccountState::Active),
            accounts::created_at.eq(now),
            accounts::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(id)
}
