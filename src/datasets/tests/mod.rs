//! The room seen from outside, on an embedded database of its own.

mod catalogue;
mod cut_off;
mod editions;
mod listings;

use super::actions;
use super::cache::Catalogue;
use super::draft::NewDataset;
use super::model::Dataset;
use super::page::Part;
use super::steps;
use crate::accounts::caller::{Caller, Operator};
use crate::accounts::model::Role;
use crate::aggregates::Recipe;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::Result;
use crate::histories::helpers::Helpers;
use crate::histories::play::{Ended, Play, Service, Started};
use crate::histories::plays_file;
use crate::ids::{AccountId, DatasetId, EditionId, OfferId, OrganisationId, PoolId, RecipeId, SessionId};
use crate::money::Money;
use crate::pools;
use diesel::connection::SimpleConnection;
use std::time::Duration;

/// Artists that every member of the made-up pool plays.
const ARTISTS: usize = 30;
/// Loud enough that the noise of a recipe for tests cannot hide them.
const MEMBERS: usize = 40;
const DAY: &str = "'2026-01-01 00:00:00'";

/// A pool with a recipe, and the shelf of one server.
struct House {
    ctx: Context,
    shelf: Catalogue,
    pool: PoolId,
    recipe: RecipeId,
    operator: Operator,
    _directory: tempfile::TempDir,
}

impl House {
    async fn new() -> House {
        let (ctx, directory) = Context::for_tests();
        let now = ctx.clock.now();
        let pool = PoolId::new(now, &ctx.entropy);
        let operator = Operator { account_id: AccountId::new(now, &ctx.entropy) };
        sql(
            &ctx,
            format!(
                "INSERT INTO pools VALUES ('{pool}', 'Northern Listeners', 'A pool', 'pool@example.org', 'Reverse charge may apply.',
                   'USD', 1000, 810, 100000, 30, 2500, 1, 2, 604800, 0, 3, 50000000000, 0, 5000000, 0, 0, 0, {DAY}, {DAY}, 0, 0, 'sealed',
                   0, 2419200);
                 INSERT INTO consent_texts VALUES ('{pool}', 1, 'Text', '[\"academic_research\"]', {DAY});
                 INSERT INTO consent_texts VALUES ('{pool}', 2, 'Text', '[\"academic_research\",\"market_research\"]', {DAY});"
            ),
        )
        .await;
        let recipe = actions::create_recipe(&ctx, &operator, pool.clone(), "artists".into(), quiet_recipe()).await;
        let recipe = recipe.unwrap().id;
        House { ctx, shelf: Catalogue::new(Duration::ZERO), pool, recipe, operator, _directory: directory }
    }

    fn draft(&self, title: &str) -> NewDataset {
        NewDataset {
            recipe_id: self.recipe.clone(),
            title: title.into(),
            description: "Who likes whom.".into(),
            keywords: vec!["popularity".into()],
            purposes: vec!["market_research".into()],
            licence_name: "Standard".into(),
            licence_text: "The licensee may look at it.".into(),
            price_floor: Money::new(500_000, "USD"),
            rows_promised: None,
        }
    }

    /// A second later than the one before, so that "newest first" means something.
    async fn drafted(&self, new: NewDataset) -> Dataset {
        self.ctx.clock.advance_s(1).unwrap();
        actions::create(&self.ctx, &self.operator, new).await.unwrap().dataset
    }

    async fn listed(&self, title: &str) -> Dataset {
        let dataset = self.drafted(self.draft(title)).await;
        self.publish(&dataset.id).await.unwrap()
    }

    async fn publish(&self, id: &DatasetId) -> Result<Dataset> {
        actions::publish(&self.ctx, &self.operator, id.clone()).await.map(|listing| listing.dataset)
    }

    async fn unlist(&self, id: &DatasetId) -> Result<Dataset> {
        let unlisted = actions::unlist(&self.ctx, &self.operator, id.clone(), "Replaced.".into()).await;
        unlisted.map(|listing| listing.dataset)
    }

    /// A part of a listing as anybody gets it.
    async fn part(&self, id: &DatasetId, part: Part) -> Result<super::cache::Ready> {
        actions::listing(&self.ctx, &self.shelf, &format!("/v1/datasets/{id}/{part:?}"), id.clone(), part).await
    }

    async fn page(&self, id: &DatasetId) -> serde_json::Value {
        serde_json::from_slice(&self.part(id, Part::Page).await.unwrap().bytes).unwrap()
    }

    /// Members who joined, each with plays of every artist.
    async fn members(&self) -> Vec<AccountId> {
        let mut members = Vec::new();
        for _ in 0..MEMBERS {
            let id = AccountId::new(self.ctx.clock.now(), &self.ctx.entropy);
            let key = format!("plays/{id}.parquet");
            let bytes = plays_file::write(id.as_str(), &plays(), &Helpers::new(0)).unwrap();
            let size = bytes.len();
            self.ctx.storage.put(&key, bytes.into()).await.unwrap();
            sql(
                &self.ctx,
                format!(
                    "INSERT INTO accounts VALUES ('{id}', 'member', '{id}@example.org', NULL, '', NULL, 'active', {DAY}, {DAY}, 'all');
                     INSERT INTO memberships VALUES ('mship_{id}', '{}', '{id}', 'active', {DAY}, NULL);
                     INSERT INTO plays_files VALUES ('{id}', '{key}', {size}, {DAY}, NULL);",
                    self.pool
                ),
            )
            .await;
            members.push(id);
        }
        members
    }

    /// An edition that waits to be drawn, with its cost reserved, for an offer of a new organisation.
    async fn begun(&self, dataset: &Dataset) -> (EditionId, OfferId, OrganisationId) {
        let now = self.ctx.clock.now();
        let offer = OfferId::new(now, &self.ctx.entropy);
        let organisation = OrganisationId::new(now, &self.ctx.entropy);
        let buyer = AccountId::new(now, &self.ctx.entropy);
        let (d, p) = (&dataset.id, &self.pool);
        sql(
            &self.ctx,
            format!(
                "INSERT INTO organisations VALUES ('{organisation}', 'N', 'CH', 'w', 'p', 'a', 't', 'approved', NULL, NULL, NULL, NULL, 0, {DAY}, {DAY});
                 INSERT INTO accounts VALUES ('{buyer}', 'buyer', '{buyer}@example.org', NULL, '', '{organisation}', 'active', {DAY}, {DAY}, 'all');
                 INSERT INTO offers VALUES ('{offer}', '{d}', '{p}', '{organisation}', '{buyer}', NULL, 'paid', 100, 10, 0, 100, 'USD', '{{}}', '', '', NULL, NULL, {DAY}, NULL, NULL, {DAY}, {DAY}, NULL);"
            ),
        )
        .await;
        let (pool, subject, id) = (self.pool.clone(), offer.to_string(), dataset.id.clone());
        let cost = quiet_recipe().cost();
        let edition = self.ctx.db.write(move |tx| {
            let cost = pools::model::Cost { rho_nano: cost.rho_nano as i64, delta_pico: cost.delta_pico as i64 };
            pools::steps::reserve_budget(tx, &pool, &subject, cost)?;
            steps::begin_edition(tx, &id, &subject)
        });
        (edition.await.unwrap(), offer, organisation)
    }

    /// The organisation gets its licence.
    async fn license(&self, dataset: &Dataset, edition: &EditionId, offer: &OfferId, organisation: &OrganisationId) {
        let (d, p) = (&dataset.id, &self.pool);
        sql(
            &self.ctx,
            format!(
                "INSERT INTO purchases VALUES ('purchase_{offer}', '{offer}', '{organisation}', '{p}', 'settled', '{offer}', '{{}}', NULL, 100, 10, 0, 'USD', {DAY}, {DAY}, NULL, NULL, NULL);
                 INSERT INTO licences VALUES ('licence_{offer}', 'purchase_{offer}', '{offer}', '{organisation}', '{d}', '{edition}', 'active', '{{}}', '', {DAY}, NULL, NULL, NULL, NULL);"
            ),
        )
        .await;
    }
}

