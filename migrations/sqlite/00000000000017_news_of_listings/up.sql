-- An edition is news of its listing, as a recall is: from now on the listing says itself when there was some last.
UPDATE datasets SET updated_at = max(updated_at, (
    SELECT max(published_at) FROM editions WHERE editions.dataset_id = datasets.id AND editions.state = 'published'
))
WHERE EXISTS (SELECT 1 FROM editions WHERE editions.dataset_id = datasets.id AND editions.state = 'published');
