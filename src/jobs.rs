//! The background worker: claims due work and runs it, on a runtime of its own, so that drawing an
//! edition never takes time from a request.
//!
//! Six lanes run side by side: votes and deadlines, which must be prompt; draws, payouts and erasures, which may take
//! long; compactions of shards, which may be many; the outbox; webhooks, whose receivers may be slow; and the upkeep. Several
//! servers on one PostgreSQL share the work by leases.

use crate::aggregates::Progress;
use crate::clock::UtcTime;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ids::{AccountId, EditionId, LicenceId, OfferId, OrganisationId, PurchaseId, VoteId};
use crate::notify::webhooks::Courier;
use crate::offers::model::OfferState;
use crate::queue::{self, Job, JobKind};
use crate::{erasure, histories, notify, offers, payouts, purchases, upkeep, votes};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::Instrument;

const PROMPT: [JobKind; 6] = [
    JobKind::OpenVote,
    JobKind::CloseVote,
    JobKind::RemindElectors,
    JobKind::PublishVote,
    JobKind::LapseOffer,
    JobKind::ExpireLicence,
];
const LONG: [JobKind; 4] = [JobKind::DrawEdition, JobKind::Payout, JobKind::EraseMember, JobKind::TellLeavers];
/// After many uploads there are many of these, for which no draw should wait.
const SHARDS: [JobKind; 1] = [JobKind::CompactPlays];

/// How often what is over is cleared away.
const UPKEEP_PERIOD: Duration = Duration::from_secs(3_600);
/// The longest pause between two batches of mails.
const MAIL_PAUSE_MAX: Duration = Duration::from_millis(50);

/// What has come of a job that did not fail.
enum Outcome {
    Done,
    /// It was too early; to be looked at again then.
    Later(UtcTime),
    /// It is not to be tried again before an operator says so, for this reason.
    SetAside(&'static str),
}

/// The running worker.
pub struct Runner {
    stop: watch::Sender<bool>,
    thread: std::thread::JoinHandle<()>,
}

impl Runner {
    /// Starts the lanes.
    ///
    /// # Errors
    /// `internal` where a thread cannot be started.
    pub fn start(ctx: &Context) -> Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(crate::config::cores().max(2))
            .thread_name("jobs")
            .enable_all()
            .build()?;
        let ctx = ctx.clone();
        let thread = std::thread::Builder::new().name("jobs".into()).spawn(move || {
            runtime.block_on(async {
                tokio::join!(
                    lane(&ctx, &PROMPT, "prompt", stopped.clone()),
                    lane(&ctx, &LONG, "long", stopped.clone()),
                    lane(&ctx, &SHARDS, "shards", stopped.clone()),
                    outbox_lane(&ctx, stopped.clone()),
                    webhook_lane(&ctx, stopped.clone()),
                    upkeep_lane(&ctx, stopped),
                );
            });
        })?;
        Ok(Runner { stop, thread })
    }

    /// Lets the jobs under way finish and takes no more.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = tokio::task::spawn_blocking(move || self.thread.join()).await;
    }
}

/// Runs everything that is due now, until nothing is. For tests, which start no worker.
///
/// # Errors
/// `internal` where the database fails; a job's own failure is noted at the job.
pub async fn run_due(ctx: &Context) -> Result<usize> {
    let mut done = 0;
    loop {
        let before = done;
        for kinds in [&PROMPT[..], &LONG[..], &SHARDS[..]] {
            while run_next(ctx, kinds, "test").await? {
                done += 1;
            }
        }
        done += notify::actions::send_due(ctx).await?;
        done += notify::webhooks::send_due(ctx).await?;
        if done == before {
            return Ok(done);
        }
    }
}

async fn lane(ctx: &Context, kinds: &[JobKind], name: &str, mut stopped: watch::Receiver<bool>) {
    let holder = format!("{name}-{}", hex::encode(ctx.entropy.bytes::<6>()));
    while !*stopped.borrow() {
        match run_next(ctx, kinds, &holder).await {
            Ok(true) => {}
            Ok(false) => rest(ctx, &mut stopped).await,
            Err(error) => {
                tracing::error!(job.lane = name, error.cause = ?error.cause(), "no job could be claimed");
                rest(ctx, &mut stopped).await;
            }
        }
    }
}

