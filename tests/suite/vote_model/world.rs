//! The real thing: a server's context on a copy of a market, on which acts are done, cut off, and compared with the model.

use super::model::{Act, COOL_OFF_S, Change, Model, PERIOD_S, Phase, Rules};
use crate::common::house::{House, Kept};
use actix_web::FromRequest;
use actix_web::test::TestRequest;
use futures_util::future::join_all;
use refrain::accounts::caller::{Buyer, Member, Operator};
use refrain::clock::{Clock, Entropy, UtcTime};
use refrain::context::Context;
use refrain::db::schema::offers;
use refrain::error::{Code, Result};
use refrain::idempotency::IdempotencyKey;
use refrain::ids::{OfferId, VoteId};
use refrain::votes::ballot_box::BallotBox;
use refrain::votes::log::Hash;
use refrain::votes::model::{Choice, VoteState};
use refrain::votes::publishing::publish;
use refrain::votes::views::BallotView;
use refrain::votes::{actions, steps, upgrade};
use refrain::{erasure, jobs, pools};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// The purpose whose consent members take back; what is sold needs it.
const PURPOSE: &str = "model_training";
const PURPOSES: [&str; 2] = ["market_research", PURPOSE];

/// A server, as far as a vote needs one. Dropping it takes a moment: what was handed to the database is done first.
pub struct Server {
    pub ctx: Context,
    ballots: BallotBox,
    runtime: tokio::runtime::Runtime,
}

/// What was seen last, and has to go on from there.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub state: Option<VoteState>,
    pub electorate_root: Option<Vec<u8>>,
    pub head: Option<(u64, Hash)>,
    pub bundle_sha256: Option<String>,
}

pub struct World {
    pub model: Model,
    /// `None` while it is away.
    server: Option<Server>,
    pub house: Rc<House>,
    clock: Clock,
    start: UtcTime,
    pub offer_id: OfferId,
    pub vote_id: Option<VoteId>,
    pub seen: Seen,
    /// Ballots with their receipts, as members keep them.
    pub receipts: Vec<Value>,
    /// Whose tag it is, of those who were asked when the vote had opened.
    pub tags: BTreeMap<[u8; 32], usize>,
    /// Whether the queue has written letters.
    pub is_told: bool,
    starts: u64,
    kept: Kept,
}

impl Server {
    fn start(kept: &Kept, clock: Clock, seed: u64) -> Self {
        // One thread: what was handed over stays where it is until somebody waits for something.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ctx = Context::open(kept.config.clone(), clock, Entropy::seeded(seed)).unwrap();
        ctx.storage.clear_staging().unwrap();
        runtime.block_on(upgrade::give_logs(&ctx)).unwrap();
        let ballots = runtime.block_on(async { BallotBox::open(&ctx) });
        Server { ctx, ballots, runtime }
    }

    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Ends as if the power had gone: nobody is answered any more, and what waited in the ballot box is lost.
    fn die(self) {
        drop((self.runtime, self.ballots));
        // The writer's thread cannot be killed; it is done with what it was given when it has done one more thing.
        let last = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        last.block_on(self.ctx.db.write(|_| Ok(()))).unwrap();
    }
}

