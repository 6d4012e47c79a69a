//! Purchases: the invoice, its payment or its lapse, the licence, and every member's share.

use crate::common::market::{COST_NANO, Market, PAYMENT_DAYS, id, items, lasting_sessions, usd};
use crate::common::{Backend, TestApp};
use refrain::clock::UtcTime;
use serde_json::{Value, json};

const PRICE: i64 = 100_003;

fn at(value: &Value) -> UtcTime {
    UtcTime::parse(value.as_str().unwrap_or_else(|| panic!("no instant: {value}"))).unwrap()
}

/// A market whose seller is named, with an accepted offer.
fn invoiced(members: u64, changes: &Value) -> (Market, Value) {
    let app = TestApp::start_with(Backend::Sqlite, |config| {
        lasting_sessions(config);
        config.seller.legal_name = "Listeners & Friends eG".into();
        config.seller.address = "Torstr. 1\n10119 Berlin".into();
        config.seller.country = "DE".into();
        config.seller.tax_id = "DE123456789".into();
        config.seller.bank_details = "IBAN DE02 1203 0000 0000 2020 51".into();
        config.seller.contact_email = "office@listeners.example".into();
    });
    let market = Market::within(app, members, changes);
    let purchase = market.accept(&market.place(PRICE));
    (market, purchase)
}

#[test]
fn an_invoice_holds_what_an_accountant_needs_in_every_form() {
    let (market, purchase) =
        invoiced(2, &json!({"pool": {"tax_bp": 1_900, "fee_bp": 1_250, "tax_note": "VAT of 19 %."}}));
    let path = format!("/v1/purchases/{}/invoice", id(&purchase));
    let po_number = json!({"po_number": "PO 4711 <b>"});
    market.buyer.put(&format!("/v1/purchases/{}/po-number", id(&purchase)), &po_number).ok();
    let read = |form: &str| {
        let answer = market.buyer.get_with(&path, &[("accept", form)]);
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        assert!(answer.header("content-type").unwrap().starts_with(form), "{form}");
        assert_eq!(answer.header("vary"), Some("Accept"));
        answer
    };
    let invoice = read("application/json").json();
    assert_eq!(invoice["number"], purchase["invoice_number"]);
    assert!(invoice["number"].as_str().unwrap().starts_with("R-2026-000001-"), "{invoice}");
    let seller = json!({
        "name": "Listeners & Friends eG", "address": "Torstr. 1\n10119 Berlin", "country": "DE", "tax_id": "DE123456789"
    });
    let buyer = json!({"name": "northwind Ltd", "address": "1 Street\nLondon", "country": "GB", "tax_id": "GB123"});
    assert_eq!((&invoice["seller"], &invoice["buyer"]), (&seller, &buyer));
    let lines: Vec<&Value> = invoice["lines"].as_array().unwrap().iter().map(|line| &line["amount"]).collect();
    assert_eq!(lines, [&usd(PRICE), &usd(19_001)]);
    assert_eq!((&invoice["fee_included"], &invoice["total"]), (&usd(12_500), &usd(119_004)));
    assert_eq!((&invoice["terms_hash"], &invoice["offer_id"]), (&purchase["terms_hash"], &purchase["offer_id"]));
    assert_eq!(at(&invoice["due_at"]), at(&invoice["issued_at"]).plus_days(PAYMENT_DAYS));
    let number = invoice["number"].as_str().unwrap();
    let due = &invoice["due_at"].as_str().unwrap()[..10];
    let facts = [
        number,
        due,
        "10119 Berlin",
        "DE123456789",
        "1 Street",
        "GB123",
        "USD 1,000.03",
        "USD 190.01",
        "19 %",
        "USD 125.00",
        "USD 1,190.04",
        "IBAN DE02 1203 0000 0000 2020 51",
        "office@listeners.example",
        "VAT of 19 %.",
    ];
    let (text, html) = (read("text/plain").text(), read("text/html").text());
    for fact in facts {
        assert!(text.contains(fact), "{fact} is missing in\n{text}");
        assert!(html.contains(fact), "{fact} is missing in\n{html}");
    }
    assert!(text.contains("PO 4711 <b>") && text.contains("Listeners & Friends eG"), "{text}");
    assert!(html.contains("PO 4711 &lt;b&gt;") && html.contains("Listeners &amp; Friends eG"), "{html}");
}

