//! A calibration epoch: all that scoring reads besides the evidence itself.

use crate::fixed::{ONE, Probability, percent};
use crate::patterns::{PatternLimits, Patterns, PatternsError};
use crate::sum::GroupVoice;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use wardnet_model::{
    BatchId, Calibration, CalibrationChange, Category, DAY_SECS, Kind, PatternSet, Reliability,
    Source, SourceId, SourceKind,
};

/// The state that all calibration records up to a numbered one add up to.
#[derive(Debug, Clone, Default)]
pub struct Epoch {
    number: u32,
    sources: BTreeMap<SourceId, Source>,
    by_name: FxHashMap<Box<str>, SourceId>,
    /// Group numbers in the order in which groups were first named; stable within an epoch.
    groups: FxHashMap<Box<str>, u32>,
    facts: FxHashMap<SourceId, SourceFacts>,
    half_lives: BTreeMap<Category, u64>,
    hosting: FxHashSet<Box<str>>,
    /// The names that those lie beneath.
    above_hosting: FxHashSet<Box<str>>,
    never_listed: Vec<Box<str>>,
    suffix_list: Option<[u8; 32]>,
    learned: BTreeMap<(SourceId, Kind), (u32, u32)>,
    pattern_sets: PatternSets,
    /// The sets, compiled when they are first asked; shared by all copies of the epoch.
    patterns: Arc<OnceLock<Patterns>>,
}

type PatternSets = BTreeMap<(SourceId, BatchId), Arc<PatternSet>>;

/// What the inner loop needs of a source, looked up once per piece of evidence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceFacts {
    pub(crate) group: u32,
    pub(crate) shadow: bool,
    pub(crate) voice: GroupVoice,
    half_life_secs: Option<u64>,
    /// The probability believed of every kind, unless the source has grades of single kinds.
    believed: Probability,
    by_kind: bool,
}

/// The names that a name lies in, the nearest first.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.'), |(_, above)| above.split_once('.'))
        .map(|(_, above)| above)
}

impl Epoch {
    /// The number of the last record applied; zero before any.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Takes in the next calibration record.
    pub fn apply(&mut self, calibration: &Calibration) {
        self.number = calibration.epoch;
        for change in &calibration.changes {
            match change {
                CalibrationChange::Source(source) => self.describe(source.clone()),
                CalibrationChange::HalfLife(category, secs) => {
                    self.half_lives.insert(*category, *secs);
                }
                CalibrationChange::Hosting(domains) => {
                    self.hosting = domains.iter().cloned().collect();
                    self.above_hosting =
                        domains.iter().flat_map(|name| parents(name)).map(Into::into).collect();
                }
                CalibrationChange::NeverListed(texts) => self.never_listed.clone_from(texts),
                CalibrationChange::SuffixList(digest) => self.suffix_list = Some(*digest),
                CalibrationChange::Learned { source, kind, right, wrong } => {
                    self.learned.insert((*source, *kind), (*right, *wrong));
                    if let Some(facts) = self.facts.get_mut(source) {
                        facts.by_kind = true;
                    }
                }
                CalibrationChange::Patterns(set) => {
                    take_patterns(&mut self.pattern_sets, set);
                    self.patterns = Arc::default();
                }
                _ => {}
            }
        }
    }

    fn describe(&mut self, source: Source) {
        let next = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
        let group = *self.groups.entry(source.group.clone()).or_insert(next);
        let learned = Kind::all().any(|kind| self.learned.contains_key(&(source.id, kind)));
        let facts = SourceFacts {
            group,
            shadow: source.shadow,
            voice: voice(source.kind),
            half_life_secs: source.half_life_secs,
            believed: prior_belief(source.reliability),
            by_kind: learned || !source.per_kind.is_empty(),
        };
        self.facts.insert(source.id, facts);
        self.by_name.insert(source.name.clone(), source.id);
        self.sources.insert(source.id, source);
    }

