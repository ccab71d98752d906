//! Opens a database and finds keys in it.

use crate::details;
use crate::directory::{
    Directory, Form, HEADER_LEN, Header, SectionRecord, ShardRecord, TRAILER_LEN, Trailer,
};
use crate::map::HotCopy;
use crate::networks::{Covering, Networks};
use crate::prefix::{Prefix, section_tag};
use crate::sign::Block;
use crate::table::{Shape, Table};
use crate::view::{Hit, Hits, Origin};
use crate::{Facts, Layer, Limits, LookupError, OpenError, Profile, PublicKey, SourceNames, Terms};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use wardnet_model::{Key, Kind, Scope, Timestamp};

/// The bytes of a database.
#[derive(Debug)]
pub enum Bytes {
    /// In memory.
    Owned(Vec<u8>),
    /// In memory and shared.
    Shared(Arc<[u8]>),
    /// A file, see [`map_file`](crate::map_file).
    Mapped(memmap2::Mmap),
}

impl AsRef<[u8]> for Bytes {
    #[inline(always)]
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl From<Arc<[u8]>> for Bytes {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Shared(bytes)
    }
}

/// When shards are checked against their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// All of them, before the database is used. For a file that has just arrived.
    #[default]
    Full,
    /// Each when it is first asked; a bad one then gives no answer. For a cold start.
    Lazy,
}

/// How to open a database.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// When shards are checked.
    pub verify: Verify,
    /// Whose signature the file must bear; without one, any file is taken. A signature that is
    /// there must fit in any case.
    pub signed_by: Option<PublicKey>,
    /// Bounds.
    pub limits: Limits,
}

/// The state of a part that is checked when first used.
#[derive(Debug, Default)]
pub(crate) struct Checked(AtomicU8);

impl Checked {
    const GOOD: u8 = 1;
    const BAD: u8 = 2;

    /// Whether the part is good; asks `check` if nobody has yet.
    #[inline(always)]
    pub(crate) fn or_check(&self, check: impl FnOnce() -> bool) -> bool {
        match self.0.load(Ordering::Relaxed) {
            Self::GOOD => true,
            Self::BAD => false,
            _ => self.remember(check()),
        }
    }

    /// Whether the part has been checked and is good.
    #[inline(always)]
    pub(crate) fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::GOOD
    }

    #[cold]
    fn remember(&self, good: bool) -> bool {
        // The part never changes, so whoever checks it finds the same.
        self.0.store(if good { Self::GOOD } else { Self::BAD }, Ordering::Relaxed);
        good
    }
}

/// Where a shard lies, and the form of its tables: what a lookup needs, in one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Shard {
    pub(crate) main_at: u64,
    pub(crate) wide_at: u64,
    pub(crate) narrow: Shape,
    pub(crate) wide: Shape,
    pub(crate) keys: Checked,
    /// No network of the shard is shorter, once its keys are checked; 0 until then.
    pub(crate) shortest: AtomicU8,
}

const _: () = assert!(size_of::<Shard>() == 64, "one cache line");

/// The rest of a shard.
#[derive(Debug)]
pub(crate) struct ShardDetails {
    pub(crate) record: ShardRecord,
    /// Where among the copied indexes that of networks begins.
    pub(crate) index_at: u64,
    pub(crate) names_at: u64,
    pub(crate) facts_at: u64,
    pub(crate) names: Checked,
    pub(crate) facts: Checked,
}

/// One layer of one kind.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) record: SectionRecord,
    pub(crate) shards: Vec<Shard>,
    pub(crate) details: Vec<ShardDetails>,
}

impl Section {
    pub(crate) fn entries(&self) -> u64 {
        self.details.iter().fold(0u64, |sum, shard| sum.saturating_add(shard.record.entries()))
    }

    /// The number of the shard that a hashed key belongs to.
    #[inline(always)]
    pub(crate) fn shard_of(&self, key: u64) -> u32 {
        let bits = u32::from(self.record.shard_bits);
        key.checked_shr(64u32.wrapping_sub(bits)).unwrap_or(0) as u32
    }
}

impl Section {
    /// The number of the shard that the networks around an address are in, but for the shortest.
    #[inline(always)]
    pub(crate) fn shard_of_network(&self, prefix: Prefix) -> u32 {
        let bits = u32::from(self.record.shard_bits);
        let below = u32::from(prefix.family.bits()).saturating_sub(bits);
        let number = prefix.address.checked_shr(below).unwrap_or(0);
        u32::try_from(number).unwrap_or(u32::MAX)
    }
}