async fn outbox_lane(ctx: &Context, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let began_at = Instant::now();
        match notify::actions::send_due(ctx).await {
            // Mails to very many take minutes. Those who are here meanwhile have half of the machine at least.
            Ok(sent) if sent > 0 => tokio::time::sleep(began_at.elapsed().min(MAIL_PAUSE_MAX)).await,
            Ok(_) => rest(ctx, &mut stopped).await,
            Err(error) => {
                tracing::error!(job.lane = "outbox", error.cause = ?error.cause(), "the outbox could not be read");
                rest(ctx, &mut stopped).await;
            }
        }
    }
}

/// It is not woken: a second sooner or later is nothing to a receiver, and the other lanes are woken one at a time.
async fn webhook_lane(ctx: &Context, mut stopped: watch::Receiver<bool>) {
    let mut courier = Courier::new(ctx);
    while !*stopped.borrow() {
        if let Err(error) = courier.set_out().await {
            tracing::error!(job.lane = "webhooks", error.cause = ?error.cause(), "no webhook could be sent");
        }
        tokio::select! {
            () = courier.one_is_back() => {}
            () = tokio::time::sleep(Duration::from_millis(ctx.config.jobs.poll_ms)) => {}
            _ = stopped.changed() => {}
        }
    }
    courier.all_are_back().await;
}

async fn upkeep_lane(ctx: &Context, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        match upkeep::sweep(ctx).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(job.lane = "upkeep", upkeep.rows_removed = removed, "swept"),
            Err(error) => tracing::error!(job.lane = "upkeep", error.cause = ?error.cause(), "the sweep failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(UPKEEP_PERIOD) => {}
            _ = stopped.changed() => {}
        }
    }
}

/// Until something was written for us, or it is time to look anyway.
async fn rest(ctx: &Context, stopped: &mut watch::Receiver<bool>) {
    let wake = ctx.db.wake();
    tokio::select! {
        () = wake.notified() => {}
        () = tokio::time::sleep(Duration::from_millis(ctx.config.jobs.poll_ms)) => {}
        _ = stopped.changed() => {}
    }
}

/// Runs one due job. `false` where there is none.
async fn run_next(ctx: &Context, kinds: &[JobKind], holder: &str) -> Result<bool> {
    let (wanted, held_by, lease_s) = (kinds.to_vec(), holder.to_owned(), ctx.config.jobs.lease_s);
    let claimed = ctx.db.write(move |tx| queue::claim(tx, &wanted, &held_by, lease_s)).await?;
    let Some(job) = claimed else { return Ok(false) };
    let span = tracing::info_span!("job", job.kind = %job.kind, job.subject = %job.subject_id);
    let outcome = run_with_lease(ctx, &job, holder).instrument(span.clone()).await;
    let label = match &outcome {
        Ok(Outcome::SetAside(_)) => "set_aside",
        Ok(_) => "done",
        Err(_) => "failed",
    };
    ctx.metrics.count_job(job.kind.as_str(), label);
    span.in_scope(|| match &outcome {
        Ok(_) => tracing::info!("{label}"),
        Err(error) => tracing::error!(error.detail = error.detail(), error.cause = ?error.cause(), "failed"),
    });
    let outcome = outcome.map_err(|error| error.detail().to_owned());
    ctx.db
        .write(move |tx| match &outcome {
            Ok(Outcome::Done) => queue::done(tx, &job),
            Ok(Outcome::Later(at)) => queue::again(tx, &job, *at),
            Ok(Outcome::SetAside(why)) => queue::set_aside(tx, &job, why),
            Err(why) => queue::failed(tx, &job, why),
        })
        .await?;
    Ok(true)
}

