//! The listeners for CrowdSec's clients that run, and how they become those that the settings ask
//! for.
//!
//! A section is known by its name. What its bouncers know is kept under that name, so that they go
//! on where they were when its settings change; one that is asked for as it runs goes on untouched.

use crate::config::Config;
use crate::listeners::{Listeners, Prepared as Bound, Wanted};
use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get_service, post_service};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use wardnet_identify::http::{Api, Sensor, Sighting};
use wardnet_protect::Troubles;
use wardnet_protect::changes::ChangesState;
use wardnet_protect::crowdsec::{
    Agent, Agents, CrowdSec, CrowdSecConfig, CrowdSecMetrics, MachineError, Machines, Report,
    Sessions, Surroundings,
};
use wardnet_server::budget::BudgetConfig;
use wardnet_server::listen::Endpoint;
use wardnet_server::{
    Access, Budgets, Gate, Health, Limits, LiveRouter, Metrics, Path as UrlPath, Problem, Role,
    RouteSpec, Tokens,
};
use wardnet_verdictdb::ChangeFeed;

/// What all requests share, whatever the settings say.
#[derive(Clone)]
pub(crate) struct Shared {
    /// Access tokens: the keys of bouncers.
    pub(crate) tokens: Arc<Tokens>,
    /// Metrics of all parts.
    pub(crate) metrics: Metrics,
    /// Streams that listeners wait for.
    pub(crate) streams: ChangesState,
}

impl Shared {
    pub(crate) fn new(tokens: &Arc<Tokens>, metrics: &Metrics, streams: &ChangesState) -> Self {
        let (tokens, metrics) = (Arc::clone(tokens), metrics.clone());
        Self { tokens, metrics, streams: streams.clone() }
    }
}

/// All listeners for CrowdSec's clients.
pub(crate) struct CrowdSecs {
    around: Surroundings,
    shared: Shared,
    running: Vec<Running>,
    /// Told to stop, and answering what was asked before.
    leaving: Vec<Listeners>,
    gate: Option<InForce>,
}

/// Budgets and limits in force, and the settings that they are from.
struct InForce {
    budgets: Arc<Budgets>,
    settings: (BudgetConfig, Limits),
}

struct Running {
    service: CrowdSec,
    router: LiveRouter,
    listeners: Listeners,
}

/// What can be started or changed, with everything that can go wrong behind it.
pub(crate) struct Prepared(Vec<(CrowdSecConfig, Section)>);

enum Section {
    /// It runs at this place.
    Running(usize, Bound),
    New {
        router: LiveRouter,
        listeners: Listeners,
        bound: Bound,
    },
}

impl CrowdSecs {
    /// None yet; all will follow `feed`, and keep what their bouncers know in the data folder.
    pub(crate) fn new(
        data_dir: &Path,
        feed: Arc<ChangeFeed>,
        shared: Shared,
        api: Api,
        health: &Health,
    ) -> anyhow::Result<Self> {
        let folder = crate::paths::crowdsec(data_dir);
        let machines = Arc::new(Machines::open(&folder).context("CrowdSec's machines")?);
        let agents = agents(machines, Arc::clone(&shared.tokens), api)?;
        let around = Surroundings {
            feed,
            folder,
            metrics: CrowdSecMetrics::new(&shared.metrics),
            health: Troubles::new(health, "crowdsec"),
            agents,
        };
        Ok(Self { around, shared, running: Vec::new(), leaving: Vec::new(), gate: None })
    }

    /// The agents that introduced themselves.
    pub(crate) fn machines(&self) -> Arc<Machines> {
        Arc::clone(&self.around.agents.machines)
    }

