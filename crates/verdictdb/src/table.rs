//! A table of hashed keys: the inner loop of every lookup.
//!
//! A table is an array of buckets, each of them one cache line. The key's bits behind those of its
//! shard, times the number of buckets, give the bucket and, as the fraction, the place in it; the
//! entry keeps as much of the fraction as tells two keys apart. The upper 32 bits of all entries
//! stand together, so that a few vector instructions compare them at once, and next to every key
//! that is not listed is refused by that one comparison. A bucket with more entries than slots
//! keeps the lowest and tells where the others are: in a sorted, bit-packed array behind the lines.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "hot code; shapes are checked on open and positions are used through `get`"
)]

use crate::bits::{self, BitWriter, LINE, low_mask, packed_len, to_lines, window};

/// Bits of a line that hold entries; the header takes the rest.
const SLOT_BITS: u32 = 480;

/// Slots of a line at most: the number of entries must be told from [`SPILLS`].
const SLOTS_MAX: u32 = 14;

/// Key bits that an entry keeps at least, since that many are compared at once.
const HEAD_BITS: u32 = 32;

/// The number of entries in a header when there are more than slots.
const SPILLS: u32 = 15;

/// Bits of a header that hold the number of entries; the position of the first stands above them.
const NUMBER_BITS: u32 = 4;

/// Entries of a table at most, so that positions fit into headers.
pub(crate) const COUNT_MAX: u32 = 1 << (32 - NUMBER_BITS);

/// Bits that hold where a bucket's spilled entries begin; their number stands above them.
const SPILL_AT_BITS: u32 = 20;

/// Of ten slots, how many are taken on average. More make the file smaller, and more keys spill.
const TAKEN_OF_TEN: u64 = 9;

/// Runs of spilled entries longer than this are searched by halving, shorter ones in order.
const HALVE_FROM: u32 = 8;

/// In the result of [`Shape::matches`]: the key may be among the spilled entries.
const BEYOND: u32 = 1 << 31;

/// A bucket as it lies in the file.
pub(crate) type Line = [u8; LINE as usize];

/// The form of a table, from which every width and length follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) count: u32,
    pub(crate) buckets: u32,
    /// Entries that stand behind the buckets.
    pub(crate) spilled: u32,
    pub(crate) shard_bits: u8,
    pub(crate) profile_bits: u8,
    pub(crate) scope_bits: u8,
    pub(crate) wide: bool,
    /// Slots of a bucket, and key bits of an entry. They follow from the others; every lookup asks
    /// for them.
    slots: u8,
    key_bits: u8,
}

impl Shape {
    /// The form of a table without entries.
    pub(crate) const fn new(
        shard_bits: u8,
        (profile_bits, scope_bits): (u8, u8),
        wide: bool,
    ) -> Self {
        let (count, buckets, spilled, slots, key_bits) = (0, 0, 0, 0, 64);
        Self {
            count,
            buckets,
            spilled,
            shard_bits,
            profile_bits,
            scope_bits,
            wide,
            slots,
            key_bits,
        }
    }

    /// The same with entries.
    pub(crate) const fn with(self, count: u32, buckets: u32, spilled: u32) -> Self {
        let key_bits = key_bits(self.shard_bits as u32, buckets) as u8;
        let shape = Self { count, buckets, spilled, key_bits, ..self };
        let fitting = SLOT_BITS / shape.stride();
        let slots = if fitting < SLOTS_MAX { fitting } else { SLOTS_MAX };
        Self { slots: slots as u8, ..shape }
    }

    /// Whether the numbers and widths make sense together.
    pub(crate) fn is_valid(self) -> bool {
        let kept = u64::from(self.buckets) * u64::from(self.slots);
        self.shard_bits <= 16
            && self.profile_bits <= 32
            && self.scope_bits <= 2
            && self.count <= COUNT_MAX
            && self.buckets <= self.count
            && (self.buckets == 0) == (self.count == 0)
            && self.spilled <= self.count
            && u64::from(self.count - self.spilled) <= kept
    }

    #[inline(always)]
    const fn key_bits(self) -> u32 {
        self.key_bits as u32
    }

