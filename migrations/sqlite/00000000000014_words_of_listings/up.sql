-- What a listing is found by: its words, folded and told apart by the program, so that both databases search the same ones.
CREATE TABLE listing_texts (
    number INTEGER NOT NULL PRIMARY KEY,
    dataset_id TEXT NOT NULL UNIQUE REFERENCES datasets (id),
    title TEXT NOT NULL,
    keywords TEXT NOT NULL,
    description TEXT NOT NULL,
    recipe TEXT NOT NULL
);

-- The index over them, kept by the database itself. It holds no texts of its own.
CREATE VIRTUAL TABLE listing_words USING fts5(
    title, keywords, description, recipe,
    content = 'listing_texts', content_rowid = 'number', tokenize = 'ascii', prefix = '2 3'
);
CREATE TRIGGER listing_texts_inserted AFTER INSERT ON listing_texts BEGIN
    INSERT INTO listing_words (rowid, title, keywords, description, recipe)
    VALUES (new.number, new.title, new.keywords, new.description, new.recipe);
END;
CREATE TRIGGER listing_texts_deleted AFTER DELETE ON listing_texts BEGIN
    INSERT INTO listing_words (listing_words, rowid, title, keywords, description, recipe)
    VALUES ('delete', old.number, old.title, old.keywords, old.description, old.recipe);
END;
CREATE TRIGGER listing_texts_updated AFTER UPDATE ON listing_texts BEGIN
    INSERT INTO listing_words (listing_words, rowid, title, keywords, description, recipe)
    VALUES ('delete', old.number, old.title, old.keywords, old.description, old.recipe);
    INSERT INTO listing_words (rowid, title, keywords, description, recipe)
    VALUES (new.number, new.title, new.keywords, new.description, new.recipe);
END;

-- It was searched by patterns. The words of the listings that there are, the program writes when it starts.
ALTER TABLE datasets DROP COLUMN search_text;
