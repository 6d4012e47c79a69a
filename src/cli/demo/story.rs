//! The story itself, step by step, each by the calls that anybody could make.

use super::client::{Body, Client};
use super::expect;
use super::listeners::{self, PASSWORD};
use super::pricing::Sale;
use super::stage::{Stage, is_heard, print};
use crate::accounts;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::histories::made_up::World;
use crate::money::{Money, grouped};
use aws_lc_rs::digest;
use base64::Engine;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const OPERATOR: &str = "operator@demo.example";
const BUYER: &str = "buyer@demo.example";
const PURPOSES: [&str; 2] = ["model_training", "market_research"];
/// Plays in a made-up export: fewer than people have, so that thousands of exports are made in seconds.
const PLAYS_EACH: std::ops::RangeInclusive<u32> = 150..=400;
/// Rows that the listing promises.
const ROWS_PROMISED: usize = 10;
/// Rows of the edition that are shown.
const ROWS_SHOWN: usize = 50;

/// What the story needs to know.
pub struct Story {
    /// Where the server is.
    pub base: String,
    /// Moves the clock, and adds the first operator as the command line would.
    pub context: Context,
    /// How many listeners join.
    pub members: u32,
    /// Genuine exports that are uploaded too.
    pub exports: Vec<PathBuf>,
}

/// Who is logged in, and what has come to be, as the story goes on.
struct Scene {
    stage: Stage,
    anyone: Client,
    operator: Client,
    buyer: Client,
    pool_id: String,
    dataset_id: String,
    offer_id: String,
    licence: Value,
}

impl Story {
    /// Tells it from the beginning to the end.
    pub fn tell(&self, serves_on: bool) -> Result<()> {
        print(format!("Refrain demo: one sale from the first listener to the last cent, over HTTP at {}", self.base));
        print("Made-up listeners, a clock moved by hand, passwords hashed cheaply. `refrain serve` does none of that.");
        let mut scene = self.open_pool()?;
        let steps: [fn(&Story, &mut Scene) -> Result<()>; 8] = [
            Story::gather_listeners,
            Story::list_dataset,
            Story::welcome_buyer,
            Story::place_offer,
            Story::hold_vote,
            Story::settle_invoice,
            Story::show_edition,
            Story::show_payouts,
        ];
        for step in steps {
            if !is_heard() {
                return Ok(());
            }
            step(self, &mut scene)?;
        }
        self.catch_up_with_now(&mut scene)?;
        scene.stage.finish();
        if serves_on {
            self.print_logins();
        }
        Ok(())
    }

    fn open_pool(&self) -> Result<Scene> {
        let (mut stage, anyone) = (Stage::new(&self.base), Client::new(&self.base));
        stage.step("An operator opens the pool");
        let adding = accounts::actions::add_operator(&self.context, OPERATOR, PASSWORD.into());
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(adding)?;
        stage.say(format!("the operator's account was made as by: refrain operator add {OPERATOR}"));
        let operator = log_in(&stage, &anyone, OPERATOR)?;
        let pool = json!({
            "name": "Made-up Listeners' Cooperative",
            "description": "Listeners who pool the histories that they exported from their music service.",
            "contact_email": "cooperative@demo.example",
            "tax_note": "Prices are without tax; none is charged in this demo.",
            "fee_bp": 1_000,
            "price_floor": {"amount": 10_000, "currency": "USD"},
            "payment_days": 14,
            "rules": {"quorum_bp": 1_000, "voting_period_s": 7 * 86_400, "cool_off_s": 14 * 86_400, "open_votes_max": 3},
            "consent": {
                "body": "Your plays stay in the pool. Only noisy aggregates leave it, each sale only after a vote. You may leave \
                         at any time: your plays are erased with your last pool, editions already drawn stay as they are.",
                "purposes": PURPOSES
            }
        });
        stage.curl("OPERATOR", "POST", "/v1/pools", Some(&pool));
        let made = operator.post("/v1/pools", &pool)?;
        stage
            .say(format!("privacy budget for the pool's whole lifetime: {}", text(&made["budget"]["cap"], "in_words")));
        let pool_id = text(&made, "id");
        let (buyer, dataset_id, offer_id, licence) = (anyone.clone(), String::new(), String::new(), Value::Null);
        Ok(Scene { stage, anyone, operator, buyer, pool_id, dataset_id, offer_id, licence })
    }

