//! `GET /v1/export/{format}`: lists to take away, in the formats that firewalls, resolvers, proxies
//! and detection systems load.
//!
//! An entry is in a list if a question about it would be blocked by the list's policy: what an
//! operator allows is not, whoever lists it. Lists are written while they are read from the
//! database, in an order that stays the same.

mod address;
mod asked;
mod detect;
mod format;
mod item;
mod name;
mod record;
mod walk;

pub use format::{Format, UnknownFormat};

use crate::frames::Frames;
use asked::Asked;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get_service;
use std::sync::Arc;
use tokio::sync::Semaphore;
use walk::Walk;
use wardnet_model::{SuffixList, TenantId};
use wardnet_server::{Access, Caller, Gate, OPERATOR_TENANT, Problem, Role, RouteSpec};
use wardnet_verdictdb::ChangeFeed;

const PATH: &str = "/v1/export/{format}";

/// Lists that are written at once; each holds a thread.
const AT_ONCE_MAX: usize = 8;

/// Whether a source's entries may be handed on to others.
pub type MayShare = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// What the route answers from. Cheap to clone.
#[derive(Clone)]
pub struct ExportState {
    feed: Arc<ChangeFeed>,
    places: Arc<Semaphore>,
    may_share: MayShare,
}

impl ExportState {
    /// Lists what the newest state of `feed` says.
    #[must_use]
    pub fn new(feed: Arc<ChangeFeed>, may_share: MayShare) -> Self {
        Self { feed, places: Arc::new(Semaphore::new(AT_ONCE_MAX)), may_share }
    }
}

/// The route.
pub fn routes(gate: &Gate, state: ExportState) -> Router {
    let route = gate.route(RouteSpec::new("/v1/export", Access::Role(Role::Reader)));
    Router::new().route(PATH, get_service(route.wrap(export, state)))
}

async fn export(
    State(state): State<ExportState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let text = request.uri().path().rsplit('/').next().unwrap_or_default();
    let format: Format =
        text.parse().map_err(|error: UnknownFormat| Problem::not_found(error.to_string()))?;
    let asked = Asked::read(format, request.uri().query().unwrap_or_default())?;
    let tenant = caller.principal().map_or(OPERATOR_TENANT, |principal| principal.tenant);
    let tenant = (tenant != OPERATOR_TENANT).then_some(TenantId(tenant));
    let (cursor, view) = state.feed.snapshot();
    // A list is the same as long as nothing has changed; what is asked is in the address.
    let tag = format!("\"{cursor}-{}\"", tenant.map_or(0, |tenant| tenant.0));
    let tag = HeaderValue::from_str(&tag).map_err(|_| Problem::internal())?;
    let known = request.headers().get_all(IF_NONE_MATCH).into_iter();
    if known.filter_map(|known| known.to_str().ok()).any(|known| names_tag(known, &tag)) {
        return Ok(respond(StatusCode::NOT_MODIFIED, format, tag, Body::empty()));
    }
    let place = Arc::clone(&state.places).try_acquire_owned().map_err(|_| {
        Problem::unavailable("as many lists are being written as may").with_retry_after_secs(10)
    })?;
    let (suffixes, now) = (SuffixList::shipped(), caller.admitted().at());
    let may_share = state.may_share;
    let walk = Walk { view, tenant, asked, suffixes, now, may_share };
    let body = Frames::begin(place, move |out| walk.write(format, out));
    Ok(respond(StatusCode::OK, format, tag, Body::new(body)))
}

/// Whether a client says that it has this already (RFC 9110 section 13.1.2).
fn names_tag(known: &str, tag: &HeaderValue) -> bool {
    let mut tags = known.split(',').map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == "*" || one.as_bytes() == tag.as_bytes())
}

fn respond(status: StatusCode, format: Format, tag: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if status == StatusCode::OK {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
        let name = format!("inline; filename=\"wardnet.{}\"", format.extension());
        if let Ok(name) = HeaderValue::from_str(&name) {
            headers.insert(CONTENT_DISPOSITION, name);
        }
    }
    response
}

#[cfg(test)]
mod tests;
