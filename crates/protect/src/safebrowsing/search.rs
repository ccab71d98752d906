//! Searches: whole hashes by their first bytes, and URLs.

use super::Service;
use super::prefix::Hash;
use super::reply::{Format, refuse};
use super::threat::Threats;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use std::collections::BTreeMap;
use wardnet_model::{Indicator, SuffixList, Timestamp, Url};
use wardnet_server::{Admitted, Problem};
use wardnet_verdictdb::{Answer, Question, View};
use wardnet_wire::safebrowsing::v5::{
    Duration, FullHash, FullHashDetail, SearchHashesRequest, SearchHashesResponse,
    SearchUrlsRequest, SearchUrlsResponse, ThreatType, ThreatUrl,
};

/// `GET /v5/hashes:search`: the listed hashes that begin so.
pub(super) fn hashes(
    service: &Service,
    _: &Admitted,
    request: &Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = SearchHashesRequest::from_query(query, &service.limits);
    let asked = asked.map_err(|error| refuse(&error))?;
    service.ready(|state| {
        let mut found: BTreeMap<Hash, Threats> = BTreeMap::new();
        for prefix in &asked.hash_prefixes {
            found
                .extend(state.rows.starting_with(prefix).iter().map(|row| (row.hash, row.threats)));
        }
        let full_hashes = found.into_iter().map(|(hash, threats)| full_hash(hash, threats));
        let cache_duration = Some(Duration::of_seconds(service.config.cache_secs.into()));
        let reply = SearchHashesResponse { full_hashes: full_hashes.collect(), cache_duration };
        Ok(Format::of_v5(request).padded(&reply))
    })
}

fn full_hash(hash: Hash, threats: Threats) -> FullHash {
    let detail = |threat| FullHashDetail { threat_type: threat as i32, attributes: Vec::new() };
    FullHash { full_hash: hash.to_vec(), full_hash_details: threats.iter().map(detail).collect() }
}

/// `GET /v5/urls:search`: the dangerous ones among some URLs.
pub(super) fn urls(
    service: &Service,
    by: &Admitted,
    request: &Request,
) -> Result<Response, Problem> {
    let query = request.uri().query().unwrap_or_default();
    let asked = SearchUrlsRequest::from_query(query, &service.limits);
    let asked = asked.map_err(|error| refuse(&error))?;
    let (_, view) = service.feed.snapshot();
    let mut threats = Vec::new();
    for text in &asked.urls {
        let found = threats_of_url(service, &view, text, by.at())?;
        if !found.is_empty() {
            let threat_types = found.iter().map(|threat| threat as i32).collect();
            threats.push(ThreatUrl { url: text.clone(), threat_types });
        }
    }
    let cache_duration = Some(Duration::of_seconds(service.config.cache_secs.into()));
    let reply = SearchUrlsResponse { threats, cache_duration };
    Ok(Format::of_v5(request).padded(&reply))
}

/// What is wrong with a URL, as `/v1/lookup` would answer.
pub(super) fn threats_of_url(
    service: &Service,
    view: &View,
    text: &str,
    now: Timestamp,
) -> Result<Threats, Problem> {
    let url = Url::parse(text).map_err(|error| {
        let text: String = text.chars().take(200).collect();
        Problem::unprocessable(format!("`{text}`: {error}"))
    })?;
    let indicator = Indicator::Url(url);
    let answer = view.ask(&Question::about(&indicator), SuffixList::shipped(), now);
    let answer = answer.map_err(|error| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "no-answer", "No answer", error.to_string()).with_retry_after_secs(5)
    })?;
    if !service.config.policy().blocks(answer.risk, answer.band, answer.categories) {
        return Ok(predicted(service, &indicator, &answer));
    }
    let threats = Threats::of_categories(answer.categories);
    // What is blocked is told, also where no threat is named for what it is blocked for.
    Ok(if threats.is_empty() { Threats::of(ThreatType::Malware) } else { threats })
}

/// What a model's opinion is told as: what looks like a trap, where the settings say so.
fn predicted(service: &Service, indicator: &Indicator, answer: &Answer<'_, '_>) -> Threats {
    let from = service.config.predictions_from_percent;
    let opinions = service.opinions.as_deref().filter(|_| from.is_some());
    match opinions.and_then(|opinions| opinions.on(indicator, answer)) {
        Some(opinion) if opinion.blocks(from) => Threats::of(ThreatType::SocialEngineering),
        _ => Threats::NONE,
    }
}
