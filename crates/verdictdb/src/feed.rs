//! The change feed: every change that a view goes through, numbered, for whoever follows.
//!
//! The feed keeps the newest changes in memory, up to a limit. A follower holds a [`Cursor`] and
//! nothing else: it asks for what came [since](ChangeFeed::since), and waits for more, in a task or
//! in a thread. One that has fallen behind what is kept is told to [`Resync`]: it takes a
//! [snapshot](ChangeFeed::snapshot) and goes on from there.
//!
//! ```
//! # use wardnet_verdictdb::{FeedLimits, Views};
//! # let views = Views::default();
//! # let run_number = 1;
//! let feed = views.keep_changes(run_number, FeedLimits::default());
//! let (mut cursor, view) = feed.snapshot();
//! // ... build something from the view, and then again and again:
//! match feed.since(cursor, 100) {
//!     Ok(batch) => {
//!         for change in &batch.changes {
//!             // `change.old` is what was said until now, `change.new` what is said from now on.
//!         }
//!         cursor = batch.cursor;
//!     }
//!     Err(resync) => (cursor, _) = feed.snapshot(),
//! }
//! // feed.changed(cursor).await, or feed.wait(cursor, timeout)
//! ```

mod cursor;
mod history;

pub use cursor::{Cursor, CursorError};
pub use history::{History, Recorder, fuzz_history};

use crate::news::{News, Untold};
use crate::{EntryData, Layer, View};
use bytes::Bytes;
use event_listener::{Event, EventListener, Listener as _};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use wardnet_model::{Key, Kind, Scope, TenantId, Timestamp};

/// What a feed keeps at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedLimits {
    /// Changes that are kept for those who lag. Default 65,536.
    pub changes_max: usize,
    /// Bytes of these changes, about. Default 64 MiB.
    pub bytes_max: usize,
    /// Differences between two bases that are told one by one; where there are more, everybody has
    /// to resynchronise. Default 50,000.
    pub differences_max: usize,
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self { changes_max: 65_536, bytes_max: 64 << 20, differences_max: 50_000 }
    }
}

/// One change as it was published.
#[derive(Debug)]
pub struct PublishedChange {
    /// Its number: one more than that of the change before.
    pub seq: u64,
    /// The time for which the verdict was computed.
    pub as_of: Timestamp,
    /// Whom it concerns: one tenant, or `None` for everybody.
    pub tenant: Option<TenantId>,
    /// The layer that it changes.
    pub layer: Layer,
    /// The kind of indicator.
    pub kind: Kind,
    /// The key of the indicator; bits that are not known are zero.
    pub key: Key,
    /// How many bits of the key are known: a base keeps only the first ones.
    pub key_bits: u16,
    /// The scope of the entry.
    pub scope: Scope,
    /// What was said until now.
    pub old: Option<Arc<EntryData>>,
    /// What is said from now on.
    pub new: Option<Arc<EntryData>>,
    encoded: OnceLock<Bytes>,
}

impl PublishedChange {
    /// The canonical text of the indicator, where it is known.
    pub fn name(&self) -> Option<&str> {
        [&self.new, &self.old].into_iter().flatten().find_map(|data| data.name.as_deref())
    }

    /// Whether a tenant sees this change, and `None` whether everybody does: where a tenant has a
    /// word of its own in `view`, the state of the moment, it takes the place of the shared one.
    pub fn concerns(&self, tenant: Option<TenantId>, view: &View) -> bool {
        if self.tenant.is_some() {
            return self.tenant == tenant;
        }
        let own = tenant.and_then(|tenant| view.tenants.get(&tenant));
        !own.is_some_and(|own| own.speaks_at(self.layer, self.kind, &self.key, self.scope))
    }

    /// The change as `encode` writes it. It is written once, and shared by all who send it: a
    /// program has one encoding.
    pub fn encoded(&self, encode: impl FnOnce(&Self) -> Vec<u8>) -> Bytes {
        self.encoded.get_or_init(|| encode(self).into()).clone()
    }

    /// Bytes that it takes in memory, about, encoding included.
    fn weight(&self) -> usize {
        const FIXED: usize = size_of::<PublishedChange>() + 64;
        const ENCODED: usize = 512;
        let data = [&self.old, &self.new].into_iter().flatten();
        data.fold(FIXED.saturating_add(ENCODED), |sum, data| {
            let name = data.name.as_ref().map_or(0, |name| name.len().saturating_mul(2));
            let sources = data.profile.sources.len().saturating_mul(4);
            sum.saturating_add(size_of::<EntryData>()).saturating_add(name).saturating_add(sources)
        })
    }
}

