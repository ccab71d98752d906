//! Builds from entries in any order, in memory: 24 bytes each, and their names and facts.

use super::stream::check_profiles;
use super::{Admitted, FileWriter, Options, Row, Written, admit, suitable_shard_bits};
use crate::directory::Form;
use crate::{BuildError, Entry, Facts, Layer, Profile, Terms};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::io::Write;
use wardnet_model::{Key, Kind, Scope};

/// Bits of [`Packed::profile`] that hold the profile; the prefix length stands above them.
const PROFILE_BITS: u32 = 24;

/// Bits of [`Packed::detail`] that hold the detail; the scope stands above them.
const DETAIL_BITS: u32 = 30;

/// An entry in memory, in 24 bytes.
#[derive(Clone, Copy)]
struct Packed {
    high: u64,
    low: u64,
    profile: u32,
    /// One more than the position in `details`, or 0.
    detail: u32,
}

impl Packed {
    fn rank(&self) -> (u64, u64, u32, u32) {
        let length = self.profile.wrapping_shr(PROFILE_BITS);
        (self.high, self.low, length, self.detail.wrapping_shr(DETAIL_BITS))
    }
}

/// What only some entries have.
struct Detail {
    name: Option<(usize, usize)>,
    facts: Option<Facts>,
    terms: Option<Terms>,
}

/// Collects entries in any order, sorts them, and writes a database.
///
/// The bytes depend on the entries and options only, not on the order of the entries.
pub struct Builder {
    options: Options,
    sections: BTreeMap<(Layer, u8), Vec<Packed>>,
    profiles: Vec<Profile>,
    numbers: FxHashMap<Profile, u32>,
    last_profile: u32,
    details: Vec<Detail>,
    text: String,
}

impl Builder {
    /// A builder without entries.
    pub fn new(options: Options) -> Self {
        let (sections, profiles, numbers, details, text) = Default::default();
        Self { options, sections, profiles, numbers, last_profile: 0, details, text }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: &Entry<'_>) -> Result<(), BuildError> {
        let admitted = admit(entry, &self.options.limits)?;
        let profile = self.number_of(&admitted)?;
        let detail = self.keep_details(entry)?;
        let length = u32::from(admitted.length).wrapping_shl(PROFILE_BITS);
        let scope = u32::from(entry.scope.tag()).wrapping_shl(DETAIL_BITS);
        let packed = Packed {
            high: admitted.key.wrapping_shr(64) as u64,
            low: admitted.key as u64,
            profile: profile | length,
            detail: detail | scope,
        };
        self.sections.entry((admitted.layer, admitted.section)).or_default().push(packed);
        Ok(())
    }

    fn number_of(&mut self, admitted: &Admitted<'_>) -> Result<u32, BuildError> {
        let profile = admitted.profile.as_ref();
        if self.profiles.get(self.last_profile as usize) == Some(profile) {
            return Ok(self.last_profile);
        }
        if let Some(number) = self.numbers.get(profile) {
            self.last_profile = *number;
            return Ok(*number);
        }
        let number = u32::try_from(self.profiles.len()).unwrap_or(u32::MAX);
        check_profiles(self.profiles.len().saturating_add(1), &self.options.limits)?;
        if number >= 1 << PROFILE_BITS {
            return Err(BuildError::TooMany { what: "profiles", max: 1 << PROFILE_BITS });
        }
        self.profiles.push(profile.clone());
        self.numbers.insert(profile.clone(), number);
        self.last_profile = number;
        Ok(number)
    }

    fn keep_details(&mut self, entry: &Entry<'_>) -> Result<u32, BuildError> {
        let name = entry.name.filter(|_| self.options.names).map(|name| {
            let begin = self.text.len();
            self.text.push_str(name);
            (begin, self.text.len())
        });
        let facts = entry.facts.filter(|_| self.options.facts);
        if name.is_none() && facts.is_none() && entry.terms.is_none() {
            return Ok(0);
        }
        self.details.push(Detail { name, facts, terms: entry.terms });
        let number = u32::try_from(self.details.len()).unwrap_or(u32::MAX);
        if number >= 1 << DETAIL_BITS {
            let max = 1 << DETAIL_BITS;
            return Err(BuildError::TooMany { what: "entries with details in memory", max });
        }
        Ok(number)
    }

    /// Sorts the entries and writes the file.
    pub fn finish(mut self, out: impl Write) -> Result<Written, BuildError> {
        let (profiles, renumbered) = canonical(std::mem::take(&mut self.profiles));
        let sources = std::mem::take(&mut self.options.sources);
        let mut writer = FileWriter::new(out, self.options.header(), profiles, sources)?;
        for ((layer, tag), mut rows) in std::mem::take(&mut self.sections) {
            rows.sort_unstable_by_key(Packed::rank);
            refuse_duplicates(&rows, tag)?;
            let entries = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            writer.begin(layer, tag, suitable_shard_bits(Form::of(tag), entries))?;
            for packed in &rows {
                writer.row(self.unpack(packed, &renumbered))?;
            }
        }
        writer.finish()
    }

    fn unpack(&self, packed: &Packed, renumbered: &[u32]) -> Row<&str> {
        let number = packed.profile & low(PROFILE_BITS);
        let (.., length, scope) = packed.rank();
        let detail = (packed.detail & low(DETAIL_BITS))
            .checked_sub(1)
            .and_then(|position| self.details.get(position as usize));
        Row {
            key: u128::from(packed.high).wrapping_shl(64) | u128::from(packed.low),
            full: true,
            length: u8::try_from(length).unwrap_or(0),
            scope: u8::try_from(scope).unwrap_or(0),
            profile: renumbered.get(number as usize).copied().unwrap_or(0),
            name: detail
                .and_then(|detail| detail.name)
                .and_then(|(begin, end)| self.text.get(begin..end)),
            facts: detail.and_then(|detail| detail.facts),
            terms: detail.and_then(|detail| detail.terms),
        }
    }
}

const fn low(bits: u32) -> u32 {
    1u32.wrapping_shl(bits).wrapping_sub(1)
}

/// Sorts profiles; returns them and the new number of each old one.
fn canonical(profiles: Vec<Profile>) -> (Vec<Profile>, Vec<u32>) {
    let mut sorted: Vec<(Profile, usize)> = profiles.into_iter().zip(0usize..).collect();
    sorted.sort_unstable();
    let mut renumbered = vec![0u32; sorted.len()];
    for ((_, old), new) in sorted.iter().zip(0u32..) {
        if let Some(slot) = renumbered.get_mut(*old) {
            *slot = new;
        }
    }
    (sorted.into_iter().map(|(profile, _)| profile).collect(), renumbered)
}

fn refuse_duplicates(rows: &[Packed], tag: u8) -> Result<(), BuildError> {
    let pair = rows.windows(2).find_map(|pair| match pair {
        [a, b] if a.rank() == b.rank() => Some(a),
        _ => None,
    });
    let Some(row) = pair else { return Ok(()) };
    let mut key = Key([0; 32]);
    let halves = row.high.to_be_bytes().into_iter().chain(row.low.to_be_bytes());
    key.0.iter_mut().zip(halves).for_each(|(byte, value)| *byte = value);
    let scope = u8::try_from(row.rank().3).ok().and_then(Scope::from_tag).unwrap_or_default();
    let kind = Kind::from_tag(tag).unwrap_or(Kind::Domain);
    Err(BuildError::Duplicate { kind, key, scope })
}
