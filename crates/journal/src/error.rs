//! What can go wrong with a journal, and what the operator should do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the journal refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The medium is full. Nothing of the operation was kept and the journal goes on working.
    #[error(
        "no space left while {action} {path}: nothing of this operation was kept; \
         free space on this file system and try again"
    )]
    NoSpace {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// An earlier write or fsync failed, so nothing more can be acknowledged.
    #[error(
        "the journal takes no more appends: {cause}. After such a failure the system may have \
         thrown the bytes away and still report success later, so only reading the disk anew \
         tells what is there: check the disk, then restart this process"
    )]
    Poisoned {
        /// The first failure, with the file it happened to.
        cause: Arc<str>,
    },

    /// Bytes that had been durable are not what was written.
    #[error(
        "{file} is damaged at byte {offset}: {fault}. Nothing was changed or skipped; \
         check the disk, and restore this file from a backup or a replica"
    )]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in it the first unreadable frame (or header) starts.
        offset: u64,
        /// What is wrong there.
        fault: Fault,
    },

    /// The files of the folder do not follow on one another.
    #[error(
        "{file} is missing: the segment before it ends where this one would begin. \
         Nothing was changed; restore the file from a backup or a replica"
    )]
    MissingSegment {
        /// The file that should be there.
        file: PathBuf,
    },

    /// Written by a newer program.
    #[error(
        "{file} has format version {version}, and this program reads up to {}: \
         use the program that wrote it, or a newer one",
        crate::format::VERSION
    )]
    UnsupportedVersion {
        /// The file.
        file: PathBuf,
        /// The version it states.
        version: u32,
    },

    /// A stored frame is larger than this program was told to accept.
    #[error(
        "{file} holds a frame of {len} bytes at byte {offset}, and the limit is {limit}: \
         raise `Limits::frame_bytes` to what the journal was written with"
    )]
    StoredFrameTooLarge {
        /// The file.
        file: PathBuf,
        /// Where the frame starts.
        offset: u64,
        /// How long its body is.
        len: u64,
        /// `Limits::frame_bytes`.
        limit: usize,
    },

    /// A record to append is larger than `Limits::record_bytes`.
    #[error("a record of {len} bytes is over the limit of {limit}: split it, or store a reference")]
    RecordTooLarge {
        /// Its length.
        len: usize,
        /// `Limits::record_bytes`.
        limit: usize,
    },

    /// The records of one append are together larger than `Limits::frame_bytes`.
    #[error("an append of {len} bytes is over the limit of {limit}: append in smaller batches")]
    FrameTooLarge {
        /// Their length with the stored lengths.
        len: usize,
        /// `Limits::frame_bytes`.
        limit: usize,
    },

    /// More records in one append than `Limits::frame_records`.
    #[error("an append of {count} records is over the limit of {limit}: append in smaller batches")]
    TooManyRecords {
        /// How many there were.
        count: usize,
        /// `Limits::frame_records`.
        limit: usize,
    },

    /// Options that contradict each other.
    #[error("unusable journal options: {problem}")]
    Options {
        /// What to change.
        problem: &'static str,
    },

    /// Any other failure of the file system.
    #[error("{action} {path} failed: {source}; check the disk and the folder's permissions")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn damaged(file: &Path, offset: u64, fault: Fault) -> Self {
        Self::Damaged { file: file.to_owned(), offset, fault }
    }

    /// Returns a closure for `map_err` that says what was being done, telling a full disk apart.
    pub(crate) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Self::NoSpace { action, path, source }
                }
                _ => Self::Io { action, path, source },
            }
        }
    }
}

/// What is wrong with bytes of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file ends inside the segment header.
    #[error("the segment header is cut short")]
    HeaderShort,
    /// The first bytes are not those of a segment.
    #[error("this is no journal segment")]
    Magic,
    /// The segment header's checksum is wrong.
    #[error("the segment header's checksum is wrong")]
    HeaderChecksum,
    /// The segment header has flags this program does not know.
    #[error("the segment header has unknown flags")]
    HeaderFlags,
    /// The header names another first sequence number than the file name.
    #[error("the segment header belongs to a file of another name")]
    HeaderSequence,
    /// The file ends inside a frame.
    #[error("the file ends inside a frame")]
    FrameShort,
    /// No frame starts where one should.
    #[error("no frame starts here")]
    FrameMark,
    /// The frame header's checksum is wrong.
    #[error("the frame header's checksum is wrong")]
    FrameHeaderChecksum,
    /// The checksum of the frame's records is wrong.
    #[error("the checksum of the frame's records is wrong")]
    FrameBodyChecksum,
    /// A frame of unknown kind.
    #[error("the frame is of an unknown kind")]
    FrameKind,
    /// A frame whose fields contradict each other or their place.
    #[error("the frame's fields contradict each other")]
    FrameFields,
    /// Sequence numbers that do not follow on the frame before.
    #[error("the sequence numbers do not follow on those before")]
    FrameSequence,
    /// Record lengths that do not add up to the frame.
    #[error("the lengths of the frame's records do not add up")]
    Records,
    /// A segment that is not the last has no seal at its end.
    #[error("the segment has lost its end (there is no seal)")]
    Unsealed,
    /// Bytes after the seal.
    #[error("there are bytes after the segment's seal")]
    AfterSeal,
    /// Two segments claim the same sequence numbers, and compaction does not explain it.
    #[error("the segment's sequence numbers overlap those of the segment before")]
    Overlap,
    /// The file is shorter than it was.
    #[error("the file has become shorter while it was in use")]
    Shrunk,
}

impl Fault {
    /// Whether an interrupted write can leave this behind. The other faults need a checksum that
    /// is right over content that is wrong, which no interrupted write produces.
    pub(crate) fn may_be_torn(self) -> bool {
        matches!(
            self,
            Self::FrameShort
                | Self::FrameMark
                | Self::FrameHeaderChecksum
                | Self::FrameBodyChecksum
        )
    }
}
