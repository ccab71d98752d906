//! The view on disk: a base file, the log of changes since, and a note that both are whole.
//!
//! All of it is derived. The note is written on a clean stop and taken away on opening: where it
//! is missing, or speaks of another state of the store, the base is built anew from the store.

use crate::{EngineError, history};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_model::Timestamp;
use wardnet_verdictdb::{
    Bytes, Change, Db, Limits, OpenOptions, PublicKey, SigningKey, Verify, View, log, map_file,
};

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
    log: Option<Log>,
    /// Signs them.
    key: Arc<SigningKey>,
}

/// What a folder had.
#[derive(Debug)]
pub(crate) struct Found {
    /// The view, if a clean stop left one that still holds.
    pub(crate) view: Option<View>,
    /// Whether the program that had the folder last has written everything down.
    pub(crate) stopped_cleanly: bool,
}

/// The log of changes.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    writer: log::Writer,
}

impl ViewFiles {
    /// Opens the folder, and what is in it; `position` is how far the store has come.
    pub(crate) fn open(
        dir: &Path,
        key: Arc<SigningKey>,
        position: u64,
    ) -> Result<(Self, Found), EngineError> {
        std::fs::create_dir_all(dir).map_err(EngineError::io("create", dir))?;
        let mut files = Self { dir: dir.to_path_buf(), base: None, log: None, key };
        let note = read_note(dir);
        let stopped_cleanly = note.is_some();
        let path = dir.join(NOTE);
        if path.exists() {
            std::fs::remove_file(&path).map_err(EngineError::io("remove", &path))?;
        }
        let view = match note.filter(|note| note.position == position && !note.private) {
            Some(note) => files.load_noted(&note),
            None => None,
        };
        Ok((files, Found { view, stopped_cleanly }))
    }

    fn load_noted(&mut self, note: &Note) -> Option<View> {
        let loaded = load(&self.dir, note, self.key.public());
        match loaded.and_then(|(view, seal)| Ok((view, self.resume(note, &seal)?))) {
            Ok((view, log)) => {
                self.base = Some(self.dir.join(&note.base));
                self.log = Some(log);
                Some(view)
            }
            Err(error) => {
                tracing::warn!(%error, "the verdict database on disk is not used, but built anew");
                None
            }
        }
    }

    /// The newest base that has a log, and the changes in it, whatever has become of the program
    /// that wrote them.
    pub(crate) fn last(&self) -> Option<(View, Vec<Change>)> {
        let listing = std::fs::read_dir(&self.dir).ok()?;
        let number = |path: &Path| {
            let stem = path.file_stem()?.to_str()?;
            stem.strip_prefix("base-")?
                .parse::<u64>()
                .ok()
                .filter(|number| self.dir.join(format!("changes-{number}.wvcl")).exists())
        };
        let newest = listing.flatten().filter_map(|entry| number(&entry.path())).max()?;
        let key = self.key.public();
        let db =
            open_base(&self.dir.join(format!("base-{newest}.wvdb")), Verify::Lazy, key).ok()?;
        let bytes = std::fs::read(self.dir.join(format!("changes-{newest}.wvcl"))).ok()?;
        let contents = log::decode(&bytes, &Limits::default()).ok()?;
        let seal = contents.seal.filter(|seal| (seal.base, seal.key) == (db.root(), key));
        seal.map(|_| (View::of(db), contents.changes))
    }

    fn resume(&self, note: &Note, seal: &log::Seal) -> Result<Log, EngineError> {
        let path = self.dir.join(&note.log);
        let file =
            File::options().append(true).open(&path).map_err(EngineError::io("open", &path))?;
        let writer = log::Writer::resume(seal, Arc::clone(&self.key)).ok_or_else(damaged)?;
        Ok(Log { path, file, writer })
    }

    pub(crate) const fn key(&self) -> &Arc<SigningKey> {
        &self.key
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
        let Some(Log { path, file, writer }) = &mut self.log else {
            return;
        };
        let mut frame = Vec::new();
        let written = writer
            .frame(changes, &Limits::default(), &mut frame)
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
        (sequence, root): (u64, [u8; 32]),
        newer: &[Change],
    ) -> Result<(), EngineError> {
        let log_path = self.dir.join(format!("changes-{sequence}.wvcl"));
        let (mut writer, mut bytes) = log::Writer::begin(root, Arc::clone(&self.key));
        for part in newer.chunks(CHANGES_AT_ONCE) {
            writer
                .frame(part, &Limits::default(), &mut bytes)
                .map_err(|error| EngineError::Refused(error.to_string()))?;
        }
        // The file appears whole or not at all.
        let temporary = log_path.with_extension("tmp");
        let mut file = File::create(&temporary).map_err(EngineError::io("create", &temporary))?;
        file.write_all(&bytes)
            .and_then(|()| std::fs::rename(&temporary, &log_path))
            .map_err(EngineError::io("write", &log_path))?;
        self.base = Some(path.to_path_buf());
        self.log = Some(Log { path: log_path, file, writer });
        if let Err(error) = self.remove_strays() {
            tracing::warn!(%error, "an old file stays until the next base");
        }
        Ok(())
    }

    /// Removes all files but those in use: old ones, and what an earlier run left half done.
    fn remove_strays(&self) -> Result<(), EngineError> {
        let current = [self.base.as_deref(), self.log.as_ref().map(|log| log.path.as_path())];
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
        let (Some(base), Some(Log { path: log_path, file: log, .. })) = (&self.base, &self.log)
        else {
            return Ok(());
        };
        log.sync_all().map_err(EngineError::io("sync", log_path))?;
        history::sync(&self.dir)?;
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
    let key = crate::public_key(data_dir).ok()??;
    let (mut view, _) = load(&dir, &note, key).ok()?;
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

fn damaged() -> EngineError {
    EngineError::Refused("the change log does not match the base".into())
}

/// The view that a note speaks of, and how its log goes on. Both files bear the signature of `key`.
fn load(dir: &Path, note: &Note, key: PublicKey) -> Result<(View, log::Seal), EngineError> {
    let db = open_base(&dir.join(&note.base), Verify::Lazy, key)?;
    let path = dir.join(&note.log);
    let bytes = std::fs::read(&path).map_err(EngineError::io("read", &path))?;
    let contents = log::decode(&bytes, &Limits::default()).map_err(|_| damaged())?;
    let seal = contents.seal.filter(|seal| (seal.base, seal.key) == (db.root(), key));
    let seal = seal.filter(|_| contents.valid_len == bytes.len() as u64).ok_or_else(damaged)?;
    let view = View::of(db);
    let as_of = view.as_of;
    let view = view.after(&contents.changes, as_of);
    if view.seq == note.sequence { Ok((view, seal)) } else { Err(damaged()) }
}

pub(crate) fn open_base(
    path: &Path,
    verify: Verify,
    key: PublicKey,
) -> Result<Db<Bytes>, EngineError> {
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    let bytes = map_file(&file).map_err(EngineError::io("map", path))?;
    let options = OpenOptions { verify, signed_by: Some(key), ..OpenOptions::default() };
    Ok(Db::open(bytes, &options)?)
}