/// The place of an entry in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(crate) section: u16,
    pub(crate) shard: u32,
    pub(crate) position: u32,
}

/// An open verdict database.
#[derive(Debug)]
pub struct Db<D = Bytes> {
    data: D,
    pub(crate) header: Header,
    pub(crate) root: [u8; 32],
    signer: Option<PublicKey>,
    pub(crate) directory_len: u64,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) sources: SourceNames,
    pub(crate) sections: Vec<Section>,
    /// The indexes of all networks, copied together into few large pages: lookups begin there.
    indexes: HotCopy,
    /// Positions in `sections` by layer and number of the section's kind.
    by_kind: Vec<Option<u16>>,
}

impl<D: AsRef<[u8]>> Db<D> {
    /// Opens a database: checks header and directory, and the shards as `options` say.
    pub fn open(data: D, options: &OpenOptions) -> Result<Self, OpenError> {
        let (unsigned, block) = match Block::split(data.as_ref()) {
            Some((unsigned, block)) => (unsigned, Some(block)),
            None => (data.as_ref(), None),
        };
        let (header, root, directory_at, bytes) = read_ends(unsigned, &options.limits)?;
        let signer = signer(block.as_ref(), &root, options.signed_by)?;
        let directory = Directory::decode(bytes, &options.limits)?;
        let directory_len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (sections, end, index_ranges) = lay_out(&header, directory.sections)?;
        if end != directory_at {
            return Err(OpenError::Malformed("lengths of the shards"));
        }
        let indexes = HotCopy::of(data.as_ref(), &index_ranges)?;
        let mut by_kind = vec![None; 512];
        for (section, number) in sections.iter().zip(0u16..) {
            let slot = kind_slot(section.record.layer, section.record.kind_tag);
            if let Some(slot) = by_kind.get_mut(slot) {
                *slot = Some(number);
            }
        }
        let Directory { profiles, sources, .. } = directory;
        let db = Self {
            data,
            header,
            root,
            signer,
            directory_len,
            profiles,
            sources,
            sections,
            indexes,
            by_kind,
        };
        if options.verify == Verify::Full {
            db.verify()?;
        }
        Ok(db)
    }

    /// When the file was made.
    pub fn created(&self) -> Timestamp {
        self.header.created
    }

    /// The number of the last change that the file contains.
    pub fn sequence(&self) -> u64 {
        self.header.sequence
    }

    /// The digest that stands for the whole file.
    pub fn root(&self) -> [u8; 32] {
        self.root
    }

    /// Who signed the file.
    pub fn signed_by(&self) -> Option<PublicKey> {
        self.signer
    }

    /// How many entries it has.
    pub fn entries(&self) -> u64 {
        self.sections.iter().fold(0u64, |sum, section| sum.saturating_add(section.entries()))
    }

    /// Names of the sources that profiles refer to.
    pub fn sources(&self) -> &SourceNames {
        &self.sources
    }

    /// Whether the file has names.
    pub fn has_names(&self) -> bool {
        self.header.names
    }