#[test]
fn the_form_of_an_invoice_is_the_one_best_liked() {
    let (market, purchase) = invoiced(2, &json!({}));
    let path = format!("/v1/purchases/{}/invoice", id(&purchase));
    for (accept, form) in [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("text/plain;q=0.5, text/html;q=0.1", "text/plain"),
        ("application/json;q=0, text/html", "text/html"),
    ] {
        let answer = market.buyer.get_with(&path, &[("accept", accept)]);
        assert!(answer.header("content-type").unwrap().starts_with(form), "{accept}");
    }
    for accept in ["image/png", "application/json;q=0"] {
        market.buyer.get_with(&path, &[("accept", accept)]).problem(406, "not-acceptable");
    }
}

#[test]
fn an_order_number_is_one_line_and_stays_as_it_was_once_the_invoice_is_paid() {
    let (market, purchase) = invoiced(2, &json!({}));
    let path = format!("/v1/purchases/{}/po-number", id(&purchase));
    let put = |number: &str| market.buyer.put(&path, &json!({"po_number": number}));
    for odd in ["", "   ", "a\nb", "a\u{7f}", &"9".repeat(101)] {
        put(odd).problem(422, "invalid");
    }
    put("PO 1").ok();
    assert_eq!(put(" PO 2 ").ok()["po_number"], "PO 2");
    market.settle(&purchase);
    put("PO 3").problem(409, "conflict");
    let invoice = market.buyer.get(&format!("/v1/purchases/{}/invoice", id(&purchase))).ok();
    assert_eq!(invoice["po_number"], "PO 2");
}

#[test]
fn only_the_exact_amount_settles_an_invoice_and_only_once() {
    let (market, purchase) = invoiced(2, &json!({"pool": {"tax_bp": 1_900}}));
    let purchase_id = id(&purchase);
    for amount in [usd(PRICE), usd(119_003), usd(119_005), usd(-119_004), json!({"amount": 119_004, "currency": "EUR"})]
    {
        let refused = market.pay(&purchase_id, &amount).problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().contains("exactly USD 1,190.04"), "{refused}");
    }
    let path = format!("/v1/purchases/{purchase_id}/settle");
    let payment = json!({"amount": usd(119_004), "payment_reference": "line 3"});
    let unnamed = json!({"amount": usd(119_004), "payment_reference": " "});
    market.operator.post_once(&path, "a", &unnamed).problem(422, "invalid");
    market.operator.post(&path, &payment).problem(400, "idempotency-key-missing");
    let still = market.purchase(&purchase_id);
    assert!(still["state"] == "invoiced" && still.get("licence_id").is_none(), "{still}");
    let settled = market.operator.post_once(&path, "a", &payment);
    assert_eq!(settled.ok()["state"], "settled");
    let again = market.operator.post_once(&path, "a", &payment);
    assert_eq!((again.status, &again.bytes), (200, &settled.bytes), "the same key tells what has happened");
    market.operator.post_once(&path, "b", &payment).problem(409, "conflict");
    let other = json!({"amount": usd(119_004), "payment_reference": "line 4"});
    market.operator.post_once(&path, "a", &other).problem(422, "idempotency-key-reused");
    let seen = market.buyer.get(&format!("/v1/purchases/{purchase_id}")).ok();
    assert_eq!((&seen["payment_reference"], &seen["state"]), (&json!("line 3"), &json!("settled")));
    assert_eq!(items(&market.buyer.get("/v1/licences").ok()).len(), 1);
    market.app.advance_days(PAYMENT_DAYS + 1);
    assert_eq!(market.purchase(&purchase_id)["state"], "settled", "what is paid does not lapse");
}

