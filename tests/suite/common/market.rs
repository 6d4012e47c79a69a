//! A small market that is ready to trade, and the steps of a sale in one call each.

use super::actors::{PURPOSES, offer};
use super::http::{Answer, Caller};
use super::{Backend, TestApp};
use refrain::config::Config;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// Days for which votes are open in the pools that tests make.
pub const VOTING_DAYS: i64 = 3;
/// Days in which their invoices are to be paid.
pub const PAYMENT_DAYS: i64 = 14;
/// What an edition of the market's dataset costs: the pool's budget allows ten.
pub const COST_NANO: i64 = 1_000_000_000;

/// A pool whose members have all been in it for longer than the cool-off, a listed dataset, and a buyer who may offer.
/// Everybody stays logged in, however far the clock is moved.
pub struct Market {
    pub app: TestApp,
    pub operator: Caller,
    pub buyer: Caller,
    pub pool_id: String,
    pub dataset_id: String,
    pub members: Vec<Caller>,
    keys: AtomicU64,
}

/// A sale that went through.
pub struct Sold {
    pub offer_id: String,
    pub purchase: Value,
    pub licence: Value,
}

/// Tokens that outlast every test.
pub fn lasting_sessions(config: &mut Config) {
    config.auth.access_ttl_s = 20 * 366 * 86_400;
    config.auth.refresh_ttl_days = 20 * 366;
}

/// The `id` of something.
#[track_caller]
pub fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id: {value}")).to_owned()
}

/// An amount as the API writes it.
pub fn usd(amount_minor: i64) -> Value {
    json!({"amount": amount_minor, "currency": "USD"})
}

/// Vote rules as the tests' pools have them, with some changed.
pub fn rules(changes: &Value) -> Value {
    let rules =
        json!({"quorum_bp": 2_000, "voting_period_s": VOTING_DAYS * 86_400, "cool_off_s": (VOTING_DAYS + 1) * 86_400});
    merged(rules, changes)
}

/// An object with some members replaced.
pub fn merged(mut base: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().into_iter().flatten() {
        base[name] = value.clone();
    }
    base
}

/// A recipe that lets the artists of a crowd of eight past the threshold, at the price of half the pool's budget.
pub fn revealing() -> Value {
    json!({"fans_rho_nano": 4_000_000_000_i64, "capped_plays_rho_nano": 1_000_000_000})
}

impl TestApp {
    /// A listed dataset of a recipe for very small crowds, each with some settings changed.
    pub fn listing(&self, pool_id: &str, recipe: &Value, dataset: &Value) -> String {
        let operator = self.operator();
        let document = json!({
            "kind": "artist_preference", "keys_per_member": 3, "plays_per_key": 20, "floor_members": 1,
            "fans_rho_nano": 800_000_000, "capped_plays_rho_nano": 200_000_000, "delta_pico": 100_000
        });
        let recipe = json!({"pool_id": pool_id, "name": "artists", "document": merged(document, recipe)});
        let recipe = operator.post("/v1/recipes", &recipe).ok();
        let base = json!({
            "recipe_id": recipe["id"], "title": "Artist preference", "description": "Who likes whom.",
            "keywords": ["artists"], "purposes": PURPOSES, "licence_name": "Test licence 1", "licence_text": "You may.",
            "price_floor": usd(20_000), "rows_promised": 0
        });
        let id = id(&operator.post("/v1/datasets", &merged(base, dataset)).ok());
        operator.post(&format!("/v1/datasets/{id}/publish"), &json!({})).ok();
        id
    }
}

impl Market {
    /// A market with so many members.
    pub fn open(backend: Backend, members: u64) -> Self {
        Market::with(backend, members, &json!({}))
    }

    /// The same with some settings of its `pool`, `recipe` and `dataset` changed.
    pub fn with(backend: Backend, members: u64, changes: &Value) -> Self {
        Market::within(TestApp::start_with(backend, lasting_sessions), members, changes)
    }

    /// The same in a server of the caller's making.
    pub fn within(app: TestApp, members: u64, changes: &Value) -> Self {
        let operator = app.operator();
        let pool_id = app.pool_with("The pool", &changes["pool"].as_object().map_or(json!({}), |o| json!(o)));
        let members = (0..members).map(|index| app.listener(&pool_id, index)).collect();
        let dataset_id = app.listing(&pool_id, &changes["recipe"], &changes["dataset"]);
        app.advance_days(VOTING_DAYS + 2);
        let buyer = app.buyer("northwind");
        Market { app, operator, buyer, pool_id, dataset_id, members, keys: AtomicU64::new(0) }
    }

