//! One connection, from the handshake to its end.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, Version};
use axum::routing::future::RouteFuture;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;

use super::seldom::Seldom;
use super::socket::{Accepted, Raw, Stream};
use super::watch::{Finding, InFlight, Traced, Traces, Watchdog};
use super::{ListenerConfig, Peer, Shutdown};
use crate::limits::Limits;
use crate::live_router::LiveRouter;
use crate::metrics::ListenerMetrics;

/// What all connections of a listener share.
pub(super) struct Connections {
    builder: Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    router: LiveRouter,
    limits: Limits,
    metrics: ListenerMetrics,
    shutdown: Shutdown,
    listener: String,
}

impl Connections {
    pub(super) fn new(
        config: &ListenerConfig,
        router: LiveRouter,
        metrics: ListenerMetrics,
        shutdown: &Shutdown,
    ) -> Self {
        Self {
            builder: builder(&config.limits),
            tls: config.tls.as_ref().map(|tls| TlsAcceptor::from(tls.server_config())),
            router,
            limits: config.limits.clone(),
            metrics,
            shutdown: shutdown.clone(),
            listener: config.name.clone(),
        }
    }

    pub(super) const fn metrics(&self) -> &ListenerMetrics {
        &self.metrics
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, accepted: Accepted) {
        let stream = match (accepted.stream, &self.tls) {
            (Raw::Unix(stream), _) => Some(Stream::Unix(stream)),
            (Raw::Tcp(stream), None) => Some(Stream::Tcp(stream)),
            (Raw::Tcp(stream), Some(tls)) => tokio::select! {
                stream = self.handshake(tls, stream) => stream,
                () = self.shutdown.wait() => None,
            },
        };
        if let Some(stream) = stream {
            self.serve_http(stream, accepted.peer).await;
        }
    }

    async fn handshake(&self, tls: &TlsAcceptor, stream: TcpStream) -> Option<Stream> {
        let deadline = Duration::from_millis(self.limits.handshake_timeout_ms);
        match tokio::time::timeout(deadline, tls.accept(stream)).await {
            Ok(Ok(stream)) => return Some(Stream::Tls(Box::new(stream))),
            // Scanners fail handshakes all day long: counted, and told only to who debugs.
            Ok(Err(error)) => {
                tracing::debug!(listener = self.listener, %error, "TLS handshake failed");
            }
            Err(_) => tracing::debug!(listener = self.listener, "TLS handshake timed out"),
        }
        self.metrics.tls_failures.inc();
        None
    }

    async fn serve_http(&self, stream: Stream, peer: Peer) {
        let traces = Arc::new(Traces::default());
        let mut watchdog = Watchdog::new(Arc::clone(&traces), &self.limits);
        let io = TokioIo::new(Traced::new(stream, Arc::clone(&traces)));
        let entry = Entry { router: self.router.clone(), peer, traces };
        let connection = self.builder.serve_connection(io, entry);
        let stop = self.shutdown.wait();
        tokio::pin!(connection, stop);

        let mut tick = tokio::time::interval(watchdog.period());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        let mut is_closing = false;
        let mut is_stopping = false;
        loop {
            let event = Seldom::new(async {
                tokio::select! {
                    biased;
                    _ = tick.tick() => Event::Tick,
                    () = stop.as_mut(), if !is_stopping => Event::Stop,
                }
            });
            let event = tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(listener = self.listener, %error, "connection failed");
                    }
                    return;
                }
                event = event => event,
            };
            match event {
                Event::Tick => match watchdog.look() {
                    Finding::Fine => {}
                    Finding::Idle if !is_closing => {
                        is_closing = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    Finding::Idle => return,
                    Finding::Slow => {
                        self.metrics.timed_out.inc();
                        return;
                    }
                },
                Event::Stop => {
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// What interrupts a connection.
enum Event {
    Tick,
    Stop,
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .max_buf_size(limits.header_bytes_max)
        .max_headers(limits.headers_max)
        // Head and body in one plain write: the kernel takes longer over a list of parts than it
        // takes to copy an answer behind its head.
        .writev(false)
        // The watchdog keeps the time of heads.
        .header_read_timeout(None);
    // A field section's limit is a courtesy that peers may ignore, but h2 enforces it.
    let header_bytes_max = u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX);
    builder
        .http2()
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(header_bytes_max);
    builder
}

/// Hands each request to the router, with its peer, and keeps note of its end.
struct Entry {
    router: LiveRouter,
    peer: Peer,
    traces: Arc<Traces>,
}

impl hyper::service::Service<Request<Incoming>> for Entry {
    type Response = Response<TrackedBody>;
    type Error = Infallible;
    type Future = TrackedResponse;

    fn call(&self, request: Request<Incoming>) -> TrackedResponse {
        let in_flight = self.traces.begin(request.version() == Version::HTTP_2);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer);
        let future = self.router.call(request);
        TrackedResponse { future, in_flight: Some(in_flight) }
    }
}

pin_project! {
    /// A response on its way; the request counts as in flight until its body ended.
    struct TrackedResponse {
        #[pin]
        future: RouteFuture<Infallible>,
        in_flight: Option<InFlight>,
    }
}

impl Future for TrackedResponse {
    type Output = Result<Response<TrackedBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.future.poll(context));
        let in_flight = this.in_flight.take();
        Poll::Ready(Ok(response.map(|body| TrackedBody { body, in_flight })))
    }
}

pin_project! {
    struct TrackedBody {
        #[pin]
        body: Body,
        // Held for its drop.
        in_flight: Option<InFlight>,
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
