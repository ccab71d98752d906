//! DNS over HTTPS (RFC 8484).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::BASE64URL_NOPAD;
use hickory_resolver::proto::op::Message;
use wardnet_server::Peer;

use super::engine::{Begun, Client, Engine, Way};

/// The media type of DNS messages.
const DNS_MESSAGE: &str = "application/dns-message";

/// Bytes of a message.
const MESSAGE_BYTES_MAX: usize = 65_535;

/// The routes of a resolver's HTTPS listener.
pub(super) fn routes(path: &str, engine: Arc<Engine>) -> Router {
    Router::new()
        .route(path, get(by_get).post(by_post))
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(engine)
}

async fn by_get(
    State(engine): State<Arc<Engine>>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let Some((_, text)) = parameters.find(|(name, _)| name == "dns") else {
        return refuse(StatusCode::BAD_REQUEST, "send the message as ?dns=, in base64url\n");
    };
    // RFC 8484 section 6 wants no padding; some clients send it all the same.
    match BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()) {
        Ok(message) if message.len() <= MESSAGE_BYTES_MAX => answer(engine, peer, &message).await,
        _ => refuse(StatusCode::BAD_REQUEST, "dns= is no message in base64url (RFC 8484)\n"),
    }
}

async fn by_post(
    State(engine): State<Arc<Engine>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    message: Bytes,
) -> Response {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type.is_none_or(|media_type| !media_type.eq_ignore_ascii_case(DNS_MESSAGE)) {
        let text = "send the message as application/dns-message\n";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    }
    answer(engine, peer, &message).await
}

async fn answer(engine: Arc<Engine>, peer: Peer, message: &[u8]) -> Response {
    let client = Client { address: peer.address(), way: Way::Encrypted };
    let mut bytes = Vec::with_capacity(512);
    match engine.begin(&engine.moment(), message, client, &mut bytes) {
        Begun::Answered => {}
        Begun::Silence => {
            return refuse(StatusCode::BAD_REQUEST, "the body is no question (RFC 1035)\n");
        }
        Begun::Ask(pending) => bytes = pending.finish().await,
    }
    // RFC 8484 section 5.1: no longer than the shortest lifetime in the answer.
    let cache_control = format!("max-age={}", lifetime(&bytes));
    let headers = [(CONTENT_TYPE, DNS_MESSAGE.to_owned()), (CACHE_CONTROL, cache_control)];
    (headers, bytes).into_response()
}

fn lifetime(answer: &[u8]) -> u32 {
    let Ok(message) = Message::from_vec(answer) else { return 0 };
    let records = message.answers.iter().chain(&message.authorities);
    records.map(|record| record.ttl).min().unwrap_or(0)
}

fn refuse(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}
