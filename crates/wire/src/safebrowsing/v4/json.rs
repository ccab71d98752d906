//! Version 4 as JSON.

use super::{
    Constraints, FetchThreatListUpdatesRequest, FetchThreatListUpdatesResponse,
    FindFullHashesResponse, FindThreatMatchesResponse, ListThreatListsResponse, ListUpdateRequest,
    ListUpdateResponse, RiceDeltaEncoding, ThreatEntry, ThreatEntrySet, ThreatInfo, ThreatMatch,
};
use crate::safebrowsing::RequestError;
use crate::safebrowsing::json::{
    Names, bytes, bytes_field, duration, elements, list, named, number_field, object, value_of,
};
use crate::safebrowsing::v5::Duration;
use serde_json::Value;

const THREATS: Names = &[
    (0, "THREAT_TYPE_UNSPECIFIED"),
    (1, "MALWARE"),
    (2, "SOCIAL_ENGINEERING"),
    (3, "UNWANTED_SOFTWARE"),
    (4, "POTENTIALLY_HARMFUL_APPLICATION"),
    (5, "SOCIAL_ENGINEERING_INTERNAL"),
    (6, "API_ABUSE"),
    (7, "MALICIOUS_BINARY"),
    (8, "CSD_WHITELIST"),
    (9, "CSD_DOWNLOAD_WHITELIST"),
    (10, "CLIENT_INCIDENT"),
    (11, "CLIENT_INCIDENT_WHITELIST"),
    (12, "APK_MALWARE_OFFLINE"),
    (13, "SUBRESOURCE_FILTER"),
    (14, "SUSPICIOUS"),
    (15, "TRICK_TO_BILL"),
    (16, "HIGH_CONFIDENCE_ALLOWLIST"),
    (17, "ACCURACY_TIPS"),
];
const PLATFORMS: Names = &[
    (0, "PLATFORM_TYPE_UNSPECIFIED"),
    (1, "WINDOWS"),
    (2, "LINUX"),
    (3, "ANDROID"),
    (4, "OSX"),
    (5, "IOS"),
    (6, "ANY_PLATFORM"),
    (7, "ALL_PLATFORMS"),
    (8, "CHROME"),
];
const ENTRIES: Names = &[
    (0, "THREAT_ENTRY_TYPE_UNSPECIFIED"),
    (1, "URL"),
    (2, "EXECUTABLE"),
    (3, "IP_RANGE"),
    (4, "CHROME_EXTENSION"),
    (5, "FILENAME"),
    (6, "CERT"),
];
const COMPRESSIONS: Names = &[(0, "COMPRESSION_TYPE_UNSPECIFIED"), (1, "RAW"), (2, "RICE")];
const RESPONSES: Names =
    &[(0, "RESPONSE_TYPE_UNSPECIFIED"), (1, "PARTIAL_UPDATE"), (2, "FULL_UPDATE")];

/// A field that names a value of an enumeration.
fn field_of(names: Names, object: &Value, field: &'static str) -> Result<i32, RequestError> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => value_of(names, value, field),
    }
}

fn fields_of(names: Names, object: &Value, field: &'static str) -> Result<Vec<i32>, RequestError> {
    elements(object, field).iter().map(|value| value_of(names, value, field)).collect()
}

fn time(span: Option<Duration>) -> Value {
    span.map_or(Value::Null, |span| duration(span.seconds))
}

pub(super) fn threat_info(request: &Value) -> Result<Option<ThreatInfo>, RequestError> {
    let Some(info) = request.get("threatInfo") else { return Ok(None) };
    let entry = |entry: &Value| -> Result<ThreatEntry, RequestError> {
        let url = entry.get("url").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(ThreatEntry { hash: bytes_field(entry, "hash")?, url })
    };
    Ok(Some(ThreatInfo {
        threat_types: fields_of(THREATS, info, "threatTypes")?,
        platform_types: fields_of(PLATFORMS, info, "platformTypes")?,
        threat_entry_types: fields_of(ENTRIES, info, "threatEntryTypes")?,
        threat_entries: elements(info, "threatEntries")
            .iter()
            .map(entry)
            .collect::<Result<_, _>>()?,
    }))
}

impl FetchThreatListUpdatesRequest {
    pub(super) fn of_json(request: &Value) -> Result<Self, RequestError> {
        let all = elements(request, "listUpdateRequests").iter().map(ListUpdateRequest::of_json);
        Ok(Self { list_update_requests: all.collect::<Result<_, _>>()? })
    }
}

