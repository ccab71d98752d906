//! Writes the next base from the last one and the changes since.

use crate::db::{Section, bad};
use crate::directory::{Form, Header};
use crate::write::{FileWriter, Options, Row, ShardBytes, Written, admit, suitable_shard_bits};
use crate::{BuildError, Change, Db, Layer, Profile};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// The place of a row within its section: key, prefix length, scope.
type Rank = (u128, u8, u8);

/// A row to put in, or with `None` one to take out.
type Edit<'a> = Option<Row<&'a str>>;

/// What the changes come to, for each section.
type Edits<'a> = BTreeMap<(Layer, u8), BTreeMap<Rank, Edit<'a>>>;

/// Shard bits may differ by this much from the suitable number before a section is cut anew.
const SHARD_BITS_SLACK: u8 = 2;

/// Writes a new database: `base` with `changes` applied in order of their numbers.
///
/// Only shards that a change falls into are built again; all others are copied byte for byte.
/// Changes that the base contains are ignored. New profiles go behind those of the base, so that
/// copied shards stay right; a full build sorts them again. `options` give the time and the
/// limits; whether there are names and facts is taken from the base, and the sources are the
/// base's with those of `options` over them.
///
/// A base keeps 64 bits of keys that block, so a change is taken to speak of the entry whose 64
/// bits it shares, unless a known key of 128 bits says otherwise.
pub fn apply<D: AsRef<[u8]>>(
    base: &Db<D>,
    changes: &[Change],
    options: &Options,
    out: impl Write,
) -> Result<Written, BuildError> {
    let contained = base.sequence();
    let mut newer: Vec<&Change> = changes.iter().filter(|change| change.seq > contained).collect();
    newer.sort_by_key(|change| change.seq);
    let mut profiles = Profiles::of(base);
    let edits = edits(&newer, &mut profiles, options)?;
    let sequence = newer.last().map_or(contained, |change| change.seq).max(options.sequence);
    let header = Header { created: options.created, sequence, ..base.header };
    let mut sources = base.sources().clone();
    sources.extend(options.sources.iter().map(|(id, name)| (*id, name.clone())));
    let mut writer = FileWriter::new(out, header, profiles.list, sources)?;
    let in_base = base.sections.iter().map(|s| (s.record.layer, s.record.kind_tag));
    let sections: BTreeSet<(Layer, u8)> = in_base.chain(edits.keys().copied()).collect();
    let none = BTreeMap::new();
    for at in sections {
        let edits = edits.get(&at).unwrap_or(&none);
        let old = base.sections.iter().find(|s| (s.record.layer, s.record.kind_tag) == at);
        write_section(&mut writer, base, at, old, edits)?;
    }
    writer.finish()
}

/// The base's profiles and the new ones behind them.
struct Profiles {
    list: Vec<Profile>,
    numbers: FxHashMap<Profile, u32>,
}

impl Profiles {
    fn of<D>(base: &Db<D>) -> Self {
        let list = base.profiles.clone();
        let numbers = list.iter().cloned().zip(0u32..).collect();
        Self { list, numbers }
    }

    fn number(&mut self, profile: &Profile, max: u32) -> Result<u32, BuildError> {
        if let Some(number) = self.numbers.get(profile) {
            return Ok(*number);
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        if number >= max {
            return Err(BuildError::TooMany { what: "profiles", max: max.into() });
        }
        self.list.push(profile.clone());
        self.numbers.insert(profile.clone(), number);
        Ok(number)
    }
}

fn edits<'a>(
    changes: &[&'a Change],
    profiles: &mut Profiles,
    options: &Options,
) -> Result<Edits<'a>, BuildError> {
    let nothing = Profile::default();
    let mut edits = Edits::new();
    for change in changes {
        let profile = change.new.as_ref().map_or(&nothing, |new| &new.profile);
        let entry = match &change.new {
            Some(new) => new.as_entry(change.kind, change.key, change.scope),
            None => crate::Entry::evidence(change.kind, change.key, change.scope, profile),
        };
        if change.new.is_some() && entry.layer() != change.layer {
            return Err(BuildError::WrongLayer(change.layer));
        }
        let admitted = admit(&entry, &options.limits)?;
        let scope = change.scope.tag();
        let rank = (admitted.key, admitted.length, scope);
        let row = match &change.new {
            None => None,
            Some(new) => Some(Row {
                key: admitted.key,
                full: true,
                length: admitted.length,
                scope,
                profile: profiles.number(&admitted.profile, options.limits.profiles_max)?,
                name: new.name.as_deref(),
                facts: new.facts,
                terms: new.terms,
            }),
        };
        edits.entry((change.layer, admitted.section)).or_default().insert(rank, row);
    }
    Ok(edits)
}

fn write_section<'a, W: Write, D: AsRef<[u8]>>(
    writer: &mut FileWriter<W, &'a str>,
    base: &'a Db<D>,
    (layer, kind_tag): (Layer, u8),
    old: Option<&'a Section>,
    edits: &BTreeMap<Rank, Edit<'a>>,
) -> Result<(), BuildError> {
    let added = edits.values().filter(|edit| edit.is_some()).count();
    let entries = old.map_or(0, Section::entries);
    let bits = suitable_shard_bits(
        Form::of(kind_tag),
        entries.saturating_add(u64::try_from(added).unwrap_or(u64::MAX)),
    );
    match old {
        Some(old) if old.record.shard_bits.abs_diff(bits) < SHARD_BITS_SLACK => {
            writer.begin(layer, kind_tag, old.record.shard_bits)?;
            rewrite_touched(writer, base, old, edits)
        }
        _ => {
            writer.begin(layer, kind_tag, bits)?;
            rewrite_all(writer, base, old, edits)
        }
    }
}

