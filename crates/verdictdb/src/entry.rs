//! What goes in and comes out: entries, profiles, facts, decisions' terms, changes.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use wardnet_model::{Band, Basis, CategorySet, Key, Kind, Risk, Scope, SourceId, Timestamp, Voice};

/// How many sources a profile names at most.
pub const SOURCES_SHOWN_MAX: usize = 64;

/// Whether an entry is scored evidence or somebody's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Layer {
    /// Scored evidence.
    Evidence = 0,
    /// Decisions, which are checked against the clock when asked.
    Decision = 1,
}

impl Layer {
    /// The number that stands for this layer on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The layer of a number read from disk.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::Evidence),
            1 => Some(Self::Decision),
            _ => None,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evidence => "evidence",
            Self::Decision => "decision",
        })
    }
}

/// Sources: sorted, distinct, at most [`SOURCES_SHOWN_MAX`]. Each is its number, with the top bit
/// set where what it says may be handed on, as in files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceSet(Box<[u32]>);

/// Says of a source in a profile that what it says there may be handed on.
const SHAREABLE: u32 = 1 << 31;

impl SourceSet {
    /// The sources in order, in ascending number.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|bits| bits & !SHAREABLE)
    }

    /// Those among them that say in public that it is dangerous: what they say may be handed on,
    /// as far as its marking goes.
    pub fn shareable(&self) -> impl Iterator<Item = u32> {
        self.0.iter().filter(|bits| *bits & SHAREABLE != 0).map(|bits| bits & !SHAREABLE)
    }

    /// The sources as a file has them.
    pub(crate) fn bits(&self) -> &[u32] {
        &self.0
    }

    /// Reads what [`SourceSet::bits`] are.
    pub(crate) fn from_bits(bits: Vec<u32>) -> Option<Self> {
        let rises = bits.is_sorted_by(|a, b| a & !SHAREABLE < b & !SHAREABLE);
        (rises && bits.len() <= SOURCES_SHOWN_MAX).then(|| Self(bits.into()))
    }

    /// How many sources are named.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no source is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Sorts, drops repeats, and keeps the [`SOURCES_SHOWN_MAX`] lowest numbers.
impl FromIterator<Voice> for SourceSet {
    fn from_iter<I: IntoIterator<Item = Voice>>(sources: I) -> Self {
        let bits = |one: Voice| one.source.0 | if one.shareable { SHAREABLE } else { 0 };
        let mut sources: Vec<u32> = sources.into_iter().map(bits).collect();
        sources.sort_unstable_by_key(|bits| (bits & !SHAREABLE, !bits));
        sources.dedup_by_key(|bits| *bits & !SHAREABLE);
        sources.truncate(SOURCES_SHOWN_MAX);
        Self(sources.into())
    }
}

/// As of [`Voice`]s of whose words nothing may be handed on.
impl FromIterator<u32> for SourceSet {
    fn from_iter<I: IntoIterator<Item = u32>>(sources: I) -> Self {
        let voice = |source| Voice { source: SourceId(source), shareable: false };
        sources.into_iter().map(voice).collect()
    }
}

/// What many entries have in common. Entries share profiles, so a profile costs a few bits each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Profile {
    /// The published risk.
    pub risk: Risk,
    /// The class.
    pub band: Band,
    /// What it rests on.
    pub basis: Basis,
    /// Why.
    pub categories: CategorySet,
    /// Who says so.
    pub sources: SourceSet,
}

/// Dates of an entry. More facts may follow in later versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// When the first evidence in force was first seen.
    pub first_seen: Timestamp,
    /// When the newest evidence in force was last seen.
    pub last_seen: Timestamp,
}

/// What a decision carries besides its profile. Allow or block is said by the profile's band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// When it was made.
    pub decided_at: Timestamp,
    /// The first second in which it is no longer in force.
    pub until: Option<Timestamp>,
}

impl Terms {
    /// Whether the decision still stands at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// One row of a database, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The kind of indicator.
    pub kind: Kind,
    /// The key of the indicator.
    pub key: Key,
    /// How far the entry reaches.
    pub scope: Scope,
    /// What is said.
    pub profile: &'a Profile,
    /// The canonical text, where it may be enumerated.
    pub name: Option<&'a str>,
    /// Dates.
    pub facts: Option<Facts>,
    /// Present exactly for decisions.
    pub terms: Option<Terms>,
}

impl<'a> Entry<'a> {
    /// An entry of the evidence layer without name and facts.
    pub const fn evidence(kind: Kind, key: Key, scope: Scope, profile: &'a Profile) -> Self {
        Self { kind, key, scope, profile, name: None, facts: None, terms: None }
    }

    /// An entry of the decision layer without name and facts.
    pub const fn decision(
        kind: Kind,
        key: Key,
        scope: Scope,
        profile: &'a Profile,
        terms: Terms,
    ) -> Self {
        Self { kind, key, scope, profile, name: None, facts: None, terms: Some(terms) }
    }

    /// The layer that the entry belongs to.
    pub const fn layer(&self) -> Layer {
        if self.terms.is_some() { Layer::Decision } else { Layer::Evidence }
    }

    /// The order of entries in a file: layer, section, key, scope.
    ///
    /// Addresses and networks of one family share a section and are sorted together.
    pub fn order(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }

    fn rank(&self) -> (Layer, u8, Key, Scope) {
        (self.layer(), crate::prefix::section_tag(self.kind), self.key, self.scope)
    }
}

/// What is said of a key and scope, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryData {
    /// What is said.
    pub profile: Profile,
    /// The canonical text, where it may be enumerated.
    pub name: Option<Box<str>>,
    /// Dates.
    pub facts: Option<Facts>,
    /// Present exactly for decisions.
    pub terms: Option<Terms>,
}

impl EntryData {
    /// This data as a row of a database.
    pub fn as_entry(&self, kind: Kind, key: Key, scope: Scope) -> Entry<'_> {
        let (name, facts, terms) = (self.name.as_deref(), self.facts, self.terms);
        Entry { kind, key, scope, profile: &self.profile, name, facts, terms }
    }
}

/// One step from one state of the database to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The number of the change; numbers rise.
    pub seq: u64,
    /// The layer it changes.
    pub layer: Layer,
    /// The kind of indicator.
    pub kind: Kind,
    /// The key of the indicator.
    pub key: Key,
    /// The scope of the entry.
    pub scope: Scope,
    /// What is said from now on; `None` removes the entry.
    pub new: Option<EntryData>,
}

/// Names of sources by number, so that a file explains itself.
pub type SourceNames = BTreeMap<u32, Box<str>>;