    #[inline(always)]
    const fn code_bits(self) -> u32 {
        self.profile_bits as u32 + self.scope_bits as u32
    }

    /// Bits of an entry.
    #[inline(always)]
    const fn stride(self) -> u32 {
        self.key_bits() + self.code_bits()
    }

    #[inline(always)]
    const fn lines_len(self) -> u64 {
        self.buckets as u64 * LINE
    }

    const fn spilled_len(self) -> u64 {
        packed_len(self.spilled, self.stride())
    }

    /// Bytes of the table.
    pub(crate) const fn len(self) -> u64 {
        let lows = if self.wide { to_lines(self.count as u64 * 8) } else { 0 };
        self.lines_len() + self.spilled_len() + lows
    }

    /// The bucket of a key, and its place there as a fraction.
    #[inline(always)]
    pub(crate) const fn place(self, key: u64) -> (u32, u64) {
        let aligned = key << (self.shard_bits as u32 & 63);
        let product = aligned as u128 * self.buckets as u128;
        ((product >> 64) as u32, product as u64)
    }

    /// The part of a fraction that the entry keeps.
    #[inline(always)]
    const fn rest(self, fraction: u64) -> u64 {
        fraction >> (64 - self.key_bits())
    }

    /// The key without the shard's bits; `None` when no key has this place.
    fn key_at(self, bucket: u32, rest: u64) -> Option<u64> {
        let fraction = rest << (64 - self.key_bits());
        let scaled = (u128::from(bucket) << 64 | u128::from(fraction)) >> self.shard_bits;
        // Two divisions of 64 bits take a third of the time of one of 128.
        let divisor = u64::from(self.buckets.max(1));
        let (upper, lower) = ((scaled >> 32) as u64, scaled as u64 & low_mask(32));
        let part = (upper % divisor) << 32 | lower;
        let key = ((upper / divisor) << 32).wrapping_add(part.div_ceil(divisor));
        let (at, fraction) = self.place(key);
        (at == bucket && self.rest(fraction) == rest).then_some(key)
    }

    /// What a bucket may know of a key: a bit for each slot whose head is the key's, and
    /// [`BEYOND`]. Zero nearly always when the key is not listed.
    #[inline(always)]
    pub(crate) fn matches(self, line: &Line, fraction: u64) -> u32 {
        let head = (fraction >> HEAD_BITS) as u32;
        let (words, _) = line.as_chunks::<4>();
        let mut equal = 0u32;
        for (word, slot) in words.iter().zip(0u32..) {
            equal |= u32::from(u32::from_le_bytes(*word) == head) << slot;
        }
        let number = header(line) & low_mask(NUMBER_BITS) as u32;
        let spills = number == SPILLS;
        let last_kept = word(line, u32::from(self.slots).wrapping_sub(2)).unwrap_or(0);
        let beyond = u32::from(spills & (head >= last_kept));
        let kept = if spills { u32::from(self.slots).wrapping_sub(1) } else { number };
        equal & low_mask(kept) as u32 | beyond << 31
    }

    /// The kept key bits and the code of the entry in a slot.
    #[inline(always)]
    fn slot(self, line: &Line, slot: u32) -> Option<(u64, u64)> {
        let (key_bits, code_bits) = (self.key_bits(), self.code_bits());
        let lower = key_bits - HEAD_BITS;
        let bit = u32::from(self.slots) * HEAD_BITS + slot * (lower + code_bits);
        let tail = tail(line, bit, lower + code_bits)?;
        let head = u64::from(word(line, slot)?) << lower;
        let rest = head | (tail >> code_bits) as u64 & low_mask(lower);
        Some((rest, tail as u64 & low_mask(code_bits)))
    }
}

/// Key bits that an entry keeps. As many less than all as the number of buckets has, rounded down:
/// neighbouring keys are at least that far apart in the fraction.
const fn key_bits(shard_bits: u32, buckets: u32) -> u32 {
    let told = (buckets | 1).ilog2();
    let free = HEAD_BITS.saturating_sub(shard_bits);
    64u32.saturating_sub(shard_bits) - if told < free { told } else { free }
}

/// Whether a key whose bucket has been looked at can only be found by reading elsewhere.
#[inline(always)]
pub(crate) const fn needs_more(matches: u32, wide: bool) -> bool {
    matches & BEYOND != 0 || wide && matches != 0
}