#[test]
fn what_is_not_paid_by_its_day_lapses_and_gives_the_budget_back() {
    let (market, purchase) = invoiced(2, &json!({}));
    let offer_id = purchase["offer_id"].as_str().unwrap();
    assert_eq!(market.budget(), (COST_NANO, 0));
    market.app.advance_s(PAYMENT_DAYS * 86_400 - 1);
    assert_eq!(market.purchase(&id(&purchase))["state"], "invoiced", "the last second is in time");
    market.app.advance_s(1);
    let lapsed = market.purchase(&id(&purchase));
    assert!(lapsed["state"] == "lapsed" && lapsed.get("licence_id").is_none(), "{lapsed}");
    let offer = market.offer(offer_id);
    assert_eq!(offer["state"], "lapsed");
    let number = purchase["invoice_number"].as_str().unwrap();
    assert!(offer["reason"].as_str().unwrap().contains(number), "{offer}");
    assert_eq!(market.budget(), (0, 0));
    let late = market.pay(&id(&purchase), &purchase["total"]).problem(409, "conflict");
    assert!(late["detail"].as_str().unwrap().contains("send the money back"), "{late}");
    assert!(items(&market.buyer.get("/v1/licences").ok()).is_empty());
    assert!(items(&market.members[0].get("/v1/payouts").ok()).is_empty());
    market
        .buyer
        .put(&format!("/v1/purchases/{}/po-number", id(&purchase)), &json!({"po_number": "1"}))
        .problem(409, "conflict");
}

#[test]
fn a_licences_term_begins_when_the_files_are_there_and_not_with_the_payment() {
    let (market, purchase) = invoiced(2, &json!({}));
    let settled = market.settle(&purchase);
    let paid_at = market.app.ctx.clock.now();
    let preparing = market.licence_of(&settled);
    assert_eq!((&preparing["state"], at(&preparing["granted_at"])), (&json!("preparing"), paid_at));
    assert!(preparing.get("starts_at").is_none() && preparing.get("ends_at").is_none(), "{preparing}");
    assert_eq!(market.budget(), (COST_NANO, 0));
    market.app.advance_days(2);
    let active = market.licence_of(&settled);
    assert_eq!(active["state"], "active");
    assert_eq!(at(&active["starts_at"]), paid_at.plus_days(2));
    assert_eq!(at(&active["ends_at"]), paid_at.plus_days(32));
    assert_eq!(market.budget(), (0, COST_NANO), "what was drawn is spent for good");
    let edition = market.buyer.get(&format!("/v1/editions/{}", active["edition_id"].as_str().unwrap())).ok();
    assert_eq!((&edition["state"], &edition["members"]), (&json!("published"), &json!(2)));
}

