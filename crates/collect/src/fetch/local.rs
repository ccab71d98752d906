//! Feeds that are files of this machine: read where they lie, never copied.

use crate::fetch::copy::{FileStamp, Place};
use crate::fetch::{Digest, FeedFolder, FetchError, Fetched, Fresh, Unchanged, Validators};
use sha2::{Digest as _, Sha256};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Looks whether the file at `path` has changed.
pub(crate) fn fetch(
    path: &Path,
    bytes_max: u64,
    folder: &FeedFolder,
) -> Result<Fetched, FetchError> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        // A pipe or device would never end, and a folder has no bytes.
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an ordinary file").into());
    }
    let stamp = FileStamp::of(&metadata);
    let validators = Validators { file: stamp, ..Validators::default() };
    let unchanged = |which, validators| {
        Ok(Fetched::Unchanged(Unchanged { which, validators, server_wait_secs: None }))
    };
    if stamp.is_some()
        && stamp == folder.state().validators.file
        && let Some(which) = folder.newest_copy()
    {
        return unchanged(which, None);
    }
    let (sha256, bytes) = digest(path, bytes_max)?;
    if let Some(which) = folder.copy_with(sha256) {
        return unchanged(which, Some(validators));
    }
    Ok(Fetched::Fresh(Fresh {
        place: Place::InPlace(path.into()),
        sha256,
        bytes,
        validators,
        content_type: None,
        server_wait_secs: None,
    }))
}

/// The SHA-256 and size of a file that has at most `bytes_max` bytes.
pub(crate) fn digest(path: &Path, bytes_max: u64) -> Result<(Digest, u64), FetchError> {
    let mut file = File::open(path)?.take(bytes_max.saturating_add(1));
    let mut hasher = Sha256::new();
    let bytes = io::copy(&mut file, &mut hasher)?;
    if bytes > bytes_max {
        return Err(FetchError::TooLarge(bytes_max));
    }
    Ok((Digest(hasher.finalize().into()), bytes))
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Option<Self> {
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            bytes: metadata.len(),
            modified_secs: modified.as_secs(),
            modified_nanos: modified.subsec_nanos(),
        })
    }
}
