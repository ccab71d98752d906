//! A small network over embedded pieces: what pieces are worth beside one another, which the sum of
//! their weights cannot say.
//!
//! It has several views of a URL, each with numbers and units of its own: one reads n-grams of three signs
//! and words, one those of four, one those of five and words. Their margins are averaged. Each is learned
//! by itself, so that what one makes of chance the others do not (L. Hansen and P. Salamon, "Neural network
//! ensembles", PAMI 12, 1990), and as most pieces are read by one alone, three cost little more than one.
//!
//! In a view each piece stands for a few numbers. Of each group of pieces it reads their sums and their
//! maxima; one layer of units is between those and the margin. The idea is fastText's (A. Joulin and
//! others, "Bag of Tricks for Efficient Text Classification", EACL 2017), with pooling by maximum and a
//! layer of units as in URLNet (H. Le and others, 2018).

use crate::gram::{GROUPS, KINDS};
use crate::table::place_of;

/// How many views there are: one for each kind of n-gram.
pub(crate) const VIEWS: usize = KINDS;

/// How many numbers stand for a piece in a view.
pub(crate) const DIMENSIONS: usize = 4;

/// What a view reads: of each group the sum of each number, then the highest.
pub(crate) const INPUTS: usize = GROUPS * PER_GROUP;

/// How many units are between what is read and the margin.
pub(crate) const HIDDEN: usize = 32;

/// How many inputs a group has.
pub(crate) const PER_GROUP: usize = 2 * DIMENSIONS;

/// What a view reads of one subject.
pub(crate) type Inputs = [f32; INPUTS];

/// What all views read.
pub(crate) type AllInputs = [Inputs; VIEWS];

/// The groups of n-grams; the others are of words.
const NGRAMS: usize = 3;

/// Which views read words: with all three no more is found, and it takes longer.
const READS_WORDS: [bool; VIEWS] = [true, false, true];

/// Which kind of pieces of a group a view reads.
pub(crate) fn kind_read(view: usize, group: usize) -> Option<usize> {
    if group < NGRAMS {
        return Some(view);
    }
    READS_WORDS.get(view).copied().unwrap_or(false).then_some(0)
}

/// What all views read of one subject, and how much the margin of each rises with each input.
#[derive(Debug)]
pub(crate) struct Sensed {
    inputs: AllInputs,
    slopes: AllInputs,
}

/// Everything of a view but the numbers of pieces.
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

/// One view, learned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct View {
    /// By place, the levels of a piece, the first number in the lowest bits.
    pub(crate) levels: Vec<u16>,
    /// How far apart levels are.
    pub(crate) step: f32,
    pub(crate) dense: Dense,
}

/// A network that was learned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Network {
    bits: u32,
    views: [View; VIEWS],
}

impl View {
    /// Rounds the numbers of `pieces`.
    ///
    /// Sums over many pieces even out what is rounded: eight bits a number find no more than four.
    pub(crate) fn new(pieces: &[[f32; DIMENSIONS]], dense: Dense) -> Self {
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
        Self { levels, step, dense }
    }

    /// What is read of the pieces of one group.
    fn read(&self, bits: u32, keys: &[u32], inputs: &mut [f32]) {
        if keys.is_empty() {
            return;
        }
        let Pooled { sums, highest } = self.pooled(bits, keys);
        let count = keys.len() as f32;
        let scale = self.step / count.sqrt();
        let (summed, maxima) = inputs.split_at_mut(DIMENSIONS);
        for (input, sum) in summed.iter_mut().zip(sums) {
            *input = (sum as f32 - count * f32::from(MIDDLE)) * scale;
        }
        for (input, level) in maxima.iter_mut().zip(highest) {
            *input = self.number(level);
        }
    }

    fn pooled(&self, bits: u32, keys: &[u32]) -> Pooled {
        let mut pooled = Pooled::default();
        for keys in keys.chunks(BLOCK) {
            // First all of them: loads that nothing waits for wait together.
            let mut block = [0; BLOCK];
            for (levels, key) in block.iter_mut().zip(keys) {
                *levels = self.levels_of(bits, *key);
            }
            // What is missing behind the last is level 0: the lowest, and adds nothing.
            let rows = block.as_chunks().0.iter().take(keys.len().div_ceil(LANES));
            pooled.take(rows);
        }
        pooled
    }

