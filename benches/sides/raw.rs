//! Rows written to SQLite one by one, each durable before the next.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use std::path::PathBuf;
use std::time::Instant;

/// Writes rows of a ballot's shape with one commit each.
#[derive(Debug, clap::Args)]
pub struct RawArgs {
    /// A new file
    #[arg(long)]
    database: PathBuf,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

diesel::table! {
    leaves (log_index) {
        log_index -> BigInt,
        vote_id -> Text,
        tag -> Binary,
        sequence -> Integer,
        commitment -> Binary,
        leaf_hash -> Binary,
        choice -> Text,
        nonce -> Binary,
        cast_at -> BigInt,
    }
}

const TABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE leaves (log_index INTEGER PRIMARY KEY, vote_id TEXT, tag BLOB, sequence INTEGER, commitment BLOB,
                         leaf_hash BLOB, choice TEXT, nonce BLOB, cast_at INTEGER)";

/// Runs it and prints one JSON object.
pub fn run(args: &RawArgs) {
    let path = args.database.to_str().expect("the path is text");
    let mut connection = SqliteConnection::establish(path).expect("a new database opens");
    connection.batch_execute(TABLE).expect("a table can be made");
    let (began_at, mut rows) = (Instant::now(), 0i64);
    while began_at.elapsed().as_secs_f64() < args.seconds {
        let bytes = [(rows % 251) as u8; 32];
        diesel::insert_into(leaves::table)
            .values((
                leaves::log_index.eq(rows),
                leaves::vote_id.eq("vote_01jd2k8m0wfv9s3x6q4r7t5y2z"),
                leaves::tag.eq(&bytes[..]),
                leaves::sequence.eq(0),
                leaves::commitment.eq(&bytes[..]),
                leaves::leaf_hash.eq(&bytes[..]),
                leaves::choice.eq("yes"),
                leaves::nonce.eq(&bytes[..]),
                leaves::cast_at.eq(rows),
            ))
            .execute(&mut connection)
            .expect("a row can be written");
        rows += 1;
    }
    println!("{{\"rate\":{:.1}}}", rows as f64 / began_at.elapsed().as_secs_f64());
}
