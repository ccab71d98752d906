//! The protective resolvers that run, and how they become those that the settings ask for.
//!
//! They are compared as values, as all listeners are. One whose sockets stay the same takes other
//! settings under them, so that no question is lost; one that listens elsewhere is started before
//! the old one stops, except where both want the same address.

use anyhow::Context as _;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use wardnet_protect::opinion::Opinions;
use wardnet_protect::resolver::{
    Bound, Pulse, Renewal, Resolver, ResolverConfig, ResolverError, ResolverMetrics,
};
use wardnet_server::{Component, Health, Metrics, Status};
use wardnet_verdictdb::Views;

/// How often it is looked whether upstreams answer.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// All resolvers of the server.
pub(crate) struct Resolvers {
    views: Arc<Views>,
    opinions: Arc<Opinions>,
    metrics: Metrics,
    own_metrics: ResolverMetrics,
    running: Vec<Resolver>,
    watch: ResolverWatch,
}

/// What can be started or changed, with everything that can go wrong behind it.
pub(crate) struct Prepared {
    /// Places among the running ones of those that stay, some with other settings.
    staying: Vec<(usize, Option<Renewal>)>,
    /// Bound already.
    bound: Vec<Bound>,
    /// To be bound at addresses that running ones have to give up first.
    replacing: Vec<ResolverConfig>,
}

impl Resolvers {
    /// None yet; all will answer from `views`.
    pub(crate) fn new(
        views: Arc<Views>,
        opinions: Arc<Opinions>,
        metrics: &Metrics,
        health: &Health,
    ) -> Self {
        let component = health.register("resolver");
        component.set(Status::Ok);
        let watch = ResolverWatch { component, pulses: Arc::default() };
        let own_metrics = ResolverMetrics::new(metrics);
        let metrics = metrics.clone();
        Self { views, opinions, metrics, own_metrics, running: Vec::new(), watch }
    }

    /// Looks after the upstreams of all.
    pub(crate) fn watch(&self) -> ResolverWatch {
        self.watch.clone()
    }

    /// The addresses in use, each behind its protocol.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &String> {
        self.running.iter().flat_map(Resolver::addresses)
    }

    /// Loads what the settings name, binds every address that is free, and touches nothing that
    /// runs.
    pub(crate) fn prepare(&self, wanted: &[ResolverConfig]) -> anyhow::Result<Prepared> {
        let mut prepared =
            Prepared { staying: Vec::new(), bound: Vec::new(), replacing: Vec::new() };
        for config in wanted {
            self.prepare_one(config, &mut prepared)
                .with_context(|| format!("{}", Named(config)))?;
        }
        Ok(prepared)
    }

    fn prepare_one(
        &self,
        config: &ResolverConfig,
        prepared: &mut Prepared,
    ) -> Result<(), ResolverError> {
        let taken = |at: usize| prepared.staying.iter().any(|(staying, _)| *staying == at);
        let mut running = self.running.iter().enumerate();
        let same = running.find(|(at, one)| one.config().listens_like(config) && !taken(*at));
        if let Some((at, running)) = same {
            let is_equal = running.config() == config;
            let renewal = if is_equal { None } else { Some(Resolver::prepare(config.clone())?) };
            prepared.staying.push((at, renewal));
        } else if self.running.iter().any(|one| share_an_address(one.config(), config)) {
            // What cannot be loaded is told before anything is given up for it.
            Resolver::prepare(config.clone())?;
            prepared.replacing.push(config.clone());
        } else {
            prepared.bound.push(self.bind(config.clone())?);
        }
        Ok(())
    }

    fn bind(&self, config: ResolverConfig) -> Result<Bound, ResolverError> {
        let known = (Arc::clone(&self.views), Some(Arc::clone(&self.opinions)));
        Bound::bind(config, known, &self.metrics, &self.own_metrics)
    }

    /// Starts what is new, changes what has other settings, and stops what is no longer wanted.
    /// Says what it did.
    pub(crate) async fn apply(&mut self, prepared: Prepared) -> Vec<String> {
        let Prepared { mut staying, bound, replacing } = prepared;
        let mut told = Vec::new();
        let mut leaving = Vec::new();
        for (at, mut running) in std::mem::take(&mut self.running).into_iter().enumerate() {
            match staying.iter_mut().find(|(staying, _)| *staying == at) {
                Some((_, renewal)) => {
                    told.extend(change(&mut running, renewal.take()));
                    self.running.push(running);
                }
                None => leaving.push(running),
            }
        }
        told.extend(bound.into_iter().map(|bound| self.start(bound)));
        for resolver in leaving {
            told.push(format!("no longer a {}", Named(resolver.config())));
            resolver.stop().await;
        }
        for config in replacing {
            let name = Named(&config).to_string();
            told.push(match self.bind(config) {
                Ok(bound) => self.start(bound),
                Err(error) => format!("FAILED: {name}: {error}"),
            });
        }
        let pulse = |one: &Resolver| (Named(one.config()).to_string(), one.pulse());
        self.watch.pulses.store(Arc::new(self.running.iter().map(pulse).collect()));
        told
    }

    fn start(&mut self, bound: Bound) -> String {
        let resolver = bound.start();
        let told = Named(resolver.config()).to_string();
        self.running.push(resolver);
        told
    }

    /// Stops all, and waits until questions in flight have ended.
    pub(crate) async fn stop(&mut self) {
        for resolver in std::mem::take(&mut self.running) {
            resolver.stop().await;
        }
    }
}

/// What a resolver that stays has to be told.
fn change(running: &mut Resolver, renewal: Option<Renewal>) -> Option<String> {
    let certificate = match running.reload_certificate() {
        Ok(()) => None,
        Err(error) => Some(format!("FAILED: the old certificate stays: {error}")),
    };
    let renewed = renewal.map(|renewal| {
        running.renew(renewal);
        format!("{} changed", Named(running.config()))
    });
    certificate.or(renewed)
}

fn share_an_address(one: &ResolverConfig, other: &ResolverConfig) -> bool {
    let all = |config: &ResolverConfig| {
        [&config.listen, &config.dot, &config.doh]
            .into_iter()
            .flatten()
            .copied()
            .collect::<Vec<_>>()
    };
    let others = all(other);
    all(one)
        .iter()
        .any(|one| one.port() != 0 && others.iter().any(|other| one.port() == other.port()))
}

/// A resolver by its addresses.
struct Named<'a>(&'a ResolverConfig);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("resolver")?;
        let ways = [("dns", &self.0.listen), ("dot", &self.0.dot), ("doh", &self.0.doh)];
        for (way, addresses) in ways {
            for address in addresses {
                write!(f, " {way} {address}")?;
            }
        }
        Ok(())
    }
}

/// Looks whether upstreams answer, and tells it to who asks for the server's health.
#[derive(Clone)]
pub(crate) struct ResolverWatch {
    component: Component,
    pulses: Arc<ArcSwap<Vec<(String, Pulse)>>>,
}

impl ResolverWatch {
    /// Looks again and again.
    pub(crate) async fn keep_looking(self) {
        let mut last = Status::Ok;
        loop {
            let pulses = self.pulses.load_full();
            let lost = pulses.iter().filter(|(_, pulse)| !pulse.upstreams_answer());
            let lost: Vec<&str> = lost.map(|(name, _)| name.as_str()).collect();
            let status = if lost.is_empty() {
                Status::Ok
            } else {
                Status::Degraded(format!("no upstream answers: {}", lost.join("; ")))
            };
            if status != last {
                self.component.set(status.clone());
                last = status;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
