//! The people of a test: an operator, buyers, members, and what they usually do first.

use super::TestApp;
use super::http::Caller;
use refrain::histories::made_up;
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery staple";
pub const PURPOSES: [&str; 2] = ["market_research", "model_training"];

/// The export of a listener who, like all the others, loves the same three artists: in a small crowd
/// only what everybody likes gets past the threshold.
pub fn export_of_a_fan(index: u64) -> Vec<u8> {
    let artists = ["Ada & the Loops", "Böhme, Clara", "\"Delta\""];
    export(&(0..15).map(|play| row(index, play, artists[play % artists.len()])).collect::<Vec<_>>())
}

/// The export of a listener who, like all the others, plays the same thirty artists, each once.
pub fn export_of_thirty_artists(index: u64) -> Vec<u8> {
    export(&(0..30).map(|play| row(index, play, &format!("Shared Artist {play:02}"))).collect::<Vec<_>>())
}

/// An archive with one extended history of these rows.
pub fn export(rows: &[Value]) -> Vec<u8> {
    made_up::broken::holding(&serde_json::to_vec(rows).unwrap())
}

/// One row of an extended history: a play of three minutes, at a time that is this listener's own.
pub fn row(index: u64, play: usize, artist: &str) -> Value {
    json!({
        "ts": format!("2025-06-{:02}T{:02}:{:02}:{:02}Z", play + 1, index % 24, index / 24 % 60, play),
        "platform": "ios", "ms_played": 180_000, "conn_country": "DE", "ip_addr": "203.0.113.7",
        "master_metadata_track_name": format!("Song {play}"),
        "master_metadata_album_artist_name": artist,
        "master_metadata_album_album_name": "An album", "spotify_track_uri": format!("spotify:track:{play:022}"),
        "episode_name": null, "episode_show_name": null, "spotify_episode_uri": null,
        "reason_start": "clickrow", "reason_end": "trackdone", "shuffle": false, "skipped": false, "offline": false,
        "offline_timestamp": null, "incognito_mode": false
    })
}

impl TestApp {
    /// An operator who is logged in.
    pub fn operator(&self) -> Caller {
        let email = "operator@example.org";
        // Added once; later calls only log in again, as the clock may have moved past the token's end.
        let _ = self.block_on(refrain::accounts::actions::add_operator(&self.ctx, email, PASSWORD.into()));
        self.log_in(email)
    }

    /// Logs in with the password that all share.
    pub fn log_in(&self, email: &str) -> Caller {
        let session = self.anyone().post("/v1/sessions", &json!({"email": email, "password": PASSWORD})).ok();
        self.anyone().with_token(session["access_token"].as_str().unwrap())
    }

    /// A buyer of an organisation of its own that is not approved yet. Returns the organisation's id too.
    pub fn new_buyer(&self, name: &str) -> (Caller, String) {
        let body = json!({
            "organisation": {
                "legal_name": format!("{name} Ltd"), "country": "GB", "website": format!("https://{name}.example"),
                "purpose": "Measuring how listeners find music.", "address": "1 Street\nLondon", "tax_id": "GB123"
            },
            "email": format!("buyer@{name}.example"), "password": PASSWORD
        });
        let registered = self.anyone().post("/v1/organisations", &body).ok();
        let buyer = self.anyone().with_token(registered["session"]["access_token"].as_str().unwrap());
        (buyer, registered["organisation"]["id"].as_str().unwrap().to_owned())
    }

    /// A buyer whose address is verified and whose organisation is approved.
    pub fn buyer(&self, name: &str) -> Caller {
        let (_, organisation_id) = self.new_buyer(name);
        self.verify_email(&format!("buyer@{name}.example"));
        let decision = json!({"outcome": "approve", "reason": "known to us"});
        self.operator().post(&format!("/v1/organisations/{organisation_id}/decisions"), &decision).ok();
        self.log_in(&format!("buyer@{name}.example"))
    }

    /// Follows the link of the newest mail that asks this address to be verified.
    pub fn verify_email(&self, email: &str) {
        self.run_jobs();
        let token = self.token_mailed_to(email, "verify_");
        let verified = self.anyone().put("/v1/email-verifications", &json!({"token": token}));
        assert_eq!(verified.status, 204, "{}", verified.text());
    }

