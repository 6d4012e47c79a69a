-- Electors and ballots are found by vote and member, and by nothing else: each lies in its key's tree, where a table
-- of its own would be searched once more for every ballot, and hold each key twice.
CREATE TABLE electors_by_key (
    vote_id TEXT NOT NULL REFERENCES votes (id),
    member_id TEXT NOT NULL REFERENCES accounts (id),
    -- Who the elector is in the log. NULL in votes that opened before there were logs.
    tag BLOB,
    -- Whether the elector has left the pool or taken a consent back since the vote opened: then the pool is asked.
    unsettled BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (vote_id, member_id)
) WITHOUT ROWID;
INSERT INTO electors_by_key (vote_id, member_id, tag) SELECT vote_id, member_id, tag FROM electors ORDER BY vote_id, member_id;

-- Ballots refer to electors: they step aside while those move.
CREATE TABLE ballots_aside AS SELECT vote_id, member_id, choice, cast_at, log_index, casts FROM ballots;
DROP TABLE ballots;
DROP TABLE electors;
ALTER TABLE electors_by_key RENAME TO electors;
CREATE INDEX electors_by_member ON electors (member_id);
CREATE TABLE ballots (
    vote_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice = 'yes' OR choice = 'no' OR choice = 'abstain'),
    cast_at TIMESTAMP NOT NULL,
    -- Where it stands in the log, and how many the member has cast so far. NULL and 0 in votes of before there were logs.
    log_index BIGINT,
    casts INTEGER NOT NULL DEFAULT 0 CHECK (casts >= 0),
    PRIMARY KEY (vote_id, member_id),
    FOREIGN KEY (vote_id, member_id) REFERENCES electors (vote_id, member_id)
) WITHOUT ROWID;
INSERT INTO ballots SELECT vote_id, member_id, choice, cast_at, log_index, casts FROM ballots_aside ORDER BY vote_id, member_id;
DROP TABLE ballots_aside;

-- To see whether a word is one of three, SQLite makes a table of the three for every row: words that are compared one by one
-- need none. And a reference is looked up for each leaf, though whoever appends one has just read the vote.
CREATE TABLE vote_leaves_anew (
    vote_id TEXT NOT NULL,
    log_index BIGINT NOT NULL CHECK (log_index >= 0),
    tag BLOB NOT NULL,
    -- How many ballots of the tag come before.
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    commitment BLOB NOT NULL,
    leaf_hash BLOB NOT NULL,
    -- What opens the commitment. No choice: the member's ballot is void from here on.
    choice TEXT CHECK (choice = 'yes' OR choice = 'no' OR choice = 'abstain'),
    nonce BLOB NOT NULL,
    cast_at TIMESTAMP NOT NULL,
    PRIMARY KEY (vote_id, log_index)
) WITHOUT ROWID;
INSERT INTO vote_leaves_anew
    SELECT vote_id, log_index, tag, sequence, commitment, leaf_hash, choice, nonce, cast_at FROM vote_leaves
    ORDER BY vote_id, log_index;
DROP TABLE vote_leaves;
ALTER TABLE vote_leaves_anew RENAME TO vote_leaves;
CREATE INDEX vote_leaves_void ON vote_leaves (vote_id, tag) WHERE choice IS NULL;

-- Whether every elector was a member with all consents at the instant of opening. Not known of votes of before: of all
-- their electors the pool is asked.
ALTER TABLE votes ADD COLUMN electors_settled BOOLEAN NOT NULL DEFAULT FALSE;
