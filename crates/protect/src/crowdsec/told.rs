//! What bouncers are told: everything that is blocked, what no longer is, and in which order it
//! became so.
//!
//! Every step has a number. A bouncer that knows everything up to a number is told what came after:
//! each place at most once, by what it is now. Copies share their content, so that a long answer is
//! written from one state while the next ones come about.

use super::place::Place;
use imbl::{OrdMap, OrdSet};
use wardnet_model::{Category, Timestamp};

/// What is said of a place that is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    /// Why.
    pub(super) category: Category,
    /// Whether somebody decided so, and no evidence.
    pub(super) is_decided: bool,
    /// Until when at most, in Unix seconds; 0 where no end is known.
    pub(super) until_secs: u32,
}

/// A place that is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) said: Said,
    /// The step that changed it last.
    pub(super) seq: u32,
    /// The step since which it may be known to bouncers.
    pub(super) since: u32,
}

/// A place that is blocked no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    /// What was said of it last.
    pub(super) said: Said,
    /// The step that took it away.
    pub(super) seq: u32,
    /// The step since which it may be known to bouncers.
    pub(super) since: u32,
    /// When that was, in Unix seconds.
    pub(super) at_secs: u32,
}

/// What one step did to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Said(Place, Row),
    Gone(Place, Gone),
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keep {
    /// Places that are found by the number of their step; who lags more reads all of them.
    pub(super) recent_max: usize,
    /// Places that are blocked no longer and still remembered.
    pub(super) gone_max: usize,
    /// For how long they are: as long as a bouncer may still block them by itself.
    pub(super) gone_secs: u32,
}

/// Everything that is told at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    rows: OrdMap<Place, Row>,
    gone: OrdMap<Place, Gone>,
    recent: OrdSet<(u32, Place)>,
    /// Up to this step, [`Self::recent`] knows nothing.
    recent_from: u32,
    /// Who knows less than this step may block what is forgotten.
    forgotten_to: u32,
    seq: u32,
}

pub(super) fn secs(at: Timestamp) -> u32 {
    u32::try_from(at.0).unwrap_or(u32::MAX)
}

