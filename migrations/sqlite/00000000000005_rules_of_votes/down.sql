ALTER TABLE votes DROP COLUMN reminders_sent;
ALTER TABLE votes DROP COLUMN extended_to;
ALTER TABLE votes DROP COLUMN split;
ALTER TABLE votes DROP COLUMN final_ballots;
ALTER TABLE votes DROP COLUMN late_quorum_s;
ALTER TABLE pools DROP COLUMN split;
ALTER TABLE pools DROP COLUMN final_ballots;
ALTER TABLE pools DROP COLUMN late_quorum_s;
