//! `GET /v1/lookup` for one question, `POST /v1/lookup` for many.
//!
//! A batch is read whole and counted before the first answer, so that one that is too large is
//! refused as a whole. Answers are then written as the client takes them, in the order of the
//! questions: the memory of a batch is its own body and one frame of answers.

mod batch;
mod stream;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get_service;
use wardnet_model::SuffixList;
use wardnet_server::{Access, Admitted, Caller, Gate, Problem, Role, RouteSpec};
use wardnet_verdictdb::Views;

use crate::answer::{Asker, Failure, NewNames};
use crate::known_files::KnownFiles;
use crate::opinion::Opinions;
use stream::Stream;

const PATH: &str = "/v1/lookup";

/// What one request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Questions in one batch. Default 10,000.
    pub questions_max: usize,
    /// Bytes of a batch's body. Default 8 MiB.
    pub body_bytes_max: usize,
    /// Addresses that may accompany one question. Default 32.
    pub addresses_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { questions_max: 10_000, body_bytes_max: 8 << 20, addresses_max: 32 }
    }
}

/// What the routes answer from. Cheap to clone.
#[derive(Clone)]
pub struct LookupState {
    /// The current view.
    pub views: Arc<Views>,
    /// The Public Suffix List.
    pub suffixes: &'static SuffixList,
    /// Names of sources that are newer than the base.
    pub names: Option<NewNames>,
    /// What models think of what is unrated.
    pub opinions: Option<Arc<Opinions>>,
    /// Filters of known files.
    pub known_files: KnownFiles,
    /// What one request may ask for.
    pub limits: Limits,
}

impl LookupState {
    /// Answers from `views` under the default limits.
    #[must_use]
    pub fn new(views: Arc<Views>) -> Self {
        let suffixes = SuffixList::shipped();
        let known_files = KnownFiles::default();
        let (names, opinions, limits) = (None, None, Limits::default());
        Self { views, suffixes, names, opinions, known_files, limits }
    }
}

/// The routes.
pub fn routes(gate: &Gate, state: LookupState) -> Router {
    let reader = Access::Role(Role::Reader);
    let one = gate.route(RouteSpec::new("GET /v1/lookup", reader));
    let many = RouteSpec::new("POST /v1/lookup", reader);
    let many = gate.route(many.body_bytes_max(state.limits.body_bytes_max));
    let batches = many.wrap(batch, state.clone());
    let singles = one.answer(move |by, request| lookup(&state, by, request));
    Router::new().route(PATH, get_service(singles).post_service(batches))
}

fn lookup(state: &LookupState, by: &Admitted, request: &Request) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = Asked::read(query, state.limits.addresses_max)?;
    let view = state.views.load();
    let asker = Asker::new(&view, state.suffixes, by.at())
        .for_tenant(tenant(by))
        .with_names(state.names.as_ref())
        .with_known_files(&state.known_files)
        .with_opinions(state.opinions.as_deref().filter(|_| asked.opinion));
    let mut body = Vec::with_capacity(1024);
    asker.answer(&asked.indicator, &asked.addresses, &mut body).map_err(problem)?;
    Ok(respond("application/json", Body::from(body)))
}

async fn batch(
    State(state): State<LookupState>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let opinions = wants_opinions(request.uri().query().unwrap_or_default())?;
    let opinions = state.opinions.clone().filter(|_| opinions);
    let (media_type, questions) = batch::read(request, state.limits.questions_max).await?;
    // The gate has charged one question.
    let further = questions.count().saturating_sub(1);
    caller.charge(u32::try_from(further).unwrap_or(u32::MAX))?;
    let view = state.views.load();
    if view.base.is_none() {
        return Err(problem(Failure::NoView));
    }
    let stream = Stream::new(state, view, tenant(caller.admitted()), questions, opinions);
    Ok(respond(media_type, Body::new(stream)))
}

/// Who asks, as a tenant.
fn tenant(asker: &Admitted) -> u32 {
    asker.principal().map_or(wardnet_server::OPERATOR_TENANT, |principal| principal.tenant)
}

fn respond(media_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // A verdict of a minute ago may be wrong, and what somebody asked is nobody else's business.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A failure of a single question, as HTTP tells it.
fn problem(failure: Failure) -> Problem {
    let detail = failure.to_string();
    match failure {
        Failure::NotAnIndicator(_) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "not-an-indicator",
            "Not an indicator",
            detail,
        ),
        Failure::NoView | Failure::Damaged(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-answer", "No answer", detail)
                .with_retry_after_secs(5)
        }
    }
}

/// One question, from a query string.
#[derive(Debug, PartialEq, Eq)]
struct Asked<'q> {
    indicator: Cow<'q, str>,
    addresses: Vec<IpAddr>,
    opinion: bool,
}

impl<'q> Asked<'q> {
    /// Reads `indicator=…&address=…&address=…`. An unknown parameter is an error: a misspelt
    /// `address` must not quietly make an answer milder.
    fn read(query: &'q str, addresses_max: usize) -> Result<Self, Problem> {
        let mut indicator = None;
        let mut addresses = Vec::new();
        let mut opinion = true;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "indicator" if indicator.is_none() => indicator = Some(value),
                "indicator" => {
                    return Err(Problem::bad_request(
                        "`indicator` is given twice; send several with POST",
                    ));
                }
                "address" => addresses.push(read_address(&value)?),
                "opinion" => opinion = read_switch(&value)?,
                _ => {
                    return Err(Problem::bad_request(
                        "unknown parameter; known are `indicator`, `address` and `opinion`",
                    ));
                }
            }
        }
        if addresses.len() > addresses_max {
            let detail = format!("at most {addresses_max} addresses may accompany a question");
            return Err(Problem::bad_request(detail));
        }
        let indicator = indicator
            .ok_or_else(|| Problem::bad_request("the parameter `indicator` is missing"))?;
        Ok(Self { indicator, addresses, opinion })
    }
}

/// Whether a batch wants opinions. They take longer than answers do, so it has to say so.
fn wants_opinions(query: &str) -> Result<bool, Problem> {
    form_urlencoded::parse(query.as_bytes()).try_fold(false, |_, (name, value)| match &*name {
        "opinion" => read_switch(&value),
        _ => Err(Problem::bad_request("unknown parameter; a batch knows `opinion`")),
    })
}

fn read_switch(text: &str) -> Result<bool, Problem> {
    text.parse().map_err(|_| Problem::bad_request("`opinion` is `true` or `false`"))
}

fn read_address(text: &str) -> Result<IpAddr, Problem> {
    wardnet_model::address(text)
        .map_err(|error| Problem::bad_request(format!("`address`: {error}")))
}

#[cfg(test)]
mod tests;