#[test]
fn fewer_rows_than_promised_are_refunded_in_full_and_nobody_is_paid_for_them() {
    let (market, purchase) = invoiced(30, &json!({"pool": {"tax_bp": 1_900}, "dataset": {"rows_promised": 9}}));
    let settled = market.settle(&purchase);
    assert!(settled.get("refund_due").is_none(), "{settled}");
    market.app.run_jobs();
    let licence = market.licence_of(&settled);
    assert_eq!((&licence["rows_promised"], &licence["rows_short"]), (&json!(9), &json!(true)));
    let short = market.buyer.get(&format!("/v1/purchases/{}", id(&purchase))).ok();
    assert_eq!(short["refund_due"], usd(119_004));
    let payouts = market.operator.get(&format!("/v1/purchases/{}/payouts", id(&purchase))).ok();
    let parts = ["fee", "to_share", "paid_out"].map(|part| payouts[part].clone());
    assert_eq!((parts, &payouts["refunded"]), ([usd(0), usd(0), usd(0)], &usd(PRICE)));
    assert!(items(&market.members[0].get("/v1/payouts").ok()).is_empty());
    let path = format!("/v1/purchases/{}/refund", id(&purchase));
    let pay_back = |key: &str, amount| {
        let payment = json!({"amount": usd(amount), "payment_reference": "back 1"});
        market.operator.post_once(&path, key, &payment)
    };
    pay_back("a", 119_003).problem(422, "invalid");
    let refunded = pay_back("b", 119_004);
    assert!(refunded.ok().get("refund_due").is_none(), "{}", refunded.text());
    let [paid] = &refunded.ok()["refunds"].as_array().cloned().unwrap_or_default()[..] else {
        panic!("{}", refunded.text())
    };
    assert_eq!((&paid["amount"], &paid["payment_reference"]), (&usd(119_004), &json!("back 1")));
    assert_eq!(market.buyer.get(&format!("/v1/purchases/{}", id(&purchase))).ok()["refunds"][0], *paid);
    assert_eq!(pay_back("b", 119_004).bytes, refunded.bytes);
    pay_back("c", 119_004).problem(409, "conflict");
}

#[test]
fn where_nobody_is_left_to_draw_from_the_licence_is_cancelled_and_the_price_goes_back() {
    let (market, purchase) = invoiced(2, &json!({}));
    let settled = market.settle(&purchase);
    let set_aside = market.budget();
    for member in &market.members {
        assert_eq!(member.delete("/v1/me").status, 202);
    }
    market.app.run_jobs();
    let licence = format!("/v1/licences/{}", id(&market.licence_of(&settled)));
    let waiting = market.buyer.get(&licence).ok();
    assert_eq!(waiting["state"], "preparing");
    let edition = market.operator.get(&format!("/v1/editions/{}", waiting["edition_id"].as_str().unwrap())).ok();
    assert!(edition["failure"].as_str().unwrap().starts_with("Nobody is left to draw from"), "{edition}");
    let cancel = |reason: &str| market.operator.post(&format!("{licence}/cancel"), &json!({"reason": reason}));
    market.buyer.post(&format!("{licence}/cancel"), &json!({"reason": "Too slow."})).problem(403, "forbidden");
    cancel(" ").problem(422, "invalid");
    let cancelled = cancel("All members of the vote have left.").ok();
    assert_eq!((&cancelled["state"], &cancelled["rows_short"]), (&json!("cancelled"), &json!(false)));
    cancel("Once more.").problem(409, "conflict");
    let refused = market.buyer.get(&format!("{licence}/files")).problem(403, "licence-cancelled");
    assert!(refused["detail"].as_str().unwrap().contains("All members of the vote have left."), "{refused}");
    assert_ne!(market.budget(), set_aside, "what was set aside is free again");
    let timeline = market.offer(settled["offer_id"].as_str().unwrap())["timeline"].clone();
    let tells =
        |words: &str| timeline.as_array().unwrap().iter().any(|e| e["detail"].as_str().unwrap().contains(words));
    assert!(
        tells("The licence was cancelled; what was paid goes back. All members of the vote have left."),
        "{timeline}"
    );
    market.app.advance_days(1);
    let path = format!("/v1/purchases/{}", id(&purchase));
    assert_eq!(market.buyer.get(&path).ok()["refund_due"], purchase["total"]);
    let payment = json!({"amount": purchase["total"], "payment_reference": "back 1"});
    market.operator.post_once(&format!("{path}/refund"), "back", &payment).ok();
    assert!(market.buyer.get(&path).ok().get("refund_due").is_none());
}