    fn gather_listeners(&self, scene: &mut Scene) -> Result<()> {
        let members = self.members as usize;
        let Scene { stage, anyone, pool_id, .. } = scene;
        stage.step(&format!("{} listeners join and upload their exports", grouped(self.members.into())));
        stage.curl("", "POST", "/v1/members", Some(&json!({"email": listeners::email(0), "password": PASSWORD})));
        let join = json!({"text_version": 1, "purposes": PURPOSES});
        stage.curl("MEMBER", "POST", &format!("/v1/pools/{pool_id}/membership"), Some(&join));
        stage.say(format!(
            "$ curl -s -X POST {}/v1/histories -H \"Authorization: Bearer $MEMBER\" -H 'Content-Type: application/zip' --data-binary @my_spotify_data.zip",
            self.base
        ));
        let world = World::new(2_025, self.context.clock.now(), PLAYS_EACH);
        listeners::join_all(stage, anyone, pool_id, &PURPOSES, &world, members, &self.exports)?;
        let pool = anyone.get(&format!("/v1/pools/{pool_id}"))?;
        stage.say(format!("the pool has {} members", grouped(pool["members"].as_i64().unwrap_or(0))));
        Ok(())
    }

    fn list_dataset(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("The operator writes a recipe and lists a dataset");
        scene.operator = log_in(&scene.stage, &scene.anyone, OPERATOR)?;
        let recipe = json!({"pool_id": scene.pool_id, "name": "artists", "document": {"kind": "artist_preference"}});
        scene.stage.curl("OPERATOR", "POST", "/v1/recipes", Some(&recipe));
        let recipe = scene.operator.post("/v1/recipes", &recipe)?;
        scene.stage.say(text(&recipe, "explanation"));
        let listing = json!({
            "recipe_id": recipe["id"],
            "title": "Artist preference",
            "description": "How many members have an artist among their top artists, and how often they play it.",
            "keywords": ["artists", "preference", "spotify"],
            "purposes": PURPOSES,
            "licence_name": "Cooperative Data Licence 1",
            "licence_text": "The licensee may use the edition for the purpose and period of the frozen terms, inside the field of use \
                             named there, and may not try to identify anybody. Redistribution and the fate of models are as the terms say.",
            "price_floor": {"amount": 50_000, "currency": "USD"},
            "rows_promised": ROWS_PROMISED
        });
        let draft = scene.operator.post("/v1/datasets", &listing)?;
        scene.dataset_id = text(&draft, "id");
        let publish = format!("/v1/datasets/{}/publish", scene.dataset_id);
        scene.stage.curl("OPERATOR", "POST", &publish, None);
        scene.operator.json("POST", &publish, &[], Body::Empty)?;
        Ok(())
    }

    fn welcome_buyer(&self, scene: &mut Scene) -> Result<()> {
        self.skip_days(scene, 16, "the cool-off for new members passes");
        scene.stage.step("A buyer organisation registers, is approved, and browses");
        let organisation = json!({
            "organisation": {
                "legal_name": "Northwind Radio B.V.", "country": "NL", "website": "https://northwind.example",
                "purpose": "Training the recommender of our internet radio on what people really listen to.",
                "address": "2 Harbour Street, 1000 AA Amsterdam", "tax_id": "NL123456789B01"
            },
            "email": BUYER, "password": PASSWORD
        });
        scene.stage.curl("", "POST", "/v1/organisations", Some(&organisation));
        let registered = scene.anyone.post("/v1/organisations", &organisation)?;
        self.verify_buyer(scene)?;
        scene.operator = log_in(&scene.stage, &scene.anyone, OPERATOR)?;
        let decisions = format!("/v1/organisations/{}/decisions", text(&registered["organisation"], "id"));
        let decision = json!({"outcome": "approve", "reason": "Checked in the trade register; the purpose is clear."});
        scene.stage.curl("OPERATOR", "POST", &decisions, Some(&decision));
        scene.operator.post(&decisions, &decision)?;
        scene.buyer = log_in(&scene.stage, &scene.anyone, BUYER)?;
        scene.stage.curl("", "GET", "/v1/datasets?q=artist", None);
        let found = scene.anyone.get("/v1/datasets?q=artist")?;
        expect(found["items"].as_array().is_some_and(|items| items.len() == 1), "the catalogue shows one dataset")?;
        scene.stage.curl("", "GET", &format!("/v1/datasets/{}", scene.dataset_id), None);
        let sheet = scene.anyone.get(&format!("/v1/datasets/{}/accuracy", scene.dataset_id))?;
        scene
            .stage
            .say(format!("accuracy sheet, made without looking at data: {} rows likely", sheet["rows"]["likely"]));
        Ok(())
    }

