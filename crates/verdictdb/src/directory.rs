//! Header, directory and trailer: everything of a file but its shards.

use crate::details::terms_len;
use crate::networks::NetworkShape;
use crate::prefix::Family;
use crate::reader::Reader;
use crate::table::Shape;
use crate::{Layer, Limits, OpenError, Profile, SourceNames, SourceSet};
use sha2::{Digest as _, Sha256};
use wardnet_model::{Band, Basis, CategorySet, Risk, Timestamp};

pub(crate) const MAGIC: [u8; 8] = *b"\x89WVDB\r\n\x1a";
pub(crate) const END_MAGIC: [u8; 8] = *b"WVDBend\n";
pub(crate) const VERSION: u32 = 2;
pub(crate) const HEADER_LEN: u64 = 128;
pub(crate) const TRAILER_LEN: u64 = 128;
pub(crate) const SHARD_BITS_MAX: u8 = 16;

const HAS_NAMES: u32 = 1;
const HAS_FACTS: u32 = 2;

/// What the first 128 bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) names: bool,
    pub(crate) facts: bool,
    pub(crate) created: Timestamp,
    pub(crate) sequence: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let flags = if self.names { HAS_NAMES } else { 0 } | if self.facts { HAS_FACTS } else { 0 };
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(&self.created.0.to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.resize(96, 0);
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&digest);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        let mut fields = Reader(bytes);
        if fields.array() != Some(MAGIC) {
            return Err(OpenError::NotADatabase);
        }
        let (covered, digest) = bytes.split_at_checked(96).ok_or(OpenError::NotADatabase)?;
        match fields.u32() {
            Some(VERSION) => {}
            Some(older @ ..VERSION) => return Err(OpenError::Older(older)),
            other => return Err(OpenError::Version(other.unwrap_or(0))),
        }
        if Sha256::digest(covered).as_slice() != digest {
            return Err(OpenError::Digest("header"));
        }
        let mut read = || {
            let flags = fields.u32().filter(|flags| flags & !(HAS_NAMES | HAS_FACTS) == 0)?;
            let (created, sequence) = (Timestamp(fields.u64()?), fields.u64()?);
            let (names, facts) = (flags & HAS_NAMES != 0, flags & HAS_FACTS != 0);
            let rest_is_zero = fields.take(64)?.iter().all(|byte| *byte == 0);
            rest_is_zero.then_some(Self { names, facts, created, sequence })
        };
        read().ok_or(OpenError::Malformed("header"))
    }
}

/// Where the directory lies, and the digest over header and directory.
pub(crate) struct Trailer {
    pub(crate) directory_at: u64,
    pub(crate) directory_len: u64,
    pub(crate) file_len: u64,
}

impl Trailer {
    fn fields(&self) -> Vec<u8> {
        let mut bytes = self.directory_at.to_le_bytes().to_vec();
        bytes.extend_from_slice(&self.directory_len.to_le_bytes());
        bytes.extend_from_slice(&self.file_len.to_le_bytes());
        bytes.resize(64, 0);
        bytes
    }

    /// The digest that stands for the whole file: it covers header, directory (and by its digests
    /// every shard) and the trailer's own fields.
    pub(crate) fn root(&self, header: &[u8], directory: &[u8]) -> [u8; 32] {
        let hash = Sha256::new().chain_update(header).chain_update(directory);
        hash.chain_update(self.fields()).finalize().into()
    }

    pub(crate) fn encode(&self, root: [u8; 32]) -> Vec<u8> {
        let mut bytes = self.fields();
        bytes.extend_from_slice(&root);
        bytes.resize(120, 0);
        bytes.extend_from_slice(&END_MAGIC);
        bytes
    }

    /// Reads the trailer and the root digest it claims.
    pub(crate) fn decode(bytes: &[u8], file_len: u64) -> Result<(Self, [u8; 32]), OpenError> {
        let mut fields = Reader(bytes);
        let mut read = || {
            let (directory_at, directory_len) = (fields.u64()?, fields.u64()?);
            let trailer = Self { directory_at, directory_len, file_len: fields.u64()? };
            let zeros = fields.take(40)?;
            let root = fields.array()?;
            let more_zeros = fields.take(24)?;
            let is_zero = zeros.iter().chain(more_zeros).all(|byte| *byte == 0);
            (fields.array() == Some(END_MAGIC)).then_some((trailer, root, is_zero))
        };
        let (trailer, root, is_zero) = read().ok_or(OpenError::NotADatabase)?;
        if trailer.file_len != file_len {
            return Err(OpenError::Length { expected: trailer.file_len, found: file_len });
        }
        if !is_zero {
            return Err(OpenError::Malformed("trailer"));
        }
        Ok((trailer, root))
    }
}

