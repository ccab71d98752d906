//! How a model does on what is asked here: counts of scores by what verdicts say, and how far the
//! scores of late are from those of its first days.
//!
//! Nothing of what was asked is kept: a trial is three rows of counts.

use wardnet_analyze::{Model, Subject};

/// Steps of the scale: log-odds from below -8 to above 8, one each.
pub(super) const STEPS: usize = 18;

/// The step that begins at one half.
const HALF: usize = STEPS / 2;

/// Scores that a distribution is made of before it is compared.
const WINDOW: u64 = 5_000;

/// How far scores may move: the population stability index that is commonly taken for a change.
const DRIFT_MAX: f64 = 0.25;

/// The share of what is known to be good that a model may call malicious, at most, to be promoted.
const FALSE_POSITIVES_MAX: f64 = 0.001;

/// On which side a verdict puts what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// On neither.
    Unrated,
    /// Trusted or safe.
    Good,
    /// Suspicious or malicious.
    Bad,
}

/// How many scores fell on each step of the scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts(pub [u64; STEPS]);

impl Counts {
    fn add(&mut self, score: f32) {
        if let Some(count) = self.0.get_mut(step(score)) {
            *count = count.saturating_add(1);
        }
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |all, count| all.saturating_add(*count))
    }

    /// Those that the model calls malicious.
    #[must_use]
    pub fn malicious(&self) -> u64 {
        self.0.iter().skip(HALF).fold(0, |all, count| all.saturating_add(*count))
    }

    /// The population stability index between two distributions: 0 for equal ones.
    fn distance(&self, other: &Self) -> f64 {
        let share = |counts: &Self, count: u64| {
            // Half a count more on each step, so that an empty one is no infinity.
            (count as f64 + 0.5) / (counts.total() as f64 + STEPS as f64 / 2.0)
        };
        let terms = self.0.iter().zip(&other.0).map(|(own, others)| {
            let (own, others) = (share(self, *own), share(other, *others));
            (own - others) * (own / others).ln()
        });
        terms.sum()
    }
}

fn step(score: f32) -> usize {
    let odds = (score / (1.0 - score)).ln();
    // Never negative, and too large values saturate.
    let step = (odds + HALF as f32).floor().clamp(0.0, (STEPS - 1) as f32);
    if step.is_nan() { 0 } else { step as usize }
}

/// What is known of how a model does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What it judges.
    pub subject: Subject,
    /// The model's digest.
    pub model: [u8; 32],
    /// Scores of what is unrated.
    pub unrated: Counts,
    /// Scores of what is trusted or safe.
    pub good: Counts,
    /// Scores of what is suspicious or malicious.
    pub bad: Counts,
    /// The first scores of what is unrated, with which later ones are compared.
    pub first: Counts,
    /// The scores being counted.
    pub current: Counts,
    /// The last ones that were enough to compare.
    pub last: Option<Counts>,
}

/// Whether a model may be promoted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// Too little that is known to be good has been asked: at most this share of it may be called
    /// malicious, as far as can be told.
    Unknown(f64),
    /// It calls too much malicious that is known to be good: at least this share.
    TooMany(f64),
    /// At most this share of what is known to be good is called malicious.
    Shown(f64),
}

impl Trial {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Self {
            subject: model.subject(),
            model: *model.digest(),
            unrated: Counts::default(),
            good: Counts::default(),
            bad: Counts::default(),
            first: Counts::default(),
            current: Counts::default(),
            last: None,
        }
    }

    /// Whether anything was counted.
    pub(super) fn has_begun(&self) -> bool {
        [&self.unrated, &self.good, &self.bad].into_iter().any(|counts| counts.total() > 0)
    }

    pub(super) fn note(&mut self, score: f32, side: Side) {
        match side {
            Side::Good => self.good.add(score),
            Side::Bad => self.bad.add(score),
            Side::Unrated => {
                self.unrated.add(score);
                if self.first.total() < WINDOW {
                    self.first.add(score);
                    return;
                }
                self.current.add(score);
                if self.current.total() >= WINDOW {
                    self.last = Some(std::mem::take(&mut self.current));
                }
            }
        }
    }

    /// How far the last scores are from the first; `None` before there are enough.
    #[must_use]
    pub fn drift(&self) -> Option<f64> {
        self.last.as_ref().map(|last| self.first.distance(last))
    }

    /// Whether the last scores are so far from the first that the model, or what is asked, is no
    /// longer what it was.
    #[must_use]
    pub fn has_drifted(&self) -> bool {
        self.drift().is_some_and(|drift| drift > DRIFT_MAX)
    }

    /// Whether its false positives are shown to be few. Where so little was asked that not even a
    /// model without any could show it, nothing is known: the first one would damn every model.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let asked = self.good.total();
        let (low, high) = interval(self.good.malicious(), asked);
        let (_, faultless) = interval(0, asked);
        if high <= FALSE_POSITIVES_MAX {
            Standing::Shown(high)
        } else if faultless > FALSE_POSITIVES_MAX {
            Standing::Unknown(high)
        } else if low > FALSE_POSITIVES_MAX {
            Standing::TooMany(low)
        } else {
            Standing::Unknown(high)
        }
    }
}

