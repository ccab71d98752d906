//! The gate before every route: who is it, may it, how did it go; in one layer without a box.
//!
//! axum's own middleware boxes a service and a future per layer and request. This one is a plain
//! `tower::Service`: a check of the token costs some hundred nanoseconds, and that is all.
//!
//! ```
//! # use std::sync::Arc;
//! # use axum::{Router, handler::Handler, routing::get_service};
//! # use wardnet_server::{Access, Gate, Limits, Metrics, Role, RouteSpec, Tokens, tokens::MemoryTokens};
//! # let tokens = Arc::new(Tokens::open(Arc::new(MemoryTokens::default())).unwrap());
//! # let gate = Gate::new(tokens, Arc::default(), Metrics::new("0"), &Limits::default());
//! async fn lookup() -> &'static str { "unrated" }
//!
//! let route = gate.route(RouteSpec::new("/v1/lookup", Access::Role(Role::Reader)));
//! let router: Router = Router::new().route("/v1/lookup", get_service(route.wrap(lookup, ())));
//! ```

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::handler::{Handler, HandlerService};
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use http_body_util::Limited;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::auth::{Admitted, Caller, Sent};
use crate::budget::Budgets;
use crate::clock::monotonic_nanos;
use crate::dialect::{self, Dialect};
use crate::limits::Limits;
use crate::listen::Peer;
use crate::metrics::{Metrics, RouteMetrics};
use crate::principal::Role;
use crate::problem::Problem;
use crate::tokens::Tokens;

/// Whom a route admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, on the budget of the client's address. A token that is sent is still checked.
    Anonymous,
    /// Tokens of this role or a stronger one, and the owner on the local socket.
    Role(Role),
}

/// What the gate has to know of a route.
#[derive(Debug, Clone, Copy)]
pub struct RouteSpec {
    name: &'static str,
    access: Access,
    questions: u32,
    body_bytes_max: Option<usize>,
    key_in_query: bool,
    own_authorization: bool,
}

impl RouteSpec {
    /// A route that costs one question. `name` is its label in the metrics: the path's template.
    #[must_use]
    pub const fn new(name: &'static str, access: Access) -> Self {
        Self {
            name,
            access,
            questions: 1,
            body_bytes_max: None,
            key_in_query: false,
            own_authorization: false,
        }
    }

    /// A route with another price; zero makes it free.
    #[must_use]
    pub const fn questions(mut self, questions: u32) -> Self {
        self.questions = questions;
        self
    }

    /// A route whose clients can send a token only as `key=` in the query, as those of Google's
    /// interfaces do. Such a token stands in the logs of proxies: give it no more than a reader's
    /// role. Where everybody is admitted the key is not looked at, since clients send Google's.
    #[must_use]
    pub const fn key_in_query(mut self) -> Self {
        self.key_in_query = true;
        self
    }

    /// A route whose handler reads `Authorization` itself, since its protocol puts something else
    /// than a token there. `X-Api-Key` is read as ever.
    #[must_use]
    pub const fn own_authorization(mut self) -> Self {
        self.own_authorization = true;
        self
    }

    /// A route that takes larger or smaller bodies than [`Limits::body_bytes_max`].
    #[must_use]
    pub const fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = Some(bytes);
        self
    }
}

/// What all routes share: tokens, budgets, metrics.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) metrics: Metrics,
    pub(crate) body_timeout: Duration,
    body_bytes_max: usize,
    own_uid: u32,
}

impl Shared {
    /// Whether the peer is the local user that this process runs as.
    pub(crate) fn is_owner(&self, peer: Peer) -> bool {
        matches!(peer, Peer::Unix { uid } if uid == self.own_uid)
    }
}

/// Makes the layer of each route.
#[derive(Debug, Clone)]
pub struct Gate {
    shared: Arc<Shared>,
    dialect: Option<Dialect>,
}

impl Gate {
    /// A gate for routes under `limits`.
    #[must_use]
    pub fn new(
        tokens: Arc<Tokens>,
        budgets: Arc<Budgets>,
        metrics: Metrics,
        limits: &Limits,
    ) -> Self {
        let shared = Shared {
            tokens,
            budgets,
            metrics,
            body_timeout: limits.body_timeout(),
            body_bytes_max: limits.body_bytes_max,
            own_uid: rustix::process::geteuid().as_raw(),
        };
        Self { shared: Arc::new(shared), dialect: None }
    }

    /// The same gate, whose routes tell their problems in the words of a foreign protocol.
    #[must_use]
    pub fn speaking(&self, dialect: Dialect) -> Self {
        Self { shared: Arc::clone(&self.shared), dialect: Some(dialect) }
    }

    /// The layer for one route.
    #[must_use]
    pub fn route(&self, spec: RouteSpec) -> GateLayer {
        let route = GatedRoute {
            shared: Arc::clone(&self.shared),
            metrics: self.shared.metrics.route(spec.name),
            body_bytes_max: spec.body_bytes_max.unwrap_or(self.shared.body_bytes_max),
            dialect: self.dialect,
            spec,
        };
        GateLayer { route: Arc::new(route) }
    }
}

/// A dialect, and whether the client had sent a token.
type Words = (Dialect, bool);

#[derive(Debug)]
struct GatedRoute {
    shared: Arc<Shared>,
    metrics: Arc<RouteMetrics>,
    body_bytes_max: usize,
    dialect: Option<Dialect>,
    spec: RouteSpec,
}