    #[inline]
    fn levels_of(&self, bits: u32, key: u32) -> u16 {
        self.levels.get(place_of(key, bits)).copied().unwrap_or(0x7777)
    }

    /// The number that a level stands for.
    fn number(&self, level: u16) -> f32 {
        (f32::from(level) - f32::from(MIDDLE)) * self.step
    }

    /// See [`Network::effect`].
    fn effect(&self, levels: u16, sensed: (&Inputs, &Inputs), group: usize, count: usize) -> f32 {
        fn of(inputs: &Inputs, group: usize) -> &[f32] {
            inputs.get(group.saturating_mul(PER_GROUP)..).unwrap_or_default()
        }
        let slopes = of(sensed.1, group);
        let numbers = unpacked(levels).map(|level| self.number(level));
        let sum: f32 = slopes.iter().zip(numbers).map(|(slope, number)| slope * number).sum();
        let maxima = of(sensed.0, group).iter().zip(slopes).skip(DIMENSIONS);
        let maxima = maxima.zip(numbers).filter(|((highest, _), number)| *highest == number);
        let highest: f32 = maxima.map(|((highest, slope), _)| highest * slope).sum();
        sum / (count.max(1) as f32).sqrt() + highest
    }
}

impl Network {
    /// A network of views with 2 to the power of `bits` pieces each. One that is missing stands for zeros.
    pub(crate) const fn new(bits: u32, views: [View; VIEWS]) -> Self {
        Self { bits, views }
    }

    /// How many bits of a hash are a piece's place.
    pub(crate) const fn bits(&self) -> u32 {
        self.bits
    }

    pub(crate) const fn views(&self) -> &[View; VIEWS] {
        &self.views
    }

    /// What is read of pieces, and how much the margin of each view rises with it; `keys` gives those of
    /// a group and a kind.
    pub(crate) fn sensed<'a>(&self, keys: impl Fn(usize, usize) -> &'a [u32]) -> Sensed {
        let inputs = self.inputs(keys);
        let mut slopes = [[0.0; INPUTS]; VIEWS];
        for ((slopes, view), inputs) in slopes.iter_mut().zip(&self.views).zip(&inputs) {
            *slopes = view.dense.slopes(inputs);
        }
        Sensed { inputs, slopes }
    }

    /// What is read of pieces; `keys` gives those of a group and a kind.
    pub(crate) fn inputs<'a>(&self, keys: impl Fn(usize, usize) -> &'a [u32]) -> AllInputs {
        let mut all = [[0.0; INPUTS]; VIEWS];
        for (at, (inputs, view)) in all.iter_mut().zip(&self.views).enumerate() {
            for (group, inputs) in inputs.chunks_exact_mut(PER_GROUP).enumerate() {
                if let Some(kind) = kind_read(at, group) {
                    view.read(self.bits, keys(group, kind), inputs);
                }
            }
        }
        all
    }

    /// The margin for what was read: the average of the views'.
    pub(crate) fn margin(&self, inputs: &AllInputs) -> f32 {
        let margins = self.views.iter().zip(inputs);
        let margins =
            margins.map(|(View { dense, .. }, inputs)| dense.margin(&dense.units(inputs)));
        margins.sum::<f32>() / VIEWS as f32
    }

    /// About how much of the margin is due to one of the `count` pieces of a kind in a group: its part of
    /// the sums, and the maxima that are its numbers. Pieces that share a maximum are each given all of it:
    /// without one of them it would be the same.
    pub(crate) fn effect(&self, sensed: &Sensed, piece: Piece, count: usize) -> f32 {
        let Piece { group, kind, key } = piece;
        let mut effect = 0.0;
        let sensed = sensed.inputs.iter().zip(&sensed.slopes);
        for (at, (view, sensed)) in self.views.iter().zip(sensed).enumerate() {
            if kind_read(at, group) == Some(kind) {
                effect += view.effect(view.levels_of(self.bits, key), sensed, group, count);
            }
        }
        effect / VIEWS as f32
    }
}

