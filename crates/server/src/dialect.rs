//! Problems in the words of foreign protocols, whose clients read no others.

use crate::problem::Problem;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::Value;

/// What went wrong.
#[derive(Debug)]
pub struct Told<'p> {
    /// The status that we would answer with.
    pub status: StatusCode,
    /// What happened, for people.
    pub detail: &'p str,
    /// Whether the client had sent a token.
    pub has_token: bool,
}

/// How a protocol tells a problem: its status, and JSON of its own shape.
pub type Dialect = fn(&Told<'_>) -> (StatusCode, Value);

/// Whether a client sent a token, right or wrong.
pub(crate) fn has_token(headers: &HeaderMap) -> bool {
    ["x-api-key", "x-apikey"].iter().any(|name| headers.contains_key(*name))
        || headers.contains_key(AUTHORIZATION)
}

/// Tells a problem, if `response` is one, in a dialect. Headers stay.
pub(crate) fn translate(mut response: Response, dialect: Dialect, has_token: bool) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let told = Told { status: response.status(), detail: problem.detail(), has_token };
    let (status, said) = dialect(&told);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(said.to_string());
    response
}
