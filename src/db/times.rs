//! How an instant is written into each database.

use super::Db;
use crate::clock::UtcTime;
use chrono::NaiveDateTime;
use diesel::Connection;
use diesel::pg::Pg;
use diesel::serialize::{Output, Result, ToSql};
use diesel::sql_types::Timestamp;
use diesel::sqlite::Sqlite;

/// Text, as the library writes it, but not by way of a format that is read anew for every instant.
impl ToSql<Timestamp, Sqlite> for UtcTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> Result {
        out.set_value(self.without_zone().to_string());
        Ok(diesel::serialize::IsNull::No)
    }
}

impl ToSql<Timestamp, Pg> for UtcTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> Result {
        <NaiveDateTime as ToSql<Timestamp, Pg>>::to_sql(self.without_zone(), out)
    }
}

impl ToSql<Timestamp, <Db as Connection>::Backend> for UtcTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, <Db as Connection>::Backend>) -> Result {
        <NaiveDateTime as ToSql<Timestamp, <Db as Connection>::Backend>>::to_sql(self.without_zone(), out)
    }
}
