//! Many lookups at once: while one waits for memory, the others are on their way.

use crate::db::{Db, Place, Section};
use crate::directory::Form;
use crate::map::prefetch;
use crate::table::{Span, Table};
use crate::view::{Hits, View};
use crate::{Layer, LookupError};
use wardnet_model::{Key, Kind, TenantId, Timestamp};

/// Lookups that are under way together; as many cache misses as a core can have outstanding.
const GROUP: usize = 32;

/// Tables that one hashed key is looked up in at most: two of evidence, two of decisions.
const TABLES: usize = 4;

/// One table that may hold one key.
#[derive(Clone, Copy)]
struct Probe<'a> {
    key: u64,
    table: Table<'a>,
    span: Span,
    /// The bytes of the table that the search will most likely read.
    likely: (u64, u64),
    layer: Layer,
    /// The table's first entry.
    place: Place,
}

/// The sections that a kind of key is looked up in.
#[derive(Clone, Copy)]
struct Sections<'a> {
    kind: Option<Kind>,
    evidence: Option<(u16, &'a Section)>,
    decisions: Option<(u16, &'a Section)>,
    /// Whether the keys are hashes; others are asked alone.
    hashed: bool,
}

/// A group of questions whose lines are on their way.
struct Group<'a, 'q> {
    questions: &'q [(Kind, Key)],
    /// Those of one question next to each other.
    probes: Vec<Probe<'a>>,
    /// For each question where its probes end; `None` when it must be asked alone.
    ends: [Option<u32>; GROUP],
}

impl View {
    /// Finds many keys; calls `found` for each in order, with its position.
    ///
    /// Works on two groups of keys: asks for the lines of the bucket index and of the buckets of
    /// one, then searches the other, so that memory and processor are both busy all the time.
    pub fn find_batch<'a>(
        &'a self,
        tenant: Option<TenantId>,
        questions: &[(Kind, Key)],
        now: Timestamp,
        mut found: impl FnMut(usize, Result<&Hits<'a>, LookupError>),
    ) {
        let mut search = Search {
            view: self,
            tenant,
            now,
            is_covered: self.is_covered(tenant),
            position: 0,
            hits: Hits::default(),
        };
        let Some(base) = &self.base else {
            return search.alone(questions, &mut found);
        };
        let mut sections = Sections { kind: None, evidence: None, decisions: None, hashed: false };
        let (mut next, mut ready) = (Group::new(), Group::new());
        for group in questions.chunks(GROUP) {
            next.begin(base, group, &mut sections);
            search.group(base, &ready, &mut found);
            std::mem::swap(&mut next, &mut ready);
        }
        search.group(base, &ready, &mut found);
    }
}

impl<'a, 'q> Group<'a, 'q> {
    fn new() -> Self {
        let probes = Vec::with_capacity(GROUP.wrapping_mul(TABLES));
        Self { questions: &[], probes, ends: [None; GROUP] }
    }

    /// Finds the tables of all questions and asks for the lines that they will be searched in.
    #[inline(always)]
    fn begin(&mut self, base: &'a Db, questions: &'q [(Kind, Key)], sections: &mut Sections<'a>) {
        self.questions = questions;
        self.probes.clear();
        for ((kind, key), end) in questions.iter().zip(&mut self.ends) {
            if sections.kind != Some(*kind) {
                *sections = Sections::of(base, *kind);
            }
            let begin = self.probes.len();
            let staged = sections.stage(base, key, &mut self.probes);
            if staged.is_none() {
                self.probes.truncate(begin);
            }
            *end = staged.map(|()| self.probes.len() as u32);
        }
        for probe in &mut self.probes {
            // An index that cannot be read is met again, and reported, by the search.
            probe.span = probe.table.span(probe.key).unwrap_or_default();
            probe.likely = probe.table.likely_bytes(probe.span);
        }
        // Loops of their own: a prefetch waits for the address of its page, and a core has the
        // more of them waiting the fewer instructions lie between two.
        for probe in &self.probes {
            prefetch(probe.table.entries, probe.likely.0);
        }
        for probe in &self.probes {
            prefetch(probe.table.entries, probe.likely.1);
        }
    }
}

impl<'a> Sections<'a> {
    #[inline(never)]
    fn of(base: &'a Db, kind: Kind) -> Self {
        let [evidence, decisions] =
            [Layer::Evidence, Layer::Decision].map(|layer| base.section(layer, kind));
        let is_hashed = |(_, section): (u16, &Section)| section.record.form == Form::Hashed;
        let hashed = evidence.is_none_or(is_hashed) && decisions.is_none_or(is_hashed);
        Self { kind: Some(kind), evidence, decisions, hashed }
    }

    /// Finds the tables for a key and asks for the lines of their indexes; `None` when the key
    /// must be asked alone, because it is not hashed or because its shard is damaged.
    #[inline(always)]
    fn stage(&self, base: &'a Db, key: &Key, probes: &mut Vec<Probe<'a>>) -> Option<()> {
        if !self.hashed {
            return None;
        }
        let high = key.prefix64();
        if let Some(section) = self.evidence {
            stage_section(base, section, high, probes)?;
        }
        if let Some(section) = self.decisions {
            stage_section(base, section, high, probes)?;
        }
        Some(())
    }
}

#[inline(always)]
fn stage_section<'a>(
    base: &'a Db,
    (section_number, section): (u16, &Section),
    key: u64,
    probes: &mut Vec<Probe<'a>>,
) -> Option<()> {
    let number = section.shard_of(key);
    let shard = base.shard(section, number).ok()?;
    let layer = section.record.layer;
    let mut put = |table: Table<'a>, position| {
        prefetch(table.index, table.shape.index_line(key));
        let place = Place { section: section_number, shard: number, position };
        let (span, likely) = Default::default();
        probes.push(Probe { key, table, span, likely, layer, place });
    };
    if shard.narrow.count > 0 {
        put(base.narrow(shard)?, 0);
    }
    if shard.wide.count > 0 {
        put(base.wide(shard)?, shard.narrow.count);
    }
    Some(())
}

