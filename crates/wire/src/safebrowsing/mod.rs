//! Safe Browsing, versions 4 and 5: messages, and the coding of sorted hashes in them.
//!
//! | to do | use |
//! |---|---|
//! | code sorted hashes or indices | [`rice::encode`] |
//! | read a request of version 5, as a query or as Protocol Buffers | [`v5`] |
//! | read a request of version 4, as JSON or as Protocol Buffers | [`v4`] |
//! | write a reply | [`v4`], [`v5`]: `encode_to_vec` of [`prost::Message`], or as JSON by [`serde::Serialize`] |
//!
//! The messages are those of <https://developers.google.com/safe-browsing/reference>. Their JSON is
//! the canonical one of Protocol Buffers: bytes in base64, enumerations by name, 64-bit numbers and
//! durations as text.

mod fuzz;
mod json;
pub mod rice;
pub mod v4;
pub mod v5;

pub use fuzz::fuzz_safe_browsing_request;

/// What a request may hold. Every field has a documented default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lists in one request. Default 64; Google has fewer than 30.
    pub lists_max: usize,
    /// Hash prefixes in one search. Default 1,000, as version 5 allows.
    pub prefixes_max: usize,
    /// URLs in one search. Default 500, as version 4 allows; version 5 allows 50.
    pub urls_max: usize,
    /// Bytes of the state or version that a client sends back. Default 128; ours have 32.
    pub state_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lists_max: 64, prefixes_max: 1_000, urls_max: 500, state_bytes_max: 128 }
    }
}

/// Why a request cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The bytes are no message of the kind.
    #[error("the request is no Protocol Buffers message of this method: {0}")]
    Protobuf(String),
    /// The text is no JSON of the kind.
    #[error("the request is no JSON of this method: {0}")]
    Json(String),
    /// A value that should be base64 is not.
    #[error("`{0}` holds something that is not base64")]
    Base64(&'static str),
    /// A number that is none.
    #[error("`{0}` holds something that is no number from 0 to 2147483647")]
    Number(&'static str),
    /// Something that a request must name is missing.
    #[error("the request names no `{0}`")]
    Missing(&'static str),
    /// More than is answered at once.
    #[error("the request has more than {max} `{what}`; send several requests")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are answered.
        max: usize,
    },
    /// A hash prefix of a length that is not answered.
    #[error("a hash prefix has {0} bytes; 4 to 32 are answered")]
    PrefixLength(usize),
    /// Twice the same.
    #[error("the list `{0}` is asked for twice; ask once")]
    Twice(String),
}

impl From<prost::DecodeError> for RequestError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Protobuf(error.to_string())
    }
}

/// Refuses more than `max` of something.
pub(crate) const fn at_most(
    count: usize,
    what: &'static str,
    max: usize,
) -> Result<(), RequestError> {
    if count > max { Err(RequestError::TooMany { what, max }) } else { Ok(()) }
}

/// Refuses prefixes that are shorter than any list's, or longer than a hash.
pub(crate) fn check_prefixes<'p>(
    mut prefixes: impl ExactSizeIterator<Item = &'p [u8]>,
    max: usize,
) -> Result<(), RequestError> {
    at_most(prefixes.len(), "hashPrefixes", max)?;
    let wrong = prefixes.find(|prefix| !(4..=32).contains(&prefix.len()));
    wrong.map_or(Ok(()), |prefix| Err(RequestError::PrefixLength(prefix.len())))
}
