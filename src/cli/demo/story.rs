//! The story itself, step by step, each by the calls that anybody could make.

use super::call::{Body, Call, TOKEN_FUNCTION};
use super::client::Client;
use super::expect;
use super::listeners::{self, MEMBER, PASSWORD};
use super::pricing::Sale;
use super::stage::{Stage, is_heard, print};
use crate::accounts;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::money::{Money, grouped};
use crate::purchases::agreements::verifying as agreements;
use crate::votes::verifying::{self, Brought};
use aws_lc_rs::digest;
use base64::Engine;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

const OPERATOR: &str = "operator@demo.example";
const BUYER: &str = "buyer@demo.example";
/// What the demo keeps the first listener's export as, for the command that uploads it.
const FIRST_EXPORT: &str = "listener00000.zip";
const PURPOSES: [&str; 2] = ["model_training", "market_research"];
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
    member: Client,
    buyer: Client,
    pool_id: String,
    dataset_id: String,
    offer_id: String,
    licence: Value,
}

impl Scene {
    fn operator_logs_in(&mut self) -> Result<()> {
        self.operator = self.stage.log_in(&self.anyone, "OPERATOR", OPERATOR)?;
        Ok(())
    }

    fn member_logs_in(&mut self) -> Result<()> {
        self.member = self.stage.log_in(&self.anyone, MEMBER, &listeners::email(0))?;
        Ok(())
    }

    fn buyer_logs_in(&mut self) -> Result<()> {
        self.buyer = self.stage.log_in(&self.anyone, "BUYER", BUYER)?;
        Ok(())
    }
}

impl Story {
    /// Tells it from the beginning to the end.
    pub fn tell(&self, serves_on: bool) -> Result<()> {
        print(format!("Refrain demo: one sale from the first listener to the last cent, over HTTP at {}", self.base));
        print("Made-up listeners, a clock moved by hand, passwords hashed cheaply. `refrain serve` does none of that.");
        print(
            "Lines with a $ can be pasted into a shell, in this order, once the story is told. What is done by then is",
        );
        print("refused (409, or 422 for a used link) or answered as it was; only a draft listing is made once more.");
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
        let (mut stage, anyone) = (Stage::new(), Client::new(&self.base));
        stage.command(format!("S={}", self.base));
        stage.command(TOKEN_FUNCTION);
        stage.step("An operator opens the pool");
        let adding = accounts::actions::add_operator(&self.context, OPERATOR, PASSWORD.into());
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(adding)?;
        stage.say(format!("the operator's account was made as by: refrain operator add {OPERATOR}"));
        let operator = stage.log_in(&anyone, "OPERATOR", OPERATOR)?;
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
        let made = stage.ask(&operator, &Call::post("/v1/pools", &pool))?;
        stage
            .say(format!("privacy budget for the pool's whole lifetime: {}", text(&made["budget"]["cap"], "in_words")));
        let pool_id = text(&made, "id");
        let (member, buyer) = (anyone.clone(), anyone.clone());
        let (dataset_id, offer_id, licence) = (String::new(), String::new(), Value::Null);
        Ok(Scene { stage, anyone, operator, member, buyer, pool_id, dataset_id, offer_id, licence })
    }

    fn gather_listeners(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step(&format!("{} listeners join and upload their exports", grouped(self.members.into())));
        let world = listeners::world(self.context.clock.now());
        self.first_joins(scene, &listeners::export(&world, 0))?;
        let Scene { stage, anyone, pool_id, .. } = scene;
        stage.say("the others do the same");
        let members = self.members as usize;
        listeners::join_all(stage, anyone, pool_id, &PURPOSES, &world, members, &self.exports)?;
        let pool = stage.ask(anyone, &Call::get(format!("/v1/pools/{pool_id}")))?;
        stage.say(format!("the pool has {} members", grouped(pool["members"].as_i64().unwrap_or(0))));
        Ok(())
    }