/// Runs work for so many steps at most; `None` where it is not done then.
async fn some_steps<F: Future>(mut work: Pin<&mut F>, steps: usize) -> Option<F::Output> {
    let mut left = steps;
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

fn code<T>(answer: &Result<T>) -> Option<Code> {
    answer.as_ref().err().map(refrain::error::Error::code)
}

impl World {
    /// A pool with these rules, and an offer whose vote is to be opened.
    pub fn new(house: Rc<House>, model: Model) -> Self {
        let (kept, clock) = (house.copy(), Clock::standing_at(house.now));
        let server = Server::start(&kept, clock.clone(), 1);
        set_rules(&server, &house, model.rules);
        let (offer_id, start) = (place(&server, &house), house.now);
        World {
            model,
            server: Some(server),
            house,
            clock,
            start,
            offer_id,
            vote_id: None,
            seen: Seen::default(),
            receipts: Vec::new(),
            tags: BTreeMap::new(),
            is_told: false,
            starts: 1,
            kept,
        }
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("a server is up between two acts")
    }

    pub fn at(&self, seconds: i64) -> UtcTime {
        self.start.plus_s(seconds)
    }

    pub fn member(&self, who: usize) -> Member {
        Member { account_id: self.house.members[who].clone() }
    }

    /// The server dies, and comes back to what it left.
    fn die(&mut self) {
        self.server.take().expect("a server is up between two acts").die();
        self.starts += 1;
        self.server = Some(Server::start(&self.kept, self.clock.clone(), self.starts));
    }

    fn die_if(&mut self, dies_after: Option<usize>) {
        if dies_after.is_some() {
            self.die();
        }
    }

    pub fn act(&mut self, act: Act) {
        match act {
            Act::Open { workers, meanwhile, dies_after } => self.open(workers, meanwhile, dies_after),
            Act::Change(change) if self.model.allows(change) => {
                let server = self.server();
                server.wait(changed(&server.ctx, &self.house, change)).unwrap();
                self.model.change(change);
                if self.model.phase == Phase::Open {
                    self.ask_for_tags();
                }
            }
            Act::Change(_) => {}
            Act::Cast { who, choices, dies_after: None } => self.cast(who, &choices),
            Act::Cast { who, choices, dies_after: Some(steps) } => self.cast_in_vain(who, &choices, steps),
            Act::SetRules(rules) => set_rules(self.server(), &self.house, rules),
            Act::Move { seconds } => drop(self.clock.advance_s(self.model.move_clock(seconds)).unwrap()),
            Act::Close { workers, dies_after } => self.close(workers, dies_after),
            Act::Publish { dies_after } => self.publish(dies_after),
            Act::CallOff => self.call_off(),
            Act::Die => self.die(),
        }
    }

    /// What somebody does meanwhile comes before the opening or after it. Which of the two is seen by the electorate.
    fn open(&mut self, workers: usize, meanwhile: Option<(usize, Change)>, dies_after: Option<usize>) {
        let meanwhile = meanwhile.filter(|(_, change)| self.model.allows(*change));
        let server = self.server();
        let answers = server.wait(async {
            let opening = || refrain::offers::actions::open_vote(&server.ctx, &self.offer_id);
            let mut work = pin!(join_all((0..workers).map(|_| opening())));
            let mut answers = None;
            if let Some((steps, change)) = meanwhile {
                answers = some_steps(work.as_mut(), steps).await;
                changed(&server.ctx, &self.house, change).await.unwrap();
            }
            match answers {
                None => some_steps(work, dies_after.unwrap_or(usize::MAX)).await,
                answers => answers,
            }
        });
        let is_alone = workers == 1 && dies_after.is_none();
        assert!(!is_alone || answers.unwrap().iter().all(Result::is_ok), "one worker is in nobody's way");
        self.die_if(dies_after);
        let before = self.model.clone();
        if let Some((_, change)) = meanwhile {
            self.model.change(change);
        }
        self.see_opening(&before, is_alone);
        if workers == 2 && dies_after.is_none() && self.model.phase == Phase::Opening {
            // Each of the two has found the other in its way, and the job is taken up again.
            self.open(1, None, None);
        }
    }

    fn see_opening(&mut self, before: &Model, is_expected: bool) {
        let offer_id = self.offer_id.clone();
        let found = self.server().wait(self.server().ctx.db.read(move |db| {
            let Some(vote_id) = refrain::offers::steps::offer(db, &offer_id)?.vote_id else { return Ok(None) };
            let (vote, electors) = (steps::vote(db, &vote_id)?, steps::electors(db, &vote_id)?);
            Ok(Some((vote, electors)))
        }));
        let found = found.unwrap();
        self.vote_id = found.as_ref().map(|(vote, _)| vote.id.clone());
        let has_opened = found.as_ref().is_some_and(|(vote, _)| vote.state == VoteState::Open);
        if self.model.phase == Phase::Opening {
            assert!(has_opened || !is_expected, "it was to open");
            if let Some((_, electors)) = found.filter(|_| has_opened) {
                let place = |elector| self.house.members.iter().position(|member| member == elector).unwrap();
                let electorate: Vec<usize> = electors.iter().map(place).collect();
                let could_be = [before.eligible(), self.model.eligible()];
                assert!(could_be.contains(&electorate), "{electorate:?} is none of {could_be:?}");
                self.model.open(electorate);
                self.ask_for_tags();
            }
        }
    }

    fn ask_for_tags(&mut self) {
        for who in self.model.electorate.clone() {
            let (vote_id, member) = (self.vote_id.clone().unwrap(), self.member(who).account_id);
            let server = self.server();
            let asked = server.wait(server.ctx.db.read(move |db| steps::expect_member(db, &vote_id, &member)));
            // Who has left is told nothing; who comes back at the very instant at which the vote opened is told later.
            if let Some(tag) = asked.ok().and_then(|(_, elector)| elector.tag) {
                assert_eq!(*self.tags.entry(tag).or_insert(who), who, "a tag is one member's");
            }
        }
    }

    fn cast(&mut self, who: usize, choices: &[Choice]) {
        let Some(vote_id) = self.vote_id.clone() else { return };
        let (server, member) = (self.server(), self.member(who));
        let casts = choices.iter().map(|choice| actions::cast(&server.ballots, &member, vote_id.clone(), *choice));
        let answers = server.wait(join_all(casts));
        let expected = self.model.cast(who, choices);
        assert_eq!(answers.iter().map(code).collect::<Vec<_>>(), expected, "{who} says {choices:?}");
        let first = self.model.log.len() - expected.iter().filter(|refusal| refusal.is_none()).count();
        for (place, (ballot, receipt)) in (first..).zip(answers.into_iter().flatten()) {
            assert_eq!(receipt.log_index, place as i64, "in the order in which they came");
            self.receipts.push(json!(BallotView::with(ballot, Some(receipt))));
        }
    }

    /// Nobody gets an answer. The ballots were taken together, or none was: the log tells.
    fn cast_in_vain(&mut self, who: usize, choices: &[Choice], steps: usize) {
        let Some(vote_id) = self.vote_id.clone() else { return };
        let (server, member) = (self.server(), self.member(who));
        server.wait(async {
            let casts = choices.iter().map(|choice| actions::cast(&server.ballots, &member, vote_id.clone(), *choice));
            some_steps(pin!(join_all(casts)), steps).await.map(drop)
        });
        self.die();
        let mut taken = self.model.clone();
        taken.cast(who, choices);
        let server = self.server();
        let vote = server.wait(server.ctx.db.read(move |db| steps::vote(db, &vote_id))).unwrap();
        if vote.log_size == taken.log.len() as i64 {
            self.model = taken;
        }
    }

    fn close(&mut self, workers: usize, dies_after: Option<usize>) {
        let Some(vote_id) = self.vote_id.clone() else { return };
        let server = self.server();
        let answers = server.wait(async {
            let work = pin!(join_all((0..workers).map(|_| jobs::close_vote(&server.ctx, vote_id.clone()))));
            some_steps(work, dies_after.unwrap_or(usize::MAX)).await
        });
        assert!(
            answers.into_iter().flatten().all(|answer| answer.is_ok()),
            "whoever closes it finds it closed at least"
        );
        self.die_if(dies_after);
        if dies_after.is_some() {
            // Cut off or not, it ends once: the job is taken up again.
            let server = self.server();
            server.wait(jobs::close_vote(&server.ctx, vote_id)).unwrap();
        }
        self.model.close();
    }

    fn publish(&mut self, dies_after: Option<usize>) {
        let Some(vote_id) = self.vote_id.clone() else { return };
        let server = self.server();
        server.wait(some_steps(pin!(publish(&server.ctx, &vote_id)), dies_after.unwrap_or(usize::MAX)));
        self.die_if(dies_after);
        let server = self.server();
        server.wait(publish(&server.ctx, &vote_id)).unwrap();
        self.model.is_published |= self.model.is_counted();
    }

    fn call_off(&mut self) {
        let (account_id, organisation_id) = self.house.buyer.clone();
        let (server, buyer) = (self.server(), Buyer { account_id, organisation_id });
        let answer = server.wait(refrain::offers::actions::withdraw(&server.ctx, &buyer, self.offer_id.clone()));
        let is_decided = !matches!(self.model.phase, Phase::Opening | Phase::Open);
        assert_eq!(code(&answer), is_decided.then_some(Code::Conflict));
        self.model.call_off();
    }
}

async fn changed(ctx: &Context, house: &House, change: Change) -> Result<()> {
    let (Change::Join(who) | Change::Leave(who) | Change::Consent(who) | Change::Withdraw(who)) = change;
    let (member, pool_id) = (Member { account_id: house.members[who].clone() }, house.pool_id.clone());
    match change {
        Change::Join(_) => {
            let purposes = PURPOSES.map(str::to_owned).to_vec();
            pools::actions::join(ctx, &member, pool_id, 1, purposes).await.map(drop)
        }
        Change::Leave(_) => erasure::actions::leave_pool(ctx, &member, pool_id).await.map(drop),
        Change::Consent(_) => pools::actions::give_consent(ctx, &member, pool_id, PURPOSE.into(), 1).await.map(drop),
        Change::Withdraw(_) => {
            erasure::actions::withdraw_consent(ctx, &member, pool_id, PURPOSE.into()).await.map(drop)
        }
    }
}

fn set_rules(server: &Server, house: &House, rules: Rules) {
    let change = json!({"reason": "We try it.", "rules": {
        "quorum_bp": rules.quorum_bp, "threshold_numerator": rules.threshold.0, "threshold_denominator": rules.threshold.1,
        "voting_period_s": PERIOD_S, "cool_off_s": COOL_OFF_S, "late_quorum_s": rules.late_s,
        "final_ballots": rules.is_final, "split": if rules.is_live { "live" } else { "sealed" },
    }});
    let (operator, change) = (Operator { account_id: house.operator.clone() }, serde_json::from_value(change).unwrap());
    server.wait(pools::actions::change(&server.ctx, &operator, house.pool_id.clone(), change)).unwrap();
}

fn place(server: &Server, house: &House) -> OfferId {
    use diesel::prelude::*;
    let (account_id, organisation_id) = house.buyer.clone();
    let request = TestRequest::default().insert_header(("idempotency-key", "an-offer")).to_http_request();
    let key = IdempotencyKey::from_request(&request, &mut actix_web::dev::Payload::None).into_inner().unwrap();
    let new = crate::common::actors::offer(house.dataset_id.as_str(), 50_000);
    let once = key.bind(&account_id, "offers.place", &new).unwrap();
    let (buyer, new) = (Buyer { account_id, organisation_id }, serde_json::from_value(new).unwrap());
    server.wait(refrain::offers::actions::place(&server.ctx, &buyer, new, once)).unwrap();
    server.wait(server.ctx.db.read(|db| Ok(offers::table.select(offers::id).first(db)?))).unwrap()
}
