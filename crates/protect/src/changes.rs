//! `GET /v1/changes`: every published change, as server-sent events or by long poll, and
//! `GET /v1/changes/snapshot`: everything that is said, to begin from.
//!
//! All clients share the changes that the [`ChangeFeed`] keeps, and the bytes of each, which are
//! written once. A client costs its connection and a cursor; one that cannot keep up falls out of
//! what is kept, is told to resynchronise, and is let go.

mod asked;
mod events;
mod poll;
mod snapshot;
mod text;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::get_service;
use bytes::Bytes;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wardnet_model::{TenantId, Timestamp};
use wardnet_server::tokens::TokenId;
use wardnet_server::{
    Access, Admitted, Caller, Gate, Metrics, OPERATOR_TENANT, Problem, Role, RouteSpec, Tokens,
};
use wardnet_verdictdb::{Batch, ChangeFeed, PublishedChange, Views};

use asked::{Asked, Filter};
use events::Events;
use snapshot::Listing;

const PATH: &str = "/v1/changes";
const SNAPSHOT_PATH: &str = "/v1/changes/snapshot";

/// What followers may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Streams and waiting polls at once. Default 12,000.
    pub followers_max: usize,
    /// Snapshots that are read at once; each holds a thread. Default 8.
    pub snapshots_max: usize,
    /// Changes in the reply to one poll. Default 1,000.
    pub poll_changes_max: usize,
    /// Seconds that a poll may wait. Default 30.
    pub wait_secs_max: u64,
    /// Seconds between two signs of life of a stream. Default 8.
    pub heartbeat_secs: u64,
    /// After how long a client whose stream broke off is to come back. Default 3,000 ms.
    pub retry_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            followers_max: 12_000,
            snapshots_max: 8,
            poll_changes_max: 1_000,
            wait_secs_max: 30,
            heartbeat_secs: 8,
            retry_ms: 3_000,
        }
    }
}

/// What the routes answer from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ChangesState {
    shared: Arc<Shared>,
}

impl ChangesState {
    /// Tells of the changes of `views` that `feed` keeps, and adds what is followed to `metrics`:
    /// call it once.
    #[must_use]
    pub fn new(
        views: Arc<Views>,
        feed: Arc<ChangeFeed>,
        (tokens, metrics): (Arc<Tokens>, &Metrics),
        limits: Limits,
    ) -> Self {
        let shared = Arc::new(Shared {
            views,
            feed,
            tokens,
            followers: Arc::new(Semaphore::new(limits.followers_max)),
            snapshots: Arc::new(Semaphore::new(limits.snapshots_max)),
            limits,
            generation: AtomicU64::new(0),
            counters: Counters::default(),
        });
        let collector = Box::new(FollowerCollector(Arc::clone(&shared)));
        metrics.register(|registry| registry.register_collector(collector));
        Self { shared }
    }

    /// Ends every stream and every waiting poll, since a listener is about to stop. Clients come
    /// back by themselves, and go on from where they were.
    pub fn end_streams(&self) {
        self.shared.generation.fetch_add(1, Ordering::Release);
        self.shared.feed.nudge();
    }
}

/// The routes.
pub fn routes(gate: &Gate, state: ChangesState) -> Router {
    let reader = Access::Role(Role::Reader);
    let follow_it = gate.route(RouteSpec::new(PATH, reader));
    let read_it = gate.route(RouteSpec::new(SNAPSHOT_PATH, reader));
    Router::new()
        .route(PATH, get_service(follow_it.wrap(follow, state.clone())))
        .route(SNAPSHOT_PATH, get_service(read_it.wrap(snapshot, state)))
}

async fn follow(
    State(ChangesState { shared }): State<ChangesState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = Asked::read(query, request.headers(), &shared.limits)?;
    let follower = Follower::of(caller.admitted());
    let place = place(&shared.followers, "as many follow the changes as may")?;
    if asked::wants_events(request.headers()) {
        let Asked { cursor, filter, .. } = asked;
        let events = Events::new(shared, follower, filter, cursor, place);
        let mut response = respond("text/event-stream", Body::new(events));
        // Proxies such as nginx would hold events back until a buffer is full.
        response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
        return Ok(response);
    }
    let reply = poll::poll(&shared, follower, asked).await;
    drop(place);
    Ok(respond("application/json", Body::from(reply?)))
}

