//! Reads a database from end to end, in order.

use crate::db::{Db, Section};
use crate::directory::Form;
use crate::prefix::{Prefix, section_tag};
use crate::shelf::{Shelf, Slip};
use crate::{Entry, Layer, LookupError};
use std::collections::VecDeque;
use wardnet_model::{Key, Kind, Scope};

/// An entry as a database keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored<'a> {
    /// The entry; key bits that are not kept are zero.
    pub entry: Entry<'a>,
    /// How many bits of the key are kept.
    pub key_bits: u8,
}

impl<D: AsRef<[u8]>> Db<D> {
    /// Every entry, in order of layer, kind, key and scope. Reads one shard at a time.
    pub fn dump(&self) -> Dump<'_, D> {
        self.dump_sections(self.sections.iter().collect())
    }

    /// The entries of one layer and kind, in order. Networks come with their family's addresses.
    pub fn dump_kind(&self, layer: Layer, kind: Kind) -> Dump<'_, D> {
        self.dump_sections(
            self.section(layer, kind).map(|(_, section)| section).into_iter().collect(),
        )
    }

    /// The entries of the layers and kinds that are wanted, in order. Networks come with their
    /// family's addresses.
    pub(crate) fn dump_where(&self, wanted: impl Fn(Layer, Kind) -> bool) -> Dump<'_, D> {
        let is_wanted = |section: &&Section| {
            Kind::from_tag(section.record.kind_tag)
                .is_some_and(|kind| wanted(section.record.layer, kind))
        };
        self.dump_sections(self.sections.iter().filter(is_wanted).collect())
    }

    fn dump_sections<'a>(&'a self, sections: VecDeque<&'a Section>) -> Dump<'a, D> {
        let (shard, shelf, taken, short, short_taken) = Default::default();
        Dump { db: self, sections, shard, shelf, taken, short, short_taken }
    }

    /// An entry as it is shown to the outside; `None` for kinds that this program does not know.
    #[inline]
    fn stored<'a>(
        &'a self,
        section: &Section,
        shelf: &Shelf<'a>,
        slip: &Slip,
    ) -> Option<Stored<'a>> {
        let row = shelf.row(slip)?;
        let mut key = Key([0; 32]);
        if let Some(first) = key.0.first_chunk_mut() {
            *first = row.key.to_be_bytes();
        }
        let mut kind = Kind::from_tag(section.record.kind_tag)?;
        if let Form::Networks(family) = section.record.form {
            let free = 128u32.saturating_sub(family.bits().into());
            let address = row.key.wrapping_shr(free);
            let prefix = Prefix { address, length: row.length, family };
            (kind, key) = (prefix.kind(), prefix.key());
        }
        let profile = self.profiles.get(row.profile as usize)?;
        let (scope, name) = (Scope::from_tag(row.scope)?, row.name);
        let (facts, terms) = (row.facts, row.terms);
        let entry = Entry { kind, key, scope, profile, name, facts, terms };
        Some(Stored { entry, key_bits: if row.full { 128 } else { 64 } })
    }
}

impl Stored<'_> {
    /// Groups entries that a comparison of databases looks at together.
    pub(crate) fn group(&self) -> (Layer, u8, u64) {
        let entry = &self.entry;
        (entry.layer(), section_tag(entry.kind), entry.key.prefix64())
    }
}

/// An iterator over entries, see [`Db::dump`]. After an error it goes on with the next shard.
pub struct Dump<'a, D> {
    db: &'a Db<D>,
    sections: VecDeque<&'a Section>,
    shard: u32,
    shelf: Shelf<'a>,
    /// How many of the shelf's entries were taken.
    taken: usize,
    /// Networks of the last shard, which go between those of all others.
    short: Shelf<'a>,
    short_taken: usize,
}

impl<'a, D: AsRef<[u8]>> Dump<'a, D> {
    /// Reads the next shard; `None` at the end.
    fn refill(&mut self) -> Option<Result<(), LookupError>> {
        let section = *self.sections.front()?;
        let regular = 1u32.wrapping_shl(section.record.shard_bits.into());
        (self.shelf, self.taken) = Default::default();
        if self.shard > regular {
            self.sections.pop_front();
            self.shard = 0;
            (self.short, self.short_taken) = Default::default();
            return Some(Ok(()));
        }
        let number = self.shard;
        self.shard = number.saturating_add(1);
        Some(self.read(section, number, regular))
    }

    /// Takes a shard, and of the short networks those that begin in it; behind the last shard all
    /// that are left.
    fn read(&mut self, section: &Section, number: u32, regular: u32) -> Result<(), LookupError> {
        let is_networks = matches!(section.record.form, Form::Networks(_));
        if is_networks && number == 0 {
            self.short = self.db.shelf(section, regular)?;
        }
        if number < regular {
            self.shelf = self.db.shelf(section, number)?;
        }
        let bits = section.record.shard_bits;
        let left = self.short.slips.get(self.short_taken..).unwrap_or_default();
        let begins_here = |slip: &&Slip| number >= regular || slip.shard_by_address(bits) <= number;
        let before = self.shelf.slips.len();
        self.shelf.slips.extend(left.iter().take_while(begins_here));
        let taken = self.shelf.slips.len().saturating_sub(before);
        self.short_taken = self.short_taken.saturating_add(taken);
        if taken > 0 {
            self.shelf.slips.sort_by_key(Slip::rank);
        }
        Ok(())
    }
}

impl Slip {
    fn shard_by_address(&self, bits: u8) -> u32 {
        let shard = self.key.checked_shr(128u32.saturating_sub(bits.into())).unwrap_or(0);
        u32::try_from(shard).unwrap_or(u32::MAX)
    }
}

impl<'a, D: AsRef<[u8]>> Iterator for Dump<'a, D> {
    type Item = Result<Stored<'a>, LookupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some(slip) = self.shelf.slips.get(self.taken) {
                self.taken = self.taken.saturating_add(1);
                let shelf = if slip.short { &self.short } else { &self.shelf };
                let section = self.sections.front()?;
                if let Some(stored) = self.db.stored(section, shelf, slip) {
                    return Some(Ok(stored));
                }
            }
            if let Err(error) = self.refill()? {
                return Some(Err(error));
            }
        }
    }
}
