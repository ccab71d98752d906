//! Trees laid out for asking, by figure instead of by tree.
//!
//! A walk from each root waits at every fork for the one before. Here every fork that a figure passes
//! on its right side strikes out the leaves on its left, whatever else the tree says; the first leaf
//! that is left over in the end is where the walk would have ended. Forks stand in order of figure and
//! threshold, so that they are read one behind the other until one is not passed (C. Lucchese and
//! others, "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
//! trees", SIGIR 2015).

use super::{Forest, LEAF, Node, leaf};
use std::ops::Range;

/// The most leaves of a tree that is asked in this way, a bit each; larger trees are walked.
const LEAVES_MAX: usize = 32;

/// Trees of one round: their number is a byte.
const ROUND: usize = 256;

/// Strikes out leaves of one tree.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Strike {
    /// The leaves that stay.
    stay: u32,
    tree: u8,
}

/// Up to [`ROUND`] trees.
#[derive(Debug, Clone, Default, PartialEq)]
struct Round {
    /// Of each figure that decides anything: its place, and where its forks are.
    figures: Vec<(u16, Range<u32>)>,
    /// Of each fork, in order of figure and threshold.
    thresholds: Vec<f32>,
    strikes: Vec<Strike>,
    /// What the leaves of each tree add.
    leaves: Vec<[f32; LEAVES_MAX]>,
}

/// A forest that is quick to ask. Its leaves are those of the forest that it was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FlatForest {
    base: f32,
    rounds: Vec<Round>,
    /// Trees with more leaves than have a bit each.
    large: Vec<Vec<Node>>,
}

impl FlatForest {
    pub(crate) fn new(forest: &Forest) -> Self {
        let is_large =
            |tree: &Vec<Node>| tree.iter().filter(|node| node.feature == LEAF).count() > LEAVES_MAX;
        let (large, small): (Vec<_>, Vec<_>) = forest.trees.iter().partition(|tree| is_large(tree));
        Self {
            base: forest.base,
            rounds: small.chunks(ROUND).map(Round::new).collect(),
            large: large.into_iter().cloned().collect(),
        }
    }

    /// The log-odds that the trees give `features`. One without a value passes all of its forks, so that
    /// it goes to the right, as in [`Forest`].
    pub(crate) fn margin(&self, features: &[f32]) -> f32 {
        let mut sum = self.base;
        for round in &self.rounds {
            sum += round.sum(features);
        }
        for tree in &self.large {
            sum += leaf(tree, features);
        }
        sum
    }
}

impl Round {
    fn new(trees: &[&Vec<Node>]) -> Self {
        let mut round = Self::default();
        let mut forks = Vec::new();
        for (number, tree) in (0..=u8::MAX).zip(trees) {
            let mut planting = Planting { tree, number, leaves: Vec::new(), forks: &mut forks };
            planting.plant(0);
            let mut values = [0.0; LEAVES_MAX];
            values.iter_mut().zip(planting.leaves).for_each(|(value, leaf)| *value = leaf);
            round.leaves.push(values);
        }
        forks.sort_by(|a: &Fork, b| {
            a.figure.cmp(&b.figure).then_with(|| a.threshold.total_cmp(&b.threshold))
        });
        for of_one in forks.chunk_by(|a, b| a.figure == b.figure) {
            let Some(first) = of_one.first() else { continue };
            let place = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let start = place(round.strikes.len());
            round.thresholds.extend(of_one.iter().map(|fork| fork.threshold));
            round.strikes.extend(of_one.iter().map(|fork| fork.strike));
            round.figures.push((first.figure, start..place(round.strikes.len())));
        }
        round
    }

    fn sum(&self, features: &[f32]) -> f32 {
        let mut left = [u32::MAX; ROUND];
        for (place, forks) in &self.figures {
            let figure = features.get(usize::from(*place)).copied().unwrap_or(0.0);
            let forks = forks.start as usize..forks.end as usize;
            let thresholds = self.thresholds.get(forks.clone()).unwrap_or_default();
            let strikes = self.strikes.get(forks).unwrap_or_default();
            for (threshold, strike) in thresholds.iter().zip(strikes) {
                if figure <= *threshold {
                    break;
                }
                // A byte's worth of trees: this never misses, and costs no look.
                if let Some(left) = left.get_mut(usize::from(strike.tree)) {
                    *left &= strike.stay;
                }
            }
        }
        let mut sum = 0.0;
        for (left, leaves) in left.iter().zip(&self.leaves) {
            let first = left.trailing_zeros() as usize % LEAVES_MAX;
            sum += leaves.get(first).copied().unwrap_or(0.0);
        }
        sum
    }
}

/// A fork on its way to its place.
struct Fork {
    figure: u16,
    threshold: f32,
    strike: Strike,
}

/// Takes a tree apart, its leaves from left to right.
struct Planting<'a> {
    tree: &'a [Node],
    number: u8,
    leaves: Vec<f32>,
    forks: &'a mut Vec<Fork>,
}

impl Planting<'_> {
    /// Ways only lead on, and no node is behind two forks: whoever reads models sees to that.
    fn plant(&mut self, at: u16) {
        let Some(node) = self.tree.get(usize::from(at)).copied() else { return };
        if node.feature == LEAF {
            self.leaves.push(node.value);
            return;
        }
        let before = self.leaves.len();
        self.plant(node.left);
        let struck = bits_below(self.leaves.len()) & !bits_below(before);
        self.plant(node.right);
        let strike = Strike { stay: !struck, tree: self.number };
        self.forks.push(Fork { figure: node.feature, threshold: node.threshold, strike });
    }
}

/// The lowest `count` bits.
fn bits_below(count: usize) -> u32 {
    let shift = u32::try_from(count).unwrap_or(u32::MAX);
    1_u32.checked_shl(shift).map_or(u32::MAX, |bit| bit.wrapping_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{BoostOptions, Table, boost};

    #[test]
    fn leaves_are_those_of_the_forest() {
        let values: Vec<f32> = (0..600).map(|at| (at * 37 % 211) as f32).collect();
        let labels: Vec<f32> = values
            .chunks(3)
            .map(|three| f32::from(u8::from(three[0] + three[1] > three[2] * 2.0)))
            .collect();
        for (trees, leaves) in [(0, 2), (1, 2), (7, 9), (8, 5), (20, 31), (3, 40), (300, 4)] {
            let options = BoostOptions {
                trees,
                leaves,
                rate: 0.3,
                child_weight_min: 0.01,
                lambda: 1.0,
                features: 0.7,
                subjects: 1.0,
            };
            let rows: Vec<u32> = (0..200).collect();
            let forest = boost(&Table::new(&values, 3), &labels, &[1.0; 200], &rows, &options, 3);
            let flat = FlatForest::new(&forest);
            let none = values.chunks(3).take(50).flat_map(|figures| {
                (0..3).map(|at| {
                    std::array::from_fn(|of| if of == at { f32::NAN } else { figures[of] })
                })
            });
            let all = values.chunks(3).map(|figures| [figures[0], figures[1], figures[2]]);
            for figures in all.chain(none) {
                let (flat, plain) = (flat.margin(&figures), forest.margin(&figures));
                assert!((flat - plain).abs() < 1e-4, "{flat} for {plain} with {trees} trees");
            }
        }
    }
}
