//! Many lookups at once: while one waits for memory, the others are on their way.

use crate::bits::LINE;
use crate::db::{Db, Place, Section, Shard};
use crate::directory::Form;
use crate::map::prefetch;
use crate::table::{Line, Shape, Table, needs_more};
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
    /// The key's bucket and its place there.
    line: &'a Line,
    fraction: u64,
    shard: &'a Shard,
    /// The table's first entry.
    place: Place,
    /// What the bucket may know of the key, once it has been looked at.
    matches: u32,
    layer: Layer,
    wide: bool,
    /// Which question of its group it belongs to.
    question: u8,
}

/// The sections that a kind of key is looked up in.
#[derive(Clone, Copy)]
struct Sections<'a> {
    kind: Option<Kind>,
    evidence: Option<Shards<'a>>,
    decisions: Option<Shards<'a>>,
    /// Whether the keys are hashes; others are asked alone.
    hashed: bool,
}

/// A section, as much as a lookup needs.
#[derive(Clone, Copy)]
struct Shards<'a> {
    section: &'a Section,
    shards: &'a [Shard],
    number: u16,
    layer: Layer,
}

/// A group of questions whose lines are on their way.
struct Group<'a, 'q> {
    questions: &'q [(Kind, Key)],
    /// Those of one question next to each other.
    probes: Vec<Probe<'a>>,
    /// For each question where its probes end.
    ends: [u32; GROUP],
    /// A bit for each question that must be asked alone.
    alone: u32,
    /// A bit for each question that has been looked at and may have an answer.
    likely: u32,
}

impl View {
    /// Finds many keys; calls `found` for each in order, with its position.
    ///
    /// Works on two groups of keys: asks for the buckets of one, then searches those of the other,
    /// so that memory and processor are both busy all the time.
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
        let (mut one, mut other) = (Group::new(), Group::new());
        let (mut next, mut ready) = (&mut one, &mut other);
        for group in questions.chunks(GROUP) {
            next.begin(base, group, &mut sections);
            ready.look(base);
            search.group(base, ready, &mut found);
            std::mem::swap(&mut next, &mut ready);
        }
        ready.look(base);
        search.group(base, ready, &mut found);
    }
}

impl<'a, 'q> Group<'a, 'q> {
    fn new() -> Self {
        let probes = Vec::with_capacity(GROUP.wrapping_mul(TABLES));
        Self { questions: &[], probes, ends: [0; GROUP], alone: 0, likely: 0 }
    }

    /// Finds the buckets of all questions and asks for their lines.
    #[inline(always)]
    fn begin(&mut self, base: &'a Db, questions: &'q [(Kind, Key)], sections: &mut Sections<'a>) {
        self.questions = questions;
        self.probes.clear();
        (self.alone, self.likely) = (0, 0);
        let bytes = base.bytes();
        for (((kind, key), end), question) in questions.iter().zip(&mut self.ends).zip(0u8..) {
            if sections.kind != Some(*kind) {
                *sections = Sections::of(base, *kind);
            }
            let begin = self.probes.len();
            if sections.stage(base, bytes, key.prefix64(), question, &mut self.probes).is_none() {
                self.probes.truncate(begin);
                self.alone |= bit(question);
            }
            *end = self.probes.len() as u32;
        }
    }

    /// The probes of one question.
    #[inline(always)]
    fn probes_of(&self, question: u8) -> &[Probe<'a>] {
        let end_of = |number: u8| self.ends.get(usize::from(number)).map_or(0, |end| *end as usize);
        let begin = question.checked_sub(1).map_or(0, end_of);
        self.probes.get(begin..end_of(question)).unwrap_or(&[])
    }

    /// Looks at all buckets, and asks for the lines that some keys need besides.
    #[inline(always)]
    fn look(&mut self, base: &Db) {
        for probe in &mut self.probes {
            let shape = if probe.wide { probe.shard.wide } else { probe.shard.narrow };
            probe.matches = shape.matches(probe.line, probe.fraction);
            if probe.matches == 0 {
                continue;
            }
            self.likely |= bit(probe.question);
            if needs_more(probe.matches, probe.wide)
                && let Some(table) = probe.table(base)
                && let Some(next) = table.next_byte(probe.line, probe.matches)
            {
                prefetch(table.bytes, next);
            }
        }
    }
}

