//! The HTTP routes of what is known: explanations, decisions, reports, sources.
//!
//! | route | role | answers |
//! |---|---|---|
//! | `GET /v1/explain` | reader | why: every piece of evidence, every term of the sum |
//! | `GET /v1/decisions` | reader | what people decided |
//! | `POST /v1/decisions` | analyst | in force when the reply comes |
//! | `POST /v1/evidence` | reporter | durable and visible when the reply comes |
//! | `GET /v1/reports` | analyst | disputes that wait for somebody |
//! | `GET /v1/sources` | reader | who says something, and how far each is believed |
//! | `PUT /v1/sources/{name}` | admin | describes a source: a new calibration epoch |
//!
//! Everything runs as the token's tenant: it sees its own and what is shared, and adds to its own.
//! What reads the store runs on threads that may block; what writes asks the [`Writer`].

mod decisions;
mod evidence;
mod explain;
mod findings;
mod forms;
mod never;
mod page;
mod reports;
mod sensors;
mod sources;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{get_service, post_service, put_service};
use serde_json::Value;
use tokio::sync::oneshot;
use wardnet_model::{Record, TenantId};
use wardnet_server::{
    Access, Caller, Gate, GateLayer, Json, OPERATOR_TENANT, Problem, Role, RouteSpec, Tokens,
};

pub use findings::{Finder, Finding, model_source};
pub use sensors::{Sensor, Sighting};

use crate::{Engine, EngineError, Readers, WriteError, Writer};

/// What one request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Observations and relations in one report. Default 10,000.
    pub items_max: usize,
    /// Bytes of a report's body. Default 8 MiB.
    pub body_bytes_max: usize,
    /// Bytes of one free text: a reason, a reference, a family. Default 2,000.
    pub text_bytes_max: usize,
    /// Entries on one page of a listing. Default 1,000.
    pub page_max: usize,
    /// Dossiers looked at for one page. Default 100,000: well under a second.
    pub scan_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            items_max: 10_000,
            body_bytes_max: 8 << 20,
            text_bytes_max: 2_000,
            page_max: 1_000,
            scan_max: 100_000,
        }
    }
}

/// What the routes work on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    /// Writes, and reads what is written.
    pub writer: Writer,
    /// Knows the names of tokens, for the authors of decisions.
    pub tokens: Arc<Tokens>,
    /// Asks models about what is reported.
    pub finder: Finder,
    /// What one request may ask for.
    pub limits: Limits,
}

impl Api {
    /// Works through `writer`, under the default limits.
    #[must_use]
    pub fn new(writer: Writer, tokens: Arc<Tokens>) -> Self {
        Self { writer, tokens, finder: Finder::default(), limits: Limits::default() }
    }

    const fn readers(&self) -> &Readers {
        self.writer.readers()
    }

    /// Appends records; they are durable and visible when this returns.
    async fn append(&self, records: Vec<Record>) -> Result<(), Problem> {
        let (told, outcome) = oneshot::channel();
        let tell = move |result| tell(told, result);
        self.writer.append(records, tell).map_err(refused)?;
        outcome.await.map_err(|_| refused(WriteError::Stopped))?.map_err(refused)
    }

    /// Runs a job on the engine.
    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Engine) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, Problem> {
        let (told, outcome) = oneshot::channel();
        let tell = move |result| tell(told, result);
        self.writer.run(job, tell).map_err(refused)?;
        outcome.await.map_err(|_| refused(WriteError::Stopped))?.map_err(refused)
    }
}

fn tell<T>(told: oneshot::Sender<T>, result: T) {
    if told.send(result).is_err() {
        tracing::debug!("a client left before its reply");
    }
}

/// The routes.
pub fn routes(gate: &Gate, api: Api) -> Router {
    let route = |name, role| gate.route(RouteSpec::new(name, Access::Role(role)));
    let large = |name, role| -> GateLayer {
        let spec = RouteSpec::new(name, Access::Role(role));
        gate.route(spec.body_bytes_max(api.limits.body_bytes_max))
    };
    let explain = route("GET /v1/explain", Role::Reader).wrap(explain::get, api.clone());
    let list = route("GET /v1/decisions", Role::Reader).wrap(decisions::list, api.clone());
    let decide = route("POST /v1/decisions", Role::Analyst).wrap(decisions::post, api.clone());
    let report = large("POST /v1/evidence", Role::Reporter).wrap(evidence::post, api.clone());
    let reports = route("GET /v1/reports", Role::Analyst).wrap(reports::list, api.clone());
    let sources = route("GET /v1/sources", Role::Reader).wrap(sources::list, api.clone());
    let describe = route("PUT /v1/sources/{name}", Role::Admin).wrap(sources::put, api.clone());
    Router::new()
        .route("/v1/explain", get_service(explain))
        .route("/v1/decisions", get_service(list).post_service(decide))
        .route("/v1/evidence", post_service(report))
        .route("/v1/reports", get_service(reports))
        .route("/v1/sources", get_service(sources))
        .route("/v1/sources/{name}", put_service(describe))
}

/// The paths of this crate and the schemas they use, as a part of an OpenAPI document.
#[must_use]
pub fn openapi() -> Value {
    // The file is compiled in, and a test reads it: an empty description is never served.
    serde_json::from_str(include_str!("openapi.json")).unwrap_or_default()
}

/// Reads the store, on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request's work broke off");
        Err(Problem::internal())
    })
}

/// An answer that nobody may keep.
fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

fn tenant(caller: &Caller) -> TenantId {
    TenantId(caller.principal().map_or(OPERATOR_TENANT, |principal| principal.tenant))
}

/// Why the writer did not write, as HTTP tells it.
fn refused(error: WriteError) -> Problem {
    match error {
        WriteError::Busy => Problem::unavailable(error.to_string()).with_retry_after_secs(1),
        WriteError::Engine(cause) => match &*cause {
            EngineError::Refused(reason) => Problem::conflict(reason.clone()),
            error if error.is_full() => storage_full(),
            error if error.needs_reopening() => Problem::unavailable(
                "nothing can be written after a write that failed; it is mended as soon as the \
                 disk has room: send this again later",
            )
            .with_retry_after_secs(RETRY_AFTER_SECS),
            error => failed(error),
        },
        _ => Problem::unavailable(error.to_string()),
    }
}

/// When to try again after the disk was full: somebody has to make room first.
const RETRY_AFTER_SECS: u64 = 30;

/// 507: the disk is full (RFC 4918 section 11.5).
#[must_use]
pub fn storage_full() -> Problem {
    Problem::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "storage-full",
        "The disk is full",
        "nothing more can be kept until somebody makes room on the server's disk; send this again \
         then: what was kept of it already does no harm",
    )
    .with_retry_after_secs(RETRY_AFTER_SECS)
}

/// A failure of ours: the log has the cause.
fn failed(error: &(impl std::fmt::Display + ?Sized)) -> Problem {
    tracing::error!(%error, "a request failed");
    Problem::internal()
}

#[cfg(test)]
mod tests;
