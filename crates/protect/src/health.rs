//! `/health`, `/ready` and `/metrics`, and what the metrics say of the view.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get_service;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use wardnet_server::{
    Access, Component, Gate, Health, Metrics, Problem, Role, RouteSpec, Status, now_unix,
};
use wardnet_verdictdb::{View, Views};

/// What the routes answer from. Cheap to clone.
#[derive(Clone)]
pub struct HealthState {
    health: Health,
    metrics: Metrics,
    views: Arc<Views>,
    view: Component,
    metrics_access: Access,
}

impl HealthState {
    /// Watches `views` as the component `view` of `health`, and adds what it holds to `metrics`:
    /// call it once. With `metrics_for_all`, metrics need no token.
    #[must_use]
    pub fn new(
        health: &Health,
        metrics: &Metrics,
        views: Arc<Views>,
        metrics_for_all: bool,
    ) -> Self {
        let collector = Box::new(ViewCollector { views: Arc::clone(&views) });
        metrics.register(|registry| registry.register_collector(collector));
        let metrics_access =
            if metrics_for_all { Access::Anonymous } else { Access::Role(Role::Reader) };
        let (health, metrics) = (health.clone(), metrics.clone());
        let view = health.register("view");
        Self { health, metrics, views, view, metrics_access }
    }

    /// Looks at the view now, so that no timer has to.
    fn look(&self) {
        self.view.set(match self.views.load().base {
            Some(_) => Status::Ok,
            None => Status::Down("there is no verdict database yet".to_owned()),
        });
    }
}

/// The routes.
pub fn routes(gate: &Gate, state: HealthState) -> Router {
    let free = |name| gate.route(RouteSpec::new(name, Access::Anonymous).questions(0));
    let health = free("/health").wrap(liveness, state.clone());
    let ready = free("/ready").wrap(readiness, state.clone());
    let metrics = RouteSpec::new("/metrics", state.metrics_access);
    let metrics = gate.route(metrics).wrap(exposition, state);
    Router::new()
        .route("/health", get_service(health))
        .route("/ready", get_service(ready))
        .route("/metrics", get_service(metrics))
}

async fn liveness(State(state): State<HealthState>) -> Response {
    state.look();
    state.health.liveness()
}

async fn readiness(State(state): State<HealthState>) -> Response {
    state.look();
    state.health.readiness()
}

async fn exposition(
    State(state): State<HealthState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(state.metrics.respond(&headers))
}

/// Reads the view when somebody asks for metrics.
#[derive(Debug)]
struct ViewCollector {
    views: Arc<Views>,
}

impl Collector for ViewCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let view = self.views.load();
        let mut gauge = |name, help, unit: Option<&Unit>, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, unit, gauge.metric_type())?)
        };
        gauge("view_entries", "Entries of the verdict database", None, base_entries(&view))?;
        let overlay = view.overlay.len() as u64;
        gauge("view_overlay_keys", "Keys changed since the database was built", None, overlay)?;
        gauge("view_sequence", "Number of the last change contained", None, view.seq)?;
        let age = now_unix().secs_since(view.as_of);
        let help = "Time since the verdicts were computed";
        gauge("view_age", help, Some(&Unit::Seconds), age)
    }
}

fn base_entries(view: &View) -> u64 {
    view.base.as_ref().map_or(0, |base| base.stat().entries())
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;
    use crate::testing::{House, text, view};

    #[tokio::test]
    async fn ready_once_there_is_a_database() {
        let house = House::new();
        let views = Arc::new(Views::default());
        let health = Health::new();
        let state = HealthState::new(&health, &house.metrics, Arc::clone(&views), false);
        let router = house.router(routes(&house.gate, state));
        assert_eq!(house.get(&router, "/ready", None).await.status(), 503);
        assert_eq!(house.get(&router, "/health", None).await.status(), 200);
        let base = view().base.unwrap();
        views.swap_base(base).unwrap();
        assert_eq!(house.get(&router, "/ready", None).await.status(), 200);
    }

    #[tokio::test]
    async fn metrics_tell_of_the_view_to_whom_they_may() {
        let house = House::new();
        let views = Arc::new(Views::new(view()));
        let state = HealthState::new(&Health::new(), &house.metrics, views, false);
        let router = house.router(routes(&house.gate, state.clone()));
        let refused = house.get(&router, "/metrics", None).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        let shown = text(house.get(&router, "/metrics", Some(&house.reader)).await).await;
        for line in ["wardnet_view_entries 7", "wardnet_view_sequence 9", "view_age_seconds "] {
            assert!(shown.contains(line), "{line} in {shown}");
        }
        let open = HealthState { metrics_access: Access::Anonymous, ..state };
        let router = house.router(routes(&house.gate, open));
        assert_eq!(house.get(&router, "/metrics", None).await.status(), 200);
    }
}
