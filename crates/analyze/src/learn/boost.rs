//! Learning boosted trees: Newton steps on the logistic loss, histograms, best leaf first.
//!
//! Friedman, "Greedy function approximation", 2001, with the second-order gain of XGBoost (Chen and
//! Guestrin, 2016) and the leaf-wise growth of LightGBM (Ke and others, 2017).

use super::linear::logistic;
use super::rng::Rng;
use crate::forest::{Forest, LEAF, Node};

/// How to grow trees.
#[derive(Debug, Clone, Copy)]
pub struct BoostOptions {
    /// How many trees.
    pub trees: usize,
    /// How many leaves each.
    pub leaves: usize,
    /// How much of its advice each tree is followed.
    pub rate: f32,
    /// The least weight (sum of second derivatives) of a leaf.
    pub child_weight_min: f32,
    /// Square regularisation of leaves.
    pub lambda: f32,
    /// The share of figures that each tree sees.
    pub features: f32,
    /// The share of subjects that each tree sees.
    pub subjects: f32,
}

/// Figures of all subjects, a column a figure.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Vec<u8>>,
    /// The upper edge of each bin but the last, by figure.
    edges: Vec<Vec<f32>>,
    rows: usize,
}

const BINS: usize = 256;

impl Table {
    /// Sorts figures into bins of about equal size. `values` has `width` figures a subject.
    pub(crate) fn new(values: &[f32], width: usize) -> Self {
        let rows = values.len() / width;
        let mut table = Self { columns: Vec::new(), edges: Vec::new(), rows };
        for feature in 0..width {
            let column: Vec<f32> = (0..rows).map(|row| values[row * width + feature]).collect();
            let edges = edges(&column);
            let bins = column.iter().map(|value| {
                u8::try_from(edges.partition_point(|edge| *edge < *value)).unwrap_or(u8::MAX)
            });
            table.columns.push(bins.collect());
            table.edges.push(edges);
        }
        table
    }
}

fn edges(column: &[f32]) -> Vec<f32> {
    let mut sorted = column.to_vec();
    sorted.sort_by(f32::total_cmp);
    let mut edges: Vec<f32> = Vec::new();
    let distinct: Vec<f32> = sorted.chunk_by(|a, b| a == b).map(|equal| equal[0]).collect();
    if distinct.len() < BINS {
        edges.extend(distinct.windows(2).map(|pair| f32::midpoint(pair[0], pair[1])));
    } else {
        for bin in 1..BINS {
            let at = bin * sorted.len() / BINS;
            let edge = f32::midpoint(sorted[at - 1], sorted[at]);
            if edges.last().is_none_or(|last| *last < edge) {
                edges.push(edge);
            }
        }
    }
    edges
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    gradient: f64,
    hessian: f64,
}

impl Sum {
    fn add(&mut self, gradient: f32, hessian: f32) {
        self.gradient += f64::from(gradient);
        self.hessian += f64::from(hessian);
    }

    fn minus(self, other: Self) -> Self {
        Self { gradient: self.gradient - other.gradient, hessian: self.hessian - other.hessian }
    }

    fn score(self, lambda: f64) -> f64 {
        self.gradient * self.gradient / (self.hessian + lambda)
    }
}

struct Candidate {
    gain: f64,
    feature: usize,
    bin: usize,
}

/// A leaf that may yet fork.
struct Growing {
    node: usize,
    rows: Vec<u32>,
    histogram: Vec<Sum>,
    best: Option<Candidate>,
}

struct Grower<'a> {
    table: &'a Table,
    options: &'a BoostOptions,
    gradients: &'a [f32],
    hessians: &'a [f32],
    features: Vec<usize>,
}

/// Grows trees for the subjects `chosen`; `labels` are 0 or 1.
pub(crate) fn boost(
    table: &Table,
    labels: &[f32],
    weights: &[f32],
    chosen: &[u32],
    options: &BoostOptions,
    seed: u64,
) -> Forest {
    let mut rng = Rng::new(seed);
    let (mut bad, mut all) = (0.0_f64, 0.0_f64);
    for &row in chosen {
        bad += f64::from(labels[row as usize] * weights[row as usize]);
        all += f64::from(weights[row as usize]);
    }
    let base = (bad.max(1e-6) / (all - bad).max(1e-6)).ln() as f32;
    let mut forest = Forest { base, trees: Vec::new() };
    let mut margins = vec![base; table.rows];
    let mut gradients = vec![0.0; table.rows];
    let mut hessians = vec![0.0; table.rows];
    for _ in 0..options.trees {
        for &row in chosen {
            let row = row as usize;
            let p = logistic(margins[row]);
            gradients[row] = (p - labels[row]) * weights[row];
            hessians[row] = (p * (1.0 - p)).max(1e-6) * weights[row];
        }
        let seen = sample(chosen, options.subjects, &mut rng);
        let mut features: Vec<usize> = (0..table.columns.len()).collect();
        rng.shuffle(&mut features);
        features.truncate(((features.len() as f32 * options.features).ceil() as usize).max(1));
        let grower =
            Grower { table, options, gradients: &gradients, hessians: &hessians, features };
        let (tree, splits) = grower.tree(seen);
        for &row in chosen {
            margins[row as usize] += binned_leaf(&tree, &splits, table, row as usize);
        }
        forest.trees.push(tree);
    }
    forest
}

