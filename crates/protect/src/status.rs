//! `GET /v1/status`: which program, which data, how much of it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get_service;
use serde::Serialize;
use wardnet_model::Kind;
use wardnet_model::hex::Hex;
use wardnet_server::{Access, Gate, Json, Role, RouteSpec};
use wardnet_verdictdb::{Db, SectionStat, Views};

/// What the route answers from. Cheap to clone.
#[derive(Clone)]
pub struct StatusState {
    version: &'static str,
    views: Arc<Views>,
    /// What was last counted: counting walks every shard, and a base lives for hours.
    counted: Arc<Mutex<Option<Arc<Counted>>>>,
}

impl StatusState {
    /// The status of `views`, served by a program of version `version`.
    #[must_use]
    pub fn new(version: &'static str, views: Arc<Views>) -> Self {
        Self { version, views, counted: Arc::default() }
    }

    fn count(&self, base: &Db) -> Arc<Counted> {
        let mut last = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(counted) if counted.root == base.root() => Arc::clone(counted),
            _ => Arc::clone(last.insert(Arc::new(Counted::of(base)))),
        }
    }
}

/// The route.
pub fn routes(gate: &Gate, state: StatusState) -> Router {
    let route = gate.route(RouteSpec::new("/v1/status", Access::Role(Role::Reader)));
    Router::new().route("/v1/status", get_service(route.wrap(status, state)))
}

#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    as_of: String,
    sequence: u64,
    overlay_keys: usize,
    base: Option<&'a Counted>,
}

#[derive(Serialize)]
struct Counted {
    #[serde(skip)]
    root: [u8; 32],
    #[serde(rename = "root")]
    root_text: String,
    created: String,
    sequence: u64,
    entries: u64,
    bytes: u64,
    sections: Vec<Section>,
}

#[derive(Serialize)]
struct Section {
    layer: String,
    kind: String,
    entries: u64,
}

impl Counted {
    fn of(base: &Db) -> Self {
        let stat = base.stat();
        Self {
            root: base.root(),
            root_text: Hex(&base.root()).to_string(),
            created: base.created().to_string(),
            sequence: base.sequence(),
            entries: stat.entries(),
            bytes: stat.file_bytes,
            sections: stat.sections.iter().map(Section::of).collect(),
        }
    }
}

impl Section {
    fn of(stat: &SectionStat) -> Self {
        let kind = match Kind::from_tag(stat.kind_tag) {
            Some(kind) => kind.name().to_owned(),
            None => format!("kind-{}", stat.kind_tag),
        };
        Self { layer: stat.layer.to_string(), kind, entries: stat.entries }
    }
}

async fn status(State(state): State<StatusState>) -> Response {
    let view = state.views.load();
    let counted = view.base.as_ref().map(|base| state.count(base));
    let report = Report {
        version: state.version,
        as_of: view.as_of.to_string(),
        sequence: view.seq,
        overlay_keys: view.overlay.len(),
        base: counted.as_deref(),
    };
    ([(CACHE_CONTROL, "no-store")], Json(report)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{House, json, view};

    #[tokio::test]
    async fn the_status_counts_what_is_there() {
        let house = House::new();
        let state = StatusState::new("1.2.3", Arc::new(Views::new(view())));
        let router = house.router(routes(&house.gate, state));
        assert_eq!(house.get(&router, "/v1/status", None).await.status(), 401);
        for _ in 0..2 {
            let report = json(house.get(&router, "/v1/status", Some(&house.reader)).await).await;
            assert_eq!(report["version"], "1.2.3");
            assert_eq!(report["as_of"], "2026-08-22T18:10:19Z");
            assert_eq!(report["sequence"], 9);
            assert_eq!(report["base"]["entries"], 7);
            let sections = report["base"]["sections"].as_array().unwrap();
            let domains = sections.iter().find(|s| s["kind"] == "domain").unwrap();
            assert_eq!((&domains["layer"], &domains["entries"]), (&"evidence".into(), &3.into()));
        }
    }
}
