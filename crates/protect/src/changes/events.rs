//! Changes as server-sent events, written as the client takes them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use wardnet_server::now_unix;
use wardnet_verdictdb::{Cursor, Listening, Resync};

use super::asked::Filter;
use super::{Follower, SNAPSHOT_PATH, Shared};

/// Bytes after which a frame is sent.
const FRAME_BYTES: usize = 8 * 1024;

/// Changes that are looked at together.
const LOOKED_AT: usize = 64;

/// Looks that a poll takes in a row, so that a client whose filter lets little through does not
/// hold up the others of its thread.
const LOOKS_MAX: usize = 32;

/// A response body that follows the feed. It holds a cursor, and nothing that it has yet to send.
pub(super) struct Events {
    shared: Arc<Shared>,
    follower: Follower,
    filter: Filter,
    cursor: Cursor,
    listening: Option<Listening>,
    heartbeat: Pin<Box<Sleep>>,
    generation: u64,
    stage: Stage,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Follow,
    Done,
}

/// What a look at the feed gave.
enum Seen {
    Frame(Bytes),
    /// Nothing that passes the filter, but more to look at.
    Filtered,
    Nothing,
}

impl Events {
    pub(super) fn new(
        shared: Arc<Shared>,
        follower: Follower,
        filter: Filter,
        cursor: Option<Cursor>,
        place: OwnedSemaphorePermit,
    ) -> Self {
        let heartbeat = Box::pin(tokio::time::sleep(shared.heartbeat()));
        let cursor = cursor.unwrap_or_else(|| shared.feed.head());
        let (generation, stage) = (shared.generation(), Stage::Begin);
        let listening = None;
        Self {
            shared,
            follower,
            filter,
            cursor,
            listening,
            heartbeat,
            generation,
            stage,
            _place: place,
        }
    }

    /// The first words: how soon to come back, and from where.
    fn greeting(&self) -> Bytes {
        let retry_ms = self.shared.limits.retry_ms;
        format!("retry: {retry_ms}\nid: {}\n\n", self.cursor).into()
    }

    /// A sign of life. An event without data tells nobody anything, but is remembered as the last
    /// one seen: whoever filters much comes back to where the feed is, not to the last change that
    /// passed (HTML standard, section 9.2.6).
    fn sign_of_life(&self) -> Bytes {
        format!(": still here\nid: {}\n\n", self.cursor).into()
    }

    fn look(&mut self) -> Seen {
        let batch = match self.shared.feed.since_for(self.follower.tenant, self.cursor, LOOKED_AT) {
            Ok(batch) => batch,
            Err(resync) => return Seen::Frame(self.give_up(&resync)),
        };
        let wanted = self.shared.wanted(&batch, self.follower, &self.filter);
        let (mut wanted, mut frame) = (wanted.peekable(), Vec::new());
        let mut sent = None;
        while let Some(change) = wanted.next() {
            let event = self.shared.event(change);
            if frame.is_empty() && wanted.peek().is_none() {
                // One event alone is what all its receivers share.
                self.cursor = batch.cursor;
                return Seen::Frame(event);
            }
            frame.extend_from_slice(&event);
            if frame.len() >= FRAME_BYTES {
                sent = Some(Cursor { seq: change.seq, ..batch.cursor });
                break;
            }
        }
        self.cursor = sent.unwrap_or(batch.cursor);
        match () {
            () if !frame.is_empty() => Seen::Frame(frame.into()),
            () if batch.more => Seen::Filtered,
            () => Seen::Nothing,
        }
    }

    /// Tells the client to begin anew, as the last thing that is told.
    fn give_up(&mut self, resync: &Resync) -> Bytes {
        self.stage = Stage::Done;
        self.shared.counters.resyncs.inc();
        let (reason, head) = (resync.reason.name(), resync.head);
        let data = serde_json::json!({ "reason": reason, "snapshot": SNAPSHOT_PATH });
        format!("event: resync\nid: {head}\ndata: {data}\n\n").into()
    }

    /// Whether all has been said, or the server wants its streams to end.
    fn is_over(&mut self) -> bool {
        if self.generation != self.shared.generation() {
            self.stage = Stage::Done;
        }
        self.stage == Stage::Done
    }

    /// Every few seconds: is the token still good, is the client still there?
    fn beat(&mut self) -> Sent {
        let next = Instant::now() + self.shared.heartbeat();
        self.heartbeat.as_mut().reset(next);
        if !self.follower.may_go_on(&self.shared.tokens, now_unix()) {
            self.stage = Stage::Done;
        }
        if self.is_over() {
            return Poll::Ready(None);
        }
        let sign = self.sign_of_life();
        self.send(sign)
    }

    fn send(&self, bytes: Bytes) -> Sent {
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

type Sent = Poll<Option<Result<Frame<Bytes>, Infallible>>>;

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Sent {
        let this = self.get_mut();
        if this.stage == Stage::Begin {
            this.stage = Stage::Follow;
            let greeting = this.greeting();
            return this.send(greeting);
        }
        if this.heartbeat.as_mut().poll(context).is_ready() {
            return this.beat();
        }
        for _ in 0..LOOKS_MAX {
            if this.is_over() {
                return Poll::Ready(None);
            }
            // First listen, then look: what comes in between is heard.
            let mut listening = this.listening.take().unwrap_or_else(|| this.shared.feed.listen());
            let seen = this.look();
            if let Seen::Nothing = seen
                && Pin::new(&mut listening).poll(context).is_ready()
            {
                continue;
            }
            this.listening = Some(listening);
            match seen {
                Seen::Frame(frame) => return this.send(frame),
                Seen::Nothing => return Poll::Pending,
                Seen::Filtered => {}
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.stage == Stage::Done
    }
}
