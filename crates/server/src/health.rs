//! Whether the server lives and whether it is ready: `/health` and `/ready`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::extract::Json;
use crate::problem::Problem;

/// How a component is. Reasons are shown to anybody who can reach the listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "reason", rename_all = "lowercase")]
pub enum Status {
    /// It works.
    Ok,
    /// It answers, but not as well as it should.
    Degraded(String),
    /// It does not answer.
    Down(String),
}

impl Status {
    const fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded(_) => "degraded",
            Self::Down(_) => "down",
        }
    }

    const fn severity(&self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Degraded(_) => 1,
            Self::Down(_) => 2,
        }
    }
}

/// The health of all components.
#[derive(Debug, Clone, Default)]
pub struct Health {
    components: Arc<RwLock<BTreeMap<&'static str, Status>>>,
}

#[derive(Serialize)]
struct Report<'a> {
    status: &'static str,
    components: &'a BTreeMap<&'static str, Status>,
}

impl Health {
    /// Nothing registered: healthy and ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component. It is down until it says otherwise, so the server is not ready before
    /// every part is.
    #[must_use]
    pub fn register(&self, name: &'static str) -> Component {
        let component = Component { health: self.clone(), name };
        component.set(Status::Down("starting".to_owned()));
        component
    }

    /// The worst status of all components.
    #[must_use]
    pub fn overall(&self) -> Status {
        let components = self.components.read().unwrap_or_else(PoisonError::into_inner);
        components.values().max_by_key(|status| status.severity()).cloned().unwrap_or(Status::Ok)
    }

    /// Liveness: always 200 while the process can answer, with every component's state. What is
    /// down is not cured by a restart, so an orchestrator must not read it from here.
    #[must_use]
    pub fn liveness(&self) -> Response {
        let status = self.overall().name();
        let components = self.components.read().unwrap_or_else(PoisonError::into_inner);
        Json(Report { status, components: &components }).into_response()
    }

    /// Readiness: 200 once no component is down, else a 503 problem that names them.
    #[must_use]
    pub fn readiness(&self) -> Response {
        let components = self.components.read().unwrap_or_else(PoisonError::into_inner);
        let mut reasons = String::new();
        for (name, status) in components.iter() {
            if let Status::Down(reason) = status {
                let separator = if reasons.is_empty() { "" } else { "; " };
                // Writing into a String cannot fail.
                write!(reasons, "{separator}{name}: {reason}").unwrap_or_default();
            }
        }
        if reasons.is_empty() {
            return Json(Report { status: "ready", components: &components }).into_response();
        }
        let unready = Problem::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "not-ready",
            "Not ready",
            reasons,
        );
        unready.with_retry_after_secs(1).into_response()
    }
}

/// One component's handle. Dropping it leaves the last status in place.
#[derive(Debug, Clone)]
pub struct Component {
    health: Health,
    name: &'static str,
}

impl Component {
    /// Sets how the component is.
    pub fn set(&self, status: Status) {
        let components = &self.health.components;
        components.write().unwrap_or_else(PoisonError::into_inner).insert(self.name, status);
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, Status};

    #[tokio::test]
    async fn ready_only_when_every_component_is_up() {
        let health = Health::new();
        let (view, feeds) = (health.register("view"), health.register("feeds"));
        view.set(Status::Ok);
        let unready = health.readiness();
        assert_eq!(unready.status(), 503);
        let body = axum::body::to_bytes(unready.into_body(), 4096).await.expect("short");
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(problem["detail"], "feeds: starting");
        assert_eq!(health.liveness().status(), 200);

        feeds.set(Status::Degraded("two feeds are late".into()));
        assert_eq!(health.readiness().status(), 200);
        assert_eq!(health.overall(), Status::Degraded("two feeds are late".into()));
        let body = axum::body::to_bytes(health.liveness().into_body(), 4096).await.expect("short");
        let report: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(report["status"], "degraded");
        assert_eq!(report["components"]["feeds"]["reason"], "two feeds are late");
    }
}
