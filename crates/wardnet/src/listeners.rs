//! The listeners that run, and how they become those that the settings ask for.
//!
//! Listeners are compared as values: one that is asked for as it runs goes on untouched, whatever
//! else changes. Certificates are loaded and addresses bound before anything running is touched,
//! so that a mistake changes nothing.

use anyhow::Context as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use wardnet_protect::changes::ChangesState;
use wardnet_server::listen::{Drained, Endpoint, ListenError};
use wardnet_server::tls::TlsFiles;
use wardnet_server::{Limits, Listener, ListenerConfig, LiveRouter, Metrics, Shutdown, Tls};

/// How long an address may take to become free once its listener was told to stop.
const FREE_WITHIN: Duration = Duration::from_secs(2);

/// How often a bind is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(2);

/// How often streams are told to end while listeners drain.
const STREAMS_END_EVERY: Duration = Duration::from_millis(200);

/// One listener as the settings ask for it. Equal ones are the same listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its name in metrics and logs.
    pub(crate) name: String,
    /// What to listen on.
    pub(crate) endpoint: Endpoint,
    /// Certificate and key, with TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// Its bounds.
    pub(crate) limits: Limits,
}

impl Wanted {
    /// Whether both cannot be open at the same time.
    fn collides(&self, other: &Self) -> bool {
        match (&self.endpoint, &other.endpoint) {
            // Port 0 is any free one.
            (Endpoint::Tcp(one), Endpoint::Tcp(other)) => {
                one.port() == other.port() && one.port() != 0
            }
            (one, other) => one == other,
        }
    }

    fn load_tls(&self) -> anyhow::Result<Option<Arc<Tls>>> {
        let loaded = self.tls.clone().map(|files| Tls::load(files).map(Arc::new)).transpose();
        loaded.with_context(|| format!("the listener on {}", self.name))
    }

    fn bind(&self, tls: Option<Arc<Tls>>, metrics: &Metrics) -> Result<Listener, ListenError> {
        let (name, endpoint) = (self.name.clone(), self.endpoint.clone());
        Listener::bind(ListenerConfig { name, endpoint, tls, limits: self.limits.clone() }, metrics)
    }

    /// Binds as soon as the listener that was told to stop has let go of the address.
    async fn bind_when_free(
        &self,
        tls: Option<&Arc<Tls>>,
        metrics: &Metrics,
    ) -> Result<Listener, ListenError> {
        let mut waited = Duration::ZERO;
        loop {
            match self.bind(tls.cloned(), metrics) {
                Err(ListenError::Bind { .. } | ListenError::InUse { .. })
                    if waited < FREE_WITHIN =>
                {
                    tokio::time::sleep(TRY_EVERY).await;
                    waited += TRY_EVERY;
                }
                bound => return bound,
            }
        }
    }
}

/// A listener that runs.
struct Running {
    wanted: Wanted,
    /// In use; none for a socket file.
    address: Option<SocketAddr>,
    tls: Option<Arc<Tls>>,
    stop: Shutdown,
}

/// Listeners that can start, with everything that can go wrong behind them.
pub(crate) struct Prepared {
    /// Bound already.
    bound: Vec<(Wanted, Option<Arc<Tls>>, Listener)>,
    /// To be bound at an address that a running listener has to give up first.
    replacing: Vec<(Wanted, Option<Arc<Tls>>)>,
    /// Places among the running ones of those that stay.
    staying: Vec<usize>,
}

/// All listeners of the server.
pub(crate) struct Listeners {
    router: LiveRouter,
    metrics: Metrics,
    /// Streams of changes, which would outlast the drain of a listener.
    streams: ChangesState,
    running: Vec<Running>,
    tasks: JoinSet<Drained>,
}

impl Listeners {
    /// None yet; all will answer from `router`.
    pub(crate) fn new(router: LiveRouter, metrics: Metrics, streams: ChangesState) -> Self {
        Self { router, metrics, streams, running: Vec::new(), tasks: JoinSet::new() }
    }

    /// Loads every certificate and binds every address that is free, and touches nothing that
    /// runs.
    pub(crate) fn prepare(&self, wanted: Vec<Wanted>) -> anyhow::Result<Prepared> {
        let (staying, new) = compare(&self.running, wanted);
        for at in &staying {
            if let Some(running) = self.running.get(*at) {
                running.wanted.load_tls()?;
            }
        }
        let mut prepared = Prepared { bound: Vec::new(), replacing: Vec::new(), staying };
        for one in new {
            let tls = one.load_tls()?;
            if self.running.iter().any(|running| running.wanted.collides(&one)) {
                prepared.replacing.push((one, tls));
            } else {
                let listener = one.bind(tls.clone(), &self.metrics)?;
                prepared.bound.push((one, tls, listener));
            }
        }
        Ok(prepared)
    }

