//! Writes a database: shard after shard, then the directory.

mod builder;
mod shard;
mod stream;

pub use builder::Builder;
pub(crate) use shard::{Row, ShardBytes};
pub use stream::{Plan, StreamBuilder};

use crate::directory::{Directory, Form, HEADER_LEN, Header, SectionRecord, ShardRecord, Trailer};
use crate::prefix::{Prefix, section_tag};
use crate::{BuildError, Entry, Layer, Limits, Profile, SourceNames};
use std::borrow::Cow;
use std::io::Write;
use wardnet_model::{Band, Kind, Timestamp};

/// Entries of an average shard lie between this number and twice as many.
const SHARD_ENTRIES_MIN: u64 = 16_384;

/// Address bits by which IPv4 is cut into shards at most.
const NETWORK_SHARD_BITS_MAX: u8 = 8;

/// What the builder cannot know from the entries.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// When the file is made.
    pub created: Timestamp,
    /// The number of the last change that the entries contain.
    pub sequence: u64,
    /// Whether to write names.
    pub names: bool,
    /// Whether to write facts.
    pub facts: bool,
    /// Names of the sources that profiles refer to.
    pub sources: SourceNames,
    /// Bounds.
    pub limits: Limits,
}

impl Options {
    fn header(&self) -> Header {
        let (names, facts) = (self.names, self.facts);
        Header { names, facts, created: self.created, sequence: self.sequence }
    }
}

/// What has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Length of the file.
    pub bytes: u64,
    /// Number of entries.
    pub entries: u64,
    /// The digest that stands for the whole file, ready to be signed.
    pub root: [u8; 32],
}

/// The number of shard bits that suits a section of `entries` entries.
pub(crate) fn suitable_shard_bits(form: Form, entries: u64) -> u8 {
    let ideal = (entries / SHARD_ENTRIES_MIN).checked_ilog2().unwrap_or(0);
    let max = match form {
        Form::Hashed => crate::directory::SHARD_BITS_MAX,
        Form::Networks(_) => NETWORK_SHARD_BITS_MAX,
    };
    u8::try_from(ideal).unwrap_or(max).min(max)
}

/// Whether keys of this band keep 128 bits: what grants safety must not be hit by a chosen
/// collision, which 64 bits among 100 million entries do not prevent (2^37 tries).
pub(crate) const fn keeps_wide_key(band: Band) -> bool {
    matches!(band, Band::Safe | Band::Trusted)
}

/// An entry that may be written, in the builder's terms.
pub(crate) struct Admitted<'a> {
    pub(crate) layer: Layer,
    pub(crate) section: u8,
    pub(crate) key: u128,
    pub(crate) length: u8,
    pub(crate) profile: Cow<'a, Profile>,
}

/// Checks an entry against the rules that keep a database trustworthy.
pub(crate) fn admit<'a>(entry: &Entry<'a>, limits: &Limits) -> Result<Admitted<'a>, BuildError> {
    let (kind, key) = (entry.kind, entry.key);
    let name_len = entry.name.map_or(0, str::len);
    if u32::try_from(name_len).map_or(true, |length| length > limits.name_bytes_max) {
        let max = limits.name_bytes_max.into();
        return Err(BuildError::TooMany { what: "bytes of a name", max });
    }
    let form = Form::of(section_tag(kind));
    let length = match (form, Prefix::from_key(kind, &key)) {
        (Form::Hashed, _) => 0,
        (Form::Networks(_), Some(prefix)) => prefix.length,
        (Form::Networks(_), None) => return Err(BuildError::BadNetworkKey { kind, key }),
    };
    let forgeable = matches!(kind, Kind::Md5 | Kind::Sha1 | Kind::CertificateSha1);
    let profile = match entry.profile.band {
        Band::Trusted if forgeable && entry.layer() == Layer::Evidence => {
            return Err(BuildError::TrustByWeakHash { kind, key });
        }
        // An operator may allow by a forgeable hash, but that makes nothing trusted.
        Band::Trusted if forgeable => {
            Cow::Owned(Profile { band: Band::Safe, ..entry.profile.clone() })
        }
        _ => Cow::Borrowed(entry.profile),
    };
    let section = section_tag(kind);
    Ok(Admitted { layer: entry.layer(), section, key: key.prefix128(), length, profile })
}

/// A section that is being written.
struct Open<N> {
    record: SectionRecord,
    shards: Vec<ShardRecord>,
    rows: Vec<Row<N>>,
    /// Networks too short to belong to one shard; they make the last one.
    short: Vec<Row<N>>,
    /// The indexes of all shards stand together behind them, so that they share few pages.
    index: Vec<u8>,
}

/// Writes a file front to back. Sections come in order of layer and kind.
pub(crate) struct FileWriter<W, N> {
    out: W,
    position: u64,
    entries: u64,
    header: Header,
    directory: Directory,
    wide: Vec<bool>,
    open: Option<Open<N>>,
}