/// Runs a job and, as long as it runs, keeps others from taking it over.
async fn run_with_lease(ctx: &Context, job: &Job, holder: &str) -> Result<Outcome> {
    let lease_s = ctx.config.jobs.lease_s;
    let period = Duration::from_secs(u64::try_from(lease_s / 3).unwrap_or(1).max(1));
    let mut work = std::pin::pin!(run(ctx, job));
    loop {
        tokio::select! {
            outcome = &mut work => return outcome,
            () = tokio::time::sleep(period) => {
                let (job, holder) = (job.clone(), holder.to_owned());
                ctx.db.write(move |tx| queue::lease(tx, &job, &holder, tx.now().plus_s(lease_s))).await?;
            }
        }
    }
}

/// Does the work of a job.
async fn run(ctx: &Context, job: &Job) -> Result<Outcome> {
    let subject = job.subject_id.as_str();
    let or_later = |at: Option<UtcTime>| at.map_or(Outcome::Done, Outcome::Later);
    match job.kind {
        JobKind::OpenVote => offers::actions::open_vote(ctx, &known(OfferId::parse(subject))?).await?,
        JobKind::CloseVote => return close_vote(ctx, known(VoteId::parse(subject))?).await.map(or_later),
        JobKind::RemindElectors => {
            let id = known(VoteId::parse(subject))?;
            return ctx.db.write(move |tx| offers::steps::remind(tx, &id)).await.map(or_later);
        }
        JobKind::PublishVote => votes::publishing::publish(ctx, &known(VoteId::parse(subject))?).await?,
        JobKind::LapseOffer => {
            return purchases::actions::lapse(ctx, &known(OfferId::parse(subject))?).await.map(or_later);
        }
        JobKind::ExpireLicence => {
            return purchases::actions::expire(ctx, &known(LicenceId::parse(subject))?).await.map(or_later);
        }
        JobKind::TellLeavers => {
            let id = known(OrganisationId::parse(subject))?;
            return purchases::leavers::actions::tell(ctx, &id).await.map(or_later);
        }
        JobKind::DrawEdition => return draw_edition(ctx, &known(EditionId::parse(subject))?).await,
        JobKind::Payout => payouts::actions::run(ctx, &known(PurchaseId::parse(subject))?).await?,
        JobKind::EraseMember => erasure::actions::erase(ctx, &known(AccountId::parse(subject))?).await?,
        JobKind::CompactPlays => {
            return erasure::actions::compact(ctx, known(shard(subject))?).await.map(or_later);
        }
    }
    Ok(Outcome::Done)
}

/// Closing a vote, deciding its offer and, where it was accepted, writing the invoice are one write:
/// there is an order exactly where there is a yes. Returns when to look again, where the deadline was moved meanwhile.
///
/// # Errors
/// `internal` where the database fails, and then nothing has changed.
pub async fn close_vote(ctx: &Context, vote_id: VoteId) -> Result<Option<UtcTime>> {
    let seller = ctx.config.seller.clone();
    ctx.db
        .write(move |tx| {
            let decided = offers::steps::settle_vote(tx, &vote_id)?;
            if let Some(offer) = decided.filter(|offer| offer.state == OfferState::Accepted) {
                purchases::steps::invoice(tx, &seller, &offer)?;
            }
            votes::steps::closes_at(tx, &vote_id)
        })
        .await
}

/// The stage that a draw is in stands at the edition, for whoever waits; here it is only logged.
async fn draw_edition(ctx: &Context, edition_id: &EditionId) -> Result<Outcome> {
    let span = tracing::Span::current();
    let report = move |progress: Progress| {
        span.in_scope(|| {
            tracing::debug!(draw.stage = progress.stage.words(), draw.percent = progress.percent, "drawing")
        });
    };
    let is_over = purchases::actions::draw(ctx, edition_id, report).await?;
    Ok(if is_over {
        Outcome::Done
    } else {
        Outcome::SetAside("An operator stopped the drawing; start the job again to go on.")
    })
}

fn shard(number: &str) -> Option<i32> {
    number.parse().ok().filter(|shard| (0..histories::model::SHARDS).contains(shard))
}

fn known<T>(id: Option<T>) -> Result<T> {
    id.ok_or_else(|| Error::internal("a job names a subject of the wrong kind"))
}