/// What came after a cursor.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The changes, oldest first; none when there is nothing new.
    pub changes: Vec<Arc<PublishedChange>>,
    /// Where to go on: behind the last of them.
    pub cursor: Cursor,
    /// Whether more changes follow at once.
    pub more: bool,
}

/// Why a follower has to begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResyncReason {
    /// The cursor is of another history, or of a time to come.
    Unknown,
    /// The follower has fallen behind what is kept.
    Late,
    /// So much changed at once that it is not told one by one.
    Rebuilt,
}

impl ResyncReason {
    /// The name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Late => "late",
            Self::Rebuilt => "rebuilt",
        }
    }
}

impl fmt::Display for ResyncReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the cursor is not of this history of changes",
            Self::Late => "changes after the cursor are no longer kept",
            Self::Rebuilt => "more has changed than is told one by one",
        })
    }
}

/// A follower cannot go on from its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; take a snapshot and go on from its cursor")]
pub struct Resync {
    /// Why.
    pub reason: ResyncReason,
    /// Where the feed is now.
    pub head: Cursor,
}

/// Ends with the next change; see [`ChangeFeed::listen`].
#[derive(Debug)]
#[must_use = "listening without waiting hears nothing"]
pub struct Listening(EventListener);

impl Future for Listening {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}

/// Every change that a view goes through, numbered. [`crate::Views::keep_changes`] makes one.
#[derive(Debug)]
pub struct ChangeFeed {
    limits: FeedLimits,
    state: Mutex<State>,
    news: Event,
}

struct State {
    /// The number that all cursors bear.
    history: u64,
    /// Keeps on disk what is told; none where nobody does, or when that failed.
    recorder: Option<Box<dyn Recorder>>,
    /// The newest changes; the last one bears the number `head`.
    kept: VecDeque<Arc<PublishedChange>>,
    weight: usize,
    head: u64,
    /// The state after change number `head`.
    view: Arc<View>,
    /// Followers that come from before this number have to resynchronise.
    rebuilt_at: u64,
    /// Until somebody reads, nothing is kept.
    is_read: bool,
    /// Tenants who come from before this number have to resynchronise: what is theirs is not kept
    /// on disk.
    tenants_from: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, head, is_read, .. } = self;
        let mut debug = f.debug_struct("State");
        debug.field("history", history).field("head", head).field("is_read", is_read);
        debug.finish_non_exhaustive()
    }
}

impl ChangeFeed {
    pub(crate) fn new(history: u64, limits: FeedLimits, view: Arc<View>) -> Self {
        Self::resume(History::new(history), None, limits, view)
    }

    /// Goes on with a history: `view` is the state behind its last change.
    pub(crate) fn resume(
        history: History,
        recorder: Option<Box<dyn Recorder>>,
        limits: FeedLimits,
        view: Arc<View>,
    ) -> Self {
        let History { history, head, rebuilt_at, is_read, kept, .. } = history;
        let weight = kept.iter().fold(0usize, |sum, change| sum.saturating_add(change.weight()));
        let tenants_from = 0;
        let mut state = State {
            history,
            recorder,
            kept,
            weight,
            head,
            view,
            rebuilt_at,
            is_read,
            tenants_from,
        };
        drop(state.shed(&limits));
        Self { limits, state: Mutex::new(state), news: Event::new() }
    }

    /// Lets tenants begin anew who come from before the last change: what is their own was not
    /// kept. Others go on.
    pub fn forget_tenants(&self) {
        let mut state = self.lock();
        state.tenants_from = state.head;
    }

    /// What is kept at most.
    pub const fn limits(&self) -> &FeedLimits {
        &self.limits
    }

    /// The number that all cursors bear.
    pub fn history(&self) -> u64 {
        self.lock().history
    }

    /// The number of the last change. Asking for it makes nobody a reader.
    pub fn published(&self) -> u64 {
        self.lock().head
    }

    /// How many changes are kept for those who lag.
    pub fn kept(&self) -> usize {
        self.lock().kept.len()
    }

    /// Where the feed is now: behind the last change.
    pub fn head(&self) -> Cursor {
        self.read().cursor()
    }

    /// A state, and the cursor behind the last change that it contains.
    pub fn snapshot(&self) -> (Cursor, Arc<View>) {
        let state = self.read();
        (state.cursor(), Arc::clone(&state.view))
    }

    /// At most `max` changes after `cursor`, for all tenants. Who follows for one of them asks
    /// [`Self::since_for`].
    pub fn since(&self, cursor: Cursor, max: usize) -> Result<Batch, Resync> {
        self.since_for(None, cursor, max)
    }

