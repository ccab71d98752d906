//! Version 4.
//!
//! Its lists are those of 4-byte prefixes of version 5; all platforms have the same. A prefix is a
//! little-endian number here where it is coded, and so are its lists in another order.

use super::list::{List, Room, Update};
use super::name::{self, Name};
use super::reply::{Format, is_protobuf, parameter, refuse};
use super::state::State;
use super::threat::ALL;
use super::{Service, search};
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request, State as Shared};
use axum::response::Response;
use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD};
use std::sync::Arc;
use wardnet_server::{Admitted, BodyBytes, Caller, Problem};
use wardnet_wire::safebrowsing::rice::{Width, encode};
use wardnet_wire::safebrowsing::v4::{
    ANY_PLATFORM, Body, Checksum, Constraints, FULL_UPDATE, FetchThreatListUpdatesRequest,
    FetchThreatListUpdatesResponse, FindFullHashesRequest, FindFullHashesResponse,
    FindThreatMatchesRequest, FindThreatMatchesResponse, ListThreatListsResponse,
    ListUpdateRequest, ListUpdateResponse, PARTIAL_UPDATE, RAW, RICE, RawHashes, RawIndices,
    ThreatEntry, ThreatEntryMetadata, ThreatEntrySet, ThreatListDescriptor, ThreatMatch,
    ThreatType, URL,
};
use wardnet_wire::safebrowsing::v5::Duration;

pub(super) const LISTS: &str = "/v4/threatLists";
pub(super) const UPDATES: &str = "/v4/threatListUpdates:fetch";
pub(super) const HASHES: &str = "/v4/fullHashes:find";
pub(super) const MATCHES: &str = "/v4/threatMatches:find";

/// A request has at most 500 entries, of which URLs may be long.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;