    /// Starts what is new, stops what is no longer wanted, and reads the certificates of the
    /// others again. Says what it did.
    pub(crate) async fn apply(&mut self, prepared: Prepared) -> Vec<String> {
        let Prepared { bound, replacing, staying } = prepared;
        let mut told = Vec::new();
        let mut leaving = Vec::new();
        for (at, running) in std::mem::take(&mut self.running).into_iter().enumerate() {
            if staying.contains(&at) {
                told.extend(reload_certificate(&running));
                self.running.push(running);
            } else {
                running.stop.trigger();
                leaving.push(running);
            }
        }
        if !leaving.is_empty() {
            self.streams.end_streams();
        }
        for (wanted, tls, listener) in bound {
            told.push(format!("listening on {}", shown(&wanted, &listener)));
            self.start(wanted, tls, listener);
        }
        for (wanted, tls) in replacing {
            let place = leaving.iter().position(|old| old.wanted.collides(&wanted));
            let old = place.map(|place| leaving.swap_remove(place));
            told.push(self.replace(old, wanted, tls).await);
        }
        told.extend(
            leaving.iter().map(|old| format!("no longer listening on {}", old.wanted.name)),
        );
        told
    }

    /// Opens a listener where another has just been told to stop; or that one again, when the new
    /// one cannot be opened.
    async fn replace(
        &mut self,
        old: Option<Running>,
        wanted: Wanted,
        tls: Option<Arc<Tls>>,
    ) -> String {
        match wanted.bind_when_free(tls.as_ref(), &self.metrics).await {
            Ok(listener) => {
                let told = format!("listening anew on {}", shown(&wanted, &listener));
                self.start(wanted, tls, listener);
                told
            }
            Err(error) => {
                let mut told = format!("FAILED: {error}");
                if let Some(Running { wanted, tls, .. }) = old
                    && let Ok(listener) = wanted.bind_when_free(tls.as_ref(), &self.metrics).await
                {
                    told += &format!("; listening on {} as before", wanted.name);
                    self.start(wanted, tls, listener);
                }
                told
            }
        }
    }

    fn start(&mut self, wanted: Wanted, tls: Option<Arc<Tls>>, listener: Listener) {
        let (router, stop) = (self.router.clone(), Shutdown::new());
        let (signal, address) = (stop.clone(), listener.local_addr());
        self.tasks.spawn(async move { listener.serve(router, &signal).await });
        self.running.push(Running { wanted, address, tls, stop });
    }

    /// The addresses that are listened on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.running.iter().filter_map(|running| running.address)
    }

    /// Stops all, and waits until requests in flight have ended.
    pub(crate) async fn stop(mut self) {
        for running in &self.running {
            running.stop.trigger();
        }
        loop {
            // Again and again, for those who began to follow in the last moment.
            self.streams.end_streams();
            match tokio::time::timeout(STREAMS_END_EVERY, self.tasks.join_next()).await {
                Ok(Some(Ok(drained))) => tracing::debug!(cut = drained.cut, "listener drained"),
                Ok(None) => return,
                Ok(Some(Err(_))) | Err(_) => {}
            }
        }
    }
}

/// Which of the running listeners stay as they are, by place, and which are to be started.
fn compare(running: &[Running], wanted: Vec<Wanted>) -> (Vec<usize>, Vec<Wanted>) {
    let mut staying = Vec::new();
    let mut new = Vec::new();
    for one in wanted {
        let is_it =
            |(at, running): &(usize, &Running)| running.wanted == one && !staying.contains(at);
        match running.iter().enumerate().find(is_it) {
            Some((at, _)) => staying.push(at),
            None => new.push(one),
        }
    }
    (staying, new)
}

fn reload_certificate(running: &Running) -> Option<String> {
    let tls = running.tls.as_ref()?;
    Some(match tls.reload() {
        Ok(()) => format!("certificate of {} read again", running.wanted.name),
        Err(error) => format!("FAILED: the old certificate stays: {error}"),
    })
}

/// Where a listener is: the address in use says more than the one asked for, when that was port 0.
fn shown(wanted: &Wanted, listener: &Listener) -> String {
    match (&wanted.endpoint, listener.local_addr()) {
        (Endpoint::Unix(path), _) => path.display().to_string(),
        (_, Some(address)) => address.to_string(),
        (_, None) => wanted.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(address: &str) -> Wanted {
        let endpoint = Endpoint::Tcp(address.parse().unwrap());
        Wanted { name: address.to_owned(), endpoint, tls: None, limits: Limits::default() }
    }

    fn running(wanted: Wanted) -> Running {
        Running { wanted, address: None, tls: None, stop: Shutdown::new() }
    }

    #[test]
    fn equal_listeners_stay_and_all_others_are_started() {
        let (one, two) = (wanted("127.0.0.1:1"), wanted("127.0.0.1:2"));
        let all = [running(one.clone()), running(two.clone())];
        assert_eq!(compare(&all, vec![two.clone()]), (vec![1], vec![]));
        let small = Limits { connections_max: 7, ..Limits::default() };
        let changed = Wanted { limits: small, ..one };
        assert_eq!(compare(&all, vec![changed.clone(), two]), (vec![1], vec![changed]));
        let twice = wanted("127.0.0.1:0");
        let (staying, new) = compare(&[running(twice.clone())], vec![twice.clone(), twice.clone()]);
        assert_eq!((staying, new), (vec![0], vec![twice]), "two on any free port are two");
    }

    #[test]
    fn one_port_is_given_up_before_it_is_taken_again() {
        assert!(wanted("0.0.0.0:80").collides(&wanted("127.0.0.1:80")));
        assert!(!wanted("127.0.0.1:0").collides(&wanted("127.0.0.1:0")));
        assert!(!wanted("127.0.0.1:81").collides(&wanted("127.0.0.1:80")));
    }
}
