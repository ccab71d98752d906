//! What is asked: hashes, one or many.

use serde::Deserialize;
use wardnet_model::{Indicator, Kind};
use wardnet_server::Problem;

/// An algorithm, as it stands in paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match text {
            "md5" => Ok(Self::Md5),
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            _ => Err(Problem::not_found("there are md5, sha1 and sha256")),
        }
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Md5 => Kind::Md5,
            Self::Sha1 => Kind::Sha1,
            Self::Sha256 => Kind::Sha256,
        }
    }

    /// Its name in messages, and that of the member that has the hash.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        }
    }

    /// What its hashes have to look like, in the words of hashlookup.
    const fn complaint(self) -> &'static str {
        match self {
            Self::Md5 => "MD5 value incorrect, expecting a MD5 value in hex format",
            Self::Sha1 => "SHA1 value incorrect, expecting a SHA1 value in hex format",
            Self::Sha256 => "SHA-256 value incorrect, expecting a SHA-256 value in hex format",
        }
    }
}

/// A hash, in either case.
pub(super) fn hash(algorithm: Algorithm, text: &str) -> Result<Indicator, Problem> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Indicator::parse_as(algorithm.kind(), text)
        .ok()
        .filter(|_| is_hex)
        .ok_or_else(|| Problem::bad_request(algorithm.complaint()))
}

/// The file whose relatives are asked for: theirs are known by SHA-1, ours also by the other hashes.
pub(super) fn file(text: &str) -> Result<Indicator, Problem> {
    let algorithm = match text.len() {
        32 => Algorithm::Md5,
        64 => Algorithm::Sha256,
        _ => Algorithm::Sha1,
    };
    hash(algorithm, text)
}

/// Many hashes.
#[derive(Debug, Deserialize)]
pub(super) struct Bulk {
    pub(super) hashes: Vec<String>,
}

impl Bulk {
    /// Reads `{"hashes": […]}`, whatever type the body is said to be of.
    pub(super) fn read(body: &[u8], max: usize) -> Result<Self, Problem> {
        let asked: Self = serde_json::from_slice(body).map_err(|_| {
            // 404 is what hashlookup answers.
            Problem::not_found(
                "JSON format incorrect. An array of hashes in the key 'hashes' is expected.",
            )
        })?;
        if asked.hashes.len() > max {
            let detail = format!("at most {max} hashes at once; send them in parts");
            return Err(Problem::new(
                axum::http::StatusCode::PAYLOAD_TOO_LARGE,
                "batch-too-large",
                "Batch too large",
                detail,
            ));
        }
        Ok(asked)
    }
}
