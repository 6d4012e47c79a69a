//! What happens to an offer, as it happens: server-sent events (the HTML standard, section 9.2).
//!
//! A stream is read off the offer's story, whose lines are numbered, and its vote as the offer shows it. The id of an event
//! says how far that is, so a stream goes on after any event without a gap and without a repeat, on another server too.
//! However many listen to an offer, a server looks once a second; it is told by nobody, as the vote may be held elsewhere.

use crate::accounts::auth::Auth;
use crate::accounts::caller::Caller;
use crate::context::Context;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, OfferId};
use crate::offers::model::TimelineEntry;
use crate::offers::views::{TimelineView, VoteProgress};
use crate::offers::{steps, store};
use crate::votes;
use aws_lc_rs::digest;
use bytes::Bytes;
use futures_util::{Stream, stream};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often a server looks at an offer that somebody listens to.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a stream shows that it is alive, and looks whether its session still is.
const BEAT_EVERY: Duration = Duration::from_secs(15);
/// Streams that an account may have open on one server.
const STREAMS_MAX: usize = 8;
/// After how many milliseconds a browser connects anew.
const RETRY_MS: u32 = 3_000;

/// The streams of one server. Cloning shares them.
#[derive(Clone)]
pub struct Feeds(Arc<Inner>);

struct Inner {
    open: Mutex<Open>,
    stopping: watch::Sender<bool>,
}

#[derive(Default)]
struct Open {
    of_accounts: HashMap<AccountId, usize>,
    of_offers: HashMap<OfferId, (usize, Arc<Look>)>,
}

/// What was last seen of an offer, and when. Whoever finds it too old looks anew; the others wait for that.
#[derive(Default)]
struct Look(tokio::sync::Mutex<Option<(Instant, Arc<Snapshot>)>>);

/// An offer at an instant, as its buyer may know it.
struct Snapshot {
    timeline: Vec<TimelineEntry>,
    /// The vote's progress as JSON, and what stands for it in ids.
    vote: Option<(String, String)>,
    is_final: bool,
}

/// How far somebody has read: the story's last line, and the vote's progress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    line: i32,
    vote: String,
}

impl Position {
    /// Reads the id of an event; one that is none of ours is the beginning.
    pub fn read(id: &str) -> Self {
        let read = id.split_once('.').and_then(|(line, vote)| {
            let is_ours = vote.len() <= 16 && vote.bytes().all(|b| b.is_ascii_hexdigit());
            Some(Position { line: line.parse().ok()?, vote: is_ours.then(|| vote.to_owned())? })
        });
        read.unwrap_or_default()
    }

    fn id(&self) -> String {
        format!("{}.{}", self.line, self.vote)
    }
}

impl Snapshot {
    /// Whether somebody who has read so far has read everything that there will ever be.
    fn is_read_by(&self, position: &Position) -> bool {
        self.is_final && self.after(&mut position.clone()).is_empty()
    }

    /// The events after a position, as they are sent, and moves it behind them.
    fn after(&self, position: &mut Position) -> String {
        let mut text = String::new();
        let read = position.line;
        for entry in self.timeline.iter().filter(|entry| entry.number > read) {
            position.line = entry.number;
            // Views of our own are JSON.
            let data = serde_json::to_string(&TimelineView::from(entry.clone())).unwrap_or_default();
            let _ = write!(text, "event: offer\nid: {}\ndata: {data}\n\n", position.id());
        }
        if let Some((data, sign)) = self.vote.as_ref().filter(|(_, sign)| *sign != position.vote) {
            position.vote.clone_from(sign);
            let _ = write!(text, "event: vote\nid: {}\ndata: {data}\n\n", position.id());
        }
        text
    }
}

/// What the buyer's view of the offer shows of these, in one read.
fn look(db: &mut Db, id: &OfferId) -> Result<Snapshot> {
    let offer = steps::offer(db, id)?;
    let timeline = store::timeline(db, id)?;
    let mut vote = None;
    if let Some(vote_id) = &offer.vote_id {
        let seen = votes::steps::vote(db, vote_id)?;
        if seen.opens_at.is_some() {
            let turnout = votes::steps::turnout(db, &seen)?;
            let data = serde_json::to_string(&VoteProgress::of(seen, turnout)?)?;
            let sign = hex::encode(&digest::digest(&digest::SHA256, data.as_bytes()).as_ref()[..4]);
            vote = Some((data, sign));
        }
    }
    Ok(Snapshot { timeline, vote, is_final: offer.state.is_final() })
}

impl Look {
    async fn snapshot(&self, ctx: &Context, id: &OfferId) -> Result<Arc<Snapshot>> {
        let mut last = self.0.lock().await;
        if let Some((at, snapshot)) = &*last
            && at.elapsed() < LOOK_EVERY
        {
            return Ok(Arc::clone(snapshot));
        }
        let id = id.clone();
        let snapshot = Arc::new(ctx.db.read(move |db| look(db, &id)).await?);
        *last = Some((Instant::now(), Arc::clone(&snapshot)));
        Ok(snapshot)
    }
}

impl Default for Feeds {
    fn default() -> Self {
        Feeds(Arc::new(Inner { open: Mutex::default(), stopping: watch::Sender::new(false) }))
    }
}

