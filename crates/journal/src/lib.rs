//! The append-only journal: segments, group commit, replay, compaction.
//!
//! A [`Journal`] is a folder of segment files. [`Journal::append`] returns once its records are on
//! disk, concurrent callers share one fsync, and [`Journal::replay`] gives every record back in
//! order. The bytes on disk, and what is assumed of the medium, stand in `FORMAT.md`.
//!
//! Read first: `format.rs` (the bytes), `segment.rs` (reading them), `writer.rs` (group commit and
//! what happens when a write fails), `open.rs` (recovery), `compact.rs`. The file system is reached
//! through [`Disk`] only; [`fault::FaultDisk`] is the one that loses what was not fsynced.
//! [`Log`] and [`contract`] say what any other engine must do to take this one's place.

mod compact;
pub mod contract;
mod disk;
mod error;
pub mod fault;
mod format;
mod fuzz;
mod open;
pub mod record;
mod replay;
mod segment;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use compact::CompactionReport;
pub use contract::Log;
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{Error, Fault, Result};
pub use fuzz::fuzz_segment;
pub use open::{OpenReport, TornTail};
pub use replay::Replay;

use writer::Shared;

/// What a journal accepts, when writing and when reading.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The longest record. Default 1 MiB.
    pub record_bytes: usize,
    /// The most bytes of one append, with 8 for each record beside its own. Default 16 MiB.
    pub frame_bytes: usize,
    /// The most records of one append. Default 1,048,576.
    pub frame_records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { record_bytes: 1 << 20, frame_bytes: 16 << 20, frame_records: 1 << 20 }
    }
}

/// How a journal is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// A segment that would grow beyond this is sealed and a new one begun. Default 64 MiB.
    pub segment_bytes: u64,
    /// What is accepted.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, limits: Limits::default() }
    }
}

impl Options {
    fn check(&self) -> Result<()> {
        let problem = if self.limits.record_bytes > self.limits.frame_bytes.saturating_sub(8) {
            "`Limits::frame_bytes` must be at least 8 more than `Limits::record_bytes`"
        } else if self.limits.frame_bytes > (u32::MAX / 2) as usize {
            "`Limits::frame_bytes` must be below 2 GiB"
        } else if self.limits.frame_records == 0 || self.limits.frame_records > 1 << 30 {
            "`Limits::frame_records` must be between 1 and 2^30"
        } else if self.segment_bytes < 256 {
            "`Options::segment_bytes` must be at least 256"
        } else {
            return Ok(());
        };
        Err(Error::Options { problem })
    }
}

/// The sequence numbers that an append was given: from `first` up to, not including, `end`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Positions {
    /// The first record's number.
    pub first: u64,
    /// The number the record after the last will get.
    pub end: u64,
}

/// One segment of a journal, as [`Journal::segments`] lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SegmentInfo {
    /// Its file.
    pub path: PathBuf,
    /// The first sequence number it is responsible for.
    pub first: u64,
    /// The first one it is not responsible for any more.
    pub end: u64,
    /// Its length.
    pub bytes: u64,
    /// Whether it takes no more records. Only sealed segments are compacted.
    pub sealed: bool,
}

/// An append-only sequence of records, numbered from 1.
///
/// Cheap to clone; all clones are the same journal. One process at a time may have it open, which
/// the lock on the data folder sees to.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

impl Journal {
    /// Opens the journal in `dir`, creating it if it is not there.
    ///
    /// What an interrupted write left at the very end is cut off and reported; any other damage is
    /// an error and changes nothing. Sealed segments are read in full only by [`Self::replay`].
    pub fn open(
        dir: impl Into<PathBuf>,
        disk: Arc<dyn Disk>,
        options: Options,
    ) -> Result<(Self, OpenReport)> {
        options.check()?;
        let (shared, report) = open::open(dir.into(), disk, options)?;
        Ok((Self { shared: Arc::new(shared) }, report))
    }

    /// Appends records as one unit and returns when they are durable. Concurrent callers share
    /// one fsync. After an error other than [`Error::Poisoned`] none of the records is kept.
    pub fn append(&self, records: &[&[u8]]) -> Result<Positions> {
        let positions = self.shared.write(records)?;
        self.shared.make_durable(positions.end)?;
        Ok(positions)
    }

    /// Appends records as one unit without waiting for the disk, for bulk loads: they are
    /// acknowledged, and seen by [`Self::replay`], only after [`Self::sync`].
    pub fn append_unsynced(&self, records: &[&[u8]]) -> Result<Positions> {
        self.shared.write(records)
    }

    /// Makes everything appended so far durable.
    pub fn sync(&self) -> Result<()> {
        self.shared.sync()
    }

    /// Makes everything durable and notes so in the file. Call it on a clean stop: from then on
    /// damage to the last frames is told from a torn tail.
    pub fn checkpoint(&self) -> Result<()> {
        self.shared.checkpoint()
    }

    /// The durable records with sequence number `from` and above, in order. When it has reached
    /// the end it can be asked again later, and goes on with what was appended since.
    pub fn replay(&self, from: u64) -> Replay {
        Replay::new(Arc::clone(&self.shared), from)
    }

    /// The sequence number of the last durable record, zero if there never was one. The record
    /// itself may have been dropped by compaction.
    pub fn last(&self) -> u64 {
        self.shared.lock().durable - 1
    }

    /// All segments, in order.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        self.shared.segments()
    }

    /// How many bytes the segments have together.
    pub fn bytes(&self) -> u64 {
        self.segments().iter().map(|segment| segment.bytes).sum()
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.shared.dir
    }

    /// Drops the records of sealed segments for which `keep` says `false`; the others keep their
    /// sequence numbers. Small neighbours are merged, so no empty segments remain.
    ///
    /// Each file is replaced by a rename, so a crash leaves either the old or the new one.
    /// Appending and replaying go on meanwhile; a replay may or may not see what is being dropped.
    pub fn compact(&self, keep: impl FnMut(u64, &[u8]) -> bool) -> Result<CompactionReport> {
        compact::compact(&self.shared, keep)
    }
}
