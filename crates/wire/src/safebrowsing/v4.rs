//! Messages of version 4.
//!
//! A request is a body, as JSON or as Protocol Buffers, or one message in base64 in the query
//! (`$req=…`), as Firefox sends it.

use super::json::{
    Compression, EntryKind, Platform, ResponseKind, Threat, as_text, base64, is_default, number,
    or_default, read, read_all, write,
};
use super::rice::Rice;
use super::v5::Duration;
use super::{Limits, RequestError, at_most, check_prefixes};
use prost::Message;
use serde::{Deserialize, Serialize};

/// `ThreatType` `MALWARE`, and so on: the same numbers as in version 5.
pub use super::v5::ThreatType;

/// `ThreatEntryType` `URL`: the only kind of entries that is served.
pub const URL: i32 = 1;
/// `CompressionType` `RAW`.
pub const RAW: i32 = 1;
/// `CompressionType` `RICE`.
pub const RICE: i32 = 2;
/// `ResponseType` `PARTIAL_UPDATE`.
pub const PARTIAL_UPDATE: i32 = 1;
/// `ResponseType` `FULL_UPDATE`.
pub const FULL_UPDATE: i32 = 2;
/// `PlatformType` `ANY_PLATFORM`.
pub const ANY_PLATFORM: i32 = 6;

/// What is asked about: every entry, under each type.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreatInfo {
    /// The threats.
    #[prost(int32, repeated, tag = "1")]
    #[serde(deserialize_with = "read_all::<Threat, _>")]
    pub threat_types: Vec<i32>,
    /// The platforms.
    #[prost(int32, repeated, tag = "2")]
    #[serde(deserialize_with = "read_all::<Platform, _>")]
    pub platform_types: Vec<i32>,
    /// The kinds of entries.
    #[prost(int32, repeated, tag = "4")]
    #[serde(deserialize_with = "read_all::<EntryKind, _>")]
    pub threat_entry_types: Vec<i32>,
    /// The entries.
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub threat_entries: Vec<ThreatEntry>,
}

/// A hash or a URL.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ThreatEntry {
    /// The first bytes of a hash, or all.
    #[prost(bytes = "vec", tag = "1")]
    #[serde(with = "base64", skip_serializing_if = "is_default")]
    pub hash: Vec<u8>,
    /// A URL.
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "or_default", skip_serializing_if = "is_default")]
    pub url: String,
}

/// `POST /v4/threatMatches:find`.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FindThreatMatchesRequest {
    /// What is asked about.
    #[prost(message, optional, tag = "2")]
    #[serde(deserialize_with = "or_default")]
    pub threat_info: Option<ThreatInfo>,
}

/// Its reply.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindThreatMatchesResponse {
    /// What is listed.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub matches: Vec<ThreatMatch>,
}

/// `POST /v4/fullHashes:find`.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FindFullHashesRequest {
    /// What is asked about.
    #[prost(message, optional, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub threat_info: Option<ThreatInfo>,
}

/// Its reply.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindFullHashesResponse {
    /// What is listed.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub matches: Vec<ThreatMatch>,
    /// Earliest time of the next question.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub minimum_wait_duration: Option<Duration>,
    /// How long it holds that there is no more.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub negative_cache_duration: Option<Duration>,
}

/// A listed entry.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreatMatch {
    /// The threat.
    #[prost(int32, tag = "1")]
    #[serde(serialize_with = "write::<Threat, _>", skip_serializing_if = "is_default")]
    pub threat_type: i32,
    /// The platform.
    #[prost(int32, tag = "2")]
    #[serde(serialize_with = "write::<Platform, _>", skip_serializing_if = "is_default")]
    pub platform_type: i32,
    /// The kind of entry.
    #[prost(int32, tag = "6")]
    #[serde(serialize_with = "write::<EntryKind, _>", skip_serializing_if = "is_default")]
    pub threat_entry_type: i32,
    /// The entry.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub threat: Option<ThreatEntry>,
    /// More about it. Some clients cannot do without, so it is there, and empty.
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub threat_entry_metadata: Option<ThreatEntryMetadata>,
    /// How long it holds.
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub cache_duration: Option<Duration>,
}

/// More about an entry; nothing so far.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreatEntryMetadata {}

/// `POST /v4/threatListUpdates:fetch`.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FetchThreatListUpdatesRequest {
    /// The lists.
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "or_default")]
    pub list_update_requests: Vec<ListUpdateRequest>,
}

