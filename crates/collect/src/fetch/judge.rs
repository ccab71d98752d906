//! Whether a new copy of a feed may replace the last good one.
//!
//! A full feed that loses its rows takes its evidence with it: a publisher's bad hour would stop
//! the protection. So a copy that looks broken is held back until the publisher repairs it or an
//! operator releases it. A copy that was released is the new normal: what was accepted once is
//! not held back again for the same reason.

use crate::feeds::{FeedError, FeedReport, Warning};
use serde::{Deserialize, Serialize};

/// Feeds with fewer usable rows than this may shrink as they like.
const SHRINK_ROWS_MIN: u64 = 20;

/// A copy of which more than this part of the rows is rejected is not what it should be.
const REJECTED_PERCENT_MAX: u64 = 90;

/// What a copy of a feed holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that should say something.
    pub rows: u64,
    /// Statements that can be used. One row may make several.
    pub accepted: u64,
    /// Rows that cannot be used.
    pub rejected: u64,
    /// Whether the list came without the end that its format promises, or beyond the limits.
    pub cut_short: bool,
}

impl Counts {
    const fn is_mostly_rejected(self) -> bool {
        let all = self.accepted.saturating_add(self.rejected);
        self.rejected.saturating_mul(100) > all.saturating_mul(REJECTED_PERCENT_MAX)
    }
}

impl From<&FeedReport> for Counts {
    fn from(report: &FeedReport) -> Self {
        let cut_short = |warning: &Warning| {
            matches!(
                warning,
                Warning::NoEnd
                    | Warning::CutShort(_)
                    | Warning::DocumentCutShort
                    | Warning::DocumentDamaged(_)
            )
        };
        Self {
            rows: report.rows,
            // A pattern is a statement too, though it names no single indicator.
            accepted: report.accepted.saturating_add(report.patterns.len() as u64),
            rejected: report.rejected_total(),
            cut_short: report.warnings.iter().any(cut_short),
        }
    }
}

/// What becomes of a new copy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It replaces the last good copy.
    Apply(Counts),
    /// It is kept apart; the last good copy stays in force.
    HoldBack(HoldReason),
}

/// Why a copy is held back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldReason {
    /// A web page came in place of the feed.
    #[error("a web page came in place of the feed; look at its address in a browser")]
    WebPage,
    /// It could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// It lost more rows than the feed may lose.
    #[error("it has {now} rows where the last one had {before}")]
    Shrunk {
        /// Rows of the last applied copy.
        before: u64,
        /// Rows of this one.
        now: u64,
    },
    /// It lost more usable statements than the feed may lose.
    #[error("{now} rows of it can be used where the last one had {before}")]
    Emptied {
        /// Usable statements of the last applied copy.
        before: u64,
        /// Usable statements of this one.
        now: u64,
    },
    /// Hardly anything of it can be used.
    #[error("{rejected} of its {rows} rows cannot be used; is `format` right?")]
    MostlyRejected {
        /// Rows.
        rows: u64,
        /// Rows that cannot be used.
        rejected: u64,
    },
    /// Its end is missing.
    #[error("its end is missing: it was cut short")]
    CutShort,
}

impl HoldReason {
    /// Whether the copy can be used, should an operator accept it.
    #[must_use]
    pub const fn can_be_released(&self) -> bool {
        !matches!(self, Self::WebPage | Self::Unreadable(_))
    }
}

/// Judges a copy that was `read`, against the `previous` applied one.
///
/// `shrink_limit` is the share of rows that may vanish, from 0 to 1.
pub fn judge(
    previous: Option<Counts>,
    read: Result<&FeedReport, &FeedError>,
    shrink_limit: f64,
) -> Verdict {
    let new = match read {
        Ok(report) => Counts::from(report),
        Err(FeedError::WebPage) => return Verdict::HoldBack(HoldReason::WebPage),
        Err(error) => return Verdict::HoldBack(HoldReason::Unreadable(error.to_string())),
    };
    match reason_against(previous, new, shrink_limit) {
        Some(reason) => Verdict::HoldBack(reason),
        None => Verdict::Apply(new),
    }
}

fn reason_against(previous: Option<Counts>, new: Counts, shrink_limit: f64) -> Option<HoldReason> {
    if new.is_mostly_rejected() && !previous.is_some_and(Counts::is_mostly_rejected) {
        return Some(HoldReason::MostlyRejected { rows: new.rows, rejected: new.rejected });
    }
    if new.cut_short && !previous.is_some_and(|before| before.cut_short) {
        return Some(HoldReason::CutShort);
    }
    let before = previous?;
    let lost_all = before.accepted > 0 && new.accepted == 0;
    if lost_all || shrank(before.accepted, new.accepted, shrink_limit) {
        return Some(HoldReason::Emptied { before: before.accepted, now: new.accepted });
    }
    shrank(before.rows, new.rows, shrink_limit)
        .then_some(HoldReason::Shrunk { before: before.rows, now: new.rows })
}