impl ListUpdateRequest {
    fn of_json(request: &Value) -> Result<Self, RequestError> {
        let constraints = request.get("constraints").map(Constraints::of_json).transpose()?;
        Ok(Self {
            threat_type: field_of(THREATS, request, "threatType")?,
            platform_type: field_of(PLATFORMS, request, "platformType")?,
            threat_entry_type: field_of(ENTRIES, request, "threatEntryType")?,
            state: bytes_field(request, "state")?,
            constraints,
        })
    }
}

impl Constraints {
    fn of_json(constraints: &Value) -> Result<Self, RequestError> {
        Ok(Self {
            max_update_entries: number_field(constraints, "maxUpdateEntries")?,
            max_database_entries: number_field(constraints, "maxDatabaseEntries")?,
            supported_compressions: fields_of(COMPRESSIONS, constraints, "supportedCompressions")?,
        })
    }
}

impl FetchThreatListUpdatesResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        object([
            ("listUpdateResponses", list(&self.list_update_responses, ListUpdateResponse::to_json)),
            ("minimumWaitDuration", time(self.minimum_wait_duration)),
        ])
    }
}

impl ListUpdateResponse {
    fn to_json(&self) -> Value {
        let checksum = self.checksum.as_ref();
        object([
            ("threatType", named(THREATS, self.threat_type)),
            ("threatEntryType", named(ENTRIES, self.threat_entry_type)),
            ("platformType", named(PLATFORMS, self.platform_type)),
            ("responseType", named(RESPONSES, self.response_type)),
            ("additions", list(&self.additions, ThreatEntrySet::to_json)),
            ("removals", list(&self.removals, ThreatEntrySet::to_json)),
            ("newClientState", bytes(&self.new_client_state)),
            (
                "checksum",
                checksum.map_or(Value::Null, |sum| object([("sha256", bytes(&sum.sha256))])),
            ),
        ])
    }
}

impl ThreatEntrySet {
    fn to_json(&self) -> Value {
        let raw = self.raw_hashes.as_ref().map_or(Value::Null, |raw| {
            let size = ("prefixSize", raw.prefix_size.into());
            object([size, ("rawHashes", bytes(&raw.raw_hashes))])
        });
        let indices = self.raw_indices.as_ref().map_or(Value::Null, |raw| {
            object([("indices", list(&raw.indices, |index| (*index).into()))])
        });
        let rice = |coded: &Option<RiceDeltaEncoding>| {
            coded.as_ref().map_or(Value::Null, RiceDeltaEncoding::to_json)
        };
        object([
            ("compressionType", named(COMPRESSIONS, self.compression_type)),
            ("rawHashes", raw),
            ("rawIndices", indices),
            ("riceHashes", rice(&self.rice_hashes)),
            ("riceIndices", rice(&self.rice_indices)),
        ])
    }
}

impl RiceDeltaEncoding {
    fn to_json(&self) -> Value {
        object([
            ("firstValue", self.first_value.to_string().into()),
            ("riceParameter", self.rice_parameter.into()),
            ("numEntries", self.num_entries.into()),
            ("encodedData", bytes(&self.encoded_data)),
        ])
    }
}

impl FindFullHashesResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        object([
            ("matches", list(&self.matches, ThreatMatch::to_json)),
            ("minimumWaitDuration", time(self.minimum_wait_duration)),
            ("negativeCacheDuration", time(self.negative_cache_duration)),
        ])
    }
}

impl FindThreatMatchesResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        object([("matches", list(&self.matches, ThreatMatch::to_json))])
    }
}

impl ThreatMatch {
    fn to_json(&self) -> Value {
        let threat = self.threat.as_ref().map_or(Value::Null, |threat| {
            object([("hash", bytes(&threat.hash)), ("url", threat.url.as_str().into())])
        });
        let metadata = self.threat_entry_metadata.map_or(Value::Null, |_| object([]));
        object([
            ("threatType", named(THREATS, self.threat_type)),
            ("platformType", named(PLATFORMS, self.platform_type)),
            ("threatEntryType", named(ENTRIES, self.threat_entry_type)),
            ("threat", threat),
            ("threatEntryMetadata", metadata),
            ("cacheDuration", time(self.cache_duration)),
        ])
    }
}

impl ListThreatListsResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let lists = list(&self.threat_lists, |one| {
            object([
                ("threatType", named(THREATS, one.threat_type)),
                ("platformType", named(PLATFORMS, one.platform_type)),
                ("threatEntryType", named(ENTRIES, one.threat_entry_type)),
            ])
        });
        object([("threatLists", lists)])
    }
}