/// How the shards of a section are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Tables of hashed keys.
    Hashed,
    /// Addresses and networks.
    Networks(Family),
}

impl Form {
    pub(crate) fn of(kind_tag: u8) -> Self {
        Family::of_section(kind_tag).map_or(Self::Hashed, Self::Networks)
    }

    const fn tag(self) -> u8 {
        match self {
            Self::Hashed => 0,
            Self::Networks(Family::V4) => 1,
            Self::Networks(Family::V6) => 2,
        }
    }

    /// Shards of a section: networks have one more, for prefixes shorter than the shard bits.
    pub(crate) const fn shard_count(self, shard_bits: u8) -> u32 {
        let regular = 1u32.wrapping_shl(shard_bits as u32);
        match self {
            Self::Hashed => regular,
            Self::Networks(_) => regular.saturating_add(1),
        }
    }
}

/// A section: one layer of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SectionRecord {
    pub(crate) layer: Layer,
    pub(crate) kind_tag: u8,
    pub(crate) form: Form,
    pub(crate) shard_bits: u8,
}

/// A shard: its counts and widths, from which all lengths follow, and its digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ShardRecord {
    /// Entries of the narrow table, or of the networks.
    pub(crate) count: u32,
    /// Entries of the wide table.
    pub(crate) wide_count: u32,
    /// Buckets of the narrow table and of the wide one.
    pub(crate) buckets: [u32; 2],
    /// Entries of either that stand behind the buckets.
    pub(crate) spilled: [u32; 2],
    /// Bits of the profile's index in either table; the first also of the networks.
    pub(crate) profile_bits: [u8; 2],
    /// Bits of the scope in either table.
    pub(crate) scope_bits: [u8; 2],
    /// Bits of the networks' index.
    pub(crate) bucket_bits: u8,
    pub(crate) parent_bits: u8,
    pub(crate) names_len: u64,
    pub(crate) facts_len: u64,
    pub(crate) keys_digest: [u8; 32],
    pub(crate) names_digest: [u8; 32],
    pub(crate) facts_digest: [u8; 32],
}

impl ShardRecord {
    pub(crate) const LEN: usize = 144;

    pub(crate) fn entries(&self) -> u64 {
        u64::from(self.count).saturating_add(self.wide_count.into())
    }

    pub(crate) const fn narrow(&self, section: &SectionRecord) -> Shape {
        let ([buckets, _], [spilled, _]) = (self.buckets, self.spilled);
        let ([profile_bits, _], [scope_bits, _]) = (self.profile_bits, self.scope_bits);
        Shape::new(section.shard_bits, (profile_bits, scope_bits), false)
            .with(self.count, buckets, spilled)
    }

    pub(crate) const fn wide(&self, section: &SectionRecord) -> Shape {
        let ([_, buckets], [_, spilled]) = (self.buckets, self.spilled);
        let ([_, profile_bits], [_, scope_bits]) = (self.profile_bits, self.scope_bits);
        Shape::new(section.shard_bits, (profile_bits, scope_bits), true).with(
            self.wide_count,
            buckets,
            spilled,
        )
    }

    pub(crate) const fn networks(&self, family: Family, first_bit: u8) -> NetworkShape {
        let [profile_bits, _] = self.profile_bits;
        NetworkShape {
            count: self.count,
            family,
            first_bit,
            bucket_bits: self.bucket_bits,
            profile_bits,
            parent_bits: self.parent_bits,
        }
    }

    /// Bytes of the entries without terms.
    pub(crate) fn entries_len(&self, section: &SectionRecord) -> u64 {
        match section.form {
            Form::Hashed => self.narrow(section).len().saturating_add(self.wide(section).len()),
            Form::Networks(family) => self.networks(family, section.shard_bits).entries_len(),
        }
    }

