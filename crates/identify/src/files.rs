//! The view on disk: a base file, the log of changes since, and a note that both are whole.
//!
//! All of it is derived. The note is written on a clean stop and taken away on opening: where it
//! is missing, or speaks of another state of the store, the base is built anew from the store.

use crate::EngineError;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use wardnet_model::Timestamp;
use wardnet_verdictdb::{Bytes, Change, Db, Limits, OpenOptions, Verify, View, log, map_file};

const NOTE: &str = "state.json";
const NOTE_BYTES_MAX: u64 = 4096;

/// Changes in a frame of a log, far fewer than a frame may have.
const CHANGES_AT_ONCE: usize = 10_000;

/// What a clean stop leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// The base file's name.
    base: String,
    /// The change log's name.
    log: String,
    /// How far in the journal the view has come.
    position: u64,
    /// The number of the last change in it.
    sequence: u64,
    /// When the next verdict changes by itself.
    due: Option<u64>,
    /// Whether tenants have something of their own, which is not in these files.
    private: bool,
}

/// The files of the view.
#[derive(Debug)]
pub(crate) struct ViewFiles {
    dir: PathBuf,
    base: Option<PathBuf>,
    log: Option<(PathBuf, File)>,
}

impl ViewFiles {
    /// Opens the folder, and the view in it if a clean stop left one for this `position`.
    pub(crate) fn open(dir: &Path, position: u64) -> Result<(Self, Option<View>), EngineError> {
        std::fs::create_dir_all(dir).map_err(EngineError::io("create", dir))?;
        let mut files = Self { dir: dir.to_path_buf(), base: None, log: None };
        let note = read_note(dir);
        let path = dir.join(NOTE);
        if path.exists() {
            std::fs::remove_file(&path).map_err(EngineError::io("remove", &path))?;
        }
        let Some(note) = note.filter(|note| note.position == position && !note.private) else {
            return Ok((files, None));
        };
        let Ok(view) = load(dir, &note) else {
            tracing::warn!("the verdict database on disk cannot be used; it is built anew");
            return Ok((files, None));
        };
        let log = dir.join(&note.log);
        let file =
            File::options().append(true).open(&log).map_err(EngineError::io("open", &log))?;
        files.base = Some(dir.join(&note.base));
        files.log = Some((log, file));
        Ok((files, Some(view)))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Appends changes to the log. They need not survive a crash: the view is built anew then. So
    /// it is when they cannot be written, and no answer waits for that.
    pub(crate) fn log(&mut self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let Some((path, file)) = &mut self.log else {
            return;
        };
        let mut frame = Vec::new();
        let written = log::encode_frame(changes, &Limits::default(), &mut frame)
            .map_err(std::io::Error::other)
            .and_then(|()| file.write_all(&frame));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "no more changes are logged");
            self.log = None;
        }
    }

    /// Puts a new base, which is whole and in its place, into use, with a log of its own that
    /// begins with the changes that are `newer` than it.
    pub(crate) fn install(
        &mut self,
        path: &Path,
        sequence: u64,
        newer: &[Change],
    ) -> Result<(), EngineError> {
        let log_path = self.dir.join(format!("changes-{sequence}.wvcl"));
        let mut bytes = log::head().to_vec();
        for part in newer.chunks(CHANGES_AT_ONCE) {
            log::encode_frame(part, &Limits::default(), &mut bytes)
                .map_err(|error| EngineError::Refused(error.to_string()))?;
        }
        // The file appears whole or not at all.
        let temporary = log_path.with_extension("tmp");
        let mut log = File::create(&temporary).map_err(EngineError::io("create", &temporary))?;
        log.write_all(&bytes)
            .and_then(|()| std::fs::rename(&temporary, &log_path))
            .map_err(EngineError::io("write", &log_path))?;
        self.base = Some(path.to_path_buf());
        self.log = Some((log_path, log));
        if let Err(error) = self.remove_strays() {
            tracing::warn!(%error, "an old file stays until the next base");
        }
        Ok(())
    }

    /// Removes all files but those in use: old ones, and what an earlier run left half done.
    fn remove_strays(&self) -> Result<(), EngineError> {
        let current = [self.base.as_deref(), self.log.as_ref().map(|(path, _)| path.as_path())];
        let listing = std::fs::read_dir(&self.dir).map_err(EngineError::io("list", &self.dir))?;
        for entry in listing.flatten() {
            let path = entry.path();
            let stray = path.extension().is_some_and(|e| e == "wvdb" || e == "wvcl" || e == "tmp");
            if stray && !current.contains(&Some(&path)) {
                std::fs::remove_file(&path).map_err(EngineError::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Notes that both files are whole.
    pub(crate) fn close(
        self,
        position: u64,
        sequence: u64,
        due: Option<Timestamp>,
        private: bool,
    ) -> Result<(), EngineError> {
        let (Some(base), Some((log_path, log))) = (&self.base, &self.log) else {
            return Ok(());
        };
        log.sync_all().map_err(EngineError::io("sync", log_path))?;
        let file_name = |path: &Path| {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let note = Note {
            base: file_name(base),
            log: file_name(log_path),
            position,
            sequence,
            due: due.map(|at| at.0),
            private,
        };
        let text =
            serde_json::to_vec(&note).map_err(|error| EngineError::Refused(error.to_string()))?;
        let temporary = self.dir.join("state.tmp");
        let path = self.dir.join(NOTE);
        let mut file = File::create(&temporary).map_err(EngineError::io("create", &temporary))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::rename(&temporary, &path))
            .map_err(EngineError::io("write", &path))
    }
}

/// The view that a clean stop left, when no verdict of it has changed by `now`: it can be asked
/// without opening anything else.
pub fn resting_view(data_dir: &Path, now: Timestamp) -> Option<View> {
    let dir = data_dir.join("view");
    let note = read_note(&dir)?;
    if note.due.is_some_and(|due| due <= now.0) || note.private {
        return None;
    }
    let mut view = load(&dir, &note).ok()?;
    // Nothing was to change until now, so these are the verdicts of now.
    view.as_of = view.as_of.max(now);
    Some(view)
}

fn read_note(dir: &Path) -> Option<Note> {
    let path = dir.join(NOTE);
    if std::fs::metadata(&path).ok()?.len() > NOTE_BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&std::fs::read(&path).ok()?).ok()
}

fn load(dir: &Path, note: &Note) -> Result<View, EngineError> {
    let damaged = || EngineError::Refused("the change log does not match the base".into());
    let db = open_base(&dir.join(&note.base), Verify::Lazy)?;
    let view = View::of(db);
    let path = dir.join(&note.log);
    let bytes = std::fs::read(&path).map_err(EngineError::io("read", &path))?;
    let contents = log::decode(&bytes, &Limits::default()).map_err(|_| damaged())?;
    if contents.valid_len != bytes.len() as u64 {
        return Err(damaged());
    }
    let as_of = view.as_of;
    let view = view.after(&contents.changes, as_of);
    if view.seq == note.sequence { Ok(view) } else { Err(damaged()) }
}

pub(crate) fn open_base(path: &Path, verify: Verify) -> Result<Db<Bytes>, EngineError> {
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    let bytes = map_file(&file).map_err(EngineError::io("map", path))?;
    Ok(Db::open(bytes, &OpenOptions { verify, ..OpenOptions::default() })?)
}
