//! What has to hold after every act, and what anybody finds who counts an ended vote again.

use super::model::{Act, ELECTORS, Phase};
use super::world::World;
use crate::receipts::sha256;
use diesel::prelude::*;
use futures_util::TryStreamExt;
use refrain::accounts::caller::Caller;
use refrain::accounts::model::Role;
use refrain::clock::Entropy;
use refrain::db::Db;
use refrain::db::schema::{electors, outbox, purchases};
use refrain::error::Result;
use refrain::ids::{AccountId, SessionId, VoteId};
use refrain::offers::model::{Offer, OfferState};
use refrain::queue::{self, JobState};
use refrain::signing::KnownKey;
use refrain::votes::bundle::{Kept, Statement};
use refrain::votes::log::{Hash, verify_consistency, verify_inclusion};
use refrain::votes::model::{Choice, Vote, VoteState};
use refrain::votes::rules::Tally;
use refrain::votes::verifying::{Brought, verify};
use refrain::votes::{actions, steps};

/// Receipts that are looked for in a bundle: each costs a reading of it.
const RECEIPTS: usize = 10;

/// All that the database has of the one vote.
struct Found {
    offer: Offer,
    invoices: i64,
    /// How often it was told that the vote opened, that it closed, and that the offer was decided.
    told: [i64; 3],
    vote: Option<(Vote, i64, Vec<AccountId>, Vec<(AccountId, Choice)>)>,
    problems: Vec<String>,
}

impl World {
    /// Compares everything that can be seen with the model, and with what was seen before.
    pub fn look(&mut self) {
        let offer_id = self.offer_id.clone();
        let server = self.server();
        let found = server.wait(server.ctx.db.read(move |db| {
            let offer = refrain::offers::steps::offer(db, &offer_id)?;
            let told = |db: &mut Db, kind: &str| outbox::table.filter(outbox::kind.eq(kind)).count().get_result(db);
            Ok(Found {
                invoices: purchases::table.filter(purchases::offer_id.eq(&offer_id)).count().get_result(db)?,
                told: [told(db, "vote.opened")?, told(db, "vote.closed")?, told(db, "offer.decided")?],
                vote: offer.vote_id.as_ref().map(|id| vote(db, id)).transpose()?,
                problems: steps::verify(db)?,
                offer,
            })
        }));
        let found = found.unwrap();
        assert_eq!(found.problems, Vec::<String>::new());
        self.check_offer(&found);
        if let Some((vote, turnout, electors, ballots)) = &found.vote {
            self.check_state(vote);
            if self.model.opened_s.is_some() {
                self.check_vote(vote, *turnout, electors, ballots);
                self.check_log(&vote.id);
                self.check_bundle(&vote.id);
            }
        }
    }

    /// One story, told once, and an order exactly where there is a yes.
    fn check_offer(&self, found: &Found) {
        let (state, counted, accepted) = match self.model.phase {
            Phase::Opening => (OfferState::Opening, 0, 0),
            Phase::Open => (OfferState::Voting, 0, 0),
            Phase::Counted { is_accepted: true } => (OfferState::Accepted, 1, 1),
            Phase::Counted { is_accepted: false } => (OfferState::Rejected, 1, 0),
            Phase::CalledOff => (OfferState::Withdrawn, 0, 0),
        };
        assert_eq!((found.offer.state, found.invoices), (state, accepted));
        let opened = i64::from(self.model.opened_s.is_some());
        let closed = i64::from(self.model.closed_s.is_some()) * opened;
        // The queue makes a letter to each of whom it is told of what stands there once.
        assert!(self.is_told || found.told == [opened, closed, counted], "{:?}", found.told);
    }

    fn check_state(&mut self, vote: &Vote) {
        let state = match self.model.phase {
            Phase::Opening => VoteState::Opening,
            Phase::Open => VoteState::Open,
            Phase::Counted { is_accepted: true } => VoteState::Accepted,
            Phase::Counted { is_accepted: false } => VoteState::Rejected,
            Phase::CalledOff => VoteState::Void,
        };
        assert_eq!(vote.state, state);
        let before = self.seen.state.replace(state).unwrap_or(VoteState::Opening);
        let is_ended = |state: VoteState| !matches!(state, VoteState::Opening | VoteState::Open);
        assert!(before == state || !is_ended(before) && state != VoteState::Opening, "{before} became {state}");
    }

