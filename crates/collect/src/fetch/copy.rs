//! What a fetch brings: a fresh copy, or the word that nothing has changed.

use crate::fetch::Digest;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// What a fetch came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fetched {
    /// The feed still is what it was.
    Unchanged(Unchanged),
    /// The feed has changed: read and judge this copy.
    Fresh(Fresh),
}

/// The feed is, byte for byte, a copy that is already here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unchanged {
    /// Which copy it still is. While it is the held one, the evidence of the applied copy is not
    /// renewed: its publisher no longer shows it.
    pub which: WhichCopy,
    /// New validators, where the server sent the bytes once more.
    pub validators: Option<Validators>,
    /// Seconds for which the server says that the copy stays fresh.
    pub server_wait_secs: Option<u64>,
}

/// The two copies of a feed that may be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichCopy {
    /// The last good one, which is in force.
    Applied,
    /// One that is held back.
    Held,
}

/// A copy that is not here yet. Dropping it deletes what was downloaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fresh {
    pub(crate) place: Place,
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
    /// How many bytes it has, as transferred.
    pub bytes: u64,
    /// With what to ask for news the next time.
    pub validators: Validators,
    /// The media type the server gives it. Only a hint: lists are served under any type.
    pub content_type: Option<Box<str>>,
    /// Seconds for which the server says that the copy stays fresh.
    pub server_wait_secs: Option<u64>,
}

/// Where a fresh copy lies.
#[derive(Debug)]
pub(crate) enum Place {
    /// In the feed's folder, under a temporary name.
    Downloaded(TempPath),
    /// Where its owner keeps it.
    InPlace(PathBuf),
}

impl Fresh {
    /// The file to read it from.
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Downloaded(path) => path,
            Place::InPlace(path) => path,
        }
    }
}

/// With what to ask whether a copy has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag` of the response (RFC 9110 section 8.8.3), as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` of the response, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Size and age of a local file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileStamp>,
}

/// What changes when a local file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written: seconds of Unix time.
    pub modified_secs: u64,
    /// And nanoseconds.
    pub modified_nanos: u32,
}
