//! Logistic regression over hashed pieces, learned by follow-the-regularised-leader (FTRL-proximal).
//!
//! McMahan and others, "Ad click prediction: a view from the trenches", KDD 2013, algorithm 1. Every
//! group of pieces counts as a vector of length one, so a long path does not shout down a host.

use super::rng::Rng;
use crate::gram::{GROUPS, KINDS, Keys};
use crate::table::place_of;

/// The pieces of all subjects, as keys: tables of any size place them by their top bits.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pieces {
    keys: Vec<u32>,
    /// Where each kind of each group of each subject ends.
    ends: Vec<usize>,
}

impl Pieces {
    /// Adds a subject.
    pub(crate) fn push(&mut self, keys: &Keys) {
        for kind in keys.iter().flatten() {
            self.keys.extend_from_slice(kind);
            self.ends.push(self.keys.len());
        }
    }

    /// The keys of one group of a subject.
    pub(crate) fn group(&self, row: usize, group: usize) -> &[u32] {
        let first = (row * GROUPS + group) * KINDS;
        self.between(first, first + KINDS)
    }

    /// The keys of one group of a subject that are of one kind.
    pub(crate) fn kind(&self, row: usize, group: usize, kind: usize) -> &[u32] {
        let first = (row * GROUPS + group) * KINDS + kind;
        self.between(first, first + 1)
    }

    fn between(&self, first: usize, end: usize) -> &[u32] {
        let start = first.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.keys[start..self.ends[end - 1]]
    }

    /// How many pieces all subjects have.
    pub(crate) fn count(&self) -> usize {
        self.keys.len()
    }
}

/// How to learn.
#[derive(Debug, Clone, Copy)]
pub struct LinearOptions {
    /// The table has 2 to the power of `bits` places: 16 at least, or long n-grams have too little room
    /// of their own (see `Placing` in `gram.rs`).
    pub bits: u32,
    /// How often all subjects are seen.
    pub epochs: u32,
    /// The rate of learning.
    pub alpha: f32,
    /// Absolute regularisation: keeps rare pieces at zero.
    pub l1: f32,
    /// Square regularisation.
    pub l2: f32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    weight: f32,
    z: f32,
    n: f32,
}

impl Cell {
    fn learn(&mut self, gradient: f32, options: &LinearOptions) {
        let n = self.n + gradient * gradient;
        let sigma = (n.sqrt() - self.n.sqrt()) / options.alpha;
        self.z += gradient - sigma * self.weight;
        self.n = n;
        self.weight = if self.z.abs() <= options.l1 {
            0.0
        } else {
            let rate = (1.0 + n.sqrt()) / options.alpha + options.l2;
            -(self.z - options.l1.copysign(self.z)) / rate
        };
    }
}

/// The weights of all places, and of none.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    /// One a place.
    pub(crate) weights: Vec<f32>,
    /// What is added for every subject.
    pub(crate) bias: f32,
}

/// Learns from the subjects `chosen`; `labels` are 0 or 1, `weights` how much each counts.
pub(crate) fn learn(
    pieces: &Pieces,
    labels: &[f32],
    weights: &[f32],
    chosen: &[u32],
    options: &LinearOptions,
    seed: u64,
) -> Linear {
    let mut cells = vec![Cell::default(); 1 << options.bits];
    let mut bias = Cell::default();
    let mut order = chosen.to_vec();
    let mut rng = Rng::new(seed);
    for _ in 0..options.epochs {
        rng.shuffle(&mut order);
        for &row in &order {
            let row = row as usize;
            let mut margin = bias.weight;
            for group in 0..GROUPS {
                let keys = pieces.group(row, group);
                let weight = |key: &u32| cells[place_of(*key, options.bits)].weight;
                margin += keys.iter().map(weight).sum::<f32>() * scale(keys.len());
            }
            let wrong = (logistic(margin) - labels[row]) * weights[row];
            bias.learn(wrong, options);
            for group in 0..GROUPS {
                let keys = pieces.group(row, group);
                let gradient = wrong * scale(keys.len());
                for key in keys {
                    cells[place_of(*key, options.bits)].learn(gradient, options);
                }
            }
        }
    }
    Linear { weights: cells.iter().map(|cell| cell.weight).collect(), bias: bias.weight }
}

/// Makes a group of `count` pieces a vector of length one.
pub(crate) fn scale(count: usize) -> f32 {
    if count == 0 { 0.0 } else { 1.0 / (count as f32).sqrt() }
}

pub(crate) fn logistic(margin: f32) -> f32 {
    1.0 / (1.0 + (-margin).exp())
}
