//! What models think of what nobody has listed: within the question, remembered within a bound,
//! and never written down.
//!
//! An opinion stands beside the verdict and never changes it. Whether one may block is for the
//! policy of each listener to say. What is counted for the trial of a model (`trial`) are scores,
//! never what was asked.

mod config;
mod metrics;
mod percent;
mod trial;
mod trials;

use std::cell::RefCell;
use std::hash::RandomState;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use wardnet_analyze::{ModelSet, Scratch, Subject};
use wardnet_model::{Band, Basis, Indicator};
use wardnet_verdictdb::Answer;

pub use config::{CACHE_BYTES_RANGE, ModelsConfig};
pub use percent::Percent;
pub use trial::{Counts, Standing, Trial};
pub use trials::FORMER_TRIALS_MAX;

use trial::Side;
use trials::Trials;

/// Bytes of opinions that are remembered, unless the settings say otherwise.
pub const CACHE_BYTES_MAX: u64 = 16 << 20;

/// Bytes that a typical opinion takes, with its key.
const TYPICAL_BYTES: u64 = 384;

/// One in how many questions about what is rated is judged, so that models can be held against
/// verdicts.
const SAMPLED: u64 = 4;

/// What a model thinks of one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// What the model judges.
    pub subject: Subject,
    /// The first bytes of the model's digest.
    pub model: [u8; 8],
    /// From 0, harmless, to 1.
    pub score: f32,
    /// Whether the model calls it malicious.
    pub is_malicious: bool,
    /// What spoke most for it, the strongest first.
    pub reasons: Vec<String>,
}

impl Opinion {
    /// Whether it blocks what a policy lets be blocked from this score on.
    #[must_use]
    pub fn blocks(&self, from: Option<Percent>) -> bool {
        from.is_some_and(|from| self.score >= from.score())
    }

    /// In a few words: `a model's opinion (97 %): the spelling of the host: ...`.
    #[must_use]
    pub fn words(&self) -> String {
        let reason = self.reasons.first().map_or("", String::as_str);
        format!("a model's opinion ({:.0} %): {reason}", self.score * 100.0)
    }

    fn weight(&self) -> u64 {
        let texts: usize = self.reasons.iter().map(|text| text.capacity() + 24).sum();
        (size_of::<Self>() + texts) as u64
    }
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Box<[u8]>, Arc<Opinion>> for Weight {
    fn weight(&self, key: &Box<[u8]>, opinion: &Arc<Opinion>) -> u64 {
        key.len() as u64 + 16 + opinion.weight()
    }
}

/// The models in force, what they said lately, and how they do.
#[derive(Debug)]
pub struct Opinions {
    models: ArcSwap<ModelSet>,
    said: Cache<Box<[u8]>, Arc<Opinion>, Weight, RandomState>,
    trials: Mutex<Trials>,
    sampled: AtomicU64,
    is_on: AtomicBool,
    counters: metrics::Counters,
}

thread_local! {
    /// Room to take subjects apart in.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Opinions {
    /// The opinions of `models`, of which `cache_bytes_max` bytes are remembered.
    #[must_use]
    pub fn new(models: ModelSet, cache_bytes_max: u64) -> Self {
        let typical = usize::try_from(cache_bytes_max / TYPICAL_BYTES).unwrap_or(usize::MAX);
        // The hash is keyed, since clients choose the subjects.
        let hasher = RandomState::new();
        let said = Cache::with(typical, cache_bytes_max, Weight, hasher, Default::default());
        let trials = Trials::new(&models);
        Self {
            models: ArcSwap::from_pointee(models),
            said,
            trials: Mutex::new(trials),
            sampled: AtomicU64::new(0),
            is_on: AtomicBool::new(true),
            counters: metrics::Counters::default(),
        }
    }

    /// Turns opinions on or off; says whether that is a change.
    pub fn turn(&self, on: bool) -> bool {
        self.is_on.swap(on, Ordering::Relaxed) != on
    }

    /// What the model found of something that is called dangerous; nothing where it does not.
    #[must_use]
    pub fn found(&self, indicator: &Indicator) -> Option<Opinion> {
        let (subject, text) = self.subject_of(indicator)?;
        let opinion = judge(&self.models.load(), subject, text);
        opinion.is_malicious.then_some(opinion)
    }

    /// What a model is asked about an indicator, if any is.
    fn subject_of<'i>(&self, indicator: &'i Indicator) -> Option<(Subject, &'i str)> {
        let asked = match indicator {
            Indicator::Url(url) => (Subject::Url, url.as_str()),
            Indicator::Domain(name) => (Subject::Domain, name.as_str()),
            _ => return None,
        };
        self.are_on().then_some(asked)
    }

