//! A part of VirusTotal's interface, version 3: files, URLs, domains and addresses, as scripts and
//! platforms ask for them.
//!
//! # Invariants
//!
//! - Only what is known is told. What nobody has said anything about is a `NotFoundError`; what is
//!   known and unrated has no `harmless` voice by that.
//! - The engine `Wardnet` says what every other protocol answers; the others are the sources of the
//!   evidence, one each.
//! - A URL that is handed in is a question. Nothing is fetched, kept or shared.

mod asked;
mod object;
mod voices;

use crate::known_files::KnownFiles;
use crate::witness::Witness;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any_service, get_service, post_service};
use object::Room;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use wardnet_model::TenantId;
use wardnet_server::{Access, Caller, Gate, Json, OPERATOR_TENANT, Problem, Role, RouteSpec, Told};
use wardnet_verdictdb::Views;

/// The largest submission: a URL in a form.
const BODY_BYTES_MAX: usize = 64 << 10;

/// The `[virustotal]` section of `wardnet.toml`, which has no options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VirustotalConfig {}

/// What the routes answer from. Cheap to clone.
#[derive(Clone)]
pub struct VirustotalState {
    /// The current view.
    pub views: Arc<Views>,
    /// Who says what.
    pub witness: Witness,
    /// Filters of known files.
    pub known_files: KnownFiles,
}

/// The routes, below `/api/v3`.
pub fn routes(gate: &Gate, state: &VirustotalState) -> Router {
    let gate = gate.speaking(words);
    let spec = |name| RouteSpec::new(name, Access::Role(Role::Reader));
    let get =
        |name, take: Take| get_service(gate.route(spec(name)).wrap(answer, (state.clone(), take)));
    let submissions = gate.route(spec("/api/v3/urls").body_bytes_max(BODY_BYTES_MAX));
    let others = gate.route(spec("/api/v3"));
    Router::new()
        .route("/api/v3/files/{id}", get("/api/v3/files/id", file))
        .route("/api/v3/urls/{id}", get("/api/v3/urls/id", url))
        .route("/api/v3/domains/{id}", get("/api/v3/domains/id", domain))
        .route("/api/v3/ip_addresses/{id}", get("/api/v3/ip_addresses/id", address))
        .route("/api/v3/analyses/{id}", get("/api/v3/analyses/id", analysis))
        .route("/api/v3/urls", post_service(submissions.wrap(submit, ())))
        .route("/api/v3/{*rest}", any_service(others.wrap(elsewhere, ())))
}

/// Errors, as VirusTotal names them.
fn words(told: &Told<'_>) -> (StatusCode, Value) {
    let code = match told.status {
        StatusCode::UNAUTHORIZED if told.has_token => "WrongCredentialsError",
        StatusCode::UNAUTHORIZED => "AuthenticationRequiredError",
        StatusCode::FORBIDDEN => "ForbiddenError",
        StatusCode::NOT_FOUND => "NotFoundError",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequestsError",
        StatusCode::REQUEST_TIMEOUT => "DeadlineExceededError",
        status if status.is_server_error() => "TransientError",
        _ => "BadRequestError",
    };
    (told.status, json!({ "error": { "code": code, "message": told.detail } }))
}

/// Answers for an object by its id; reads from disk.
type Take = fn(&Room, &str) -> Result<Value, Problem>;

async fn answer(
    State((state, take)): State<(VirustotalState, Take)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let view = state.views.load();
    if view.base.is_none() {
        return Err(
            Problem::unavailable("there is no verdict database yet").with_retry_after_secs(5)
        );
    }
    let tenant = TenantId(caller.principal().map_or(OPERATOR_TENANT, |one| one.tenant));
    let room = Room { view, state, tenant, now: caller.admitted().at() };
    let id = asked::last_part(request.uri().path());
    let answer = tokio::task::spawn_blocking(move || take(&room, &id));
    let answer = answer.await.map_err(|_| Problem::internal())??;
    Ok(reply(answer))
}

fn reply(answer: Value) -> Response {
    // A verdict of a minute ago may be wrong, and what somebody asked is nobody else's business.
    ([("cache-control", "no-store")], Json(answer)).into_response()
}

fn file(room: &Room, id: &str) -> Result<Value, Problem> {
    room.object("file", &asked::file(id)?, id)
}

fn url(room: &Room, id: &str) -> Result<Value, Problem> {
    let url = asked::url(id)?;
    let id = asked::url_id(&url);
    room.object("url", &url, &id)
}

fn domain(room: &Room, id: &str) -> Result<Value, Problem> {
    room.object("domain", &asked::domain(id)?, id)
}

fn address(room: &Room, id: &str) -> Result<Value, Problem> {
    room.object("ip_address", &asked::address(id)?, id)
}

fn analysis(room: &Room, id: &str) -> Result<Value, Problem> {
    let (url, at) = asked::analysis(id)?;
    room.analysis(id, &url, at)
}

/// `POST /urls`: what is answered about the URL can be asked for at once.
async fn submit(caller: Caller, request: Request) -> Result<Response, Problem> {
    let url = asked::submission(request).await?;
    let id = asked::analysis_id(&url, caller.admitted().at());
    let own = format!("/api/v3/analyses/{id}");
    Ok(reply(json!({ "data": { "type": "analysis", "id": id, "links": { "self": own } } })))
}

async fn elsewhere() -> Problem {
    Problem::not_found(
        "there is no such path here; there are files, urls, domains, ip_addresses and analyses",
    )
}

#[cfg(test)]
mod tests;
