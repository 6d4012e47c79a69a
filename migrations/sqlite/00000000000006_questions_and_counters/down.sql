DROP TABLE vote_questions;