/// Whether more than the allowed share is gone.
#[expect(clippy::cast_precision_loss, reason = "counts of rows lie far below 2^52")]
fn shrank(before: u64, now: u64, limit: f64) -> bool {
    let lost = before.saturating_sub(now);
    before >= SHRINK_ROWS_MIN && lost as f64 > before as f64 * limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A list of which every row is used.
    fn clean(rows: u64) -> Counts {
        Counts { rows, accepted: rows, ..Counts::default() }
    }

    fn report(counts: Counts) -> FeedReport {
        let mut report = FeedReport {
            rows: counts.rows,
            accepted: counts.accepted,
            rejected: [("not-an-indicator", counts.rejected)].into(),
            ..FeedReport::default()
        };
        if counts.cut_short {
            report.warnings.push(Warning::NoEnd);
        }
        report
    }

    fn held(previous: Option<Counts>, new: Counts) -> Option<HoldReason> {
        match judge(previous, Ok(&report(new)), 0.5) {
            Verdict::Apply(counts) => {
                assert_eq!(counts, new);
                None
            }
            Verdict::HoldBack(reason) => Some(reason),
        }
    }

    #[test]
    fn half_may_vanish_and_not_one_row_more() {
        assert_eq!(held(Some(clean(100)), clean(50)), None);
        let reason = HoldReason::Emptied { before: 100, now: 49 };
        assert_eq!(held(Some(clean(100)), clean(49)), Some(reason));
        assert_eq!(held(Some(clean(19)), clean(1)), None, "small lists shrink as they like");
        assert!(held(Some(clean(20)), clean(9)).is_some());
        assert_eq!(held(None, clean(1)), None);
    }

    #[test]
    fn rows_and_usable_rows_are_both_looked_at() {
        let wordy = |rows, accepted| Counts { rows, accepted, ..Counts::default() };
        assert_eq!(
            held(Some(wordy(100, 100)), wordy(40, 100)),
            Some(HoldReason::Shrunk { before: 100, now: 40 })
        );
        assert!(held(Some(wordy(100, 100)), wordy(100, 40)).is_some());
    }

    #[test]
    fn an_empty_copy_never_replaces_a_full_one() {
        let reason = HoldReason::Emptied { before: 3, now: 0 };
        assert_eq!(held(Some(clean(3)), clean(0)), Some(reason));
        assert_eq!(held(None, clean(0)), None, "some feeds begin empty");
        assert_eq!(held(Some(clean(0)), clean(0)), None);
    }

    #[test]
    fn garbage_is_held_back_until_it_is_released() {
        let garbage = Counts { rows: 100, accepted: 9, rejected: 91, cut_short: false };
        let reason = HoldReason::MostlyRejected { rows: 100, rejected: 91 };
        assert_eq!(held(None, garbage), Some(reason));
        assert_eq!(held(Some(garbage), garbage), None, "released once, it is the new normal");
        let nearly = Counts { rows: 100, accepted: 10, rejected: 90, cut_short: false };
        assert_eq!(held(None, nearly), None);
    }

    #[test]
    fn a_list_without_its_end_is_held_back_until_it_is_released() {
        let torn = Counts { cut_short: true, ..clean(90) };
        assert_eq!(held(Some(clean(100)), torn), Some(HoldReason::CutShort));
        assert_eq!(held(None, torn), Some(HoldReason::CutShort));
        assert_eq!(held(Some(torn), torn), None);
    }

    #[test]
    fn what_cannot_be_read_is_held_back() {
        let verdict = judge(None, Err(&FeedError::WebPage), 0.5);
        assert_eq!(verdict, Verdict::HoldBack(HoldReason::WebPage));
        let verdict = judge(Some(clean(9)), Err(&FeedError::DocumentTooLarge(5)), 0.5);
        let Verdict::HoldBack(reason) = verdict else { panic!("{verdict:?}") };
        assert!(matches!(reason, HoldReason::Unreadable(_)) && !reason.can_be_released());
        assert!(HoldReason::CutShort.can_be_released());
    }

    proptest! {
        /// A copy that keeps every row of a clean list is applied, whatever the limit.
        #[test]
        fn growing_is_never_held_back(before in 0u64..1 << 40, more in 0u64..1 << 40, limit in 0.0..=1.0) {
            prop_assert_eq!(reason_against(Some(clean(before)), clean(before + more), limit), None);
        }

        /// A worse copy is never applied where a better one is held back.
        #[test]
        fn fewer_rows_are_never_better(
            before in 0u64..100_000, one in 0u64..100_000, other in 0u64..100_000, limit in 0.0..=1.0,
        ) {
            let (fewer, more) = (one.min(other), one.max(other));
            if reason_against(Some(clean(before)), clean(fewer), limit).is_none() {
                prop_assert_eq!(reason_against(Some(clean(before)), clean(more), limit), None);
            }
        }

        /// An applied copy is its own new normal.
        #[test]
        fn the_same_copy_again_is_applied(rows: u32, accepted: u32, rejected: u32, cut_short: bool) {
            let counts = Counts {
                rows: rows.into(), accepted: accepted.into(), rejected: rejected.into(), cut_short,
            };
            prop_assert_eq!(reason_against(Some(counts), counts, 0.0), None);
        }
    }
}