    pub(crate) fn terms_len(&self, section: &SectionRecord) -> u64 {
        if section.layer == Layer::Decision { terms_len(self.entries()) } else { 0 }
    }

    pub(crate) fn index_len(&self, section: &SectionRecord) -> u64 {
        match section.form {
            Form::Hashed => 0,
            Form::Networks(family) => self.networks(family, section.shard_bits).index_len(),
        }
    }

    fn is_valid(&self, section: &SectionRecord) -> bool {
        let whole_lines = self.names_len.is_multiple_of(64) && self.facts_len.is_multiple_of(64);
        let entries_fit = u32::try_from(self.entries()).is_ok();
        let shapes = match section.form {
            Form::Hashed => {
                (self.bucket_bits, self.parent_bits) == (0, 0)
                    && self.narrow(section).is_valid()
                    && self.wide(section).is_valid()
            }
            Form::Networks(family) => {
                let [_, wide_profile_bits] = self.profile_bits;
                (self.wide_count, wide_profile_bits, self.scope_bits) == (0, 0, [0; 2])
                    && (self.buckets, self.spilled) == ([0; 2], [0; 2])
                    && self.networks(family, section.shard_bits).is_valid()
            }
        };
        whole_lines && entries_fit && shapes
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.wide_count.to_le_bytes());
        for number in self.buckets.iter().chain(&self.spilled) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.profile_bits);
        bytes.extend_from_slice(&self.scope_bits);
        bytes.extend_from_slice(&[self.bucket_bits, self.parent_bits, 0, 0]);
        bytes.extend_from_slice(&self.names_len.to_le_bytes());
        bytes.extend_from_slice(&self.facts_len.to_le_bytes());
        bytes.extend_from_slice(&self.keys_digest);
        bytes.extend_from_slice(&self.names_digest);
        bytes.extend_from_slice(&self.facts_digest);
    }

    fn decode(bytes: &mut Reader<'_>) -> Option<Self> {
        let (count, wide_count) = (bytes.u32()?, bytes.u32()?);
        let (buckets, spilled) = ([bytes.u32()?, bytes.u32()?], [bytes.u32()?, bytes.u32()?]);
        let (profile_bits, scope_bits) = (bytes.array()?, bytes.array()?);
        let [bucket_bits, parent_bits, 0, 0] = bytes.array()? else { return None };
        Some(Self {
            count,
            wide_count,
            buckets,
            spilled,
            profile_bits,
            scope_bits,
            bucket_bits,
            parent_bits,
            names_len: bytes.u64()?,
            facts_len: bytes.u64()?,
            keys_digest: bytes.array()?,
            names_digest: bytes.array()?,
            facts_digest: bytes.array()?,
        })
    }
}

/// Everything between the shards and the trailer.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) sections: Vec<(SectionRecord, Vec<ShardRecord>)>,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) sources: SourceNames,
}

impl Directory {
    /// `None` when a count passes 32 bits.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for count in [self.sections.len(), self.profiles.len(), self.sources.len(), 0] {
            bytes.extend_from_slice(&u32::try_from(count).ok()?.to_le_bytes());
        }
        for (section, _) in &self.sections {
            let (layer, form) = (section.layer.tag(), section.form.tag());
            let shards = section.form.shard_count(section.shard_bits);
            bytes.extend_from_slice(&[layer, section.kind_tag, form, section.shard_bits]);
            bytes.extend_from_slice(&shards.to_le_bytes());
        }
        self.sections.iter().flat_map(|(_, shards)| shards).for_each(|s| s.encode(&mut bytes));
        for profile in &self.profiles {
            encode_profile(profile, &mut bytes);
        }
        for (id, name) in &self.sources {
            let name = name.as_bytes();
            bytes.extend_from_slice(&id.to_le_bytes());
            bytes.extend_from_slice(&u16::try_from(name.len()).ok()?.to_le_bytes());
            bytes.extend_from_slice(name);
        }
        Some(bytes)
    }

    pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, OpenError> {
        let mut rest = Reader(bytes);
        let malformed = |what| move || OpenError::Malformed(what);
        let counts = decode_counts(&mut rest).ok_or_else(malformed("directory counts"))?;
        let [sections, profiles, sources] = counts;
        at_most("profiles", profiles, limits.profiles_max)?;
        at_most("sources", sources, limits.sources_max)?;
        let sections =
            decode_sections(&mut rest, sections).ok_or_else(malformed("section directory"))?;
        let profiles = (0..profiles)
            .map(|_| decode_profile(&mut rest))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(malformed("profile table"))?;
        let sources =
            decode_sources(&mut rest, sources).ok_or_else(malformed("table of sources"))?;
        if !rest.0.is_empty() {
            return Err(OpenError::Malformed("bytes behind the directory"));
        }
        Ok(Self { sections, profiles, sources })
    }
}

