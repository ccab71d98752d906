//! hashlookup, as CIRCL's service answers: is a file known, is it known to be bad, how far is it to
//! be trusted.
//!
//! # Invariants
//!
//! - What is not known is 404, what cannot be answered is 503: neither reads as a known file.
//! - What the evidence or an operator calls dangerous always has `KnownMalicious`, and a trust below
//!   50; nothing else has either.
//! - MD5, SHA-1 and Bloom filters inform: files that only they name never reach the trust of 100.
//! - Nobody's questions are counted or kept, so there are no sessions and no statistics.

mod asked;
mod family;
mod record;

use crate::known_files::KnownFiles;
use crate::witness::Witness;
use asked::{Algorithm, Bulk, file, hash};
use axum::Router;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get_service, post_service};
use record::Room;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use wardnet_model::{Indicator, Kind, TenantId};
use wardnet_server::{
    Access, BodyBytes, Caller, Gate, Json, OPERATOR_TENANT, Problem, Role, RouteSpec,
};
use wardnet_verdictdb::{LookupError, Views};

/// The version of the interface that is spoken.
const VERSION: &str = "1.2";

/// The most hashes of one question.
const HASHES_MAX: usize = 10_000;

/// The `[hashlookup]` section of `wardnet.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HashlookupConfig {
    /// Whether everybody may ask, on the budget of their address. Default false: a reader's token is
    /// needed.
    pub anonymous: bool,
}

/// What the routes answer from. Cheap to clone.
#[derive(Clone)]
pub struct HashlookupState {
    /// The current view.
    pub views: Arc<Views>,
    /// Who says what.
    pub witness: Witness,
    /// Filters of known files.
    pub known_files: KnownFiles,
}

/// The routes, below `/hashlookup`.
pub fn routes(gate: &Gate, config: &HashlookupConfig, state: HashlookupState) -> Router {
    let gate = gate.speaking(|told| (told.status, json!({ "message": told.detail })));
    let access = if config.anonymous { Access::Anonymous } else { Access::Role(Role::Reader) };
    let route = |name| gate.route(RouteSpec::new(name, access));
    let get = |name, take: Take| get_service(route(name).wrap(answer, (state.clone(), take)));
    let bulk = post_service(route("/hashlookup/bulk").wrap(bulk, state.clone()));
    Router::new()
        .route("/hashlookup/info", get("/hashlookup/info", info))
        .route("/hashlookup/lookup/{kind}/{hash}", get("/hashlookup/lookup", lookup))
        .route("/hashlookup/bulk/{kind}", bulk)
        .route("/hashlookup/parents/{hash}/{count}/{cursor}", get("/hashlookup/parents", parents))
        .route(
            "/hashlookup/children/{hash}/{count}/{cursor}",
            get("/hashlookup/children", children),
        )
        .route("/hashlookup/session/{what}/{name}", get("/hashlookup/session", session))
        .route("/hashlookup/stats/top", get("/hashlookup/stats/top", top))
}

/// Answers a path without a body; reads from disk.
type Take = fn(&Room, &str) -> Result<Response, Problem>;

async fn answer(
    State((state, take)): State<(HashlookupState, Take)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let room = room(&state, &caller)?;
    let path = request.uri().path().to_owned();
    blocking(move || take(&room, &path)).await
}

/// What one request is answered from.
fn room(state: &HashlookupState, caller: &Caller) -> Result<Room, Problem> {
    let view = state.views.load();
    if view.base.is_none() {
        return Err(
            Problem::unavailable("there is no verdict database yet").with_retry_after_secs(5)
        );
    }
    let tenant = caller.principal().map_or(OPERATOR_TENANT, |principal| principal.tenant);
    let now = caller.admitted().at();
    Ok(Room { view, state: state.clone(), tenant: TenantId(tenant), now })
}

async fn blocking(
    job: impl FnOnce() -> Result<Response, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    tokio::task::spawn_blocking(job).await.map_err(|_| Problem::internal())?
}

/// A reply that nothing between may keep: a verdict of a minute ago may be wrong.
fn reply(status: StatusCode, body: Value) -> Response {
    (status, [("cache-control", "no-store")], Json(body)).into_response()
}

fn unanswered(error: &LookupError) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "no-answer", "No answer", error.to_string()).with_retry_after_secs(5)
}

