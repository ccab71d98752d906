//! Trees laid out for asking: eight are walked at once, and no step depends on a guess.

use super::{Forest, LEAF, Node};

/// How many trees are walked at once: their loads overlap, where one tree's would wait.
const LANES: usize = 8;

/// A fork: to `left`, or to the node behind it. A leaf leads to itself.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fork {
    threshold: f32,
    feature: u16,
    /// Counted from the root of the tree.
    left: u16,
}

/// Trees that are walked together, as many steps as the deepest has.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bundle {
    roots: [u32; LANES],
    steps: u16,
}

/// A forest that is quick to ask. Its leaves are those of the forest that it was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FlatForest {
    base: f32,
    forks: Vec<Fork>,
    /// What each node adds, if a walk ends there.
    values: Vec<f32>,
    bundles: Vec<Bundle>,
}

impl FlatForest {
    pub(crate) fn new(forest: &Forest) -> Self {
        let mut flat = Self { base: forest.base, ..Self::default() };
        let mut trees: Vec<(u16, &[Node])> =
            forest.trees.iter().map(|tree| (depth(tree), tree.as_slice())).collect();
        // Trees of about one depth are walked together.
        trees.sort_by_key(|(depth, _)| *depth);
        for together in trees.chunks(LANES) {
            let mut roots = [0_u32; LANES];
            let mut steps = 0;
            for (lane, root) in roots.iter_mut().enumerate() {
                *root = u32::try_from(flat.forks.len()).unwrap_or(u32::MAX);
                match together.get(lane) {
                    Some((depth, tree)) => {
                        steps = steps.max(*depth);
                        flat.plant(tree);
                    }
                    // A lane without a tree rests on a leaf that adds nothing.
                    None => flat.leaf(0, 0.0),
                }
            }
            flat.bundles.push(Bundle { roots, steps });
        }
        flat
    }

    /// The log-odds that the trees give `features`, of which none is without a value.
    pub(crate) fn margin(&self, features: &[f32]) -> f32 {
        let mut sum = self.base;
        for Bundle { roots, steps } in &self.bundles {
            let mut at = *roots;
            for _ in 0..*steps {
                let mut moved = 0;
                for (at, root) in at.iter_mut().zip(roots) {
                    let next = root.wrapping_add(self.step(*at, features));
                    moved |= *at ^ next;
                    *at = next;
                }
                // The deepest ways are seldom gone.
                if moved == 0 {
                    break;
                }
            }
            for at in at {
                sum += self.values.get(at as usize).copied().unwrap_or(0.0);
            }
        }
        sum
    }

    #[inline]
    fn step(&self, at: u32, features: &[f32]) -> u32 {
        let Some(fork) = self.forks.get(at as usize) else { return 0 };
        let figure = features.get(usize::from(fork.feature)).copied().unwrap_or(0.0);
        u32::from(fork.left).wrapping_add(u32::from(figure > fork.threshold))
    }

    fn leaf(&mut self, place: u16, value: f32) {
        self.forks.push(Fork { threshold: f32::INFINITY, feature: 0, left: place });
        self.values.push(value);
    }

    /// Lays a tree out level by level, so that the two ways of a fork stand side by side. No node is
    /// behind two forks: whoever reads models sees to that.
    fn plant(&mut self, tree: &[Node]) {
        let mut order: Vec<usize> = vec![0];
        let mut next = 0;
        while let Some(node) = order.get(next).and_then(|at| tree.get(*at)) {
            let place = u16::try_from(next).unwrap_or(u16::MAX);
            if node.feature == LEAF {
                self.leaf(place, node.value);
            } else {
                let left = u16::try_from(order.len()).unwrap_or(u16::MAX);
                self.forks.push(Fork { threshold: node.threshold, feature: node.feature, left });
                self.values.push(node.value);
                order.extend([node.left, node.right].map(usize::from));
            }
            next = next.saturating_add(1);
        }
    }
}

/// The longest way from the root to a leaf.
fn depth(tree: &[Node]) -> u16 {
    let mut depths = vec![0_u16; tree.len()];
    let mut deepest = 0;
    for (at, node) in tree.iter().enumerate().filter(|(_, node)| node.feature != LEAF) {
        let below = depths.get(at).copied().unwrap_or(0).saturating_add(1);
        deepest = deepest.max(below);
        // Ways only lead on: a node's depth is known before its own ways are followed.
        for next in [node.left, node.right] {
            if let Some(depth) = depths.get_mut(usize::from(next)) {
                *depth = below.max(*depth);
            }
        }
    }
    deepest
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
        for (trees, leaves) in [(0, 2), (1, 2), (7, 9), (8, 5), (20, 31)] {
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
            for figures in values.chunks(3) {
                let (flat, plain) = (flat.margin(figures), forest.margin(figures));
                assert!((flat - plain).abs() < 1e-4, "{flat} for {plain} with {trees} trees");
            }
        }
    }
}
