-- Which mails about votes a member wants. Says nothing of how they vote.
ALTER TABLE accounts ADD COLUMN vote_mails TEXT NOT NULL DEFAULT 'all' CHECK (vote_mails IN ('all', 'reminders_only'));