impl Told {
    /// The number of the last step.
    pub(super) const fn seq(&self) -> u32 {
        self.seq
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn gone_len(&self) -> usize {
        self.gone.len()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (Place, &Row)> {
        self.rows.iter().map(|(place, row)| (*place, row))
    }

    /// Rows from a place on.
    pub(super) fn rows_from(&self, place: Place) -> impl Iterator<Item = (Place, &Row)> {
        self.rows.range(place..).map(|(place, row)| (*place, row))
    }

    pub(super) fn gone(&self) -> impl Iterator<Item = (Place, &Gone)> {
        self.gone.iter().map(|(place, gone)| (*place, gone))
    }

    /// Whether somebody who knows everything up to a step can be told exactly what came after.
    pub(super) const fn reaches(&self, from: u32) -> bool {
        from <= self.seq && from >= self.forgotten_to
    }

    /// What came after a step, in order of steps; `None` where all have to be looked at.
    pub(super) fn since(&self, from: u32) -> Option<impl Iterator<Item = Step>> {
        let known = from >= self.recent_from;
        known.then(|| {
            let after = (from.saturating_add(1), Place::FIRST);
            self.recent.range(after..).filter_map(|(_, place)| self.step(*place))
        })
    }

    fn step(&self, place: Place) -> Option<Step> {
        let said = self.rows.get(&place).map(|row| Step::Said(place, *row));
        said.or_else(|| self.gone.get(&place).map(|gone| Step::Gone(place, *gone)))
    }

    /// Takes what is said of some places now; gives back what that did. All of it is one step.
    pub(super) fn apply(
        &mut self,
        words: impl IntoIterator<Item = (Place, Option<Said>)>,
        now: Timestamp,
    ) -> Vec<Step> {
        let seq = self.seq.saturating_add(1);
        let mut steps = Vec::new();
        for (place, word) in words {
            let old = self.rows.get(&place);
            let step = match (old, word) {
                (Some(old), Some(said)) if old.said == said => continue,
                (None, None) => continue,
                (Some(old), Some(said)) => Step::Said(place, Row { said, seq, since: old.since }),
                (None, Some(said)) => {
                    // Somebody may know it from before, and may not have heard that it went.
                    let since = self.gone.get(&place).map_or(seq, |gone| gone.since);
                    Step::Said(place, Row { said, seq, since })
                }
                (Some(Row { said, since, .. }), None) => {
                    let (said, since, at_secs) = (*said, *since, secs(now));
                    Step::Gone(place, Gone { said, seq, since, at_secs })
                }
            };
            self.take(step);
            steps.push(step);
        }
        steps
    }

    /// Takes a step as it was taken before.
    pub(super) fn take(&mut self, step: Step) {
        let (place, seq) = match step {
            Step::Said(place, row) => (place, row.seq),
            Step::Gone(place, gone) => (place, gone.seq),
        };
        let old = self.rows.get(&place).map(|row| row.seq);
        let old = old.or_else(|| self.gone.get(&place).map(|gone| gone.seq));
        if let Some(old) = old {
            self.recent.remove(&(old, place));
        }
        match step {
            Step::Said(_, row) => {
                self.gone.remove(&place);
                self.rows.insert(place, row);
            }
            Step::Gone(_, gone) => {
                self.rows.remove(&place);
                self.gone.insert(place, gone);
            }
        }
        if seq > self.recent_from {
            self.recent.insert((seq, place));
        }
        self.seq = self.seq.max(seq);
    }

    /// Forgets what need not be kept.
    pub(super) fn trim(&mut self, keep: &Keep, now: Timestamp) {
        while self.recent.len() > keep.recent_max {
            // Whole steps only: who knows half of one does not exist.
            let Some((oldest, _)) = self.recent.get_min().copied() else { break };
            let recent = std::mem::take(&mut self.recent);
            self.recent = recent.split(&(oldest, Place::LAST)).1;
            self.recent_from = oldest;
        }
        let oldest = secs(now).saturating_sub(keep.gone_secs);
        let is_full = self.gone.len() > keep.gone_max;
        let is_old = |gone: &Gone| gone.at_secs < oldest;
        if !is_full && !self.gone.values().any(is_old) {
            return;
        }
        let mut kept: Vec<_> =
            self.gone.iter().filter(|(_, gone)| !is_old(gone)).map(|(p, g)| (*p, *g)).collect();
        if kept.len() > keep.gone_max {
            kept.sort_unstable_by_key(|(_, gone)| std::cmp::Reverse(gone.seq));
            // Room for more, so that this is not done at every step.
            for (_, gone) in kept.split_off(keep.gone_max - keep.gone_max / 4) {
                self.forgotten_to = self.forgotten_to.max(gone.seq);
            }
        }
        let kept: OrdMap<_, _> = kept.into_iter().collect();
        for (place, gone) in &self.gone {
            if !kept.contains_key(place) {
                self.recent.remove(&(gone.seq, *place));
            }
        }
        self.gone = kept;
    }

    /// The step up to which is forgotten what may still be blocked.
    pub(super) const fn forgotten_to(&self) -> u32 {
        self.forgotten_to
    }

    /// Sets what a file says of the numbers.
    pub(super) fn at(&mut self, seq: u32, forgotten_to: u32) {
        self.seq = self.seq.max(seq);
        self.forgotten_to = self.forgotten_to.max(forgotten_to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn place(number: u8) -> Place {
        Place::of(std::net::IpAddr::from([192, 0, 2, number]), 32).unwrap()
    }

    fn said(category: Category) -> Said {
        Said { category, is_decided: false, until_secs: 0 }
    }

    /// What a bouncer blocks that does what it is told.
    fn follow(blocked: &mut BTreeSet<Place>, told: &Told, from: u32) {
        let steps: Vec<Step> = match told.since(from) {
            Some(steps) => steps.collect(),
            None => {
                let gone = told.gone().map(|(place, gone)| Step::Gone(place, *gone));
                let rows = told.rows().map(|(place, row)| Step::Said(place, *row));
                gone.chain(rows).collect()
            }
        };
        for step in steps {
            match step {
                Step::Said(place, row) if row.seq > from => drop(blocked.insert(place)),
                Step::Gone(place, gone) if gone.seq > from && gone.since <= from => {
                    blocked.remove(&place);
                }
                Step::Said(..) | Step::Gone(..) => {}
            }
        }
    }

    proptest! {
        #[test]
        fn bouncers_at_any_pace_have_the_right_set(
            steps in proptest::collection::vec(
                proptest::collection::vec((0u8..12, 0u8..3), 0..5), 1..40),
            paces in proptest::collection::vec(1usize..9, 3),
            recent_max in 1usize..30,
        ) {
            let keep = Keep { recent_max, gone_max: 1_000, gone_secs: 1_000 };
            let mut told = Told::default();
            let mut bouncers = vec![(BTreeSet::new(), 0u32); paces.len()];
            for (at, words) in steps.iter().enumerate() {
                let now = Timestamp(1_000 + at as u64);
                let words = words.iter().map(|(number, word)| {
                    let category = [None, Some(Category::Spam), Some(Category::Malware)];
                    (place(*number), category[usize::from(*word)].map(said))
                });
                told.apply(words, now);
                told.trim(&keep, now);
                for ((blocked, from), pace) in bouncers.iter_mut().zip(&paces) {
                    if at % pace == 0 {
                        prop_assert!(told.reaches(*from));
                        follow(blocked, &told, *from);
                        *from = told.seq();
                        let wanted: BTreeSet<_> = told.rows().map(|(place, _)| place).collect();
                        prop_assert_eq!(&*blocked, &wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn what_did_not_change_is_no_step() {
        let mut told = Told::default();
        let now = Timestamp(1_000);
        assert_eq!(told.apply([(place(1), None)], now), []);
        assert_eq!(told.apply([(place(1), Some(said(Category::Spam)))], now).len(), 1);
        assert_eq!(told.apply([(place(1), Some(said(Category::Spam)))], now), []);
        assert_eq!(told.seq(), 1);
        // Who never heard of it is not told that it went.
        told.apply([(place(2), Some(said(Category::Spam)))], now);
        told.apply([(place(2), None)], now);
        let heard: Vec<_> = told.since(1).unwrap().collect();
        assert!(matches!(heard[..], [Step::Gone(_, Gone { since: 2, .. })]), "{heard:?}");
    }

    #[test]
    fn what_went_is_remembered_for_as_long_as_bouncers_may_block_it() {
        let keep = Keep { recent_max: 100, gone_max: 4, gone_secs: 60 };
        let mut told = Told::default();
        for number in 0..10 {
            told.apply([(place(number), Some(said(Category::Spam)))], Timestamp(1_000));
        }
        told.apply([(place(0), None)], Timestamp(1_000));
        told.trim(&keep, Timestamp(1_061));
        assert_eq!((told.gone_len(), told.forgotten_to()), (0, 0), "nobody blocks it any more");
        for number in 1..9 {
            told.apply([(place(number), None)], Timestamp(1_100));
        }
        told.trim(&keep, Timestamp(1_100));
        assert_eq!((told.gone_len(), told.len()), (3, 1));
        assert!(!told.reaches(10) && told.reaches(told.seq()), "{}", told.forgotten_to());
        assert!(!told.reaches(told.seq() + 1), "a number of a time to come");
    }
}
