//! Which acts are tried, and in which order: more of those that move the vote on where it stands.

use super::model::{Act, Change, ELECTORS, Model, PEOPLE, PERIOD_S, Phase, Rules};
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;
use refrain::votes::model::Choice;

/// Most ballots that arrive together.
const TOGETHER: usize = 64;
/// More steps than any work of a worker has.
const STEPS: usize = 24;

/// Takes for granted that no server dies before its work is done: good enough to choose what comes next. What really came
/// of it is in the model that the world holds.
pub struct Plan;

impl ReferenceStateMachine for Plan {
    type State = Model;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Model> {
        rules().prop_map(Model::new).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Act> {
        let now = model.now_s;
        let (opening, open, ended) = match model.phase {
            Phase::Opening => (8, 0, 0),
            Phase::Open => (1, 8, 0),
            Phase::Counted { .. } | Phase::CalledOff => (1, 1, 2),
        };
        // To the deadline, the last second before it, and where a quorum begins to be late.
        let borders =
            [model.deadline_s() - now, model.deadline_s() - 1 - now, model.closes_s - model.rules.late_s - now];
        let seconds = prop_oneof![
            2 => select(borders.to_vec()),
            2 => 0..PERIOD_S / 3,
            1 => -PERIOD_S / 2..0i64,
        ];
        prop_oneof![
            1 + opening => (1..=2usize, proptest::option::weighted(0.5, (0..STEPS, change())), dies())
                .prop_map(|(workers, meanwhile, dies_after)| Act::Open { workers, meanwhile, dies_after }),
            2 + 2 * open => (0..ELECTORS, choices(), dies())
                .prop_map(|(who, choices, dies_after)| Act::Cast { who, choices, dies_after }),
            1 => (0..PEOPLE, choices()).prop_map(|(who, choices)| Act::Cast { who, choices, dies_after: None }),
            4 => change().prop_map(Act::Change),
            1 => rules().prop_map(Act::SetRules),
            4 => seconds.prop_map(|seconds| Act::Move { seconds }),
            1 + open / 2 => (1..=2usize, dies()).prop_map(|(workers, dies_after)| Act::Close { workers, dies_after }),
            1 + ended => dies().prop_map(|dies_after| Act::Publish { dies_after }),
            1 => Just(Act::CallOff),
            1 => Just(Act::Die),
        ]
        .boxed()
    }

    fn apply(mut model: Model, act: &Act) -> Model {
        match act {
            Act::Open { meanwhile, .. } => {
                if let Some((_, change)) = meanwhile.filter(|(_, change)| model.allows(*change)) {
                    model.change(change);
                }
                if model.phase == Phase::Opening {
                    model.open(model.eligible());
                }
            }
            Act::Change(change) if model.allows(*change) => model.change(*change),
            Act::Cast { who, choices, .. } => drop(model.cast(*who, choices)),
            Act::Move { seconds } => drop(model.move_clock(*seconds)),
            Act::Close { .. } => model.close(),
            Act::Publish { .. } => model.is_published |= model.is_counted(),
            Act::CallOff => model.call_off(),
            Act::Change(_) | Act::SetRules(_) | Act::Die => {}
        }
        model
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let threshold = select(vec![(1, 2), (2, 3), (1, 1), (51, 100)]);
    (1..=10_000i64, threshold, select(vec![0, 300, PERIOD_S]), any::<[bool; 2]>()).prop_map(
        |(quorum_bp, threshold, late_s, [is_final, is_live])| Rules { quorum_bp, threshold, late_s, is_final, is_live },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let one_of: [fn(usize) -> Change; 4] = [Change::Join, Change::Leave, Change::Consent, Change::Withdraw];
    (select(one_of.to_vec()), 0..PEOPLE).prop_map(|(change, who)| change(who))
}

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let choice = || select(vec![Choice::Yes, Choice::Yes, Choice::No, Choice::Abstain]);
    prop_oneof![
        12 => proptest::collection::vec(choice(), 1..=2),
        1 => proptest::collection::vec(choice(), TOGETHER),
    ]
}

fn dies() -> impl Strategy<Value = Option<usize>> {
    proptest::option::weighted(0.3, 0..STEPS)
}
