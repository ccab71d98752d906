//! One sorted, bit-packed table of hashed keys: the inner loop of every lookup.
//!
//! An entry holds, from its lowest bit: the profile's index, the scope (2 bits), the key bits that
//! neither shard nor bucket tell, and in a wide table the next 64 key bits.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "hot code; shapes are checked on open and positions are used through `get`"
)]

use crate::bits::{self, BitWriter, low_mask, packed_len, window, window_small};
use crate::buckets;

/// Entries around the likeliest place that a search compares at once.
const LOOK: u32 = 8;

/// Bytes that hold these entries, at the largest stride that is searched this way, and more: so
/// many that any 7-bit offset has eight bytes behind it.
const LOOK_BYTES: usize = 136;

/// The form of a table, from which every width and length follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) count: u32,
    pub(crate) shard_bits: u8,
    pub(crate) bucket_bits: u8,
    pub(crate) profile_bits: u8,
    pub(crate) wide: bool,
}

impl Shape {
    /// Whether the widths make sense together.
    pub(crate) fn is_valid(self) -> bool {
        self.shard_bits <= 16 && self.bucket_bits <= 28 && self.profile_bits <= 32
    }

    #[inline(always)]
    const fn key_bits(self) -> u32 {
        64 - self.shard_bits as u32 - self.bucket_bits as u32
    }

    #[inline(always)]
    const fn tag_bits(self) -> u32 {
        self.profile_bits as u32 + 2
    }

    #[inline(always)]
    const fn stride(self) -> u32 {
        self.key_bits() + self.tag_bits() + if self.wide { 64 } else { 0 }
    }

    pub(crate) const fn entries_len(self) -> u64 {
        packed_len(self.count, self.stride())
    }

    pub(crate) const fn index_len(self) -> u64 {
        buckets::index_len(self.bucket_bits)
    }

    /// The bucket of a key.
    #[inline(always)]
    const fn bucket(self, key: u64) -> u64 {
        if self.bucket_bits == 0 {
            0
        } else {
            (key << self.shard_bits) >> (64 - self.bucket_bits as u32)
        }
    }

    /// The part of a key that the entry itself holds.
    #[inline(always)]
    const fn rest(self, key: u64) -> u64 {
        self.aligned(key) >> (64 - self.key_bits())
    }

    /// The same, moved to the top.
    #[inline(always)]
    const fn aligned(self, key: u64) -> u64 {
        key << (64 - self.key_bits())
    }

    /// Where the cache line of the index lies that serves `key`.
    #[inline(always)]
    pub(crate) const fn index_line(self, key: u64) -> u64 {
        self.bucket(key) / 30 * bits::LINE
    }
}

/// An entry as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) key: u64,
    pub(crate) low: u64,
    pub(crate) scope: u8,
    pub(crate) profile: u32,
}

/// Where in a table a key must be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    begin: u32,
    end: u32,
    guess: u32,
}

/// A table within the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    pub(crate) shape: Shape,
    pub(crate) index: &'a [u8],
    pub(crate) entries: &'a [u8],
}