fn found(body: Value) -> Response {
    reply(StatusCode::OK, body)
}

/// `GET /info`: what there is to be asked.
fn info(room: &Room, _: &str) -> Result<Response, Problem> {
    let mut hashes = 0u64;
    for kind in [Kind::Md5, Kind::Sha1, Kind::Sha256] {
        let count = room.view.count(kind).map_err(|error| unanswered(&error))?;
        hashes = hashes.saturating_add(count);
    }
    Ok(found(json!({
        "hashlookup-version": VERSION,
        "stat:hashlookup_total_keys": hashes,
        "as_of": room.view.as_of.to_string(),
    })))
}

/// `GET /lookup/KIND/HASH`.
fn lookup(room: &Room, path: &str) -> Result<Response, Problem> {
    let mut parts = path.rsplit('/');
    let (text, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let algorithm = Algorithm::parse(kind)?;
    let indicator = hash(algorithm, text)?;
    Ok(match room.record(algorithm, &indicator)? {
        Some(record) => found(record),
        None => reply(
            StatusCode::NOT_FOUND,
            json!({ "message": format!("Non existing {}", algorithm.title()), "query": text }),
        ),
    })
}

/// `POST /bulk/KIND`: those that are known.
async fn bulk(
    State(state): State<HashlookupState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let kind = request.uri().path().rsplit('/').next().unwrap_or_default();
    let algorithm = Algorithm::parse(kind)?;
    let BodyBytes(body) = BodyBytes::from_request(request, &()).await?;
    let asked = Bulk::read(&body, HASHES_MAX)?;
    // The gate has charged one question.
    let further = asked.hashes.len().saturating_sub(1);
    caller.charge(u32::try_from(further).unwrap_or(u32::MAX))?;
    let room = room(&state, &caller)?;
    blocking(move || {
        let mut records = Vec::new();
        // As theirs does, what is no hash is passed over.
        for indicator in asked.hashes.iter().filter_map(|text| hash(algorithm, text).ok()) {
            records.extend(room.record(algorithm, &indicator)?);
        }
        Ok(found(Value::Array(records)))
    })
    .await
}

/// `GET /parents/SHA1/COUNT/CURSOR`.
fn parents(room: &Room, path: &str) -> Result<Response, Problem> {
    relatives(room, path, "parents", "The SHA1 value has no known parent.")
}

/// `GET /children/SHA1/COUNT/CURSOR`.
fn children(room: &Room, path: &str) -> Result<Response, Problem> {
    relatives(room, path, "children", "The SHA1 value has no known child.")
}

fn relatives(
    room: &Room,
    path: &str,
    which: &'static str,
    none: &'static str,
) -> Result<Response, Problem> {
    let mut parts = path.rsplit('/');
    let mut part = || parts.next().unwrap_or_default();
    let (cursor, count, text) = (part(), part(), part());
    let indicator: Indicator = file(text)?;
    let number = |text: &str, what| {
        text.parse::<usize>().map_err(|_| Problem::bad_request(format!("{what} is to be a number")))
    };
    let (count, cursor) = (number(count, "the count")?, number(cursor, "the cursor")?);
    let family = room.family(&indicator)?;
    let all = if which == "parents" { family.parents } else { family.children };
    if all.is_empty() {
        return Err(Problem::not_found(none));
    }
    let count = if count == 0 { 100 } else { count.min(1_000) };
    let next = cursor.saturating_add(count);
    let page: Vec<String> = all.iter().skip(cursor).take(count).map(family::text).collect();
    Ok(found(json!({
        which: page,
        "cursor": if next < all.len() { next } else { 0 },
        "total": all.len(),
    })))
}

/// `GET /session/…`: theirs keep what was asked.
fn session(_: &Room, _: &str) -> Result<Response, Problem> {
    Err(Problem::new(
        StatusCode::NOT_IMPLEMENTED,
        "no-sessions",
        "No sessions",
        "Session feature is not enabled",
    ))
}

/// `GET /stats/top`: theirs count what was asked.
fn top(_: &Room, _: &str) -> Result<Response, Problem> {
    Err(Problem::bad_request("Public statistics not enabled"))
}

#[cfg(test)]
mod tests;
