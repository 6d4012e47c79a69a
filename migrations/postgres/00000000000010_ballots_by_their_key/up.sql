-- A reference is looked up anew for each ballot. Whoever puts one in has read the elector in the same transaction, holds the
-- row of the vote, and electors are never taken out of an open vote.
ALTER TABLE ballots DROP CONSTRAINT ballots_vote_id_member_id_fkey;

-- Whether the elector has left the pool or taken a consent back since the vote opened: then the pool is asked.
ALTER TABLE electors ADD COLUMN unsettled BOOLEAN NOT NULL DEFAULT FALSE;

-- Whether every elector was a member with all consents at the instant of opening. Not known of votes of before: of all
-- their electors the pool is asked.
ALTER TABLE votes ADD COLUMN electors_settled BOOLEAN NOT NULL DEFAULT FALSE;
