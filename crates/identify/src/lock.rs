//! The lock on a data folder: one writer at a time.

use crate::EngineError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// The name of the lock file inside the data folder.
const NAME: &str = "LOCK";

/// Held as long as it lives; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder, making it if it is not there.
    pub(crate) fn take(dir: &Path) -> Result<Self, EngineError> {
        // What a tenant reports may be private: a new folder is its owner's alone.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(EngineError::io("create", dir))?;
        let path = dir.join(NAME);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(EngineError::io("open", &path))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(EngineError::InUse { dir: dir.into(), by: holder(&mut file) });
        }
        let note = format!("process {}\n", std::process::id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(note.as_bytes()))
            .map_err(EngineError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

/// Who says to hold the lock.
fn holder(file: &mut File) -> String {
    let mut note = [0u8; 64];
    let length = file.read(&mut note).unwrap_or(0);
    let text = String::from_utf8_lossy(note.get(..length).unwrap_or_default());
    let text = text.trim();
    if text.is_empty() { "another process".into() } else { text.into() }
}
