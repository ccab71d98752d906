//! A small network over embedded pieces: what pieces are worth beside one another, which the sum of
//! their weights cannot say.
//!
//! Each piece stands for a few numbers. Of each group of pieces the network reads their sums and their
//! maxima; one layer of units is between those and the margin. The idea is fastText's (A. Joulin and
//! others, "Bag of Tricks for Efficient Text Classification", EACL 2017), with pooling by maximum and a
//! layer of units as in URLNet (H. Le and others, 2018).

use crate::gram::GROUPS;
use crate::table::place_of;

/// How many numbers stand for a piece.
pub(crate) const DIMENSIONS: usize = 4;

/// What the network reads: of each group the sum of each number, then the highest.
pub(crate) const INPUTS: usize = GROUPS * PER_GROUP;

/// How many units are between what is read and the margin.
pub(crate) const HIDDEN: usize = 32;

const PER_GROUP: usize = 2 * DIMENSIONS;

/// What the network reads of one subject.
pub(crate) type Inputs = [f32; INPUTS];

/// What the network reads of one subject, and how much the margin rises with each input.
#[derive(Debug)]
pub(crate) struct Sensed {
    inputs: Inputs,
    slopes: Inputs,
}

/// Everything but the numbers of pieces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dense {
    /// From each input to all units.
    pub(crate) first: [[f32; HIDDEN]; INPUTS],
    /// What the units start from.
    pub(crate) bias: [f32; HIDDEN],
    /// From each unit to the margin.
    pub(crate) last: [f32; HIDDEN],
    /// What the margin starts from.
    pub(crate) base: f32,
}

impl Dense {
    pub(crate) const ZERO: Self = Self {
        first: [[0.0; HIDDEN]; INPUTS],
        bias: [0.0; HIDDEN],
        last: [0.0; HIDDEN],
        base: 0.0,
    };

    /// The units for `inputs`.
    pub(crate) fn units(&self, inputs: &Inputs) -> [f32; HIDDEN] {
        let mut units = self.bias;
        for (input, row) in inputs.iter().zip(&self.first) {
            // A URL without a query has a group without pieces.
            if *input != 0.0 {
                for (unit, weight) in units.iter_mut().zip(row) {
                    *unit += input * weight;
                }
            }
        }
        units.map(|unit| unit.max(0.0))
    }

    /// The margin that `units` give.
    pub(crate) fn margin(&self, units: &[f32; HIDDEN]) -> f32 {
        units.iter().zip(&self.last).fold(self.base, |sum, (unit, weight)| sum + unit * weight)
    }

    /// How much the margin rises with each input, where `inputs` are.
    pub(crate) fn slopes(&self, inputs: &Inputs) -> Inputs {
        let mut back = self.units(inputs);
        for (unit, weight) in back.iter_mut().zip(&self.last) {
            *unit = if *unit > 0.0 { *weight } else { 0.0 };
        }
        let slope = |row: &[f32; HIDDEN]| row.iter().zip(&back).map(|(a, b)| a * b).sum();
        let mut slopes = [0.0; INPUTS];
        slopes.iter_mut().zip(&self.first).for_each(|(out, row)| *out = slope(row));
        slopes
    }
}

/// The number zero: levels are from 0 to 14.
const MIDDLE: u8 = 7;

/// Four bits a number.
const LEVEL_BITS: u32 = 4;

/// How many pieces are read side by side.
const ABREAST: usize = 4;

/// How often a lane of eight bits takes in levels before it is full.
const ROUNDS: usize = 16;

/// What the bytes of a word stand for: the lower level of each byte of what is packed, and the upper.
type Bytes = [u64; 2];

/// A network that was learned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    bits: u32,
    /// By place, the levels of a piece, the first number in the lowest bits.
    levels: Vec<u16>,
    /// How far apart levels are.
    step: f32,
    dense: Dense,
}

