//! The entries of one shard, unpacked and put into order.
//!
//! What is sorted is small: names, dates and terms are looked up by position when an entry is taken.

use crate::db::{Db, Section, bad};
use crate::details;
use crate::directory::Form;
use crate::table::{Cell, Table};
use crate::write::Row;
use crate::{Layer, LookupError};

/// An entry, as much of it as its order needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slip {
    /// The first 128 bits of the key; the lower half is zero where only 64 are known.
    pub(crate) key: u128,
    /// Where in the shard it lies.
    position: u32,
    pub(crate) profile: u32,
    /// The prefix length of networks, else 0.
    pub(crate) length: u8,
    pub(crate) scope: u8,
    /// Whether all 128 bits are known.
    pub(crate) full: bool,
    /// Whether it comes from the shard of networks that lie across the others.
    pub(crate) short: bool,
}

impl Slip {
    /// Orders the entries of a section.
    pub(crate) const fn rank(&self) -> (u128, u8, u8) {
        (self.key, self.length, self.scope)
    }
}

/// A shard whose parts have been checked.
#[derive(Debug, Default)]
pub(crate) struct Shelf<'a> {
    /// All entries, in order.
    pub(crate) slips: Vec<Slip>,
    /// By position; none at all in a file without names.
    names: Vec<Option<&'a str>>,
    facts: &'a [u8],
    terms: Option<&'a [u8]>,
}

impl<'a> Shelf<'a> {
    pub(crate) fn row(&self, slip: &Slip) -> Option<Row<&'a str>> {
        let facts = match self.facts {
            [] => None,
            facts => details::facts(facts, slip.position)?,
        };
        let terms = match self.terms {
            Some(terms) => Some(details::terms(terms, slip.position)?),
            None => None,
        };
        Some(Row {
            key: slip.key,
            full: slip.full,
            length: slip.length,
            scope: slip.scope,
            profile: slip.profile,
            name: self.names.get(slip.position as usize).copied().flatten(),
            facts,
            terms,
        })
    }
}

impl<D: AsRef<[u8]>> Db<D> {
    /// The rows of a shard, sorted, after checking all its parts.
    pub(crate) fn rows(
        &self,
        section: &Section,
        number: u32,
    ) -> Result<Vec<Row<&str>>, LookupError> {
        let shelf = self.shelf(section, number)?;
        let rows: Option<Vec<_>> = shelf.slips.iter().map(|slip| shelf.row(slip)).collect();
        rows.ok_or_else(|| bad(section, number))
    }

    /// The entries of a shard, sorted, after checking all its parts.
    pub(crate) fn shelf(&self, section: &Section, number: u32) -> Result<Shelf<'_>, LookupError> {
        let error = || bad(section, number);
        self.shard(section, number)?;
        let names = self.names_part(section, number)?;
        let facts = self.facts_part(section, number)?;
        let mut slips = match section.record.form {
            Form::Hashed => self.hashed_slips(section, number),
            Form::Networks(_) => self.network_slips(section, number),
        }
        .ok_or_else(error)?;
        let count = u32::try_from(slips.len()).map_err(|_| error())?;
        let names = match names {
            [] => Vec::new(),
            names => details::names(names, count).ok_or_else(error)?,
        };
        let terms = match section.record.layer {
            Layer::Decision => Some(self.terms_part(section, number).ok_or_else(error)?),
            Layer::Evidence => None,
        };
        let can_be_read = |last| {
            (facts.is_empty() || details::facts(facts, last).is_some())
                && terms.is_none_or(|terms| details::terms(terms, last).is_some())
        };
        if !count.checked_sub(1).is_none_or(can_be_read) {
            return Err(error());
        }
        slips.sort_by_key(Slip::rank);
        Ok(Shelf { slips, names, facts, terms })
    }

    fn terms_part(&self, section: &Section, number: u32) -> Option<&[u8]> {
        let (main, _) = self.keys_parts(section, number)?;
        let record = &section.details.get(number as usize)?.record;
        main.get(usize::try_from(record.entries_len(&section.record)).ok()?..)
    }

    /// Entries by position: first the narrow table's, then the wide one's.
    fn hashed_slips(&self, section: &Section, number: u32) -> Option<Vec<Slip>> {
        let shard = section.shards.get(number as usize)?;
        let mut slips = Vec::new();
        let mut put = |table: Table<'_>| {
            let full = table.shape.wide;
            let cells = table.cells(number.into())?.into_iter();
            let first = u32::try_from(slips.len()).ok()?;
            slips.extend(cells.zip(first..).map(|(cell, position)| {
                let Cell { key, low, scope, profile } = cell;
                let key = u128::from(key).wrapping_shl(64) | u128::from(low);
                Slip { key, position, profile, length: 0, scope, full, short: false }
            }));
            Some(())
        };
        put(self.narrow(shard)?)?;
        put(self.wide(shard)?)?;
        Some(slips)
    }

    fn network_slips(&self, section: &Section, number: u32) -> Option<Vec<Slip>> {
        let networks = self.networks_of(section, number)?;
        let free = 128u32.saturating_sub(networks.shape.family.bits().into());
        let short = number == 1u32.wrapping_shl(section.record.shard_bits.into());
        let slip = |position| {
            let (cell, _) = networks.cell(position)?;
            let key = cell.address.wrapping_shl(free);
            let (length, scope, profile) = (cell.length, cell.scope, cell.profile);
            Some(Slip { key, position, profile, length, scope, full: true, short })
        };
        (0..networks.shape.count).map(slip).collect()
    }
}