#[test]
fn a_licence_is_revoked_on_a_ground_of_its_terms_after_their_notice() {
    let market = Market::open(Backend::Sqlite, 1);
    let offer = market.send(&market.buyer, &market.asks(PRICE, &json!({"period_days": 365}))).ok();
    market.app.run_jobs();
    let settled = market.settle(&market.accept(&id(&offer)));
    market.app.run_jobs();
    let licence_id = id(&market.licence_of(&settled));
    let (path, files) = (format!("/v1/licences/{licence_id}"), format!("/v1/licences/{licence_id}/files"));
    let ground = offer["terms"]["revocation"]["grounds"][0].clone();
    let reason = "Rows were published on a site.";
    let revoke = |ground: &Value, reason: &str| {
        market.operator.post(&format!("{path}/revoke"), &json!({"ground": ground, "reason": reason}))
    };
    revoke(&json!("we feel like it"), reason).problem(422, "invalid");
    revoke(&ground, " ").problem(422, "invalid");
    let keep = || market.operator.post(&format!("{path}/withdraw-notice"), &json!({"reason": "Mended."}));
    keep().problem(409, "conflict");
    let noticed = revoke(&ground, reason).ok();
    let ends_at = market.app.ctx.clock.now().plus_days(30);
    assert_eq!((&noticed["state"], at(&noticed["revoked_from"])), (&json!("active"), ends_at));
    revoke(&ground, reason).problem(409, "conflict");
    assert_eq!(market.buyer.get(&files).status, 200, "within the notice it may be used");
    assert!(keep().ok().get("revoked_reason").is_none());
    market.app.advance_days(31);
    assert_eq!(market.buyer.get(&files).status, 200, "the notice was taken back");
    revoke(&ground, reason).ok();
    market.app.advance_s(30 * 86_400 - 1);
    assert_eq!(market.buyer.get(&files).status, 200);
    market.app.ctx.clock.advance_s(1).unwrap();
    let name = format!("{files}/artist_preference.csv");
    for gone in [&files, &name] {
        let refused = market.buyer.get(gone).problem(403, "licence-revoked");
        assert!(refused["detail"].as_str().unwrap().contains(reason), "{refused}");
    }
    market.app.run_jobs();
    let seen = market.buyer.get(&path).ok();
    assert_eq!(seen["state"], "revoked");
    assert!(seen["revoked_reason"].as_str().unwrap().contains(reason), "{seen}");
    keep().problem(409, "conflict");
    let acts = items(&market.operator.get("/v1/audit-log").ok());
    let revocations = acts.iter().filter(|act| act["action"] == "licence.revoke" && act["subject_id"] == licence_id);
    assert_eq!(revocations.count(), 2);
}

#[test]
fn a_licence_ends_with_its_term_and_a_new_offer_gives_a_new_one() {
    let market = Market::open(Backend::Sqlite, 1);
    let sold = market.sell(PRICE);
    let files = format!("/v1/licences/{}/files", id(&sold.licence));
    market.app.ctx.clock.advance_s(30 * 86_400 - 1).unwrap();
    assert_eq!(market.buyer.get(&files).status, 200, "to the last second, as often as one likes");
    market.app.ctx.clock.advance_s(1).unwrap();
    let over = market.buyer.get(&files).problem(403, "licence-expired");
    assert!(over["detail"].as_str().unwrap().contains(sold.licence["ends_at"].as_str().unwrap()), "{over}");
    market.app.run_jobs();
    assert_eq!(market.licence_of(&sold.purchase)["state"], "expired");
    let revoke = json!({"ground": sold.licence["terms"]["revocation"]["grounds"][0], "reason": "Too late."});
    let path = format!("/v1/licences/{}/revoke", id(&sold.licence));
    market.operator.post(&path, &revoke).problem(409, "conflict");
    let stock = market.send(&market.buyer, &market.asks(PRICE, &json!({"edition": "stock"}))).ok();
    market.app.run_jobs();
    let renewed = market.licence_of(&market.settle(&market.accept(&id(&stock))));
    assert_eq!((&renewed["state"], &renewed["edition_id"]), (&json!("active"), &sold.licence["edition_id"]));
}
