//! Errors as CrowdSec's clients read them: an object with a `message`. Some crash without one.

use crate::dialect::Told;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

/// A bouncer without a right key is told 403.
pub(super) async fn forbid(mut response: Response) -> Response {
    if response.status() == StatusCode::UNAUTHORIZED {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}

/// A problem's `message`; the answer to a failed login has its status here, too.
pub(super) fn words(told: &Told<'_>) -> Value {
    let status = told.status.as_u16();
    json!({ "message": told.detail, "code": status, "status": status })
}