impl Table<'_> {
    /// The bucket of a key and the likeliest place in it. Touches one line of the index.
    #[inline(always)]
    pub(crate) fn span(&self, key: u64) -> Option<Span> {
        let shape = self.shape;
        let (begin, end) = match shape.bucket_bits {
            0 => (0, shape.count),
            _ => buckets::range(self.index, shape.bucket(key))?,
        };
        let fraction = shape.aligned(key) >> 32;
        let offset = (u64::from(end.wrapping_sub(begin)) * fraction) >> 32;
        Some(Span { begin, end, guess: begin.wrapping_add(offset as u32) })
    }

    /// The first of the entries that a search compares at once.
    #[inline(always)]
    fn look_from(span: Span) -> u32 {
        span.guess.saturating_sub(LOOK / 2).min(span.end.saturating_sub(LOOK)).max(span.begin)
    }

    /// The first and the last byte that a search of the span will most likely read.
    #[inline(always)]
    pub(crate) fn likely_bytes(&self, span: Span) -> (u64, u64) {
        let stride = u64::from(self.shape.stride());
        let bit = u64::from(Self::look_from(span)) * stride;
        (bit >> 3, (bit + u64::from(LOOK) * stride) >> 3)
    }

    #[inline(always)]
    fn rest_at(&self, position: u32) -> Option<u64> {
        let shape = self.shape;
        let bit = u64::from(position) * u64::from(shape.stride());
        let (skip, width) = (shape.tag_bits(), shape.key_bits());
        if skip + width <= 57 {
            let head = window_small(self.entries, bit)? << (64 - skip - width);
            Some(head >> (64 - width))
        } else {
            Some((window(self.entries, bit)? >> skip) as u64 & low_mask(width))
        }
    }

    /// The first entry of the span whose stored bits are not below those of `key`.
    #[inline(always)]
    pub(crate) fn search(&self, key: u64, span: Span) -> Option<u32> {
        match self.look(key, span) {
            Some(place) => Some(place),
            None => self.halve(self.shape.rest(key), span.begin, span.end),
        }
    }

    /// Searches the [`LOOK`] entries around the guess; `None` when the place is not among them.
    ///
    /// Keys are even, so it nearly always is. All entries are compared without a branch: the
    /// processor cannot foresee how they compare, and one wrong guess of its own would cost more
    /// than all the comparisons.
    #[inline(always)]
    fn look(&self, key: u64, span: Span) -> Option<u32> {
        let shape = self.shape;
        let first = Self::look_from(span);
        let last = first + LOOK;
        // The shift that brings a key's highest bit to the top; what lies beneath the key then
        // decides between equal keys only, and none of them is below the key that is sought.
        let lift = 64u32.wrapping_sub(shape.key_bits() + shape.tag_bits());
        if last > span.end || !(7..64).contains(&lift) {
            return None;
        }
        let sought = shape.aligned(key);
        let stride = shape.stride();
        let bit = u64::from(first) * u64::from(stride);
        let near = self.entries.get((bit >> 3) as usize..)?.first_chunk::<LOOK_BYTES>()?;
        let mut bit = (bit & 7) as u32;
        let mut below = 0u32;
        for _ in 0..LOOK {
            let bytes = near.get((bit >> 3 & 127) as usize..)?.first_chunk::<8>()?;
            let word = u64::from_le_bytes(*bytes) << (lift - (bit & 7));
            below += u32::from(word < sought);
            bit += stride;
        }
        let starts = below > 0 || first == span.begin;
        let ends = below < LOOK || last == span.end;
        (starts && ends).then_some(first + below)
    }

    #[inline(never)]
    fn halve(&self, rest: u64, mut begin: u32, mut end: u32) -> Option<u32> {
        while begin < end {
            let middle = begin + (end - begin) / 2;
            if self.rest_at(middle)? < rest {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        Some(begin)
    }

    /// Calls `found` with position, scope and profile of every entry of the key.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        key: u64,
        low: u64,
        span: Span,
        mut found: impl FnMut(u32, u8, u32),
    ) -> Option<()> {
        let rest = self.shape.rest(key);
        let mut at = self.search(key, span)?;
        while at < span.end && self.rest_at(at)? == rest {
            let cell = self.cell(at)?;
            if !self.shape.wide || cell.low == low {
                found(at, cell.scope, cell.profile);
            }
            at += 1;
        }
        Some(())
    }

    /// The entry at a position. The shard's and the bucket's key bits read as zero.
    #[inline(always)]
    pub(crate) fn cell(&self, position: u32) -> Option<Cell> {
        let shape = self.shape;
        let bit = u64::from(position) * u64::from(shape.stride());
        let head = window(self.entries, bit)?;
        let tag = head as u64 & low_mask(shape.tag_bits());
        let low = match shape.wide {
            true => {
                window(self.entries, bit + u64::from(shape.tag_bits() + shape.key_bits()))? as u64
            }
            false => 0,
        };
        Some(Cell {
            key: (head >> shape.tag_bits()) as u64 & low_mask(shape.key_bits()),
            low,
            scope: (tag >> shape.profile_bits & 3) as u8,
            profile: (tag & low_mask(u32::from(shape.profile_bits))) as u32,
        })
    }

    /// Every entry in order, with whole keys: those of the shard `shard`.
    pub(crate) fn cells(&self, shard: u64) -> Option<Vec<Cell>> {
        let shape = self.shape;
        let shard_key = if shape.shard_bits == 0 { 0 } else { shard << (64 - shape.shard_bits) };
        let mut cells = Vec::with_capacity(shape.count as usize);
        for bucket in 0..1u64 << shape.bucket_bits {
            let (begin, end) = match shape.bucket_bits {
                0 => (0, shape.count),
                _ => buckets::range(self.index, bucket)?,
            };
            let bucket_key = bucket.checked_shl(shape.key_bits()).unwrap_or(0);
            for position in begin..end.min(shape.count) {
                let cell = self.cell(position)?;
                cells.push(Cell { key: cell.key | bucket_key | shard_key, ..cell });
            }
        }
        (cells.len() == shape.count as usize).then_some(cells)
    }
}

