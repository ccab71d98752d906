//! Every listed hash, with what it is listed for: what searches are answered from.

use super::prefix::Hash;
use super::threat::Threats;
use std::collections::BTreeMap;

/// One listed hash. 34 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) hash: Hash,
    pub(super) threats: Threats,
    pub(super) risk: u8,
}

/// All of a moment, in the order of their hashes.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows(Vec<Row>);

impl Rows {
    /// Rows in any order. Of several with one hash, the greatest risk counts, and all threats.
    pub(super) fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_unstable();
        rows.dedup_by(|next, kept| {
            let is_same = next.hash == kept.hash;
            if is_same {
                kept.threats = kept.threats.and(next.threats);
                kept.risk = kept.risk.max(next.risk);
            }
            is_same
        });
        rows.shrink_to_fit();
        Self(rows)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Row> {
        self.0.iter()
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<&Row> {
        let at = self.0.binary_search_by(|row| row.hash.cmp(hash)).ok()?;
        self.0.get(at)
    }

    /// The rows whose hashes begin so.
    pub(super) fn starting_with(&self, prefix: &[u8]) -> &[Row] {
        let start = self.0.partition_point(|row| row.hash.as_slice() < prefix);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.partition_point(|row| row.hash.starts_with(prefix));
        rest.get(..count).unwrap_or_default()
    }

    /// These rows after some changes; `None` removes.
    pub(super) fn after(&self, changes: &BTreeMap<Hash, Option<Row>>) -> Self {
        let mut rows = Vec::with_capacity(self.0.len().saturating_add(changes.len()));
        let mut changes = changes.iter().peekable();
        for row in &self.0 {
            while let Some((_, new)) = changes.next_if(|(hash, _)| **hash < row.hash) {
                rows.extend(*new);
            }
            match changes.next_if(|(hash, _)| **hash == row.hash) {
                Some((_, new)) => rows.extend(*new),
                None => rows.push(*row),
            }
        }
        rows.extend(changes.filter_map(|(_, new)| *new));
        Self(rows)
    }
}

/// Which rows are in lists, where there are more than lists may hold: the most dangerous ones, and
/// of those at the brink the ones with the least hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    risk: u8,
    last: Hash,
}

impl Cut {
    /// No cut.
    pub(super) const NONE: Self = Self { risk: 0, last: [u8::MAX; 32] };

    /// The cut that leaves at most `max`.
    pub(super) fn to(rows: &Rows, max: usize) -> Self {
        if rows.len() <= max {
            return Self::NONE;
        }
        let mut counts = [0usize; 256];
        for row in rows.iter() {
            if let Some(count) = counts.get_mut(usize::from(row.risk)) {
                *count = count.saturating_add(1);
            }
        }
        let mut left = max;
        for risk in (0..=u8::MAX).rev() {
            let count = counts.get(usize::from(risk)).copied().unwrap_or(0);
            if count <= left {
                left = left.saturating_sub(count);
                continue;
            }
            let mut brink = rows.iter().filter(|row| row.risk == risk);
            let last = left.checked_sub(1).and_then(|at| brink.nth(at)).map(|row| row.hash);
            // None of them: the lists hold what is above.
            return last.map_or(
                Self { risk: risk.saturating_add(1), last: [u8::MAX; 32] },
                |last| Self { risk, last },
            );
        }
        Self::NONE
    }

    pub(super) fn keeps(&self, row: &Row) -> bool {
        row.risk > self.risk || row.risk == self.risk && row.hash <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use wardnet_wire::safebrowsing::v5::ThreatType;

    fn row(first: u8, second: u8, risk: u8) -> Row {
        let mut hash = [0; 32];
        (hash[0], hash[1]) = (first, second);
        Row { hash, threats: Threats::of(ThreatType::Malware), risk }
    }

    #[test]
    fn searches_find_all_that_begins_so_and_no_more() {
        let rows = Rows::new(vec![row(1, 9, 80), row(2, 1, 80), row(2, 7, 80), row(3, 0, 80)]);
        assert_eq!(rows.starting_with(&[2]).len(), 2);
        assert_eq!(rows.starting_with(&[2, 7]), [row(2, 7, 80)]);
        assert!(rows.starting_with(&[2, 8]).is_empty());
        assert!(rows.starting_with(&[9, 9, 9, 9]).is_empty());
    }

    #[test]
    fn of_equal_hashes_all_threats_count() {
        let other = Row { threats: Threats::of(ThreatType::SocialEngineering), ..row(1, 1, 90) };
        let rows = Rows::new(vec![row(1, 1, 70), other]);
        let [one] = rows.starting_with(&[1]) else { panic!("not one") };
        assert_eq!((one.risk, one.threats.iter().count()), (90, 2));
    }

    proptest! {
        #[test]
        fn changes_are_those_of_a_map(
            old in vec((0u8..20, 0u8..4, 70u8..100), 0..40),
            new in vec((0u8..20, 0u8..4, proptest::option::of(70u8..100)), 0..20),
        ) {
            let old = Rows::new(old.into_iter().map(|(a, b, risk)| row(a, b, risk)).collect());
            let changes: BTreeMap<_, _> = new
                .into_iter()
                .map(|(a, b, risk)| (row(a, b, 0).hash, risk.map(|risk| row(a, b, risk))))
                .collect();
            let mut wanted: BTreeMap<_, _> = old.iter().map(|row| (row.hash, *row)).collect();
            for (hash, row) in &changes {
                wanted.remove(hash);
                wanted.extend(row.map(|row| (*hash, row)));
            }
            let after = old.after(&changes);
            prop_assert_eq!(after.iter().copied().collect::<Vec<_>>(), wanted.into_values().collect::<Vec<_>>());
        }

        #[test]
        fn a_cut_leaves_the_most_dangerous(
            all in vec((0u8..20, 0u8..20, 70u8..75), 0..60),
            max in 0usize..60,
        ) {
            let rows = Rows::new(all.into_iter().map(|(a, b, risk)| row(a, b, risk)).collect());
            let cut = Cut::to(&rows, max);
            let (kept, lost): (Vec<Row>, Vec<Row>) = rows.iter().partition(|row| cut.keeps(row));
            prop_assert_eq!(kept.len(), max.min(rows.len()));
            let least = kept.iter().map(|row| row.risk).min().unwrap_or(u8::MAX);
            prop_assert!(lost.iter().all(|row| row.risk <= least));
        }
    }
}