/// Answers questions in order.
struct Search<'a> {
    view: &'a View,
    tenant: Option<TenantId>,
    now: Timestamp,
    /// Whether anything may lie over the base.
    is_covered: bool,
    position: usize,
    /// Empty between two questions: it is large, and most keys are unknown.
    hits: Hits<'a>,
}

impl<'a> Search<'a> {
    #[inline(always)]
    fn group(
        &mut self,
        base: &'a Db,
        group: &Group<'a, '_>,
        found: &mut impl FnMut(usize, Result<&Hits<'a>, LookupError>),
    ) {
        let mut probes = group.probes.as_slice();
        let mut taken = 0u32;
        for (question, end) in group.questions.iter().zip(group.ends) {
            let Some(end) = end else {
                self.alone(std::slice::from_ref(question), found);
                continue;
            };
            let count = end.wrapping_sub(taken) as usize;
            taken = end;
            let (own, rest) = probes.split_at_checked(count).unwrap_or((&[], &[]));
            probes = rest;
            let (kind, key) = question;
            let mut is_dirty = self.is_covered;
            let done = search(base, own, key, self.now, &mut self.hits, &mut is_dirty);
            if self.is_covered {
                self.view.cover(self.tenant, *kind, key, self.now, &mut self.hits);
            }
            self.tell(done, is_dirty, found);
        }
    }

    /// Answers questions one by one.
    #[inline(never)]
    fn alone(
        &mut self,
        questions: &[(Kind, Key)],
        found: &mut impl FnMut(usize, Result<&Hits<'a>, LookupError>),
    ) {
        for (kind, key) in questions {
            let done = self.view.find_into(self.tenant, *kind, key, self.now, &mut self.hits);
            self.tell(done, true, found);
        }
    }

    #[inline(always)]
    fn tell(
        &mut self,
        done: Result<(), LookupError>,
        is_dirty: bool,
        found: &mut impl FnMut(usize, Result<&Hits<'a>, LookupError>),
    ) {
        found(self.position, done.map(|()| &self.hits));
        self.position = self.position.wrapping_add(1);
        if is_dirty {
            self.hits = Hits::default();
        }
    }
}

#[inline(always)]
fn search<'a>(
    base: &'a Db,
    probes: &[Probe<'a>],
    key: &Key,
    now: Timestamp,
    hits: &mut Hits<'a>,
    is_dirty: &mut bool,
) -> Result<(), LookupError> {
    for probe in probes {
        let found = |position: u32, scope, profile| {
            *is_dirty = true;
            let position = probe.place.position.wrapping_add(position);
            base.add(probe.layer, Place { position, ..probe.place }, scope, profile, now, hits);
        };
        let low = key.prefix128() as u64;
        let done = probe.table.find(probe.key, low, probe.span, found);
        done.ok_or_else(|| base.bad_at(probe.place))?;
    }
    Ok(())
}
