//! How much feeds have in common, and which therefore depend on each other.
//!
//! Feeds that copy one another are no independent witnesses: the scoring counts a group about once,
//! so it must be told the groups. Sketches of a bounded size are compared in place of the feeds: each
//! keeps the keys below a threshold, and lowers the threshold when there are too many. Two sketches
//! are compared below the lower of their thresholds, where both are complete; so the share of one
//! feed that stands in another is estimated without bias, however different their sizes.

use std::collections::BTreeSet;
use wardnet_model::Key;

/// The most keys that a sketch keeps: 2 MiB of memory. Feeds up to that size are compared exactly; a
/// feed of a thousand entries against one of a million by some hundred of them, to within 5 %.
const KEPT_MAX: usize = 131_072;

/// Fewer keys than this in common say nothing.
const COMMON_MIN: usize = 20;

/// Feeds of which so much stands in another, in percent, depend on it.
const DEPENDS_PERCENT: u8 = 50;

/// What is kept of a feed's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    kept: BTreeSet<u64>,
    /// Keys are kept up to this value.
    threshold: u64,
    kept_max: usize,
}

impl Default for Sketch {
    fn default() -> Self {
        Self::with_capacity(KEPT_MAX)
    }
}

impl Sketch {
    fn with_capacity(kept_max: usize) -> Self {
        Self { kept: BTreeSet::new(), threshold: u64::MAX, kept_max }
    }

    /// Adds an entry. Adding it again changes nothing.
    pub fn add(&mut self, tag: u8, key: &Key) {
        let value = hash(tag, key);
        if value > self.threshold {
            return;
        }
        self.kept.insert(value);
        while self.kept.len() > self.kept_max {
            self.threshold /= 2;
            self.kept.split_off(&self.threshold.saturating_add(1));
        }
    }

    /// What this feed and another have in common.
    pub fn compare(&self, other: &Self) -> Share {
        let threshold = self.threshold.min(other.threshold);
        let below = |sketch: &Self| sketch.kept.range(..=threshold).count();
        let common = self.kept.range(..=threshold).filter(|key| other.kept.contains(key)).count();
        let (own, others) = (below(self), below(other));
        Share {
            compared: common,
            of_first: percent(common, own),
            of_second: percent(common, others),
        }
    }
}

/// Spreads keys evenly: those of addresses are not.
pub(crate) fn hash(tag: u8, key: &Key) -> u64 {
    // FNV-1a, then the finaliser of splitmix64.
    let mut value = 0xcbf2_9ce4_8422_2325u64;
    for byte in key.0.iter().chain([&tag]) {
        value = (value ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn percent(part: usize, whole: usize) -> u8 {
    u8::try_from((part * 100).checked_div(whole).unwrap_or(0)).unwrap_or(100)
}

/// What two feeds have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// How many kept entries they have in common.
    pub compared: usize,
    /// How much of the first stands in the second, in percent.
    pub of_first: u8,
    /// How much of the second stands in the first, in percent.
    pub of_second: u8,
}

impl Share {
    /// Whether one of the two feeds mostly stands in the other.
    pub const fn is_dependence(&self) -> bool {
        self.compared >= COMMON_MIN
            && (self.of_first >= DEPENDS_PERCENT || self.of_second >= DEPENDS_PERCENT)
    }

    /// Whether there is enough in common to speak of.
    pub const fn is_worth_telling(&self) -> bool {
        self.compared >= COMMON_MIN && (self.of_first >= 5 || self.of_second >= 5)
    }
}

/// Groups of feeds that depend on each other, directly or through others, given by their numbers;
/// only groups of two and more.
pub fn groups(count: usize, pairs: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut of: Vec<usize> = (0..count).collect();
    for (first, second) in pairs {
        let (Some(one), Some(other)) = (of.get(*first).copied(), of.get(*second).copied()) else {
            continue;
        };
        let (low, high) = (one.min(other), one.max(other));
        of.iter_mut().filter(|group| **group == high).for_each(|group| *group = low);
    }
    let members = |group: usize| {
        let in_it = of.iter().enumerate().filter(move |(_, of)| **of == group);
        in_it.map(|(feed, _)| feed).collect::<Vec<_>>()
    };
    (0..count).map(members).filter(|members| members.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sketch(values: impl Iterator<Item = u32>, kept_max: usize) -> Sketch {
        let mut sketch = Sketch::with_capacity(kept_max);
        for value in values {
            sketch.add(6, &Key::digest(&value.to_le_bytes()));
        }
        sketch
    }

    #[test]
    fn shares_of_large_feeds_are_estimated_well() {
        // A small feed that stands in a large one to a quarter.
        let small = sketch((0..4000).map(|n| if n % 4 == 0 { n } else { 1_000_000 + n }), 8192);
        let large = sketch(0..60_000, 8192);
        let share = small.compare(&large);
        assert!((15..=35).contains(&share.of_first), "{share:?}");
        assert!(share.of_second <= 5, "{share:?}");
        let copy = sketch(0..60_000, 512);
        assert_eq!((large.compare(&copy).of_first, large.compare(&copy).of_second), (100, 100));
        assert!(large.compare(&copy).is_dependence());
    }

    #[test]
    fn kinds_are_told_apart() {
        let key = Key::digest(b"x");
        let (mut domain, mut url) = (Sketch::default(), Sketch::default());
        domain.add(6, &key);
        url.add(7, &key);
        assert_eq!(domain.compare(&url).compared, 0);
    }

    #[test]
    fn groups_reach_through_others() {
        assert_eq!(groups(6, &[(0, 3), (3, 5), (1, 2)]), [vec![0, 3, 5], vec![1, 2]]);
        assert!(groups(3, &[]).is_empty());
    }

    proptest! {
        /// Feeds that fit whole are compared exactly.
        #[test]
        fn small_feeds_are_compared_exactly(
            first in prop::collection::btree_set(0u32..200, 0..60),
            second in prop::collection::btree_set(0u32..200, 0..60),
        ) {
            let share = sketch(first.iter().copied(), 64).compare(&sketch(second.iter().copied(), 64));
            let common = first.intersection(&second).count();
            prop_assert_eq!(share.compared, common);
            prop_assert_eq!(share.of_first, percent(common, first.len()));
            prop_assert_eq!(share.of_second, percent(common, second.len()));
        }
    }
}