fn sample(chosen: &[u32], share: f32, rng: &mut Rng) -> Vec<u32> {
    if share >= 1.0 {
        return chosen.to_vec();
    }
    let bound = (f64::from(share) * u64::MAX as f64) as u64;
    chosen.iter().copied().filter(|_| rng.next() < bound).collect()
}

/// The leaf of a subject whose figures are known as bins.
fn binned_leaf(tree: &[Node], splits: &[u8], table: &Table, row: usize) -> f32 {
    let mut at = 0;
    while tree[at].feature != LEAF {
        let node = tree[at];
        let bin = table.columns[usize::from(node.feature)][row];
        at = usize::from(if bin <= splits[at] { node.left } else { node.right });
    }
    tree[at].value
}

impl Grower<'_> {
    fn tree(&self, rows: Vec<u32>) -> (Vec<Node>, Vec<u8>) {
        let mut nodes = Vec::new();
        let mut splits = Vec::new();
        let histogram = self.histogram(&rows);
        let mut open = vec![self.growing(rows, histogram, &mut nodes, &mut splits)];
        for _ in 1..self.options.leaves {
            let gain = |leaf: &Growing| leaf.best.as_ref().map_or(0.0, |best| best.gain);
            let best = (0..open.len()).max_by(|a, b| gain(&open[*a]).total_cmp(&gain(&open[*b])));
            let Some(best) = best.filter(|best| open[*best].best.is_some()) else { break };
            let leaf = open.swap_remove(best);
            open.extend(self.fork(leaf, &mut nodes, &mut splits));
        }
        (nodes, splits)
    }

    fn growing(
        &self,
        rows: Vec<u32>,
        histogram: Vec<Sum>,
        nodes: &mut Vec<Node>,
        splits: &mut Vec<u8>,
    ) -> Growing {
        let mut total = Sum::default();
        for &row in &rows {
            total.add(self.gradients[row as usize], self.hessians[row as usize]);
        }
        let value = -total.gradient / (total.hessian + f64::from(self.options.lambda));
        let value = value as f32 * self.options.rate;
        nodes.push(Node { feature: LEAF, left: 0, right: 0, threshold: 0.0, value });
        splits.push(0);
        let best = self.best(&histogram, total);
        Growing { node: nodes.len() - 1, rows, histogram, best }
    }

    fn fork(&self, leaf: Growing, nodes: &mut Vec<Node>, splits: &mut Vec<u8>) -> Vec<Growing> {
        let Some(best) = leaf.best else { return Vec::new() };
        let column = &self.table.columns[best.feature];
        let (left, right): (Vec<u32>, Vec<u32>) =
            leaf.rows.iter().partition(|row| usize::from(column[**row as usize]) <= best.bin);
        let is_left_smaller = left.len() < right.len();
        let small = self.histogram(if is_left_smaller { &left } else { &right });
        let large: Vec<Sum> =
            leaf.histogram.iter().zip(&small).map(|(all, part)| all.minus(*part)).collect();
        let (left_sums, right_sums) = if is_left_smaller { (small, large) } else { (large, small) };
        let grown = vec![
            self.growing(left, left_sums, nodes, splits),
            self.growing(right, right_sums, nodes, splits),
        ];
        let place = |index: usize| u16::try_from(index).unwrap_or(LEAF);
        nodes[leaf.node] = Node {
            feature: place(best.feature),
            left: place(grown[0].node),
            right: place(grown[1].node),
            threshold: self.table.edges[best.feature][best.bin],
            value: nodes[leaf.node].value,
        };
        splits[leaf.node] = u8::try_from(best.bin).unwrap_or(u8::MAX);
        grown
    }

    fn histogram(&self, rows: &[u32]) -> Vec<Sum> {
        let mut sums = vec![Sum::default(); self.features.len() * BINS];
        // Gathered once: the columns are walked as often as there are figures.
        let pairs: Vec<(f32, f32)> = rows
            .iter()
            .map(|row| (self.gradients[*row as usize], self.hessians[*row as usize]))
            .collect();
        for (slot, feature) in self.features.iter().enumerate() {
            let column = &self.table.columns[*feature];
            let bins = &mut sums[slot * BINS..(slot + 1) * BINS];
            for (row, (gradient, hessian)) in rows.iter().zip(&pairs) {
                bins[usize::from(column[*row as usize])].add(*gradient, *hessian);
            }
        }
        sums
    }

    fn best(&self, histogram: &[Sum], total: Sum) -> Option<Candidate> {
        let lambda = f64::from(self.options.lambda);
        let whole = total.score(lambda);
        let is_enough = |sum: Sum| sum.hessian >= f64::from(self.options.child_weight_min);
        let mut best: Option<Candidate> = None;
        for (slot, feature) in self.features.iter().enumerate() {
            let mut left = Sum::default();
            for bin in 0..self.table.edges[*feature].len() {
                let here = histogram[slot * BINS + bin];
                left.gradient += here.gradient;
                left.hessian += here.hessian;
                let right = total.minus(left);
                if here.hessian <= 0.0 || !is_enough(left) || !is_enough(right) {
                    continue;
                }
                let gain = left.score(lambda) + right.score(lambda) - whole;
                if gain > best.as_ref().map_or(1e-6, |best| best.gain) {
                    best = Some(Candidate { gain, feature: *feature, bin });
                }
            }
        }
        best
    }
}
