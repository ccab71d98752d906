//! A Safe Browsing server, versions 5 and 4: browsers, proxies and libraries keep lists of hash
//! prefixes, ask for whole hashes when one matches, or ask about URLs outright.
//!
//! ```text
//!   v5 ─ lists, search       v4 ─ updates, search      urls ─ by the view itself
//!      └─────────┬───────────────────┘
//!              state     rows: every listed hash; lists: prefixes by threat and length
//!       ┌────────┴────────┐
//!     judge             list     what is published, and why not    versions, differences
//!       └──── follow ─────┘      the change feed, tick by tick
//! ```
//!
//! # Invariants
//!
//! - What is published, every client asks for, and a question to `/v1/lookup` is answered the same.
//! - A client that applies an update has the server's list, or the checksum tells it that it has not.
//! - A host is in the global cache only if everything dangerous beneath it is in the lists.
//! - What cannot be read is an error, never an empty list.
//! - Nobody's searches are logged, and their replies are padded.

mod config;
mod follow;
mod judge;
mod kept;
mod list;
mod metrics;
mod name;
mod prefix;
mod reply;
mod rows;
mod search;
mod state;
mod threat;
mod v4;
mod v5;

pub use config::SafeBrowsingConfig;
pub use kept::{Kept, KeptError, fuzz_safe_browsing_kept};

use crate::opinion::Opinions;
use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::get_service;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::AbortHandle;
use wardnet_score::Epoch;
use wardnet_server::{Access, Gate, Metrics, Problem, Role, RouteSpec};
use wardnet_verdictdb::ChangeFeed;
use wardnet_wire::safebrowsing::Limits;

/// The calibration in force: it knows who lends space to strangers.
pub type Epochs = Arc<ArcSwap<Epoch>>;

/// What is served.
#[derive(Debug)]
enum Served {
    /// It is being read for the first time.
    NotYet,
    /// The database cannot be read.
    Damaged,
    /// This.
    Ready(state::State),
}

/// The service, as long as its settings stay the same.
#[derive(Debug)]
struct Service {
    config: SafeBrowsingConfig,
    feed: Arc<ChangeFeed>,
    /// Who lends space to strangers.
    epochs: Epochs,
    opinions: Option<Arc<Opinions>>,
    served: ArcSwap<Served>,
    /// Versions of lists are numbers within it.
    history: u64,
    /// What an earlier run served, until everything is read for the first time.
    past: Mutex<Option<state::State>>,
    limits: Limits,
}

impl Service {
    fn take_past(&self) -> Option<state::State> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What is served now, or why nothing is.
    fn ready<T>(
        &self,
        answer: impl FnOnce(&state::State) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        match &**self.served.load() {
            Served::Ready(state) => answer(state),
            Served::NotYet => {
                Err(Problem::unavailable("the lists are being read").with_retry_after_secs(5))
            }
            Served::Damaged => {
                Err(Problem::unavailable("the database cannot be read").with_retry_after_secs(30))
            }
        }
    }
}

/// A running service: its lists follow the changes until it is dropped.
#[derive(Debug)]
pub struct SafeBrowsing {
    service: Arc<Service>,
    follower: AbortHandle,
}

impl Drop for SafeBrowsing {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl SafeBrowsing {
    /// Starts to read and to follow, on the runtime that this is called on. Clients of what was
    /// `kept` are told the difference.
    #[must_use]
    pub fn start(
        config: SafeBrowsingConfig,
        (feed, epochs): (Arc<ChangeFeed>, Epochs),
        opinions: Option<Arc<Opinions>>,
        kept: Kept,
    ) -> Self {
        let served = ArcSwap::from_pointee(Served::NotYet);
        let limits = Limits::default();
        let Kept { history, past } = kept;
        let past = Mutex::new(past);
        let service = Service { config, feed, epochs, opinions, served, history, past, limits };
        let service = Arc::new(service);
        let follower = tokio::spawn(follow::Follower::follow(Arc::clone(&service))).abort_handle();
        Self { service, follower }
    }

    /// What is served, as a file for the next run; nothing while nothing is. The service is to be
    /// stopped then: a client that takes a version of it meanwhile learns from the next checksum
    /// that it has to take the list whole.
    #[must_use]
    pub fn keep(&self) -> Option<Vec<u8>> {
        let Served::Ready(state) = &*self.service.served.load_full() else { return None };
        Some(kept::encode(self.service.history, state))
    }

    /// The settings that it runs with.
    #[must_use]
    pub fn config(&self) -> &SafeBrowsingConfig {
        &self.service.config
    }

    /// Adds what is served to the metrics, for as long as the service runs: call it once, with
    /// something that knows which service runs.
    pub fn register(
        metrics: &Metrics,
        current: impl Fn() -> Option<Arc<Self>> + Send + Sync + 'static,
    ) {
        metrics::register(metrics, current);
    }
}

/// The routes.
pub fn routes(gate: &Gate, running: &SafeBrowsing) -> Router {
    let (service, gate) = (&running.service, &gate.speaking(reply::words));
    let access = match service.config.anonymous {
        true => Access::Anonymous,
        false => Access::Role(Role::Reader),
    };
    let spec = |name| RouteSpec::new(name, access).key_in_query();
    let answer = |name, answer: v5::Answer| {
        let service = Arc::clone(service);
        gate.route(spec(name)).answer(move |by, request| answer(&service, by, request))
    };
    let take = |name, take: v4::Take| {
        let route = gate.route(spec(name).body_bytes_max(v4::BODY_BYTES_MAX));
        route.wrap(v4::handle, (Arc::clone(service), take))
    };
    let post =
        |name, method: v4::Take| get_service(take(name, method)).post_service(take(name, method));
    Router::new()
        .route(v5::LISTS, get_service(answer("/v5/hashLists", v5::lists)))
        .route(v5::LIST, get_service(answer("/v5/hashList", v5::list)))
        .route(v5::BATCH, get_service(answer("/v5/hashLists:batchGet", v5::batch)))
        .route(v5::HASHES, get_service(answer("/v5/hashes:search", search::hashes)))
        .route(v5::URLS, get_service(answer("/v5/urls:search", search::urls)))
        .route(v4::LISTS, get_service(answer("/v4/threatLists", v4::lists)))
        .route(v4::UPDATES, post("/v4/threatListUpdates:fetch", v4::updates))
        .route(v4::HASHES, post("/v4/fullHashes:find", v4::hashes))
        .route(v4::MATCHES, post("/v4/threatMatches:find", v4::matches))
}

#[cfg(test)]
mod tests;
