//! Replies of version 5 as JSON.

use super::{
    Additions, BatchGetHashListsResponse, Duration, FullHash, HashList, HashListMetadata,
    ListHashListsResponse, Rice32, Rice64, Rice256, SearchHashesResponse, SearchUrlsResponse,
};
use crate::safebrowsing::json::{Names, bytes, duration, list, named, object};
use serde_json::Value;

const THREATS: Names = &[
    (0, "THREAT_TYPE_UNSPECIFIED"),
    (1, "MALWARE"),
    (2, "SOCIAL_ENGINEERING"),
    (3, "UNWANTED_SOFTWARE"),
    (4, "POTENTIALLY_HARMFUL_APPLICATION"),
];
const ATTRIBUTES: Names = &[(1, "CANARY"), (2, "FRAME_ONLY")];
const SAFE: Names = &[(1, "GENERAL_BROWSING"), (2, "CSD"), (3, "DOWNLOAD")];
const LENGTHS: Names = &[(2, "FOUR_BYTES"), (3, "EIGHT_BYTES"), (5, "THIRTY_TWO_BYTES")];

fn threats(all: &[i32]) -> Value {
    list(all, |threat| named(THREATS, *threat))
}

fn time(span: Option<Duration>) -> Value {
    span.map_or(Value::Null, |span| duration(span.seconds))
}

fn number(number: u64) -> Value {
    if number == 0 { Value::Null } else { number.to_string().into() }
}

impl SearchHashesResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let hashes = list(&self.full_hashes, FullHash::to_json);
        object([("fullHashes", hashes), ("cacheDuration", time(self.cache_duration))])
    }
}

impl FullHash {
    fn to_json(&self) -> Value {
        let details = list(&self.full_hash_details, |detail| {
            let attributes = list(&detail.attributes, |one| named(ATTRIBUTES, *one));
            object([("threatType", named(THREATS, detail.threat_type)), ("attributes", attributes)])
        });
        object([("fullHash", bytes(&self.full_hash)), ("fullHashDetails", details)])
    }
}

impl BatchGetHashListsResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        object([("hashLists", list(&self.hash_lists, HashList::to_json))])
    }
}

impl ListHashListsResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let next = Value::from(self.next_page_token.as_str());
        object([("hashLists", list(&self.hash_lists, HashList::to_json)), ("nextPageToken", next)])
    }
}

impl HashList {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let (mut four, mut eight, mut whole) = (Value::Null, Value::Null, Value::Null);
        match &self.additions {
            Some(Additions::FourBytes(rice)) => four = rice.to_json(),
            Some(Additions::EightBytes(rice)) => eight = rice.to_json(),
            Some(Additions::ThirtyTwoBytes(rice)) => whole = rice.to_json(),
            None => {}
        }
        let removals = self.compressed_removals.as_ref();
        let metadata = self.metadata.as_ref();
        object([
            ("name", self.name.as_str().into()),
            ("version", bytes(&self.version)),
            ("partialUpdate", self.partial_update.into()),
            ("additionsFourBytes", four),
            ("additionsEightBytes", eight),
            ("additionsThirtyTwoBytes", whole),
            ("compressedRemovals", removals.map_or(Value::Null, Rice32::to_json)),
            ("minimumWaitDuration", time(self.minimum_wait_duration)),
            ("sha256Checksum", bytes(&self.sha256_checksum)),
            ("metadata", metadata.map_or(Value::Null, HashListMetadata::to_json)),
        ])
    }
}

impl HashListMetadata {
    fn to_json(&self) -> Value {
        object([
            ("threatTypes", threats(&self.threat_types)),
            ("likelySafeTypes", list(&self.likely_safe_types, |one| named(SAFE, *one))),
            ("description", self.description.as_str().into()),
            ("hashLength", named(LENGTHS, self.hash_length)),
        ])
    }
}

impl Rice32 {
    fn to_json(&self) -> Value {
        object([
            ("firstValue", self.first_value.into()),
            ("riceParameter", self.rice_parameter.into()),
            ("entriesCount", self.entries_count.into()),
            ("encodedData", bytes(&self.encoded_data)),
        ])
    }
}

impl Rice64 {
    fn to_json(&self) -> Value {
        object([
            ("firstValue", number(self.first_value)),
            ("riceParameter", self.rice_parameter.into()),
            ("entriesCount", self.entries_count.into()),
            ("encodedData", bytes(&self.encoded_data)),
        ])
    }
}

impl Rice256 {
    fn to_json(&self) -> Value {
        object([
            ("firstValueFirstPart", number(self.first_value_first_part)),
            ("firstValueSecondPart", number(self.first_value_second_part)),
            ("firstValueThirdPart", number(self.first_value_third_part)),
            ("firstValueFourthPart", number(self.first_value_fourth_part)),
            ("riceParameter", self.rice_parameter.into()),
            ("entriesCount", self.entries_count.into()),
            ("encodedData", bytes(&self.encoded_data)),
        ])
    }
}

impl SearchUrlsResponse {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        let urls = list(&self.threats, |one| {
            object([("url", one.url.as_str().into()), ("threatTypes", threats(&one.threat_types))])
        });
        object([("threats", urls), ("cacheDuration", time(self.cache_duration))])
    }
}
