//! Requests as strangers may send them.

use super::{Limits, v4, v5};

/// Reads any bytes as every kind of request: a query, JSON, Protocol Buffers.
pub fn fuzz_safe_browsing_request(bytes: &[u8]) {
    let limits = Limits::default();
    for body in [v4::Body::Json(bytes), v4::Body::Protobuf(bytes)] {
        if let Ok(request) = v4::FetchThreatListUpdatesRequest::read(body, &limits) {
            assert!(request.list_update_requests.len() <= limits.lists_max);
        }
        for info in [
            v4::FindFullHashesRequest::read(body, &limits),
            v4::FindThreatMatchesRequest::read(body, &limits),
        ] {
            let entries = info.map_or(0, |info| info.threat_entries.len());
            assert!(entries <= limits.prefixes_max);
        }
    }
    let query = String::from_utf8_lossy(bytes);
    if let Ok(request) = v5::SearchHashesRequest::from_query(&query, &limits) {
        assert!(request.hash_prefixes.iter().all(|prefix| (4..=32).contains(&prefix.len())));
    }
    if let Ok(request) = v5::BatchGetHashListsRequest::from_query(&query, &limits) {
        assert!((1..=limits.lists_max).contains(&request.names.len()));
    }
    let one = v5::GetHashListRequest::from_query("se-4b", &query, &limits);
    assert!(one.is_ok_and(|one| one.version.len() <= limits.state_bytes_max) || !query.is_empty());
    let urls = v5::SearchUrlsRequest::from_query(&query, &limits);
    assert!(urls.map_or(0, |urls| urls.urls.len()) <= limits.urls_max);
}

#[cfg(test)]
mod tests {
    use super::fuzz_safe_browsing_request;

    #[test]
    fn seeds_and_what_becomes_of_them() {
        let seeds: [&[u8]; 5] = [
            b"names=se-4b&names=mw-4b&version=AAAA&sizeConstraints.maxUpdateEntries=2048",
            b"hashPrefixes=AAECAw%3D%3D&hashPrefixes=_-8AAQ",
            b"$req=CgQAAQID&$ct=application/x-protobuf&urls=http://a.example/",
            br#"{"listUpdateRequests":[{"threatType":"MALWARE","state":"AAE=","constraints":{"supportedCompressions":["RICE"]}}]}"#,
            br#"{"threatInfo":{"threatTypes":["MALWARE",2],"platformTypes":["ANY_PLATFORM"],"threatEntries":[{"hash":"AAECAw==","url":"x"}]}}"#,
        ];
        for seed in seeds {
            fuzz_safe_browsing_request(seed);
            for at in 0..seed.len() {
                let mut changed = seed.to_vec();
                changed[at] ^= 0x15;
                fuzz_safe_browsing_request(&changed);
                fuzz_safe_browsing_request(&seed[..at]);
            }
        }
    }
}