/// The header of a bucket: number of entries, and above it the position of the first.
#[inline(always)]
fn header(line: &Line) -> u32 {
    let [.., a, b, c, d] = *line;
    u32::from_le_bytes([a, b, c, d])
}

/// The bits of a line from `bit` on, `width` of them at least. Tails end before the header, so the
/// last window that lies in the line whole holds the last of them.
#[inline(always)]
fn tail(line: &Line, bit: u32, width: u32) -> Option<u128> {
    if width <= 57 {
        let at = (bit >> 3).min(LINE as u32 - 8);
        let window = u64::from_le_bytes(*line.get(at as usize..)?.first_chunk::<8>()?);
        return Some((window >> (bit.wrapping_sub(at * 8) & 63)).into());
    }
    let at = (bit >> 3).min(LINE as u32 - 16);
    let window = u128::from_le_bytes(*line.get(at as usize..)?.first_chunk::<16>()?);
    Some(window >> (bit.wrapping_sub(at * 8) & 127))
}

#[inline(always)]
fn word(line: &Line, slot: u32) -> Option<u32> {
    let (words, _) = line.as_chunks::<4>();
    words.get(slot as usize).map(|word| u32::from_le_bytes(*word))
}

/// An entry as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) key: u64,
    pub(crate) low: u64,
    pub(crate) scope: u8,
    pub(crate) profile: u32,
}

/// Where the entries of a bucket are.
struct Bucket<'a> {
    line: &'a Line,
    /// Entries in the line.
    kept: u32,
    /// The position of the first.
    first: u32,
    /// The spilled ones.
    spilled: (u32, u32),
}

