//! Errors as CrowdSec's clients read them: an object with a `message`. Some crash without one.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use wardnet_server::PROBLEM_JSON;

/// A problem is larger than this only by mistake.
const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// A bouncer without a right key is told 403.
pub(super) async fn forbid(mut response: Response) -> Response {
    if response.status() == StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}

/// Gives every problem a `message`, and what else it said.
pub(super) async fn tell(response: Response) -> Response {
    let is_problem = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == PROBLEM_JSON);
    if !is_problem {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let mut problem: Value = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!({}));
    let detail = problem.get("detail").or_else(|| problem.get("title")).cloned();
    let message = detail.unwrap_or_else(|| json!("the request failed"));
    if let Some(problem) = problem.as_object_mut() {
        problem.insert("message".to_owned(), message);
        // The answer to a failed login has its status here, too.
        for name in ["code", "status"] {
            problem.insert(name.to_owned(), json!(parts.status.as_u16()));
        }
    }
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(problem.to_string()))
}