impl Network {
    /// Rounds the numbers of `pieces`, of which there are 2 to the power of `bits`.
    ///
    /// Sums over many pieces even out what is rounded: eight bits a number find no more than four.
    pub(crate) fn new(bits: u32, pieces: &[[f32; DIMENSIONS]], dense: Dense) -> Self {
        let mut sizes: Vec<f32> = pieces.iter().flatten().map(|number| number.abs()).collect();
        // The few that are larger are cut off.
        let at = sizes.len().saturating_sub(sizes.len() / 2000).saturating_sub(1);
        let span = if sizes.is_empty() {
            0.0
        } else {
            *sizes.select_nth_unstable_by(at, f32::total_cmp).1
        };
        let step = span.max(1e-6) / f32::from(MIDDLE);
        let levels = pieces.iter().map(|piece| levels(piece, step)).collect();
        Self { bits, levels, step, dense }
    }

    /// A network as a file has it. `None` unless there are 2 to the power of `bits` pieces.
    pub(crate) fn from_levels(
        bits: u32,
        levels: Vec<u16>,
        step: f32,
        dense: Dense,
    ) -> Option<Self> {
        let fits = 1_usize.checked_shl(bits).is_some_and(|places| places == levels.len());
        fits.then_some(Self { bits, levels, step, dense })
    }

    /// How many bits of a hash are a piece's place.
    pub(crate) const fn bits(&self) -> u32 {
        self.bits
    }

    pub(crate) fn levels(&self) -> &[u16] {
        &self.levels
    }

    pub(crate) const fn step(&self) -> f32 {
        self.step
    }

    pub(crate) const fn dense(&self) -> &Dense {
        &self.dense
    }

    /// What the network reads of pieces, given as the keys of each group, and how much the margin rises
    /// with it.
    pub(crate) fn sensed<'a>(&self, groups: impl Iterator<Item = &'a [u32]>) -> Sensed {
        let inputs = self.inputs(groups);
        Sensed { inputs, slopes: self.dense.slopes(&inputs) }
    }

    /// What the network reads of pieces, given as the keys of each group.
    pub(crate) fn inputs<'a>(&self, groups: impl Iterator<Item = &'a [u32]>) -> Inputs {
        let mut inputs = [0.0; INPUTS];
        for (keys, inputs) in groups.zip(inputs.chunks_exact_mut(PER_GROUP)) {
            self.read(keys, inputs);
        }
        inputs
    }

    fn read(&self, keys: &[u32], inputs: &mut [f32]) {
        if keys.is_empty() {
            return;
        }
        let mut sums = [0_u32; DIMENSIONS];
        let mut highest = Bytes::default();
        for keys in keys.chunks(ABREAST * ROUNDS) {
            let mut sum = Bytes::default();
            let (all, rest) = keys.as_chunks::<ABREAST>();
            for keys in all {
                take(self.packed(keys), &mut sum, &mut highest);
            }
            // What is missing behind the last is level 0: the lowest, and adds nothing.
            take(self.packed(rest), &mut sum, &mut highest);
            for (at, level) in by_dimension(sum) {
                if let Some(sum) = sums.get_mut(at) {
                    *sum = sum.wrapping_add(u32::from(level));
                }
            }
        }
        let mut maxima = [0_u8; DIMENSIONS];
        for (at, level) in by_dimension(highest) {
            if let Some(highest) = maxima.get_mut(at) {
                *highest = level.max(*highest);
            }
        }
        let count = keys.len() as f32;
        let scale = self.step / count.sqrt();
        let (summed, highest) = inputs.split_at_mut(DIMENSIONS);
        for (input, sum) in summed.iter_mut().zip(sums) {
            *input = (sum as f32 - count * f32::from(MIDDLE)) * scale;
        }
        for (input, level) in highest.iter_mut().zip(maxima) {
            *input = self.number(level);
        }
    }

    #[inline]
    fn levels_of(&self, key: u32) -> u16 {
        self.levels.get(place_of(key, self.bits)).copied().unwrap_or(0x7777)
    }

    /// The levels of up to [`ABREAST`] pieces, the first in the lowest bits.
    #[inline]
    fn packed(&self, keys: &[u32]) -> u64 {
        keys.iter().rev().fold(0, |packed, key| packed << 16 | u64::from(self.levels_of(*key)))
    }

    /// The margin for what was read.
    pub(crate) fn margin(&self, inputs: &Inputs) -> f32 {
        self.dense.margin(&self.dense.units(inputs))
    }

    /// About how much of the margin is due to one of the `count` pieces of a group: its part of the
    /// sums, and the maxima that are its numbers. Pieces that share a maximum are each given all of it:
    /// without one of them it would be the same.
    pub(crate) fn effect(&self, sensed: &Sensed, group: usize, key: u32, count: usize) -> f32 {
        fn of(inputs: &Inputs, group: usize) -> &[f32] {
            inputs.get(group.saturating_mul(PER_GROUP)..).unwrap_or_default()
        }
        let slopes = of(&sensed.slopes, group);
        let numbers = unpacked(self.levels_of(key)).map(|level| self.number(level));
        let sum: f32 = slopes.iter().zip(numbers).map(|(slope, number)| slope * number).sum();
        let maxima = of(&sensed.inputs, group).iter().zip(slopes).skip(DIMENSIONS);
        let maxima = maxima.zip(numbers).filter(|((highest, _), number)| *highest == number);
        let highest: f32 = maxima.map(|((highest, slope), _)| highest * slope).sum();
        sum / (count.max(1) as f32).sqrt() + highest
    }

    /// The number that a level stands for.
    fn number(&self, level: impl Into<f32>) -> f32 {
        (level.into() - f32::from(MIDDLE)) * self.step
    }
}

