//! MISP feeds: a manifest names the events, each of which lies in a file beside it.
//!
//! The copy that is kept of such a feed is all its events, one a line. Events whose time in the
//! manifest has not changed are taken from the copy before, so that a feed of thousands costs its
//! publisher a few requests.

use crate::feeds::open_plain;
use crate::fetch::copy::Place;
use crate::fetch::{Digest, FeedFolder, FetchError, Fresh};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// The largest manifest, in bytes of text.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// What a manifest says of an event.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    timestamp: serde_json::Value,
}

/// An event, as far as it is told from others.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(rename = "Event")]
    event: Identity,
}

#[derive(Debug, Deserialize)]
struct Identity {
    uuid: String,
    #[serde(default)]
    timestamp: serde_json::Value,
}

/// The events that a manifest names, with their times; `None` when it is no manifest.
fn events(copy: &Path) -> Result<Option<BTreeMap<String, String>>, FetchError> {
    let mut head = [0u8; 1];
    let limits = crate::feeds::Limits::default();
    let plain = |path: &Path| -> Result<_, FetchError> {
        open_plain(File::open(path)?, &limits).map_err(|error| damaged(&error))
    };
    let read = plain(copy)?.read(&mut head)?;
    if read == 0 {
        return Ok(None);
    }
    let text = plain(copy)?.take(MANIFEST_BYTES_MAX);
    // One value that is no entry makes it something else: an event by itself.
    let Ok(entries) = serde_json::from_reader::<_, BTreeMap<String, Entry>>(text) else {
        return Ok(None);
    };
    let is_uuid = |name: &String| {
        name.len() == 36 && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
    };
    if entries.is_empty() || !entries.keys().all(is_uuid) {
        return Ok(None);
    }
    let time = |entry: Entry| text_of(&entry.timestamp);
    Ok(Some(entries.into_iter().map(|(uuid, entry)| (uuid, time(entry))).collect()))
}

fn damaged(error: &crate::feeds::FeedError) -> FetchError {
    FetchError::Io(std::io::Error::other(error.to_string()))
}

/// A time, which some write as a number and some as text.
fn text_of(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Brings the events of a manifest together, one a line. Anything else is passed on as it came.
///
/// `fetch` brings the file of that name from beside the manifest.
pub(crate) fn gather(
    fresh: Fresh,
    folder: &FeedFolder,
    (bytes_max, events_max): (u64, usize),
    fetch: &dyn Fn(&str) -> Result<NamedOrPath, FetchError>,
) -> Result<Fresh, FetchError> {
    let Some(mut wanted) = events(fresh.path())? else { return Ok(fresh) };
    if wanted.len() > events_max {
        return Err(FetchError::TooManyEvents { events: wanted.len(), events_max });
    }
    let mut all =
        Gathered { file: folder.temporary_file()?, hash: Sha256::new(), bytes: 0, bytes_max };
    if let Some(current) = folder.current() {
        take_known(&current, &mut wanted, &mut all)?;
    }
    let mut missing = None;
    for uuid in wanted.keys() {
        match fetch(&format!("{uuid}.json")).and_then(|path| all.add_file(path.path())) {
            Ok(()) => {}
            // A manifest may be older, or newer, than the files beside it: the rest counts.
            Err(error) if is_missing(&error) => {
                tracing::warn!(event = uuid, %error, "the manifest names an event that is not there");
                missing = Some(error);
            }
            Err(error) => {
                tracing::warn!(event = uuid, "an event of the manifest could not be fetched");
                return Err(error);
            }
        }
    }
    if let Some(error) = missing.filter(|_| all.bytes == 0) {
        return Err(error);
    }
    all.file.as_file().sync_all()?;
    Ok(Fresh {
        place: Place::Downloaded(all.file.into_temp_path()),
        sha256: Digest(all.hash.finalize().into()),
        bytes: all.bytes,
        ..fresh
    })
}

fn is_missing(error: &FetchError) -> bool {
    match error {
        FetchError::Status { status, .. } => matches!(status, 404 | 410),
        FetchError::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// A file that was downloaded for this, or one that lies where it is.
pub(crate) enum NamedOrPath {
    Named(tempfile::TempPath),
    Path(std::path::PathBuf),
}

impl NamedOrPath {
    fn path(&self) -> &Path {
        match self {
            Self::Named(path) => path,
            Self::Path(path) => path,
        }
    }
}

/// Takes the events that have not changed from the copy before.
fn take_known(
    current: &Path,
    wanted: &mut BTreeMap<String, String>,
    all: &mut Gathered,
) -> Result<(), FetchError> {
    let mut lines = BufReader::new(File::open(current)?).take(all.bytes_max);
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Ok(Line { event }) = serde_json::from_slice::<Line>(&line) else { continue };
        if wanted.get(&event.uuid) == Some(&text_of(&event.timestamp)) {
            wanted.remove(&event.uuid);
            all.write(&line)?;
        }
    }
}

struct Gathered {
    file: NamedTempFile,
    hash: Sha256,
    bytes: u64,
    bytes_max: u64,
}

impl Gathered {
    fn write(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.bytes_max {
            return Err(FetchError::TooLarge(self.bytes_max));
        }
        self.hash.update(bytes);
        self.file.write_all(bytes)?;
        Ok(())
    }

    /// Adds a document as one line: outside of texts a line end is a blank, and within there is none
    /// (RFC 8259 section 7).
    fn add_file(&mut self, path: &Path) -> Result<(), FetchError> {
        let limits = crate::feeds::Limits::default();
        let mut plain = open_plain(File::open(path)?, &limits).map_err(|error| damaged(&error))?;
        loop {
            let buffer = plain.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let mut bytes = buffer.to_vec();
            let length = bytes.len();
            for byte in &mut bytes {
                if matches!(byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
            plain.consume(length);
            self.write(&bytes)?;
        }
        self.write(b"\n")
    }
}
