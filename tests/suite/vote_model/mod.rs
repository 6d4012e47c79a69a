//! A vote as a state machine: any sequence of what members, buyers, operators, workers, clocks and crashes do, on either
//! database, against a plain model of what should come of it. A sequence that fails is made as short as it can be.

mod acts;
mod checks;
mod model;
mod world;

use crate::common::Backend;
use crate::common::house::House;
use acts::Plan;
use model::{Act, ELECTORS, Model, PEOPLE};
use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use world::World;

/// For how long sequences are tried, in seconds, unless the environment asks for more.
const SECONDS: u64 = 15;
const SECONDS_VARIABLE: &str = "REFRAIN_VOTE_MODEL_S";
/// Acts of a sequence.
const ACTS: std::ops::Range<usize> = 1..40;

crate::on_both_databases!(whatever_happens_a_vote_is_what_its_model_says);

thread_local! {
    /// What every sequence begins with, while the test runs.
    static HOUSE: RefCell<Option<Rc<House>>> = const { RefCell::new(None) };
}

struct VoteTest;

impl StateMachineTest for VoteTest {
    type SystemUnderTest = World;
    type Reference = Plan;

    fn init_test(model: &Model) -> World {
        World::new(HOUSE.with_borrow(|house| house.clone().expect("a house is there")), model.clone())
    }

    /// The world has a model of its own: it knows what had come of the work of a server that died.
    fn apply(mut world: World, _: &Model, act: Act) -> World {
        world.act(act);
        world.look();
        world
    }

    fn teardown(mut world: World, _: Model) {
        world.end();
    }
}

fn whatever_happens_a_vote_is_what_its_model_says(backend: Backend) {
    let seconds = std::env::var(SECONDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let ends_at = Instant::now() + Duration::from_secs(seconds);
    HOUSE.set(Some(Rc::new(House::new(backend, ELECTORS, PEOPLE - ELECTORS))));
    let config = Config { cases: 1, failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
    let mut sequences = 0;
    while sequences == 0 || Instant::now() < ends_at {
        // One runner is for so many cases and no more.
        let tried = TestRunner::new(config.clone()).run(&Plan::sequential_strategy(ACTS), |(model, acts, seen)| {
            VoteTest::test_sequential(config.clone(), model, acts, seen);
            Ok(())
        });
        tried.unwrap_or_else(|failed| panic!("after {sequences} sequences: {failed}"));
        sequences += 1;
    }
    HOUSE.set(None);
    println!("{sequences} sequences on {backend:?}");
}
