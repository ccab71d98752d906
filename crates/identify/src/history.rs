//! The history of changes on disk, so that who follows it goes on after the next start.
//!
//! What was told must not be told again under another number, so a history is continued only when it
//! is certain that its file has lost nothing: after a clean stop, or when the system has been up ever
//! since it was written, for then even a killed program has lost nothing that it wrote. And the view
//! that it led to must be there, so that what has changed since can be told.

use crate::EngineError;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use wardnet_verdictdb::{Change, FeedLimits, History, Limits, Recorder, View};

const NAME: &str = "history.wvch";

/// A file longer than so many times what is kept is no history of ours.
const FILE_FACTOR: u64 = 4;

/// What tells one start of the system from another; zeros where it does not say.
fn boot() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.trim().chars().filter(|digit| *digit != '-').collect();
    wardnet_model::hex::decode(&digits).unwrap_or_default()
}

/// The history that a folder has, if it is certain that it lost nothing.
pub(crate) fn read(dir: &Path, stopped_cleanly: bool, limits: &FeedLimits) -> Option<History> {
    let path = dir.join(NAME);
    let length_max = (limits.bytes_max as u64).saturating_mul(FILE_FACTOR);
    if std::fs::metadata(&path).ok()?.len() > length_max {
        return None;
    }
    let history = History::decode(&std::fs::read(&path).ok()?, limits, &Limits::default());
    let history = history.inspect_err(|error| {
        tracing::warn!(path = %path.display(), %error, "followers of changes have to begin anew");
    });
    let is_of_this_boot = |history: &History| history.run() == boot() && boot() != [0; 16];
    history.ok().filter(|history| stopped_cleanly || is_of_this_boot(history))
}

/// Splits what was logged into the state that a history led to, and what came after it: between
/// the log and the history the program may have ended. `None` where they do not fit.
pub(crate) fn state_of(
    history: &History,
    base: &View,
    mut logged: Vec<Change>,
) -> Option<(View, Vec<Change>)> {
    let untold = logged.split_off(
        logged.iter().position(|change| change.seq > history.sequence()).unwrap_or(logged.len()),
    );
    let state = base.after(&logged, base.as_of);
    let fits = |state: &View| {
        state.base.as_ref().is_some_and(|base| base.sequence() == history.base())
            && state.seq == history.sequence()
    };
    fits(&state).then_some((state, untold))
}

/// Begins the file anew with what is kept of a history.
pub(crate) fn record(dir: &Path, history: &History) -> Result<Box<dyn Recorder>, EngineError> {
    let path = dir.join(NAME);
    let head = history.file_head(boot());
    let written = FileRecorder::write(&path, &head, &history.file_frames());
    let (file, bytes) = written.map_err(EngineError::io("write", &path))?;
    Ok(Box::new(FileRecorder { path, head, file, bytes }))
}

/// Makes the file survive a power cut.
pub(crate) fn sync(dir: &Path) -> Result<(), EngineError> {
    let path = dir.join(NAME);
    if !path.exists() {
        return Ok(());
    }
    File::open(&path)
        .and_then(|file| file.sync_all())
        .and_then(|()| File::open(dir)?.sync_all())
        .map_err(EngineError::io("sync", &path))
}

/// Keeps a history in a file.
struct FileRecorder {
    path: PathBuf,
    head: Vec<u8>,
    file: File,
    bytes: usize,
}

impl FileRecorder {
    /// Writes a whole file; it appears whole or not at all.
    fn write(path: &Path, head: &[u8], frames: &[u8]) -> io::Result<(File, usize)> {
        let temporary = path.with_extension("new");
        let mut file = File::create(&temporary)?;
        file.write_all(head)?;
        file.write_all(frames)?;
        std::fs::rename(&temporary, path)?;
        Ok((file, head.len() + frames.len()))
    }

    /// After a failure the file would say less than was told: there is none then.
    fn check(&self, written: io::Result<()>) -> bool {
        let Err(error) = written else { return true };
        let path = self.path.display();
        tracing::error!(%path, %error, "changes are not kept; those who follow them begin anew");
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%path, %error, "the history stays as it is");
        }
        false
    }
}

impl Recorder for FileRecorder {
    fn append(&mut self, bytes: &[u8]) -> bool {
        self.bytes += bytes.len();
        let written = self.file.write_all(bytes);
        self.check(written)
    }

    fn replace(&mut self, bytes: &[u8]) -> bool {
        let written = Self::write(&self.path, &self.head, bytes);
        let written = written.map(|(file, length)| (self.file, self.bytes) = (file, length));
        self.check(written)
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}