/// A table within the bytes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<'a> {
    pub(crate) shape: Shape,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Table<'a> {
    #[inline(always)]
    fn line(&self, bucket: u32) -> Option<&'a Line> {
        self.bytes.get((u64::from(bucket) * LINE) as usize..)?.first_chunk()
    }

    /// Calls `found` with position, scope and profile of every entry of the key.
    #[inline(always)]
    pub(crate) fn find(&self, key: u64, low: u64, found: impl FnMut(u32, u8, u32)) -> Option<()> {
        let (bucket, fraction) = self.shape.place(key);
        let line = self.line(bucket)?;
        match self.shape.matches(line, fraction) {
            0 => Some(()),
            matches => self.find_in(line, matches, (fraction, low), found),
        }
    }

    /// The same for a key whose bucket has been looked at. `low` are the next 64 key bits.
    #[inline(always)]
    pub(crate) fn find_in(
        &self,
        line: &Line,
        matches: u32,
        (fraction, low): (u64, u64),
        mut found: impl FnMut(u32, u8, u32),
    ) -> Option<()> {
        let shape = self.shape;
        let rest = shape.rest(fraction);
        let mut slots = matches & !BEYOND;
        while slots != 0 {
            let slot = slots.trailing_zeros();
            slots &= slots - 1;
            let (kept, code) = shape.slot(line, slot)?;
            let position = (header(line) >> NUMBER_BITS).wrapping_add(slot);
            if kept == rest && (!shape.wide || self.low(position)? == low) {
                found(position, self.scope(code), self.profile(code));
            }
        }
        match matches & BEYOND {
            0 => Some(()),
            _ => self.find_spilled(line, rest, low, &mut found),
        }
    }

    #[inline(never)]
    fn find_spilled(
        &self,
        line: &Line,
        rest: u64,
        low: u64,
        found: &mut impl FnMut(u32, u8, u32),
    ) -> Option<()> {
        let (mut at, end) = self.spilled_run(line)?;
        if end - at > HALVE_FROM {
            at = self.halve(rest, at, end)?;
        }
        while at < end {
            let (kept, code) = self.spilled(at)?;
            if kept > rest {
                break;
            }
            let position = self.spilled_position(at);
            if kept == rest && (!self.shape.wide || self.low(position)? == low) {
                found(position, self.scope(code), self.profile(code));
            }
            at += 1;
        }
        Some(())
    }

    /// The byte that must be read next for a key whose bucket has been looked at, if any.
    #[inline(always)]
    pub(crate) fn next_byte(&self, line: &Line, matches: u32) -> Option<u64> {
        let shape = self.shape;
        if needs_more(matches, false) {
            let (begin, _) = self.spilled_run(line)?;
            let bit = u64::from(begin) * u64::from(shape.stride());
            Some(shape.lines_len() + (bit >> 3))
        } else if shape.wide && matches != 0 {
            let position = (header(line) >> NUMBER_BITS).wrapping_add(matches.trailing_zeros());
            Some(self.low_at(position))
        } else {
            None
        }
    }

    #[inline(always)]
    fn scope(&self, code: u64) -> u8 {
        (code >> self.shape.profile_bits) as u8
    }

    #[inline(always)]
    fn profile(&self, code: u64) -> u32 {
        (code & low_mask(self.shape.profile_bits.into())) as u32
    }

    #[inline(always)]
    fn low_at(&self, position: u32) -> u64 {
        let lows = to_lines(u64::from(self.shape.count) * 8);
        (self.bytes.len() as u64).wrapping_sub(lows) + u64::from(position) * 8
    }

    /// The next 64 key bits of the entry at a position of a wide table.
    #[inline(always)]
    fn low(&self, position: u32) -> Option<u64> {
        let bytes = self.bytes.get(self.low_at(position) as usize..)?.first_chunk::<8>()?;
        Some(u64::from_le_bytes(*bytes))
    }

    const fn spilled_position(&self, at: u32) -> u32 {
        (self.shape.count - self.shape.spilled).wrapping_add(at)
    }

    /// Which of the spilled entries are those of a bucket that spills.
    #[inline(always)]
    fn spilled_run(&self, line: &Line) -> Option<(u32, u32)> {
        if self.shape.buckets == 1 {
            return Some((0, self.shape.spilled));
        }
        let run = word(line, u32::from(self.shape.slots).wrapping_sub(1))?;
        let begin = run & low_mask(SPILL_AT_BITS) as u32;
        let end = begin + (run >> SPILL_AT_BITS);
        (end <= self.shape.spilled).then_some((begin, end))
    }

    /// The kept key bits and the code of a spilled entry.
    #[inline(always)]
    fn spilled(&self, at: u32) -> Option<(u64, u64)> {
        let shape = self.shape;
        let bytes = self.bytes.get(shape.lines_len() as usize..)?;
        let entry = window(bytes, u64::from(at) * u64::from(shape.stride()))?;
        let rest = (entry >> shape.code_bits()) as u64 & low_mask(shape.key_bits());
        Some((rest, entry as u64 & low_mask(shape.code_bits())))
    }

    /// The first spilled entry of the run that is not below `rest`.
    #[inline(always)]
    fn halve(&self, rest: u64, mut begin: u32, mut end: u32) -> Option<u32> {
        while begin < end {
            let middle = begin + (end - begin) / 2;
            if self.spilled(middle)?.0 < rest {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        Some(begin)
    }

    fn bucket(&self, number: u32) -> Option<Bucket<'a>> {
        let line = self.line(number)?;
        let (stored, first) =
            (header(line) & low_mask(NUMBER_BITS) as u32, header(line) >> NUMBER_BITS);
        let slots = u32::from(self.shape.slots);
        match stored {
            SPILLS => {
                let (kept, spilled) = (slots.checked_sub(1)?, self.spilled_run(line)?);
                Some(Bucket { line, kept, first, spilled })
            }
            kept if kept <= slots => Some(Bucket { line, kept, first, spilled: (0, 0) }),
            _ => None,
        }
    }

    /// An entry whose parts have been read, with the key bits of its bucket.
    fn cell(&self, bucket: u32, position: u32, (rest, code): (u64, u64)) -> Option<Cell> {
        let key = self.shape.key_at(bucket, rest)?;
        let low = if self.shape.wide { self.low(position)? } else { 0 };
        Some(Cell { key, low, scope: self.scope(code), profile: self.profile(code) })
    }

    /// Every entry by position, with whole keys: those of the shard `shard`.
    pub(crate) fn cells(&self, shard: u64) -> Option<Vec<Cell>> {
        let shape = self.shape;
        let shard_key = shard.checked_shl(64 - u32::from(shape.shard_bits)).unwrap_or(0);
        let mut cells = Vec::with_capacity(shape.count as usize);
        for number in 0..shape.buckets {
            let bucket = self.bucket(number)?;
            for slot in 0..bucket.kept {
                let parts = shape.slot(bucket.line, slot)?;
                cells.push(self.cell(number, cells.len() as u32, parts)?);
            }
        }
        for number in 0..shape.buckets {
            let (begin, end) = self.bucket(number)?.spilled;
            for at in begin..end {
                cells.push(self.cell(number, cells.len() as u32, self.spilled(at)?)?);
            }
        }
        cells.iter_mut().for_each(|cell| cell.key |= shard_key);
        (cells.len() == shape.count as usize).then_some(cells)
    }

    /// Whether the table is one that [`encode`] could have written, and `admits` every entry.
    pub(crate) fn is_sound(&self, admits: impl Fn(&Cell) -> bool) -> Option<bool> {
        let shape = self.shape;
        let (mut kept, mut spilled) = (0u32, 0u32);
        if self.bytes.len() as u64 != shape.len() {
            return Some(false);
        }
        for number in 0..shape.buckets {
            let bucket = self.bucket(number)?;
            let (begin, end) = bucket.spilled;
            let spills = end > begin;
            if bucket.first != kept || spills && begin != spilled {
                return Some(false);
            }
            let in_line = (0..bucket.kept).map(|slot| shape.slot(bucket.line, slot));
            let behind = (begin..end).map(|at| self.spilled(at));
            let positions = (kept..).take(bucket.kept as usize);
            let positions = positions.chain(self.spilled_position(begin)..);
            let mut last = None;
            for (parts, position) in in_line.chain(behind).zip(positions) {
                let cell = self.cell(number, position, parts?)?;
                let rank = (cell.key, cell.low, cell.scope);
                if last.is_some_and(|last| last >= rank) || !admits(&cell) {
                    return Some(false);
                }
                last = Some(rank);
            }
            kept += bucket.kept;
            spilled += end - begin;
        }
        Some(spilled == shape.spilled && u64::from(kept) + u64::from(spilled) == shape.count.into())
    }
}

