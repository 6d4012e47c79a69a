//! A pool with a listing, members with plays, buyers and an operator, all made up, for the tests of
//! everything that comes after an accepted offer.

use super::model::Purchase;
use super::{actions, steps};
use crate::accounts::caller::{Buyer, Caller, Member, Operator};
use crate::accounts::model::{AccountState, OrganisationState, Role};
use crate::aggregates::Recipe;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::datasets::model::DatasetState;
use crate::db::Tx;
use crate::db::schema::{
    accounts, datasets, edition_files, edition_members, editions, jobs, offers, organisations, outbox, pools, recipes,
};
use crate::error::Result;
use crate::histories::helpers::Helpers;
use crate::histories::play::{Ended, Play, Service, Started};
use crate::histories::plays_file;
use crate::idempotency::{IdempotencyKey, Kept, Once};
use crate::ids::{
    AccountId, DatasetId, EditionId, LicenceId, OfferId, OrganisationId, PoolId, PurchaseId, RecipeId, SessionId,
};
use crate::money::Money;
use crate::offers::model::{EditionChoice, ModelsAfterTerm, Redistribution};
use crate::offers::terms::NewOffer;
use crate::purchases::licence::Licence;
use crate::queue::JobKind;
use crate::votes::fixture::{self, PURPOSE};
use crate::votes::model::Choice;
use crate::{ledger, votes};
use actix_web::FromRequest;
use actix_web::dev::Payload;
use actix_web::test::TestRequest;
use aws_lc_rs::digest;
use diesel::prelude::*;

/// Artists that every member plays.
const ARTISTS: usize = 12;
/// The content of the one file of a stock edition.
pub const STOCK_FILE: &[u8] = b"artist,fans\nSecret Artist,40\n";
/// The price of every offer: a tenth of it is the fee, and 7 % tax come on top.
pub const PRICE_MINOR: i64 = 1_000_003;

/// Members enough that the noise of the recipe cannot hide what all of them play.
pub const LOUD: usize = 20;

pub struct House {
    pub ctx: Context,
    pub pool_id: PoolId,
    pub dataset_id: DatasetId,
    pub members: Vec<Member>,
    pub buyer: Buyer,
    pub operator: Operator,
    _directory: tempfile::TempDir,
}

impl House {
    /// A house with so many members.
    pub async fn new(members: usize) -> House {
        let (ctx, directory) = Context::for_tests();
        let pool_id = fixture::pool(&ctx, fixture::rules()).await;
        let members = fixture::members(&ctx, &pool_id, members).await;
        for member in &members {
            let id = member.account_id.as_str();
            let plays = plays_file::write(id, &plays(), &Helpers::new(0)).unwrap();
            ctx.storage.put(&format!("plays/{id}"), plays.into()).await.unwrap();
        }
        let pool = pool_id.clone();
        let made = ctx.db.write(move |tx| {
            let room = (pools::rho_cap_nano.eq(1_000_000_000_000i64), pools::delta_cap_pico.eq(100_000_000i64));
            diesel::update(pools::table.find(&pool)).set(room).execute(&mut **tx)?;
            let operator = Operator { account_id: account(tx, "operator", None)? };
            Ok((listing(tx, &pool)?, buyer(tx)?, operator))
        });
        let (dataset_id, buyer, operator) = made.await.unwrap();
        House { ctx, pool_id, dataset_id, members, buyer, operator, _directory: directory }
    }

    /// Another approved buyer.
    pub async fn stranger(&self) -> Buyer {
        self.ctx.db.write(buyer).await.unwrap()
    }

