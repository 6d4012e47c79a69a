//! What a vote should be, in plain Rust: nothing of the code under test but the names of choices and refusals. Times are
//! seconds since the case began.

use refrain::error::Code;
use refrain::votes::model::Choice;
use std::collections::BTreeMap;

/// Members with plays, who may vote when it opens.
pub const ELECTORS: usize = 6;
/// And with some who have none, and are in the pool only if they join.
pub const PEOPLE: usize = ELECTORS + 2;
/// How long ballots are taken.
pub const PERIOD_S: i64 = 1_000;
/// How long before the offer an elector has to have joined.
pub const COOL_OFF_S: i64 = 3 * PERIOD_S;
const LONG_AGO_S: i64 = -2 * COOL_OFF_S;

/// The rules that a pool sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub quorum_bp: i64,
    pub threshold: (i64, i64),
    pub late_s: i64,
    pub is_final: bool,
    pub is_live: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The offer is placed, and no ballot is taken yet.
    Opening,
    Open,
    Counted {
        is_accepted: bool,
    },
    /// The buyer has taken the offer back.
    CalledOff,
}

/// What somebody does about being a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Join(usize),
    Leave(usize),
    Consent(usize),
    Withdraw(usize),
}

/// What happens.
#[derive(Debug, Clone)]
pub enum Act {
    /// The vote is opened by so many workers at once, while somebody joins or leaves; the server dies after so many steps.
    Open {
        workers: usize,
        meanwhile: Option<(usize, Change)>,
        dies_after: Option<usize>,
    },
    Change(Change),
    /// Ballots of one member that arrive together, in this order.
    Cast {
        who: usize,
        choices: Vec<Choice>,
        dies_after: Option<usize>,
    },
    /// The operator gives the pool other rules.
    SetRules(Rules),
    /// The clock is set, backwards too.
    Move {
        seconds: i64,
    },
    Close {
        workers: usize,
        dies_after: Option<usize>,
    },
    Publish {
        dies_after: Option<usize>,
    },
    /// The buyer takes the offer back.
    CallOff,
    /// The server dies while it does nothing.
    Die,
}

/// Yes, no, abstained.
pub type Count = [i64; 3];

#[derive(Debug, Clone)]
pub struct Model {
    pub rules: Rules,
    pub now_s: i64,
    pub phase: Phase,
    /// When each joined last; nobody who has not.
    pub joined_s: [Option<i64>; PEOPLE],
    pub consents: [bool; PEOPLE],
    pub electorate: Vec<usize>,
    pub opened_s: Option<i64>,
    pub closes_s: i64,
    pub extended_s: Option<i64>,
    pub closed_s: Option<i64>,
    pub ballots: BTreeMap<usize, Choice>,
    /// Every leaf of the log: whose it is, and what it says; nothing where it makes a ballot void.
    pub log: Vec<(usize, Option<Choice>)>,
    pub is_published: bool,
}

impl Model {
    pub fn new(rules: Rules) -> Self {
        let electors = |who: usize| who < ELECTORS;
        Model {
            rules,
            now_s: 0,
            phase: Phase::Opening,
            joined_s: std::array::from_fn(|who| electors(who).then_some(LONG_AGO_S)),
            consents: std::array::from_fn(electors),
            electorate: Vec::new(),
            opened_s: None,
            closes_s: 0,
            extended_s: None,
            closed_s: None,
            ballots: BTreeMap::new(),
            log: Vec::new(),
            is_published: false,
        }
    }

    /// Whether something can be done at all by whoever would do it.
    pub fn allows(&self, change: Change) -> bool {
        match change {
            Change::Join(who) => self.joined_s[who].is_none(),
            // Somebody stays, so that there is always a vote to open.
            Change::Leave(who) | Change::Withdraw(who) => {
                self.joined_s[who].is_some() && (who > 0 || self.phase != Phase::Opening)
            }
            Change::Consent(who) => self.joined_s[who].is_some(),
        }
    }

    pub fn change(&mut self, change: Change) {
        match change {
            Change::Join(who) => {
                self.joined_s[who] = Some(self.now_s);
                self.consents[who] = true;
            }
            Change::Leave(who) => {
                self.joined_s[who] = None;
                self.consents[who] = false;
                if self.phase == Phase::Open {
                    self.void(who);
                }
            }
            Change::Consent(who) => self.consents[who] = true,
            Change::Withdraw(who) => {
                self.consents[who] = false;
                if self.phase == Phase::Open {
                    self.void(who);
                }
            }
        }
    }

    fn void(&mut self, who: usize) {
        if self.ballots.remove(&who).is_some() {
            self.log.push((who, None));
        }
    }

