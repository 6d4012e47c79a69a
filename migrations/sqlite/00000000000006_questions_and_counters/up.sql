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