    /// The addresses that are listened on.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.running.iter().flat_map(|running| running.listeners.addresses())
    }

    /// Loads every certificate and binds every address that is free, and touches nothing that
    /// runs.
    pub(crate) fn prepare(&self, config: &Config) -> anyhow::Result<Prepared> {
        let sections = config.crowdsec.iter().map(|one| {
            let wanted = wanted(one, &config.limits);
            let named = |running: &Running| running.service.config().name == one.name;
            let section = match self.running.iter().position(named) {
                Some(at) => {
                    let running = self.running.get(at).context("a listener is gone")?;
                    Section::Running(at, running.listeners.prepare(wanted)?)
                }
                None => {
                    let Shared { metrics, streams, .. } = self.shared.clone();
                    let router = LiveRouter::new(Router::new());
                    let listeners = Listeners::new(router.clone(), metrics, streams);
                    let bound = listeners.prepare(wanted)?;
                    Section::New { router, listeners, bound }
                }
            };
            Ok((one.clone(), section))
        });
        let sections: anyhow::Result<_> = sections.collect();
        Ok(Prepared(sections.context("in a section [[crowdsec]]")?))
    }

    /// Starts what is new, changes what has other settings, and stops what is no longer wanted.
    /// Says what it did.
    pub(crate) async fn apply(&mut self, prepared: Prepared, config: &Config) -> Vec<String> {
        let mut told = Vec::new();
        let settings = (config.budget.clone(), config.limits.clone());
        let is_gate_new = self.gate.as_ref().is_none_or(|gate| gate.settings != settings);
        if is_gate_new {
            let budgets = Arc::new(Budgets::new(config.budget.clone()));
            self.gate = Some(InForce { budgets, settings });
        }
        let mut old: Vec<_> = std::mem::take(&mut self.running).into_iter().map(Some).collect();
        for (wanted, section) in prepared.0 {
            let (running, bound) = match section {
                Section::New { router, listeners, bound } => {
                    told.push(format!("CrowdSec `{}` reads its decisions", wanted.name));
                    (self.start(wanted, router, listeners), bound)
                }
                Section::Running(at, bound) => {
                    let Some(running) = old.get_mut(at).and_then(Option::take) else { continue };
                    (self.change(running, wanted, is_gate_new, &mut told), bound)
                }
            };
            let mut running = running;
            told.extend(running.listeners.apply(bound).await);
            self.running.push(running);
        }
        for mut running in old.into_iter().flatten() {
            told.push(format!("no more CrowdSec `{}`", running.service.config().name));
            if let Ok(none) = running.listeners.prepare(Vec::new()) {
                drop(running.listeners.apply(none).await);
            }
            self.leaving.push(running.listeners);
        }
        told
    }

    fn start(&self, config: CrowdSecConfig, router: LiveRouter, listeners: Listeners) -> Running {
        let service = CrowdSec::start(config, &self.around);
        router.replace(self.routes(&service));
        Running { service, router, listeners }
    }

    fn change(
        &self,
        running: Running,
        config: CrowdSecConfig,
        is_gate_new: bool,
        told: &mut Vec<String>,
    ) -> Running {
        let Running { service, router, listeners } = running;
        if *service.config() != config {
            told.push(format!("CrowdSec `{}` has the settings just read", config.name));
            // The one that ran lets go of the file first.
            drop(service);
            return self.start(config, router, listeners);
        }
        if is_gate_new {
            router.replace(self.routes(&service));
        }
        Running { service, router, listeners }
    }

    fn routes(&self, service: &CrowdSec) -> Router {
        let Shared { tokens, metrics, .. } = self.shared.clone();
        let (budgets, limits) = match &self.gate {
            Some(gate) => (Arc::clone(&gate.budgets), gate.settings.1.clone()),
            None => (Arc::default(), Limits::default()),
        };
        service.routes(&Gate::new(tokens, budgets, metrics, &limits))
    }

    /// Stops all, and waits until requests in flight have ended.
    pub(crate) async fn stop(&mut self) {
        let running = std::mem::take(&mut self.running).into_iter().map(|one| one.listeners);
        for listeners in std::mem::take(&mut self.leaving).into_iter().chain(running) {
            listeners.stop().await;
        }
    }
}

/// What is known of agents; what they report becomes evidence.
fn agents(machines: Arc<Machines>, tokens: Arc<Tokens>, api: Api) -> anyhow::Result<Agents> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).context("the system gave no random numbers")?;
    let report: Report = Arc::new(move |agent, sightings| {
        let sensor = match agent {
            Agent::Machine(name) => Sensor::Machine(format!("crowdsec:{name}")),
            Agent::Token(principal) => Sensor::Token(principal),
        };
        let sightings = sightings.into_iter().map(|one| Sighting {
            indicator: one.indicator,
            category: one.category,
            first_seen: one.first_seen,
            until: one.until,
            reference: one.reference,
        });
        let (api, sightings) = (api.clone(), sightings.collect());
        Box::pin(async move { api.take_sightings(sensor, sightings).await })
    });
    Ok(Agents::new(machines, Sessions::new(&secret), tokens, report))
}

/// `GET /v1/crowdsec/machines`, `POST /v1/crowdsec/machines/{name}`, and `DELETE`.
pub(crate) fn routes(gate: &Gate, machines: &Arc<Machines>) -> Router {
    let admin = |name| gate.route(RouteSpec::new(name, Access::Role(Role::Admin)));
    let all = || admin("/v1/crowdsec/machines");
    let one = || admin("/v1/crowdsec/machines/{name}");
    let state = || Arc::clone(machines);
    Router::new().route("/v1/crowdsec/machines", get_service(all().wrap(list, state()))).route(
        "/v1/crowdsec/machines/{name}",
        post_service(one().wrap(validate, state())).delete_service(one().wrap(remove, state())),
    )
}

async fn list(State(machines): State<Arc<Machines>>) -> Response {
    let all = machines.list().into_iter().map(|machine| {
        json!({
            "name": machine.name,
            "validated": machine.is_validated,
            "created": machine.created.to_string(),
            "seen": machine.seen.map(|seen| seen.to_string()),
        })
    });
    let all: Vec<_> = all.collect();
    axum::Json(json!({ "machines": all })).into_response()
}

async fn validate(
    State(machines): State<Arc<Machines>>,
    UrlPath(name): UrlPath<String>,
) -> Result<StatusCode, Problem> {
    machines.validate(&name).map_err(|error| refused(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(
    State(machines): State<Arc<Machines>>,
    UrlPath(name): UrlPath<String>,
) -> Result<StatusCode, Problem> {
    machines.remove(&name).map_err(|error| refused(&error))?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(error: &MachineError) -> Problem {
    match error {
        MachineError::Unknown => Problem::not_found(error.to_string()),
        MachineError::Io(cause) if crate::watch::is_full_disk(cause) => {
            wardnet_identify::http::storage_full()
        }
        error => {
            tracing::error!(%error, "the machines could not be written");
            Problem::internal()
        }
    }
}

fn wanted(config: &CrowdSecConfig, limits: &Limits) -> Vec<Wanted> {
    let one = |address: &SocketAddr| Wanted {
        name: format!("crowdsec {address}"),
        endpoint: Endpoint::Tcp(*address),
        tls: config.tls(),
        limits: limits.clone(),
    };
    config.listen.iter().map(one).collect()
}
