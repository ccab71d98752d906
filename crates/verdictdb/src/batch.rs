//! Many lookups at once: while one waits for memory, the others are on their way.

use crate::db::{Db, Place};
use crate::directory::Form;
use crate::map::prefetch;
use crate::table::{Span, Table};
use crate::view::{Hits, View};
use crate::{Layer, LookupError, TenantId};
use wardnet_model::{Key, Kind, Timestamp};

/// Lookups that are under way together; as many cache misses as a core can have outstanding.
const GROUP: usize = 32;

/// Tables that one hashed key is looked up in at most: two of evidence, two of decisions.
const TABLES: usize = 4;

/// How far before and behind the likeliest entry a search usually ends.
const REACH_BYTES: u64 = 24;

/// One table that may hold one key.
#[derive(Clone, Copy)]
struct Probe<'a> {
    key: u64,
    table: Table<'a>,
    span: Span,
    layer: Layer,
    /// The table's first entry.
    place: Place,
}

/// The probes of a group of lookups, those of one question next to each other.
struct Probes<'a> {
    probes: Vec<Probe<'a>>,
    /// For each question where its probes end; `None` when it must be asked alone.
    ends: [Option<u32>; GROUP],
}

impl View {
    /// Finds many keys; calls `found` for each in order, with its position.
    ///
    /// Works in stages over groups of keys: ask for the lines of the bucket index, then for the
    /// lines of the buckets, then search, so that the memory answers all of a group at once.
    pub fn find_batch<'a>(
        &'a self,
        tenant: Option<TenantId>,
        questions: &[(Kind, Key)],
        now: Timestamp,
        mut found: impl FnMut(usize, Result<&Hits<'a>, LookupError>),
    ) {
        let probes = Vec::with_capacity(GROUP.wrapping_mul(TABLES));
        let mut staged = Probes { probes, ends: [None; GROUP] };
        let mut hits = Hits::default();
        let mut position = 0usize;
        for group in questions.chunks(GROUP) {
            if let Some(base) = &self.base {
                staged.stage(base, group);
            }
            let mut probes = staged.probes.as_slice();
            let mut taken = 0u32;
            for ((kind, key), end) in group.iter().zip(staged.ends) {
                let done = match (&self.base, end) {
                    (Some(base), Some(end)) => {
                        let count = end.wrapping_sub(taken) as usize;
                        taken = end;
                        let (own, rest) = probes.split_at_checked(count).unwrap_or((&[], &[]));
                        probes = rest;
                        let done = search(base, own, key, now, &mut hits);
                        self.cover(tenant, *kind, key, now, &mut hits);
                        done
                    }
                    _ => self.find_into(tenant, *kind, key, now, &mut hits),
                };
                found(position, done.map(|()| &hits));
                position = position.wrapping_add(1);
                if !hits.is_empty() {
                    hits = Hits::default();
                }
            }
        }
    }
}

impl<'a> Probes<'a> {
    #[inline(always)]
    fn stage(&mut self, base: &'a Db, group: &[(Kind, Key)]) {
        self.probes.clear();
        for ((kind, key), end) in group.iter().zip(&mut self.ends) {
            let begin = self.probes.len();
            let staged = stage_tables(base, *kind, key, &mut self.probes);
            if staged.is_none() {
                self.probes.truncate(begin);
            }
            *end = staged.and_then(|()| u32::try_from(self.probes.len()).ok());
        }
        for probe in &mut self.probes {
            // An index that cannot be read is met again, and reported, by the search.
            probe.span = probe.table.span(probe.key).unwrap_or_default();
            let at = probe.table.guess_at(probe.span);
            prefetch(probe.table.entries, at.saturating_sub(REACH_BYTES));
            prefetch(probe.table.entries, at.wrapping_add(REACH_BYTES));
        }
    }
}

/// Finds the tables for a key and asks for the lines of their indexes; `None` when the key must be
/// asked alone, because it is not hashed or because its shard is damaged.
#[inline(always)]
fn stage_tables<'a>(
    base: &'a Db,
    kind: Kind,
    key: &Key,
    probes: &mut Vec<Probe<'a>>,
) -> Option<()> {
    let high = key.prefix64();
    for layer in [Layer::Evidence, Layer::Decision] {
        let Some((section_number, section)) = base.section(layer, kind) else { continue };
        if section.record.form != Form::Hashed {
            return None;
        }
        let number = section.shard_of(high);
        let shard = base.shard(section, number).ok()?;
        let mut put = |table: Table<'a>, position| {
            prefetch(table.index, table.shape.index_line(high));
            let place = Place { section: section_number, shard: number, position };
            probes.push(Probe { key: high, table, span: Span::default(), layer, place });
        };
        if shard.narrow.count > 0 {
            put(base.narrow(shard)?, 0);
        }
        if shard.wide.count > 0 {
            put(base.wide(shard)?, shard.narrow.count);
        }
    }
    Some(())
}

#[inline(always)]
fn search<'a>(
    base: &'a Db,
    probes: &[Probe<'a>],
    key: &Key,
    now: Timestamp,
    hits: &mut Hits<'a>,
) -> Result<(), LookupError> {
    let (high, low) = (key.prefix64(), key.prefix128() as u64);
    for probe in probes {
        let found = |position: u32, scope, profile| {
            let position = probe.place.position.wrapping_add(position);
            base.add(probe.layer, Place { position, ..probe.place }, scope, profile, now, hits);
        };
        probe.table.find(high, low, probe.span, found).ok_or_else(|| base.bad_at(probe.place))?;
    }
    Ok(())
}
