//! How large a database is, and what takes the room.

use crate::db::Section;
use crate::{Db, Hits, Layer, LookupError, View};
use wardnet_model::{Kind, Timestamp};

/// Size of one layer of one kind. Networks count with the addresses of their family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionStat {
    /// Evidence or decisions.
    pub layer: Layer,
    /// The number of the kind.
    pub kind_tag: u8,
    /// Entries.
    pub entries: u64,
    /// Entries that keep 128 bits of their key; all networks do.
    pub wide_entries: u64,
    /// Number of shards.
    pub shards: u64,
    /// Bytes of entries, terms and index: what a lookup needs.
    pub keys_bytes: u64,
    /// Bytes of names.
    pub names_bytes: u64,
    /// Bytes of facts.
    pub facts_bytes: u64,
}

impl SectionStat {
    /// Bytes of keys for each entry.
    pub fn bytes_per_entry(&self) -> f64 {
        self.keys_bytes as f64 / self.entries.max(1) as f64
    }
}

/// Size of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Each section.
    pub sections: Vec<SectionStat>,
    /// Distinct profiles.
    pub profiles: u64,
    /// Bytes of the directory, profiles and names of sources included.
    pub directory_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
}

impl Stat {
    /// Number of all entries.
    pub fn entries(&self) -> u64 {
        self.sections.iter().fold(0, |sum, section| sum.saturating_add(section.entries))
    }

    /// Bytes of keys and profiles of all sections: the file without names and facts.
    pub fn keys_and_profiles_bytes(&self) -> u64 {
        self.sections.iter().fold(self.file_bytes, |rest, section| {
            rest.saturating_sub(section.names_bytes).saturating_sub(section.facts_bytes)
        })
    }
}

impl<D: AsRef<[u8]>> Db<D> {
    /// How large everything is. Reads the directory only.
    pub fn stat(&self) -> Stat {
        Stat {
            sections: self.sections.iter().map(section_stat).collect(),
            profiles: u64::try_from(self.profiles.len()).unwrap_or(u64::MAX),
            directory_bytes: self.directory_len,
            file_bytes: u64::try_from(self.bytes().len()).unwrap_or(u64::MAX),
        }
    }
}

impl View {
    /// Entries of a kind, with all that has changed since the base; no tenant's own. Networks count
    /// with the addresses of their family in the base, so that these kinds cannot be told apart; what
    /// begins with the same 64 bits as an entry of the base may not be counted beside it.
    ///
    /// Asks the base about each change of the kind.
    pub fn count(&self, kind: Kind) -> Result<u64, LookupError> {
        let mut count = self.base.as_ref().map_or(0, |base| base.count(kind));
        for (layer, _, key, scope, new) in self.overlay.slots().filter(|slot| slot.1 == kind) {
            let mut beneath = Hits::default();
            if let Some(base) = &self.base {
                // At the first second of all time every decision stands.
                base.collect(layer, kind, key, Timestamp(0), &mut beneath)?;
            }
            let is_beneath = beneath.iter().any(|(_, hit)| hit.scope == scope);
            count = match (is_beneath, new.is_some()) {
                (false, true) => count.saturating_add(1),
                (true, false) => count.saturating_sub(1),
                _ => count,
            };
        }
        Ok(count)
    }
}

impl<D: AsRef<[u8]>> Db<D> {
    fn count(&self, kind: Kind) -> u64 {
        let of_kind = self.sections.iter().filter(|section| section.record.kind_tag == kind.tag());
        of_kind.fold(0, |sum, section| sum.saturating_add(section.entries()))
    }
}

fn section_stat(section: &Section) -> SectionStat {
    let record = &section.record;
    let sum = |of: fn(&crate::directory::ShardRecord) -> u64| {
        section.details.iter().fold(0u64, |sum, shard| sum.saturating_add(of(&shard.record)))
    };
    let keys_bytes = section.details.iter().fold(0u64, |sum, shard| {
        sum.saturating_add(shard.record.entries_len(record))
            .saturating_add(shard.record.terms_len(record))
            .saturating_add(shard.record.index_len(record))
    });
    let is_networks = matches!(record.form, crate::directory::Form::Networks(_));
    SectionStat {
        layer: record.layer,
        kind_tag: record.kind_tag,
        entries: section.entries(),
        wide_entries: if is_networks {
            section.entries()
        } else {
            sum(|shard| shard.wide_count.into())
        },
        shards: u64::try_from(section.shards.len()).unwrap_or(u64::MAX),
        keys_bytes,
        names_bytes: sum(|shard| shard.names_len),
        facts_bytes: sum(|shard| shard.facts_len),
    }
}
