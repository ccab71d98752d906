//! Access tokens: how they look, how they are checked, and who holds them at rest.
//!
//! A token reads `wn_<id>_<secret>`. The id is public: logs, listings and revocations name it.
//! The secret is 200 random bits that only the client keeps; here lives its SHA-256. A plain hash
//! is right for such a secret, and a slow one (Argon2) would be wrong: slowness protects what
//! people choose and attackers can guess, while 2^200 candidates are out of reach at any speed,
//! and this check runs on every request.

mod file;
mod live;
mod seal;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use wardnet_model::Timestamp;

use crate::budget::Rate;
use crate::principal::Role;

pub use file::FileTokens;
pub use live::{NewToken, TokenEntry, Tokens};
pub use text::{SecretHash, TokenId, TokenText};

/// All that is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// The public name.
    pub id: TokenId,
    /// The SHA-256 of the secret.
    pub hash: SecretHash,
    /// The tenant it acts for.
    pub tenant: u32,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub name: String,
    /// When it was issued, in Unix seconds.
    pub created_secs: u64,
    /// When it ends, in Unix seconds; never, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_secs: Option<u64>,
    /// Switched off, but still listed.
    #[serde(default)]
    pub disabled: bool,
    /// A budget of its own, in place of the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

impl TokenRecord {
    /// Whether the token's time is over.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_secs.is_some_and(|end| now.0 >= end)
    }
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not of the form `wn_<id>_<secret>`.
    #[error("this is not a Wardnet token; tokens look like wn_<id>_<secret>")]
    Malformed,
    /// No such id, or a wrong secret: which one is nobody's business.
    #[error("unknown token; ask your administrator for a new one")]
    Unknown,
    /// Past its date.
    #[error("this token has expired; ask your administrator for a new one")]
    Expired,
    /// Switched off.
    #[error("this token is disabled; ask your administrator to enable it")]
    Disabled,
}

/// Why tokens could not be read or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenStoreError {
    /// The file or its folder cannot be used.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is there, but is not a list of tokens.
    #[error("{path} is not a valid token file: {reason}; restore it from a backup")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Other users of the machine may read or change the file.
    #[error("{path} can be used by others (mode {mode:o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// No random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(String),
    /// No token has this id.
    #[error("no token has the id {0}")]
    NoSuchToken(TokenId),
    /// Another engine failed.
    #[error("the token store failed: {0}")]
    Engine(String),
}

/// Where tokens rest. Calls may block: they happen at start and when tokens change.
///
/// When `put` or `remove` returns, the change is durable.
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// All tokens, in any order.
    fn load_all(&self) -> Result<Vec<TokenRecord>, TokenStoreError>;
    /// Adds a token or replaces the one of the same id.
    fn put(&self, record: &TokenRecord) -> Result<(), TokenStoreError>;
    /// Forgets a token; one that is not there is no error.
    fn remove(&self, id: TokenId) -> Result<(), TokenStoreError>;
}

/// Tokens that live as long as the process, for tests.
#[derive(Debug, Default)]
pub struct MemoryTokens {
    records: Mutex<BTreeMap<TokenId, TokenRecord>>,
}

impl TokenStore for MemoryTokens {
    fn load_all(&self) -> Result<Vec<TokenRecord>, TokenStoreError> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(records.values().cloned().collect())
    }

    fn put(&self, record: &TokenRecord) -> Result<(), TokenStoreError> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.insert(record.id, record.clone());
        Ok(())
    }

    fn remove(&self, id: TokenId) -> Result<(), TokenStoreError> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
