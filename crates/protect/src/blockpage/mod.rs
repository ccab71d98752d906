//! The page that people see in place of what a resolver or proxy blocked: why, and a way to say
//! that it is wrong.
//!
//! # Invariants
//!
//! - The page loads nothing and tells nobody what was opened: no script, no foreign address, no
//!   referrer to others.
//! - What the asker sends (host, address, words) is shown escaped, or not at all.
//! - A report weighs nothing: it waits for an analyst. It is thanked for once it is on disk.

mod config;
mod page;
mod report;

pub use config::BlockPageConfig;
pub use report::{Dispute, File, fuzz_block_page_report};

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST};
use axum::http::header::{REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use wardnet_model::{DomainName, Indicator, SuffixList, Url};
use wardnet_server::{Peer, now_unix};
use wardnet_verdictdb::Views;

use crate::answer::{Asker, NewNames};
use crate::opinion::Opinions;
use page::Page;
use report::Desk;

/// Where the form is sent. No site that is blocked is likely to have such a path.
const REPORT: &str = "/.wardnet-report";

/// Bytes of a report.
const BODY_BYTES_MAX: usize = 16 << 10;

/// What the page rests on.
pub struct BlockPage {
    config: BlockPageConfig,
    views: Arc<Views>,
    opinions: Option<Arc<Opinions>>,
    names: Option<NewNames>,
    desk: Desk,
}

impl std::fmt::Debug for BlockPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockPage").field("config", &self.config).finish_non_exhaustive()
    }
}

impl BlockPage {
    /// Answers from what is known; what is reported goes to `file`.
    #[must_use]
    pub fn new(
        config: BlockPageConfig,
        (views, opinions): (Arc<Views>, Option<Arc<Opinions>>),
        names: Option<NewNames>,
        file: File,
    ) -> Self {
        Self { config, views, opinions, names, desk: Desk::new(file) }
    }

    /// The routes: everything is blocked, but the form.
    pub fn routes(self) -> Router {
        Router::new()
            .route(REPORT, post(report))
            .fallback(show)
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(Arc::new(self))
    }

    /// What is asked about: the host of the request, or what a proxy names in its query.
    fn subject(&self, headers: &HeaderMap, uri: &Uri) -> Option<Indicator> {
        let host = headers.get(HOST).and_then(|value| value.to_str().ok()).or(uri.host())?;
        let name = without_port(host);
        if self.config.names.iter().any(|own| own.as_str() == name) {
            let query = uri.query().unwrap_or_default();
            let mut parameters = form_urlencoded::parse(query.as_bytes());
            let (_, text) = parameters.find(|(key, _)| key == "url" || key == "host")?;
            // Squid writes addresses as HTML, and `host:port` of what it would only pass through.
            return about(&text.replace("&amp;", "&"));
        }
        about(name)
    }

    /// What is known of it, as `/v1/lookup` would answer.
    fn known(&self, subject: &Indicator) -> Option<serde_json::Value> {
        let view = self.views.load();
        let asker = Asker::new(&view, SuffixList::shipped(), now_unix())
            .with_names(self.names.as_ref())
            .with_opinions(self.opinions.as_deref());
        let mut answer = Vec::new();
        asker.answer(&subject.to_string(), &[], &mut answer).ok()?;
        serde_json::from_slice(&answer).ok()
    }

    fn page(&self, subject: Option<&Indicator>) -> String {
        let known = subject.and_then(|subject| self.known(subject));
        let subject = subject.map(ToString::to_string);
        Page { config: &self.config, subject: subject.as_deref(), known: known.as_ref() }.write()
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// A name, address or URL; nothing of what is none.
fn about(text: &str) -> Option<Indicator> {
    if text.contains("://") {
        return Url::parse(text).ok().map(Indicator::Url);
    }
    // An address of version 6 has colons of its own.
    let is_bare = text.parse::<IpAddr>().is_ok();
    let text = if is_bare { text } else { without_port(text) };
    let text = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Indicator::address(address));
    }
    DomainName::parse(text).ok().map(Indicator::Domain)
}

async fn show(State(page): State<Arc<BlockPage>>, headers: HeaderMap, uri: Uri) -> Response {
    let subject = page.subject(&headers, &uri);
    html(StatusCode::FORBIDDEN, page.page(subject.as_ref()))
}

async fn report(
    State(page): State<Arc<BlockPage>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !page.config.reports || !is_from_the_page(&headers) {
        let text = "Reports are taken from this page alone.";
        return html(StatusCode::FORBIDDEN, Page::note(&page.config, text));
    }
    let client = peer.address();
    let form = report::read(&body);
    let Some(subject) = about(&form.about) else {
        let text = "What the report is about is no name, address or URL.";
        return html(StatusCode::UNPROCESSABLE_ENTITY, Page::note(&page.config, text));
    };
    let is_listed = page.known(&subject).is_some_and(|known| page::is_bad(&known));
    if !is_listed {
        let text = format!("{subject} is not listed any more. Open it again in a minute.");
        return html(StatusCode::OK, Page::note(&page.config, &text));
    }
    match page.desk.take(client, subject, form.note).await {
        Ok(()) => {
            let text = "Thank you. Somebody will look at it; until then it stays blocked.";
            html(StatusCode::OK, Page::note(&page.config, text))
        }
        Err(report::Refused::TooMany) => {
            let text = "You have reported much in a short time. Try again in a minute.";
            let mut response = html(StatusCode::TOO_MANY_REQUESTS, Page::note(&page.config, text));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
            response
        }
        Err(report::Refused::NotWritten) => {
            let text = "Your report could not be written down. Try again later.";
            html(StatusCode::SERVICE_UNAVAILABLE, Page::note(&page.config, text))
        }
    }
}

/// Another site could have a visitor's browser send reports. Browsers say where a request is from.
fn is_from_the_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, from)| from == host)
        }
        _ => true,
    }
}

fn html(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        // What is blocked now may not be in a minute.
        (CACHE_CONTROL, "no-store"),
        // To nobody else; with `no-referrer` browsers would hide from us, too, where a form is from.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
