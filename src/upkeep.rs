//! What is looked after from time to time, so that a server that runs for years keeps no more than it needs.
//!
//! What tells of money, votes, consents, privacy and operators' acts is kept for good. What only serves
//! the running of the house goes after a month: answers kept for repeated requests, mails that were
//! sent, jobs that are done, sessions that are over, what was told to webhooks.

use crate::context::Context;
use crate::db::Tx;
use crate::error::Result;
use crate::{accounts, histories, idempotency, outbox, queue, webhooks};

/// For so many days a request may be repeated under its key, and an operator may look what became of a job.
pub const KEPT_DAYS: i64 = 30;

/// Rows that one write removes: few enough that nobody waits for it.
const CHUNK: usize = 500;

/// Clears away what is over, rejects uploads that a server has left half-read, and deletes stored files that were
/// replaced a while ago. Safe at any time and on several servers at once. Returns how many rows went.
///
/// # Errors
/// `internal` where the database or the files fail; what is left is found the next time.
pub async fn sweep(ctx: &Context) -> Result<usize> {
    histories::actions::recover_abandoned(ctx).await?;
    histories::actions::tidy(ctx).await?;
    let before = ctx.clock.now().plus_days(-KEPT_DAYS);
    let mut removed = 0;
    let prunes: [fn(&mut Tx, _, usize) -> Result<usize>; 6] = [
        idempotency::prune,
        outbox::prune,
        queue::prune,
        accounts::steps::prune_sessions,
        accounts::steps::prune_email_tokens,
        webhooks::steps::prune,
    ];
    for prune in prunes {
        loop {
            let some = ctx.db.write(move |tx| prune(tx, before, CHUNK)).await?;
            removed += some;
            if some < CHUNK {
                break;
            }
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::schema::{idempotency_keys, jobs, outbox as events};
    use crate::ids::AccountId;
    use crate::queue::JobKind;
    use diesel::prelude::*;

    fn counts(tx: &mut Tx) -> Result<(i64, i64, i64)> {
        let keys = idempotency_keys::table.count().get_result(&mut **tx)?;
        let sent = events::table.count().get_result(&mut **tx)?;
        Ok((keys, sent, jobs::table.count().get_result(&mut **tx)?))
    }

    #[tokio::test]
    async fn a_month_later_only_what_still_waits_is_left() {
        let (ctx, _directory) = Context::for_tests();
        let filled = ctx.db.write(|tx| {
            let now = tx.now();
            for n in 0..CHUNK + 10 {
                outbox::push(tx, "nothing", &n)?;
            }
            for event in outbox::claim(tx, 2_000, 60)?.iter().skip(1) {
                outbox::sent(tx, event)?;
            }
            for subject in ["one", "two"] {
                queue::push(tx, JobKind::CloseVote, subject, now)?;
            }
            let job = queue::claim(tx, &[JobKind::CloseVote], "test", 60)?;
            queue::done(tx, &job.expect("one of the two"))?;
            diesel::insert_into(idempotency_keys::table)
                .values((
                    idempotency_keys::account_id.eq(AccountId::new(now, tx.entropy())),
                    idempotency_keys::idempotency_key.eq("a key"),
                    idempotency_keys::request_hash.eq(""),
                    idempotency_keys::status.eq(200),
                    idempotency_keys::body.eq("{}"),
                    idempotency_keys::created_at.eq(now),
                ))
                .execute(&mut **tx)?;
            Ok(())
        });
        filled.await.unwrap();
        ctx.clock.advance_s(KEPT_DAYS * 86_400).unwrap();
        assert_eq!(sweep(&ctx).await.unwrap(), 0, "a request of a month ago may still be repeated");
        ctx.clock.advance_s(1).unwrap();
        assert_eq!(sweep(&ctx).await.unwrap(), CHUNK + 9 + 1 + 1);
        assert_eq!(ctx.db.write(counts).await.unwrap(), (0, 1, 1));
    }
}