    /// Changes rows by hand.
    pub async fn change<T: Send + 'static>(&self, work: impl Fn(&mut Tx) -> Result<T> + Send + 'static) -> T {
        self.ctx.db.write(work).await.unwrap()
    }

    /// The rows that the listing promises from now on.
    pub async fn promise(&self, rows: i64) {
        let id = self.dataset_id.clone();
        self.change(move |tx| {
            diesel::update(datasets::table.find(&id)).set(datasets::rows_promised.eq(rows)).execute(&mut **tx)?;
            Ok(())
        })
        .await;
    }

    /// A stock edition with the first members in it, whose one file is [`STOCK_FILE`].
    pub async fn stock(&self, members: usize) -> EditionId {
        let ids: Vec<_> = self.members.iter().take(members).map(|m| m.account_id.clone()).collect();
        self.ctx.storage.put("editions/stock.csv", STOCK_FILE.into()).await.unwrap();
        let dataset_id = self.dataset_id.clone();
        self.change(move |tx| stock(tx, &dataset_id, &ids)).await
    }

    /// An offer that the members have accepted just now, with its purchase.
    pub async fn accepted(&self, edition: EditionChoice) -> Purchase {
        let id = self.offered(edition, None).await;
        self.vote(&id).await
    }

    /// An offer that waits for its vote to be opened.
    pub async fn offered(&self, edition: EditionChoice, exclusive_until: Option<UtcTime>) -> OfferId {
        self.ctx.clock.advance_s(1).unwrap();
        let new = NewOffer {
            dataset_id: self.dataset_id.clone(),
            edition,
            price: Money::new(PRICE_MINOR, "USD"),
            purpose: PURPOSE.into(),
            field_of_use: "Finding out what people love.".into(),
            period_days: 365,
            exclusive_until,
            artists: None,
            redistribution: Redistribution::None,
            models_after_term: ModelsAfterTerm::Keep,
            message: String::new(),
        };
        let once = self.once(&self.buyer.account_id, "offer");
        crate::offers::actions::place(&self.ctx, &self.buyer, new, once).await.unwrap();
        let newest = self.ctx.db.read(|db| Ok(offers::table.order(offers::id.desc()).select(offers::id).first(db)?));
        newest.await.unwrap()
    }

    /// Opens the vote of an offer, has everybody say yes, closes it, and writes the invoice, as the jobs do.
    pub async fn vote(&self, id: &OfferId) -> Purchase {
        crate::offers::actions::open_vote(&self.ctx, id).await.unwrap();
        let offer_id = id.clone();
        let offer = self.ctx.db.read(move |db| crate::offers::steps::offer(db, &offer_id)).await.unwrap();
        let vote_id = offer.vote_id.unwrap();
        for member in &self.members {
            // A stock edition may be of fewer members than the pool has.
            let _ = votes::fixture::cast(&self.ctx, member, vote_id.clone(), Choice::Yes).await;
        }
        self.ctx.clock.advance_s(fixture::rules().voting_period_s).unwrap();
        let seller = self.ctx.config.seller.clone();
        self.change(move |tx| {
            let offer = crate::offers::steps::settle_vote(tx, &vote_id)?.expect("the vote is due");
            let id = steps::invoice(tx, &seller, &offer)?;
            steps::purchase(tx, &id)
        })
        .await
    }

    /// A sale that is paid and waits for its edition.
    pub async fn waiting(&self) -> (Purchase, EditionId) {
        let purchase = self.accepted(EditionChoice::Next).await;
        self.settle(&purchase).await.unwrap();
        let edition = self.licence(&purchase.id).await.edition_id.unwrap();
        (purchase, edition)
    }

    /// Settles a purchase in full.
    pub async fn settle(&self, purchase: &Purchase) -> Result<Kept> {
        self.pay(purchase, purchase.total()).await
    }

    /// Settles a purchase by an amount.
    pub async fn pay(&self, purchase: &Purchase, amount: Money) -> Result<Kept> {
        let once = self.once(&self.operator.account_id, &format!("{}", purchase.id));
        actions::settle(&self.ctx, &self.operator, purchase.id.clone(), amount, "statement 7", once).await
    }

    /// A key that was never used before.
    pub fn once(&self, account_id: &AccountId, operation: &str) -> Once {
        let fresh = hex::encode(self.ctx.entropy.bytes::<8>());
        let request = TestRequest::default().insert_header(("idempotency-key", fresh)).to_http_request();
        let key = IdempotencyKey::from_request(&request, &mut Payload::None).into_inner();
        key.unwrap().bind(account_id, operation, &()).unwrap()
    }

    pub async fn purchase(&self, id: &PurchaseId) -> Purchase {
        let id = id.clone();
        self.ctx.db.read(move |db| steps::purchase(db, &id)).await.unwrap()
    }

    /// The licence of a purchase.
    pub async fn licence(&self, id: &PurchaseId) -> Licence {
        let id = id.clone();
        let found = self.ctx.db.read(move |db| steps::licence_of(db, &id)).await.unwrap();
        found.expect("a settled purchase has a licence")
    }

    pub async fn licence_by_id(&self, id: &LicenceId) -> Licence {
        let id = id.clone();
        self.ctx.db.read(move |db| steps::licence(db, &id)).await.unwrap()
    }

    /// Subjects of the waiting jobs of a kind, with the time at which they are due.
    pub async fn jobs(&self, kind: JobKind) -> Vec<(String, UtcTime)> {
        let rows = move |db: &mut crate::db::Db| {
            let due = jobs::table.filter(jobs::kind.eq(kind)).order(jobs::id);
            Ok(due.select((jobs::subject_id, jobs::due_at)).load(db)?)
        };
        self.ctx.db.read(rows).await.unwrap()
    }

    /// How many events of a kind were written.
    pub async fn events(&self, kind: &'static str) -> i64 {
        let count =
            move |db: &mut crate::db::Db| Ok(outbox::table.filter(outbox::kind.eq(kind)).count().get_result(db)?);
        self.ctx.db.read(count).await.unwrap()
    }

    /// What does not hold in the books.
    pub async fn faults(&self) -> Vec<String> {
        self.ctx.db.read(ledger::steps::verify).await.unwrap()
    }

    /// The buyer as anyone who is logged in.
    pub fn caller(&self, buyer: &Buyer) -> Caller {
        self.as_caller(Role::Buyer, &buyer.account_id, Some(buyer.organisation_id.clone()))
    }

    /// The operator as anyone who is logged in.
    pub fn operator_caller(&self) -> Caller {
        self.as_caller(Role::Operator, &self.operator.account_id, None)
    }

    /// A member as anyone who is logged in.
    pub fn member_caller(&self) -> Caller {
        self.as_caller(Role::Member, &self.members[0].account_id, None)
    }

    fn as_caller(&self, role: Role, account_id: &AccountId, organisation_id: Option<OrganisationId>) -> Caller {
        let session_id = SessionId::new(self.ctx.clock.now(), &self.ctx.entropy);
        Caller { account_id: account_id.clone(), role, organisation_id, session_id }
    }

    /// What of the pool's budget is reserved or spent: 1e-9 rho and 1e-12 delta.
    pub async fn committed(&self) -> (i64, i64) {
        let id = self.pool_id.clone();
        let pool = self.ctx.db.read(move |db| crate::pools::steps::pool(db, &id)).await.unwrap();
        (pool.rho_committed_nano, pool.delta_committed_pico)
    }

    /// Where a member's plays lie.
    pub async fn plays_key(&self, member: &AccountId) -> String {
        let members = [member.clone()];
        let objects = self.ctx.db.read(move |db| crate::histories::steps::plays_objects(db, &members)).await.unwrap();
        objects[0].key.clone()
    }

    /// A member leaves the pool.
    pub async fn leave(&self, member: &Member) {
        let id = member.account_id.clone();
        self.change(move |tx| {
            crate::votes::steps::forget_ballots(tx, &id)?;
            crate::pools::steps::leave_all(tx, &id)
        })
        .await;
    }
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
        ts: UtcTime::from_unix_s(1_700_000_000 + i64::try_from(i).unwrap()).unwrap(),
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