    /// A source by its number.
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(&id)
    }

    /// A source by its name.
    pub fn source_named(&self, name: &str) -> Option<&Source> {
        self.sources.get(self.by_name.get(name)?)
    }

    /// Every source, in order of its number.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// The number that the next new source gets.
    pub fn next_source_id(&self) -> SourceId {
        SourceId(self.sources.keys().next_back().map_or(1, |last| last.0.saturating_add(1)))
    }

    /// Whether a domain lends space to strangers.
    pub fn is_hosting(&self, domain: &str) -> bool {
        self.hosting.contains(domain)
    }

    /// The domains that lend space to strangers.
    pub fn hosting(&self) -> impl Iterator<Item = &str> {
        self.hosting.iter().map(|name| &**name)
    }

    /// Whether something lends space to strangers beneath a domain.
    pub fn is_above_hosting(&self, domain: &str) -> bool {
        self.above_hosting.contains(domain)
    }

    /// What is never listed besides the reserved ranges.
    pub fn never_listed(&self) -> &[Box<str>] {
        &self.never_listed
    }

    /// SHA-256 of the Public Suffix List in use, once one is recorded.
    pub const fn suffix_list(&self) -> Option<[u8; 32]> {
        self.suffix_list
    }

    /// How often decisions confirmed and refuted what a source said of a kind.
    pub fn learned(&self, source: SourceId, kind: Kind) -> Option<(u32, u32)> {
        self.learned.get(&(source, kind)).copied()
    }

    /// Every set of patterns, in order of source and batch.
    pub fn pattern_sets(&self) -> impl Iterator<Item = &PatternSet> {
        self.pattern_sets.values().map(Arc::as_ref)
    }

    /// The patterns of one batch of a source.
    pub fn pattern_set(&self, source: SourceId, batch: BatchId) -> Option<&PatternSet> {
        self.pattern_sets.get(&(source, batch)).map(Arc::as_ref)
    }

    /// The patterns in force, compiled; `None` when there are none.
    pub fn patterns(&self) -> Option<&Patterns> {
        if self.pattern_sets.is_empty() {
            return None;
        }
        Some(self.patterns.get_or_init(|| compile_usable(&self.pattern_sets)))
    }

    /// Whether sets of patterns, in place of those of the same batches, can be used.
    pub fn check_patterns(&self, changed: &[PatternSet]) -> Result<(), PatternsError> {
        let mut sets = self.pattern_sets.clone();
        for set in changed {
            take_patterns(&mut sets, set);
        }
        Patterns::compile(sets.values(), &PatternLimits::default()).map(drop)
    }

    pub(crate) fn facts(&self, source: SourceId) -> Option<&SourceFacts> {
        self.facts.get(&source)
    }

    /// How far a source is believed about a kind: its grade, moved by what decisions taught.
    pub fn believed(&self, source: SourceId, kind: Option<Kind>) -> Probability {
        let Some(facts) = self.facts.get(&source) else {
            return prior_belief(Reliability::F);
        };
        let (true, Some(kind)) = (facts.by_kind, kind) else {
            return facts.believed;
        };
        let grade = self.sources.get(&source).map(|known| known.reliability_for(kind));
        let grade = grade.unwrap_or(Reliability::F);
        match self.learned.get(&(source, kind)) {
            Some((right, wrong)) => taught_belief(grade, *right, *wrong),
            None => prior_belief(grade),
        }
    }

    /// Seconds in which a source's evidence about a kind, for a category, loses half its weight.
    pub fn half_life_secs(&self, source: SourceId, kind: Option<Kind>, category: Category) -> u64 {
        if let Some(secs) = self.facts.get(&source).and_then(|facts| facts.half_life_secs) {
            return secs;
        }
        let by_category = self.half_lives.get(&category).copied();
        let secs = by_category.unwrap_or_else(|| default_half_life_secs(category));
        // Bytes do not change hands: what is known of a file stays known.
        match kind {
            Some(
                Kind::Md5
                | Kind::Sha1
                | Kind::Sha256
                | Kind::CertificateSha1
                | Kind::CertificateSha256,
            ) => secs.max(DAY_SECS.saturating_mul(730)),
            _ => secs,
        }
    }
}

const fn voice(kind: SourceKind) -> GroupVoice {
    match kind {
        _ if kind.is_inferred() => GroupVoice::Inferred,
        SourceKind::Reporter => GroupVoice::Reported,
        _ => GroupVoice::Independent,
    }
}

fn take_patterns(sets: &mut PatternSets, set: &PatternSet) {
    let key = (set.source, set.batch);
    if set.is_empty() {
        sets.remove(&key);
    } else {
        sets.insert(key, Arc::new(set.clone()));
    }
}

