//! The key that signs what this installation publishes: made on the first start, kept in the data
//! folder, readable by its owner alone.

use crate::EngineError;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_model::hex;
use wardnet_verdictdb::{PublicKey, SigningKey};

/// The name of the file inside the data folder.
const NAME: &str = "signing-key";

/// A file longer than this holds something else.
const FILE_BYTES_MAX: u64 = 256;

const OWNER_ALONE: u32 = 0o600;

/// The key of a data folder; a new one when there is none yet.
pub(crate) fn open_or_create(data_dir: &Path) -> Result<Arc<SigningKey>, EngineError> {
    let path = data_dir.join(NAME);
    if !path.exists() {
        create(data_dir, &path)?;
    }
    let mode =
        std::fs::metadata(&path).map_err(EngineError::io("read", &path))?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others could read the signing key; now they cannot");
        std::fs::set_permissions(&path, Permissions::from_mode(OWNER_ALONE))
            .map_err(EngineError::io("protect", &path))?;
    }
    read(&path).map(Arc::new)
}

/// The public half of the key of a data folder, with which others check what it publishes; `None`
/// before its first start.
pub fn public_key(data_dir: &Path) -> Result<Option<PublicKey>, EngineError> {
    let path = data_dir.join(NAME);
    if !path.exists() {
        return Ok(None);
    }
    read(&path).map(|key| Some(key.public()))
}

fn read(path: &Path) -> Result<SigningKey, EngineError> {
    let mut text = String::new();
    #[expect(clippy::disallowed_methods, reason = "no more than the limit is read")]
    let read =
        File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(EngineError::io("read", path))?;
    let seed = hex::decode(text.trim()).and_then(|seed| SigningKey::from_seed(&seed));
    seed.ok_or_else(|| {
        let path = path.display();
        EngineError::Refused(format!(
            "{path} is no signing key; restore it, or remove it to have a new one, which others \
             then have to be told"
        ))
    })
}

/// Writes a new key. It appears whole or not at all.
fn create(data_dir: &Path, path: &Path) -> Result<(), EngineError> {
    let temporary: PathBuf = path.with_extension("new");
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| EngineError::Refused(format!("no random numbers: {error}")))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNER_ALONE)
        .open(&temporary)
        .map_err(EngineError::io("create", &temporary))?;
    writeln!(file, "{}", hex::Hex(&seed))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| File::open(data_dir)?.sync_all())
        .map_err(EngineError::io("write", path))
}
