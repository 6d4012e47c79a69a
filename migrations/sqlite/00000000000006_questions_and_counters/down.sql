DROP INDEX vote_leaves_void;
DROP TABLE counters;
DROP TABLE vote_questions;
