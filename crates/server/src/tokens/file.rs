//! Tokens in one small file: the account store of the default engine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{TokenId, TokenRecord, TokenStore, TokenStoreError};

/// The version written into the file's head; a reader refuses others.
const VERSION: u32 = 1;

/// A token file larger than this is not ours: about 100,000 tokens.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    version: u32,
    tokens: Vec<TokenRecord>,
}

/// Tokens in a JSON file of mode 0600, replaced as a whole at every change.
///
/// One process owns the file: commands that change tokens while a server runs ask that server.
#[derive(Debug)]
pub struct FileTokens {
    path: PathBuf,
    writing: Mutex<()>,
}

impl FileTokens {
    /// Uses the file at `path`; it is created by the first `put`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), writing: Mutex::new(()) }
    }

    fn change(&self, change: impl FnOnce(&mut Vec<TokenRecord>)) -> Result<(), TokenStoreError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tokens = self.load_all()?;
        change(&mut tokens);
        tokens.sort_by_key(|record| record.id);
        let json = serde_json::to_vec_pretty(&TokenFile { version: VERSION, tokens })
            .map_err(|error| self.corrupt(error.to_string()))?;
        replace(&self.path, &json).map_err(|source| self.io("write", source))
    }

    fn parse(&self, bytes: &[u8]) -> Result<Vec<TokenRecord>, TokenStoreError> {
        let file: TokenFile =
            serde_json::from_slice(bytes).map_err(|error| self.corrupt(error.to_string()))?;
        if file.version != VERSION {
            return Err(self.corrupt(format!("version {} is not {VERSION}", file.version)));
        }
        Ok(file.tokens)
    }

    fn corrupt(&self, reason: String) -> TokenStoreError {
        TokenStoreError::Corrupt { path: self.path.clone(), reason }
    }

    fn io(&self, action: &'static str, source: io::Error) -> TokenStoreError {
        TokenStoreError::Io { action, path: self.path.clone(), source }
    }
}

impl TokenStore for FileTokens {
    fn load_all(&self) -> Result<Vec<TokenRecord>, TokenStoreError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.io("open", source)),
        };
        let metadata = file.metadata().map_err(|source| self.io("examine", source))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenStoreError::Exposed { path: self.path.clone(), mode });
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(self.corrupt(format!("larger than {FILE_BYTES_MAX} bytes")));
        }
        let bytes = read_limited(file).map_err(|source| self.io("read", source))?;
        self.parse(&bytes)
    }

    fn put(&self, record: &TokenRecord) -> Result<(), TokenStoreError> {
        self.change(|tokens| {
            tokens.retain(|kept| kept.id != record.id);
            tokens.push(record.clone());
        })
    }

    fn remove(&self, id: TokenId) -> Result<(), TokenStoreError> {
        self.change(|tokens| tokens.retain(|kept| kept.id != id))
    }
}

#[expect(clippy::disallowed_methods, reason = "limited by take()")]
fn read_limited(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces a file so that a crash leaves the old or the new one, whole: the new content is
/// synced before it gets the name, and the folder is synced before the call returns.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let staged = folder.join(name);
    // A leftover of a crash may have another mode: start from nothing.
    match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&staged, path)?;
    File::open(folder)?.sync_all()
}
