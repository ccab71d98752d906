//! Problems in the words of foreign protocols, whose clients read no others.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use serde_json::Value;
use wardnet_server::PROBLEM_JSON;

/// The largest problem; ours are a few hundred bytes.
const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Told<'p> {
    /// The status, which stays.
    pub(crate) status: StatusCode,
    /// What happened, for people.
    pub(crate) detail: &'p str,
    /// Whether the client had sent a token.
    pub(crate) has_token: bool,
}

/// Has all routes of `router` tell their problems, those of the gate included, as JSON of another
/// shape. Statuses and other headers stay.
pub(crate) fn speak(router: Router, words: fn(&Told<'_>) -> Value) -> Router {
    router.layer(from_fn(move |request: Request, next: Next| async move {
        let headers = request.headers();
        let has_token = headers.contains_key("x-api-key")
            || headers.contains_key("x-apikey")
            || headers.contains_key(AUTHORIZATION);
        translate(next.run(request).await, has_token, words).await
    }))
}

async fn translate(response: Response, has_token: bool, words: fn(&Told<'_>) -> Value) -> Response {
    let is_problem = |value: &HeaderValue| value.as_bytes() == PROBLEM_JSON.as_bytes();
    if !response.headers().get(CONTENT_TYPE).is_some_and(is_problem) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    let told = ["detail", "title"].iter().find_map(|field| problem[*field].as_str());
    let detail = told.unwrap_or("the request failed");
    let said = words(&Told { status: head.status, detail, has_token });
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers.remove(CONTENT_LENGTH);
    Response::from_parts(head, Body::from(said.to_string()))
}