impl GatedRoute {
    fn admit(&self, request: &Request, now_nanos: u64) -> Result<Admitted, Problem> {
        let peer = request.extensions().get::<Peer>().copied().unwrap_or(Peer::UNKNOWN);
        let reads_key = self.spec.key_in_query && self.spec.access != Access::Anonymous;
        let query = if reads_key { request.uri().query() } else { None };
        let admitted = Admitted::admit(
            &self.shared,
            (self.spec.access, self.spec.questions),
            Sent { headers: request.headers(), query, own: self.spec.own_authorization },
            peer,
            now_nanos,
        )?;
        // A body may be larger than the address space of a small machine: compare as u64.
        if request.body().size_hint().lower() > self.body_bytes_max as u64 {
            return Err(Problem::body_too_large(self.body_bytes_max));
        }
        Ok(admitted)
    }

    /// How a problem with a request is told, if not in our own words.
    fn words(&self, request: &Request) -> Option<Words> {
        self.dialect.map(|dialect| (dialect, dialect::has_token(request.headers())))
    }

    fn refuse(&self, problem: Problem, request: &Request) -> Response {
        told_in(self.words(request), problem.into_response())
    }

    /// Gives a handler's request its caller, and cuts a body that does not say its size.
    fn prepare(&self, request: Request, admitted: Admitted) -> Request {
        let caller = Caller::new(admitted, self.body_bytes_max, Arc::clone(&self.shared));
        let mut request = match request.body().size_hint().exact() {
            Some(_) => request,
            None => request.map(|body| Body::new(Limited::new(body, self.body_bytes_max))),
        };
        request.extensions_mut().insert(caller);
        request
    }
}

fn told_in(words: Option<Words>, response: Response) -> Response {
    match words {
        Some((dialect, has_token)) => dialect::translate(response, dialect, has_token),
        None => response,
    }
}

/// The [`Layer`] of one route; see [`Gate::route`].
#[derive(Debug, Clone)]
pub struct GateLayer {
    route: Arc<GatedRoute>,
}

impl GateLayer {
    /// The service for `get_service` and its like: a gated handler in one box instead of two.
    pub fn wrap<H, T, S>(&self, handler: H, state: S) -> GateService<HandlerService<H, T, S>>
    where
        H: Handler<T, S>,
    {
        self.layer(handler.with_state(state))
    }

    /// The service for `get_service` and its like where an answer waits for nothing: a plain
    /// function, for which no future, no extension and no copy of a state is made.
    pub fn answer<F>(&self, answer: F) -> AnswerService<F>
    where
        F: Fn(&Admitted, &Request) -> Result<Response, Problem>,
    {
        AnswerService { inner: Arc::new(Answering { answer, route: Arc::clone(&self.route) }) }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService { inner, route: Arc::clone(&self.route) }
    }
}

/// A service behind the gate.
#[derive(Debug, Clone)]
pub struct GateService<S> {
    inner: S,
    route: Arc<GatedRoute>,
}

impl<S> Service<Request> for GateService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = GateFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> GateFuture<S::Future> {
        let started_nanos = monotonic_nanos();
        let words = self.route.words(&request);
        let answer = match self.route.admit(&request, started_nanos) {
            Ok(admitted) => {
                let request = self.route.prepare(request, admitted);
                Answer::Handler { future: self.inner.call(request) }
            }
            Err(problem) => Answer::Refused { problem: Some(problem) },
        };
        GateFuture { answer, started_nanos, words, metrics: Arc::clone(&self.route.metrics) }
    }
}

pin_project! {
    /// The answer of a [`GateService`].
    #[derive(Debug)]
    pub struct GateFuture<F> {
        #[pin]
        answer: Answer<F>,
        started_nanos: u64,
        words: Option<Words>,
        metrics: Arc<RouteMetrics>,
    }
}

pin_project! {
    #[project = AnswerProjection]
    #[derive(Debug)]
    enum Answer<F> {
        Handler { #[pin] future: F },
        Refused { problem: Option<Problem> },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for GateFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.answer.project() {
            AnswerProjection::Handler { future } => {
                let Ok(response) = task::ready!(future.poll(context));
                response
            }
            AnswerProjection::Refused { problem } => {
                problem.take().unwrap_or_else(Problem::internal).into_response()
            }
        };
        let response = told_in(*this.words, response);
        let nanos = monotonic_nanos().saturating_sub(*this.started_nanos);
        this.metrics.record(response.status(), nanos);
        Poll::Ready(Ok(response))
    }
}

/// A function behind the gate; see [`GateLayer::answer`].
#[derive(Debug)]
pub struct AnswerService<F> {
    inner: Arc<Answering<F>>,
}

#[derive(Debug)]
struct Answering<F> {
    answer: F,
    route: Arc<GatedRoute>,
}

impl<F> Clone for AnswerService<F> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<F> Service<Request> for AnswerService<F>
where
    F: Fn(&Admitted, &Request) -> Result<Response, Problem>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Answering { answer, route } = &*self.inner;
        let started_nanos = monotonic_nanos();
        let admitted = route.admit(&request, started_nanos);
        let response = admitted
            .and_then(|admitted| answer(&admitted, &request))
            .unwrap_or_else(|problem| route.refuse(problem, &request));
        let nanos = monotonic_nanos().saturating_sub(started_nanos);
        route.metrics.record(response.status(), nanos);
        ready(Ok(response))
    }
}
