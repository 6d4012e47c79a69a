-- What members ask about the offer that they vote on, and what the buyer answers. Both are kept with the vote.
CREATE TABLE vote_questions (
    id TEXT NOT NULL PRIMARY KEY,
    vote_id TEXT NOT NULL REFERENCES votes (id),
    -- Who asked; forgotten when they leave.
    member_id TEXT REFERENCES accounts (id),
    body TEXT NOT NULL,
    asked_at TIMESTAMP NOT NULL,
    -- When the mail is due that tells the buyer of it, and of others.
    mail_due_at TIMESTAMP NOT NULL,
    answer TEXT,
    answered_by TEXT REFERENCES accounts (id),
    answered_at TIMESTAMP,
    -- Why neither question nor answer is shown, where an operator decided so.
    withheld_reason TEXT,
    withheld_at TIMESTAMP,
    CHECK ((answer IS NULL) = (answered_at IS NULL)),
    CHECK ((answer IS NULL) = (answered_by IS NULL)),
    CHECK ((withheld_reason IS NULL) = (withheld_at IS NULL))
);
CREATE INDEX vote_questions_by_vote ON vote_questions (vote_id, id);
CREATE INDEX vote_questions_by_member ON vote_questions (member_id);

-- Other terms that an operator asks the buyer for while an offer is undecided.
CREATE TABLE counters (
    id TEXT NOT NULL PRIMARY KEY,
    offer_id TEXT NOT NULL REFERENCES offers (id),
    made_by TEXT NOT NULL REFERENCES accounts (id),
    -- As far as somebody said so: one that stands has lapsed when its time is over or its offer decided.
    state TEXT NOT NULL CHECK (state IN ('standing', 'accepted', 'declined', 'withdrawn', 'lapsed')),
    -- What is asked for instead of what is offered.
    terms_json TEXT NOT NULL,
    message TEXT NOT NULL,
    answer_by TIMESTAMP NOT NULL CHECK (answer_by > made_at),
    made_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    -- What was placed when it was accepted.
    new_offer_id TEXT UNIQUE REFERENCES offers (id),
    CHECK ((state = 'standing') = (ended_at IS NULL)),
    CHECK ((state = 'accepted') = (new_offer_id IS NOT NULL))
);
CREATE INDEX counters_by_offer ON counters (offer_id, made_at);
-- One stands at a time.
CREATE UNIQUE INDEX counters_standing ON counters (offer_id) WHERE state = 'standing';
