//! Encodes one shard.

use crate::details::{encode_facts, encode_names, encode_terms};
use crate::directory::{Form, Header, SectionRecord, ShardRecord};
use crate::networks::{self, NetworkCell};
use crate::prefix::Family;
use crate::table::{self, Cell};
use crate::{BuildError, Facts, Layer, Terms};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;

/// An entry of a known section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<N> {
    /// The first 128 bits of the key; the lower half is zero where only 64 are known.
    pub(crate) key: u128,
    /// Whether all 128 bits are known.
    pub(crate) full: bool,
    /// The prefix length of networks, else 0.
    pub(crate) length: u8,
    pub(crate) scope: u8,
    pub(crate) profile: u32,
    pub(crate) name: Option<N>,
    pub(crate) facts: Option<Facts>,
    pub(crate) terms: Option<Terms>,
}

impl<N> Row<N> {
    /// Orders the rows of a section.
    pub(crate) const fn rank(&self) -> (u128, u8, u8) {
        (self.key, self.length, self.scope)
    }

    /// The upper 64 bits of the key.
    pub(crate) const fn high(&self) -> u64 {
        self.key.wrapping_shr(64) as u64
    }

    /// The number of the shard that the row belongs to.
    pub(crate) fn shard(&self, section: &SectionRecord) -> u32 {
        let bits = section.shard_bits;
        if matches!(section.form, Form::Networks(_)) && self.length < bits {
            return 1u32.wrapping_shl(bits.into());
        }
        let shard = self.high().checked_shr(64u32.saturating_sub(bits.into())).unwrap_or(0);
        u32::try_from(shard).unwrap_or(u32::MAX)
    }
}

/// The bytes of a shard, with the record that describes them.
pub(crate) struct ShardBytes<'a> {
    pub(crate) record: ShardRecord,
    /// Entries, then terms.
    pub(crate) main: Cow<'a, [u8]>,
    pub(crate) names: Cow<'a, [u8]>,
    pub(crate) facts: Cow<'a, [u8]>,
    pub(crate) index: Cow<'a, [u8]>,
}

/// Encodes rows, which are sorted and belong to one shard of `section`.
pub(crate) fn encode<N: AsRef<str>>(
    section: &SectionRecord,
    header: &Header,
    rows: &[Row<N>],
    wide: &[bool],
) -> Result<ShardBytes<'static>, BuildError> {
    let too_many = |what| BuildError::TooMany { what, max: u32::MAX.into() };
    if rows.len() > table::COUNT_MAX as usize {
        let max = table::COUNT_MAX.into();
        return Err(BuildError::TooMany { what: "entries in a shard", max });
    }
    let (mut record, mut main, index, order) = match section.form {
        Form::Hashed => encode_hashed(section, rows, wide),
        Form::Networks(family) => encode_networks(family, section, rows),
    };
    let ordered = || order.iter().filter_map(|at| rows.get(*at));
    if section.layer == Layer::Decision {
        main.append(&mut encode_terms(ordered().map(|row| row.terms)));
    }
    let names = if header.names && !order.is_empty() {
        let names: Vec<_> = ordered().map(|row| row.name.as_ref().map(AsRef::as_ref)).collect();
        encode_names(names.into_iter()).ok_or_else(|| too_many("bytes of names in a shard"))?
    } else {
        Vec::new()
    };
    let facts = if header.facts {
        encode_facts(ordered().map(|row| row.facts).collect::<Vec<_>>().into_iter())
    } else {
        Vec::new()
    };
    record.names_len = u64::try_from(names.len()).unwrap_or(0);
    record.facts_len = u64::try_from(facts.len()).unwrap_or(0);
    record.keys_digest = Sha256::new().chain_update(&main).chain_update(&index).finalize().into();
    record.names_digest = Sha256::digest(&names).into();
    record.facts_digest = Sha256::digest(&facts).into();
    let (main, names, facts, index) = (main.into(), names.into(), facts.into(), index.into());
    Ok(ShardBytes { record, main, names, facts, index })
}

type Encoded = (ShardRecord, Vec<u8>, Vec<u8>, Vec<usize>);

fn encode_hashed<N>(section: &SectionRecord, rows: &[Row<N>], wide: &[bool]) -> Encoded {
    let mut tables: [Vec<Cell>; 2] = Default::default();
    let mut positions: [Vec<usize>; 2] = Default::default();
    let [narrow_cells, wide_cells] = &mut tables;
    let [narrow_positions, wide_positions] = &mut positions;
    let mut position = 0usize;
    for group in rows.chunk_by(|a, b| a.high() == b.high()) {
        let collides = differ_below(group);
        for row in group {
            let low = row.key as u64;
            let (key, scope, profile) = (row.high(), row.scope, row.profile);
            let grants = wide.get(profile as usize).copied().unwrap_or(true);
            if row.full && (collides || grants || section.layer == Layer::Decision) {
                wide_cells.push(Cell { key, low, scope, profile });
                wide_positions.push(position);
            } else {
                narrow_cells.push(Cell { key, low: 0, scope, profile });
                narrow_positions.push(position);
            }
            position = position.saturating_add(1);
        }
    }
    // With the lower bits gone, what ties is the scope.
    let (narrow, mut main, narrow_order) = table::encode(narrow_cells, section.shard_bits, false);
    let (wide, mut wide_bytes, wide_order) = table::encode(wide_cells, section.shard_bits, true);
    main.append(&mut wide_bytes);
    let of = |order: Vec<u32>, positions: &[usize]| -> Vec<usize> {
        order.into_iter().filter_map(|at| positions.get(at as usize).copied()).collect()
    };
    let mut order = of(narrow_order, narrow_positions);
    order.append(&mut of(wide_order, wide_positions));
    let record = ShardRecord {
        count: narrow.count,
        wide_count: wide.count,
        buckets: [narrow.buckets, wide.buckets],
        spilled: [narrow.spilled, wide.spilled],
        profile_bits: [narrow.profile_bits, wide.profile_bits],
        scope_bits: [narrow.scope_bits, wide.scope_bits],
        ..ShardRecord::default()
    };
    (record, main, Vec::new(), order)
}

/// Whether rows that agree in 64 bits are known to differ in 128.
fn differ_below<N>(group: &[Row<N>]) -> bool {
    let mut known = group.iter().filter(|row| row.full).map(|row| row.key);
    let first = known.next();
    known.any(|key| Some(key) != first)
}

fn encode_networks<N>(family: Family, section: &SectionRecord, rows: &[Row<N>]) -> Encoded {
    let cells: Vec<NetworkCell> = rows
        .iter()
        .map(|row| NetworkCell {
            address: row.key.wrapping_shr(128u32.saturating_sub(family.bits().into())),
            length: row.length,
            scope: row.scope,
            profile: row.profile,
        })
        .collect();
    let short = rows.first().is_some_and(|row| row.length < section.shard_bits);
    let first_bit = if short { 0 } else { section.shard_bits };
    let encoded = networks::encode(&cells, family, first_bit);
    let record = ShardRecord {
        count: encoded.shape.count,
        bucket_bits: encoded.shape.bucket_bits,
        profile_bits: [encoded.shape.profile_bits, 0],
        parent_bits: encoded.shape.parent_bits,
        ..ShardRecord::default()
    };
    (record, encoded.entries, encoded.index, (0..rows.len()).collect())
}
