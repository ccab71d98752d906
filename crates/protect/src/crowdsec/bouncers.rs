//! `GET /v1/decisions/stream` and `POST /v1/usage-metrics`.

use super::Service;
use super::book::{BouncerId, Known};
use super::config::CrowdSecConfig;
use super::stream::Pull;
use super::told::secs;
use crate::encoding::Coding;
use crate::frames::{Frames, Out, Stop};
use axum::body::Body;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use wardnet_model::{Key, TenantId};
use wardnet_server::{BodyBytes, Caller, Problem};
use wardnet_wire::crowdsec::{Filter, RequestError, StreamQuery};

/// Steps that are answered at once, without a thread.
const SHORT_STEPS_MAX: usize = 2_000;

pub(super) fn malformed(error: &RequestError) -> Problem {
    Problem::bad_request(error.to_string())
}

pub(super) fn respond(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn stream(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = StreamQuery::read(query, &service.limits).map_err(|error| malformed(&error))?;
    let told = service.ready(Clone::clone)?;
    if request.method() == Method::HEAD {
        return Ok(respond(Body::empty()));
    }
    let now = caller.admitted().at();
    let id = identity(&caller, request.headers(), (&asked.filter, &service.config));
    let known = if asked.startup { None } else { service.known(id, &told) };
    service.counters.pulled(known.is_none());
    let heard = Known { seq: told.seq(), at_secs: secs(now) };
    let pull = Pull { told: &told, known, filter: &asked.filter, wording: &service.wording, now };
    let source = if pull.is_short(SHORT_STEPS_MAX) {
        let mut body = Vec::new();
        // Memory takes everything.
        let _written = pull.write(&mut body);
        Source::Whole(Some(body.into()))
    } else {
        let writer = Arc::clone(&service);
        Source::Frames(begin(&service, move |out| {
            let (filter, wording) = (&asked.filter, &writer.wording);
            Pull { told: &told, known, filter, wording, now }.write(out)
        })?)
    };
    let hear = Box::new(move || service.heard(id, heard));
    Ok(respond(Body::new(Heard { source, hear: Some(hear) })))
}

/// Begins a long answer.
pub(super) fn begin(
    service: &Service,
    write: impl FnOnce(&mut Out) -> Result<(), Stop> + Send + 'static,
) -> Result<Frames, Problem> {
    let place = Arc::clone(&service.places).try_acquire_owned().map_err(|_| {
        Problem::unavailable("as many long answers are being written as may")
            .with_retry_after_secs(5)
    })?;
    // CrowdSec never codes its replies, and its bouncers do not ask for it.
    Ok(Frames::begin(place, Coding::Identity, write))
}

/// What tells a bouncer from others: its key, its address, its program, and what it wants to hear.
/// Two that share a key would otherwise take each other's news.
fn identity(
    caller: &Caller,
    headers: &HeaderMap,
    (filter, config): (&Filter, &CrowdSecConfig),
) -> BouncerId {
    let principal = caller.principal();
    let token = principal.and_then(|principal| principal.token);
    let tenant = TenantId(principal.map_or(0, |principal| principal.tenant));
    let program = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    // An update of the program is no other one.
    let program = program.split('/').next().unwrap_or_default();
    let token = token.map(|id| id.as_str().to_owned());
    let address = caller.peer().address();
    // What was told in other words, or for another time, is as good as not told.
    let words = (&config.remediation, config.duration_hours);
    let text = format!("{token:?} {tenant:?} {address} {program:?} {filter:?} {words:?}");
    Key::digest(text.as_bytes()).prefix128().to_be_bytes()
}

enum Source {
    Whole(Option<Bytes>),
    Frames(Frames),
}

/// A body that tells when the last of it was handed over.
struct Heard {
    source: Source,
    hear: Option<Box<dyn FnOnce() + Send>>,
}

impl http_body::Body for Heard {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = match &mut self.source {
            Source::Whole(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Source::Frames(frames) => ready!(Pin::new(frames).poll_frame(context)),
        };
        let is_last = matches!(&next, Some(Ok(_))) && self.is_end_stream();
        if let Some(hear) = self.hear.take_if(|_| is_last) {
            hear();
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(bytes) => bytes.is_none(),
            Source::Frames(frames) => frames.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Source::Whole(None) => SizeHint::with_exact(0),
            Source::Frames(_) => SizeHint::default(),
        }
    }
}

/// What bouncers say of themselves: that they do is counted, and nothing of it is kept.
pub(super) async fn usage(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    // Agents say it, too: they have a session, and bouncers a key.
    if caller.principal().is_none() {
        service.agents.agent(&caller, request.headers())?;
    }
    let BodyBytes(body) = BodyBytes::from_request(request, &()).await?;
    let read: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(&body);
    if let Err(error) = read {
        return Err(Problem::bad_request(format!("the body is no object in JSON: {error}")));
    }
    service.counters.usage();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
