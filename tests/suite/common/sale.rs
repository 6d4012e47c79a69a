//! The stations of a sale, for tests that are about what it leaves elsewhere.

use super::TestApp;
use super::actors::offer;
use serde_json::{Value, json};

/// What every offer here pays, in minor units.
pub const PRICE_MINOR: i64 = 100_000;

impl TestApp {
    /// A buyer's offer for a dataset, and the vote on it opened. Returns the offer's id.
    pub fn offer_in_vote(&self, buyer: &str, dataset_id: &str) -> String {
        let buyer = self.log_in(&format!("buyer@{buyer}.example"));
        let offered = buyer.post_once("/v1/offers", "an-offer", &offer(dataset_id, PRICE_MINOR)).ok();
        let id = offered["id"].as_str().unwrap().to_owned();
        self.run_jobs();
        assert_eq!(buyer.get(&format!("/v1/offers/{id}")).ok()["state"], "voting");
        id
    }

    /// A listener votes in the one vote that there is.
    pub fn ballot(&self, index: u64, choice: &str) {
        let member = self.log_in(&format!("listener{index}@example.org"));
        let votes = member.get("/v1/votes").ok();
        let path = format!("/v1/votes/{}/ballot", votes["items"][0]["id"].as_str().unwrap());
        member.put(&path, &json!({"choice": choice})).ok();
    }

    /// The vote ends, and the offer is accepted. Returns the purchase.
    pub fn close_vote(&self, buyer: &str) -> Value {
        self.advance_days(3);
        let buyer = self.log_in(&format!("buyer@{buyer}.example"));
        buyer.get("/v1/purchases").ok()["items"][0].clone()
    }

    /// The invoice is settled and the edition drawn. Returns the licence.
    pub fn settle(&self, buyer: &str, purchase: &Value) -> Value {
        let path = format!("/v1/purchases/{}/settle", purchase["id"].as_str().unwrap());
        let payment = json!({"amount": purchase["total"], "payment_reference": "bank 1"});
        self.operator().post_once(&path, "a-payment", &payment).ok();
        self.run_jobs();
        let licence = self.log_in(&format!("buyer@{buyer}.example")).get("/v1/licences").ok()["items"][0].clone();
        assert_eq!(licence["state"], "active", "{licence}");
        licence
    }
}