    fn check_vote(&mut self, vote: &Vote, turnout: i64, electors: &[AccountId], ballots: &[(AccountId, Choice)]) {
        let model = &self.model;
        let listed: Vec<AccountId> = model.electorate.iter().map(|who| self.member(*who).account_id).collect();
        assert_eq!((vote.electors, electors), (listed.len() as i64, &listed[..]), "an electorate never changes");
        if let Some(root) = &self.seen.electorate_root {
            assert_eq!(vote.electorate_root.as_ref(), Some(root));
        }
        let window = vote.window().unwrap();
        let extended_to = model.extended_s.map(|at| self.at(at));
        assert_eq!(window.opens_at, self.at(model.opened_s.unwrap()));
        assert_eq!((window.closes_at, window.extended_to), (self.at(model.closes_s), extended_to));
        assert!(model.deadline_s() <= model.closes_s + model.rules.late_s);
        assert_eq!(vote.closed_at, model.closed_s.map(|at| self.at(at)));
        let [yes, no, abstain] = model.count();
        let tally = Tally { yes, no, abstain };
        assert_eq!((vote.live_tally(), turnout), (tally, tally.turnout()));
        assert_eq!(vote.tally(), model.is_counted().then_some(tally), "no result before the end");
        let cast: Vec<_> = model.ballots.iter().map(|(who, says)| (self.member(*who).account_id, *says)).collect();
        assert_eq!(ballots, cast, "one ballot that counts for each");
        self.seen.electorate_root = vote.electorate_root.clone();
    }

    /// The log that is signed now goes on from the one that was signed before, and whoever voted last is in it.
    fn check_log(&mut self, id: &VoteId) {
        let (server, operator) = (self.server(), self.operator());
        let head = server.wait(actions::head(&server.ctx, &operator, id.clone())).unwrap();
        assert!(head.is_signed_by(server.ctx.signer.public()));
        let (size, root) = (head.head.size, head.head.root);
        assert_eq!(size, self.model.log.len() as u64);
        if let Some((first, first_root)) = self.seen.head.filter(|(first, _)| *first > 0) {
            let asked = actions::consistency(&server.ctx, &operator, id.clone(), Some(first), None);
            let (_, proof) = server.wait(asked).unwrap();
            assert_eq!(verify_consistency(first, size, &first_root, &root, &proof), Ok(()));
        }
        let last = self.model.log.iter().rposition(|(who, _)| self.model.ballots.contains_key(who));
        if let Some(index) = last {
            let (who, says) = self.model.log[index];
            let (ballot, receipt) =
                server.wait(actions::own_ballot(&server.ctx, &self.member(who), id.clone())).unwrap();
            let receipt = receipt.unwrap();
            assert_eq!((Some(ballot.choice), receipt.log_index), (says, index as i64));
            let proof = receipt.proof.as_ref().unwrap();
            assert_eq!(verify_inclusion(&receipt.hashed.leaf_hash, index as u64, size, proof, &root), Ok(()));
        }
        self.seen.head = Some((size, root));
    }

    fn check_bundle(&mut self, id: &VoteId) {
        let server = self.server();
        let sha256 = server.wait(actions::bundle(&server.ctx, id.clone())).ok().map(|(bundle, _)| bundle.sha256);
        assert_eq!(sha256.is_some(), self.model.is_published);
        assert!(self.seen.bundle_sha256.is_none() || self.seen.bundle_sha256 == sha256, "it is published once");
        self.seen.bundle_sha256 = sha256;
    }

    fn operator(&self) -> Caller {
        let session_id = SessionId::new(self.house.now, &Entropy::seeded(1));
        Caller { account_id: self.house.operator.clone(), role: Role::Operator, organisation_id: None, session_id }
    }

    /// Whatever was left undone is done, and then by the queue once more, which changes nothing.
    pub fn end(&mut self) {
        let mut last = vec![Act::Open { workers: 1, meanwhile: None, dies_after: None }];
        if self.model.phase == Phase::Opening {
            last.push(Act::Cast { who: ELECTORS - 1, choices: vec![Choice::Yes], dies_after: None });
        }
        for act in last {
            self.act(act);
            self.look();
        }
        let seconds = self.model.deadline_s().max(self.model.now_s) - self.model.now_s;
        let close = Act::Close { workers: 2, dies_after: None };
        for act in [Act::Move { seconds }, close, Act::Publish { dies_after: None }] {
            self.act(act);
            self.look();
        }
        let server = self.server();
        server.wait(refrain::jobs::run_due(&server.ctx)).unwrap();
        let dead = server.wait(server.ctx.db.read(|db| queue::list(db, Some(JobState::Dead), None, 10))).unwrap();
        assert!(dead.is_empty(), "{dead:?}");
        self.is_told = true;
        self.look();
        if self.model.is_counted() {
            self.count_again();
        }
    }