fn listing(tx: &mut Tx, pool_id: &PoolId) -> Result<DatasetId> {
    let now = tx.now();
    let (recipe_id, document) = (RecipeId::new(now, tx.entropy()), quiet_recipe());
    diesel::insert_into(recipes::table)
        .values((
            recipes::id.eq(&recipe_id),
            recipes::pool_id.eq(pool_id),
            recipes::name.eq("artist preference"),
            recipes::version.eq(1),
            recipes::document_json.eq(document.canonical_json()),
            recipes::document_hash.eq(document.sha256()),
            recipes::rho_nano.eq(20_000_000_000i64),
            recipes::delta_pico.eq(1_000_000i64),
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
                datasets::price_floor_minor.eq(200_000i64),
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

fn stock(tx: &mut Tx, dataset_id: &DatasetId, members: &[AccountId]) -> Result<EditionId> {
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
    diesel::insert_into(edition_files::table)
        .values((
            edition_files::edition_id.eq(&id),
            edition_files::name.eq("artists.csv"),
            edition_files::object_key.eq("editions/stock.csv"),
            edition_files::media_type.eq("text/csv"),
            edition_files::size_bytes.eq(i64::try_from(STOCK_FILE.len()).unwrap()),
            edition_files::sha256.eq(hex::encode(digest::digest(&digest::SHA256, STOCK_FILE))),
        ))
        .execute(&mut **tx)?;
    Ok(id)
}

fn buyer(tx: &mut Tx) -> Result<Buyer> {
    let (organisation_id, now) = (OrganisationId::new(tx.now(), tx.entropy()), tx.now());
    diesel::insert_into(organisations::table)
        .values((
            organisations::id.eq(&organisation_id),
            organisations::legal_name.eq("Northwind & Sons"),
            organisations::country.eq("NL"),
            organisations::website.eq("https://northwind.example"),
            organisations::purpose.eq("To play what people love."),
            organisations::address.eq("Kade 1\nAmsterdam"),
            organisations::tax_id.eq("NL0012"),
            organisations::state.eq(OrganisationState::Approved),
            organisations::credit_limit_minor.eq(100_000_000i64),
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