/// A list that is asked for.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListUpdateRequest {
    /// The threat.
    #[prost(int32, tag = "1")]
    #[serde(deserialize_with = "read::<Threat, _>")]
    pub threat_type: i32,
    /// The platform.
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "read::<Platform, _>")]
    pub platform_type: i32,
    /// The kind of entries.
    #[prost(int32, tag = "5")]
    #[serde(deserialize_with = "read::<EntryKind, _>")]
    pub threat_entry_type: i32,
    /// What the client has.
    #[prost(bytes = "vec", tag = "3")]
    #[serde(deserialize_with = "base64::deserialize")]
    pub state: Vec<u8>,
    /// What the client can do.
    #[prost(message, optional, tag = "4")]
    #[serde(deserialize_with = "or_default")]
    pub constraints: Option<Constraints>,
}

/// What a client can do; 0 is any number.
#[derive(Clone, PartialEq, Eq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Constraints {
    /// Entries of one update.
    #[prost(int32, tag = "1")]
    #[serde(deserialize_with = "number")]
    pub max_update_entries: i32,
    /// Entries of the whole list.
    #[prost(int32, tag = "2")]
    #[serde(deserialize_with = "number")]
    pub max_database_entries: i32,
    /// How lists may be coded.
    #[prost(int32, repeated, tag = "4")]
    #[serde(deserialize_with = "read_all::<Compression, _>")]
    pub supported_compressions: Vec<i32>,
}

/// Its reply.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchThreatListUpdatesResponse {
    /// Exactly the lists asked for, in their order.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub list_update_responses: Vec<ListUpdateResponse>,
    /// Earliest time of the next update.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub minimum_wait_duration: Option<Duration>,
}

/// A list, or what changed in it.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListUpdateResponse {
    /// The threat.
    #[prost(int32, tag = "1")]
    #[serde(serialize_with = "write::<Threat, _>", skip_serializing_if = "is_default")]
    pub threat_type: i32,
    /// The kind of entries.
    #[prost(int32, tag = "2")]
    #[serde(serialize_with = "write::<EntryKind, _>", skip_serializing_if = "is_default")]
    pub threat_entry_type: i32,
    /// The platform.
    #[prost(int32, tag = "3")]
    #[serde(serialize_with = "write::<Platform, _>", skip_serializing_if = "is_default")]
    pub platform_type: i32,
    /// Whether this changes what the client has, or takes its place.
    #[prost(int32, tag = "4")]
    #[serde(serialize_with = "write::<ResponseKind, _>", skip_serializing_if = "is_default")]
    pub response_type: i32,
    /// What is added.
    #[prost(message, repeated, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub additions: Vec<ThreatEntrySet>,
    /// What is removed, before anything is added.
    #[prost(message, repeated, tag = "6")]
    #[serde(skip_serializing_if = "is_default")]
    pub removals: Vec<ThreatEntrySet>,
    /// What the client sends the next time.
    #[prost(bytes = "vec", tag = "7")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub new_client_state: Vec<u8>,
    /// SHA-256 of the sorted list after the update.
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "is_default")]
    pub checksum: Option<Checksum>,
}

/// SHA-256 of a list.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checksum {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub sha256: Vec<u8>,
}

/// Hashes or indices.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreatEntrySet {
    /// How they are coded.
    #[prost(int32, tag = "1")]
    #[serde(serialize_with = "write::<Compression, _>", skip_serializing_if = "is_default")]
    pub compression_type: i32,
    /// Hashes as they are.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub raw_hashes: Option<RawHashes>,
    /// Indices as they are.
    #[prost(message, optional, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub raw_indices: Option<RawIndices>,
    /// Coded 4-byte prefixes.
    #[prost(message, optional, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub rice_hashes: Option<RiceDeltaEncoding>,
    /// Coded indices.
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub rice_indices: Option<RiceDeltaEncoding>,
}

/// Hashes, one behind the other.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RawHashes {
    /// Bytes of each.
    #[prost(int32, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub prefix_size: i32,
    /// All, sorted.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub raw_hashes: Vec<u8>,
}

/// Places in the client's sorted list.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RawIndices {
    /// All, sorted.
    #[prost(int32, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub indices: Vec<i32>,
}

/// Coded numbers.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RiceDeltaEncoding {
    /// The first.
    #[prost(int64, tag = "1")]
    #[serde(serialize_with = "as_text")]
    pub first_value: i64,
    /// From 2 to 28; 0 where there is only one.
    #[prost(int32, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub rice_parameter: i32,
    /// How many follow the first.
    #[prost(int32, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub num_entries: i32,
    /// Their differences.
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub encoded_data: Vec<u8>,
}

