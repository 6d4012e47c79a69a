//! A vote under random work, against a plain model of what it should say: ballots, changes, leavers, consents that come and go,
//! a clock that is moved both ways, and closings at any time, by two at once.

use super::fixture::{self, PURPOSE, members, open_vote, pool};
use super::model::{Choice, Vote, VoteState};
use super::rules::{self, Outcome, Passing, Tally, Window};
use super::verifying::{self, Brought};
use super::{publishing, steps, store};
use crate::accounts::caller::Member;
use crate::context::Context;
use crate::db::Tx;
use crate::db::schema::memberships;
use crate::error::{Code, Result};
use crate::ids::{AccountId, MembershipId, PoolId, VoteId};
use crate::pools;
use crate::pools::model::{MembershipState, Split, VoteRules};
use diesel::prelude::*;
use proptest::prelude::*;

const PERIOD_S: i64 = 1_000;
const MEMBERS: usize = 5;

#[derive(Debug, Clone)]
enum Act {
    Cast {
        who: usize,
        choice: Choice,
    },
    Leave {
        who: usize,
    },
    Consent {
        who: usize,
        is_given: bool,
    },
    Move {
        seconds: i64,
    },
    /// By so many workers at once.
    Close {
        workers: usize,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let who = 0..MEMBERS;
    let choice = proptest::sample::select(vec![Choice::Yes, Choice::Yes, Choice::No, Choice::Abstain]);
    let act = prop_oneof![
        8 => (who.clone(), choice).prop_map(|(who, choice)| Act::Cast { who, choice }),
        1 => who.clone().prop_map(|who| Act::Leave { who }),
        2 => (who, any::<bool>()).prop_map(|(who, is_given)| Act::Consent { who, is_given }),
        3 => prop_oneof![Just(-PERIOD_S), -20..400i64].prop_map(|seconds| Act::Move { seconds }),
        2 => (1..3usize).prop_map(|workers| Act::Close { workers }),
    ];
    proptest::collection::vec(act, 1..40)
}

fn vote_rules() -> impl Strategy<Value = VoteRules> {
    let threshold = proptest::sample::select(vec![(1, 2), (2, 3), (1, 1)]);
    let late_quorum_s = proptest::sample::select(vec![0, 300, PERIOD_S]);
    (1..=10_000, threshold, late_quorum_s, any::<bool>()).prop_map(
        |(quorum_bp, (threshold_numerator, threshold_denominator), late_quorum_s, final_ballots)| VoteRules {
            quorum_bp,
            threshold_numerator,
            threshold_denominator,
            voting_period_s: PERIOD_S,
            late_quorum_s,
            final_ballots,
            split: Split::Sealed,
            ..VoteRules::default()
        },
    )
}

/// What the vote should be.
struct Model {
    rules: VoteRules,
    window: Window,
    ballots: [Option<Choice>; MEMBERS],
    has_left: [bool; MEMBERS],
    consents: [bool; MEMBERS],
    leaves: i64,
    closed: Option<(Tally, bool)>,
}

impl Model {
    fn passing(&self) -> Passing {
        let VoteRules { quorum_bp, threshold_numerator, threshold_denominator, .. } = self.rules;
        Passing::new(quorum_bp, threshold_numerator, threshold_denominator).unwrap()
    }

    fn tally(&self) -> Tally {
        let counts = |choice: Choice| self.ballots.iter().filter(|ballot| **ballot == Some(choice)).count() as i64;
        Tally { yes: counts(Choice::Yes), no: counts(Choice::No), abstain: counts(Choice::Abstain) }
    }

    fn cast(&mut self, who: usize, choice: Choice, now: crate::clock::UtcTime) -> Option<Code> {
        if self.has_left[who] {
            return Some(Code::NotFound);
        } else if !self.consents[who] {
            return Some(Code::NotInElectorate);
        } else if self.closed.is_some() || now < self.window.opens_at || now >= rules::effective_deadline(&self.window)
        {
            return Some(Code::VoteClosed);
        } else if self.rules.final_ballots && self.ballots[who].is_some() {
            return Some(Code::Conflict);
        }
        let need = rules::need(&self.passing(), MEMBERS as i64);
        let before = self.tally().yes;
        self.ballots[who] = Some(choice);
        self.leaves += 1;
        let late_from = self.window.closes_at.plus_s(-self.rules.late_quorum_s);
        let is_reached = before < need && self.tally().yes >= need;
        if is_reached && now > late_from && self.window.extended_to.is_none() {
            self.window.extended_to = Some(now.plus_s(self.rules.late_quorum_s));
        }
        None
    }

    /// The ballot of who leaves, or takes the consent back, is void.
    fn lose(&mut self, who: usize) {
        if self.closed.is_none() && self.ballots[who].take().is_some() {
            self.leaves += 1;
        }
    }

    fn close(&mut self, now: crate::clock::UtcTime) -> bool {
        let (passing, tally) = (self.passing(), self.tally());
        let is_decided = self.rules.final_ballots && rules::decided_early(&passing, MEMBERS as i64, tally).is_some();
        if self.closed.is_some() || !(now >= rules::effective_deadline(&self.window) || is_decided) {
            return false;
        }
        self.closed = Some((tally, rules::outcome(&passing, MEMBERS as i64, tally) == Outcome::Accepted));
        true
    }

