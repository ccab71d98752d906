//! Messages of version 5.
//!
//! Clients write a request in one of two ways: as parameters (`names=se-4b&version=…`), as Firefox
//! and Google's documentation do, or as one message in base64 (`$req=…`), as Chromium does.

mod query;

use super::json::{
    Attribute, Length, SafeType, Threat, as_text, base64, is_default, write, write_all,
};
use super::rice::Rice;
use serde::{Serialize, Serializer};

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Duration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Parts of a second.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Duration {
    /// That many seconds.
    pub const fn of_seconds(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }
}

/// In JSON it is text: `300s`. Ours have no parts of seconds.
impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}s", self.seconds))
    }
}

/// What is wrong with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ThreatType {
    /// None.
    Unspecified = 0,
    /// Malware.
    Malware = 1,
    /// Phishing and other deception.
    SocialEngineering = 2,
    /// Software that misleads its user.
    UnwantedSoftware = 3,
    /// Apps that harm.
    PotentiallyHarmfulApplication = 4,
}

/// `GET /v5/hashes:search`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SearchHashesRequest {
    /// The first bytes of hashes.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub hash_prefixes: Vec<Vec<u8>>,
}

/// Its reply.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchHashesResponse {
    /// Every listed hash that begins with one of the prefixes.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub full_hashes: Vec<FullHash>,
    /// How long all of it holds, also that there is no more.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub cache_duration: Option<Duration>,
}

/// A listed hash.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FullHash {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub full_hash: Vec<u8>,
    /// For what it is listed.
    #[prost(message, repeated, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub full_hash_details: Vec<FullHashDetail>,
}

/// For what a hash is listed.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FullHashDetail {
    /// The threat.
    #[prost(enumeration = "ThreatType", tag = "1")]
    #[serde(serialize_with = "write::<Threat, _>", skip_serializing_if = "is_default")]
    pub threat_type: i32,
    /// How the threat is to be understood: 1 is `CANARY`, not to be enforced; 2 is `FRAME_ONLY`.
    #[prost(int32, repeated, tag = "2")]
    #[serde(serialize_with = "write_all::<Attribute, _>", skip_serializing_if = "is_default")]
    pub attributes: Vec<i32>,
}

/// `GET /v5/hashList/{name}`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct GetHashListRequest {
    /// The list.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What the client has.
    #[prost(bytes = "vec", tag = "2")]
    pub version: Vec<u8>,
    /// What the client has room for.
    #[prost(message, optional, tag = "4")]
    pub size_constraints: Option<SizeConstraints>,
}

/// `GET /v5/hashLists:batchGet`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct BatchGetHashListsRequest {
    /// The lists.
    #[prost(string, repeated, tag = "1")]
    pub names: Vec<String>,
    /// What the client has of them, in any order.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub version: Vec<Vec<u8>>,
    /// What the client has room for, of each list.
    #[prost(message, optional, tag = "4")]
    pub size_constraints: Option<SizeConstraints>,
}

/// What a client has room for; 0 is any number.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct SizeConstraints {
    /// Entries of one update.
    #[prost(int32, tag = "1")]
    pub max_update_entries: i32,
    /// Entries of the whole list.
    #[prost(int32, tag = "2")]
    pub max_database_entries: i32,
}

/// Its reply.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchGetHashListsResponse {
    /// The lists, in the order asked for.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub hash_lists: Vec<HashList>,
}

/// The reply of `GET /v5/hashLists`.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListHashListsResponse {
    /// The lists that there are, without their content.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub hash_lists: Vec<HashList>,
    /// Where the next page begins; empty on the last.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub next_page_token: String,
}

/// A list, or what changed in it.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashList {
    /// Its name.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    /// What the client sends the next time.
    #[prost(bytes = "vec", tag = "2")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub version: Vec<u8>,
    /// Whether this changes what the client has, instead of taking its place.
    #[prost(bool, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub partial_update: bool,
    /// Places, in the client's sorted list, of what is removed; before anything is added.
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub compressed_removals: Option<Rice32>,
    /// Earliest time of the next update; none where more waits to be fetched.
    #[prost(message, optional, tag = "6")]
    #[serde(skip_serializing_if = "is_default")]
    pub minimum_wait_duration: Option<Duration>,
    /// SHA-256 of the sorted list after the update.
    #[prost(bytes = "vec", tag = "7")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub sha256_checksum: Vec<u8>,
    /// What the list is; only where lists are listed.
    #[prost(message, optional, tag = "8")]
    #[serde(skip_serializing_if = "is_default")]
    pub metadata: Option<HashListMetadata>,
    /// What is added.
    #[prost(oneof = "Additions", tags = "4, 9, 11")]
    #[serde(flatten)]
    pub additions: Option<Additions>,
}

/// What is added to a list.
#[derive(Clone, PartialEq, Eq, prost::Oneof, Serialize)]
pub enum Additions {
    /// Of a list of 4-byte prefixes.
    #[prost(message, tag = "4")]
    #[serde(rename = "additionsFourBytes")]
    FourBytes(Rice32),
    /// Of a list of 8-byte prefixes.
    #[prost(message, tag = "9")]
    #[serde(rename = "additionsEightBytes")]
    EightBytes(Rice64),
    /// Of a list of whole hashes.
    #[prost(message, tag = "11")]
    #[serde(rename = "additionsThirtyTwoBytes")]
    ThirtyTwoBytes(Rice256),
}