/// Packs cells, which are sorted by key, low bits and scope; returns shape, entries and index.
pub(crate) fn encode(cells: &[Cell], shard_bits: u8, wide: bool) -> (Shape, Vec<u8>, Vec<u8>) {
    let profile_max = cells.iter().map(|cell| cell.profile).max().unwrap_or(0);
    let count = cells.len() as u32;
    let even = Shape {
        count,
        shard_bits,
        bucket_bits: buckets::suitable_bits(count),
        profile_bits: bits::bits_for(profile_max),
        wide,
    };
    let of_cells = cells.iter().map(|cell| even.bucket(cell.key));
    let (shape, index) = match buckets::encode(even.bucket_bits, of_cells) {
        Some(index) => (even, index),
        None => (Shape { bucket_bits: 0, ..even }, Vec::new()),
    };
    let mut entries = BitWriter::with_capacity(shape.entries_len() as usize + 8);
    for cell in cells {
        entries.push(u64::from(cell.profile), u32::from(shape.profile_bits));
        entries.push(u64::from(cell.scope), 2);
        entries.push(shape.rest(cell.key), shape.key_bits());
        if wide {
            entries.push(cell.low, 64);
        }
    }
    (shape, entries.finish(shape.entries_len()), index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: &mut u64) -> u64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (*seed ^ *seed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 32
    }

    fn check(mut cells: Vec<Cell>, shard_bits: u8, shard: u64) {
        cells.sort_unstable_by_key(|cell| (cell.key, cell.low, cell.scope));
        for wide in [false, true] {
            let (shape, entries, index) = encode(&cells, shard_bits, wide);
            let table = Table { shape, index: &index, entries: &entries };
            assert!(shape.is_valid() && buckets::is_valid(&index, shape.bucket_bits, shape.count));
            let expected: Vec<Cell> = cells
                .iter()
                .map(|cell| Cell { low: if wide { cell.low } else { 0 }, ..*cell })
                .collect();
            assert_eq!(table.cells(shard).unwrap(), expected);
            for cell in &cells {
                let span = table.span(cell.key).unwrap();
                let mut found = false;
                table
                    .find(cell.key, cell.low, span, |_, scope, profile| {
                        found |= (scope, profile) == (cell.scope, cell.profile);
                    })
                    .unwrap();
                assert!(found, "{cell:?}");
            }
        }
    }

    #[test]
    fn even_tables_find_every_entry() {
        let mut seed = 7;
        for count in [0u32, 1, 2, 64, 65, 1000, 30_000] {
            let cells = (0..count).map(|i| Cell {
                key: random(&mut seed) >> 4 | 0x5 << 60,
                low: random(&mut seed),
                scope: (i % 3) as u8,
                profile: i % 9,
            });
            check(cells.collect(), 4, 5);
        }
    }

    #[test]
    fn uneven_tables_find_every_entry() {
        let cluster = |i: u32| Cell { key: u64::from(i), low: 1, scope: 0, profile: 0 };
        check((0..70_000).map(cluster).collect(), 0, 0);
        let two = |i: u32| Cell { key: u64::from(i % 2) << 63 | u64::from(i), ..cluster(i) };
        check((0..5_000).map(two).collect(), 0, 0);
    }
}