/// The bounds of a share of which `hits` of `total` were seen, each at 95 percent (Wilson 1927).
fn interval(hits: u64, total: u64) -> (f64, f64) {
    const DEVIATIONS: f64 = 1.645;
    if total == 0 {
        return (0.0, 1.0);
    }
    let (hits, total) = (hits as f64, total as f64);
    let square = DEVIATIONS * DEVIATIONS;
    let share = hits / total;
    let middle = share + square / (2.0 * total);
    let spread = (share * (1.0 - share) / total + square / (4.0 * total * total)).sqrt();
    let scale = 1.0 + square / total;
    let bound = |sign: f64| ((middle + sign * DEVIATIONS * spread) / scale).clamp(0.0, 1.0);
    (bound(-1.0), bound(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(usize, u64)]) -> Counts {
        let mut counts = Counts::default();
        of.iter().for_each(|(step, count)| counts.0[*step] = *count);
        counts
    }

    #[test]
    fn one_half_begins_the_upper_half_of_the_scale() {
        assert_eq!(step(0.5), HALF);
        assert_eq!(step(0.499_99), HALF - 1);
        assert_eq!((step(0.0), step(1.0), step(f32::NAN)), (0, STEPS - 1, 0));
        let mut counts = Counts::default();
        [0.0, 0.2, 0.5, 0.999, 1.0].into_iter().for_each(|score| counts.add(score));
        assert_eq!((counts.total(), counts.malicious()), (5, 3));
    }

    #[test]
    fn bounds_are_wilsons() {
        // The shares from which the one seen is 1.645 deviations away, found by bisection.
        let (low, high) = interval(1, 1000);
        assert!(
            (low - 0.000_223_1).abs() < 1e-7 && (high - 0.004_470_2).abs() < 1e-7,
            "{low} {high}"
        );
        assert_eq!(interval(0, 0), (0.0, 1.0));
    }

    fn trial(good: Counts) -> Trial {
        Trial {
            subject: Subject::Url,
            model: [0; 32],
            unrated: Counts::default(),
            good,
            bad: Counts::default(),
            first: Counts::default(),
            current: Counts::default(),
            last: None,
        }
    }

    #[test]
    fn few_false_positives_must_be_shown() {
        assert!(matches!(trial(Counts::default()).standing(), Standing::Unknown(_)));
        assert!(matches!(trial(counts(&[(0, 2_000)])).standing(), Standing::Unknown(_)));
        assert!(matches!(trial(counts(&[(12, 1)])).standing(), Standing::Unknown(_)), "one of one");
        assert!(matches!(trial(counts(&[(0, 2_703)])).standing(), Standing::Unknown(_)));
        assert!(matches!(trial(counts(&[(0, 2_704)])).standing(), Standing::Shown(_)));
        assert!(matches!(trial(counts(&[(0, 2_724), (12, 1)])).standing(), Standing::Unknown(_)));
        assert!(matches!(trial(counts(&[(0, 3_000)])).standing(), Standing::Shown(_)));
        assert!(matches!(trial(counts(&[(0, 3_000), (12, 30)])).standing(), Standing::TooMany(_)));
    }

    #[test]
    fn drift_is_told_when_scores_move_and_not_before() {
        let mut trial = trial(Counts::default());
        let quiet = |at: u64| if at.is_multiple_of(10) { 0.6 } else { 0.01 };
        (0..2 * WINDOW - 1).for_each(|at| trial.note(quiet(at), Side::Unrated));
        assert_eq!(trial.drift(), None, "too few");
        trial.note(quiet(1), Side::Unrated);
        assert!(trial.drift().unwrap() < 0.01 && !trial.has_drifted());
        (0..WINDOW).for_each(|_| trial.note(0.6, Side::Unrated));
        assert!(trial.has_drifted(), "{:?}", trial.drift());
        (0..WINDOW).for_each(|at| trial.note(quiet(at), Side::Unrated));
        assert!(!trial.has_drifted(), "it passes when scores come back");
    }
}
