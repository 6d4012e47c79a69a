ALTER TABLE votes DROP COLUMN electors_settled;
CREATE TABLE electors_by_row (
    vote_id TEXT NOT NULL REFERENCES votes (id),
    member_id TEXT NOT NULL REFERENCES accounts (id),
    tag BLOB,
    PRIMARY KEY (vote_id, member_id)
);
INSERT INTO electors_by_row SELECT vote_id, member_id, tag FROM electors;
CREATE TABLE ballots_aside AS SELECT vote_id, member_id, choice, cast_at, log_index, casts FROM ballots;
DROP TABLE ballots;
DROP TABLE electors;
ALTER TABLE electors_by_row RENAME TO electors;
CREATE INDEX electors_by_member ON electors (member_id);
CREATE TABLE ballots (
    vote_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('yes', 'no', 'abstain')),
    cast_at TIMESTAMP NOT NULL,
    log_index BIGINT,
    casts INTEGER NOT NULL DEFAULT 0 CHECK (casts >= 0),
    PRIMARY KEY (vote_id, member_id),
    FOREIGN KEY (vote_id, member_id) REFERENCES electors (vote_id, member_id)
);
INSERT INTO ballots SELECT vote_id, member_id, choice, cast_at, log_index, casts FROM ballots_aside;
DROP TABLE ballots_aside;

CREATE TABLE vote_leaves_as_before (
    vote_id TEXT NOT NULL REFERENCES votes (id),
    log_index BIGINT NOT NULL CHECK (log_index >= 0),
    tag BLOB NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    commitment BLOB NOT NULL,
    leaf_hash BLOB NOT NULL,
    choice TEXT CHECK (choice IN ('yes', 'no', 'abstain')),
    nonce BLOB NOT NULL,
    cast_at TIMESTAMP NOT NULL,
    PRIMARY KEY (vote_id, log_index)
) WITHOUT ROWID;
INSERT INTO vote_leaves_as_before
    SELECT vote_id, log_index, tag, sequence, commitment, leaf_hash, choice, nonce, cast_at FROM vote_leaves;
DROP TABLE vote_leaves;
ALTER TABLE vote_leaves_as_before RENAME TO vote_leaves;
CREATE INDEX vote_leaves_void ON vote_leaves (vote_id, tag) WHERE choice IS NULL;
