//! The watchdog of a connection: what a client may make us wait for, at no cost per request.
//!
//! hyper arms a timer per request head and has none for a connection that never sends its first
//! byte, for an idle HTTP/2 connection, or for a peer that takes no bytes. Here the connection
//! leaves traces in plain atomics, and one slow tick per connection compares them with those of
//! the tick before. Limits are therefore kept to within a quarter of the shortest.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::Limits;

/// The traces a connection leaves.
#[derive(Debug, Default)]
pub(super) struct Traces {
    requests_started: AtomicU64,
    requests_ended: AtomicU64,
    /// Bytes came since the last request began or ended: part of a next request's head.
    head_began: AtomicBool,
    is_http2: AtomicBool,
    writes: AtomicU64,
    is_write_blocked: AtomicBool,
}

impl Traces {
    /// Marks a request, until the returned value is dropped.
    pub(super) fn begin(self: &Arc<Self>, is_http2: bool) -> InFlight {
        self.requests_started.fetch_add(1, Relaxed);
        self.head_began.store(false, Relaxed);
        if is_http2 {
            self.is_http2.store(true, Relaxed);
        }
        InFlight { traces: Arc::clone(self) }
    }
}

/// A request whose response has not ended yet.
#[derive(Debug)]
pub(super) struct InFlight {
    traces: Arc<Traces>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.traces.head_began.store(false, Relaxed);
        self.traces.requests_ended.fetch_add(1, Relaxed);
    }
}

/// What is to be done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Fine,
    /// Nothing is asked: say goodbye.
    Idle,
    /// The client is too slow: hang up.
    Slow,
}

/// Compares the traces of two ticks.
#[derive(Debug)]
pub(super) struct Watchdog {
    traces: Arc<Traces>,
    period: Duration,
    header: Duration,
    idle: Duration,
    stall: Duration,
    quiet: Duration,
    stalled: Duration,
    last_started: u64,
    last_writes: u64,
    last_head_began: bool,
}

impl Watchdog {
    pub(super) fn new(traces: Arc<Traces>, limits: &Limits) -> Self {
        let [header, idle, stall] =
            [limits.header_timeout_ms, limits.idle_timeout_ms, limits.stall_timeout_ms]
                .map(Duration::from_millis);
        let shortest = header.min(idle).min(stall);
        Self {
            traces,
            period: (shortest / 4).max(Duration::from_millis(1)),
            header,
            idle,
            stall,
            quiet: Duration::ZERO,
            stalled: Duration::ZERO,
            last_started: 0,
            last_writes: 0,
            last_head_began: false,
        }
    }

    /// The time between two looks.
    pub(super) const fn period(&self) -> Duration {
        self.period
    }

    /// Looks at the connection; to be called once per period.
    pub(super) fn look(&mut self) -> Finding {
        let started = self.traces.requests_started.load(Relaxed);
        let is_asked = started != self.traces.requests_ended.load(Relaxed);
        if self.is_stalled() {
            return Finding::Slow;
        }
        let head_began = self.traces.head_began.load(Relaxed);
        let head_begins = head_began && !self.last_head_began;
        self.last_head_began = head_began;
        if is_asked || started != self.last_started || head_begins {
            self.quiet = Duration::ZERO;
            self.last_started = started;
            return Finding::Fine;
        }
        self.quiet += self.period;
        // HTTP/2 sends pings and window updates between requests, which are no heads.
        let is_head = started == 0 || (head_began && !self.traces.is_http2.load(Relaxed));
        match is_head {
            true if self.quiet >= self.header => Finding::Slow,
            false if self.quiet >= self.idle => Finding::Idle,
            _ => Finding::Fine,
        }
    }

    fn is_stalled(&mut self) -> bool {
        let writes = self.traces.writes.load(Relaxed);
        if self.traces.is_write_blocked.load(Relaxed) && writes == self.last_writes {
            self.stalled += self.period;
        } else {
            self.stalled = Duration::ZERO;
        }
        self.last_writes = writes;
        self.stalled >= self.stall
    }
}

/// A stream that leaves traces.
pub(super) struct Traced<S> {
    stream: S,
    traces: Arc<Traces>,
}

impl<S> Traced<S> {
    pub(super) const fn new(stream: S, traces: Arc<Traces>) -> Self {
        Self { stream, traces }
    }

    fn trace_write<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.traces.is_write_blocked.store(written.is_pending(), Relaxed);
        if written.is_ready() {
            // One task writes at a time, so this needs no atomic addition.
            self.traces.writes.store(self.traces.writes.load(Relaxed).wrapping_add(1), Relaxed);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Traced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > filled {
            self.traces.head_began.store(true, Relaxed);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Traced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.trace_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.trace_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_pending() {
            self.traces.is_write_blocked.store(true, Relaxed);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;

    use super::{Finding, Traces, Watchdog};
    use crate::limits::Limits;

    /// Periods of one second: heads get 4, idleness 8, stalls 4.
    fn watchdog() -> (Arc<Traces>, Watchdog) {
        let limits = Limits {
            header_timeout_ms: 4_000,
            idle_timeout_ms: 8_000,
            stall_timeout_ms: 4_000,
            ..Limits::default()
        };
        let traces = Arc::new(Traces::default());
        (Arc::clone(&traces), Watchdog::new(traces, &limits))
    }

    fn looks_until(watchdog: &mut Watchdog, wanted: Finding) -> Option<usize> {
        (1..=20).find(|_| watchdog.look() == wanted)
    }

    #[test]
    fn silence_before_the_first_request_is_slow() {
        let (_, mut watchdog) = watchdog();
        assert_eq!(looks_until(&mut watchdog, Finding::Slow), Some(4));
    }

    #[test]
    fn a_head_that_starts_late_in_an_idle_time_gets_its_full_time() {
        let (traces, mut watchdog) = watchdog();
        drop(traces.begin(false));
        for _ in 0..8 {
            assert_eq!(watchdog.look(), Finding::Fine);
        }
        traces.head_began.store(true, Relaxed);
        assert_eq!(looks_until(&mut watchdog, Finding::Slow), Some(5));
    }

    #[test]
    fn idleness_is_told_apart_and_http2_pings_are_no_heads() {
        let (traces, mut watchdog) = watchdog();
        drop(traces.begin(true));
        assert_eq!(watchdog.look(), Finding::Fine);
        traces.head_began.store(true, Relaxed);
        assert_eq!(looks_until(&mut watchdog, Finding::Idle), Some(9));
    }

    #[test]
    fn a_request_in_flight_may_take_its_time() {
        let (traces, mut watchdog) = watchdog();
        let request = traces.begin(false);
        assert_eq!(looks_until(&mut watchdog, Finding::Slow), None);
        drop(request);
        assert_eq!(looks_until(&mut watchdog, Finding::Idle), Some(8));
    }

    #[test]
    fn a_peer_that_takes_nothing_is_slow_even_with_a_request_in_flight() {
        let (traces, mut watchdog) = watchdog();
        let _request = traces.begin(false);
        traces.is_write_blocked.store(true, Relaxed);
        assert_eq!(watchdog.look(), Finding::Fine);
        traces.writes.store(1, Relaxed);
        assert_eq!(looks_until(&mut watchdog, Finding::Slow), Some(5));
    }
}
