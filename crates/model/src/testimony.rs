//! One source's word on a thing, for those who want every voice and not only the verdict.

use crate::{Category, Stance, Timestamp};

/// What one source says of a thing, or of what the thing lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Testimony {
    /// Who says it, by name.
    pub source: Box<str>,
    /// Which side it takes.
    pub stance: Stance,
    /// What for.
    pub category: Category,
    /// The malware family or campaign, in the source's words.
    pub family: Option<Box<str>>,
    /// Whether it counts for the verdict now: what ran out, is on trial or takes no side does not.
    pub counts: bool,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
}
