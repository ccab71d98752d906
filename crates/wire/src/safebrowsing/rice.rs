//! Golomb-Rice coding of sorted numbers.
//!
//! The first number stands as it is. Of each further one the difference to the one before is written:
//! its upper bits as that many ones and a zero, then its lower `parameter` bits, the lowest first.
//! Bits fill bytes from the lowest on. Numbers of more than 64 bits are written as if they were one
//! number, so one coder serves all widths.
//!
//! Source: "Encoding Hash Prefixes" of the Safe Browsing reference; both versions write the same
//! bits. They differ in what a hash prefix is as a number: little-endian in version 4, big-endian in
//! version 5.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "counts of bits in numbers of at most 256 bits, and shifts by less than their width"
)]

use std::array::from_fn;
use std::ops::RangeInclusive;

#[cfg(test)]
mod tests;

/// A number of `N` × 64 bits, the highest first: compares as it counts.
pub type Number<const N: usize> = [u64; N];

/// Which parameters a field may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// The least parameter.
    pub parameter_min: u8,
    /// The greatest one.
    pub parameter_max: u8,
}

impl Width {
    /// 4-byte prefixes and indices of version 4.
    pub const V4: Self = Self::new(2, 28);
    /// 4-byte prefixes and indices of version 5.
    pub const FOUR: Self = Self::new(3, 30);
    /// 8-byte prefixes.
    pub const EIGHT: Self = Self::new(35, 62);
    /// Whole hashes.
    pub const THIRTY_TWO: Self = Self::new(227, 254);

    const fn new(parameter_min: u8, parameter_max: u8) -> Self {
        Self { parameter_min, parameter_max }
    }

    fn range(self) -> RangeInclusive<u8> {
        self.parameter_min..=self.parameter_max
    }
}

/// Coded numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rice<const N: usize> {
    /// The first number.
    pub first: Number<N>,
    /// How many bits of a difference are written as they are.
    pub parameter: u8,
    /// How many numbers follow the first.
    pub entries: u32,
    /// Their differences.
    pub data: Vec<u8>,
}

/// Codes numbers in rising order; `None` where there are none.
///
/// Of the parameters around the mean difference the one that needs the fewest bits is taken.
pub fn encode<const N: usize>(
    mut sorted: impl Iterator<Item = Number<N>> + Clone,
    width: Width,
) -> Option<Rice<N>> {
    let first = sorted.next()?;
    let deltas = Deltas { before: first, rest: sorted };
    let (parameter, entries, bits) = best_parameter(&deltas, first, width);
    let mut writer = Writer::with_capacity(bits.div_ceil(8));
    for delta in deltas {
        writer.ones(quotient(&delta, parameter));
        writer.lowest_bits(&delta, parameter);
    }
    Some(Rice { first, parameter, entries, data: writer.finish() })
}

/// Differences of neighbours.
#[derive(Clone)]
struct Deltas<const N: usize, I> {
    before: Number<N>,
    rest: I,
}

impl<const N: usize, I: Iterator<Item = Number<N>>> Iterator for Deltas<N, I> {
    type Item = Number<N>;

    fn next(&mut self) -> Option<Number<N>> {
        let number = self.rest.next()?;
        let delta = subtract(&number, &self.before);
        self.before = number;
        Some(delta)
    }
}

/// The best parameter, how many differences there are, and the bits that they need with it.
fn best_parameter<const N: usize>(
    deltas: &Deltas<N, impl Iterator<Item = Number<N>> + Clone>,
    first: Number<N>,
    width: Width,
) -> (u8, u32, usize) {
    let (last, entries) = deltas
        .rest
        .clone()
        .fold((first, 0u32), |(_, count), number| (number, count.saturating_add(1)));
    if entries == 0 {
        return (width.parameter_min, 0, 0);
    }
    let spread = bit_length(&subtract(&last, &first));
    let mean = spread.saturating_sub(bit_length(&[u64::from(entries)]));
    let candidates = mean.saturating_sub(2)..=mean.saturating_add(1);
    let clamped = candidates.map(|parameter| clamp(parameter, width));
    let mut costs: [(u8, usize); 4] = [(width.parameter_min, 0); 4];
    for (cost, parameter) in costs.iter_mut().zip(clamped) {
        cost.0 = parameter;
    }
    for delta in deltas.clone() {
        for (parameter, bits) in &mut costs {
            let ones = quotient(&delta, *parameter) as usize;
            *bits =
                bits.saturating_add(ones).saturating_add(usize::from(*parameter)).saturating_add(1);
        }
    }
    let best = costs.into_iter().min_by_key(|(_, bits)| *bits);
    let (parameter, bits) = best.unwrap_or((width.parameter_min, 0));
    (parameter, entries, bits)
}

