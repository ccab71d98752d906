//! One feed of the catalogue, as the rest of the program uses it.

use crate::catalogue::{HeaderField, Location};
use crate::feeds::{Format, Mapping, ReadOptions};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use wardnet_model::{
    Category, Kind, Reliability, Scope, Sharing, Source, SourceId, SourceKind, Stance, Tlp,
};

/// The longest name of a feed, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The name of a feed: it is also the name of its folder and of its source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedName(Box<str>);

/// Why a text is no name for a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a feed's name has 1 to {NAME_BYTES_MAX} of the characters a-z, 0-9, `.`, `_` and `-`, and \
     begins with a letter or digit"
)]
pub struct NameError;

impl FeedName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FeedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        // A name becomes the name of a folder: it must not be hidden, `.` or `..`.
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = text.len() <= NAME_BYTES_MAX && text.bytes().all(allowed);
        if starts_well && fits { Ok(Self(text.into())) } else { Err(NameError) }
    }
}

impl fmt::Display for FeedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One `[[feed]]` of `feeds.toml`, checked and with every default filled in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FeedConfig {
    /// Its name.
    pub name: FeedName,
    /// Where it lies.
    pub location: Location,
    /// How it is written; found out from its first rows when `None`.
    pub format: Option<Format>,
    /// Which field holds what, for formats whose fields have no names of their own.
    pub mapping: Option<Arc<Mapping>>,
    /// The category of rows that name none.
    pub category: Category,
    /// The kinds of indicator that are taken from it, in order of kind; all when empty.
    pub kinds: Vec<Kind>,
    /// The side its rows take; the format's own when `None`.
    pub stance: Option<Stance>,
    /// How far its rows reach; the format's own when `None`.
    pub scope: Option<Scope>,
    /// How sure it is of rows that do not say, in percent.
    pub confidence: u8,
    /// How far it is believed.
    pub reliability: Reliability,
    /// How far it is believed about single kinds, in order of kind.
    pub reliability_per_kind: Vec<(Kind, Reliability)>,
    /// Feeds of one group copy each other, and count about once.
    pub group: Box<str>,
    /// Seconds in which its evidence loses half its weight; the category's own when `None`.
    pub half_life_secs: Option<u64>,
    /// Its licence.
    pub licence: Box<str>,
    /// Where people read about it.
    pub homepage: Option<Box<str>>,
    /// Whether its rows may leave this network in exports.
    pub redistribute: bool,
    /// Whether it lists all that it knows each time, so that what vanishes from it expires.
    pub full: bool,
    /// Seconds from one fetch to the next.
    pub interval_secs: u64,
    /// Whether it is fetched.
    pub enabled: bool,
    /// Scored in parallel, excluded from published risk.
    pub shadow: bool,
    /// Who may see its rows.
    pub tlp: Tlp,
    /// Whose verdicts its rows count for.
    pub sharing: Sharing,
    /// The largest copy that is taken, in bytes as transferred.
    pub bytes_max: u64,
    /// The share of its rows that a new copy may lose without being held back, from 0 to 1.
    pub shrink_limit: f64,
    /// What is sent with each request.
    pub headers: Vec<HeaderField>,
    /// Whether `http:` is allowed.
    pub allow_http: bool,
    /// Whether it may lie in a private network or on this machine.
    pub allow_private: bool,
}

impl FeedConfig {
    /// The feed as a source of evidence, under the number that the journal gave it.
    pub fn to_source(&self, id: SourceId) -> Source {
        Source {
            id,
            name: self.name.as_str().into(),
            kind: SourceKind::Feed,
            reliability: self.reliability,
            per_kind: self.reliability_per_kind.clone(),
            group: self.group.clone(),
            half_life_secs: self.half_life_secs,
            category: self.category,
            shadow: self.shadow,
            // Also of rows that are held from when the feed was marked otherwise.
            redistribute: self.redistribute && self.tlp <= Tlp::Green,
            licence: self.licence.clone(),
        }
    }

    /// How its rows are read.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions {
            scope: self.scope,
            stance: self.stance,
            name: Some(self.name.as_str().into()),
            document: Some(self.location.document().into()),
            mapping: self.mapping.clone(),
            ..ReadOptions::default()
        }
    }

    /// Whether indicators of `kind` are taken from this feed.
    pub fn takes(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }
}