impl<W: Write, N: AsRef<str>> FileWriter<W, N> {
    pub(crate) fn new(
        out: W,
        header: Header,
        profiles: Vec<Profile>,
        sources: SourceNames,
    ) -> Result<Self, BuildError> {
        let wide = profiles.iter().map(|profile| keeps_wide_key(profile.band)).collect();
        let directory = Directory { sections: Vec::new(), profiles, sources };
        let mut writer = Self { out, position: 0, entries: 0, header, directory, wide, open: None };
        writer.write(&header.encode())?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BuildError> {
        self.out.write_all(bytes)?;
        self.position = self.position.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        Ok(())
    }

    /// Ends the section before and begins another.
    pub(crate) fn begin(&mut self, layer: Layer, kind_tag: u8, bits: u8) -> Result<(), BuildError> {
        self.end()?;
        let record = SectionRecord { layer, kind_tag, form: Form::of(kind_tag), shard_bits: bits };
        let (shards, rows, short, index) = Default::default();
        self.open = Some(Open { record, shards, rows, short, index });
        Ok(())
    }

    /// Adds a row to the open section; rows come in order.
    pub(crate) fn row(&mut self, row: Row<N>) -> Result<(), BuildError> {
        let Some(open) = &mut self.open else { return Err(BuildError::NotPlanned("section")) };
        let shard = row.shard(&open.record);
        if shard == open.record.form.shard_count(open.record.shard_bits).saturating_sub(1)
            && matches!(open.record.form, Form::Networks(_))
        {
            open.short.push(row);
            return Ok(());
        }
        let full = u32::try_from(open.shards.len()).unwrap_or(u32::MAX) < shard;
        if full {
            self.seal_until(shard)?;
        }
        if let Some(open) = &mut self.open {
            open.rows.push(row);
        }
        Ok(())
    }

    /// Writes the collected rows as the next shard, and empty shards up to `shard`.
    fn seal_until(&mut self, shard: u32) -> Result<(), BuildError> {
        while let Some(open) = &mut self.open
            && u32::try_from(open.shards.len()).is_ok_and(|done| done < shard)
        {
            let rows = std::mem::take(&mut open.rows);
            self.shard(&rows)?;
            if let Some(open) = &mut self.open {
                open.rows = rows;
                open.rows.clear();
            }
        }
        Ok(())
    }

    /// Writes `rows` as the next shard.
    pub(crate) fn shard(&mut self, rows: &[Row<N>]) -> Result<(), BuildError> {
        let Some(open) = &self.open else { return Err(BuildError::NotPlanned("section")) };
        let bytes = shard::encode(&open.record, &self.header, rows, &self.wide)?;
        self.copy(&bytes)
    }

    /// Writes an encoded shard as the next one.
    pub(crate) fn copy(&mut self, shard: &ShardBytes<'_>) -> Result<(), BuildError> {
        for part in [&shard.main, &shard.names, &shard.facts] {
            self.write(part)?;
        }
        self.entries = self.entries.saturating_add(shard.record.entries());
        if let Some(open) = &mut self.open {
            open.shards.push(shard.record);
            open.index.extend_from_slice(&shard.index);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), BuildError> {
        let Some(open) = &self.open else { return Ok(()) };
        let count = open.record.form.shard_count(open.record.shard_bits);
        if matches!(open.record.form, Form::Networks(_)) {
            self.seal_until(count.saturating_sub(1))?;
            let short = self.open.as_mut().map(|open| std::mem::take(&mut open.short));
            if let Some(open) = &mut self.open
                && u32::try_from(open.shards.len()).is_ok_and(|done| done < count)
            {
                open.rows = short.unwrap_or_default();
            }
        }
        self.seal_until(count)?;
        if let Some(open) = self.open.take() {
            self.write(&open.index)?;
            self.directory.sections.push((open.record, open.shards));
        }
        Ok(())
    }

    /// Writes directory and trailer.
    pub(crate) fn finish(mut self) -> Result<Written, BuildError> {
        self.end()?;
        let too_many = BuildError::TooMany { what: "directory records", max: u32::MAX.into() };
        let directory = self.directory.encode().ok_or(too_many)?;
        let directory_at = self.position;
        self.write(&directory)?;
        let trailer = Trailer {
            directory_at,
            directory_len: self.position.saturating_sub(directory_at),
            file_len: self.position.saturating_add(crate::directory::TRAILER_LEN),
        };
        debug_assert!(directory_at >= HEADER_LEN);
        let root = trailer.root(&self.header.encode(), &directory);
        self.write(&trailer.encode(root))?;
        self.out.flush()?;
        Ok(Written { bytes: self.position, entries: self.entries, root })
    }
}