    /// As [`Self::since`], for somebody who follows for a tenant.
    pub fn since_for(
        &self,
        tenant: Option<TenantId>,
        cursor: Cursor,
        max: usize,
    ) -> Result<Batch, Resync> {
        let state = self.read();
        let resync = |reason| Err(Resync { reason, head: state.cursor() });
        if cursor.history != state.history
            || cursor.seq > state.head
            || tenant.is_some() && cursor.seq < state.tenants_from
        {
            return resync(ResyncReason::Unknown);
        }
        if cursor.seq < state.rebuilt_at {
            return resync(ResyncReason::Rebuilt);
        }
        let behind = usize::try_from(state.head.saturating_sub(cursor.seq)).unwrap_or(usize::MAX);
        let Some(seen) = state.kept.len().checked_sub(behind) else {
            return resync(ResyncReason::Late);
        };
        let changes: Vec<_> = state.kept.iter().skip(seen).take(max).cloned().collect();
        let last = changes.last().map_or(cursor.seq, |change| change.seq);
        Ok(Batch { changes, cursor: Cursor { seq: last, ..cursor }, more: last < state.head })
    }

    /// Listens from now on. What is awaited ends with the next change, or when somebody calls
    /// [`Self::nudge`]: first listen, then look, then wait, and nothing is missed.
    pub fn listen(&self) -> Listening {
        Listening(self.news.listen())
    }

    /// Wakes all who listen, although nothing is new: they may have other reasons to look up.
    pub fn nudge(&self) {
        self.news.notify(usize::MAX);
    }

    /// Waits until there is something after `cursor`, or a reason to resynchronise.
    pub async fn changed(&self, cursor: Cursor) {
        loop {
            let listening = self.listen();
            if self.head() != cursor {
                return;
            }
            listening.await;
        }
    }

    /// As [`Self::changed`], for a thread; false when nothing came in time.
    pub fn wait(&self, cursor: Cursor, timeout: Duration) -> bool {
        let listener = self.news.listen();
        self.head() != cursor || listener.wait_timeout(timeout).is_some() && self.head() != cursor
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !state.is_read {
            state.is_read = true;
            state.record_all();
        }
        state
    }

    pub(crate) fn is_read(&self) -> bool {
        self.lock().is_read
    }

    /// Goes on to `view`, without saying what is new: nobody reads, so there is nobody to tell.
    pub(crate) fn pass_over(&self, view: Arc<View>) {
        let mut state = self.lock();
        state.view = view;
        if state.is_read {
            // Somebody has begun to read in this moment.
            state.break_off();
            state.record_all();
        }
        drop(state);
        self.news.notify(usize::MAX);
    }

    /// Goes on to `view`, and keeps what is new in it.
    pub(crate) fn append(&self, news: Result<Vec<News>, Untold>, view: Arc<View>) {
        let mut state = self.lock();
        let is_moved = history::reached(&state.view) != history::reached(&view);
        state.view = view;
        let first = state.head.saturating_add(1);
        let is_news = match news {
            Ok(news) => {
                let is_news = !news.is_empty();
                news.into_iter().for_each(|one| state.keep(one));
                is_news
            }
            Err(_) => {
                state.break_off();
                true
            }
        };
        if is_news || is_moved {
            state.record(first, &self.limits);
        }
        if !is_news {
            return;
        }
        let dropped = state.shed(&self.limits);
        drop(state);
        self.news.notify(usize::MAX);
        // Freed while nobody waits for the lock.
        drop(dropped);
    }
}

impl State {
    const fn cursor(&self) -> Cursor {
        Cursor { history: self.history, seq: self.head }
    }

    fn keep(&mut self, news: News) {
        let as_of = self.view.as_of;
        let News { tenant, layer, kind, key, key_bits, scope, old, new } = news;
        self.head = self.head.saturating_add(1);
        let (seq, encoded) = (self.head, OnceLock::new());
        let change = PublishedChange {
            seq,
            as_of,
            tenant,
            layer,
            kind,
            key,
            key_bits,
            scope,
            old,
            new,
            encoded,
        };
        self.weight = self.weight.saturating_add(change.weight());
        self.kept.push_back(Arc::new(change));
    }

    /// Lets everybody begin anew.
    fn break_off(&mut self) {
        self.head = self.head.saturating_add(1);
        self.rebuilt_at = self.head;
        self.kept.clear();
        self.weight = 0;
    }

    /// Takes out the oldest changes until the limits hold.
    fn shed(&mut self, limits: &FeedLimits) -> Vec<Arc<PublishedChange>> {
        let mut dropped = Vec::new();
        while self.kept.len() > limits.changes_max || self.weight > limits.bytes_max {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.weight = self.weight.saturating_sub(oldest.weight());
            dropped.push(oldest);
        }
        dropped
    }
}