    fn expect(&self, vote: &Vote, turnout: i64) {
        assert_eq!(vote.electors, MEMBERS as i64);
        assert_eq!(vote.window(), Some(self.window));
        assert_eq!((vote.live_tally(), vote.log_size), (self.tally(), self.leaves));
        assert_eq!(turnout, self.tally().turnout());
        let state = match self.closed {
            None => VoteState::Open,
            Some((_, true)) => VoteState::Accepted,
            Some((_, false)) => VoteState::Rejected,
        };
        assert_eq!((vote.state, vote.tally()), (state, self.closed.map(|(tally, _)| tally)));
    }
}

struct World {
    ctx: Context,
    pool_id: PoolId,
    members: Vec<Member>,
    id: VoteId,
}

impl World {
    async fn write<T: Send + 'static>(&self, work: impl Fn(&mut Tx) -> Result<T> + Send + 'static) -> T {
        self.ctx.db.write(work).await.unwrap()
    }

    async fn leave(&self, who: usize) {
        let (member, pool_id) = (self.members[who].account_id.clone(), self.pool_id.clone());
        self.write(move |tx| {
            steps::forget_ballots_in(tx, &member, &pool_id)?;
            let own = memberships::table.filter(memberships::member_id.eq(&member));
            diesel::update(own).set(memberships::state.eq(MembershipState::Left)).execute(&mut **tx)?;
            Ok(())
        })
        .await;
    }

    async fn consent(&self, who: usize, is_given: bool) {
        let (member, pool_id) = (self.members[who].account_id.clone(), self.pool_id.clone());
        self.write(move |tx| {
            if is_given {
                let own = membership(tx, &member)?;
                return fixture::consent(tx, &own, PURPOSE);
            }
            steps::forget_ballots_about(tx, &member, &pool_id, PURPOSE)?;
            pools::steps::withdraw_consent(tx, &pool_id, &member, PURPOSE).map(drop)
        })
        .await;
    }

    /// How many of so many workers find that they have closed it.
    async fn close(&self, workers: usize) -> usize {
        let closings = (0..workers).map(|_| {
            let id = self.id.clone();
            self.ctx.db.write(move |tx| steps::close(tx, &id))
        });
        let closed = futures_util::future::join_all(closings).await;
        closed.into_iter().filter(|closed| closed.as_ref().unwrap().is_some()).count()
    }
}

fn membership(tx: &mut Tx, member: &AccountId) -> Result<MembershipId> {
    let own = memberships::table.filter(memberships::member_id.eq(member)).select(memberships::id);
    Ok(own.first(&mut **tx)?)
}

async fn play(rules: VoteRules, acts: Vec<Act>) {
    let (ctx, _guard) = Context::for_tests();
    let pool_id = pool(&ctx, rules.clone()).await;
    let members = members(&ctx, &pool_id, MEMBERS).await;
    let (id, window) = open_vote(&ctx, &pool_id, &members).await;
    let world = World { ctx, pool_id, members, id };
    let mut model = Model {
        rules,
        window,
        ballots: [None; MEMBERS],
        has_left: [false; MEMBERS],
        consents: [true; MEMBERS],
        leaves: 0,
        closed: None,
    };
    for act in acts {
        match act {
            Act::Cast { who, choice } => {
                let cast = fixture::cast(&world.ctx, &world.members[who], world.id.clone(), choice).await;
                let refused = cast.err().map(|error| error.code());
                assert_eq!(refused, model.cast(who, choice, world.ctx.clock.now()), "{who} says {choice}");
            }
            Act::Leave { who } if !model.has_left[who] => {
                world.leave(who).await;
                model.has_left[who] = true;
                model.lose(who);
            }
            Act::Consent { who, is_given } if !model.has_left[who] && model.consents[who] != is_given => {
                world.consent(who, is_given).await;
                model.consents[who] = is_given;
                if !is_given {
                    model.lose(who);
                }
            }
            Act::Leave { .. } | Act::Consent { .. } => {}
            Act::Move { seconds } => {
                world.ctx.clock.advance_s(seconds).unwrap();
            }
            Act::Close { workers } => {
                let closed = world.close(workers).await;
                assert_eq!(closed, usize::from(model.close(world.ctx.clock.now())), "of {workers} workers");
            }
        }
        let id = world.id.clone();
        let seen = world.ctx.db.read(move |db| Ok((steps::vote(db, &id)?, store::turnout(db, &id)?))).await.unwrap();
        model.expect(&seen.0, seen.1);
    }
    assert_eq!(world.ctx.db.read(steps::verify).await.unwrap(), Vec::<String>::new());
    publishing::publish(&world.ctx, &world.id).await.unwrap();
    let id = world.id.clone();
    let published = world.ctx.db.read(move |db| store::bundle(db, &id)).await.unwrap();
    assert_eq!(published.is_some(), model.closed.is_some(), "an ended vote is published, and no other");
    if let Some(published) = published {
        let bytes = world.ctx.storage.get(&published.object_key).await.unwrap();
        assert_eq!(verifying::verify(&bytes[..], &Brought::default()).unwrap().faults, Vec::<String>::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_a_vote_is_what_its_model_says(rules in vote_rules(), acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(rules, acts));
    }
}
