//! Links that carry their own signature, so that tools can follow them that know nothing of accounts.
//!
//! The names of the parameters are those of signed links to S3: some tools take a link for one that needs no token of theirs by
//! these names alone. What is signed, and how, is our own: HMAC-SHA256 over a line for each part, with a key of the server. The digest of the
//! file is in it, so that a link is good for the bytes it was made for, and for no others that may come to bear the name.

use super::model::Grant;
use crate::clock::UtcTime;
use crate::datasets::model::EditionFile;
use crate::error::{Code, Error, Result};
use crate::ids::{GrantId, LicenceId};
use crate::secrets::Pepper;
use aws_lc_rs::constant_time;
use serde::Deserialize;
use utoipa::IntoParams;

const ALGORITHM: &str = "REFRAIN-HMAC-SHA256";
/// What the key is derived for.
const PURPOSE: &str = "links to files";

/// What stands in a link behind the question mark.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LinkQuery {
    /// How the link is signed.
    #[serde(rename = "X-Amz-Algorithm")]
    #[param(rename = "X-Amz-Algorithm", example = "REFRAIN-HMAC-SHA256")]
    pub algorithm: String,
    /// The grant that it was given out with.
    #[serde(rename = "X-Amz-Credential")]
    #[param(rename = "X-Amz-Credential", value_type = String, example = "grant_01jd2k8m0wfv9s3x6q4r7t5y2z")]
    pub grant_id: GrantId,
    /// When it was signed, in UTC, in the basic form of ISO 8601.
    #[serde(rename = "X-Amz-Date")]
    #[param(rename = "X-Amz-Date", example = "20260110T120000Z")]
    pub signed_at: String,
    /// For how many seconds it is good.
    #[serde(rename = "X-Amz-Expires")]
    #[param(rename = "X-Amz-Expires", example = 3_600)]
    pub expires_s: i64,
    /// The signature, in hex.
    #[serde(rename = "X-Amz-Signature")]
    #[param(rename = "X-Amz-Signature", example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub signature: String,
}

/// A link to one file under one grant.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// The grant.
    pub grant_id: &'a GrantId,
    /// Its licence.
    pub licence_id: &'a LicenceId,
    /// The file's name.
    pub file_name: &'a str,
    /// SHA-256 of its content, in hex.
    pub sha256: &'a str,
    /// When the link was signed, to the second.
    pub signed_at: UtcTime,
    /// For how many seconds it is good.
    pub expires_s: i64,
}

impl<'a> Link<'a> {
    /// A link to a file from now on, for so many seconds.
    pub fn new(grant: &'a Grant, file: &'a EditionFile, now: UtcTime, expires_s: i64) -> Self {
        Link {
            grant_id: &grant.id,
            licence_id: &grant.licence_id,
            file_name: &file.name,
            sha256: &file.sha256,
            signed_at: now,
            expires_s,
        }
    }

    /// The link that a query says it is, to a file as it is now.
    ///
    /// # Errors
    /// `link-refused` where it says no time.
    pub fn asked(query: &'a LinkQuery, licence_id: &'a LicenceId, file: &'a EditionFile) -> Result<Self> {
        Ok(Link {
            grant_id: &query.grant_id,
            licence_id,
            file_name: &file.name,
            sha256: &file.sha256,
            signed_at: time(&query.signed_at).ok_or_else(refused)?,
            expires_s: query.expires_s,
        })
    }

    /// What is signed: a line for each part. None of them can hold a line feed.
    fn text(&self) -> String {
        let Link { grant_id, licence_id, file_name, sha256, signed_at, expires_s } = self;
        let signed_at = basic(*signed_at);
        format!("{ALGORITHM}\n{grant_id}\n{licence_id}\n{file_name}\n{sha256}\n{signed_at}\n{expires_s}\n")
    }

    /// The link in full, below the address of the server.
    pub fn href(&self, server_url: &str, pepper: &Pepper) -> String {
        let Link { grant_id, licence_id, file_name, signed_at, expires_s, .. } = self;
        let signed_at = basic(*signed_at);
        let signature = pepper.tag(PURPOSE, self.text().as_bytes());
        format!(
            "{server_url}/v1/links/{licence_id}/{file_name}?X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={grant_id}\
             &X-Amz-Date={signed_at}&X-Amz-Expires={expires_s}&X-Amz-Signature={signature}"
        )
    }

    /// Whether a query carries the signature of this link, and is not too old. Says until when it is good.
    ///
    /// # Errors
    /// `link-refused` for another signature, `link-expired` afterwards.
    pub fn expect_signed(&self, query: &LinkQuery, pepper: &Pepper, now: UtcTime) -> Result<UtcTime> {
        let expected = pepper.tag(PURPOSE, self.text().as_bytes());
        let is_signed = constant_time::verify_slices_are_equal(expected.as_bytes(), query.signature.as_bytes()).is_ok();
        if query.algorithm != ALGORITHM || !is_signed {
            return Err(refused());
        }
        let ends_at_s = self.signed_at.unix_s().saturating_add(self.expires_s);
        let ends_at = UtcTime::from_unix_s(ends_at_s).ok_or_else(refused)?;
        if now < ends_at {
            return Ok(ends_at);
        }
        Err(Error::new(
            Code::LinkExpired,
            format!("The link was good until {ends_at}; the holder of the licence can make new ones."),
        ))
    }
}

