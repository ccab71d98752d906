//! Who says something: sources, tenants, and how far each is believed.

use crate::{Category, Kind, UnknownName};
use std::fmt;
use std::str::FromStr;

/// The number of a source. Given by the journal's writer, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SourceId(pub u32);

/// The number of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TenantId(pub u32);

impl TenantId {
    /// What is shared with everybody: the base of every tenant's view.
    pub const SHARED: Self = Self(0);
}

/// How reliable a source is, on the Admiralty scale (NATO STANAG 2511).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reliability {
    /// Completely reliable.
    A = 0,
    /// Usually reliable.
    B = 1,
    /// Fairly reliable.
    C = 2,
    /// Not usually reliable.
    D = 3,
    /// Unreliable.
    E = 4,
    /// Reliability cannot be judged.
    F = 5,
}

const GRADES: [(Reliability, &str); 6] = [
    (Reliability::A, "A"),
    (Reliability::B, "B"),
    (Reliability::C, "C"),
    (Reliability::D, "D"),
    (Reliability::E, "E"),
    (Reliability::F, "F"),
];

impl Reliability {
    /// The number that stands for this grade on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The grade of a number read from disk.
    pub fn from_tag(tag: u8) -> Option<Self> {
        GRADES.iter().find(|(grade, _)| grade.tag() == tag).map(|(grade, _)| *grade)
    }

    /// The letter.
    pub fn name(self) -> &'static str {
        GRADES.iter().find(|(grade, _)| *grade == self).map_or("", |(_, name)| name)
    }
}

impl FromStr for Reliability {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        GRADES
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(grade, _)| *grade)
            .ok_or_else(|| UnknownName::new("reliability", name, GRADES.iter().map(|row| row.1)))
    }
}

impl fmt::Display for Reliability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What sort of source speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum SourceKind {
    /// A published list.
    #[default]
    Feed = 0,
    /// A sensor or honeypot that saw it happen.
    Sensor = 1,
    /// A model or heuristic: never more than `suspicious` by itself.
    Model = 2,
    /// Correlation with other indicators: never more than `suspicious` by itself.
    Correlation = 3,
    /// A client of the network, behind a token.
    Reporter = 4,
    /// A person of the operator's.
    Person = 5,
}

const SOURCE_KINDS: [(SourceKind, &str); 6] = [
    (SourceKind::Feed, "feed"),
    (SourceKind::Sensor, "sensor"),
    (SourceKind::Model, "model"),
    (SourceKind::Correlation, "correlation"),
    (SourceKind::Reporter, "reporter"),
    (SourceKind::Person, "person"),
];

impl SourceKind {
    /// The number that stands for this sort on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// The sort of a number read from disk.
    pub fn from_tag(tag: u8) -> Option<Self> {
        SOURCE_KINDS.iter().find(|(kind, _)| kind.tag() == tag).map(|(kind, _)| *kind)
    }

    /// The name used in JSON and configuration.
    pub fn name(self) -> &'static str {
        SOURCE_KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Whether what it says is inferred, not seen: such sources form one group together, and lift
    /// nothing above `suspicious` that at most reporters say besides.
    pub const fn is_inferred(self) -> bool {
        matches!(self, Self::Model | Self::Correlation)
    }
}

impl FromStr for SourceKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        SOURCE_KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind).ok_or_else(
            || UnknownName::new("source kind", name, SOURCE_KINDS.iter().map(|row| row.1)),
        )
    }
}

/// All that scoring and exports must know of a source. It is written to the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub id: SourceId,
    /// Its stable name, unique among sources.
    pub name: Box<str>,
    /// What sort of source it is.
    pub kind: SourceKind,
    /// How far it is believed, unless `per_kind` says otherwise.
    pub reliability: Reliability,
    /// How far it is believed for single kinds of indicator, in order of kind.
    pub per_kind: Vec<(Kind, Reliability)>,
    /// Sources of one group copy each other, and count about once. The source's own name when it
    /// depends on nobody.
    pub group: Box<str>,
    /// Seconds in which its evidence loses half its weight; the category's own when `None`.
    pub half_life_secs: Option<u64>,
    /// The category of its rows when the format does not tell.
    pub category: Category,
    /// Scored in parallel, excluded from published risk.
    pub shadow: bool,
    /// Whether it may leave this network in exports.
    pub redistribute: bool,
    /// Its licence, in its own words.
    pub licence: Box<str>,
}

impl Source {
    /// A source nobody described: believed by `reliability`, in a group of its own.
    pub fn undescribed(id: SourceId, name: &str, reliability: Reliability) -> Self {
        Self {
            id,
            name: name.into(),
            kind: SourceKind::Feed,
            reliability,
            per_kind: Vec::new(),
            group: name.into(),
            half_life_secs: None,
            category: Category::Uncategorised,
            shadow: false,
            redistribute: false,
            licence: "".into(),
        }
    }

    /// How far the source is believed about indicators of `kind`.
    pub fn reliability_for(&self, kind: Kind) -> Reliability {
        self.per_kind
            .iter()
            .find(|(known, _)| *known == kind)
            .map_or(self.reliability, |(_, grade)| *grade)
    }
}