    /// The token stands in the mail, and mails are files in a demo.
    fn verify_buyer(&self, scene: &Scene) -> Result<()> {
        let directory = self.context.config.mail_dir();
        let token = patiently("the mail to verify the buyer's address", || {
            for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
                let mail = std::fs::read_to_string(entry.path()).unwrap_or_default().replace("=\r\n", "");
                let token = mail.contains(BUYER).then(|| mail.split_once("verify_")).flatten();
                if let Some((_, rest)) = token {
                    let end =
                        rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(rest.len());
                    return Ok(Some(format!("verify_{}", &rest[..end])));
                }
            }
            Ok(None)
        })?;
        scene.stage.say(format!("mails lie as .eml files in {}; the buyer's address is verified", directory.display()));
        scene.anyone.put("/v1/email-verifications", &json!({"token": token}))?;
        Ok(())
    }

    fn place_offer(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("The buyer makes an offer");
        let price = Money::new(Sale::among(self.members).price_minor, "USD");
        let offer = json!({
            "dataset_id": scene.dataset_id, "edition": "next", "price": price, "purpose": "model_training",
            "field_of_use": "Training the recommender of our own internet radio.", "period_days": 365,
            "redistribution": "none", "models_after_term": "keep",
            "message": "We run a small radio and would like to play what people love."
        });
        scene.stage.curl("BUYER", "POST", "/v1/offers", Some(&offer));
        scene.stage.say("  (with -H \"Idempotency-Key: …\": sending it again is harmless)");
        let placed = scene.buyer.post_once("/v1/offers", "demo-offer", &offer)?;
        scene.offer_id = text(&placed, "id");
        scene.stage.say(format!("{price}, terms frozen as {}", text(&placed, "terms_hash")));
        scene.stage.say(format!("to be decided by {}", text(&placed, "decision_by")));
        Ok(())
    }

    fn hold_vote(&self, scene: &mut Scene) -> Result<()> {
        let sale = Sale::among(self.members);
        scene.stage.step(&format!("{} members vote", grouped(sale.ballots as i64)));
        let path = format!("/v1/offers/{}", scene.offer_id);
        let offer = patiently("the vote to open", || {
            let offer = scene.buyer.get(&path)?;
            Ok((offer["state"] == "voting").then_some(offer))
        })?;
        let vote_id = text(&offer["vote"], "id");
        scene.stage.say(format!("the electorate is frozen: {} members", offer["vote"]["electors"]));
        scene.stage.curl("MEMBER", "PUT", &format!("/v1/votes/{vote_id}/ballot"), Some(&json!({"choice": "yes"})));
        listeners::vote_all(&scene.stage, &scene.anyone, &vote_id, sale.ballots, sale.against)?;
        self.skip_days(scene, 7, "the voting period passes");
        scene.buyer = log_in(&scene.stage, &scene.anyone, BUYER)?;
        let decided = patiently("the vote to close", || {
            let offer = scene.buyer.get(&path)?;
            Ok((offer["state"] != "voting").then_some(offer))
        })?;
        expect(decided["state"] == "accepted", "the offer is accepted")?;
        scene.stage.say(format!("{}: {}", text(&decided, "state"), text(&decided, "reason")));
        Ok(())
    }

    fn settle_invoice(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("The invoice is settled and the edition is drawn");
        scene.operator = log_in(&scene.stage, &scene.anyone, OPERATOR)?;
        let purchases = scene.buyer.get("/v1/purchases")?;
        let purchase = &purchases["items"][0];
        let id = text(purchase, "id");
        scene.stage.curl("BUYER", "GET", &format!("/v1/purchases/{id}/invoice"), None);
        let (_, invoice) = scene.buyer.download_as(&format!("/v1/purchases/{id}/invoice"), "text/plain")?;
        for line in String::from_utf8_lossy(&invoice).lines() {
            scene.stage.say(format!("  | {line}"));
        }
        let payment = json!({"amount": purchase["total"], "payment_reference": "bank transfer 2026-0815"});
        scene.stage.curl("OPERATOR", "POST", &format!("/v1/purchases/{id}/settle"), Some(&payment));
        scene.operator.post_once(&format!("/v1/purchases/{id}/settle"), "demo-settlement", &payment)?;
        let bar = scene.stage.progress(1, "drawing");
        let licence = patiently("the edition to be drawn", || {
            let licences = scene.buyer.get("/v1/licences")?;
            let licence = licences["items"][0].clone();
            Ok((licence["state"] == "active").then_some(licence))
        })?;
        bar.finish_and_clear();
        scene.stage.say(format!("licence {} is active until {}", text(&licence, "id"), text(&licence, "ends_at")));
        scene.licence = licence;
        Ok(())
    }

    fn show_edition(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("The buyer downloads the edition and checks its digest");
        let licence = &scene.licence;
        let id = text(licence, "id");
        let files = scene.buyer.get(&format!("/v1/licences/{id}/files"))?;
        let listed = files["items"].as_array().cloned().unwrap_or_default();
        for file in &listed {
            let path = format!("/v1/licences/{id}/files/{}", text(file, "name"));
            let (header, bytes) = scene.buyer.download(&path)?;
            let sum = digest::digest(&digest::SHA256, &bytes);
            let encoded = format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(sum.as_ref()));
            expect(
                header.as_deref() == Some(&encoded) && hex::encode(sum.as_ref()) == text(file, "sha256"),
                "digests agree",
            )?;
            scene.stage.curl("BUYER", "GET", &path, None);
            scene.stage.say(format!(
                "  {} bytes, sha256 {} as promised",
                grouped(bytes.len() as i64),
                hex::encode(sum.as_ref())
            ));
            if text(file, "name").ends_with(".csv") {
                self.show_table(&scene.stage, &bytes)?;
            }
        }
        let manifest = scene.buyer.get(&format!("/v1/editions/{}/manifest", text(licence, "edition_id")))?;
        for words in ["explanation", "unit_of_privacy"] {
            scene.stage.say(text(&manifest["manifest"], words));
        }
        for bound in manifest["manifest"]["epsilon"].as_array().into_iter().flatten() {
            scene.stage.say(format!(
                "what any one member could lose is bounded: epsilon {} at delta {}",
                bound["epsilon"], bound["delta"]
            ));
        }
        Ok(())
    }

    fn show_table(&self, stage: &Stage, csv_bytes: &[u8]) -> Result<()> {
        let mut reader = csv::Reader::from_reader(csv_bytes);
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(Error::internal)?;
        stage.say(format!("{:>4}  {:<40} {:>8} {:>14}", "", "artist", "fans", "capped plays"));
        for (i, row) in rows.iter().take(ROWS_SHOWN).enumerate() {
            let cell = |at: usize| row.get(at).unwrap_or("");
            stage.say(format!("{:>4}  {:<40} {:>8} {:>14}", i + 1, cell(0), cell(1), cell(2)));
        }
        stage.say(format!("{} artists passed the threshold", rows.len()));
        if rows.len() < ROWS_PROMISED {
            stage.say(format!(
                "so few listeners hide in the noise: {ROWS_PROMISED} were promised, and the price goes back"
            ));
        }
        expect(rows.len() >= ROWS_SHOWN || self.members < 3_000, "at least 50 artists are in the edition")
    }

    fn show_payouts(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("Every member's share is in the ledger");
        scene.operator = log_in(&scene.stage, &scene.anyone, OPERATOR)?;
        let purchases = scene.operator.get("/v1/purchases")?;
        let path = format!("/v1/purchases/{}/payouts", text(&purchases["items"][0], "id"));
        scene.stage.curl("OPERATOR", "GET", &path, None);
        let payouts = patiently("the shares to be entered", || {
            let payouts = scene.operator.get(&path)?;
            let all_entered = payouts["shares_entered"] == payouts["members"] && !payouts["members"].is_null();
            let nothing_to_share = payouts["to_share"]["amount"] == 0;
            Ok((all_entered || nothing_to_share).then_some(payouts))
        })?;
        let amount = |name: &str| payouts[name]["amount"].as_i64().unwrap_or(0);
        if amount("to_share") == 0 {
            scene
                .stage
                .say(format!("nobody is paid: {} goes back to the buyer", Money::new(amount("refunded"), "USD")));
            return Ok(());
        }
        expect(amount("paid_out") + amount("fee") == amount("price"), "shares and fee add up to the price")?;
        let money = |name: &str| Money::new(amount(name), "USD").to_string();
        scene.stage.say(format!(
            "{} members share {}; the fee is {}; together {}",
            payouts["members"],
            money("paid_out"),
            money("fee"),
            money("price")
        ));
        let member = log_in(&scene.stage, &scene.anyone, &listeners::email(0))?;
        scene.stage.curl("MEMBER", "GET", "/v1/payouts", None);
        let own = member.get("/v1/payouts")?;
        let share: Money = serde_json::from_value(own["items"][0]["share"].clone())?;
        scene.stage.say(format!("{} gets {share}", listeners::email(0)));
        Ok(())
    }

    /// The story has taken fewer days than the clock was set back: what is left is skipped, to end at now.
    fn catch_up_with_now(&self, scene: &mut Scene) -> Result<()> {
        let left_s = crate::clock::Clock::system().now().unix_s() - self.context.clock.now().unix_s();
        self.context.clock.advance_s(left_s.max(0))?;
        scene.stage.say(format!("[{} days pass; the demo's clock now shows the present]", left_s / 86_400));
        Ok(())
    }

    fn skip_days(&self, scene: &Scene, days: i64, why: &str) {
        // The demo's clock is always one that can be moved: mod.rs makes it so.
        let now = self.context.clock.advance_s(days * 86_400);
        self.context.db.wake().notify_one();
        scene.stage.say(format!(
            "[{days} days are skipped: {why}; it is {} now]",
            now.map_or(String::new(), |now| now.to_string())
        ));
    }

    fn print_logins(&self) {
        print(format!("\nThe server goes on at {} (docs at {0}/docs). Log in with:", self.base));
        for (who, email) in [("operator", OPERATOR.into()), ("buyer", BUYER.into()), ("member", listeners::email(0))] {
            print(format!("   {who:<9} {email:<28} {PASSWORD}"));
        }
        print(format!(
            "   $ curl -s {}/v1/sessions -H 'Content-Type: application/json' -d '{{\"email\":\"{BUYER}\",\"password\":\"{PASSWORD}\"}}'",
            self.base
        ));
        print("Ctrl-C ends it.");
    }
}

fn log_in(stage: &Stage, anyone: &Client, email: &str) -> Result<Client> {
    let body = json!({"email": email, "password": PASSWORD});
    stage.curl("", "POST", "/v1/sessions", Some(&body));
    let session = anyone.post("/v1/sessions", &body)?;
    Ok(anyone.with_token(&text(&session, "access_token")))
}

/// Asks again and again until there is an answer, as somebody who waits would; gives up after ten minutes.
fn patiently<T>(what: &str, ask: impl Fn() -> Result<Option<T>>) -> Result<T> {
    for _ in 0..6_000 {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(Error::internal(format!("waited ten minutes for {what}")))
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