    /// A key that was not used before.
    pub fn key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::SeqCst))
    }

    /// An offer for the market's dataset with some fields changed.
    pub fn asks(&self, price_minor: i64, changes: &Value) -> Value {
        merged(offer(&self.dataset_id, price_minor), changes)
    }

    /// Sends an offer, whatever becomes of it.
    pub fn send(&self, buyer: &Caller, body: &Value) -> Answer {
        buyer.post_once("/v1/offers", &self.key(), body)
    }

    /// Places an offer and opens its vote.
    #[track_caller]
    pub fn place(&self, price_minor: i64) -> String {
        let placed = self.send(&self.buyer, &self.asks(price_minor, &json!({}))).ok();
        self.app.run_jobs();
        id(&placed)
    }

    /// An offer as the operator sees it.
    #[track_caller]
    pub fn offer(&self, offer_id: &str) -> Value {
        self.operator.get(&format!("/v1/offers/{offer_id}")).ok()
    }

    /// The vote on an offer, once it has opened.
    #[track_caller]
    pub fn vote_id(&self, offer_id: &str) -> String {
        id(&self.offer(offer_id)["vote"])
    }

    /// A vote as the operator sees it.
    #[track_caller]
    pub fn vote(&self, vote_id: &str) -> Value {
        self.operator.get(&format!("/v1/votes/{vote_id}")).ok()
    }

    /// Casts the ballot of a member, whatever becomes of it.
    pub fn cast(&self, member: usize, vote_id: &str, choice: &str) -> Answer {
        self.members[member].put(&format!("/v1/votes/{vote_id}/ballot"), &json!({"choice": choice}))
    }

    /// Has the members vote in their order: `y`es, `n`o, `a`bstain or not at all (`-`).
    #[track_caller]
    pub fn vote_as(&self, vote_id: &str, choices: &str) {
        for (member, choice) in choices.chars().enumerate() {
            let choice = match choice {
                'y' => "yes",
                'n' => "no",
                'a' => "abstain",
                _ => continue,
            };
            self.cast(member, vote_id, choice).ok();
        }
    }

    /// Closes whatever votes are open.
    pub fn close_votes(&self) {
        self.app.advance_days(VOTING_DAYS);
    }

    /// Has all members say yes to an offer whose vote is open, and returns the purchase.
    #[track_caller]
    pub fn accept(&self, offer_id: &str) -> Value {
        self.vote_as(&self.vote_id(offer_id), &"y".repeat(self.members.len()));
        self.close_votes();
        assert_eq!(self.offer(offer_id)["state"], "accepted");
        self.purchase_of(offer_id)
    }

    /// The purchase of an accepted offer.
    #[track_caller]
    pub fn purchase_of(&self, offer_id: &str) -> Value {
        let all = self.operator.get("/v1/purchases").ok();
        let found = all["items"].as_array().unwrap().iter().find(|purchase| purchase["offer_id"] == offer_id);
        found.unwrap_or_else(|| panic!("{offer_id} has no purchase: {all}")).clone()
    }

    /// A purchase as it is now.
    #[track_caller]
    pub fn purchase(&self, purchase_id: &str) -> Value {
        self.operator.get(&format!("/v1/purchases/{purchase_id}")).ok()
    }

    /// Notes a payment, whatever becomes of it.
    pub fn pay(&self, purchase_id: &str, amount: &Value) -> Answer {
        let payment = json!({"amount": amount, "payment_reference": "bank statement 7"});
        self.operator.post_once(&format!("/v1/purchases/{purchase_id}/settle"), &self.key(), &payment)
    }

    /// Notes that an invoice was paid in full, and returns the purchase.
    #[track_caller]
    pub fn settle(&self, purchase: &Value) -> Value {
        self.pay(&id(purchase), &purchase["total"]).ok()
    }

    /// The licence of a settled purchase, as it is now.
    #[track_caller]
    pub fn licence_of(&self, purchase: &Value) -> Value {
        let licence_id = purchase["licence_id"].as_str().unwrap_or_else(|| panic!("no licence: {purchase}"));
        self.operator.get(&format!("/v1/licences/{licence_id}")).ok()
    }

    /// A whole sale: offered, accepted, paid, drawn and shared out.
    #[track_caller]
    pub fn sell(&self, price_minor: i64) -> Sold {
        let offer_id = self.place(price_minor);
        let purchase = self.settle(&self.accept(&offer_id));
        self.app.run_jobs();
        let licence = self.licence_of(&purchase);
        assert_eq!(licence["state"], "active", "{licence}");
        Sold { offer_id, purchase, licence }
    }

    /// What the pool's budget has reserved and spent, in 1e-9 rho.
    #[track_caller]
    pub fn budget(&self) -> (i64, i64) {
        let budget = self.app.anyone().get(&format!("/v1/pools/{}", self.pool_id)).ok()["budget"].clone();
        let rho = |part: &str| budget[part]["rho_nano"].as_i64().unwrap();
        assert_eq!(rho("reserved") + rho("spent") + rho("left"), rho("cap"));
        (rho("reserved"), rho("spent"))
    }
}

/// The items of a page.
#[track_caller]
pub fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().unwrap_or_else(|| panic!("no page: {page}")).clone()
}
