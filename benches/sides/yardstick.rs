//! The yardstick: what a handler can reach at the most that knows the caller by the same kind of token and writes the same
//! rows through the same group commit. It judges nothing, signs nothing, hashes nothing but the roots of full
//! tiles, and answers two words.
//!
//! It works on a copy of the service's database: rows refer to a vote and its electors.

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use refrain::accounts::keys::Keys;
use refrain::accounts::tokens::Tokens;
use refrain::clock::{Clock, Entropy};
use refrain::config::Config;
use refrain::db::{Database, Tx};
use refrain::error::Result;
use refrain::ids::{AccountId, VoteId};
use refrain::votes::appending::NewLeaf;
use refrain::votes::commitment::{Hashed, Opening};
use refrain::votes::log::Frontier;
use refrain::votes::log_store::{self, Appendix};
use refrain::votes::model::Choice;
use refrain::votes::rules::Tally;
use refrain::votes::tiles;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::RwLock;
use tokio::sync::{mpsc, oneshot};

/// As many as the service takes.
const BATCH_MAX: usize = 512;

/// Serves `PUT /v1/votes/{id}/ballot` and nothing else.
#[derive(Debug, clap::Args)]
pub struct YardstickArgs {
    #[arg(long)]
    bind: SocketAddr,
    /// A copy of the service's directory
    #[arg(long)]
    data_dir: PathBuf,
    /// A copy of its database, where that is PostgreSQL
    #[arg(long)]
    database_url: Option<String>,
    /// In whose name tokens are
    #[arg(long)]
    issuer: String,
}

#[derive(serde::Deserialize)]
struct Body {
    choice: Choice,
}

struct Cast {
    vote_id: VoteId,
    member_id: AccountId,
    choice: Choice,
    done: oneshot::Sender<bool>,
}

struct Door {
    tokens: Tokens,
    known: RwLock<HashMap<String, AccountId>>,
    clock: Clock,
    slot: mpsc::Sender<Cast>,
}

/// Serves until it is killed.
pub fn run(args: YardstickArgs) {
    let mut config = Config { data_dir: args.data_dir, ..Config::default() };
    config.database.url = args.database_url.map(Into::into);
    actix_web::rt::System::new().block_on(async {
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let db = Database::open(&config.database, &config.sqlite_path(), clock.clone(), entropy.clone())
            .expect("the copy of the database opens");
        let keys = Keys::load_or_make(&config.keys_dir(), &entropy).expect("the keys can be read");
        let tokens = Tokens::new(keys, &args.issuer, 60).expect("tokens can be verified");
        let (slot, waiting) = mpsc::channel(8_192);
        tokio::spawn(write(db, waiting));
        let door = Data::new(Door { tokens, known: RwLock::default(), clock, slot });
        let app = move || App::new().app_data(door.clone()).route("/v1/votes/{id}/ballot", web::put().to(put));
        HttpServer::new(app).bind(args.bind).expect("the port is free").run().await.expect("the server runs");
    });
}

async fn put(request: HttpRequest, id: web::Path<VoteId>, body: Bytes, door: Data<Door>) -> HttpResponse {
    let Some(member_id) = door.caller(&request) else { return HttpResponse::Unauthorized().finish() };
    let Ok(Body { choice }) = serde_json::from_slice(&body) else { return HttpResponse::BadRequest().finish() };
    let (done, is_done) = oneshot::channel();
    let cast = Cast { vote_id: id.into_inner(), member_id, choice, done };
    if door.slot.send(cast).await.is_err() || is_done.await != Ok(true) {
        return HttpResponse::InternalServerError().finish();
    }
    HttpResponse::Ok().content_type("application/json").body("{\"taken\":true}")
}

impl Door {
    fn caller(&self, request: &HttpRequest) -> Option<AccountId> {
        let (_, token) = request.headers().get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if let Some(known) = self.known.read().ok()?.get(token) {
            return Some(known.clone());
        }
        let account_id = self.tokens.verify(token, self.clock.now()).ok()?.account_id;
        self.known.write().ok()?.insert(token.to_owned(), account_id.clone());
        Some(account_id)
    }
}

async fn write(db: Database, mut waiting: mpsc::Receiver<Cast>) {
    let (mut batch, mut log_index) = (Vec::with_capacity(BATCH_MAX), 0);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let rows: Vec<_> =
            batch.iter().map(|cast| (cast.vote_id.clone(), cast.member_id.clone(), cast.choice)).collect();
        let (first, count) = (log_index, rows.len() as i64);
        let written = db.write_holding_vote(move |tx| put_rows(tx, &rows, first)).await;
        if let Err(error) = &written {
            eprintln!("yardstick: {error}: {:?}", error.cause());
        }
        log_index += count;
        for cast in batch.drain(..) {
            let _ = cast.done.send(written.is_ok());
        }
    }
}

/// By the service's own statements.
fn put_rows(tx: &mut Tx, rows: &[(VoteId, AccountId, Choice)], first: i64) -> Result<()> {
    let (cast_at, nonce, leaf_hash) = (tx.now(), tx.entropy().bytes::<32>(), Frontier::default().root());
    let vote_id = &rows[0].0;
    let (mut leaves, mut hashed) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (log_index, (_, member_id, choice)) in (first..).zip(rows) {
        let mut tag = nonce;
        tag[..8].copy_from_slice(&log_index.to_be_bytes());
        leaves.push(NewLeaf {
            tag,
            sequence: 0,
            opening: Opening { choice: Some(*choice), nonce },
            before: None,
            member_id: member_id.clone(),
            cast_at,
        });
        hashed.push(Hashed { commitment: tag, leaf_hash });
    }
    let (frontier, tally) = (Frontier::default(), Tally::default());
    let appendix = Appendix { vote_id, first, leaves: &leaves, hashed: &hashed, frontier: &frontier, tally };
    log_store::append(tx, &appendix)?;
    tiles::add_full(tx, vote_id, first.unsigned_abs(), first.unsigned_abs() + rows.len() as u64)
}
