//! Every route, behind a gate that a reload replaces under running connections.

use crate::config::Config;
use crate::known::Foreign;
use crate::{crowdsec, feeds, intake, models, reload, safe_browsing, tokens};
use axum::Router;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::mpsc;
use wardnet_protect::crowdsec::Machines;
use wardnet_protect::{
    changes, exports, hashlookup, health, lookup, openapi, safebrowsing, status, virustotal,
};
use wardnet_server::{Budgets, Gate, LiveRouter, Metrics, Tokens, with_problem_fallbacks};

/// What all routes answer from, as long as the process lives.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Access tokens.
    pub(crate) tokens: Arc<Tokens>,
    /// Metrics of all parts.
    pub(crate) metrics: Metrics,
    /// Lookups.
    pub(crate) questions: lookup::LookupState,
    /// Who follows what changes.
    pub(crate) changes: changes::ChangesState,
    /// Lists to take away.
    pub(crate) exports: exports::ExportState,
    /// Safe Browsing, if the settings ask for it.
    pub(crate) safe_browsing: safe_browsing::Current,
    /// The models that judge what nobody has listed.
    pub(crate) models: models::Models,
    /// What the interfaces of others answer from, where the settings ask for them.
    pub(crate) foreign: Foreign,
    /// Health, readiness and metrics.
    pub(crate) health: health::HealthState,
    /// The status.
    pub(crate) status: status::StatusState,
    /// What is known.
    pub(crate) identify: wardnet_identify::http::Api,
    /// CrowdSec's agents.
    pub(crate) machines: Arc<Machines>,
    /// Files that are taken in.
    pub(crate) intake: intake::Intake,
    /// The feeds.
    pub(crate) feeds: Arc<feeds::Runner>,
    /// Orders to read the settings again.
    pub(crate) orders: mpsc::Sender<reload::Order>,
    /// The description of all routes.
    pub(crate) document: Arc<Value>,
}

impl Parts {
    /// Every route, behind a new gate.
    fn router(&self, budgets: Arc<Budgets>, config: &Config) -> Router {
        let tokens = Arc::clone(&self.tokens);
        let gate = Gate::new(tokens, budgets, self.metrics.clone(), &config.limits);
        let router = Router::new()
            .merge(lookup::routes(&gate, self.questions.clone()))
            .merge(changes::routes(&gate, self.changes.clone()))
            .merge(exports::routes(&gate, self.exports.clone()))
            .merge(status::routes(&gate, self.status.clone()))
            .merge(health::routes(&gate, self.health.clone()))
            .merge(openapi::routes(&gate, &self.document))
            .merge(wardnet_identify::http::routes(&gate, self.identify.clone()))
            .merge(crowdsec::routes(&gate, &self.machines))
            .merge(intake::routes(&gate, self.intake.clone()))
            .merge(feeds::routes(&gate, Arc::clone(&self.feeds)))
            .merge(models::routes(&gate, self.models.clone(), self.identify.writer.clone()))
            .merge(tokens::routes(&gate, Arc::clone(&self.tokens)))
            .merge(reload::routes(&gate, self.orders.clone()));
        let foreign = [
            self.safe_browsing.load().map(|running| safebrowsing::routes(&gate, &running)),
            config
                .hashlookup
                .as_ref()
                .map(|wanted| hashlookup::routes(&gate, wanted, self.foreign.hashlookup.clone())),
            config.virustotal.as_ref().map(|_| virustotal::routes(&gate, &self.foreign.virustotal)),
        ];
        let router = foreign.into_iter().flatten().fold(router, Router::merge);
        with_problem_fallbacks(router, &gate)
    }
}

/// The routes in force.
pub(crate) struct Routes {
    parts: Parts,
    budgets: Arc<Budgets>,
    current: LiveRouter,
}

impl Routes {
    /// The routes under these settings.
    pub(crate) fn new(parts: Parts, config: &Config) -> Self {
        let budgets = Arc::new(Budgets::new(config.budget.clone()));
        let router = parts.router(Arc::clone(&budgets), config);
        Self { parts, budgets, current: LiveRouter::new(router) }
    }

    /// Puts other budgets and limits into force, from the next request on. Budgets that are the
    /// same go on where they are, so that a reload refills none.
    pub(crate) fn renew(&mut self, old: &Config, new: &Config) {
        if new.budget != old.budget {
            self.budgets = Arc::new(Budgets::new(new.budget.clone()));
        }
        let router = self.parts.router(Arc::clone(&self.budgets), new);
        self.current.replace(router);
    }

    /// The router that is always the one in force.
    pub(crate) fn router(&self) -> LiveRouter {
        self.current.clone()
    }
}