    /// Whether the file has facts.
    pub fn has_facts(&self) -> bool {
        self.header.facts
    }

    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.data.as_ref()
    }

    /// `length` bytes from `at` on.
    #[inline(always)]
    pub(crate) fn part(&self, at: u64, length: u64) -> Option<&[u8]> {
        self.bytes().get(at as usize..at.wrapping_add(length) as usize)
    }

    /// `length` bytes of the indexes from `at` on.
    #[inline(always)]
    pub(crate) fn index(&self, at: u64, length: u64) -> Option<&[u8]> {
        self.indexes.as_ref().get(at as usize..at.wrapping_add(length) as usize)
    }

    #[inline(always)]
    pub(crate) fn section(&self, layer: Layer, kind: Kind) -> Option<(u16, &Section)> {
        let number = (*self.by_kind.get(kind_slot(layer, section_tag(kind)))?)?;
        Some((number, self.sections.get(usize::from(number))?))
    }

    /// A shard whose keys have been checked.
    #[inline(always)]
    pub(crate) fn shard<'a>(
        &self,
        section: &'a Section,
        number: u32,
    ) -> Result<&'a Shard, LookupError> {
        let shard = section.shards.get(number as usize).ok_or_else(|| bad(section, number))?;
        if !shard.keys.or_check(|| self.keys_are_good(section, number)) {
            return Err(bad(section, number));
        }
        Ok(shard)
    }

    #[inline(always)]
    pub(crate) fn narrow(&self, shard: &Shard) -> Option<Table<'_>> {
        let bytes = self.part(shard.main_at, shard.wide_at.wrapping_sub(shard.main_at))?;
        Some(Table { shape: shard.narrow, bytes })
    }

    #[inline(always)]
    pub(crate) fn wide(&self, shard: &Shard) -> Option<Table<'_>> {
        let bytes = self.part(shard.wide_at, shard.wide.len())?;
        Some(Table { shape: shard.wide, bytes })
    }

    /// The networks of a shard that has been checked.
    pub(crate) fn networks_of(&self, section: &Section, number: u32) -> Option<Networks<'_>> {
        let Form::Networks(family) = section.record.form else { return None };
        let shard = section.shards.get(number as usize)?;
        let ShardDetails { record, index_at, .. } = section.details.get(number as usize)?;
        let is_short = number == 1u32.wrapping_shl(section.record.shard_bits.into());
        let shape = record.networks(family, if is_short { 0 } else { section.record.shard_bits });
        let entries = self.part(shard.main_at, shape.entries_len())?;
        let index = self.index(*index_at, shape.index_len())?;
        Some(Networks { shape, index, entries })
    }

    /// Adds what one layer says of a key to `hits`.
    #[inline]
    pub(crate) fn collect<'a>(
        &'a self,
        layer: Layer,
        kind: Kind,
        key: &Key,
        now: Timestamp,
        hits: &mut Hits<'a>,
    ) -> Result<(), LookupError> {
        let Some((number, section)) = self.section(layer, kind) else { return Ok(()) };
        match section.record.form {
            Form::Hashed => self.collect_hashed(number, section, key, now, hits),
            Form::Networks(_) => self.collect_network(number, section, kind, key, now, hits),
        }
    }

    #[inline(always)]
    fn collect_hashed<'a>(
        &'a self,
        section_number: u16,
        section: &Section,
        key: &Key,
        now: Timestamp,
        hits: &mut Hits<'a>,
    ) -> Result<(), LookupError> {
        let (high, low) = (key.prefix64(), key.prefix128() as u64);
        let number = section.shard_of(high);
        let shard = self.shard(section, number)?;
        let layer = section.record.layer;
        let mut found = |position: u32, scope: u8, profile: u32| {
            let place = Place { section: section_number, shard: number, position };
            self.add(layer, place, scope, profile, now, hits);
        };
        let mut search = || {
            if shard.narrow.count > 0 {
                self.narrow(shard)?.find(high, low, &mut found)?;
            }
            if shard.wide.count > 0 {
                let first = shard.narrow.count;
                // What keeps 128 bits is surer than what keeps 64, so it may replace it.
                self.wide(shard)?.find(high, low, |position, scope, profile| {
                    found(first.wrapping_add(position), scope, profile);
                })?;
            }
            Some(())
        };
        search().ok_or_else(|| bad(section, number))
    }

    fn collect_network<'a>(
        &'a self,
        section_number: u16,
        section: &Section,
        kind: Kind,
        key: &Key,
        now: Timestamp,
        hits: &mut Hits<'a>,
    ) -> Result<(), LookupError> {
        let prefix = Prefix::from_key(kind, key).ok_or(LookupError::BadKey)?;
        let mut walk = self.covering(section_number, section, prefix)?;
        while let Some((place, length, scope, profile)) = walk.next(self, section)? {
            if length < prefix.length {
                break;
            }
            if length == prefix.length {
                self.add(section.record.layer, place, scope, profile, now, hits);
            }
        }
        Ok(())
    }

    /// Adds one entry, unless it is a decision that is no longer in force.
    #[inline(always)]
    pub(crate) fn add<'a>(
        &'a self,
        layer: Layer,
        place: Place,
        scope: u8,
        profile: u32,
        now: Timestamp,
        hits: &mut Hits<'a>,
    ) {
        let Some(profile) = self.profiles.get(profile as usize) else { return };
        let Some(scope) = Scope::from_tag(scope) else { return };
        if layer == Layer::Decision && !self.terms(place).is_some_and(|t| t.in_force(now)) {
            return;
        }
        hits.put(layer, scope, Some(Hit { scope, profile, origin: Origin::Base(place) }));
    }

    /// All entries whose network covers `prefix`'s first address, the longest first.
    pub(crate) fn covering(
        &self,
        section_number: u16,
        section: &Section,
        prefix: Prefix,
    ) -> Result<Walk<'_>, LookupError> {
        let bits = u32::from(section.record.shard_bits);
        let regular = section.shard_of_network(prefix);
        // Networks that are shorter than what the shards tell apart have a shard of their own.
        let short = 1u32.wrapping_shl(bits);
        let details = section.details.get(short as usize);
        let short = details.is_some_and(|shard| shard.record.entries() > 0).then_some(short);
        let covering = self.covering_in(section, regular, prefix)?;
        let (section, address) = (section_number, prefix);
        Ok(Walk { section, shard: regular, short, address, covering })
    }

    fn covering_in(
        &self,
        section: &Section,
        shard: u32,
        prefix: Prefix,
    ) -> Result<Covering<'_>, LookupError> {
        let shortest = self.shard(section, shard)?.shortest.load(Ordering::Relaxed);
        self.networks_of(section, shard)
            .and_then(|networks| networks.covering(prefix.address, shortest))
            .ok_or_else(|| bad(section, shard))
    }

    /// Says that the shard of a place is damaged.
    #[cold]
    pub(crate) fn bad_at(&self, place: Place) -> LookupError {
        match self.sections.get(usize::from(place.section)) {
            Some(section) => bad(section, place.shard),
            None => LookupError::BadKey,
        }
    }

    fn details_of(&self, place: Place) -> Option<(&Section, &ShardDetails)> {
        let section = self.sections.get(usize::from(place.section))?;
        Some((section, section.details.get(place.shard as usize)?))
    }

    /// The terms of the decision at a place.
    pub(crate) fn terms(&self, place: Place) -> Option<Terms> {
        let (section, details) = self.details_of(place)?;
        if section.record.layer != Layer::Decision {
            return None;
        }
        let shard = section.shards.get(place.shard as usize)?;
        let entries_len = details.record.entries_len(&section.record);
        let at = shard.main_at.checked_add(entries_len)?;
        let part = self.part(at, details.record.terms_len(&section.record))?;
        details::terms(part, place.position)
    }

    /// The name of the entry at a place.
    pub(crate) fn name(&self, place: Place) -> Result<Option<&str>, LookupError> {
        let Some((section, details)) = self.details_of(place) else { return Ok(None) };
        if !self.header.names {
            return Ok(None);
        }
        let error = || bad(section, place.shard);
        let part = self.names_part(section, place.shard)?;
        let count = u32::try_from(details.record.entries()).unwrap_or(0);
        details::name(part, count, place.position).ok_or_else(error)
    }

    /// The facts of the entry at a place.
    pub(crate) fn facts(&self, place: Place) -> Result<Option<Facts>, LookupError> {
        let Some((section, _)) = self.details_of(place) else { return Ok(None) };
        if !self.header.facts {
            return Ok(None);
        }
        let part = self.facts_part(section, place.shard)?;
        details::facts(part, place.position).ok_or_else(|| bad(section, place.shard))
    }
}

