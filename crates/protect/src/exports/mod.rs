//! `GET /v1/export/{format}`: lists to take away, in the formats that firewalls, resolvers, proxies
//! and detection systems load.
//!
//! An entry is in a list if a question about it would be blocked by the list's policy: what an
//! operator allows is not, whoever lists it. Lists are written while they are read from the
//! database, in an order that stays the same, and coded on the way. Whoever has a list takes what
//! changed since, or the list as a feed of MISP's.

mod address;
mod asked;
mod batch;
mod delta;
mod detect;
mod exceptions;
mod format;
mod holes;
mod item;
mod misp;
mod name;
mod parents;
mod record;
mod walk;

pub use format::{Format, UnknownFormat};

use crate::encoding::Coding;
use crate::frames::{Frames, Out, Stop};
use asked::Asked;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get_service;
use std::cell::OnceCell;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use walk::Walk;
use wardnet_model::{SuffixList, TenantId, Timestamp};
use wardnet_server::{Access, Caller, Gate, OPERATOR_TENANT, Problem, Role, RouteSpec};
use wardnet_verdictdb::{ChangeFeed, Cursor, LookupError};

const PATH: &str = "/v1/export/{format}";
const MISP: &str = "/v1/export/misp/{file}";

/// Lists that are written at once; each holds a thread.
const AT_ONCE_MAX: usize = 8;

/// Which sources let what they say be handed on to others.
#[derive(Clone)]
pub struct Rights {
    /// Goes up whenever `may_share` may say otherwise: a list for others is another one then.
    pub number: u32,
    /// Whether a source's entries may be handed on.
    pub may_share: Arc<dyn Fn(u32) -> bool + Send + Sync>,
}

/// Looks up the rights as they are.
pub type RightsNow = Arc<dyn Fn() -> Rights + Send + Sync>;

/// Where the cursor of a list stands in the reply.
const CURSOR: &str = "wardnet-cursor";

/// What the routes answer from. Cheap to clone.
#[derive(Clone)]
pub struct ExportState {
    feed: Arc<ChangeFeed>,
    places: Arc<Semaphore>,
    rights: RightsNow,
    /// When the last change came, as far as lists were asked for since: the time of MISP's events.
    changed: Arc<Mutex<Option<(Cursor, Timestamp)>>>,
}

impl ExportState {
    /// Lists what the newest state of `feed` says.
    #[must_use]
    pub fn new(feed: Arc<ChangeFeed>, rights: RightsNow) -> Self {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        Self { feed, places, rights, changed: Arc::default() }
    }

    /// When what stands at `cursor` came about.
    fn changed_at(&self, cursor: Cursor, as_of: Timestamp) -> Timestamp {
        let mut last = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((known, at)) if known == cursor => at,
            _ => last.insert((cursor, as_of)).1,
        }
    }
}

/// The routes.
pub fn routes(gate: &Gate, state: ExportState) -> Router {
    let spec = |name| RouteSpec::new(name, Access::Role(Role::Reader));
    let lists = gate.route(spec("/v1/export")).wrap(export, state.clone());
    let misp = gate.route(spec("/v1/export/misp")).wrap(misp_feed, state);
    Router::new().route(PATH, get_service(lists)).route(MISP, get_service(misp))
}

/// One request, and the state that it is answered from.
struct Listing {
    state: ExportState,
    cursor: Cursor,
    coding: Coding,
    tag: HeaderValue,
    walk: Walk,
}

impl Listing {
    fn begin(
        state: ExportState,
        caller: &Caller,
        headers: &HeaderMap,
        asked: Asked,
    ) -> Result<Self, Problem> {
        let tenant = caller.principal().map_or(OPERATOR_TENANT, |principal| principal.tenant);
        let tenant = (tenant != OPERATOR_TENANT).then_some(TenantId(tenant));
        let (cursor, view) = state.feed.snapshot();
        let coding = Coding::accepted(headers);
        // A list is the same as long as nothing has changed; what is asked is in the address.
        let (number, name) = (tenant.map_or(0, |tenant| tenant.0), coding.name());
        let coded = name.map_or_else(String::new, |name| format!("-{name}"));
        let rights = (state.rights)();
        let shared = if asked.for_others { format!("-{}", rights.number) } else { String::new() };
        let tag = HeaderValue::from_str(&format!("\"{cursor}-{number}{shared}{coded}\""));
        let tag = tag.map_err(|_| Problem::internal())?;
        let (suffixes, now) = (SuffixList::shipped(), caller.admitted().at());
        let holes = OnceCell::new();
        let walk = Walk { view, tenant, asked, suffixes, now, rights, holes };
        Ok(Self { state, cursor, coding, tag, walk })
    }