/// A piece by its key, and where it belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    pub(crate) group: usize,
    pub(crate) kind: usize,
    pub(crate) key: u32,
}

/// How many pieces are pooled side by side.
const LANES: usize = 8;

/// How many are looked up at a time.
const BLOCK: usize = 64;

/// Of pieces the sums of their levels, and the highest.
#[derive(Debug, Default)]
struct Pooled {
    sums: [u32; DIMENSIONS],
    highest: [u16; DIMENSIONS],
}

impl Pooled {
    fn take<'a>(&mut self, rows: impl Iterator<Item = &'a [u16; LANES]>) {
        let mut sums = [[0_u16; LANES]; DIMENSIONS];
        let mut highest = [[0_i16; LANES]; DIMENSIONS];
        for row in rows {
            let mut row = *row;
            for (sums, highest) in sums.iter_mut().zip(&mut highest) {
                for ((levels, sum), highest) in row.iter_mut().zip(sums).zip(highest) {
                    let level = *levels & 15;
                    *levels >>= LEVEL_BITS;
                    *sum = sum.wrapping_add(level);
                    // With a sign: SSE2 has no maximum of 16 bits without one.
                    *highest = level.cast_signed().max(*highest);
                }
            }
        }
        for (all, lanes) in self.sums.iter_mut().zip(sums) {
            *all = all.wrapping_add(lanes.into_iter().fold(0, u16::wrapping_add).into());
        }
        for (all, lanes) in self.highest.iter_mut().zip(highest) {
            *all = lanes.into_iter().fold(0, i16::max).cast_unsigned().max(*all);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gram::Keys;
    use crate::learn::Rng;

    fn network(bits: u32) -> Network {
        let mut rng = Rng::new(5);
        let mut number = || (rng.below(2001) as f32 - 1000.0) / 1000.0;
        let views = std::array::from_fn(|_| {
            let pieces: Vec<_> =
                (0..1 << bits).map(|_| std::array::from_fn(|_| number())).collect();
            let mut dense = Dense::ZERO;
            dense.first.iter_mut().flatten().for_each(|weight| *weight = number());
            dense.last.iter_mut().for_each(|weight| *weight = number());
            dense.base = 0.25;
            View::new(&pieces, dense)
        });
        Network::new(bits, views)
    }

    /// The same, a number at a time.
    fn plain(network: &Network, view: usize, keys: &[u32]) -> Vec<f32> {
        let View { levels, step, .. } = &network.views[view];
        let number = |key: u32, at: usize| {
            let level = levels[(key >> (32 - network.bits)) as usize] >> (4 * at) & 15;
            (f32::from(level) - 7.0) * step
        };
        let sums = (0..DIMENSIONS).map(|at| {
            keys.iter().map(|key| number(*key, at)).sum::<f32>() / (keys.len() as f32).sqrt()
        });
        let maxima = (0..DIMENSIONS)
            .map(|at| keys.iter().map(|key| number(*key, at)).fold(f32::MIN, f32::max));
        sums.chain(maxima).collect()
    }

    /// Looks keys up as what reads them does.
    fn of<'a>(keys: &'a Keys) -> impl Fn(usize, usize) -> &'a [u32] {
        |group, kind| &keys[group][kind]
    }

    #[test]
    fn what_is_read_is_sums_and_maxima_of_what_the_view_reads() {
        let network = network(10);
        let mut rng = Rng::new(9);
        for count in [1, 2, 8, 64, 65, 500, 10_000] {
            let mut keys = Keys::default();
            for (at, kind) in keys.iter_mut().flatten().enumerate() {
                kind.extend((0..count + at).map(|_| (rng.next() >> 32) as u32));
            }
            keys[1] = Default::default();
            for (view, inputs) in network.inputs(of(&keys)).iter().enumerate() {
                for (group, inputs) in inputs.chunks(PER_GROUP).enumerate() {
                    // N-grams of one length, and words.
                    let kind = [view, 1, view, 0, 0][group];
                    let is_read = group != 1 && (group < 3 || view != 1);
                    let expected = if is_read {
                        plain(&network, view, &keys[group][kind])
                    } else {
                        vec![0.0; PER_GROUP]
                    };
                    for (found, expected) in inputs.iter().zip(expected) {
                        let tolerance = 1e-3 * (count as f32).sqrt().max(1.0);
                        let is_near = (found - expected).abs() < tolerance;
                        assert!(is_near, "{found} for {expected} of {count} in {view}, {group}");
                    }
                }
            }
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

    /// Three pieces of every kind in the first group, and two words in the fourth.
    fn three() -> Keys {
        let mut keys = Keys::default();
        keys[0].fill(vec![7 << 24, 90 << 24, 31 << 24]);
        keys[3][0] = vec![90 << 24, 31 << 24];
        keys
    }

    #[test]
    fn slopes_are_what_a_small_step_shows() {
        let network = network(8);
        let keys = three();
        let Sensed { inputs, slopes } = network.sensed(of(&keys));
        for view in 0..VIEWS {
            for at in (0..PER_GROUP).chain(3 * PER_GROUP..4 * PER_GROUP) {
                let mut moved = inputs;
                moved[view][at] += 1e-3;
                let rise = (network.margin(&moved) - network.margin(&inputs)) / 1e-3;
                let slope = slopes[view][at] / VIEWS as f32;
                assert!((rise - slope).abs() < 0.05, "{rise} for {slope} at {at} of {view}");
            }
        }
    }

    #[test]
    fn effects_add_up_where_each_that_shares_a_maximum_has_all_of_it() {
        let network = network(8);
        let keys = three();
        let sensed = network.sensed(of(&keys));
        for (group, kind) in [(0, 0), (0, 1), (0, 2), (3, 0)] {
            let pieces = &keys[group][kind];
            let effects = pieces
                .iter()
                .map(|key| network.effect(&sensed, Piece { group, kind, key: *key }, pieces.len()));
            let mut all = 0.0;
            for view in (0..VIEWS).filter(|view| kind_read(*view, group) == Some(kind)) {
                let levels = |at: usize| {
                    let levels = |key: &u32| unpacked(network.views[view].levels_of(8, *key))[at];
                    pieces.iter().map(levels).collect::<Vec<_>>()
                };
                for at in 0..PER_GROUP {
                    // What several share is counted as often.
                    let levels = levels(at % DIMENSIONS);
                    let highest =
                        levels.iter().filter(|level| *level == levels.iter().max().unwrap());
                    let times = if at < DIMENSIONS { 1 } else { highest.count() };
                    let at = group * PER_GROUP + at;
                    all += sensed.inputs[view][at] * sensed.slopes[view][at] * times as f32;
                }
            }
            let (effects, all) = (effects.sum::<f32>(), all / VIEWS as f32);
            assert!((effects - all).abs() < 1e-3, "{effects} for {all} of {group}, {kind}");
        }
    }

    #[test]
    fn a_piece_is_worth_the_maxima_that_it_alone_reaches() {
        let mut dense = Dense::ZERO;
        // Only the highest first number of the first group counts, and in the second view alone.
        dense.first[DIMENSIONS][0] = 6.0;
        dense.last[0] = 1.0;
        let levels = vec![0x777b, 0x779e];
        let silent = View { levels: levels.clone(), step: 0.5, dense: Dense::ZERO };
        let telling = View { levels, step: 0.5, dense };
        let network = Network::new(1, [silent.clone(), telling, silent]);
        let (low, high) = (0, 1 << 31);
        let mut keys = Keys::default();
        keys[0][1] = vec![low, high];
        let sensed = network.sensed(of(&keys));
        let effect = |group, kind, key| network.effect(&sensed, Piece { group, kind, key }, 2);
        assert_eq!(network.margin(&sensed.inputs), 7.0);
        assert_eq!(effect(0, 1, high), 7.0);
        assert_eq!(effect(0, 1, low), 0.0);
        assert_eq!(effect(0, 2, high), 0.0, "another view reads it");
        assert_eq!(effect(1, 1, high), 0.0, "another group has no pieces");
    }
}