    /// The models in force.
    #[must_use]
    pub fn models(&self) -> Arc<ModelSet> {
        self.models.load_full()
    }

    /// Whether models are asked at all.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Puts other models into force. The trial of one that is new begins, that of one that was in
    /// force lately goes on.
    pub fn replace(&self, models: ModelSet) {
        let mut trials = self.trials();
        trials.exchange(&models);
        self.models.store(Arc::new(models));
        drop(trials);
        self.said.clear();
    }

    /// What the model thinks of something that `answer` leaves open or only suspects: whoever says a
    /// little against a name must not take away what its looks say. Nothing of what is called good or
    /// malicious, and of what models do not judge.
    #[must_use]
    pub fn on(&self, indicator: &Indicator, answer: &Answer<'_, '_>) -> Option<Arc<Opinion>> {
        let (subject, text) = self.subject_of(indicator)?;
        let side = side_of(answer)?;
        if side != Side::Unrated && answer.band != Band::Suspicious {
            self.sample(subject, text, side);
            return None;
        }
        Some(self.judge(subject, text, side))
    }

    /// Judges some of what is asked where no opinion is wanted, for the trial alone.
    pub fn glance(&self, indicator: &Indicator, answer: &Answer<'_, '_>) {
        if let (Some((subject, text)), Some(side)) = (self.subject_of(indicator), side_of(answer)) {
            self.sample(subject, text, side);
        }
    }

    /// Judges some of what is rated, for the trial alone.
    fn sample(&self, subject: Subject, text: &str, side: Side) {
        let before = self.sampled.fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(SAMPLED) {
            self.judge(subject, text, side);
        }
    }

    fn judge(&self, subject: Subject, text: &str, side: Side) -> Arc<Opinion> {
        let key = key_of(subject, text);
        if let Some(known) = self.said.get(&key) {
            return known;
        }
        let models = self.models.load();
        let opinion = Arc::new(judge(&models, subject, text));
        self.counters.count(subject, opinion.is_malicious);
        self.note(subject, models.of(subject).digest(), opinion.score, side);
        self.said.insert(key, Arc::clone(&opinion));
        opinion
    }

    /// Counts a score once for as long as the opinion is remembered: what is asked a thousand times
    /// would otherwise stand for all that is asked.
    fn note(&self, subject: Subject, digest: &[u8; 32], score: f32, side: Side) {
        self.trials().note(subject, digest, score, side);
    }

    fn trials(&self) -> std::sync::MutexGuard<'_, Trials> {
        self.trials.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the models do, the one for URLs first.
    #[must_use]
    pub fn standing(&self) -> [Trial; 2] {
        self.trials().in_force().clone()
    }

    /// How the last models did that are no longer in force, the newest first.
    #[must_use]
    pub fn former(&self) -> Vec<Trial> {
        self.trials().former().to_vec()
    }

    /// Goes on with trials of an earlier run.
    pub fn resume(&self, earlier: impl IntoIterator<Item = Trial>) {
        self.trials().resume(earlier);
    }
}

fn judge(models: &ModelSet, subject: Subject, text: &str) -> Opinion {
    let model = models.of(subject);
    let judged = SCRATCH.with_borrow_mut(|scratch| model.judge(text.as_bytes(), scratch));
    Opinion {
        subject,
        model: model.digest().first_chunk().copied().unwrap_or_default(),
        score: judged.score,
        is_malicious: judged.is_malicious,
        reasons: judged.reasons,
    }
}

fn key_of(subject: Subject, text: &str) -> Box<[u8]> {
    let mut key = Vec::with_capacity(text.len() + 1);
    key.push(subject as u8);
    key.extend_from_slice(text.as_bytes());
    key.into()
}

/// On which side an answer puts what was asked; none for what standards set apart.
fn side_of(answer: &Answer<'_, '_>) -> Option<Side> {
    if answer.reserved.is_some() || answer.basis == Basis::Hard {
        return None;
    }
    match answer.band {
        Band::Unrated => Some(Side::Unrated),
        Band::Trusted | Band::Safe => Some(Side::Good),
        Band::Suspicious | Band::Malicious => Some(Side::Bad),
    }
}

#[cfg(test)]
pub(crate) mod tests;