impl Probe<'_> {
    #[inline(always)]
    fn table<'b>(&self, base: &'b Db) -> Option<Table<'b>> {
        if self.wide { base.wide(self.shard) } else { base.narrow(self.shard) }
    }
}

impl<'a> Sections<'a> {
    #[inline(never)]
    fn of(base: &'a Db, kind: Kind) -> Self {
        let [evidence, decisions] = [Layer::Evidence, Layer::Decision].map(|layer| {
            let (number, section) = base.section(layer, kind)?;
            Some(Shards { section, shards: &section.shards, number, layer })
        });
        let is_hashed = |shards: Shards<'_>| shards.section.record.form == Form::Hashed;
        let hashed = evidence.is_none_or(is_hashed) && decisions.is_none_or(is_hashed);
        Self { kind: Some(kind), evidence, decisions, hashed }
    }

    /// Finds the buckets for a key; `None` when the key must be asked alone, because it is not
    /// hashed or because its shard is damaged.
    #[inline(always)]
    fn stage(
        &self,
        base: &Db,
        bytes: &'a [u8],
        key: u64,
        question: u8,
        probes: &mut Vec<Probe<'a>>,
    ) -> Option<()> {
        if !self.hashed {
            return None;
        }
        for shards in [self.evidence, self.decisions].into_iter().flatten() {
            shards.stage(base, bytes, key, question, probes)?;
        }
        Some(())
    }
}

impl<'a> Shards<'a> {
    #[inline(always)]
    fn stage(
        self,
        base: &Db,
        bytes: &'a [u8],
        key: u64,
        question: u8,
        probes: &mut Vec<Probe<'a>>,
    ) -> Option<()> {
        let Self { section, layer, number: section_number, .. } = self;
        let number = section.shard_of(key);
        let shard = self.shards.get(number as usize)?;
        if !shard.keys.is_good() {
            base.shard(section, number).ok()?;
        }
        let mut put = |shape: Shape, at: u64, position, wide| {
            let (bucket, fraction) = shape.place(key);
            let at = at.wrapping_add(u64::from(bucket).wrapping_mul(LINE));
            let line = bytes.get(at as usize..)?.first_chunk()?;
            let place = Place { section: section_number, shard: number, position };
            // At once rather than all together later: a core waits for few lines at a time, and works
            // on the next keys meanwhile.
            prefetch(line, 0);
            let matches = 0;
            probes.push(Probe { line, fraction, shard, place, matches, layer, wide, question });
            Some(())
        };
        if shard.narrow.count > 0 {
            put(shard.narrow, shard.main_at, 0, false)?;
        }
        if shard.wide.count > 0 {
            put(shard.wide, shard.wide_at, shard.narrow.count, true)?;
        }
        Some(())
    }
}

/// The bit that stands for a question of a group.
#[inline(always)]
const fn bit(question: u8) -> u32 {
    1u32.wrapping_shl(question as u32)
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
        for (question, number) in group.questions.iter().zip(0u8..) {
            if group.alone & bit(number) != 0 {
                self.alone(std::slice::from_ref(question), found);
                continue;
            }
            let is_likely = group.likely & bit(number) != 0;
            let mut is_dirty = self.is_covered;
            let (kind, key) = question;
            let mut done = Ok(());
            if is_likely {
                let own = group.probes_of(number);
                done = search(base, own, key, self.now, &mut self.hits, &mut is_dirty);
            }
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
    for probe in probes.iter().filter(|probe| probe.matches != 0) {
        let found = |position: u32, scope, profile| {
            *is_dirty = true;
            let position = probe.place.position.wrapping_add(position);
            base.add(probe.layer, Place { position, ..probe.place }, scope, profile, now, hits);
        };
        let low = key.prefix128() as u64;
        let sought = (probe.fraction, low);
        let done = probe
            .table(base)
            .and_then(|table| table.find_in(probe.line, probe.matches, sought, found));
        done.ok_or_else(|| base.bad_at(probe.place))?;
    }
    Ok(())
}