fn caller(role: Role, organisation_id: Option<OrganisationId>) -> Caller {
    let account_id = AccountId::parse("acct_01jd2k8m0wfv9s3x6q4r7t5y2z").unwrap();
    let session_id = SessionId::parse("sess_01jd2k8m0wfv9s3x6q4r7t5y2z").unwrap();
    Caller { account_id, role, organisation_id, session_id }
}

/// So much privacy spent that the numbers hardly move: for tests alone.
fn quiet_recipe() -> Recipe {
    Recipe::parse(
        r#"{"kind":"artist_preference","keys_per_member":30,"plays_per_key":5,"floor_members":2,
            "fans_rho_nano":10000000000,"capped_plays_rho_nano":10000000000,"delta_pico":1000000}"#,
    )
    .unwrap()
}

fn plays() -> Vec<Play> {
    let play = |i: usize| Play {
        ts: UtcTime::from_unix_s(1_700_000_000 + i as i64).unwrap(),
        ms_played: 200_000,
        artist: format!("Secret Artist {i}"),
        album: None,
        track: "Song".into(),
        track_uri: None,
        country: None,
        service: Service::Spotify,
        started: Started::Unknown,
        ended: Ended::Unknown,
        shuffle: None,
    };
    (0..ARTISTS).map(play).collect()
}

async fn sql(ctx: &Context, text: String) {
    ctx.db.write(move |tx| Ok(tx.batch_execute(&text)?)).await.unwrap();
}