    /// One listener joins in the open; her export is kept, so that whoever follows the commands has one.
    fn first_joins(&self, scene: &mut Scene, export: &[u8]) -> Result<()> {
        let account = json!({"email": listeners::email(0), "password": PASSWORD});
        scene.stage.ask(&scene.anyone, &Call::post("/v1/members", &account))?;
        scene.member_logs_in()?;
        let (stage, member) = (&scene.stage, &scene.member);
        let consent = json!({"text_version": 1, "purposes": PURPOSES});
        stage.ask(member, &Call::post(format!("/v1/pools/{}/membership", scene.pool_id), &consent))?;
        let file = std::path::absolute(self.context.config.data_dir.join(FIRST_EXPORT))?;
        std::fs::write(&file, export)?;
        stage.say("(a made-up export lies in the file named here; one of your own is uploaded in the same way)");
        let upload = Call::new("POST", "/v1/histories", Body::Zip(export, file.to_str().unwrap_or(FIRST_EXPORT)));
        let history_id = text(&stage.ask(member, &upload)?, "id");
        listeners::wait_until_read(member, &history_id)?;
        let history = stage.ask(member, &Call::get(format!("/v1/histories/{history_id}")))?;
        stage.say(format!("{}: {} plays are kept", text(&history, "state"), history["report"]["kept"]));
        Ok(())
    }

    fn list_dataset(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("The operator writes a recipe and lists a dataset");
        scene.operator_logs_in()?;
        let recipe = json!({"pool_id": scene.pool_id, "name": "artists", "document": {"kind": "artist_preference"}});
        let recipe = scene.stage.ask(&scene.operator, &Call::post("/v1/recipes", &recipe))?;
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
        let draft = scene.stage.ask(&scene.operator, &Call::post("/v1/datasets", &listing))?;
        scene.dataset_id = text(&draft, "id");
        let publish = format!("/v1/datasets/{}/publish", scene.dataset_id);
        scene.stage.ask(&scene.operator, &Call::new("POST", publish, Body::Empty))?;
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
        let registered = scene.stage.ask(&scene.anyone, &Call::post("/v1/organisations", &organisation))?;
        self.verify_buyer(scene)?;
        scene.operator_logs_in()?;
        let decisions = format!("/v1/organisations/{}/decisions", text(&registered["organisation"], "id"));
        let decision = json!({"outcome": "approve", "reason": "Checked in the trade register; the purpose is clear."});
        scene.stage.ask(&scene.operator, &Call::post(decisions, &decision))?;
        scene.buyer_logs_in()?;
        let Scene { stage, anyone, dataset_id, .. } = scene;
        let found = stage.ask(anyone, &Call::get("/v1/datasets?q=artist"))?;
        expect(found["items"].as_array().is_some_and(|items| items.len() == 1), "the catalogue shows one dataset")?;
        stage.ask(anyone, &Call::get(format!("/v1/datasets/{dataset_id}")))?;
        let sheet = stage.ask(anyone, &Call::get(format!("/v1/datasets/{dataset_id}/accuracy")))?;
        stage.say(format!("accuracy sheet, made without looking at data: {} rows likely", sheet["rows"]["likely"]));
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
        scene.stage.say(format!("mails lie as .eml files in {}; the buyer's holds the token", directory.display()));
        scene.stage.ask(&scene.anyone, &Call::put("/v1/email-verifications", &json!({"token": token})))?;
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
        scene.stage.say("(the Idempotency-Key makes it harmless to send it again)");
        let place = Call::post("/v1/offers", &offer).with("Idempotency-Key", "demo-offer");
        let placed = scene.stage.ask(&scene.buyer, &place)?;
        scene.offer_id = text(&placed, "id");
        scene.stage.say(format!("{price}, terms frozen as {}", text(&placed, "terms_hash")));
        scene.stage.say(format!("to be decided by {}", text(&placed, "decision_by")));
        Ok(())
    }