fn levels(piece: &[f32; DIMENSIONS], step: f32) -> u16 {
    let middle = f32::from(MIDDLE);
    piece.iter().rev().fold(0, |levels, number| {
        let level = (number / step).round().clamp(-middle, middle) + middle;
        levels << LEVEL_BITS | level as u16
    })
}

fn unpacked(levels: u16) -> [u16; DIMENSIONS] {
    [levels, levels >> 4, levels >> 8, levels >> 12].map(|levels| levels & 15)
}

/// The top bit of each byte, above its level.
const TOPS: u64 = 0x8080_8080_8080_8080;

/// The bits of a level in each byte.
const LEVELS: u64 = 0x0f0f_0f0f_0f0f_0f0f;

/// One look at the levels of [`ABREAST`] pieces.
#[inline]
fn take(packed: u64, sum: &mut Bytes, highest: &mut Bytes) {
    let levels = [packed & LEVELS, (packed >> LEVEL_BITS) & LEVELS];
    for ((level, sum), highest) in levels.into_iter().zip(sum).zip(highest) {
        *sum = sum.wrapping_add(level);
        // The top bit of a byte stays where the level is not below the highest.
        let is_higher = (level | TOPS).wrapping_sub(*highest) & TOPS;
        let mask = (is_higher >> 3).wrapping_sub(is_higher >> 7);
        *highest ^= (level ^ *highest) & mask;
    }
}