/// The number of buckets that suits `count` evenly spread entries.
fn suitable_buckets(empty: Shape, count: u32) -> u32 {
    if count <= u32::from(empty.with(count, 1, 0).slots) {
        return count.min(1);
    }
    // More slots make for fewer buckets, fewer buckets for more key bits in an entry, and these for
    // fewer slots: the most slots that there is room for then.
    let buckets = |slots: u32| {
        let room = u64::from(slots) * TAKEN_OF_TEN;
        u32::try_from((u64::from(count) * 10).div_ceil(room.max(1))).unwrap_or(u32::MAX)
    };
    let fits = |slots: &u32| u32::from(empty.with(count, buckets(*slots), 0).slots) >= *slots;
    buckets((1..=SLOTS_MAX).rev().find(fits).unwrap_or(1))
}

/// Packs cells, which are sorted by key, low bits and scope. Returns the form, the bytes, and the
/// cells' order in the table.
pub(crate) fn encode(cells: &[Cell], shard_bits: u8, wide: bool) -> (Shape, Vec<u8>, Vec<u32>) {
    let max = |of: fn(&Cell) -> u32| bits::bits_for(cells.iter().map(of).max().unwrap_or(0));
    let widths = (max(|cell| cell.profile), max(|cell| cell.scope.into()));
    let empty = Shape::new(shard_bits, widths, wide);
    let count = cells.len() as u32;
    let even = empty.with(count, suitable_buckets(empty, count), 0);
    // Keys ground to fall together: they are searched whole.
    let packed = pack(cells, even).or_else(|| pack(cells, empty.with(count, 1, 0)));
    packed.unwrap_or((empty.with(0, 0, 0), Vec::new(), Vec::new()))
}

