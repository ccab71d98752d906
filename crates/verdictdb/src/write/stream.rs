//! Builds from sorted entries, a shard at a time.

use super::{FileWriter, Options, Row, Written, admit, suitable_shard_bits};
use crate::directory::Form;
use crate::{BuildError, Entry, Layer, Limits, Profile};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// What [`StreamBuilder`] must know before the first entry: how many entries each section will
/// have, and which profiles there are. Made by a first pass over the entries, in any order.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    counts: BTreeMap<(Layer, u8), u64>,
    profiles: BTreeSet<Profile>,
    /// The profile of the entry before, which is most often that of the next.
    last: Option<Profile>,
    limits: Limits,
}

impl Plan {
    /// A plan for no entries yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Counts an entry.
    pub fn note(&mut self, entry: &Entry<'_>) -> Result<(), BuildError> {
        let admitted = admit(entry, &self.limits)?;
        let count = self.counts.entry((admitted.layer, admitted.section)).or_default();
        *count = count.saturating_add(1);
        let profile = admitted.profile.as_ref();
        if self.last.as_ref() == Some(profile) {
            return Ok(());
        }
        self.last = Some(profile.clone());
        if !self.profiles.contains(profile) {
            self.profiles.insert(admitted.profile.into_owned());
        }
        check_profiles(self.profiles.len(), &self.limits)
    }
}

/// Refuses more profiles than the limits allow.
pub(super) fn check_profiles(count: usize, limits: &Limits) -> Result<(), BuildError> {
    let max = limits.profiles_max;
    if u32::try_from(count).is_ok_and(|count| count <= max) {
        return Ok(());
    }
    Err(BuildError::TooMany { what: "profiles", max: max.into() })
}

/// Writes a database from entries in order, in memory bounded by one shard.
///
/// The order is that of [`Entry::order`]: layer, kind (networks with the addresses of their
/// family), key, scope.
pub struct StreamBuilder<W> {
    writer: FileWriter<W, Box<str>>,
    counts: BTreeMap<(Layer, u8), u64>,
    numbers: FxHashMap<Profile, u32>,
    /// The profile of the entry before and its number.
    last_profile: Option<(Profile, u32)>,
    last: Option<(Layer, u8, (u128, u8, u8))>,
    limits: Limits,
}

impl<W: Write> StreamBuilder<W> {
    /// Begins a file.
    pub fn new(out: W, options: Options, plan: Plan) -> Result<Self, BuildError> {
        let profiles: Vec<Profile> = plan.profiles.into_iter().collect();
        let numbers = profiles.iter().cloned().zip(0u32..).collect();
        let writer = FileWriter::new(out, options.header(), profiles, options.sources)?;
        let (counts, limits) = (plan.counts, options.limits);
        Ok(Self { writer, counts, numbers, last_profile: None, last: None, limits })
    }

    /// Writes the next entry.
    pub fn push(&mut self, entry: &Entry<'_>) -> Result<(), BuildError> {
        let admitted = admit(entry, &self.limits)?;
        let profile = self.number_of(admitted.profile.as_ref())?;
        let row = Row {
            key: admitted.key,
            full: true,
            length: admitted.length,
            scope: entry.scope.tag(),
            profile,
            name: entry.name.map(Box::from),
            facts: entry.facts,
            terms: entry.terms,
        };
        let section = (admitted.layer, admitted.section);
        let rank = (section.0, section.1, row.rank());
        let (kind, key, scope) = (entry.kind, entry.key, entry.scope);
        if self.last == Some(rank) {
            return Err(BuildError::Duplicate { kind, key, scope });
        }
        if self.last.is_some_and(|last| last > rank) {
            return Err(BuildError::OutOfOrder { kind, key });
        }
        if self.last.is_none_or(|(layer, tag, _)| (layer, tag) != section) {
            let count = self.counts.get(&section).ok_or(BuildError::NotPlanned("section"))?;
            let bits = suitable_shard_bits(Form::of(section.1), *count);
            self.writer.begin(section.0, section.1, bits)?;
        }
        self.last = Some(rank);
        self.writer.row(row)
    }

    fn number_of(&mut self, profile: &Profile) -> Result<u32, BuildError> {
        if let Some((last, number)) = &self.last_profile
            && last == profile
        {
            return Ok(*number);
        }
        let number = self.numbers.get(profile).copied();
        let number = number.ok_or(BuildError::NotPlanned("profile"))?;
        self.last_profile = Some((profile.clone(), number));
        Ok(number)
    }

    /// Ends the file.
    pub fn finish(self) -> Result<Written, BuildError> {
        self.writer.finish()
    }
}
