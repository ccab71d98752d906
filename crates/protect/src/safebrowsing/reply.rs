//! Replies: as Protocol Buffers or JSON, and padded where their size would tell what was asked.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use prost::Message;
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use wardnet_server::{Problem, Told};
use wardnet_wire::safebrowsing::RequestError;

pub(super) const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json; charset=utf-8";

/// Replies to searches have, with their padding, a multiple of so many bytes.
const PADDED_TO: usize = 512;

/// What a reply is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

/// A parameter of the query.
pub(super) fn parameter<'r>(request: &'r Request, name: &str) -> Option<Cow<'r, str>> {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
}

impl Format {
    /// What a client of version 5 reads: Protocol Buffers, unless it asks for JSON.
    pub(super) fn of_v5(request: &Request) -> Self {
        Self::asked(request).unwrap_or(Self::Protobuf)
    }

    /// What a client of version 4 reads: JSON, unless it asks for or writes Protocol Buffers.
    pub(super) fn of_v4(request: &Request) -> Self {
        let written = match is_protobuf(request) {
            true => Self::Protobuf,
            false => Self::Json,
        };
        Self::asked(request).unwrap_or(written)
    }

    fn asked(request: &Request) -> Option<Self> {
        match parameter(request, "alt").as_deref() {
            Some("json") => return Some(Self::Json),
            Some("proto") => return Some(Self::Protobuf),
            _ => {}
        }
        let accepts = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok())?;
        accepts.starts_with("application/json").then_some(Self::Json)
    }

    /// A reply.
    pub(super) fn reply(self, message: &(impl Message + Serialize)) -> Response {
        let (media_type, body) = match self {
            Self::Protobuf => (PROTOBUF, message.encode_to_vec()),
            Self::Json => match serde_json::to_vec(message) {
                Ok(body) => (JSON, body),
                Err(_) => return Problem::internal().into_response(),
            },
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// A reply whose size tells little of what is in it.
    pub(super) fn padded(self, message: &(impl Message + Serialize)) -> Response {
        const ZEROS: &str = match str::from_utf8(&[b'0'; PADDED_TO]) {
            Ok(zeros) => zeros,
            Err(_) => "",
        };
        let mut response = self.reply(message);
        let size = http_body::Body::size_hint(response.body()).exact().unwrap_or(0);
        let over = usize::try_from(size).unwrap_or(0) % PADDED_TO;
        let padding = ZEROS.get(over..).unwrap_or(ZEROS);
        let padding = HeaderValue::from_static(padding);
        response.headers_mut().insert(HeaderName::from_static("x-padding"), padding);
        response
    }
}

/// Whether a request is written in Protocol Buffers: by its header, or as Firefox says it.
pub(super) fn is_protobuf(request: &Request) -> bool {
    let written = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_one = |text: &str| text.contains("protobuf");
    written.is_some_and(is_one) || parameter(request, "$ct").as_deref().is_some_and(is_one)
}

/// Errors as Google's clients read them (`google.rpc.Status`); other clients look at the status alone.
pub(super) fn words(told: &Told<'_>) -> (StatusCode, Value) {
    let status = match told.status {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        StatusCode::SERVICE_UNAVAILABLE => "UNAVAILABLE",
        status if status.is_server_error() => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    let code = told.status.as_u16();
    let error = json!({ "code": code, "message": told.detail, "status": status });
    (told.status, json!({ "error": error }))
}

/// A request that is not answered, as HTTP tells it.
pub(super) fn refuse(error: &RequestError) -> Problem {
    Problem::bad_request(error.to_string())
}
