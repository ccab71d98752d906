//! What scoring reads besides evidence, in numbered epochs.

use crate::{Category, Kind, PatternSet, Source, SourceId, Timestamp};

/// A change to what scoring reads. All changes of one record take effect together, as one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calibration {
    /// The number of the epoch that this record opens; one more than the last.
    pub epoch: u32,
    /// When it opened.
    pub at: Timestamp,
    /// Why: `operator`, `learning`, `defaults of version 0.1.0`.
    pub reason: Box<str>,
    /// What changes.
    pub changes: Vec<CalibrationChange>,
}

/// One thing that scoring reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CalibrationChange {
    /// A source is described, or described anew.
    Source(Source),
    /// Evidence of a category loses half its weight in so many seconds.
    HalfLife(Category, u64),
    /// The domains that lend space to strangers, besides the private section of the Public Suffix
    /// List; the whole list, sorted.
    Hosting(Vec<Box<str>>),
    /// What is never listed, besides the reserved ranges: canonical texts of domains, addresses and
    /// networks; the whole list, sorted.
    NeverListed(Vec<Box<str>>),
    /// SHA-256 of the Public Suffix List in use.
    SuffixList([u8; 32]),
    /// What verified decisions say of a source, for one kind of indicator: how often it was right
    /// and how often wrong.
    Learned {
        /// Which source.
        source: SourceId,
        /// About which kind.
        kind: Kind,
        /// Confirmed.
        right: u32,
        /// Refuted.
        wrong: u32,
    },
    /// The patterns of one batch of a source: the whole set. An empty one takes the last away.
    Patterns(PatternSet),
}
