//! When a verdict will change by itself, because evidence decays or ends.
//!
//! Between two times the sum can only lie between two bounds: bad evidence as at the start with
//! good evidence as at the end, and the other way round. Where both bounds publish the same
//! verdict nothing happens in between; elsewhere the interval is halved, down to a minute.

use crate::sum::{Terms, exact_risk, ordered};
use crate::{Item, Scorer, Subject};
use wardnet_model::{Band, DAY_SECS, Risk, Timestamp};

/// How far ahead crossings are looked for; what lies beyond is looked at again then.
pub const HORIZON_SECS: u64 = 3650 * DAY_SECS;

/// The memo of crossings is emptied at this size.
const MEMO_MAX: usize = 4096;

/// Crossings of more evidence than this are not kept.
const MEMO_ITEMS_MAX: usize = 8;

type Published = (Risk, Band);

impl Scorer<'_> {
    /// The first whole minute after `now` at which risk or band differ from those at `now`;
    /// `None` when nothing changes within [`HORIZON_SECS`].
    pub fn next_crossing(
        &mut self,
        subject: Subject,
        items: &[Item],
        now: Timestamp,
    ) -> Option<Timestamp> {
        let now = now.floor_minute();
        // Rows of one feed, or of the same few feeds, differ in nothing that matters here: one
        // search serves them all.
        let key = (subject, ordered(items));
        if let Some(known) = self.crossings.get(&key) {
            return *known;
        }
        let found = self.search(subject, items, now);
        if key.1.len() <= MEMO_ITEMS_MAX {
            if self.crossings.len() >= MEMO_MAX {
                self.crossings.clear();
            }
            self.crossings.insert(key, found);
        }
        found
    }

    fn search(&self, subject: Subject, items: &[Item], now: Timestamp) -> Option<Timestamp> {
        let at = |time: Timestamp| self.terms(subject, items, time, false);
        let published = |terms: Terms| -> Published {
            let exact = exact_risk(subject, terms);
            (exact.published(), Band::of_risk(exact, terms.good > 0))
        };
        let start = at(now);
        let current = published(start);
        let end = now.plus_secs(HORIZON_SECS);
        // Intervals still to be searched, the earliest on top.
        let mut pending: Vec<(Timestamp, Terms, Timestamp, Terms)> =
            vec![(now, start, end, at(end))];
        while let Some((from, first, to, last)) = pending.pop() {
            let highest = Terms { good: last.good, ..first };
            let lowest = Terms { good: first.good, ..last };
            if published(first) == current
                && published(last) == current
                && published(highest) == current
                && published(lowest) == current
            {
                continue;
            }
            if published(first) != current {
                return Some(from);
            }
            if to.secs_since(from) <= 60 {
                if published(last) != current {
                    return Some(to);
                }
                continue;
            }
            let middle = Timestamp(from.0.midpoint(to.0)).floor_minute();
            let middle = if middle <= from { from.plus_secs(60) } else { middle };
            let between = at(middle);
            pending.push((middle, between, to, last));
            pending.push((from, first, middle, between));
        }
        None
    }
}
