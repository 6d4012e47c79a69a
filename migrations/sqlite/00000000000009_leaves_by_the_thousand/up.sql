-- Whose ballots were made void: few leaves among many.
CREATE INDEX vote_leaves_void ON vote_leaves (vote_id, tag) WHERE choice IS NULL;