/// A method with a body.
pub(super) type Take = fn(&Service, &Admitted, Body<'_>, Format) -> Result<Response, Problem>;

/// Takes the body, or the message that stands in the query in its place, and answers.
pub(super) async fn handle(
    Shared((service, take)): Shared<(Arc<Service>, Take)>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (format, protobuf) = (Format::of_v4(&request), is_protobuf(&request));
    let in_query = parameter(&request, "$req").map(|text| {
        let spellings = [BASE64URL_NOPAD, BASE64URL, BASE64];
        let bytes = spellings.iter().find_map(|one| one.decode(text.as_bytes()).ok());
        let bytes = bytes.map(Bytes::from);
        bytes.ok_or_else(|| Problem::bad_request("`$req` holds something that is not base64"))
    });
    let bytes = match in_query {
        Some(bytes) => bytes?,
        None => BodyBytes::from_request(request, &()).await?.0,
    };
    let body = if protobuf { Body::Protobuf(&bytes) } else { Body::Json(&bytes) };
    take(&service, caller.admitted(), body, format)
}

/// `GET /v4/threatLists`: what lists there are.
pub(super) fn lists(
    service: &Service,
    _: &Admitted,
    request: &Request,
) -> Result<Response, Problem> {
    service.ready(|_| {
        let lists = ALL.into_iter().map(|threat| ThreatListDescriptor {
            threat_type: threat as i32,
            platform_type: ANY_PLATFORM,
            threat_entry_type: URL,
        });
        let reply = ListThreatListsResponse { threat_lists: lists.collect() };
        Ok(Format::of_v4(request).reply(&reply))
    })
}

/// `POST /v4/threatListUpdates:fetch`: exactly the lists asked for.
pub(super) fn updates(
    service: &Service,
    _: &Admitted,
    body: Body<'_>,
    format: Format,
) -> Result<Response, Problem> {
    let asked = FetchThreatListUpdatesRequest::read(body, &service.limits);
    let asked = asked.map_err(|error| refuse(&error))?;
    service.ready(|state| {
        let mut is_complete = true;
        let lists = asked.list_update_requests.iter().map(|request| {
            let (response, complete) = update(service, state, request);
            is_complete &= complete;
            response
        });
        let list_update_responses = lists.collect();
        let wait = Duration::of_seconds(service.config.update_secs.into());
        let minimum_wait_duration = is_complete.then_some(wait);
        let reply = FetchThreatListUpdatesResponse { list_update_responses, minimum_wait_duration };
        Ok(format.reply(&reply))
    })
}

/// What a client is told of one list, and whether that is all.
fn update(
    service: &Service,
    state: &State,
    request: &ListUpdateRequest,
) -> (ListUpdateResponse, bool) {
    let threat = ThreatType::try_from(request.threat_type).unwrap_or(ThreatType::Unspecified);
    let lists = state.threats.iter().find(|lists| lists.threat == threat);
    let (name, none) = (Name::Four(threat), List::<u32>::new(Vec::new(), 0));
    // Other kinds of entries, and other threats, have a list with nothing in it.
    let list = lists.filter(|_| request.threat_entry_type == URL).map_or(&none, |one| &one.four);
    let nothing = Constraints::default();
    let constraints = request.constraints.as_ref().unwrap_or(&nothing);
    let room = Room::of(constraints.max_update_entries, constraints.max_database_entries);
    let is_rice = constraints.supported_compressions.contains(&RICE);
    let held = name::read(service.history, name, &request.state);
    let Update { is_partial, removals, additions, held, checksum, is_complete } =
        list.update(held, room);
    let sum = checksum.map(|sum| Checksum { sha256: sum.to_vec() });
    let response = ListUpdateResponse {
        threat_type: request.threat_type,
        threat_entry_type: request.threat_entry_type,
        platform_type: request.platform_type,
        response_type: if is_partial { PARTIAL_UPDATE } else { FULL_UPDATE },
        additions: hashes_of(&additions, is_rice).into_iter().collect(),
        removals: indices_of(&removals, is_rice).into_iter().collect(),
        new_client_state: name::written(service.history, name, held),
        // Clients of this version look for it after every update.
        checksum: sum.or_else(|| Some(Checksum { sha256: list.checksum_at(&held).to_vec() })),
    };
    (response, is_complete)
}

fn hashes_of(sorted: &[u32], is_rice: bool) -> Option<ThreatEntrySet> {
    if sorted.is_empty() {
        return None;
    }
    if is_rice {
        let mut numbers: Vec<u32> = sorted.iter().map(|prefix| prefix.swap_bytes()).collect();
        numbers.sort_unstable();
        let rice = encode(numbers.into_iter().map(|number| [number.into()]), Width::V4)?;
        let rice_hashes = Some(rice.into());
        return Some(ThreatEntrySet { compression_type: RICE, rice_hashes, ..Default::default() });
    }
    let raw_hashes = sorted.iter().flat_map(|prefix| prefix.to_be_bytes()).collect();
    let raw_hashes = Some(RawHashes { prefix_size: 4, raw_hashes });
    Some(ThreatEntrySet { compression_type: RAW, raw_hashes, ..Default::default() })
}

fn indices_of(sorted: &[u32], is_rice: bool) -> Option<ThreatEntrySet> {
    if sorted.is_empty() {
        return None;
    }
    if is_rice {
        let rice = encode(sorted.iter().map(|index| [u64::from(*index)]), Width::V4)?;
        let rice_indices = Some(rice.into());
        return Some(ThreatEntrySet { compression_type: RICE, rice_indices, ..Default::default() });
    }
    let indices = sorted.iter().map(|index| i32::try_from(*index).unwrap_or(i32::MAX)).collect();
    let raw_indices = Some(RawIndices { indices });
    Some(ThreatEntrySet { compression_type: RAW, raw_indices, ..Default::default() })
}

/// `POST /v4/fullHashes:find`: the listed hashes that begin so.
pub(super) fn hashes(
    service: &Service,
    _: &Admitted,
    body: Body<'_>,
    format: Format,
) -> Result<Response, Problem> {
    let info = FindFullHashesRequest::read(body, &service.limits);
    let info = info.map_err(|error| refuse(&error))?;
    let found = Found { service, platforms: &info.platform_types };
    service.ready(|state| {
        let mut matches = Vec::new();
        for entry in &info.threat_entries {
            for row in state.rows.starting_with(&entry.hash) {
                let hash = ThreatEntry { hash: row.hash.to_vec(), url: String::new() };
                let asked =
                    row.threats.iter().filter(|one| info.threat_types.contains(&(*one as i32)));
                asked.for_each(|threat| found.add(&mut matches, threat, &hash));
            }
        }
        let lasts = Some(Duration::of_seconds(service.config.cache_secs.into()));
        let reply = FindFullHashesResponse {
            matches,
            minimum_wait_duration: None,
            negative_cache_duration: lasts,
        };
        Ok(format.padded(&reply))
    })
}

/// `POST /v4/threatMatches:find`: the dangerous ones among some URLs.
pub(super) fn matches(
    service: &Service,
    by: &Admitted,
    body: Body<'_>,
    format: Format,
) -> Result<Response, Problem> {
    let info = FindThreatMatchesRequest::read(body, &service.limits);
    let info = info.map_err(|error| refuse(&error))?;
    let (_, view) = service.feed.snapshot();
    let found = Found { service, platforms: &info.platform_types };
    let mut matches = Vec::new();
    for entry in info.threat_entries.iter().filter(|entry| !entry.url.is_empty()) {
        let threats = search::threats_of_url(service, &view, &entry.url, by.at())?;
        let asked = threats.iter().filter(|one| info.threat_types.contains(&(*one as i32)));
        let url = ThreatEntry { hash: Vec::new(), url: entry.url.clone() };
        asked.for_each(|threat| found.add(&mut matches, threat, &url));
    }
    let reply = FindThreatMatchesResponse { matches };
    Ok(format.padded(&reply))
}

/// How what is found is told: once for each platform that was asked for.
struct Found<'a> {
    service: &'a Service,
    platforms: &'a [i32],
}

impl Found<'_> {
    fn add(&self, matches: &mut Vec<ThreatMatch>, threat: ThreatType, entry: &ThreatEntry) {
        let lasts = Duration::of_seconds(self.service.config.cache_secs.into());
        matches.extend(self.platforms.iter().map(|platform| ThreatMatch {
            threat_type: threat as i32,
            platform_type: *platform,
            threat_entry_type: URL,
            threat: Some(entry.clone()),
            threat_entry_metadata: Some(ThreatEntryMetadata {}),
            cache_duration: Some(lasts),
        }));
    }
}