/// Compiles what can be used. Sets are checked before they are written down, so all of them can,
/// unless the record comes from a program with other limits: then the last ones are left out.
fn compile_usable(sets: &PatternSets) -> Patterns {
    let limits = PatternLimits::default();
    Patterns::compile(sets.values(), &limits).unwrap_or_else(|_| {
        let mut usable: Vec<&Arc<PatternSet>> = Vec::new();
        for set in sets.values() {
            usable.push(set);
            if Patterns::compile(usable.iter().copied(), &limits).is_err() {
                usable.pop();
            }
        }
        Patterns::compile(usable, &limits).unwrap_or_default()
    })
}

/// The lower bounds of belief that an Admiralty grade stands for, before anything is learned.
const fn prior_belief(grade: Reliability) -> Probability {
    percent(match grade {
        Reliability::A => 97,
        Reliability::B => 88,
        Reliability::C => 72,
        Reliability::D => 50,
        Reliability::E => 30,
        Reliability::F => 45,
    })
}

/// The grade as twenty observations, and the decisions on top: the mean of a Beta distribution less
/// 1.645 standard deviations, so that few decisions move it little and never upward by luck.
fn taught_belief(grade: Reliability, right: u32, wrong: u32) -> Probability {
    const GRADE_WORTH: u64 = 20;
    let prior = prior_belief(grade);
    let (right, wrong) = (u64::from(right), u64::from(wrong));
    let total = GRADE_WORTH.saturating_add(right).saturating_add(wrong);
    let hits = prior.saturating_mul(GRADE_WORTH).saturating_add(right.saturating_mul(ONE));
    let mean = hits.checked_div(total).unwrap_or(prior);
    let margin = |mean: u64, total: u64| {
        let variance = mean
            .saturating_mul(ONE.saturating_sub(mean))
            .checked_div(total.saturating_add(1))
            .unwrap_or(0);
        variance.isqrt().saturating_mul(1645) / 1000
    };
    // The grade's own margin is given back, so that a source with no decisions keeps its grade.
    let granted = margin(prior, GRADE_WORTH);
    mean.saturating_add(granted).saturating_sub(margin(mean, total)).min(percent(99))
}

/// The half-life of a category's evidence unless the operator or the source says otherwise.
pub fn default_half_life_secs(category: Category) -> u64 {
    let days: u64 = match category {
        Category::Scanner | Category::BruteForce => 5,
        Category::Attacker | Category::WebAttack | Category::DenialOfService => 7,
        Category::Phishing | Category::Spam | Category::NewlyRegistered => 14,
        Category::Malware
        | Category::Exploit
        | Category::Suspicious
        | Category::GeneratedDomain
        | Category::Uncategorised
        | Category::Cryptomining
        | Category::Anonymizer => 30,
        Category::CommandAndControl => 45,
        Category::Ransomware
        | Category::Scam
        | Category::Adware
        | Category::UnwantedSoftware
        | Category::TopSite
        | Category::Piracy
        | Category::Gambling => 60,
        Category::Hijacked
        | Category::KnownGood
        | Category::Tracker
        | Category::Advertising
        | Category::Adult
        | Category::ResearchScanner
        | Category::Disposable => 90,
        Category::Stalkerware
        | Category::DynamicDns
        | Category::Sinkhole
        | Category::Cloud
        | Category::Cdn
        | Category::PublicDns
        | Category::Hosting
        | Category::Shortener => 180,
        Category::Vulnerable | Category::Infrastructure | Category::Reserved => 3650,
    };
    days.saturating_mul(DAY_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grade_without_decisions_keeps_its_worth() {
        for grade in [Reliability::A, Reliability::B, Reliability::E] {
            let drift = taught_belief(grade, 0, 0).abs_diff(prior_belief(grade));
            assert!(drift < ONE / 1000, "{grade}");
        }
    }

    #[test]
    fn belief_follows_decisions() {
        let start = prior_belief(Reliability::C);
        assert!(taught_belief(Reliability::C, 200, 0) > start);
        assert!(taught_belief(Reliability::C, 0, 5) < start);
        assert!(taught_belief(Reliability::A, 0, 1000) < percent(10));
    }
}