    /// As a stranger would, from what is published and RFC 9162, and then by the program that is there for it.
    fn count_again(&self) {
        let (server, vote_id) = (self.server(), self.vote_id.clone().unwrap());
        let bytes: Vec<u8> = server.wait(async {
            let (_, pieces) = actions::bundle(&server.ctx, vote_id.clone()).await.unwrap();
            pieces.try_collect::<Vec<_>>().await.unwrap().concat()
        });
        let text = String::from_utf8(bytes.clone()).unwrap();
        let mut lines = text.lines();
        let statement: Statement = serde_json::from_str(lines.next().unwrap()).unwrap();
        let [yes, no, abstain] = self.model.count();
        assert_eq!((statement.yes, statement.no, statement.abstain), (yes, no, abstain));
        let is_accepted = self.model.phase == Phase::Counted { is_accepted: true };
        assert_eq!(statement.outcome == VoteState::Accepted, is_accepted);
        let hex = |text: &str| hex::decode(serde_json::from_str::<String>(text).unwrap()).unwrap();
        let tags: Vec<Vec<u8>> = lines.by_ref().take(self.model.electorate.len()).map(hex).collect();
        let leaves: Vec<String> = tags.iter().map(|tag| leaf(tag)).collect();
        assert_eq!(statement.electorate_root, root(&leaves));
        assert_eq!(self.seen.electorate_root.as_ref().map(hex::encode), Some(statement.electorate_root));
        let (mut log, mut leaves, mut casts) = (Vec::new(), Vec::new(), vec![0u32; tags.len()]);
        for line in lines {
            let (elector, sequence, says, nonce): (usize, u32, String, String) = serde_json::from_str(line).unwrap();
            assert_eq!(sequence, casts[elector]);
            casts[elector] += 1;
            let (tag, nonce) = (&tags[elector][..], hex::decode(nonce).unwrap());
            let parts = [b"refrain-ballot-1", says.as_bytes(), &nonce, vote_id.as_str().as_bytes(), tag];
            let commitment = hex::decode(sha256(&[], &parts)).unwrap();
            let parts = [b"refrain-leaf-1", vote_id.as_str().as_bytes(), tag, &sequence.to_be_bytes(), &commitment];
            leaves.push(sha256(&[0], &parts));
            let who = self.tags[&<[u8; 32]>::try_from(tag).unwrap()];
            log.push((who, Choice::ALL.iter().copied().find(|choice| choice.as_str() == says)));
        }
        assert_eq!(log, self.model.log, "every leaf, in order");
        assert_eq!(statement.log_root, root(&leaves));
        self.check_receipts(&bytes);
    }

    fn check_receipts(&self, bundle: &[u8]) {
        let key = Some(KnownKey::from(self.server().ctx.signer.public()));
        let step = self.receipts.len() / RECEIPTS + 1;
        let kept = self.receipts.iter().rev().step_by(step).map(|receipt| {
            let kept: Kept = serde_json::from_value(receipt.clone()).unwrap();
            Some(kept)
        });
        for receipt in kept.chain([None]) {
            let verdict = verify(bundle, &Brought { key: key.clone(), receipt, tag: None }).unwrap();
            assert_eq!([verdict.faults, verdict.misfits].concat(), Vec::<String>::new());
        }
    }
}

fn vote(db: &mut Db, id: &VoteId) -> Result<(Vote, i64, Vec<AccountId>, Vec<(AccountId, Choice)>)> {
    let vote = steps::vote(db, id)?;
    let (turnout, everybody) = (steps::turnout(db, &vote)?, steps::electors(db, id)?);
    let cast = electors::table.filter(electors::vote_id.eq(id).and(electors::choice.is_not_null()));
    let cast = cast.order(electors::member_id).select((electors::member_id, electors::choice.assume_not_null()));
    Ok((vote, turnout, everybody, cast.load(db)?))
}

fn leaf(bytes: &[u8]) -> String {
    use aws_lc_rs::digest;
    hex::encode(digest::digest(&digest::SHA256, &[&[0], bytes].concat()))
}

/// The root over leaves' hashes by its definition (RFC 9162, section 2.1.1).
fn root(leaves: &[String]) -> String {
    use aws_lc_rs::digest;
    let bytes = match leaves {
        [] => Vec::new(),
        [one] => return one.clone(),
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            [vec![1], hex::decode(root(left)).unwrap(), hex::decode(root(right)).unwrap()].concat()
        }
    };
    let root = Hash::from_bytes(digest::digest(&digest::SHA256, &bytes).as_ref());
    root.unwrap().to_string()
}
