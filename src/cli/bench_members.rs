//! `refrain bench-members`: members who do not exist in a pool that does, each with a token, to measure votes on.
//!
//! They come into the database in bulk, past registration, passwords and uploads, as those who have been in the pool for
//! long and have a history; there are no plays behind it, so nothing can be drawn of them.

use super::Settings;
use crate::accounts::auth::Auth;
use crate::accounts::model::{AccountState, Role};
use crate::clock::{Clock, Entropy};
use crate::context::Context;
use crate::db::schema::{accounts, consents, memberships, plays_files, sessions};
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::histories::model::shard_of;
use crate::ids::{AccountId, ConsentId, MembershipId, PoolId, SessionId};
use crate::money::grouped;
use crate::pools;
use crate::pools::model::MembershipState;
use diesel::prelude::*;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Members written at a time.
const PIECE: u32 = 1_000;
/// Days since they joined: longer than pools usually have newcomers wait.
const DAYS: i64 = 400;
/// Days for which their sessions last: longer than any measurement.
const SESSION_DAYS: i64 = 30;

/// Add members who do not exist to a pool, with a token for each, to measure votes on. Never where real people are.
#[derive(Debug, clap::Args)]
pub struct BenchMembersArgs {
    #[command(flatten)]
    settings: Settings,
    /// The pool
    #[arg(long, value_name = "ID")]
    pool: String,
    /// How many come
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    members: u32,
    /// How many of them are given a token
    #[arg(long, default_value_t = u32::MAX)]
    tokens: u32,
    /// A new file for the tokens, one a line
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Adds them.
///
/// # Errors
/// `invalid` where the file is there already; `not-found` where there is no such pool.
pub fn run(args: &BenchMembersArgs) -> Result<()> {
    let pool_id = PoolId::parse(&args.pool).ok_or_else(|| Error::invalid("--pool is the id of a pool: pool_…"))?;
    let file = File::options().write(true).create_new(true).open(&args.out);
    let file = file.map_err(|cause| Error::invalid(format!("{}: {cause}.", args.out.display())))?;
    let context = Context::open(args.settings.load()?, Clock::system(), Entropy::system())?;
    super::block_on(add(&context, pool_id, args.members, args.tokens, BufWriter::new(file)))?;
    let words = |number: u32| grouped(number.into());
    super::print(format!(
        "{} members who do not exist have joined; {} tokens lie in {}.",
        words(args.members),
        words(args.tokens.min(args.members)),
        args.out.display()
    ))
}

async fn add(ctx: &Context, pool_id: PoolId, members: u32, tokens: u32, mut out: impl Write) -> Result<()> {
    let auth = Auth::start(ctx)?;
    let for_pool = pool_id.clone();
    let purposes = ctx.db.read(move |db| {
        pools::steps::pool(db, &for_pool)?;
        pools::steps::purposes(db, &for_pool)
    });
    let purposes = purposes.await?;
    for first in (0..members).step_by(PIECE as usize) {
        let numbers = first..members.min(first + PIECE);
        let (pool_id, purposes) = (pool_id.clone(), purposes.clone());
        let added = ctx.db.write(move |tx| add_piece(tx, &pool_id, &purposes, numbers.len()));
        let added = added.await?;
        let now = ctx.clock.now();
        for (account, session) in added.iter().take(tokens.saturating_sub(first) as usize) {
            writeln!(out, "{}", auth.tokens.issue(account, session, now, &ctx.entropy)?)?;
        }
    }
    out.flush()?;
    ctx.db.write(move |tx| pools::steps::membership_changed(tx, &pool_id)).await
}

fn add_piece(tx: &mut Tx, pool_id: &PoolId, purposes: &[String], count: usize) -> Result<Vec<(AccountId, SessionId)>> {
    let (now, then) = (tx.now(), tx.now().plus_days(-DAYS));
    let (mut people, mut members, mut consented, mut files, mut logins, mut added) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::with_capacity(count));
    for _ in 0..count {
        let (account, session) = (AccountId::new(now, tx.entropy()), SessionId::new(now, tx.entropy()));
        let membership = MembershipId::new(now, tx.entropy());
        people.push((
            accounts::id.eq(account.clone()),
            accounts::role.eq(Role::Member),
            accounts::email.eq(format!("{account}@nobody.example")),
            accounts::password_hash.eq("none"),
            accounts::state.eq(AccountState::Active),
            accounts::created_at.eq(then),
            accounts::updated_at.eq(then),
        ));
        for purpose in purposes {
            consented.push((
                consents::id.eq(ConsentId::new(now, tx.entropy())),
                consents::membership_id.eq(membership.clone()),
                consents::purpose.eq(purpose.clone()),
                consents::text_version.eq(1),
                consents::given_at.eq(then),
            ));
        }
        members.push((
            memberships::id.eq(membership),
            memberships::pool_id.eq(pool_id.clone()),
            memberships::member_id.eq(account.clone()),
            memberships::state.eq(MembershipState::Active),
            memberships::joined_at.eq(then),
        ));
        files.push((
            plays_files::member_id.eq(account.clone()),
            plays_files::object_key.eq(format!("nowhere/{account}")),
            plays_files::size_bytes.eq(1i64),
            plays_files::updated_at.eq(then),
            plays_files::shard.eq(Some(shard_of(&account))),
        ));
        logins.push((
            sessions::id.eq(session.clone()),
            sessions::account_id.eq(account.clone()),
            sessions::created_at.eq(now),
            sessions::expires_at.eq(now.plus_days(SESSION_DAYS)),
        ));
        added.push((account, session));
    }
    macro_rules! insert {
        ($connection:expr) => {{
            diesel::insert_into(accounts::table).values(&people).execute($connection)?;
            diesel::insert_into(memberships::table).values(&members).execute($connection)?;
            diesel::insert_into(consents::table).values(&consented).execute($connection)?;
            diesel::insert_into(plays_files::table).values(&files).execute($connection)?;
            diesel::insert_into(sessions::table).values(&logins).execute($connection)?;
        }};
    }
    match &mut **tx {
        Db::Sqlite(connection) => insert!(connection),
        Db::Postgres(connection) => insert!(connection),
    }
    Ok(added)
}
