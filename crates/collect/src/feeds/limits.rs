//! What the caller of a reader decides: limits, and how rows are meant.

use crate::feeds::Mapping;
use std::sync::Arc;
use wardnet_model::{Scope, Stance, Timestamp};

/// How much a feed may cost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest line, in bytes. A longer one is rejected and skipped without being held.
    /// Default: 64 KiB.
    pub line_bytes_max: usize,
    /// The most lines that one row of a CSV may have, by line ends in quoted fields; a quote that
    /// is open for longer was never meant to be closed. Default: 8.
    pub row_lines_max: u32,
    /// The most lines that are read, comments included; what follows is left out and the report
    /// says so. For one JSON document: the most entries. Default: 50 million.
    pub lines_max: u64,
    /// The largest feed that must be held as one document (MISP warning lists), in bytes.
    /// Default: 64 MiB.
    pub document_bytes_max: u64,
    /// The longest record of a JSON document (one indicator of a STIX bundle, one row of PhishTank),
    /// in bytes. A longer one is rejected and skipped without being held. Default: 1 MiB.
    pub record_bytes_max: usize,
    /// How deep a JSON document may be nested. Default: 64.
    pub json_depth_max: usize,
    /// The most records of a kind that are kept until the end, since others refer to them.
    /// Default: 200,000.
    pub records_held_max: usize,
    /// The longest STIX pattern, in bytes. Default: 256 KiB.
    pub stix_pattern_bytes_max: usize,
    /// How deep a STIX pattern may be nested. Default: 32.
    pub stix_depth_max: usize,
    /// The most comparisons that all alternatives of a STIX pattern together may have. Default:
    /// 20,000.
    pub stix_cost_max: u64,
    /// The most bytes of text that are read, after inflating. Default: 2 GiB.
    pub plain_bytes_max: u64,
    /// The most bytes of text that one compressed byte may become. Default: 200; lists of names
    /// reach 10.
    pub inflate_ratio_max: u64,
    /// The largest zstd window, which the decoder holds in memory, in bytes. Default: 16 MiB.
    pub zstd_window_bytes_max: u64,
    /// The most patterns that one list may hold. Default: 100,000.
    pub patterns_max: usize,
    /// The longest pattern, in bytes. Default: 1 KiB.
    pub pattern_bytes_max: usize,
    /// The largest compiled regular expression, in bytes. Default: 1 MiB.
    pub pattern_compiled_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes_max: 64 << 10,
            row_lines_max: 8,
            lines_max: 50_000_000,
            document_bytes_max: 64 << 20,
            record_bytes_max: 1 << 20,
            json_depth_max: 64,
            records_held_max: 200_000,
            stix_pattern_bytes_max: 256 << 10,
            stix_depth_max: 32,
            stix_cost_max: 20_000,
            plain_bytes_max: 2 << 30,
            inflate_ratio_max: 200,
            zstd_window_bytes_max: 16 << 20,
            patterns_max: 100_000,
            pattern_bytes_max: 1 << 10,
            pattern_compiled_bytes_max: 1 << 20,
        }
    }
}

/// How the rows of one feed are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The scope of names and URLs whose row does not say it; [`Scope::Exact`] when `None`.
    pub scope: Option<Scope>,
    /// The stance of rows that the format takes for bad; [`Stance::Malicious`] when `None`. A list
    /// of good names in a block list's format is read with [`Stance::Benign`].
    pub stance: Option<Stance>,
    /// The feed's short name, such as `public-dns-v4`: MISP warning lists tell their category by
    /// it.
    pub name: Option<Box<str>>,
    /// The name of the file itself, such as `cobaltstrike-1.txt`: Maltrail's trails tell the family
    /// by it.
    pub document: Option<Box<str>>,
    /// Which field holds what, for formats whose fields have no names of their own.
    pub mapping: Option<Arc<Mapping>>,
    /// The time it is read: what says that it is in force only later is held back. All is taken
    /// when `None`.
    pub now: Option<Timestamp>,
    /// How much the feed may cost.
    pub limits: Limits,
}
