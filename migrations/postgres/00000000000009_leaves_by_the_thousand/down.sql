ALTER TABLE vote_log_tiles DROP COLUMN root;
DROP INDEX vote_leaves_void;
ALTER TABLE vote_leaves ADD CONSTRAINT vote_leaves_vote_id_fkey FOREIGN KEY (vote_id) REFERENCES votes (id);