fn clamp(parameter: u32, width: Width) -> u8 {
    let range = width.range();
    u8::try_from(parameter).unwrap_or(u8::MAX).clamp(*range.start(), *range.end())
}

fn subtract<const N: usize>(from: &Number<N>, what: &Number<N>) -> Number<N> {
    let mut result = [0; N];
    let mut borrow = false;
    for ((result, from), what) in result.iter_mut().zip(from).zip(what).rev() {
        let (less, first) = from.overflowing_sub(*what);
        let (less, second) = less.overflowing_sub(u64::from(borrow));
        *result = less;
        borrow = first | second;
    }
    result
}

/// How many bits a number has.
fn bit_length<const N: usize>(number: &Number<N>) -> u32 {
    let leading = number.iter().take_while(|limb| **limb == 0).count();
    let highest = number.get(leading).map_or(0, |limb| 64 - limb.leading_zeros());
    let below = u32::try_from(N.saturating_sub(leading).saturating_sub(1)).unwrap_or(0);
    highest + below * 64
}

/// The bits above the lowest `parameter`: few, as the parameter is chosen by the size of the
/// numbers. A `u64` holds them, since no width has more than 29 bits above its parameter.
fn quotient<const N: usize>(number: &Number<N>, parameter: u8) -> u64 {
    let (limbs, bits) = (usize::from(parameter / 64), u32::from(parameter % 64));
    let at = |from_low: usize| N.checked_sub(from_low + 1).and_then(|at| number.get(at)).copied();
    let (low, high) = (at(limbs).unwrap_or(0), at(limbs + 1).unwrap_or(0));
    low >> bits | high.checked_shl(64 - bits).unwrap_or(0)
}

/// Writes bits, filling bytes from the lowest bit on.
struct Writer {
    bytes: Vec<u8>,
    pending: u64,
    used: u32,
}

impl Writer {
    fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes.saturating_add(8)), pending: 0, used: 0 }
    }

    /// Writes that many ones, and a zero.
    fn ones(&mut self, mut count: u64) {
        while count > 32 {
            self.bits(u64::from(u32::MAX), 32);
            count -= 32;
        }
        self.bits((1 << count) - 1, count as u32 + 1);
    }

    fn lowest_bits<const N: usize>(&mut self, number: &Number<N>, count: u8) {
        let mut left = u32::from(count);
        for limb in number.iter().rev() {
            let take = left.min(64);
            self.bits(limb & 0xFFFF_FFFF, take.min(32));
            self.bits(limb >> 32, take.saturating_sub(32));
            left -= take;
        }
    }

    /// Writes the lowest `count` bits of a value, at most 33.
    fn bits(&mut self, value: u64, count: u32) {
        let value = value & ((1 << count) - 1);
        self.pending |= value << self.used;
        let used = self.used + count;
        if used < 64 {
            self.used = used;
            return;
        }
        self.bytes.extend_from_slice(&self.pending.to_le_bytes());
        let written = 64 - self.used;
        self.pending = value.checked_shr(written).unwrap_or(0);
        self.used = used - 64;
    }

    fn finish(mut self) -> Vec<u8> {
        let left = self.used.div_ceil(8) as usize;
        self.bytes.extend(self.pending.to_le_bytes().into_iter().take(left));
        self.bytes
    }
}

/// A hash as a number, as version 5 reads it.
pub fn number_of_hash(hash: &[u8; 32]) -> Number<4> {
    from_fn(|limb| {
        let bytes = hash.iter().skip(limb * 8).take(8);
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    })
}