/// Coded 32-bit numbers.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rice32 {
    /// The first number.
    #[prost(uint32, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub first_value: u32,
    /// From 3 to 30.
    #[prost(int32, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub rice_parameter: i32,
    /// How many follow the first.
    #[prost(int32, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub entries_count: i32,
    /// Their differences.
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub encoded_data: Vec<u8>,
}

/// Coded 64-bit numbers.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rice64 {
    /// The first number.
    #[prost(uint64, tag = "1")]
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub first_value: u64,
    /// From 35 to 62.
    #[prost(int32, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub rice_parameter: i32,
    /// How many follow the first.
    #[prost(int32, tag = "3")]
    #[serde(skip_serializing_if = "is_default")]
    pub entries_count: i32,
    /// Their differences.
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub encoded_data: Vec<u8>,
}

/// Coded 256-bit numbers.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rice256 {
    /// The highest 64 bits of the first number.
    #[prost(uint64, tag = "1")]
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub first_value_first_part: u64,
    /// The next ones.
    #[prost(fixed64, tag = "2")]
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub first_value_second_part: u64,
    /// The next ones.
    #[prost(fixed64, tag = "3")]
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub first_value_third_part: u64,
    /// The lowest ones.
    #[prost(fixed64, tag = "4")]
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub first_value_fourth_part: u64,
    /// From 227 to 254.
    #[prost(int32, tag = "5")]
    #[serde(skip_serializing_if = "is_default")]
    pub rice_parameter: i32,
    /// How many follow the first.
    #[prost(int32, tag = "6")]
    #[serde(skip_serializing_if = "is_default")]
    pub entries_count: i32,
    /// Their differences.
    #[prost(bytes = "vec", tag = "7")]
    #[serde(serialize_with = "base64::serialize", skip_serializing_if = "is_default")]
    pub encoded_data: Vec<u8>,
}

/// How long the hashes of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum HashLength {
    /// Unknown.
    Unspecified = 0,
    /// 4 bytes.
    FourBytes = 2,
    /// 8 bytes.
    EightBytes = 3,
    /// 32 bytes.
    ThirtyTwoBytes = 5,
}

/// In what way something is likely safe: 1 is `GENERAL_BROWSING`.
pub const GENERAL_BROWSING: i32 = 1;

/// What a list is.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HashListMetadata {
    /// Threats that its entries pose.
    #[prost(enumeration = "ThreatType", repeated, tag = "1")]
    #[serde(serialize_with = "write_all::<Threat, _>", skip_serializing_if = "is_default")]
    pub threat_types: Vec<i32>,
    /// Ways in which its entries are likely safe.
    #[prost(int32, repeated, tag = "2")]
    #[serde(serialize_with = "write_all::<SafeType, _>", skip_serializing_if = "is_default")]
    pub likely_safe_types: Vec<i32>,
    /// A sentence.
    #[prost(string, tag = "4")]
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
    /// How long its hashes are.
    #[prost(enumeration = "HashLength", tag = "6")]
    #[serde(serialize_with = "write::<Length, _>", skip_serializing_if = "is_default")]
    pub hash_length: i32,
}

/// The reply of `GET /v5/urls:search`.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchUrlsResponse {
    /// The dangerous ones among the URLs asked about.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub threats: Vec<ThreatUrl>,
    /// How long all of it holds.
    #[prost(message, optional, tag = "2")]
    #[serde(skip_serializing_if = "is_default")]
    pub cache_duration: Option<Duration>,
}

/// A dangerous URL.
#[derive(Clone, PartialEq, Eq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreatUrl {
    /// As it was asked about.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "is_default")]
    pub url: String,
    /// What is wrong with it.
    #[prost(enumeration = "ThreatType", repeated, tag = "2")]
    #[serde(serialize_with = "write_all::<Threat, _>", skip_serializing_if = "is_default")]
    pub threat_types: Vec<i32>,
}

/// `GET /v5/urls:search`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SearchUrlsRequest {
    /// The URLs.
    #[prost(string, repeated, tag = "1")]
    pub urls: Vec<String>,
}

/// Numbers that stand in a message as 32-bit integers: lists are far shorter than that.
fn count(entries: u32) -> i32 {
    i32::try_from(entries).unwrap_or(i32::MAX)
}

impl From<Rice<1>> for Rice32 {
    fn from(rice: Rice<1>) -> Self {
        let [first] = rice.first;
        Self {
            first_value: u32::try_from(first).unwrap_or(u32::MAX),
            rice_parameter: rice.parameter.into(),
            entries_count: count(rice.entries),
            encoded_data: rice.data,
        }
    }
}

impl From<Rice<1>> for Rice64 {
    fn from(rice: Rice<1>) -> Self {
        let [first_value] = rice.first;
        Self {
            first_value,
            rice_parameter: rice.parameter.into(),
            entries_count: count(rice.entries),
            encoded_data: rice.data,
        }
    }
}

impl From<Rice<4>> for Rice256 {
    fn from(rice: Rice<4>) -> Self {
        let [first, second, third, fourth] = rice.first;
        Self {
            first_value_first_part: first,
            first_value_second_part: second,
            first_value_third_part: third,
            first_value_fourth_part: fourth,
            rice_parameter: rice.parameter.into(),
            entries_count: count(rice.entries),
            encoded_data: rice.data,
        }
    }
}
