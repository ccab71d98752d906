//! Boosted trees, as they are learned and explained.

mod flat;

pub(crate) use flat::FlatForest;

/// Marks a leaf in [`Node::feature`].
pub(crate) const LEAF: u16 = u16::MAX;

/// A fork or a leaf of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    /// Which figure decides, or [`LEAF`].
    pub(crate) feature: u16,
    /// Where to go when the figure is at most `threshold`: a place in the tree, always further on.
    pub(crate) left: u16,
    /// Where to go otherwise.
    pub(crate) right: u16,
    /// What the figure is compared with.
    pub(crate) threshold: f32,
    /// What a subject that comes here scores on average; in a leaf, what it scores.
    pub(crate) value: f32,
}

/// Trees whose leaves are summed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Forest {
    /// What is added for every subject.
    pub(crate) base: f32,
    /// The trees, each from its root.
    pub(crate) trees: Vec<Vec<Node>>,
}

/// What a figure adds to a margin.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    pub(crate) all: f32,
    /// What of it is added because the figure is high.
    pub(crate) of_high: f32,
}

impl Share {
    /// Whether more is added because the figure is high than because it is low.
    pub(crate) fn is_of_high(&self) -> bool {
        self.of_high > self.all - self.of_high
    }
}

impl Forest {
    /// The log-odds that the trees give `features`.
    pub(crate) fn margin(&self, features: &[f32]) -> f32 {
        let mut sum = self.base;
        for tree in &self.trees {
            sum += leaf(tree, features);
        }
        sum
    }

    /// How far from zero any margin can be: the base and the largest number of each tree.
    pub(crate) fn reach(&self) -> f64 {
        let size = |node: &Node| f64::from(node.value.abs());
        let largest = |tree: &Vec<Node>| tree.iter().map(size).fold(0.0, f64::max);
        f64::from(self.base.abs()) + self.trees.iter().map(largest).sum::<f64>()
    }

    /// What each figure adds to the margin, along the ways that `features` takes; `out` has one
    /// place a figure.
    ///
    /// The difference that each fork makes to the average is its figure's (A. Saabas, 2014).
    pub(crate) fn explain(&self, features: &[f32], out: &mut [Share]) {
        for tree in &self.trees {
            let Some(mut node) = tree.first() else { continue };
            while node.feature != LEAF {
                let place = next(node, features);
                let is_high = place == node.right;
                let Some(next) = tree.get(usize::from(place)) else { break };
                if let Some(share) = out.get_mut(usize::from(node.feature)) {
                    let rise = next.value - node.value;
                    share.all += rise;
                    share.of_high += if is_high { rise } else { 0.0 };
                }
                node = next;
            }
        }
    }
}

fn leaf(tree: &[Node], features: &[f32]) -> f32 {
    let Some(mut node) = tree.first() else { return 0.0 };
    while node.feature != LEAF {
        let Some(next) = tree.get(usize::from(next(node, features))) else { break };
        node = next;
    }
    node.value
}

/// A figure without a value goes to the right, as in [`FlatForest`]: a network's numbers may overflow.
fn next(node: &Node, features: &[f32]) -> u16 {
    let figure = features.get(usize::from(node.feature)).copied().unwrap_or(0.0);
    if figure <= node.threshold { node.left } else { node.right }
}