/// A walk over all entries of a section that cover an address.
pub(crate) struct Walk<'a> {
    section: u16,
    shard: u32,
    short: Option<u32>,
    address: Prefix,
    covering: Covering<'a>,
}

impl<'a> Walk<'a> {
    /// The next entry: its place, prefix length, scope and profile.
    pub(crate) fn next<D: AsRef<[u8]>>(
        &mut self,
        db: &'a Db<D>,
        section: &Section,
    ) -> Result<Option<(Place, u8, u8, u32)>, LookupError> {
        loop {
            let step = self.covering.next().ok_or_else(|| bad(section, self.shard))?;
            if let Some((position, cell)) = step {
                let place = Place { section: self.section, shard: self.shard, position };
                return Ok(Some((place, cell.length, cell.scope, cell.profile)));
            }
            let Some(short) = self.short.take() else { return Ok(None) };
            self.shard = short;
            self.covering = db.covering_in(section, short, self.address)?;
        }
    }
}

/// Says that a shard is damaged.
#[cold]
pub(crate) fn bad(section: &Section, shard: u32) -> LookupError {
    let SectionRecord { layer, kind_tag: kind, .. } = section.record;
    LookupError::BadShard { layer, kind, shard }
}

#[inline(always)]
fn kind_slot(layer: Layer, kind_tag: u8) -> usize {
    usize::from(layer.tag()) << 8 | usize::from(kind_tag)
}

/// Who signed a file, when that is who must have.
fn signer(
    block: Option<&Block<'_>>,
    root: &[u8; 32],
    required: Option<PublicKey>,
) -> Result<Option<PublicKey>, OpenError> {
    let Some(block) = block else {
        return required.map_or(Ok(None), |key| Err(OpenError::Unsigned(key)));
    };
    if let Some(expected) = required.filter(|expected| *expected != block.key) {
        return Err(OpenError::OtherSigner { expected, found: block.key });
    }
    if block.fits(root) { Ok(Some(block.key)) } else { Err(OpenError::BadSignature) }
}

