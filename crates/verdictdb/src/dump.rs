//! Reads a database from end to end, in order.

use crate::db::{Db, Section, bad};
use crate::details;
use crate::directory::Form;
use crate::prefix::{Prefix, section_tag};
use crate::table::{Cell, Table};
use crate::write::Row;
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
        let (shard, rows, short) = Default::default();
        Dump { db: self, sections, shard, rows, short }
    }

    /// The rows of a shard, sorted, after checking all its parts.
    pub(crate) fn rows(
        &self,
        section: &Section,
        number: u32,
    ) -> Result<Vec<Row<&str>>, LookupError> {
        let error = || bad(section, number);
        self.shard(section, number)?;
        let names = self.names_part(section, number)?;
        let facts = self.facts_part(section, number)?;
        let mut rows = match section.record.form {
            Form::Hashed => self.hashed_rows(section, number),
            Form::Networks(_) => self.network_rows(section, number),
        }
        .ok_or_else(error)?;
        let count = u32::try_from(rows.len()).map_err(|_| error())?;
        if !names.is_empty() {
            let names = details::names(names, count).ok_or_else(error)?;
            rows.iter_mut().zip(names).for_each(|(row, name)| row.name = name);
        }
        let is_decision = section.record.layer == Layer::Decision;
        let terms = self.terms_part(section, number).ok_or_else(error)?;
        for (row, position) in rows.iter_mut().zip(0u32..) {
            if !facts.is_empty() {
                row.facts = details::facts(facts, position).ok_or_else(error)?;
            }
            if is_decision {
                row.terms = Some(details::terms(terms, position).ok_or_else(error)?);
            }
        }
        rows.sort_by_key(Row::rank);
        Ok(rows)
    }

    fn terms_part(&self, section: &Section, number: u32) -> Option<&[u8]> {
        let (main, _) = self.keys_parts(section, number)?;
        let record = &section.details.get(number as usize)?.record;
        main.get(usize::try_from(record.entries_len(&section.record)).ok()?..)
    }

    /// Rows by position: first the narrow table's, then the wide one's.
    fn hashed_rows(&self, section: &Section, number: u32) -> Option<Vec<Row<&str>>> {
        let shard = section.shards.get(number as usize)?;
        let of_table = |table: Table<'_>| {
            let wide = table.shape.wide;
            let row = move |cell: Cell| Row {
                key: u128::from(cell.key).wrapping_shl(64) | u128::from(cell.low),
                full: wide,
                length: 0,
                scope: cell.scope,
                profile: cell.profile,
                name: None,
                facts: None,
                terms: None,
            };
            Some(table.cells(number.into())?.into_iter().map(row))
        };
        Some(of_table(self.narrow(shard)?)?.chain(of_table(self.wide(shard)?)?).collect())
    }

    fn network_rows(&self, section: &Section, number: u32) -> Option<Vec<Row<&str>>> {
        let networks = self.networks_of(section, number)?;
        let free = 128u32.saturating_sub(networks.shape.family.bits().into());
        let row = |position| {
            let (cell, _) = networks.cell(position)?;
            Some(Row {
                key: cell.address.wrapping_shl(free),
                full: true,
                length: cell.length,
                scope: cell.scope,
                profile: cell.profile,
                name: None,
                facts: None,
                terms: None,
            })
        };
        (0..networks.shape.count).map(row).collect()
    }

    /// A row as it is shown to the outside; `None` for kinds that this program does not know.
    fn stored<'a>(&'a self, section: &Section, row: &Row<&'a str>) -> Option<Stored<'a>> {
        let mut key = Key([0; 32]);
        key.0.iter_mut().zip(row.key.to_be_bytes()).for_each(|(byte, value)| *byte = value);
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
    rows: VecDeque<Row<&'a str>>,
    /// Networks of the last shard, which go between those of all others.
    short: VecDeque<Row<&'a str>>,
}

impl<'a, D: AsRef<[u8]>> Dump<'a, D> {
    /// Reads the next shard; `None` at the end.
    fn refill(&mut self) -> Option<Result<(), LookupError>> {
        let section = *self.sections.front()?;
        let is_networks = matches!(section.record.form, Form::Networks(_));
        let regular = 1u32.wrapping_shl(section.record.shard_bits.into());
        if self.shard >= regular {
            self.sections.pop_front();
            self.shard = 0;
            self.rows = std::mem::take(&mut self.short);
            return Some(Ok(()));
        }
        let number = self.shard;
        self.shard = number.saturating_add(1);
        let mut read = || {
            if is_networks && number == 0 {
                self.short = self.db.rows(section, regular)?.into();
            }
            let mut rows = self.db.rows(section, number)?;
            while let Some(row) = self.short.front()
                && row.shard_by_address(section.record.shard_bits) <= number
            {
                rows.extend(self.short.pop_front());
            }
            if is_networks {
                rows.sort_by_key(Row::rank);
            }
            self.rows = rows.into();
            Ok(())
        };
        Some(read())
    }
}

impl<N> Row<N> {
    fn shard_by_address(&self, bits: u8) -> u32 {
        let shard = self.key.checked_shr(128u32.saturating_sub(bits.into())).unwrap_or(0);
        u32::try_from(shard).unwrap_or(u32::MAX)
    }
}

impl<'a, D: AsRef<[u8]>> Iterator for Dump<'a, D> {
    type Item = Result<Stored<'a>, LookupError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let section = self.sections.front().copied();
            if let Some(row) = self.rows.pop_front() {
                if let Some(stored) = section.and_then(|section| self.db.stored(section, &row)) {
                    return Some(Ok(stored));
                }
                continue;
            }
            if let Err(error) = self.refill()? {
                return Some(Err(error));
            }
        }
    }
}