    fn hold_vote(&self, scene: &mut Scene) -> Result<()> {
        let sale = Sale::among(self.members);
        scene.stage.step(&format!("{} members vote", grouped(sale.ballots as i64)));
        let path = format!("/v1/offers/{}", scene.offer_id);
        patiently("the vote to open", || {
            let offer = scene.buyer.ask(&Call::get(&path))?;
            Ok((offer["state"] == "voting").then_some(offer))
        })?;
        let offer = scene.stage.ask(&scene.buyer, &Call::get(&path))?;
        let vote_id = text(&offer["vote"], "id");
        scene.stage.say(format!("the electorate is frozen: {} members", offer["vote"]["electors"]));
        scene.member_logs_in()?;
        let yes = json!({"choice": "yes"});
        let ballot = scene.stage.ask(&scene.member, &Call::put(format!("/v1/votes/{vote_id}/ballot"), &yes))?;
        scene.stage.say(text(&ballot["receipt"], "in_words"));
        scene.stage.say("the others vote in the same way, some with no");
        listeners::vote_all(&scene.stage, &scene.anyone, &vote_id, sale.ballots, sale.against)?;
        self.skip_days(scene, 7, "the voting period passes");
        scene.buyer_logs_in()?;
        patiently("the vote to close", || {
            let offer = scene.buyer.ask(&Call::get(&path))?;
            Ok((offer["state"] != "voting").then_some(offer))
        })?;
        let decided = scene.stage.ask(&scene.buyer, &Call::get(&path))?;
        expect(decided["state"] == "accepted", "the offer is accepted")?;
        scene.stage.say(format!("{}: {}", text(&decided, "state"), text(&decided, "reason")));
        count_again(scene, &vote_id, ballot)
    }

    fn settle_invoice(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("The invoice is settled and the edition is drawn");
        scene.operator_logs_in()?;
        let Scene { stage, operator, buyer, .. } = scene;
        let purchases = stage.ask(buyer, &Call::get("/v1/purchases"))?;
        let purchase = &purchases["items"][0];
        let id = text(purchase, "id");
        let invoice = Call::get(format!("/v1/purchases/{id}/invoice")).with("Accept", "text/plain");
        for line in String::from_utf8_lossy(&stage.fetch(buyer, &invoice)?.bytes).lines() {
            stage.say(format!("  | {line}"));
        }
        let payment = json!({"amount": purchase["total"], "payment_reference": "bank transfer 2026-0815"});
        let settle = format!("/v1/purchases/{id}/settle");
        stage.ask(operator, &Call::post(settle, &payment).with("Idempotency-Key", "demo-settlement"))?;
        let bar = stage.progress(1, "drawing");
        let licence = patiently("the edition to be drawn", || {
            let licences = buyer.ask(&Call::get("/v1/licences"))?;
            let licence = licences["items"][0].clone();
            Ok((licence["state"] == "active").then_some(licence))
        })?;
        bar.finish_and_clear();
        stage.ask(buyer, &Call::get("/v1/licences"))?;
        stage.say(format!("licence {} is active until {}", text(&licence, "id"), text(&licence, "ends_at")));
        scene.licence = licence;
        check_agreement(scene)
    }

