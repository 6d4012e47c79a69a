//! `kill -9` of the real server in the middle of opening a vote of thousands, and of closing one: whatever it was at, the
//! server that comes after it opens the vote once, counts it once, and publishes what was to be published.

use crate::common::Backend;
use crate::common::house::copy;
use crate::common::market::{Market, id, rules};
use crate::crash::{Server, serve};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use refrain::clock::{Clock, Entropy};
use refrain::config::Config;
use refrain::context::Context;
use refrain::db::Tx;
use refrain::db::schema::{accounts, consents, electors, memberships, offer_events, plays_files, purchases, votes};
use refrain::error::Result;
use refrain::ids::{AccountId, ConsentId, MembershipId, OfferId, PoolId, VoteId};
use refrain::pools::model::MembershipState;
use refrain::votes::ballot_box::{Cast, put};
use refrain::votes::log::{Frontier, leaf_hash};
use refrain::votes::model::{Choice, VoteState};
use refrain::votes::publishing::publish;
use refrain::votes::verifying::{Brought, verify};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

const MEMBERS: usize = 3_000;
/// Rows of one write.
const PIECE: usize = 500;
/// How often a moment may be missed: then the server was quicker than whoever watched it.
const TRIES: usize = 10;

/// Somebody who looks into the database between any two writes of a server, and may keep it from the next one.
struct Watch {
    database: SqliteConnection,
}

#[derive(QueryableByName)]
struct Holds {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    holds: bool,
}

impl Watch {
    fn on(directory: &Path) -> Self {
        let path = directory.join("refrain.db");
        Watch { database: SqliteConnection::establish(path.to_str().unwrap()).unwrap() }
    }

    fn holds(&mut self, condition: &str) -> bool {
        let found: Holds =
            diesel::sql_query(format!("SELECT {condition} AS holds")).get_result(&mut self.database).unwrap();
        found.holds
    }

