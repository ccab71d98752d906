//! Checks shards: their digests, and that their content keeps the format's promises.

use crate::db::{Db, Section, bad};
use crate::details;
use crate::directory::Form;
use crate::networks::covers;
use crate::table::Table;
use crate::write::keeps_wide_key;
use crate::{LookupError, buckets};
use sha2::{Digest as _, Sha256};
use std::sync::atomic::Ordering;

impl<D: AsRef<[u8]>> Db<D> {
    /// Checks every shard, names and facts included; the first bad one is the error.
    pub fn verify(&self) -> Result<(), LookupError> {
        for section in &self.sections {
            for (_, number) in section.shards.iter().zip(0u32..) {
                self.shard(section, number)?;
                self.names_part(section, number)?;
                self.facts_part(section, number)?;
            }
        }
        Ok(())
    }

    /// The names of a shard, checked.
    pub(crate) fn names_part(&self, section: &Section, number: u32) -> Result<&[u8], LookupError> {
        let error = || bad(section, number);
        let details = section.details.get(number as usize).ok_or_else(error)?;
        let record = &details.record;
        let part = self.part(details.names_at, record.names_len).ok_or_else(error)?;
        let count = u32::try_from(record.entries()).unwrap_or(u32::MAX);
        let is_good = details.names.or_check(|| {
            Sha256::digest(part).as_slice() == record.names_digest
                && (part.is_empty() || details::names_are_valid(part, count))
        });
        if is_good { Ok(part) } else { Err(error()) }
    }

    /// The facts of a shard, checked.
    pub(crate) fn facts_part(&self, section: &Section, number: u32) -> Result<&[u8], LookupError> {
        let error = || bad(section, number);
        let details = section.details.get(number as usize).ok_or_else(error)?;
        let record = &details.record;
        let part = self.part(details.facts_at, record.facts_len).ok_or_else(error)?;
        let count = u32::try_from(record.entries()).unwrap_or(u32::MAX);
        let is_good = details.facts.or_check(|| {
            Sha256::digest(part).as_slice() == record.facts_digest
                && (part.is_empty() || details::facts_are_valid(part, count))
        });
        if is_good { Ok(part) } else { Err(error()) }
    }

    /// The entries and terms of a shard, and its index.
    pub(crate) fn keys_parts(&self, section: &Section, number: u32) -> Option<(&[u8], &[u8])> {
        let shard = section.shards.get(number as usize)?;
        let record = &section.details.get(number as usize)?.record;
        let terms = record.terms_len(&section.record);
        let main_len = record.entries_len(&section.record).checked_add(terms)?;
        let main = self.part(shard.main_at, main_len)?;
        let index_at = section.details.get(number as usize)?.index_at;
        Some((main, self.index(index_at, record.index_len(&section.record))?))
    }

    /// Whether the keys of a shard have the digest of the directory and make sense.
    #[cold]
    pub(crate) fn keys_are_good(&self, section: &Section, number: u32) -> bool {
        let check = || {
            let (main, index) = self.keys_parts(section, number)?;
            let record = &section.details.get(number as usize)?.record;
            let digest = Sha256::new().chain_update(main).chain_update(index).finalize();
            if digest.as_slice() != record.keys_digest {
                return Some(false);
            }
            match section.record.form {
                Form::Hashed => self.tables_are_good(section, number),
                Form::Networks(_) => self.networks_are_good(section, number),
            }
        };
        check().unwrap_or(false)
    }

    fn tables_are_good(&self, section: &Section, number: u32) -> Option<bool> {
        let shard = section.shards.get(number as usize)?;
        let is_good = |table: Table<'_>| {
            // What grants safety must not stand on 64 bits.
            table.is_sound(|cell| {
                self.profiles.get(cell.profile as usize).is_some_and(|profile| {
                    cell.scope < 3 && (table.shape.wide || !keeps_wide_key(profile.band))
                })
            })
        };
        Some(is_good(self.narrow(shard)?)? && is_good(self.wide(shard)?)?)
    }

    fn networks_are_good(&self, section: &Section, number: u32) -> Option<bool> {
        let networks = self.networks_of(section, number)?;
        let shape = networks.shape;
        if !buckets::is_valid(networks.index, shape.bucket_bits, shape.count) {
            return Some(false);
        }
        let (mut last, mut shortest) = (None, shape.family.bits());
        for position in 0..shape.count {
            let (cell, parent) = networks.cell(position)?;
            let rank = (cell.address, cell.length, cell.scope);
            let known = (cell.profile as usize) < self.profiles.len();
            let canonical = cell.length <= shape.family.bits()
                && covers(shape.family, cell.address, cell.length, cell.address);
            let parent_covers = match parent {
                Some(parent) if parent < position => {
                    let (outer, _) = networks.cell(parent)?;
                    covers(shape.family, outer.address, outer.length, cell.address)
                }
                Some(_) => false,
                None => true,
            };
            let rises = last.is_none_or(|last| last < rank);
            if !(rises && known && canonical && parent_covers && cell.scope < 3) {
                return Some(false);
            }
            last = Some(rank);
            shortest = shortest.min(cell.length);
        }
        let shard = section.shards.get(number as usize)?;
        shard.shortest.store(shortest, Ordering::Relaxed);
        Some(true)
    }
}
