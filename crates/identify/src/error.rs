//! What can go wrong in the engine.

use std::path::PathBuf;
use wardnet_journal::record::RecordError;

/// Why the engine did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Another process has the data folder.
    #[error("{dir} is in use by {by}; stop it, or ask it through its socket")]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// Who has it.
        by: String,
    },
    /// A file or folder cannot be used.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The journal failed.
    #[error("journal: {0}")]
    Journal(#[from] wardnet_journal::Error),
    /// The store failed.
    #[error("{0}")]
    Store(#[from] wardnet_store::StoreError),
    /// A journal record cannot be read.
    #[error("journal record {seq}: {source}")]
    Record {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The verdict database cannot be written.
    #[error("the verdict database cannot be built: {0}")]
    Build(#[from] wardnet_verdictdb::BuildError),
    /// The verdict database cannot be read.
    #[error("the verdict database cannot be opened: {0}")]
    Open(#[from] wardnet_verdictdb::OpenError),
    /// The store has more than the journal: the journal was replaced or lost its end.
    #[error(
        "the store has taken in record {store} but the journal ends at {journal}; restore the \
         journal, or remove the folder `store` to rebuild it from what the journal has"
    )]
    Ahead {
        /// How far the store has come.
        store: u64,
        /// Where the journal ends.
        journal: u64,
    },
    /// A new base was given up before it was whole.
    #[error("the new verdict database was given up before it was whole")]
    Cancelled,
    /// A change that cannot be made.
    #[error("{0}")]
    Refused(String),
}

impl EngineError {
    /// Whether the disk is full. What was to be written may be durable in part; the rest of it is
    /// not, and sending all of it again does no harm.
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::Journal(wardnet_journal::Error::NoSpace { .. }) => true,
            Self::Store(error) => error.is_full(),
            Self::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded),
            _ => false,
        }
    }

    /// Whether nothing is taken in before the store is opened again.
    pub const fn needs_reopening(&self) -> bool {
        matches!(self, Self::Store(error) if error.needs_reopening())
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
