-- Rules that a pool may set for its votes, and that are frozen into each.

-- Seconds that are left at least when the yes that are needed are reached; 0 moves no deadline.
ALTER TABLE pools ADD COLUMN late_quorum_s BIGINT NOT NULL DEFAULT 0 CHECK (late_quorum_s >= 0);
-- Whether a ballot that is cast cannot be changed. Then a vote ends as soon as nothing can change its outcome.
ALTER TABLE pools ADD COLUMN final_ballots BOOLEAN NOT NULL DEFAULT FALSE;
-- Whether the split is shown while a vote is open.
ALTER TABLE pools ADD COLUMN split TEXT NOT NULL DEFAULT 'sealed' CHECK (split IN ('sealed', 'live'));

-- Seconds that are left at least when the yes that are needed are reached; 0 moves no deadline.
ALTER TABLE votes ADD COLUMN late_quorum_s BIGINT NOT NULL DEFAULT 0 CHECK (late_quorum_s >= 0);
-- Whether a ballot that is cast cannot be changed. Then a vote ends as soon as nothing can change its outcome.
ALTER TABLE votes ADD COLUMN final_ballots BOOLEAN NOT NULL DEFAULT FALSE;
-- Whether the split is shown while a vote is open.
ALTER TABLE votes ADD COLUMN split TEXT NOT NULL DEFAULT 'sealed' CHECK (split IN ('sealed', 'live'));

-- Where the deadline was moved to, once.
ALTER TABLE votes ADD COLUMN extended_to TIMESTAMP;

-- Reminders that went out to those who had not voted.
ALTER TABLE votes ADD COLUMN reminders_sent INTEGER NOT NULL DEFAULT 0 CHECK (reminders_sent >= 0);
