//! The primaries of response policy zones that run, and how they become those that the settings
//! ask for.
//!
//! They are compared as values, as all listeners are: one that is asked for as it runs goes on
//! untouched, but for its certificate, which is read again. Secondaries of one that is replaced
//! keep what they have and ask again.

use anyhow::Context as _;
use std::sync::Arc;
use wardnet_protect::rpz::{Bound, Primary, RpzConfig, RpzError, RpzMetrics};
use wardnet_server::Metrics;
use wardnet_verdictdb::ChangeFeed;

/// All primaries of the server.
pub(crate) struct Primaries {
    feed: Arc<ChangeFeed>,
    metrics: RpzMetrics,
    running: Vec<Primary>,
}

/// What can be started, with everything that can go wrong behind it.
pub(crate) struct Prepared {
    bound: Vec<Bound>,
    /// To be bound at addresses that running ones have to give up first.
    replacing: Vec<RpzConfig>,
    wanted: Vec<RpzConfig>,
}

impl Primaries {
    /// None yet; all will follow `feed`.
    pub(crate) fn new(feed: Arc<ChangeFeed>, metrics: &Metrics) -> Self {
        Self { feed, metrics: RpzMetrics::new(metrics), running: Vec::new() }
    }

    /// The addresses in use, each behind its protocol.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &String> {
        self.running.iter().flat_map(Primary::addresses)
    }

    /// Loads what the settings name, binds every address that is free, and touches nothing that
    /// runs.
    pub(crate) fn prepare(&self, wanted: &[RpzConfig]) -> anyhow::Result<Prepared> {
        let mut prepared =
            Prepared { bound: Vec::new(), replacing: Vec::new(), wanted: wanted.to_vec() };
        for one in wanted.iter().filter(|one| !self.running.iter().any(|r| r.config() == *one)) {
            Primary::check(one).context("in a section [[rpz]]")?;
            if self.running.iter().any(|running| share_an_address(running.config(), one)) {
                prepared.replacing.push(one.clone());
            } else {
                prepared.bound.push(self.bind(one.clone()).context("in a section [[rpz]]")?);
            }
        }
        Ok(prepared)
    }

    fn bind(&self, config: RpzConfig) -> Result<Bound, RpzError> {
        Bound::bind(config, Arc::clone(&self.feed), &self.metrics)
    }

    /// Starts what is new and stops what is no longer wanted. Says what it did.
    pub(crate) async fn apply(&mut self, prepared: Prepared) -> Vec<String> {
        let Prepared { bound, replacing, wanted } = prepared;
        let mut told = Vec::new();
        for running in std::mem::take(&mut self.running) {
            if wanted.contains(running.config()) {
                if let Err(error) = running.reload_certificate() {
                    told.push(format!("FAILED: the old certificate stays: {error}"));
                }
                self.running.push(running);
            } else {
                told.push(format!("no more zones on {}", running.addresses().join(", ")));
                running.stop().await;
            }
        }
        told.extend(bound.into_iter().map(|bound| self.start(bound)));
        for config in replacing {
            told.push(match self.bind(config) {
                Ok(bound) => self.start(bound),
                Err(error) => format!("FAILED: {error}"),
            });
        }
        told
    }

    fn start(&mut self, bound: Bound) -> String {
        let primary = bound.start();
        let told = format!("zones on {}", primary.addresses().join(", "));
        self.running.push(primary);
        told
    }

    /// Stops all.
    pub(crate) async fn stop(&mut self) {
        for running in std::mem::take(&mut self.running) {
            running.stop().await;
        }
    }
}

fn share_an_address(one: &RpzConfig, other: &RpzConfig) -> bool {
    let others = || other.listen.iter().chain(&other.tls);
    one.listen
        .iter()
        .chain(&one.tls)
        .any(|one| one.port() != 0 && others().any(|other| one.port() == other.port()))
}