fn at_most(what: &'static str, count: u32, max: u32) -> Result<(), OpenError> {
    if count > max { Err(OpenError::Limit { what, max: max.into() }) } else { Ok(()) }
}

fn decode_counts(rest: &mut Reader<'_>) -> Option<[u32; 3]> {
    let counts = [rest.u32()?, rest.u32()?, rest.u32()?];
    (rest.u32()? == 0).then_some(counts)
}

type Sections = Vec<(SectionRecord, Vec<ShardRecord>)>;

fn decode_sections(rest: &mut Reader<'_>, count: u32) -> Option<Sections> {
    let mut records: Vec<(SectionRecord, u32)> = Vec::new();
    for _ in 0..count {
        let [layer, kind_tag, form_tag, shard_bits] = rest.array()?;
        let (layer, form) = (Layer::from_tag(layer)?, Form::of(kind_tag));
        let record = SectionRecord { layer, kind_tag, form, shard_bits };
        let shards = rest.u32()?;
        let rises = records
            .last()
            .is_none_or(|(last, _)| (last.layer, last.kind_tag) < (record.layer, record.kind_tag));
        let counted = shard_bits <= SHARD_BITS_MAX && shards == form.shard_count(shard_bits);
        if form.tag() != form_tag || !rises || !counted {
            return None;
        }
        records.push((record, shards));
    }
    records.into_iter().map(|(record, shards)| decode_shards(rest, record, shards)).collect()
}

fn decode_shards(
    rest: &mut Reader<'_>,
    section: SectionRecord,
    count: u32,
) -> Option<(SectionRecord, Vec<ShardRecord>)> {
    let bytes = usize::try_from(count).ok()?.checked_mul(ShardRecord::LEN)?;
    let mut records = Reader(rest.take(bytes)?);
    let shards = (0..count)
        .map(|_| ShardRecord::decode(&mut records).filter(|shard| shard.is_valid(&section)))
        .collect::<Option<Vec<_>>>()?;
    Some((section, shards))
}

/// Appends a profile: risk, band, basis, number of sources, categories, sources.
pub(crate) fn encode_profile(profile: &Profile, bytes: &mut Vec<u8>) {
    let sources = u8::try_from(profile.sources.len()).unwrap_or(0);
    let basis = profile.basis.tag();
    bytes.extend_from_slice(&[profile.risk.value(), profile.band.tag(), basis, sources]);
    bytes.extend_from_slice(&profile.categories.bits().to_le_bytes());
    for source in profile.sources.bits() {
        bytes.extend_from_slice(&source.to_le_bytes());
    }
}

/// Reads what [`encode_profile`] wrote and nothing else.
pub(crate) fn decode_profile(bytes: &mut Reader<'_>) -> Option<Profile> {
    let [risk, band, basis, count] = bytes.array()?;
    let categories = CategorySet::from_bits(bytes.u64()?);
    let listed = (0..count).map(|_| bytes.u32()).collect::<Option<Vec<u32>>>()?;
    let (band, basis) = (Band::from_tag(band)?, Basis::from_tag(basis)?);
    let sources = SourceSet::from_bits(listed)?;
    (risk <= 100).then(|| Profile { risk: Risk::new(risk), band, basis, categories, sources })
}

fn decode_sources(rest: &mut Reader<'_>, count: u32) -> Option<SourceNames> {
    let mut sources = SourceNames::new();
    for _ in 0..count {
        let id = rest.u32()?;
        let length = rest.u16()?;
        let name = std::str::from_utf8(rest.take(length.into())?).ok()?;
        if sources.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return None;
        }
        sources.insert(id, name.into());
    }
    Some(sources)
}