type Ends<'a> = (Header, [u8; 32], u64, &'a [u8]);

/// Reads header and trailer; returns the header, the root digest, and place and bytes of the
/// directory, which the root digest is proven to cover.
fn read_ends<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Ends<'a>, OpenError> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let part =
        |from: u64, to: u64| bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
    let header_bytes = part(0, HEADER_LEN).ok_or(OpenError::NotADatabase)?;
    let header = Header::decode(header_bytes)?;
    let trailer_at = length.checked_sub(TRAILER_LEN).filter(|at| *at >= HEADER_LEN);
    let trailer_at = trailer_at.ok_or(OpenError::NotADatabase)?;
    let trailer_bytes = part(trailer_at, length).ok_or(OpenError::NotADatabase)?;
    let (trailer, root) = Trailer::decode(trailer_bytes, length)?;
    let max = limits.directory_bytes_max;
    if trailer.directory_len > max {
        return Err(OpenError::Limit { what: "bytes of directory", max });
    }
    let ends_at_trailer = trailer.directory_at.checked_add(trailer.directory_len);
    if trailer.directory_at < HEADER_LEN || ends_at_trailer != Some(trailer_at) {
        return Err(OpenError::Malformed("place of the directory"));
    }
    let directory = part(trailer.directory_at, trailer_at).ok_or(OpenError::NotADatabase)?;
    if trailer.root(header_bytes, directory) != root {
        return Err(OpenError::Digest("directory"));
    }
    Ok((header, root, trailer.directory_at, directory))
}

/// Sections, where the last one ends, and where the indexes of each lie.
type LaidOut = (Vec<Section>, u64, Vec<Range<u64>>);

/// Gives every part its place: parts follow each other without gaps, so lengths say all, and none
/// can overlap another.
fn lay_out(
    header: &Header,
    records: Vec<(SectionRecord, Vec<ShardRecord>)>,
) -> Result<LaidOut, OpenError> {
    let (mut at, mut index_at) = (HEADER_LEN, 0);
    let mut index_ranges = Vec::with_capacity(records.len());
    let mut sections = Vec::with_capacity(records.len());
    for (record, shards) in records {
        let section = lay_out_section(header, record, shards, &mut at)
            .and_then(|mut section| {
                index_ranges.push(lay_out_indexes(&mut section, &mut at, &mut index_at)?);
                Some(section)
            })
            .ok_or(OpenError::Malformed("lengths of the shards"))?;
        sections.push(section);
    }
    Ok((sections, at, index_ranges))
}

/// Gives every shard's index its place among the copied ones; returns where they lie in the file.
fn lay_out_indexes(section: &mut Section, at: &mut u64, index_at: &mut u64) -> Option<Range<u64>> {
    let begin = *at;
    for details in &mut section.details {
        let length = details.record.index_len(&section.record);
        details.index_at = *index_at;
        *index_at = index_at.checked_add(length)?;
        *at = at.checked_add(length)?;
    }
    Some(begin..*at)
}

fn lay_out_section(
    header: &Header,
    section: SectionRecord,
    records: Vec<ShardRecord>,
    at: &mut u64,
) -> Option<Section> {
    let mut advance = |length: u64| {
        let begin = *at;
        *at = begin.checked_add(length)?;
        Some(begin)
    };
    let mut shards = Vec::with_capacity(records.len());
    let mut details = Vec::with_capacity(records.len());
    for record in records {
        let has_names = header.names && record.entries() > 0;
        let has_facts = header.facts && record.entries() > 0;
        if (record.names_len > 0) != has_names || (record.facts_len > 0) != has_facts {
            return None;
        }
        let main_at = advance(record.entries_len(&section))?;
        advance(record.terms_len(&section))?;
        let names_at = advance(record.names_len)?;
        let facts_at = advance(record.facts_len)?;
        let (narrow, wide) = (record.narrow(&section), record.wide(&section));
        let wide_at = main_at.checked_add(narrow.len())?;
        let (keys, shortest) = Default::default();
        shards.push(Shard { main_at, wide_at, narrow, wide, keys, shortest });
        let (index_at, names, facts) = Default::default();
        details.push(ShardDetails { record, index_at, names_at, facts_at, names, facts });
    }
    Some(Section { record: section, shards, details })
}
