//! From a response to a finished file: counted, hashed, capped.

use crate::fetch::error::from_client;
use crate::fetch::{Digest, FeedFolder, FetchError, Limits};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read, Write};
use tempfile::TempPath;
use ureq::Body;

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// A finished download.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) path: TempPath,
    pub(crate) sha256: Digest,
    pub(crate) bytes: u64,
}

/// Writes the body of a response into the feed's folder, and forces it to disk.
pub(crate) fn download(
    mut body: Body,
    bytes_max: u64,
    folder: &FeedFolder,
    limits: &Limits,
) -> Result<Download, FetchError> {
    if body.content_length().is_some_and(|announced| announced > bytes_max) {
        return Err(FetchError::TooLarge(bytes_max));
    }
    let mut file = folder.temporary_file()?;
    let mut hasher = Sha256::new();
    let mut bytes = 0u64;
    let mut reader = body.as_reader();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(from_client(ureq::Error::from(error), limits)),
        };
        bytes += count as u64;
        if bytes > bytes_max {
            return Err(FetchError::TooLarge(bytes_max));
        }
        let received = chunk.get(..count).unwrap_or_default();
        hasher.update(received);
        file.write_all(received)?;
    }
    file.as_file().sync_all()?;
    let sha256 = Digest(hasher.finalize().into());
    Ok(Download { path: file.into_temp_path(), sha256, bytes })
}
