DROP TABLE counters;
DROP TABLE vote_questions;