    /// The token in the newest mail to an address that holds one of this kind.
    pub fn token_mailed_to(&self, email: &str, prefix: &str) -> String {
        let mails = self.mails();
        let mail = mails.iter().rev().find(|mail| mail.contains(email) && mail.contains(prefix));
        let mail =
            mail.unwrap_or_else(|| panic!("no mail to {email} holds {prefix}")).replace("=\r\n", "").replace("=\n", "");
        let rest = mail.split(prefix).nth(1).unwrap();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap_or(rest.len());
        format!("{prefix}{}", &rest[..end])
    }

    /// A member who is logged in and in no pool.
    pub fn member(&self, name: &str) -> Caller {
        let body = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
        let registered = self.anyone().post("/v1/members", &body).ok();
        self.anyone().with_token(registered["session"]["access_token"].as_str().unwrap())
    }

    /// A pool that is quick to vote and has a generous privacy budget, for small crowds.
    pub fn pool(&self, name: &str) -> String {
        self.pool_with(name, &json!({}))
    }

    /// The same with some settings changed.
    pub fn pool_with(&self, name: &str, changes: &Value) -> String {
        let mut pool = json!({
            "name": name, "description": "A pool for tests.", "contact_email": "pool@example.org", "tax_note": "None.",
            "fee_bp": 1_000, "tax_bp": 0, "price_floor": {"amount": 10_000, "currency": "USD"}, "payment_days": 14,
            "rules": {"quorum_bp": 2_000, "voting_period_s": 86_400 * 3, "cool_off_s": 86_400 * 4},
            "budget": {"rho_nano": 10_000_000_000_i64, "delta_pico": 1_000_000},
            "consent": {"body": "What happens with your plays.", "purposes": PURPOSES}
        });
        for (name, value) in changes.as_object().unwrap() {
            pool[name] = value.clone();
        }
        self.operator().post("/v1/pools", &pool).ok()["id"].as_str().unwrap().to_owned()
    }

    /// A member who joins, consents to everything and uploads the export of a fan.
    pub fn listener(&self, pool_id: &str, index: u64) -> Caller {
        let member = self.member(&format!("listener{index}"));
        self.join(&member, pool_id);
        let history = self.upload(&member, &export_of_a_fan(index));
        assert_eq!(history["state"], "accepted", "{history}");
        member
    }

    pub fn join(&self, member: &Caller, pool_id: &str) {
        let body = json!({"text_version": 1, "purposes": PURPOSES});
        assert_eq!(member.post(&format!("/v1/pools/{pool_id}/membership"), &body).status, 201);
    }

    /// Uploads an export and waits until it is read.
    pub fn upload(&self, member: &Caller, export: &[u8]) -> Value {
        let accepted = member.upload("/v1/histories", "application/zip", export);
        assert_eq!(accepted.status, 202, "{}", accepted.text());
        let path = format!("/v1/histories/{}", accepted.json()["id"].as_str().unwrap());
        loop {
            let history = member.get(&path).ok();
            if history["state"] != "reading" {
                return history;
            }
            std::thread::yield_now();
        }
    }

    /// A listed dataset whose recipe lets something through even in a small crowd.
    pub fn dataset(&self, pool_id: &str) -> String {
        let operator = self.operator();
        let recipe = json!({"pool_id": pool_id, "name": "artists", "document": {
            "kind": "artist_preference", "keys_per_member": 5, "plays_per_key": 20, "floor_members": 5,
            "fans_rho_nano": 1_000_000_000, "capped_plays_rho_nano": 1_000_000_000, "delta_pico": 1_000
        }});
        let recipe = operator.post("/v1/recipes", &recipe).ok();
        let dataset = json!({
            "recipe_id": recipe["id"], "title": "Artist preference", "description": "Who likes whom.",
            "keywords": ["artists"], "purposes": PURPOSES, "licence_name": "Test licence 1", "licence_text": "You may.",
            "price_floor": {"amount": 20_000, "currency": "USD"}, "rows_promised": 1
        });
        let id = operator.post("/v1/datasets", &dataset).ok()["id"].as_str().unwrap().to_owned();
        operator.post(&format!("/v1/datasets/{id}/publish"), &json!({})).ok();
        id
    }
}

/// An offer for the next edition at a price in cents.
pub fn offer(dataset_id: &str, price_minor: i64) -> Value {
    json!({
        "dataset_id": dataset_id, "edition": "next", "price": {"amount": price_minor, "currency": "USD"},
        "purpose": "model_training", "field_of_use": "Training our own recommender.", "period_days": 30,
        "redistribution": "none", "models_after_term": "keep", "message": "Hello."
    })
}