/// Copies the shards without edits and writes the others anew.
fn rewrite_touched<'a, W: Write, D: AsRef<[u8]>>(
    writer: &mut FileWriter<W, &'a str>,
    base: &'a Db<D>,
    section: &'a Section,
    edits: &BTreeMap<Rank, Edit<'a>>,
) -> Result<(), BuildError> {
    let mut by_shard: BTreeMap<u32, Vec<(Rank, Edit<'a>)>> = BTreeMap::new();
    for (rank, row) in edits {
        by_shard.entry(shard_of(section, *rank)).or_default().push((*rank, *row));
    }
    for (_, number) in section.shards.iter().zip(0u32..) {
        match by_shard.get(&number) {
            Some(edits) => {
                let rows = merge(base.rows(section, number)?, edits);
                writer.shard(&rows)?;
            }
            None => writer.copy(&copy_of(base, section, number)?)?,
        }
    }
    Ok(())
}

fn shard_of(section: &Section, (key, length, scope): Rank) -> u32 {
    let row: Row<&str> =
        Row { key, full: true, length, scope, profile: 0, name: None, facts: None, terms: None };
    row.shard(&section.record)
}

/// A shard's bytes as they are, after checking them, so that damage is not passed on.
fn copy_of<'a, D: AsRef<[u8]>>(
    base: &'a Db<D>,
    section: &'a Section,
    number: u32,
) -> Result<ShardBytes<'a>, BuildError> {
    base.shard(section, number)?;
    let error = || bad(section, number);
    let (main, index) = base.keys_parts(section, number).ok_or_else(error)?;
    let record = section.details.get(number as usize).ok_or_else(error)?.record;
    let names = base.names_part(section, number)?.into();
    let facts = base.facts_part(section, number)?.into();
    Ok(ShardBytes { record, main: main.into(), names, facts, index: index.into() })
}

/// Writes a section in another number of shards.
fn rewrite_all<'a, W: Write, D: AsRef<[u8]>>(
    writer: &mut FileWriter<W, &'a str>,
    base: &'a Db<D>,
    section: Option<&'a Section>,
    edits: &BTreeMap<Rank, Edit<'a>>,
) -> Result<(), BuildError> {
    let all: Vec<(Rank, Edit<'a>)> = edits.iter().map(|(r, row)| (*r, *row)).collect();
    let Some(section) = section else {
        return merge(Vec::new(), &all).into_iter().try_for_each(|row| writer.row(row));
    };
    if matches!(section.record.form, Form::Networks(_)) {
        // Short prefixes stand apart from the rest, so the order needs all of them at once.
        let mut rows = Vec::new();
        for (_, number) in section.shards.iter().zip(0u32..) {
            rows.append(&mut base.rows(section, number)?);
        }
        return merge(rows, &all).into_iter().try_for_each(|row| writer.row(row));
    }
    let mut left = all.as_slice();
    for (_, number) in section.shards.iter().zip(0u32..) {
        let here = left.partition_point(|(rank, _)| shard_of(section, *rank) <= number);
        let (edits, rest) = left.split_at_checked(here).unwrap_or((left, &[]));
        left = rest;
        let rows = merge(base.rows(section, number)?, edits);
        rows.into_iter().try_for_each(|row| writer.row(row))?;
    }
    Ok(())
}

/// Rows with edits applied, sorted.
fn merge<'a>(rows: Vec<Row<&'a str>>, edits: &[(Rank, Edit<'a>)]) -> Vec<Row<&'a str>> {
    let mut exact: BTreeSet<Rank> = BTreeSet::new();
    let mut short: BTreeSet<(u64, u8)> = BTreeSet::new();
    for ((key, length, scope), _) in edits {
        exact.insert((*key, *length, *scope));
        short.insert((key.wrapping_shr(64) as u64, *scope));
    }
    let is_replaced = |row: &Row<&str>| {
        exact.contains(&row.rank()) || !row.full && short.contains(&(row.high(), row.scope))
    };
    let mut merged: Vec<Row<&str>> = rows.into_iter().filter(|row| !is_replaced(row)).collect();
    merged.extend(edits.iter().filter_map(|(_, row)| *row));
    merged.sort_by_key(Row::rank);
    complete_keys(&mut merged);
    merged
}

/// Where only one full key is known among rows that share 64 bits, the others are its own scopes.
fn complete_keys(rows: &mut [Row<&str>]) {
    for group in rows.chunk_by_mut(|a, b| a.high() == b.high()) {
        if group.iter().all(|row| row.full) {
            continue;
        }
        let full: BTreeSet<u128> = group.iter().filter(|row| row.full).map(|row| row.key).collect();
        if let (Some(key), 1) = (full.first(), full.len()) {
            group.iter_mut().for_each(|row| (row.key, row.full) = (*key, true));
            group.sort_by_key(Row::rank);
        }
    }
}