/// Packs cells into as many buckets as `shape` says; `None` when one spills too many.
fn pack(cells: &[Cell], shape: Shape) -> Option<(Shape, Vec<u8>, Vec<u32>)> {
    let mut lines = Vec::with_capacity(shape.len() as usize);
    let (mut order, mut spilled) = (Vec::with_capacity(cells.len()), Vec::new());
    let mut rest = cells;
    let mut at = 0u32;
    for number in 0..shape.buckets {
        let here = rest.iter().take_while(|cell| shape.place(cell.key).0 == number).count();
        let (own, others) = rest.split_at_checked(here)?;
        rest = others;
        let keeps = match own.len() {
            all if all <= usize::from(shape.slots) => all,
            _ => usize::from(shape.slots) - 1,
        };
        let (kept, behind) = own.split_at_checked(keeps)?;
        let mut words = [0u64; 8];
        put_slots(&mut words, shape, kept);
        let first = order.len() as u32;
        let mut number = kept.len() as u32;
        if !behind.is_empty() {
            number = SPILLS;
            let run = spill_word(shape, spilled.len(), behind.len())?;
            put(&mut words, u32::from(shape.slots) * HEAD_BITS - HEAD_BITS, run.into());
        }
        put(&mut words, SLOT_BITS, u64::from(first << NUMBER_BITS | number));
        words.iter().for_each(|word| lines.extend_from_slice(&word.to_le_bytes()));
        order.extend(at..at + keeps as u32);
        spilled.extend(at + keeps as u32..at + own.len() as u32);
        at += own.len() as u32;
    }
    let shape = shape.with(shape.count, shape.buckets, spilled.len() as u32);
    order.append(&mut spilled);
    pack_rest(cells, shape, &order, &mut lines);
    Some((shape, lines, order))
}

/// Appends what stands behind the lines: the spilled entries, and the lower keys of all.
fn pack_rest(cells: &[Cell], shape: Shape, order: &[u32], bytes: &mut Vec<u8>) {
    let by_position = |from: u32| {
        let rest = order.get(from as usize..).unwrap_or_default();
        rest.iter().filter_map(|at| cells.get(*at as usize))
    };
    let mut packed = BitWriter::default();
    for cell in by_position(shape.count - shape.spilled) {
        packed.push(code(cell, shape), shape.code_bits());
        packed.push(shape.rest(shape.place(cell.key).1), shape.key_bits());
    }
    bytes.append(&mut packed.finish(shape.spilled_len()));
    if shape.wide {
        by_position(0).for_each(|cell| bytes.extend_from_slice(&cell.low.to_le_bytes()));
    }
    bytes.resize(shape.len() as usize, 0);
}

fn put_slots(words: &mut [u64; 8], shape: Shape, cells: &[Cell]) {
    let lower = shape.key_bits() - HEAD_BITS;
    let tails = u32::from(shape.slots) * HEAD_BITS;
    for (cell, slot) in cells.iter().zip(0u32..) {
        let rest = shape.rest(shape.place(cell.key).1);
        put(words, slot * HEAD_BITS, rest >> lower);
        let tail = tails + slot * (lower + shape.code_bits());
        put(words, tail, code(cell, shape));
        put(words, tail + shape.code_bits(), rest & low_mask(lower));
    }
}

/// Scope and profile of an entry, as one number.
fn code(cell: &Cell, shape: Shape) -> u64 {
    u64::from(cell.scope) << shape.profile_bits | u64::from(cell.profile)
}

/// Where a bucket's spilled entries are; a single bucket need not say.
fn spill_word(shape: Shape, at: usize, count: usize) -> Option<u32> {
    if shape.buckets == 1 {
        return Some(0);
    }
    let (at, count) = (u32::try_from(at).ok()?, u32::try_from(count).ok()?);
    let fits = at >> SPILL_AT_BITS == 0 && count >> (32 - SPILL_AT_BITS) == 0;
    fits.then_some(count << SPILL_AT_BITS | at)
}

/// Sets bits of a line, which are zero yet.
fn put(words: &mut [u64; 8], bit: u32, value: u64) {
    let (at, shift) = ((bit / 64) as usize, bit % 64);
    if let Some(word) = words.get_mut(at) {
        *word |= value << shift;
    }
    if let Some(word) = words.get_mut(at + 1).filter(|_| shift > 0) {
        *word |= value >> (64 - shift);
    }
}

#[cfg(test)]
mod tests;
