//! Metrics: cheap to count, readable by Prometheus and OpenMetrics alike.

mod process;
mod routes;
mod text;

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::problem::Problem;
pub use routes::RouteMetrics;
use routes::RouteTable;

/// How the metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The older Prometheus text format, 0.0.4.
    Prometheus,
}

impl Exposition {
    /// What the client asks for; Prometheus' own text where it does not say.
    #[must_use]
    pub fn from_accept(headers: &HeaderMap) -> Self {
        let mut accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepts.any(|accept| accept.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    listener: String,
    reason: &'static str,
}

/// What a listener counts.
#[derive(Debug, Clone)]
pub(crate) struct ListenerMetrics {
    pub(crate) accepted: Counter,
    pub(crate) open: Gauge,
    pub(crate) tls_failures: Counter,
    pub(crate) accept_errors: Counter,
    pub(crate) crowded: Counter,
    pub(crate) timed_out: Counter,
}

/// All metrics of the process. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
    routes: RouteTable,
    failed_logins: Counter,
    accepted: Family<ListenerLabels, Counter>,
    open: Family<ListenerLabels, Gauge>,
    tls_failures: Family<ListenerLabels, Counter>,
    accept_errors: Family<ListenerLabels, Counter>,
    closed: Family<RefusalLabels, Counter>,
}

impl Metrics {
    /// The metrics of this program, of version `version`. Every name starts with `wardnet_`.
    #[must_use]
    pub fn new(version: &str) -> Self {
        let metrics = Self {
            registry: Arc::new(RwLock::new(Registry::with_prefix("wardnet"))),
            routes: RouteTable::default(),
            failed_logins: Counter::default(),
            accepted: Family::default(),
            open: Family::default(),
            tls_failures: Family::default(),
            accept_errors: Family::default(),
            closed: Family::default(),
        };
        metrics.register(|registry| metrics.register_own(registry, version));
        metrics
    }

    /// Adds metrics of other parts, once, at start. The prefix `wardnet_` is put before names.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The counters of a route, made when first asked for. Keep the handle.
    #[must_use]
    pub fn route(&self, name: &'static str) -> Arc<RouteMetrics> {
        self.routes.route(name)
    }

    /// All metrics as text; `None` if some part failed to write its own.
    #[must_use]
    pub fn render(&self, exposition: Exposition) -> Option<String> {
        let mut openmetrics = String::new();
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut openmetrics, &registry).ok()?;
        Some(match exposition {
            Exposition::OpenMetrics => openmetrics,
            Exposition::Prometheus => text::to_prometheus(&openmetrics),
        })
    }

    /// The answer to `GET /metrics`.
    #[must_use]
    pub fn respond(&self, headers: &HeaderMap) -> Response {
        let exposition = Exposition::from_accept(headers);
        match self.render(exposition) {
            Some(text) => ([(CONTENT_TYPE, exposition.content_type())], text).into_response(),
            None => Problem::internal().into_response(),
        }
    }

    pub(crate) const fn failed_logins(&self) -> &Counter {
        &self.failed_logins
    }

    pub(crate) fn listener(&self, name: &str) -> ListenerMetrics {
        let labels = ListenerLabels { listener: name.to_owned() };
        let closed = |reason| {
            let labels = RefusalLabels { listener: name.to_owned(), reason };
            self.closed.get_or_create(&labels).clone()
        };
        ListenerMetrics {
            accepted: self.accepted.get_or_create(&labels).clone(),
            open: self.open.get_or_create(&labels).clone(),
            tls_failures: self.tls_failures.get_or_create(&labels).clone(),
            accept_errors: self.accept_errors.get_or_create(&labels).clone(),
            crowded: closed("address_over_limit"),
            timed_out: closed("timeout"),
        }
    }

    fn register_own(&self, registry: &mut Registry, version: &str) {
        let build = Info::new([("version", version.to_owned())]);
        registry.register("build", "The program's version", build);
        registry.register(
            "auth_failures",
            "Requests with a token that is not valid",
            self.failed_logins.clone(),
        );
        let accepted = "Connections accepted";
        registry.register("connections_accepted", accepted, self.accepted.clone());
        registry.register("connections_open", "Connections open now", self.open.clone());
        let closed = "Connections that a limit closed";
        registry.register("connections_closed", closed, self.closed.clone());
        let failures = "TLS handshakes that failed";
        registry.register("tls_handshake_failures", failures, self.tls_failures.clone());
        let errors = "Errors of the accept call";
        registry.register("accept_errors", errors, self.accept_errors.clone());
        registry.register_collector(Box::new(self.routes.clone()));
        registry.register_collector(Box::new(process::ProcessCollector));
    }
}

#[cfg(test)]
mod tests;
