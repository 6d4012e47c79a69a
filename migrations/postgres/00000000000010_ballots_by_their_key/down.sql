ALTER TABLE votes DROP COLUMN electors_settled;
ALTER TABLE electors DROP COLUMN unsettled;
ALTER TABLE ballots ADD CONSTRAINT ballots_vote_id_member_id_fkey
    FOREIGN KEY (vote_id, member_id) REFERENCES electors (vote_id, member_id);
