DROP TABLE listing_texts;
ALTER TABLE datasets ADD COLUMN search_text TEXT NOT NULL DEFAULT '';
UPDATE datasets SET search_text = lower(title || ' ' || description || ' ' || keywords_json);