/// All bytes, each with the place of its number in a piece.
fn by_dimension(bytes: Bytes) -> impl Iterator<Item = (usize, u8)> {
    bytes.into_iter().enumerate().flat_map(|(half, word)| {
        let place = move |byte: usize| (byte % 2).wrapping_mul(2).wrapping_add(half);
        word.to_le_bytes().into_iter().enumerate().map(move |(byte, level)| (place(byte), level))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::Rng;

    fn network(bits: u32) -> Network {
        let mut rng = Rng::new(5);
        let mut number = || (rng.below(2001) as f32 - 1000.0) / 1000.0;
        let pieces: Vec<_> = (0..1 << bits).map(|_| std::array::from_fn(|_| number())).collect();
        let mut dense = Dense::ZERO;
        dense.first.iter_mut().flatten().for_each(|weight| *weight = number());
        dense.last.iter_mut().for_each(|weight| *weight = number());
        dense.base = 0.25;
        Network::new(bits, &pieces, dense)
    }

    /// The same, a number at a time.
    fn plain(network: &Network, keys: &[u32]) -> Vec<f32> {
        let number = |key: u32, at: usize| {
            let level = network.levels[(key >> (32 - network.bits)) as usize] >> (4 * at) & 15;
            (f32::from(level) - 7.0) * network.step
        };
        let sums = (0..DIMENSIONS).map(|at| {
            keys.iter().map(|key| number(*key, at)).sum::<f32>() / (keys.len() as f32).sqrt()
        });
        let maxima = (0..DIMENSIONS)
            .map(|at| keys.iter().map(|key| number(*key, at)).fold(f32::MIN, f32::max));
        sums.chain(maxima).collect()
    }

    #[test]
    fn what_is_read_is_sums_and_maxima() {
        let network = network(10);
        let mut rng = Rng::new(9);
        for count in [1, 2, 7, 500, 10_000] {
            let keys: Vec<u32> = (0..count).map(|_| (rng.next() >> 32) as u32).collect();
            let groups = [&keys[..], &[]];
            let inputs = network.inputs(groups.into_iter());
            for (found, expected) in inputs.iter().zip(plain(&network, &keys)) {
                let tolerance = 1e-3 * (count as f32).sqrt().max(1.0);
                assert!((found - expected).abs() < tolerance, "{found} for {expected} of {count}");
            }
            assert!(
                inputs[PER_GROUP..].iter().all(|input| *input == 0.0),
                "nothing was read there"
            );
        }
    }

    #[test]
    fn levels_are_within_half_a_step() {
        let step = 0.1;
        for number in [-0.7, -0.44, -0.06, 0.0, 0.04, 0.69] {
            let levels = unpacked(levels(&[number, 0.0, -number, 0.3], step));
            let back = levels.map(|level| (f32::from(level) - 7.0) * step);
            for (back, number) in back.iter().zip([number, 0.0, -number, 0.3]) {
                assert!((back - number).abs() <= step / 2.0 + 1e-6, "{back} for {number}");
            }
        }
        assert_eq!(unpacked(levels(&[9.0, -9.0, f32::NAN, 0.0], step))[..2], [14, 0]);
    }

    #[test]
    fn slopes_are_what_a_small_step_shows() {
        let network = network(8);
        let keys = [7 << 24, 90 << 24, 31 << 24];
        let inputs = network.inputs([&keys[..], &keys[1..]].into_iter());
        let sensed = network.sensed([&keys[..], &keys[1..]].into_iter());
        let slopes = sensed.slopes;
        for at in 0..2 * PER_GROUP {
            let mut moved = inputs;
            moved[at] += 1e-3;
            let rise = (network.margin(&moved) - network.margin(&inputs)) / 1e-3;
            assert!((rise - slopes[at]).abs() < 0.05, "{rise} for {} at {at}", slopes[at]);
        }
        // No two of these pieces share a maximum, so that effects add up to all that the group does.
        for at in 0..DIMENSIONS {
            let mut levels = keys.map(|key| unpacked(network.levels_of(key))[at]);
            levels.sort_unstable();
            assert!(levels[1] < levels[2], "{levels:?}");
        }
        let effects: f32 = keys.iter().map(|key| network.effect(&sensed, 0, *key, 3)).sum();
        let all: f32 = (0..PER_GROUP).map(|at| inputs[at] * slopes[at]).sum();
        assert!((effects - all).abs() < 1e-3, "{effects} for {all}");
    }

    #[test]
    fn a_piece_is_worth_the_maxima_that_it_alone_reaches() {
        let mut dense = Dense::ZERO;
        // Only the highest first number of the first group counts.
        dense.first[DIMENSIONS][0] = 2.0;
        dense.last[0] = 1.0;
        let network = Network::from_levels(1, vec![0x777b, 0x779e], 0.5, dense).unwrap();
        let (low, high) = (0, 1 << 31);
        let sensed = network.sensed([&[low, high][..]].into_iter());
        assert_eq!(network.margin(&sensed.inputs), 7.0);
        assert_eq!(network.effect(&sensed, 0, high, 2), 7.0);
        assert_eq!(network.effect(&sensed, 0, low, 2), 0.0);
        assert_eq!(network.effect(&sensed, 1, high, 2), 0.0, "another group has no pieces");
    }
}
