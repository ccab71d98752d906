//! One shard of addresses and networks: sorted by address, each with the network around it.
//!
//! Addresses stand in an array of their own, so that a search touches little. Beside it, bit-packed:
//! profile, scope (2 bits), prefix length (8 bits), and the parent: one more than the position of
//! the nearest entry before that covers this one, or 0. The entries that cover an address are then
//! the last entry not above it and its ancestors, which is all a lookup walks over.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "shapes are checked on open, and positions are used through `get`"
)]

use crate::bits::{BitWriter, bits_for, low_mask, packed_len, to_lines, window};
use crate::buckets;
use crate::map::prefetch;
use crate::prefix::Family;

/// Leading address bits that shard and bucket of IPv4 tell at most.
const INDEXED_BITS_MAX: u8 = 16;

/// The form of a shard of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetworkShape {
    pub(crate) count: u32,
    pub(crate) family: Family,
    /// Address bits that the shard tells; bucket bits follow them.
    pub(crate) first_bit: u8,
    pub(crate) bucket_bits: u8,
    pub(crate) profile_bits: u8,
    pub(crate) parent_bits: u8,
}

impl NetworkShape {
    pub(crate) fn is_valid(self) -> bool {
        let indexed = self.first_bit.saturating_add(self.bucket_bits);
        indexed <= 2 * INDEXED_BITS_MAX && self.profile_bits <= 32 && self.parent_bits <= 32
    }

    const fn stride(self) -> u32 {
        self.profile_bits as u32 + 2 + 8 + self.parent_bits as u32
    }

    const fn addresses_len(self) -> u64 {
        to_lines(self.count as u64 * self.family.bytes())
    }

    pub(crate) const fn entries_len(self) -> u64 {
        self.addresses_len() + packed_len(self.count, self.stride())
    }

    pub(crate) const fn index_len(self) -> u64 {
        buckets::index_len(self.bucket_bits)
    }

    const fn bucket(self, address: u128) -> u64 {
        let below = self.family.bits() as u32 - self.first_bit as u32 - self.bucket_bits as u32;
        (address >> below) as u64 & low_mask(self.bucket_bits as u32)
    }
}

/// An entry of a shard of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetworkCell {
    pub(crate) address: u128,
    pub(crate) length: u8,
    pub(crate) scope: u8,
    pub(crate) profile: u32,
}

/// A shard of networks within the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Networks<'a> {
    pub(crate) shape: NetworkShape,
    pub(crate) index: &'a [u8],
    pub(crate) entries: &'a [u8],
}

impl<'a> Networks<'a> {
    #[inline(always)]
    fn address(&self, position: u32) -> Option<u128> {
        let at = position as usize;
        match self.shape.family {
            Family::V4 => {
                let bytes = self.entries.get(at * 4..)?.first_chunk::<4>()?;
                Some(u32::from_le_bytes(*bytes).into())
            }
            Family::V6 => {
                let bytes = self.entries.get(at * 16..)?.first_chunk::<16>()?;
                Some(u128::from_le_bytes(*bytes))
            }
        }
    }

    /// The entry at a position and its parent.
    pub(crate) fn cell(&self, position: u32) -> Option<(NetworkCell, Option<u32>)> {
        let shape = self.shape;
        let packed = self.entries.get(shape.addresses_len() as usize..)?;
        let head = window(packed, u64::from(position) * u64::from(shape.stride()))?;
        let tag = (head >> shape.profile_bits) as u64;
        let parent = tag >> 10 & low_mask(shape.parent_bits.into());
        let cell = NetworkCell {
            address: self.address(position)?,
            length: (tag >> 2) as u8,
            scope: (tag & 3) as u8,
            profile: (head as u64 & low_mask(shape.profile_bits.into())) as u32,
        };
        Some((cell, (parent as u32).checked_sub(1)))
    }