    /// Who is in the electorate if it is taken now.
    pub fn eligible(&self) -> Vec<usize> {
        let is_eligible = |who: &usize| {
            *who < ELECTORS && self.consents[*who] && self.joined_s[*who].is_some_and(|joined| joined <= -COOL_OFF_S)
        };
        (0..PEOPLE).filter(is_eligible).collect()
    }

    pub fn open(&mut self, electorate: Vec<usize>) {
        self.phase = Phase::Open;
        self.electorate = electorate;
        self.opened_s = Some(self.now_s);
        self.closes_s = self.now_s + PERIOD_S;
    }

    pub fn deadline_s(&self) -> i64 {
        self.extended_s.unwrap_or(self.closes_s)
    }

    /// Sets the clock, and tells by how much: never so far back that who comes back then has been in the pool for long enough.
    pub fn move_clock(&mut self, seconds: i64) -> i64 {
        let seconds = seconds.max(-PERIOD_S - self.now_s);
        self.now_s += seconds;
        seconds
    }

    /// Whether somebody has cast a ballot, one that was made void since among them.
    fn has_cast(&self, who: usize) -> bool {
        self.log.iter().any(|(of, _)| *of == who)
    }

    /// Why a ballot of somebody is not taken now, if it is not.
    pub fn refusal(&self, who: usize) -> Option<Code> {
        let (Some(joined_s), Some(opened_s)) = (self.joined_s[who], self.opened_s) else {
            return Some(Code::NotFound);
        };
        // Who left and came back after the opening, by the clock, has given the vote up.
        if !self.electorate.contains(&who) || joined_s > opened_s || !self.consents[who] {
            Some(Code::NotInElectorate)
        } else if self.phase != Phase::Open || self.now_s < opened_s || self.now_s >= self.deadline_s() {
            Some(Code::VoteClosed)
        } else if self.rules.is_final && self.has_cast(who) {
            Some(Code::Conflict)
        } else {
            None
        }
    }

    /// Ballots that arrive together, and why each is refused, if it is.
    pub fn cast(&mut self, who: usize, choices: &[Choice]) -> Vec<Option<Code>> {
        let yes_before = self.count()[0];
        let mut answers = Vec::new();
        for choice in choices {
            let refusal = self.refusal(who);
            if refusal.is_none() {
                self.ballots.insert(who, *choice);
                self.log.push((who, Some(*choice)));
            }
            answers.push(refusal);
        }
        let is_reached = yes_before < self.need() && self.count()[0] >= self.need();
        let is_late = self.rules.late_s > 0 && self.now_s + self.rules.late_s > self.closes_s;
        if is_reached && is_late && self.extended_s.is_none() {
            self.extended_s = Some(self.now_s + self.rules.late_s);
        }
        answers
    }

    /// The ballots that count.
    pub fn count(&self) -> Count {
        let of = |wanted| self.ballots.values().filter(|says| **says == wanted).count() as i64;
        [of(Choice::Yes), of(Choice::No), of(Choice::Abstain)]
    }

    /// How many have to say yes: the smallest number that is the quorum's share, and one at least.
    fn need(&self) -> i64 {
        let electors = self.electorate.len() as i64;
        (1..).find(|yes| yes * 10_000 >= electors * self.rules.quorum_bp).unwrap()
    }

    fn passes(&self, [yes, no, _]: Count) -> bool {
        let (part, whole) = self.rules.threshold;
        yes >= self.need() && if part * 2 == whole { yes > no } else { yes * whole >= part * (yes + no) }
    }

    /// Whether whatever those who have not voted do comes to the same: by trying all they can do.
    fn is_decided(&self, [yes, no, abstained]: Count) -> bool {
        let rest = self.electorate.len() as i64 - yes - no - abstained;
        let mut ends = Vec::new();
        for more_yes in 0..=rest {
            for more_no in 0..=rest - more_yes {
                ends.push(self.passes([yes + more_yes, no + more_no, abstained]));
            }
        }
        ends.iter().all(|end| *end == ends[0])
    }

    /// Whether a worker that looks now ends the vote.
    pub fn is_due(&self) -> bool {
        let decided = || self.rules.is_final && self.is_decided(self.count());
        self.phase == Phase::Open && (self.now_s >= self.deadline_s() || decided())
    }

    /// Ends the vote if it is due.
    pub fn close(&mut self) {
        if self.is_due() {
            self.closed_s = Some(self.now_s);
            self.phase = Phase::Counted { is_accepted: self.passes(self.count()) };
        }
    }

    pub fn is_counted(&self) -> bool {
        matches!(self.phase, Phase::Counted { .. })
    }

    pub fn call_off(&mut self) {
        if matches!(self.phase, Phase::Opening | Phase::Open) {
            self.closed_s = Some(self.now_s);
            self.phase = Phase::CalledOff;
        }
    }
}