    /// Waits for a moment and kills the server in it, before it can write anything more. `false` where `too_late` came first.
    fn kill_when(&mut self, mut server: Server, moment: &str, too_late: &str) -> bool {
        let began_at = Instant::now();
        loop {
            assert!(began_at.elapsed() < Duration::from_secs(120), "it never came to: {moment}");
            // Nobody waits here: whoever is refused tries again at once, and so is there as soon as a write is over.
            if self.database.batch_execute("BEGIN IMMEDIATE").is_err() {
                std::hint::spin_loop();
                continue;
            }
            let (is_moment, is_late) = (self.holds(moment), self.holds(too_late));
            if is_moment {
                server.kill();
            }
            self.database.batch_execute("ROLLBACK").unwrap();
            if is_moment || is_late {
                return is_moment;
            }
            // The server's turn.
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    fn wait_for(&mut self, condition: &str) {
        let began_at = Instant::now();
        while !self.holds(condition) {
            assert!(began_at.elapsed() < Duration::from_secs(120), "it never came to: {condition}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Kills a server on a copy of a directory in a moment, and waits until the next one has come to the end.
fn cut_off(from: &Path, moment: &str, end: &str, between: impl Fn(&Path)) -> tempfile::TempDir {
    for _ in 0..TRIES {
        let directory = tempfile::tempdir().unwrap();
        copy(from, directory.path());
        let mut watch = Watch::on(directory.path());
        if watch.kill_when(serve(directory.path()), moment, end) {
            assert!(!watch.holds(end), "there is something left to do");
            // Whoever copies a file and closes it gives up all locks on it that the same process has.
            drop(watch);
            between(directory.path());
            let mut server = serve(directory.path());
            Watch::on(directory.path()).wait_for(end);
            server.kill();
            return directory;
        }
    }
    panic!("nobody was ever quick enough for: {moment}");
}

/// What `refrain check` would find, but for the plays, which nobody here has.
fn expect_whole(market: &Market, ctx: &Context) {
    let problems = ctx.db.read(|db| {
        let mut problems = refrain::votes::steps::verify(db)?;
        problems.extend(refrain::offers::steps::verify(db)?);
        problems.extend(refrain::pools::steps::budget_problems(db)?);
        problems.extend(refrain::ledger::steps::verify(db)?);
        Ok(problems)
    });
    assert_eq!(market.app.block_on(problems).unwrap(), Vec::<String>::new());
}

/// Members who may vote, as if each had joined, consented and brought a history long ago.
fn members(tx: &mut Tx, pool_id: &PoolId, count: usize) -> Result<()> {
    let (now, joined_at) = (tx.now(), tx.now().plus_days(-30));
    for _ in 0..count {
        let id = AccountId::new(now, tx.entropy());
        let account = (
            accounts::id.eq(&id),
            accounts::role.eq("member"),
            accounts::email.eq(format!("{id}@example.org")),
            accounts::password_hash.eq("none"),
            accounts::state.eq("active"),
            accounts::created_at.eq(now),
            accounts::updated_at.eq(now),
        );
        diesel::insert_into(accounts::table).values(account).execute(&mut **tx)?;
        let membership_id = MembershipId::new(now, tx.entropy());
        let membership = (
            memberships::id.eq(&membership_id),
            memberships::pool_id.eq(pool_id),
            memberships::member_id.eq(&id),
            memberships::state.eq(MembershipState::Active),
            memberships::joined_at.eq(joined_at),
        );
        diesel::insert_into(memberships::table).values(membership).execute(&mut **tx)?;
        for purpose in crate::common::actors::PURPOSES {
            let consent = (
                consents::id.eq(ConsentId::new(now, tx.entropy())),
                consents::membership_id.eq(&membership_id),
                consents::purpose.eq(purpose),
                consents::text_version.eq(1),
                consents::given_at.eq(now),
            );
            diesel::insert_into(consents::table).values(consent).execute(&mut **tx)?;
        }
        let plays = (
            plays_files::member_id.eq(&id),
            plays_files::object_key.eq(format!("plays/{id}")),
            plays_files::size_bytes.eq(1i64),
            plays_files::updated_at.eq(now),
        );
        diesel::insert_into(plays_files::table).values(plays).execute(&mut **tx)?;
    }
    Ok(())
}

/// A market of thousands, and an offer whose vote is to be opened.
fn offered() -> (Market, OfferId) {
    let market = Market::with(Backend::Sqlite, 1, &json!({"pool": {"rules": rules(&json!({}))}}));
    for _ in 0..MEMBERS / PIECE {
        let pool_id = PoolId::parse(&market.pool_id).unwrap();
        market.app.block_on(market.app.ctx.db.write(move |tx| members(tx, &pool_id, PIECE))).unwrap();
    }
    let offer = market.send(&market.buyer, &market.asks(50_000, &json!({}))).ok();
    (market, OfferId::parse(&id(&offer)).unwrap())
}

/// What a directory holds, for a look without a server.
fn context(directory: &Path) -> Context {
    let config = Config { data_dir: directory.to_owned(), ..Config::default() };
    Context::open(config, Clock::system(), Entropy::system()).unwrap()
}

#[test]
fn a_vote_whose_server_is_killed_while_it_opens_is_opened_once_with_everybody_in_it() {
    let (market, _) = offered();
    let everybody = MEMBERS + 1;
    let end = "EXISTS (SELECT 1 FROM votes WHERE state = 'open')";
    for moment in [
        "EXISTS (SELECT 1 FROM votes) AND NOT EXISTS (SELECT 1 FROM electors)".to_owned(),
        format!("(SELECT count(*) BETWEEN 1 AND {MEMBERS} FROM electors)"),
        format!(
            "(SELECT count(*) FROM electors) = {everybody} AND EXISTS (SELECT 1 FROM votes WHERE electorate_root IS NULL)"
        ),
        "EXISTS (SELECT 1 FROM votes WHERE electorate_root IS NOT NULL AND state = 'opening')".to_owned(),
    ] {
        let directory = cut_off(&market.app.ctx.config.data_dir, &moment, end, |_| {});
        let ctx = context(directory.path());
        let found = market.app.block_on(ctx.db.read(|db| {
            let root: Option<Vec<u8>> = votes::table.select(votes::electorate_root).get_result(db)?;
            let listed: i64 = votes::table.select(votes::electors).get_result(db)?;
            let tags: Vec<Option<Vec<u8>>> = electors::table.select(electors::tag).load(db)?;
            let told: i64 = offer_events::table.filter(offer_events::state.eq("voting")).count().get_result(db)?;
            Ok((root.unwrap(), listed, tags, told))
        }));
        let (root, listed, tags, told) = found.unwrap();
        let mut tags: Vec<Vec<u8>> = tags.into_iter().flatten().collect();
        tags.sort();
        let mut tree = Frontier::default();
        tags.iter().for_each(|tag| tree.append(leaf_hash(tag)));
        assert_eq!((tags.len(), listed, told), (everybody, everybody as i64, 1), "{moment}");
        assert_eq!(root, tree.root().as_bytes(), "{moment}");
        expect_whole(&market, &ctx);
    }
}

/// The same market with its vote open, and a ballot of each: the deadline has been over since long by any other clock.
fn voted() -> (Market, VoteId) {
    let (market, offer_id) = offered();
    let ctx = &market.app.ctx;
    market.app.block_on(refrain::offers::actions::open_vote(ctx, &offer_id)).unwrap();
    let listed = market.app.block_on(ctx.db.read(|db| {
        let members: Vec<AccountId> = electors::table.select(electors::member_id).load(db)?;
        Ok((votes::table.select(votes::id).first::<VoteId>(db)?, members))
    }));
    let (vote_id, members) = listed.unwrap();
    for some in members.chunks(PIECE) {
        let casts: Vec<Cast> = some
            .iter()
            .enumerate()
            .map(|(number, member)| {
                let choice = [Choice::Yes, Choice::Yes, Choice::Yes, Choice::No, Choice::Abstain][number % 5];
                Cast { member_id: member.clone(), choice }
            })
            .collect();
        let id = vote_id.clone();
        let taken = market.app.block_on(ctx.db.write_holding_vote(move |tx| put(tx, &id, &casts))).unwrap();
        assert!(taken.answers.iter().all(|taken| taken.is_ok()));
    }
    (market, vote_id)
}

/// What a server that is not killed would publish of a vote that is counted.
fn to_be_published(market: &Market, killed: &Path, vote_id: &VoteId) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    copy(killed, directory.path());
    let ctx = context(directory.path());
    market.app.block_on(publish(&ctx, vote_id)).unwrap();
    published(&ctx.config.files_dir(), vote_id).expect("it was counted")
}

fn published(files: &Path, vote_id: &VoteId) -> Option<Vec<u8>> {
    std::fs::read(files.join(format!("votes/{vote_id}.jsonl"))).ok()
}

#[test]
fn a_vote_whose_server_is_killed_while_it_closes_is_counted_once_and_published_as_it_was_to_be() {
    let (market, vote_id) = voted();
    let end = "EXISTS (SELECT 1 FROM vote_bundles)";
    let counted = "EXISTS (SELECT 1 FROM votes WHERE state = 'accepted')";
    for moment in ["EXISTS (SELECT 1 FROM jobs WHERE kind = 'close_vote' AND leased_until IS NOT NULL)", counted] {
        let moment = format!("{moment} AND NOT {end}");
        let expected = std::cell::RefCell::new(None);
        let directory = cut_off(&market.app.ctx.config.data_dir, &moment, end, |killed| {
            if Watch::on(killed).holds(counted) {
                *expected.borrow_mut() = Some(to_be_published(&market, killed, &vote_id));
            }
        });
        let ctx = context(directory.path());
        let (id, files) = (vote_id.clone(), ctx.config.files_dir());
        let found = market.app.block_on(ctx.db.read(move |db| {
            let vote = refrain::votes::steps::vote(db, &id)?;
            let told: i64 = offer_events::table.filter(offer_events::state.eq("accepted")).count().get_result(db)?;
            Ok((vote, told, purchases::table.count().get_result::<i64>(db)?))
        }));
        let (vote, told, invoices) = found.unwrap();
        assert_eq!((vote.state, told, invoices), (VoteState::Accepted, 1, 1), "{moment}");
        let bundle = published(&files, &vote_id).unwrap();
        assert!(expected.into_inner().is_none_or(|expected| expected == bundle), "{moment}: other bytes");
        let verdict = verify(&bundle[..], &Brought::default()).unwrap();
        assert_eq!(verdict.faults, Vec::<String>::new());
        assert_eq!(vote.tally().unwrap().turnout(), MEMBERS as i64 + 1);
        expect_whole(&market, &ctx);
    }
}
