//! The primaries of response policy zones that run, and how they become those that the settings
//! ask for.
//!
//! They are compared as values, as all listeners are: one that is asked for as it runs goes on
//! untouched, but for its certificate, which is read again. One whose sockets stay the same takes
//! other settings under them. Secondaries of one that is replaced keep what they have and ask again.

use anyhow::Context as _;
use std::path::Path;
use std::sync::Arc;
use wardnet_protect::Troubles;
use wardnet_protect::rpz::{
    Bound, Primary, Renewal, RpzConfig, RpzError, RpzMetrics, Serials, Surroundings,
};
use wardnet_server::{Health, Metrics};
use wardnet_verdictdb::ChangeFeed;

/// All primaries of the server.
pub(crate) struct Primaries {
    around: Surroundings,
    running: Vec<Primary>,
}

/// What can be started or changed, with everything that can go wrong behind it.
pub(crate) struct Prepared {
    /// Places among the running ones of those that stay, some with other settings.
    staying: Vec<(usize, Option<Renewal>)>,
    /// Bound already.
    bound: Vec<Bound>,
    /// To be bound at addresses that running ones have to give up first.
    replacing: Vec<RpzConfig>,
}

impl Primaries {
    /// None yet; all will follow `feed`, with serials that the data folder remembers.
    pub(crate) fn new(
        data_dir: &Path,
        feed: Arc<ChangeFeed>,
        metrics: &Metrics,
        health: &Health,
    ) -> Self {
        let around = Surroundings {
            feed,
            serials: Arc::new(Serials::open(crate::paths::serial(data_dir))),
            metrics: RpzMetrics::new(metrics),
            health: Troubles::new(health, "rpz"),
        };
        Self { around, running: Vec::new() }
    }

    /// The addresses in use, each behind its protocol.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &String> {
        self.running.iter().flat_map(Primary::addresses)
    }

    /// Loads what the settings name, binds every address that is free, and touches nothing that
    /// runs.
    pub(crate) fn prepare(&self, wanted: &[RpzConfig]) -> anyhow::Result<Prepared> {
        let mut prepared =
            Prepared { staying: Vec::new(), bound: Vec::new(), replacing: Vec::new() };
        for config in wanted {
            self.prepare_one(config, &mut prepared).context("in a section [[rpz]]")?;
        }
        Ok(prepared)
    }

    fn prepare_one(&self, config: &RpzConfig, prepared: &mut Prepared) -> Result<(), RpzError> {
        let taken = |at: usize| prepared.staying.iter().any(|(staying, _)| *staying == at);
        let mut running = self.running.iter().enumerate();
        let same = running.find(|(at, one)| one.config().listens_like(config) && !taken(*at));
        if let Some((at, running)) = same {
            // Keys are read again even where their settings are the same.
            let is_equal = running.config() == config && config.tsig.is_empty();
            let renewal = if is_equal { None } else { Some(Primary::prepare(config.clone())?) };
            prepared.staying.push((at, renewal));
        } else if self.running.iter().any(|one| share_an_address(one.config(), config)) {
            // What cannot be loaded is told before anything is given up for it.
            Primary::check(config)?;
            prepared.replacing.push(config.clone());
        } else {
            prepared.bound.push(Bound::bind(config.clone(), self.around.clone())?);
        }
        Ok(())
    }

    /// Starts what is new, changes what has other settings, and stops what is no longer wanted.
    /// Says what it did.
    pub(crate) async fn apply(&mut self, prepared: Prepared) -> Vec<String> {
        let Prepared { mut staying, bound, replacing } = prepared;
        let mut told = Vec::new();
        for (at, mut running) in std::mem::take(&mut self.running).into_iter().enumerate() {
            let name = running.addresses().join(", ");
            let Some((_, renewal)) = staying.iter_mut().find(|(staying, _)| *staying == at) else {
                told.push(format!("no more zones on {name}"));
                running.stop().await;
                continue;
            };
            if let Err(error) = running.reload_certificate() {
                told.push(format!("FAILED: the old certificate stays: {error}"));
            }
            if let Some(renewal) = renewal.take() {
                running.renew(renewal).await;
                told.push(format!("zones on {name} have the settings just read"));
            }
            self.running.push(running);
        }
        told.extend(bound.into_iter().map(|bound| self.start(bound)));
        for config in replacing {
            told.push(match Bound::bind(config, self.around.clone()) {
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
