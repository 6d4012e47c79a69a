-- A listing may say what it says: nothing has to be taken back.
SELECT 1;