    /// How many entries are not above `address`.
    fn upper_bound(&self, address: u128) -> Option<u32> {
        let (mut begin, mut end) = match self.shape.bucket_bits {
            0 => (0, self.shape.count),
            _ => buckets::range(self.index, self.shape.bucket(address))?,
        };
        let counted = if self.shape.family == Family::V4 { COUNTED } else { 0 };
        while begin + counted < end {
            let middle = begin + (end - begin) / 2;
            if self.address(middle)? <= address {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        let left = self.entries.get(begin as usize * 4..end as usize * 4);
        Some(begin + if counted > 0 { not_above(left?, address as u32) } else { 0 })
    }

    /// Has the entries fetched that a search for `address` would look at.
    pub(crate) fn expect(&self, address: u128) {
        let (begin, end) = match self.shape.bucket_bits {
            0 => (0, self.shape.count),
            _ => buckets::range(self.index, self.shape.bucket(address)).unwrap_or((0, 0)),
        };
        let middle = u64::from(begin) + u64::from(end.saturating_sub(begin)) / 2;
        let width = self.shape.family.bytes();
        // A bucket of IPv4 addresses is about one line, and lies in two.
        prefetch(self.entries, u64::from(begin) * width);
        prefetch(self.entries, middle * width);
        let packed = middle * u64::from(self.shape.stride());
        prefetch(self.entries, self.shape.addresses_len() + packed / 8);
    }

    /// Every entry whose network holds `address`, the longest prefix first. No entry of the shard
    /// has a shorter one than `shortest`.
    pub(crate) fn covering(self, address: u128, shortest: u8) -> Option<Covering<'a>> {
        let family = self.shape.family;
        let next = match self.upper_bound(address)?.checked_sub(1) {
            // All ancestors of the entry share these bits with it, so none holds the address.
            Some(last) if !covers(family, self.address(last)?, shortest, address) => None,
            last => last,
        };
        // Three scopes at each prefix length, and one miss: no valid chain is longer.
        let steps_left = (u32::from(family.bits()) + 1) * 3 + 1;
        Some(Covering { networks: self, address, next, steps_left })
    }
}

/// So many IPv4 addresses are counted, and not halved any further: counting has no branches that a
/// processor could guess wrong.
const COUNTED: u32 = 48;

/// How many of the addresses, which ascend, are not above one.
fn not_above(addresses: &[u8], address: u32) -> u32 {
    let (addresses, _) = addresses.as_chunks::<4>();
    addresses.iter().map(|one| u32::from(u32::from_le_bytes(*one) <= address)).sum()
}

/// Walks from the last entry not above an address over its ancestors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Covering<'a> {
    networks: Networks<'a>,
    address: u128,
    next: Option<u32>,
    steps_left: u32,
}

impl Covering<'_> {
    /// The next entry; the outer `None` means malformed.
    pub(crate) fn next(&mut self) -> Option<Option<(u32, NetworkCell)>> {
        while let Some(position) = self.next {
            let (cell, parent) = self.networks.cell(position)?;
            self.steps_left = self.steps_left.checked_sub(1)?;
            if parent.is_some_and(|parent| parent >= position) {
                return None;
            }
            self.next = parent;
            if covers(self.networks.shape.family, cell.address, cell.length, self.address) {
                return Some(Some((position, cell)));
            }
        }
        Some(None)
    }
}

/// Whether the network of `length` bits at `network` holds `address`.
pub(crate) fn covers(family: Family, network: u128, length: u8, address: u128) -> bool {
    let free = u32::from(family.bits().saturating_sub(length));
    (network ^ address).checked_shr(free).unwrap_or(0) == 0
}

/// What [`encode`] yields.
pub(crate) struct EncodedNetworks {
    pub(crate) shape: NetworkShape,
    pub(crate) entries: Vec<u8>,
    pub(crate) index: Vec<u8>,
}

/// Packs cells, which are sorted by address, prefix length and scope.
pub(crate) fn encode(cells: &[NetworkCell], family: Family, first_bit: u8) -> EncodedNetworks {
    let parents = parents(cells, family);
    let count = cells.len() as u32;
    let fitting = INDEXED_BITS_MAX.saturating_sub(first_bit);
    let even = NetworkShape {
        count,
        family,
        first_bit,
        bucket_bits: buckets::suitable_bits(count).min(fitting),
        profile_bits: bits_for(cells.iter().map(|cell| cell.profile).max().unwrap_or(0)),
        parent_bits: bits_for(parents.iter().copied().max().unwrap_or(0)),
    };
    let of_cells = cells.iter().map(|cell| even.bucket(cell.address));
    let (shape, index) = match buckets::encode(even.bucket_bits, of_cells) {
        Some(index) => (even, index),
        None => (NetworkShape { bucket_bits: 0, ..even }, Vec::new()),
    };
    let mut entries = Vec::with_capacity(shape.entries_len() as usize);
    for cell in cells {
        match family {
            Family::V4 => entries.extend_from_slice(&(cell.address as u32).to_le_bytes()),
            Family::V6 => entries.extend_from_slice(&cell.address.to_le_bytes()),
        }
    }
    entries.resize(shape.addresses_len() as usize, 0);
    let mut packed = BitWriter::default();
    for (cell, parent) in cells.iter().zip(parents) {
        packed.push(cell.profile.into(), shape.profile_bits.into());
        packed.push(cell.scope.into(), 2);
        packed.push(cell.length.into(), 8);
        packed.push(parent.into(), shape.parent_bits.into());
    }
    entries.append(&mut packed.finish(packed_len(count, shape.stride())));
    EncodedNetworks { shape, entries, index }
}

/// For each cell, one more than the position of the nearest cell before that covers it, or 0.
fn parents(cells: &[NetworkCell], family: Family) -> Vec<u32> {
    let mut open: Vec<(u32, NetworkCell)> = Vec::new();
    let mut parents = Vec::with_capacity(cells.len());
    for (cell, number) in cells.iter().zip(1u32..) {
        let covers_cell =
            |outer: &NetworkCell| covers(family, outer.address, outer.length, cell.address);
        while open.last().is_some_and(|(_, outer)| !covers_cell(outer)) {
            open.pop();
        }
        parents.push(open.last().map_or(0, |(outer, _)| *outer));
        open.push((number, *cell));
    }
    parents
}
