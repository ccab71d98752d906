//! What is remembered of a feed between two fetches, and how it gets onto the disk.

use crate::fetch::{Counts, Digest, FolderError, Validators};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use wardnet_model::Timestamp;

/// The file in a feed's folder that holds its state.
const STATE_FILE: &str = "state.json";

/// The largest state file that is read; a real one has about a kilobyte.
const STATE_BYTES_MAX: u64 = 1 << 20;

/// What is remembered of a feed between two fetches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FeedState {
    /// SHA-256 of where the feed lay: validators of one place are not shown to another.
    pub location: Option<Digest>,
    /// The validators of the newest copy, applied or held.
    pub validators: Validators,
    /// The last good copy.
    pub applied: Option<Applied>,
    /// A copy that is held back.
    pub held: Option<Held>,
    /// When the feed was last asked for.
    #[serde(with = "seconds")]
    pub checked_at: Option<Timestamp>,
    /// When it last answered, with a copy or with the word that nothing has changed.
    #[serde(with = "seconds")]
    pub answered_at: Option<Timestamp>,
    /// Failed attempts in a row.
    pub failures: u32,
    /// What went wrong at the last attempt, if it failed.
    pub last_error: Option<String>,
    /// When it is due again; at once when `None`.
    #[serde(with = "seconds")]
    pub next_due: Option<Timestamp>,
}

/// The copy that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Applied {
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
    /// How many bytes it has, as transferred.
    pub bytes: u64,
    /// What it holds.
    pub counts: Counts,
    /// When it was applied.
    #[serde(with = "second")]
    pub at: Timestamp,
    /// Where it lies, unless in the feed's folder.
    pub in_place: Option<PathBuf>,
}

/// A copy that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Held {
    /// The SHA-256 of its bytes.
    pub sha256: Digest,
    /// How many bytes it has, as transferred.
    pub bytes: u64,
    /// Why.
    pub reason: String,
    /// Since when.
    #[serde(with = "second")]
    pub since: Timestamp,
    /// Where it lies, unless in the feed's folder.
    pub in_place: Option<PathBuf>,
}

impl FeedState {
    /// Whether the feed is due at `now`.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next_due.is_none_or(|due| due <= now)
    }

    /// The state in `folder`; `None` when the feed was never fetched.
    pub(crate) fn load(folder: &Path) -> Result<Option<Self>, FolderError> {
        let path = folder.join(STATE_FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FolderError::io(&path, error)),
        };
        serde_json::from_reader(BufReader::new(file.take(STATE_BYTES_MAX)))
            .map(Some)
            .map_err(|error| FolderError::Damaged { path, reason: error.to_string() })
    }

    /// Replaces the state in `folder`: whoever reads it sees the old one or the new one.
    pub(crate) fn save(&self, folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(STATE_FILE);
        serde_json::to_vec_pretty(self)
            .map_err(io::Error::from)
            .and_then(|bytes| replace_file(folder, &path, &bytes))
            .map_err(|error| FolderError::io(&path, error))
    }

    /// Moves a damaged state aside, so that it can be looked at.
    pub(crate) fn set_aside(folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(STATE_FILE);
        fs::rename(&path, folder.join("state.json.damaged"))
            .map_err(|error| FolderError::io(&path, error))
    }
}

/// Writes a file under a temporary name, forces it to disk, then renames it into place.
pub(crate) fn replace_file(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary_file(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// How the names of unfinished files begin.
pub(crate) const TEMPORARY_PREFIX: &str = ".unfinished-";

pub(crate) fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder)
}

/// A rename is on disk only after its folder is.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A time as seconds of Unix time.
mod second {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use wardnet_model::Timestamp;

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        time.0.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        u64::deserialize(from).map(Timestamp)
    }
}

/// A time that may be missing.
mod seconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use wardnet_model::Timestamp;

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.0).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Timestamp))
    }
}