    fn show_edition(&self, scene: &mut Scene) -> Result<()> {
        scene.stage.step("The buyer downloads the edition and checks its digest");
        let Scene { stage, buyer, licence, .. } = scene;
        let id = text(licence, "id");
        let files = stage.ask(buyer, &Call::get(format!("/v1/licences/{id}/files")))?;
        for file in files["items"].as_array().into_iter().flatten() {
            let name = text(file, "name");
            let call = Call::get(format!("/v1/licences/{id}/files/{name}")).into_file(&name);
            let answer = stage.fetch(buyer, &call)?;
            let sum = digest::digest(&digest::SHA256, &answer.bytes);
            let encoded = format!("sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(sum.as_ref()));
            let sum = hex::encode(sum.as_ref());
            expect(answer.digest == Some(encoded) && sum == text(file, "sha256"), "digests agree")?;
            stage.command(format!("sha256sum {name}"));
            stage.say(format!("  {} bytes, sha256 {sum} as promised", grouped(answer.bytes.len() as i64)));
            if name.ends_with(".csv") {
                self.show_table(stage, &answer.bytes)?;
            }
        }
        let manifest = Call::get(format!("/v1/editions/{}/manifest", text(licence, "edition_id")));
        let manifest = stage.ask(buyer, &manifest)?;
        for words in ["explanation", "unit_of_privacy"] {
            stage.say(text(&manifest["manifest"], words));
        }
        for bound in manifest["manifest"]["epsilon"].as_array().into_iter().flatten() {
            // A bound is rounded up: what is said must hold.
            let epsilon = (bound["epsilon"].as_f64().unwrap_or(f64::INFINITY) * 100.0).ceil() / 100.0;
            let delta = &bound["delta"];
            stage.say(format!("what any one member could lose is bounded: epsilon {epsilon:.2} at delta {delta}"));
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
        scene.operator_logs_in()?;
        let purchases = scene.stage.ask(&scene.operator, &Call::get("/v1/purchases"))?;
        let path = format!("/v1/purchases/{}/payouts", text(&purchases["items"][0], "id"));
        let payouts = patiently("the shares to be entered", || {
            let payouts = scene.operator.ask(&Call::get(&path))?;
            let all_entered = payouts["shares_entered"] == payouts["members"] && !payouts["members"].is_null();
            let nothing_to_share = payouts["to_share"]["amount"] == 0;
            Ok((all_entered || nothing_to_share).then_some(payouts))
        })?;
        scene.stage.ask(&scene.operator, &Call::get(&path))?;
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
        scene.member_logs_in()?;
        let own = scene.stage.ask(&scene.member, &Call::get("/v1/payouts"))?;
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
        print(format!(
            "\nThe server goes on at {} (docs at {0}/docs). Its accounts, and the password of all:",
            self.base
        ));
        for (who, email) in [("operator", OPERATOR.into()), ("buyer", BUYER.into()), ("member", listeners::email(0))] {
            print(format!("   {who:<9} {email:<28} {PASSWORD}"));
        }
        print("A token lives for ten minutes; the lines above with $(…) get another. Ctrl-C ends the server.");
    }
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

/// What `refrain verify` does with the published vote and the receipt of one member.
fn count_again(scene: &mut Scene, vote_id: &str, ballot: Value) -> Result<()> {
    scene.stage.say("anybody can count it again, and the member finds the ballot in it");
    scene.member_logs_in()?;
    let view = Call::get(format!("/v1/votes/{vote_id}"));
    patiently("the vote to be published", || Ok(scene.member.ask(&view)?.get("bundle").map(drop)))?;
    let bundle = scene.stage.fetch(&scene.anyone, &Call::get(format!("/v1/votes/{vote_id}/bundle")))?;
    let brought = Brought { receipt: Some(serde_json::from_value(ballot)?), ..Brought::default() };
    let verdict = verifying::verify(&bundle.bytes[..], &brought)?;
    expect(verdict.faults.is_empty() && verdict.misfits.is_empty(), "the published vote holds")?;
    verdict.shown.iter().for_each(|line| scene.stage.say(format!("  | {line}")));
    scene.buyer_logs_in()
}

/// What `refrain verify` does with the agreement of the licence, and the page of it that the buyer prints.
fn check_agreement(scene: &mut Scene) -> Result<()> {
    let Scene { stage, buyer, licence, .. } = scene;
    stage.say("what was agreed is written down, as a page and as a signed file that anybody can check");
    let fetch = |form: &str| {
        let name = format!("agreement.{form}");
        let call = Call::get(format!("/v1/licences/{}/{name}", text(licence, "id"))).into_file(&name);
        Ok::<_, Error>((name.clone(), stage.fetch(buyer, &call)?.bytes))
    };
    let (page, (_, bundle)) = (fetch("html")?, fetch("json")?);
    stage.command("refrain verify agreement.json --document agreement.html");
    let verdict = agreements::verify(&bundle, &agreements::Brought { documents: vec![page], ..Default::default() })?;
    expect(verdict.faults.is_empty() && verdict.misfits.is_empty(), "the agreement holds")?;
    verdict.shown.iter().for_each(|line| stage.say(format!("  | {line}")));
    Ok(())
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
