//! Patterns: what a source says of every indicator whose text looks a certain way.

use crate::{BatchId, Category, Kind, SourceId, Stance, Timestamp, Tlp};

/// How a pattern matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum PatternKind {
    /// Anywhere in the indicator's text, in either case.
    Substring = 0,
    /// As a regular expression, in the syntax of the `regex` crate.
    Regex = 1,
}

impl PatternKind {
    /// The number that stands for it on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// What a number read from disk stands for.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::Substring),
            1 => Some(Self::Regex),
            _ => None,
        }
    }

    /// The name used in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Substring => "substring",
            Self::Regex => "regex",
        }
    }
}

/// A text that is looked for in the canonical text of indicators.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    /// How it matches.
    pub kind: PatternKind,
    /// What is looked for.
    pub text: Box<str>,
}

/// Patterns that say the same of what they match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternList {
    /// The list's own name.
    pub name: Box<str>,
    /// The kinds of indicator it is for, in order.
    pub kinds: Vec<Kind>,
    /// Which side it takes.
    pub stance: Stance,
    /// What for.
    pub category: Category,
    /// The patterns, sorted.
    pub patterns: Vec<Pattern>,
}

/// All patterns of one batch of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternSet {
    /// Who says it.
    pub source: SourceId,
    /// The batch they are renewed with.
    pub batch: BatchId,
    /// How sure the source is, in percent.
    pub confidence: u8,
    /// Who may see them.
    pub tlp: Tlp,
    /// When the batch first had patterns.
    pub first_seen: Timestamp,
    /// When they were read; the batch may have been renewed since.
    pub last_seen: Timestamp,
    /// The patterns, by what they say.
    pub lists: Vec<PatternList>,
}

impl PatternSet {
    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.lists.iter().map(|list| list.patterns.len()).sum()
    }

    /// Whether there are none: such a set takes the one before it away.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another set says the same, at whatever time.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.source, self.batch, self.confidence, self.tlp)
            == (other.source, other.batch, other.confidence, other.tlp)
            && self.lists == other.lists
    }
}