async fn snapshot(
    State(ChangesState { shared }): State<ChangesState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let filter = Filter::of_query(request.uri().query().unwrap_or_default())?;
    let (tenant, now) = (Follower::of(caller.admitted()).tenant, caller.admitted().at());
    let place = place(&shared.snapshots, "as many snapshots are being read as may")?;
    let (cursor, view) = shared.feed.snapshot();
    let snapshot = Listing { cursor, view, tenant, filter, now }.begin(place);
    Ok(respond("application/x-ndjson", Body::new(snapshot)))
}

fn respond(media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn place(places: &Arc<Semaphore>, full: &'static str) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(places).try_acquire_owned();
    place.map_err(|_| Problem::unavailable(full).with_retry_after_secs(10))
}

/// Who follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Follower {
    token: Option<TokenId>,
    /// Whose own changes are seen besides the shared ones.
    tenant: Option<TenantId>,
}

impl Follower {
    fn of(admitted: &Admitted) -> Self {
        let principal = admitted.principal();
        let tenant = principal.map(|principal| principal.tenant);
        let tenant = tenant.filter(|tenant| *tenant != OPERATOR_TENANT).map(TenantId);
        Self { token: principal.and_then(|principal| principal.token), tenant }
    }

    /// Whether the token still holds: a stream may outlive it.
    fn may_go_on(self, tokens: &Tokens, now: Timestamp) -> bool {
        self.token.is_none_or(|token| tokens.is_in_force(token, now))
    }
}

/// What all followers share.
#[derive(Debug)]
struct Shared {
    views: Arc<Views>,
    feed: Arc<ChangeFeed>,
    tokens: Arc<Tokens>,
    limits: Limits,
    followers: Arc<Semaphore>,
    snapshots: Arc<Semaphore>,
    /// Rises when every stream is to end.
    generation: AtomicU64,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    resyncs: Counter,
}

impl Shared {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    const fn heartbeat(&self) -> Duration {
        Duration::from_secs(self.limits.heartbeat_secs)
    }

    /// The changes of a batch that a follower sees and wants.
    fn wanted<'a>(
        &self,
        batch: &'a Batch,
        follower: Follower,
        filter: &'a Filter,
    ) -> impl Iterator<Item = &'a Arc<PublishedChange>> + use<'a> {
        let view = follower.tenant.map(|_| self.views.load());
        batch.changes.iter().filter(move |change| {
            let concerned = match &view {
                Some(view) => change.concerns(follower.tenant, view),
                None => change.tenant.is_none(),
            };
            concerned && filter.passes(change)
        })
    }

    /// A change as an event of a stream: written by the first that sends it.
    fn event(&self, change: &PublishedChange) -> Bytes {
        change.encoded(|change| text::event(change, self.feed.history()))
    }
}

/// Reads the feed when somebody asks for metrics.
#[derive(Debug)]
struct FollowerCollector(Arc<Shared>);

impl Collector for FollowerCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Shared { feed, followers, limits, counters, .. } = &*self.0;
        let following = limits.followers_max.saturating_sub(followers.available_permits());
        let gauges = [
            ("changes_followers", "Streams and polls that wait for changes", following),
            ("changes_kept", "Changes kept for those who lag", feed.kept()),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        for (name, help, value) in [
            ("changes_published", "Changes since the start", feed.published()),
            ("changes_resyncs", "Streams that had to begin anew", counters.resyncs.get()),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

/// Reads `bytes` as the query of a follower; a cursor that is read is written the same.
pub fn fuzz_changes_query(bytes: &[u8]) {
    let Ok(query) = std::str::from_utf8(bytes) else { return };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        headers.insert("last-event-id", value.clone());
        headers.insert("accept", value);
    }
    asked::wants_events(&headers);
    for headers in [&headers, &HeaderMap::new()] {
        if let Ok(asked) = Asked::read(query, headers, &Limits::default())
            && let Some(cursor) = asked.cursor
        {
            assert_eq!(cursor.to_string().parse(), Ok(cursor), "a cursor is read as it is written");
        }
    }
}

#[cfg(test)]
mod tests;
