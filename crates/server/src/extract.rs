//! Bodies, queries and paths of requests, bounded, and refused as problems.

use std::error::Error;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::handler::Handler;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::auth::Caller;
use crate::gate::{Access, Gate, RouteSpec};
use crate::problem::Problem;

/// A JSON body, in or out, in place of `axum::Json`.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A body of any kind, whole.
#[derive(Debug, Clone)]
pub struct BodyBytes(pub Bytes);

/// The query string, in place of `axum::extract::Query`.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

/// The variables of the path, in place of `axum::extract::Path`.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::unsupported_media_type("application/json"));
        }
        let BodyBytes(bytes) = BodyBytes::from_request(request, state).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| explain(&error))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Problem::internal().into_response()
            }
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for BodyBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let Some(caller) = request.extensions().get::<Caller>() else {
            tracing::error!(path = request.uri().path(), "a route that takes a body has no gate");
            return Err(Problem::internal());
        };
        let (bytes_max, time) = (caller.body_bytes_max, caller.shared.body_timeout);
        let whole = tokio::time::timeout(time, to_bytes(request.into_body(), bytes_max)).await;
        match whole {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(error)) if is_too_large(&error) => Err(Problem::body_too_large(bytes_max)),
            Ok(Err(_)) => Err(Problem::bad_request("the request's body broke off")),
            Err(_) => Err(Problem::request_timeout()),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status().is_server_error() => {
                tracing::error!(%rejection, "a route and its handler disagree on the path");
                Err(Problem::internal())
            }
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

/// Answers unknown paths and methods with problems, through the gate: they are counted and cost
/// the caller's budget, so that nobody probes for paths at leisure.
pub fn with_problem_fallbacks(router: Router, gate: &Gate) -> Router {
    async fn not_found() -> Problem {
        Problem::not_found(
            "no such path here; Wardnet's own API is described at /openapi.json, where it is served",
        )
    }
    async fn method_not_allowed() -> Problem {
        Problem::method_not_allowed()
    }
    let layer = gate.route(RouteSpec::new("unmatched", Access::Anonymous));
    router
        .method_not_allowed_fallback(method_not_allowed.layer(layer.clone()))
        .fallback_service(layer.wrap(not_found, ()))
}

/// `application/json`, or a type built on it (RFC 6839 section 3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn explain(error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Data => Problem::unprocessable(error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::bad_request(format!("the body is not valid JSON: {error}"))
        }
    }
}

/// The limit may have been hit here or by the gate beneath, which wraps the cause once more.
fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
