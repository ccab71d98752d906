//! Names by digests that are not the database's own keys.
//!
//! The database knows a domain as SHA-256 of `evil.example/`, an e-mail address as SHA-256 of
//! itself, and so on; clients ask for SHA-1, or for the bare host. An [`Index`] leads from the
//! first 32 bits of such a digest to the names that may be meant. It only leads: whoever asks
//! computes the whole digest of each candidate, and judges it by the view of the moment. So an
//! index that holds too much is slower, and never wrong.
//!
//! A name costs its text and five bytes, and eight bytes for each spelling and digest.

use super::config::{DnsConfig, ListKind};
use super::digest::Digest;
use smallvec::SmallVec;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use wardnet_model::{CategorySet, Kind, Timestamp};
use wardnet_score::{Level, Policy};
use wardnet_verdictdb::{LookupError, Profile, PublishedChange, View};

/// Names that came since the index was built, at most: with more it is built anew.
pub(super) const RECENT_MAX: usize = 65_536;

/// What the strictest zone lists: names below it are not kept.
const LISTED: Policy = Policy { level: Level::High, categories: CategorySet::EMPTY };

/// What an index is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    digests: BTreeSet<Digest>,
    /// Whether only domains are asked for.
    domains_only: bool,
    names_max: usize,
}

impl Wanted {
    /// What the zones of a listener need; `None` when they need no index.
    pub(super) fn by(config: &DnsConfig) -> Option<Self> {
        let mut digests: BTreeSet<Digest> =
            config.list.iter().flat_map(|list| list.digests.iter().copied()).collect();
        let domains_only = digests.is_empty();
        if config.list.iter().any(|list| list.kind == ListKind::HashPrefixes) {
            digests.insert(Digest::Sha256);
        }
        let names_max = config.digest_names_max;
        (!digests.is_empty()).then_some(Self { digests, domains_only, names_max })
    }

    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Domain => true,
            Kind::Url | Kind::Email => !self.domains_only,
            _ => false,
        }
    }
}

/// One digest of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    start: u32,
    name: u32,
}

/// A name that came after the index was built: what it is found by first.
type Recent = (Digest, u32, Kind, Arc<str>);

/// All names of a moment, by their digests.
#[derive(Debug, Clone)]
pub(super) struct Index {
    wanted: Wanted,
    built: Arc<Built>,
    recent: imbl::OrdSet<Recent>,
}

#[derive(Debug, Default)]
struct Built {
    names: Names,
    tables: Vec<(Digest, Vec<Row>)>,
    /// Names for which there was no place.
    left_out: usize,
}

impl Index {
    /// Reads everything that a view lists.
    pub(super) fn build(wanted: &Wanted, view: &View, now: Timestamp) -> Result<Self, LookupError> {
        let tables = wanted.digests.iter().map(|digest| (*digest, Vec::new())).collect();
        let mut built = Built { tables, ..Built::default() };
        for listed in view.entries(None, now) {
            let entry = listed?.entry;
            let Some(name) = entry.name else { continue };
            if wanted.has(entry.kind) && may_be_listed(entry.profile) {
                built.add(entry.kind, name, wanted.names_max);
            }
        }
        for (_, rows) in &mut built.tables {
            rows.sort_unstable();
            rows.shrink_to_fit();
        }
        Ok(Self { wanted: wanted.clone(), built: Arc::new(built), recent: imbl::OrdSet::new() })
    }

    /// This index with what changes add; what they take away is told by the view.
    #[must_use]
    pub(super) fn after(&self, changes: &[Arc<PublishedChange>]) -> Self {
        let mut next = self.clone();
        for change in changes.iter().filter(|change| self.wanted.has(change.kind)) {
            let new = change.new.as_ref().filter(|new| may_be_listed(&new.profile));
            let Some(name) = new.and_then(|new| new.name.as_deref()) else { continue };
            let text: Arc<str> = name.into();
            for digest in &self.wanted.digests {
                for spelling in spellings(change.kind, name) {
                    let start = digest.start_of(spelling.as_bytes());
                    next.recent.insert((*digest, start, change.kind, Arc::clone(&text)));
                }
            }
        }
        next
    }

