//! What can go wrong in the store.

use wardnet_journal::record::RecordError;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The engine failed.
    #[error(
        "the store cannot read or write its files: {0}; it can be rebuilt from the journal by removing its folder"
    )]
    Engine(#[from] fjall::Error),
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
}
