//! The DNS lists that run, and how they become those that the settings ask for.
//!
//! They are compared as values, as all listeners are: one that is asked for as it runs goes on
//! untouched. New ones are bound before an old one stops; as sockets share their address
//! (`SO_REUSEPORT`) that holds for UDP even where both want the same one.

use anyhow::Context as _;
use arc_swap::ArcSwap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use wardnet_protect::dns::{BoundDns, DnsConfig, DnsMetrics, DnsServer, Pulse};
use wardnet_protect::opinion::Opinions;
use wardnet_server::{Component, Health, Metrics, Status};
use wardnet_verdictdb::Views;

/// How often a bind is tried while the old listener lets go of the address, and how often at most.
const TRY_EVERY: Duration = Duration::from_millis(20);
const TRIES_MAX: u32 = 150;

/// How often it is looked how the lists are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All DNS lists of the server.
pub(crate) struct DnsLists {
    views: Arc<Views>,
    opinions: Arc<Opinions>,
    metrics: DnsMetrics,
    /// The secret behind cookies: of this run.
    secret: [u8; 16],
    threads: usize,
    running: Vec<DnsServer>,
    watch: DnsWatch,
}

/// What can be started, with everything that can go wrong behind it.
pub(crate) struct Prepared {
    bound: Vec<BoundDns>,
    /// At addresses that running ones have to give up first.
    replacing: Vec<DnsConfig>,
    wanted: Vec<DnsConfig>,
}

impl DnsLists {
    /// None yet; all will answer from `views`.
    pub(crate) fn new(
        views: Arc<Views>,
        opinions: Arc<Opinions>,
        metrics: &Metrics,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).context("the system gave no random numbers")?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let metrics = DnsMetrics::new(metrics);
        let component = health.register("dns-lists");
        component.set(Status::Ok);
        let watch = DnsWatch { component, seen: Arc::default() };
        Ok(Self { views, opinions, metrics, secret, threads, running: Vec::new(), watch })
    }

    /// Looks after all.
    pub(crate) fn watch(&self) -> DnsWatch {
        self.watch.clone()
    }

    /// The addresses that are listened on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.running.iter().map(DnsServer::local_addr)
    }

    /// Binds every address that is free, and touches nothing that runs.
    pub(crate) fn prepare(&self, wanted: &[DnsConfig]) -> anyhow::Result<Prepared> {
        let mut prepared =
            Prepared { bound: Vec::new(), replacing: Vec::new(), wanted: wanted.to_vec() };
        for one in wanted.iter().filter(|one| !self.running.iter().any(|r| r.config() == *one)) {
            if self.running.iter().any(|running| running.config().listen == one.listen) {
                prepared.replacing.push(one.clone());
            } else {
                let bound = BoundDns::bind(one.clone(), self.threads)
                    .with_context(|| format!("cannot listen for DNS on {}", one.listen))?;
                prepared.bound.push(bound);
            }
        }
        Ok(prepared)
    }

    /// Starts what is new and stops what is no longer wanted. Says what it did.
    pub(crate) async fn apply(&mut self, prepared: Prepared) -> Vec<String> {
        let Prepared { bound, replacing, wanted } = prepared;
        let mut told = Vec::new();
        for running in std::mem::take(&mut self.running) {
            if wanted.contains(running.config()) {
                self.running.push(running);
            } else {
                told.push(format!("no more DNS lists on {}", running.local_addr()));
                running.stop().await;
            }
        }
        for bound in bound {
            told.push(self.start(bound));
        }
        for config in replacing {
            told.push(match self.bind_when_free(&config).await {
                Ok(bound) => self.start(bound),
                Err(error) => format!("FAILED: no DNS lists on {}: {error}", config.listen),
            });
        }
        let pulses: Vec<Pulse> = self.running.iter().map(DnsServer::pulse).collect();
        let missing = wanted.len().saturating_sub(pulses.len());
        self.watch.seen.store(Arc::new(Seen { pulses, missing }));
        told
    }

    async fn bind_when_free(&self, config: &DnsConfig) -> std::io::Result<BoundDns> {
        let mut tries = 0;
        loop {
            match BoundDns::bind(config.clone(), self.threads) {
                Err(_) if tries < TRIES_MAX => tries += 1,
                bound => return bound,
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    fn start(&mut self, bound: BoundDns) -> String {
        let opinions = Some(Arc::clone(&self.opinions));
        match bound.start(Arc::clone(&self.views), opinions, &self.metrics, self.secret) {
            Ok(server) => {
                let told = format!("DNS lists on {}", server.local_addr());
                self.running.push(server);
                told
            }
            Err(error) => format!("FAILED: DNS lists could not be started: {error}"),
        }
    }

    /// Stops all.
    pub(crate) async fn stop(&mut self) {
        for running in std::mem::take(&mut self.running) {
            running.stop().await;
        }
    }
}

/// What is looked after.
#[derive(Default)]
struct Seen {
    pulses: Vec<Pulse>,
    /// Listeners that could not be started.
    missing: usize,
}

/// Looks how the lists are, and tells it to who asks for the server's health.
#[derive(Clone)]
pub(crate) struct DnsWatch {
    component: Component,
    seen: Arc<ArcSwap<Seen>>,
}

impl DnsWatch {
    /// Looks again and again.
    pub(crate) async fn keep_looking(self) {
        let mut last = Status::Ok;
        loop {
            let status = self.status();
            if status != last {
                self.component.set(status.clone());
                last = status;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn status(&self) -> Status {
        let seen = self.seen.load();
        if seen.missing > 0 {
            return Status::Degraded(format!("{} listeners could not be started", seen.missing));
        }
        match seen.pulses.iter().find_map(Pulse::trouble) {
            Some(trouble) => Status::Degraded(trouble.to_owned()),
            None => Status::Ok,
        }
    }
}