/// A time to the second, as `20260110T120000Z`.
fn basic(time: UtcTime) -> String {
    time.calendar().format("%Y%m%dT%H%M%SZ").to_string()
}

/// Only as it is written here: a leap second, which clocks tell by another minute, would be another text for the same time.
fn time(text: &str) -> Option<UtcTime> {
    let digits = |range: std::ops::Range<usize>| text.get(range);
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || clock.len() != 6 {
        return None;
    }
    let [year, month, day] = [digits(0..4)?, digits(4..6)?, digits(6..8)?];
    let [hour, minute, second] = [digits(9..11)?, digits(11..13)?, digits(13..15)?];
    let time = UtcTime::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))?;
    (basic(time) == text).then_some(time)
}

/// The one answer to every link that is not as it was made, whatever is wrong with it.
pub fn refused() -> Error {
    Error::new(
        Code::LinkRefused,
        "The link is not as it was made, or leads to nothing (any more). Take it whole, with all behind the question mark, or ask the \
         holder of the licence for a new one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Entropy;
    use proptest::prelude::*;

    fn pepper() -> (Pepper, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (Pepper::load_or_make(&directory.path().join("pepper"), &Entropy::seeded(1)).unwrap(), directory)
    }

    fn read(href: &str) -> LinkQuery {
        let (_, query) = href.split_once('?').unwrap();
        actix_web::web::Query::<LinkQuery>::from_query(query).unwrap().into_inner()
    }

    #[test]
    fn a_link_is_good_as_it_was_made_until_it_ends() {
        let (pepper, _directory) = pepper();
        let (now, entropy) = (UtcTime::parse("2026-01-10T12:00:00Z").unwrap(), Entropy::seeded(2));
        let (grant_id, licence_id) = (GrantId::new(now, &entropy), LicenceId::new(now, &entropy));
        let sha256 = "ab".repeat(32);
        let link = Link {
            grant_id: &grant_id,
            licence_id: &licence_id,
            file_name: "artists.parquet",
            sha256: &sha256,
            signed_at: now,
            expires_s: 60,
        };
        let href = link.href("https://market.example", &pepper);
        assert!(
            href.starts_with(&format!("https://market.example/v1/links/{licence_id}/artists.parquet?X-Amz-")),
            "{href}"
        );
        let query = read(&href);
        assert!(link.expect_signed(&query, &pepper, now.plus_s(59)).is_ok());
        assert_eq!(link.expect_signed(&query, &pepper, now.plus_s(60)).unwrap_err().code(), Code::LinkExpired);
        for other in [
            Link { file_name: "artists.csv", ..link },
            Link { sha256: "", ..link },
            Link { signed_at: now.plus_s(1), ..link },
            Link { expires_s: 61, ..link },
            Link { grant_id: &GrantId::new(now, &entropy), ..link },
            Link { licence_id: &LicenceId::new(now, &entropy), ..link },
        ] {
            assert_eq!(other.expect_signed(&query, &pepper, now).unwrap_err().code(), Code::LinkRefused, "{other:?}");
        }
        for other in [
            LinkQuery { algorithm: "AWS4-HMAC-SHA256".into(), ..query.clone() },
            LinkQuery { signature: query.signature.to_uppercase(), ..query.clone() },
            LinkQuery { signature: String::new(), ..query.clone() },
        ] {
            assert_eq!(link.expect_signed(&other, &pepper, now).unwrap_err().code(), Code::LinkRefused, "{other:?}");
        }
    }

    #[test]
    fn a_leap_second_is_no_other_name_of_the_next_minute() {
        assert_eq!(time("20260110T000100Z"), UtcTime::parse("2026-01-10T00:01:00Z"));
        assert_eq!(time("20260110T000060Z"), None);
    }

    proptest! {
        #[test]
        fn whatever_times_stand_in_a_link_it_is_answered(signed_at_s in 0i64..253_402_300_799, expires_s in any::<i64>()) {
            let (pepper, _directory) = pepper();
            let (now, entropy) = (UtcTime::parse("2026-01-10T12:00:00Z").unwrap(), Entropy::seeded(2));
            let (grant_id, licence_id) = (GrantId::new(now, &entropy), LicenceId::new(now, &entropy));
            let signed_at = UtcTime::from_unix_s(signed_at_s).unwrap();
            let (grant_id, licence_id, file_name, sha256) = (&grant_id, &licence_id, "a.csv", "");
            let link = Link { grant_id, licence_id, file_name, sha256, signed_at, expires_s };
            let query = read(&link.href("", &pepper));
            prop_assert_eq!(time(&query.signed_at), Some(signed_at));
            let ends_at = UtcTime::from_unix_s(signed_at_s.saturating_add(expires_s));
            prop_assert_eq!(link.expect_signed(&query, &pepper, now).is_ok(), ends_at.is_some_and(|ends_at| ends_at > now));
        }

        #[test]
        fn whatever_stands_for_a_time_is_read_or_refused(text in "\\PC{0,20}", digits in "[0-9]{8}T[0-9]{6}Z") {
            let _ = time(&text);
            if let Some(found) = time(&digits) {
                prop_assert_eq!(basic(found), digits);
            }
        }
    }
}