    /// Whether so much has come that building it anew is better.
    pub(super) fn is_worn(&self) -> bool {
        self.recent.len() > RECENT_MAX
    }

    /// How many names it holds.
    pub(super) fn len(&self) -> usize {
        self.built.names.kinds.len()
    }

    /// How many names had no place.
    pub(super) fn left_out(&self) -> usize {
        self.built.left_out
    }

    /// Names whose digest may begin with one of these 32 bits.
    pub(super) fn candidates(
        &self,
        digest: Digest,
        starts: RangeInclusive<u32>,
    ) -> impl Iterator<Item = (Kind, &str)> {
        let table = self.built.tables.iter().find(|(of, _)| *of == digest);
        let rows = table.map_or(&[] as &[Row], |(_, rows)| rows.as_slice());
        let first = rows.partition_point(|row| row.start < *starts.start());
        let end = *starts.end();
        let built = rows.iter().skip(first).take_while(move |row| row.start <= end);
        let least = (digest, *starts.start(), Kind::Ipv4, Arc::from(""));
        let recent = self.recent.range(least..);
        let recent = recent.take_while(move |(of, start, ..)| *of == digest && *start <= end);
        built
            .filter_map(|row| self.built.names.at(row.name))
            .chain(recent.map(|(.., kind, name)| (*kind, name.as_ref())))
    }
}

impl Built {
    fn add(&mut self, kind: Kind, name: &str, names_max: usize) {
        let place = (self.names.kinds.len() < names_max).then(|| self.names.push(kind, name));
        let Some(number) = place.flatten() else {
            self.left_out += 1;
            return;
        };
        for spelling in spellings(kind, name) {
            for (digest, rows) in &mut self.tables {
                rows.push(Row { start: digest.start_of(spelling.as_bytes()), name: number });
            }
        }
    }
}

fn may_be_listed(profile: &Profile) -> bool {
    LISTED.blocks(profile.risk, profile.band, profile.categories)
}

/// Texts of names, one behind the other.
#[derive(Debug, Default)]
struct Names {
    text: String,
    ends: Vec<u32>,
    kinds: Vec<u8>,
}

impl Names {
    /// Adds a name and gives back its number; `None` when numbers run out.
    fn push(&mut self, kind: Kind, name: &str) -> Option<u32> {
        let number = u32::try_from(self.kinds.len()).ok()?;
        let end = u32::try_from(self.text.len() + name.len()).ok()?;
        self.text.push_str(name);
        self.ends.push(end);
        self.kinds.push(kind.tag());
        Some(number)
    }

    fn at(&self, number: u32) -> Option<(Kind, &str)> {
        let at = usize::try_from(number).ok()?;
        let begin = match at.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        let range = usize::try_from(begin).ok()?..usize::try_from(*self.ends.get(at)?).ok()?;
        Some((Kind::from_tag(*self.kinds.get(at)?)?, self.text.get(range)?))
    }
}

/// The texts that clients may take the digest of. Mail filters write a URL in small letters, some
/// without its scheme, and a root without its slash.
pub(super) fn spellings(kind: Kind, name: &str) -> SmallVec<[String; 8]> {
    let mut found: SmallVec<[String; 8]> = SmallVec::new();
    let mut add = |text: &str| {
        for text in [text.to_owned(), text.to_ascii_lowercase()] {
            if !found.contains(&text) {
                found.push(text);
            }
        }
    };
    add(name);
    if kind == Kind::Url {
        let bare = name.split_once("://").map_or(name, |(_, bare)| bare);
        add(bare);
        if let Some(root) = bare.strip_suffix('/').filter(|root| !root.contains('/')) {
            add(root);
            name.strip_suffix('/').into_iter().for_each(add);
        }
    }
    found
}