impl From<Rice<1>> for RiceDeltaEncoding {
    fn from(rice: Rice<1>) -> Self {
        let [first] = rice.first;
        let parameter = if rice.entries == 0 { 0 } else { rice.parameter };
        Self {
            first_value: i64::try_from(first).unwrap_or(i64::MAX),
            rice_parameter: parameter.into(),
            num_entries: i32::try_from(rice.entries).unwrap_or(i32::MAX),
            encoded_data: rice.data,
        }
    }
}

/// The reply of `GET /v4/threatLists`.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListThreatListsResponse {
    /// The lists that there are.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub threat_lists: Vec<ThreatListDescriptor>,
}

/// The name of a list.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreatListDescriptor {
    /// The threat.
    #[prost(int32, tag = "1")]
    #[serde(serialize_with = "write::<Threat, _>", skip_serializing_if = "is_default")]
    pub threat_type: i32,
    /// The platform.
    #[prost(int32, tag = "2")]
    #[serde(serialize_with = "write::<Platform, _>", skip_serializing_if = "is_default")]
    pub platform_type: i32,
    /// The kind of entries.
    #[prost(int32, tag = "3")]
    #[serde(serialize_with = "write::<EntryKind, _>", skip_serializing_if = "is_default")]
    pub threat_entry_type: i32,
}

/// A request as it came: what it is written in, and its bytes.
#[derive(Debug, Clone, Copy)]
pub enum Body<'b> {
    /// JSON.
    Json(&'b [u8]),
    /// Protocol Buffers.
    Protobuf(&'b [u8]),
}

fn of_json<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, RequestError> {
    serde_json::from_slice(bytes).map_err(|error| RequestError::Json(error.to_string()))
}

impl FetchThreatListUpdatesRequest {
    /// Reads a request.
    pub fn read(body: Body<'_>, limits: &Limits) -> Result<Self, RequestError> {
        let request = match body {
            Body::Json(bytes) => of_json(bytes)?,
            Body::Protobuf(bytes) => Self::decode(bytes)?,
        };
        at_most(request.list_update_requests.len(), "listUpdateRequests", limits.lists_max)?;
        let states = request.list_update_requests.iter().map(|one| one.state.len());
        at_most(states.max().unwrap_or(0), "bytes of a state", limits.state_bytes_max)?;
        if request.list_update_requests.is_empty() {
            return Err(RequestError::Missing("listUpdateRequests"));
        }
        Ok(request)
    }
}

impl FindFullHashesRequest {
    /// Reads a request.
    pub fn read(body: Body<'_>, limits: &Limits) -> Result<ThreatInfo, RequestError> {
        let Self { threat_info } = match body {
            Body::Json(bytes) => of_json(bytes)?,
            Body::Protobuf(bytes) => Self::decode(bytes)?,
        };
        let info = threat_info.ok_or(RequestError::Missing("threatInfo"))?;
        check_entries(&info, |entry| !entry.hash.is_empty())?;
        let prefixes = info.threat_entries.iter().map(|one| one.hash.as_slice());
        check_prefixes(prefixes, limits.prefixes_max)?;
        check_types(&info)?;
        Ok(info)
    }
}

impl FindThreatMatchesRequest {
    /// Reads a request.
    pub fn read(body: Body<'_>, limits: &Limits) -> Result<ThreatInfo, RequestError> {
        let Self { threat_info } = match body {
            Body::Json(bytes) => of_json(bytes)?,
            Body::Protobuf(bytes) => Self::decode(bytes)?,
        };
        let info = threat_info.ok_or(RequestError::Missing("threatInfo"))?;
        at_most(info.threat_entries.len(), "threatEntries", limits.urls_max)?;
        check_entries(&info, |entry| !entry.url.is_empty())?;
        check_types(&info)?;
        Ok(info)
    }
}

/// Something is asked for: an answer to nothing would read as "safe".
fn check_entries(info: &ThreatInfo, asks: fn(&ThreatEntry) -> bool) -> Result<(), RequestError> {
    let is_asked = info.threat_entries.iter().any(asks);
    if is_asked { Ok(()) } else { Err(RequestError::Missing("threatEntries")) }
}

/// What is asked of each entry is the product of all types, which must stay small, and not empty: an
/// answer to nothing would read as "safe".
fn check_types(info: &ThreatInfo) -> Result<(), RequestError> {
    const TYPES_MAX: usize = 32;
    if info.threat_types.iter().all(|one| *one == ThreatType::Unspecified as i32) {
        return Err(RequestError::Missing("threatTypes"));
    }
    if info.platform_types.is_empty() {
        return Err(RequestError::Missing("platformTypes"));
    }
    at_most(info.threat_types.len(), "threatTypes", TYPES_MAX)?;
    at_most(info.platform_types.len(), "platformTypes", TYPES_MAX)?;
    at_most(info.threat_entry_types.len(), "threatEntryTypes", TYPES_MAX)
}
