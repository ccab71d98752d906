//! What can go wrong in the store.

use wardnet_journal::record::RecordError;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The engine failed.
    #[error(
        "the store cannot read or write its files: {0}; if the disk is full, make room, else remove the store's folder: it is built again from the journal"
    )]
    Engine(#[from] fjall::Error),
    /// The engine is being opened again after a write that failed, or could not be.
    #[error(
        "the store is closed after a write that failed; it is opened again when the disk has room"
    )]
    Closed,
    /// The engine cannot be opened again while somebody reads.
    #[error("the store cannot be opened again while somebody reads it; it is tried again")]
    Reading,
    /// Bytes that no version of the store wrote.
    #[error("the store holds a damaged {what}; remove its folder to rebuild it from the journal")]
    Damaged {
        /// What the bytes should have been.
        what: &'static str,
    },
    /// A store of another layout.
    #[error(
        "the store has layout {found}, this program writes {expected}; remove its folder to rebuild it from the journal"
    )]
    Layout {
        /// What was found.
        found: u64,
        /// What this build writes.
        expected: u64,
    },
    /// Evidence inside a dossier that cannot be read.
    #[error(
        "the store holds a damaged dossier: {0}; remove its folder to rebuild it from the journal"
    )]
    Record(#[from] RecordError),
    /// A thread that folded records panicked; nothing was written.
    #[error("taking in records failed inside; nothing of them was written to the store")]
    Panicked,
}

impl StoreError {
    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let io = match self {
            Self::Engine(fjall::Error::Io(error)) => error,
            Self::Engine(fjall::Error::Storage(fjall::LsmError::Io(error))) => error,
            _ => return false,
        };
        matches!(io.kind(), StorageFull | QuotaExceeded)
    }

    /// Whether nothing is written any more before the store is [opened
    /// again](crate::Store::reopen).
    pub const fn needs_reopening(&self) -> bool {
        matches!(
            self,
            Self::Closed
                | Self::Reading
                | Self::Engine(fjall::Error::Poisoned | fjall::Error::Io(_))
        )
    }
}
