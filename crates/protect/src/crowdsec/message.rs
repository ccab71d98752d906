//! Errors as CrowdSec's clients read them: an object with a `message`. Some crash without one.

use axum::http::StatusCode;
use serde_json::{Value, json};
use wardnet_server::Told;

/// A problem's `message`; the answer to a failed login has its status here, too.
pub(super) fn words(told: &Told<'_>) -> (StatusCode, Value) {
    let status = told.status.as_u16();
    (told.status, json!({ "message": told.detail, "code": status, "status": status }))
}

/// The same, to bouncers: who has no right key is told 403.
pub(super) fn forbid(told: &Told<'_>) -> (StatusCode, Value) {
    let status = match told.status {
        StatusCode::UNAUTHORIZED => StatusCode::FORBIDDEN,
        status => status,
    };
    words(&Told { status, ..*told })
}
