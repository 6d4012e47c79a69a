//! Pages of lists: keyset pages with an opaque, versioned, signed cursor.
//!
//! The cursor says after which id the next page begins and for which list it was made. It is signed
//! with the server's pepper, so that nobody can make one up or carry it to another list.

use crate::error::{Code, Error, Result};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Most items on a page.
pub const LIMIT_MAX: i64 = 100;
const LIMIT_DEFAULT: i64 = 20;
const MAC_BYTES: usize = 16;

/// Signs and reads cursors.
#[derive(Clone)]
pub struct Cursors(hmac::Key);

/// What a caller asks of a list.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items on the page: 1 to 100, 20 if not said.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items, at most `limit`.
    pub items: Vec<T>,
    /// Give this as `cursor` to get the next page; missing on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Where a page begins and how long it is.
#[derive(Debug, Clone)]
pub struct Window {
    /// Items wanted.
    pub limit: i64,
    /// The id after which the page begins.
    pub after: Option<String>,
    list: String,
}

impl Cursors {
    /// Cursors signed with a secret of the server.
    pub fn new(secret: &[u8]) -> Self {
        Cursors(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Reads what a caller asks. `list` names the list and its filters: a cursor of another is refused.
    ///
    /// # Errors
    /// `invalid` for a limit outside of 1 to 100, `invalid-cursor` for a cursor that was not made for this list.
    pub fn window(&self, query: &PageQuery, list: &str) -> Result<Window> {
        let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Error::invalid(format!("limit lies between 1 and {LIMIT_MAX}.")));
        }
        let after = query.cursor.as_deref().map(|cursor| self.read(cursor, list)).transpose()?;
        Ok(Window { limit, after, list: list.to_owned() })
    }

    /// Makes a page of the rows found. Ask the database for [`Window::fetch`] rows: the one more than
    /// wanted tells whether there is a next page.
    pub fn page<T>(&self, window: &Window, mut rows: Vec<T>, id: impl Fn(&T) -> &str) -> Page<T> {
        let wanted = usize::try_from(window.limit).unwrap_or(usize::MAX);
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        let next_cursor = rows.last().filter(|_| more).map(|last| self.write(id(last), &window.list));
        Page { items: rows, next_cursor }
    }

    fn write(&self, after: &str, list: &str) -> String {
        let mut bytes = self.mac(after, list).to_vec();
        bytes.extend_from_slice(after.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(&self, cursor: &str, list: &str) -> Result<String> {
        let refused = || Error::new(Code::InvalidCursor, "Leave the cursor out to begin at the first page.");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let (mac, after) = bytes.split_at_checked(MAC_BYTES).ok_or_else(refused)?;
        let after = std::str::from_utf8(after).map_err(|_| refused())?;
        aws_lc_rs::constant_time::verify_slices_are_equal(mac, &self.mac(after, list)).map_err(|_| refused())?;
        Ok(after.to_owned())
    }

    /// The `1` is the version of the format: a later one is simply not accepted here.
    fn mac(&self, after: &str, list: &str) -> [u8; MAC_BYTES] {
        let tag = hmac::sign(&self.0, format!("cursor 1\n{list}\n{after}").as_bytes());
        let mut short = [0; MAC_BYTES];
        short.copy_from_slice(&tag.as_ref()[..MAC_BYTES]);
        short
    }
}

impl Window {
    /// Rows to ask the database for: one more than wanted.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }
}

impl<T> Page<T> {
    /// The same page with each item turned into something else.
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(view).collect(), next_cursor: self.next_cursor }
    }

    /// The same page with every item in another shape, where one may fail to take it.
    ///
    /// # Errors
    /// The first that `view` gives.
    pub fn try_map<U>(self, view: impl FnMut(T) -> Result<U>) -> Result<Page<U>> {
        Ok(Page { items: self.items.into_iter().map(view).collect::<Result<_>>()?, next_cursor: self.next_cursor })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_on_and_belongs_to_its_list_alone() {
        let cursors = Cursors::new(b"a secret of thirty-two bytes ....");
        let window = cursors.window(&PageQuery { limit: Some(2), cursor: None }, "offers of org_1").unwrap();
        let page = cursors.page(&window, vec!["a", "b", "c"], |row| row);
        assert_eq!(page.items, ["a", "b"]);
        let query = PageQuery { limit: Some(2), cursor: page.next_cursor };
        assert_eq!(cursors.window(&query, "offers of org_1").unwrap().after.as_deref(), Some("b"));
        assert_eq!(cursors.window(&query, "offers of org_2").unwrap_err().code(), Code::InvalidCursor);
        let last = cursors.page(&window, vec!["c"], |row| row);
        assert_eq!(last.next_cursor, None);
    }

    #[test]
    fn made_up_cursors_and_limits_are_refused() {
        let cursors = Cursors::new(b"a secret of thirty-two bytes ....");
        for cursor in ["", "x", "!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let query = PageQuery { limit: None, cursor: Some(cursor.into()) };
            assert_eq!(cursors.window(&query, "l").unwrap_err().code(), Code::InvalidCursor);
        }
        for limit in [0, -1, 101, i64::MAX] {
            assert!(cursors.window(&PageQuery { limit: Some(limit), cursor: None }, "l").is_err());
        }
    }
}
