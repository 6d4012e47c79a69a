//! MusicBrainz ids, joined to an edition's artists after the noise from a public mapping: that costs no privacy.

use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::Path;

/// Artists' names with their MusicBrainz ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArtistIds(HashMap<String, Option<String>>);

impl ArtistIds {
    /// From a CSV file with the columns `artist` and `mbid`. A name with several ids has none: nobody can tell which.
    ///
    /// # Errors
    /// `invalid`: the file cannot be read, lacks a column or holds something else than ids; with the line.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::invalid(format!("The mapping to MusicBrainz {} cannot be read: {e}.", path.display()))
        })?;
        Self::parse(&text)
    }

    /// The same from the file's text.
    ///
    /// # Errors
    /// As [`ArtistIds::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let unreadable = |e: csv::Error| Error::invalid(format!("The mapping to MusicBrainz cannot be read: {e}."));
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headers = reader.headers().map_err(unreadable)?;
        let place = |name: &str| headers.iter().position(|header| header.trim() == name);
        let (Some(artist), Some(mbid)) = (place("artist"), place("mbid")) else {
            return Err(Error::invalid("The mapping to MusicBrainz needs the columns `artist` and `mbid`."));
        };
        let mut ids = HashMap::new();
        for (line, record) in reader.records().enumerate() {
            let record = record.map_err(unreadable)?;
            let id = record[mbid].trim();
            if uuid::Uuid::try_parse(id).is_err() {
                let line = line + 2; // the header is the first
                return Err(Error::invalid(format!(
                    "The mapping to MusicBrainz has {id:?} in line {line}, which is no id."
                )));
            }
            ids.entry(record[artist].to_owned())
                .and_modify(|known: &mut Option<String>| {
                    if known.as_deref() != Some(id) {
                        *known = None;
                    }
                })
                .or_insert_with(|| Some(id.to_owned()));
        }
        Ok(ArtistIds(ids))
    }

    /// The id of an artist.
    pub fn of(&self, artist: &str) -> Option<&str> {
        self.0.get(artist)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_one_id_have_it() {
        let (one, two) = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222");
        let text =
            format!("mbid,artist\n{one},Nirvana\n{two},Nirvana\n{one},\"Crosby, Stills\"\n{one},\"Crosby, Stills\"\n");
        let ids = ArtistIds::parse(&text).unwrap();
        assert_eq!((ids.of("Nirvana"), ids.of("Crosby, Stills"), ids.of("Nobody")), (None, Some(one), None));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, says) in
            [("a,b\n", "`mbid`"), ("artist,mbid\nA,no\n", "line 2"), ("artist,mbid\nA\n", "cannot be read")]
        {
            let error = ArtistIds::parse(text).unwrap_err();
            assert!(error.detail().contains(says), "{}", error.detail());
        }
        assert!(ArtistIds::read(Path::new("/nowhere.csv")).unwrap_err().detail().contains("/nowhere.csv"));
    }
}
