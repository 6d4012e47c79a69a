ALTER TABLE accounts DROP COLUMN vote_mails;
