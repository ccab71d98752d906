//! Errors as clients see them: RFC 9457 problem details.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::budget::OverBudget;

/// The media type of RFC 9457 section 3.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One problem, as `application/problem+json`.
///
/// The `type` is a relative reference, `/problems/<slug>`, to the page that explains it; clients
/// switch on it, never on the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    slug: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: Cow<'static, str>,
    instance: Option<String>,
    retry_after_secs: Option<u64>,
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
}

impl Problem {
    /// A problem of your own. `slug` is lower case with hyphens and never changes its meaning.
    #[must_use]
    pub fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let detail = detail.into();
        Self { slug, title, status, detail, instance: None, retry_after_secs: None }
    }

    /// Names this one occurrence, for example by a request's identifier.
    #[must_use]
    pub fn with_instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Tells the client when to try again.
    #[must_use]
    pub const fn with_retry_after_secs(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    /// The status that goes with it.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "Bad request", detail)
    }

    /// 401: no valid token.
    #[must_use]
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is needed", detail)
    }

    /// 403: a valid token that may not do this.
    #[must_use]
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed for this token", detail)
    }

    /// 404: nothing is here.
    #[must_use]
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// 405: the path exists, the method does not.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "Method not allowed",
            "this path exists; the Allow header lists the methods it takes",
        )
    }

    /// 408: the body did not arrive in time.
    #[must_use]
    pub fn request_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "request-timeout",
            "Request timeout",
            "the request's body did not arrive in time",
        )
    }

    /// 409: the request contradicts the state of things.
    #[must_use]
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Conflict", detail)
    }

    /// 413: the body is larger than the route takes.
    #[must_use]
    pub fn body_too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "Request body too large",
            format!("this path takes at most {bytes_max} bytes; send the data in parts"),
        )
    }

    /// 415: a body of another kind than the route takes.
    #[must_use]
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "Unsupported media type",
            format!("send the body as Content-Type: {expected}"),
        )
    }

    /// 422: well-formed, but its content does not make sense.
    #[must_use]
    pub fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unprocessable",
            "Request content cannot be used",
            detail,
        )
    }

    /// 500: our fault. The cause belongs into the log, not here.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Internal error",
            "the server failed to answer; its log has the cause",
        )
    }

    /// 503: not now.
    #[must_use]
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now", detail)
    }
}

impl From<OverBudget> for Problem {
    fn from(over: OverBudget) -> Self {
        match over {
            OverBudget::Wait { after_nanos } => {
                // Retry-After counts whole seconds (RFC 9110 section 10.2.3): round up.
                let secs = after_nanos.div_ceil(1_000_000_000).max(1);
                Self::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "over-budget",
                    "Over budget",
                    format!("this client asks too much; ask again in {secs} s"),
                )
                .with_retry_after_secs(secs)
            }
            OverBudget::TooLarge { burst } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "batch-too-large",
                "Batch too large",
                format!("this client may ask at most {burst} questions in one request"),
            ),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = format!("/problems/{}", self.slug);
        let body = serde_json::to_vec(&ProblemBody {
            r#type: &kind,
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: self.instance.as_deref(),
        });
        // Strings and a number always serialise; an empty body with the status is still true.
        let mut response = Response::new(Body::from(body.unwrap_or_default()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 11.6.1: a 401 names a challenge.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"wardnet\""));
        }
        if let Some(secs) = self.retry_after_secs {
            headers.insert(RETRY_AFTER, HeaderValue::from(secs));
        }
        // For the gate, which may have to tell it in another protocol's words.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::{OverBudget, Problem};

    #[tokio::test]
    async fn a_problem_has_the_members_of_rfc_9457() {
        let response = Problem::forbidden("needs role admin").with_instance("/r/7").into_response();
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 4096).await.expect("short");
        let value: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            value,
            serde_json::json!({
                "type": "/problems/forbidden", "title": "Not allowed for this token",
                "status": 403, "detail": "needs role admin", "instance": "/r/7",
            })
        );
    }

    #[test]
    fn waiting_is_rounded_up_to_whole_seconds() {
        for (after_nanos, secs) in [(1, "1"), (1_000_000_000, "1"), (1_000_000_001, "2")] {
            let response = Problem::from(OverBudget::Wait { after_nanos }).into_response();
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], secs);
        }
        let never = Problem::from(OverBudget::TooLarge { burst: 5 }).into_response();
        assert_eq!(never.status(), 413);
        assert!(never.headers().get("retry-after").is_none());
    }

    #[test]
    fn a_401_names_its_challenge() {
        let response = Problem::unauthorized("no token").into_response();
        assert!(response.headers().contains_key("www-authenticate"));
    }
}