impl Feeds {
    /// Ends every stream, and those that are yet to begin: the server stops, and others go on with them.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Follows an offer of which the caller may know, after what was read already. `None` where nothing will come after that.
    ///
    /// # Errors
    /// `too-many-requests` where the account has too many streams open; `internal` where the database fails.
    pub async fn follow(
        &self,
        ctx: &Context,
        auth: Arc<Auth>,
        caller: &Caller,
        id: &OfferId,
        position: Position,
    ) -> Result<Option<impl Stream<Item = Result<Bytes>> + use<>>> {
        let place = self.place(&caller.account_id, id)?;
        let snapshot = place.look.snapshot(ctx, id).await?;
        if snapshot.is_read_by(&position) {
            return Ok(None);
        }
        let reader = Reader {
            ctx: ctx.clone(),
            auth,
            caller: caller.clone(),
            stopping: self.0.stopping.subscribe(),
            place,
            position,
            beat_at: Instant::now(),
            begun: false,
            over: false,
        };
        Ok(Some(stream::unfold(reader, |mut reader| async move {
            let bytes = reader.next().await?;
            Some((Ok(bytes), reader))
        })))
    }

    fn place(&self, account_id: &AccountId, offer_id: &OfferId) -> Result<Place> {
        let mut open = self.0.lock();
        let own = open.of_accounts.entry(account_id.clone()).or_default();
        if *own >= STREAMS_MAX {
            let detail = format!("This account has {STREAMS_MAX} streams open already; close one first.");
            return Err(Error::new(Code::TooManyRequests, detail).retry_after_s(BEAT_EVERY.as_secs() as u32));
        }
        *own += 1;
        let (listeners, look) = open.of_offers.entry(offer_id.clone()).or_default();
        *listeners += 1;
        let look = Arc::clone(look);
        Ok(Place { feeds: self.clone(), account_id: account_id.clone(), offer_id: offer_id.clone(), look })
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's place among those that are open; given back when it is dropped.
struct Place {
    feeds: Feeds,
    account_id: AccountId,
    offer_id: OfferId,
    look: Arc<Look>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.feeds.0.lock();
        if let Some(own) = open.of_accounts.get_mut(&self.account_id) {
            *own -= 1;
        }
        open.of_accounts.retain(|_, own| *own > 0);
        if let Some((listeners, _)) = open.of_offers.get_mut(&self.offer_id) {
            *listeners -= 1;
        }
        open.of_offers.retain(|_, (listeners, _)| *listeners > 0);
    }
}

/// One who reads a stream.
struct Reader {
    ctx: Context,
    auth: Arc<Auth>,
    caller: Caller,
    stopping: watch::Receiver<bool>,
    place: Place,
    position: Position,
    /// When it was last looked whether the session is good.
    beat_at: Instant,
    begun: bool,
    over: bool,
}

impl Reader {
    /// What is sent next; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let mut text = String::new();
        if !std::mem::replace(&mut self.begun, true) {
            let _ = write!(text, "retry: {RETRY_MS}\n\n");
        }
        while !self.over && !*self.stopping.borrow() {
            match self.place.look.snapshot(&self.ctx, &self.place.offer_id).await {
                Ok(snapshot) => {
                    text += &snapshot.after(&mut self.position);
                    self.over = snapshot.is_final;
                }
                Err(error) => return self.give_up(&error),
            }
            if self.beat_at.elapsed() >= BEAT_EVERY {
                self.beat_at = Instant::now();
                match self.auth.is_good(&self.ctx, &self.caller).await {
                    Ok(true) => text.push_str(": still here\n\n"),
                    Ok(false) => return None,
                    Err(error) => return self.give_up(&error),
                }
            }
            if !text.is_empty() {
                return Some(text.into());
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = self.stopping.changed() => {}
            }
        }
        None
    }

    /// Who listens connects anew, and goes on after what was read last.
    fn give_up(&self, error: &Error) -> Option<Bytes> {
        tracing::error!(offer.id = %self.place.offer_id, error.cause = ?error.cause(), "a stream was given up");
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offers::tests::world::World;
    use futures_util::future;

    #[test]
    fn an_id_is_read_back_and_a_strange_one_is_the_beginning() {
        let position = Position { line: 3, vote: "9f86d081".into() };
        assert_eq!(Position::read(&position.id()), position);
        let before_the_vote = Position { line: 1, vote: String::new() };
        assert_eq!(Position::read(&before_the_vote.id()), before_the_vote);
        for strange in ["", "x", "1", ".", "1.x", "1.9f86d081 ", "99999999999.", "1.\n\ndata: x", "event_01jd"] {
            assert_eq!(Position::read(strange), Position::default(), "{strange:?}");
        }
    }

    #[tokio::test]
    async fn many_who_listen_share_one_look() {
        let world = World::new(2, 1).await;
        let buyer = world.buyer(1_000_000_000).await;
        let offer = world.place(&buyer, world.asks()).await.unwrap();
        let look = Look::default();
        let seen = future::try_join_all((0..20).map(|_| look.snapshot(&world.ctx, &offer.id))).await.unwrap();
        assert!(seen.iter().all(|snapshot| Arc::ptr_eq(snapshot, &seen[0])), "each had a look of its own");
        // What was seen too long ago is looked at anew.
        look.0.lock().await.as_mut().unwrap().0 -= LOOK_EVERY;
        assert!(!Arc::ptr_eq(&look.snapshot(&world.ctx, &offer.id).await.unwrap(), &seen[0]));
    }
}