    /// Whether the client has this already.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(IF_NONE_MATCH).into_iter();
        known.filter_map(|known| known.to_str().ok()).any(|known| names_tag(known, &self.tag))
    }

    fn not_modified(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        self.describe(&mut response);
        response
    }

    /// Replies with what `write` writes, as it is written.
    fn reply(
        self,
        (media_type, name): (&'static str, &str),
        write: impl FnOnce(&Walk, &mut Out) -> Result<(), Stop> + Send + 'static,
    ) -> Result<Response, Problem> {
        let place = Arc::clone(&self.state.places).try_acquire_owned().map_err(|_| {
            Problem::unavailable("as many lists are being written as may").with_retry_after_secs(10)
        })?;
        let mut response = Response::new(Body::empty());
        self.describe(&mut response);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Ok(name) = HeaderValue::from_str(&format!("inline; filename=\"{name}\"")) {
            headers.insert(CONTENT_DISPOSITION, name);
        }
        if let Some(coding) = self.coding.name() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let (coding, walk) = (self.coding, self.walk);
        *response.body_mut() =
            Body::new(Frames::begin(place, coding, move |out| write(&walk, out)));
        Ok(response)
    }

    fn describe(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(cursor) = HeaderValue::from_str(&self.cursor.to_string()) {
            headers.insert(CURSOR, cursor);
        }
    }
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
    let since = asked.since;
    let listing = Listing::begin(state, &caller, request.headers(), asked)?;
    if listing.is_known(request.headers()) {
        return Ok(listing.not_modified());
    }
    let kind = (format.media_type(), &*format!("wardnet.{}", format.extension()));
    let Some(since) = since else {
        return listing.reply(kind, move |walk, out| walk.write(format, out));
    };
    let walk = &listing.walk;
    let state = (listing.cursor, &*walk.view);
    let changes = delta::changes(&listing.state.feed, walk.tenant, since, state);
    let changes = changes.map_err(|resync| gone(&resync.reason.to_string()))?;
    let damaged = |error: LookupError| Problem::unavailable(error.to_string());
    if walk.reaches_further(format, &changes).map_err(damaged)? {
        return Err(gone("a decision has changed that reaches beyond its own entry"));
    }
    listing.reply(kind, move |walk, out| walk.write_delta(format, &changes, out))
}

/// What changed cannot be told.
fn gone(why: &str) -> Problem {
    let detail = format!("{why}; take the whole list, and go on from its cursor");
    Problem::new(StatusCode::GONE, "resynchronise", "Resynchronise", detail)
}

async fn misp_feed(
    State(state): State<ExportState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let name = request.uri().path().rsplit('/').next().unwrap_or_default();
    let file = misp::File::parse(name).ok_or_else(|| {
        Problem::not_found("a MISP feed has manifest.json, hashes.csv, and the events it names")
    })?;
    let asked = Asked::read_for(request.uri().query().unwrap_or_default())?;
    let listing = Listing::begin(state, &caller, request.headers(), asked)?;
    if listing.is_known(request.headers()) {
        return Ok(listing.not_modified());
    }
    let changed = listing.state.changed_at(listing.cursor, listing.walk.view.as_of);
    listing.reply((file.media_type(), name), move |walk, out| file.write(walk, changed, out))
}

/// Whether a client says that it has this already (RFC 9110 section 13.1.2).
fn names_tag(known: &str, tag: &HeaderValue) -> bool {
    let mut tags = known.split(',').map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == "*" || one.as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests;
