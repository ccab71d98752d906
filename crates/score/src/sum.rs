//! The sum itself: evidence to groups, groups to log-odds, log-odds to a verdict.

use crate::Epoch;
use crate::fixed::{ONE, Probability, decay, logit, percent, product, risk_of};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use wardnet_model::{
    Band, Basis, CategorySet, DAY_SECS, Kind, Risk, SourceId, Stance, Timestamp, Tlp, Verdict,
    Voice,
};

/// π₀: how likely a thing is dangerous about which one thing is said. What a group adds is counted
/// from here, so that one group alone leaves exactly its own probability.
pub const PRIOR: Probability = ONE / 100;

/// The probability from which a benign group begins to count: below one half it says nothing.
pub const BENIGN_PRIOR: Probability = ONE / 2;

/// The most that one dependence group may add or take away, in thousandths of a nat.
pub const GROUP_CLIP: i64 = 8_000;

/// Models and correlation alone never pass this risk, nor lift above it what only reporters say: a
/// model is asked about a thing because somebody has reported it, so the two are not independent.
pub const INFERRED_RISK_MAX: u8 = 69;

/// A host that lends space to strangers never passes this risk by evidence: its pages are judged.
pub const HOSTING_RISK_MAX: u8 = 29;

/// The group that all models and correlations share.
pub(crate) const INFERRED_GROUP: u32 = u32::MAX;

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The kind of the indicator.
    pub kind: Option<Kind>,
    /// Whether it is a host that lends space to strangers.
    pub hosting: bool,
}

/// What scoring reads of one piece of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// Who says it.
    pub source: SourceId,
    /// Which side it takes.
    pub stance: Stance,
    /// What for.
    pub category: wardnet_model::Category,
    /// How sure the source is, in percent.
    pub confidence: u8,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen, renewals of its batch included.
    pub last_seen: Timestamp,
    /// When it ends by the source's word.
    pub until: Option<Timestamp>,
    /// When the domain was registered, where the source knows.
    pub registered: Option<Timestamp>,
    /// Who may see it.
    pub tlp: Tlp,
}

impl Item {
    /// Whether the source still stands by it at `now`.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether it may be told to others. Praise is never a reason to hand on that something is
    /// dangerous, nor one to keep it.
    fn is_open(&self) -> Option<bool> {
        (self.stance == Stance::Malicious).then_some(self.tlp <= Tlp::Green)
    }
}

/// The outcome of scoring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// L, in thousandths of a nat.
    pub log_odds: i64,
    /// The risk before it is rounded down to a published step.
    pub exact: Risk,
    /// The verdict, with its published risk.
    pub verdict: Verdict,
    /// Who says so: the sources of the evidence in force, in order.
    pub sources: SmallVec<[Voice; 4]>,
    /// What the published risk would be if shadow sources counted; `None` when there are none.
    pub shadow: Option<Risk>,
}

/// The parts of the sum at one time. Every part but `prior` and `good` can only fall as time goes
/// by; `good` falls towards zero too, which lets risk rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) prior: i64,
    /// What bad groups add, but for the one of models and correlations.
    pub(crate) bad: i64,
    /// What models and correlations add.
    pub(crate) inferred: i64,
    pub(crate) good: i64,
    /// Whether somebody says it who is neither a model nor a reporter.
    pub(crate) independent: bool,
    /// Whether anything counts at all: without evidence there is no risk, not even the prior's.
    pub(crate) counts: bool,
}

impl Terms {
    pub(crate) const fn of_prior(prior: i64) -> Self {
        Self { prior, bad: 0, inferred: 0, good: 0, independent: false, counts: false }
    }

    /// Takes in what one group adds.
    pub(crate) fn add(&mut self, stance: Stance, term: i64, voice: GroupVoice) {
        self.counts = true;
        let part = match (stance, voice) {
            (Stance::Benign, _) => &mut self.good,
            (_, GroupVoice::Inferred) => &mut self.inferred,
            _ => &mut self.bad,
        };
        *part = part.saturating_add(term);
        self.independent |=
            stance != Stance::Benign && term > 0 && voice == GroupVoice::Independent;
    }

    pub(crate) const fn log_odds(self) -> i64 {
        self.without_inferred().saturating_add(self.inferred)
    }

    const fn without_inferred(self) -> i64 {
        self.prior.saturating_add(self.bad).saturating_sub(self.good)
    }
}

/// Who speaks in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupVoice {
    /// Models and correlations.
    Inferred,
    /// Nobody but clients that report.
    Reported,
    /// A feed, a sensor or a person of the operator's, too.
    Independent,
}

/// One group's share: the probability that all its evidence of one side is wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) number: u32,
    pub(crate) stance: Stance,
    pub(crate) doubt: Probability,
    pub(crate) voice: GroupVoice,
}

impl Group {
    /// S: what the group adds to the log-odds, or takes away.
    pub(crate) fn term(&self) -> i64 {
        let probability = ONE.saturating_sub(self.doubt);
        let from = if self.stance == Stance::Benign { BENIGN_PRIOR } else { PRIOR };
        logit(probability).saturating_sub(logit(from)).clamp(0, GROUP_CLIP)
    }
}

/// Scores under one epoch.
#[derive(Debug)]
pub struct Scorer<'e> {
    pub(crate) epoch: &'e Epoch,
    pub(crate) crossings: FxHashMap<(Subject, SmallVec<[Item; 8]>), Option<Timestamp>>,
}

impl<'e> Scorer<'e> {
    /// A scorer under `epoch`.
    pub fn new(epoch: &'e Epoch) -> Self {
        Self { epoch, crossings: FxHashMap::default() }
    }

    /// The verdict on `subject` at `now`. The order of `items` does not matter.
    pub fn score(&self, subject: Subject, items: &[Item], now: Timestamp) -> Score {
        let now = now.floor_minute();
        let terms = self.terms(subject, items, now, false);
        let exact = exact_risk(subject, terms);
        let mut score = Score {
            log_odds: terms.log_odds(),
            exact,
            verdict: Verdict::default(),
            sources: SmallVec::new(),
            shadow: None,
        };
        let mut verdict = Verdict {
            risk: exact.published(),
            band: Band::of_risk(exact, terms.good > 0),
            basis: Basis::Evidence,
            first_seen: Timestamp(u64::MAX),
            ..Verdict::default()
        };
        let mut has_shadow = false;
        let (mut bad_for, mut good_for) = (CategorySet::EMPTY, CategorySet::EMPTY);
        let mut voices: SmallVec<[(SourceId, Option<bool>); 4]> = SmallVec::new();
        for item in items.iter().filter(|item| item.in_force(now)) {
            if self.epoch.facts(item.source).is_some_and(|facts| facts.shadow) {
                has_shadow = true;
                continue;
            }
            match item.stance {
                Stance::Malicious => bad_for = bad_for.with(item.category),
                Stance::Benign => good_for = good_for.with(item.category),
                _ => {}
            }
            if matches!(item.stance, Stance::Malicious | Stance::Benign) {
                voices.push((item.source, item.is_open()));
            }
            verdict.first_seen = verdict.first_seen.min(item.first_seen);
            verdict.last_seen = verdict.last_seen.max(item.last_seen);
        }
        verdict.first_seen = verdict.first_seen.min(verdict.last_seen);
        // What a thing is called bad for is no reason to call it safe.
        let is_good = verdict.band == Band::Safe || bad_for.is_empty();
        verdict.categories = if is_good { good_for } else { bad_for };
        score.sources = joined(voices);
        if has_shadow {
            let with_shadow = exact_risk(subject, self.terms(subject, items, now, true));
            score.shadow = Some(with_shadow.published());
        }
        score.verdict = verdict;
        score
    }

    /// The parts of the sum at `now`.
    pub(crate) fn terms(
        &self,
        subject: Subject,
        items: &[Item],
        now: Timestamp,
        shadow: bool,
    ) -> Terms {
        let mut terms = Terms::of_prior(prior(items, now));
        for group in self.groups(subject, items, now, shadow) {
            terms.add(group.stance, group.term(), group.voice);
        }
        terms
    }

    /// Noisy-or inside each dependence group, bad and good evidence apart.
    pub(crate) fn groups(
        &self,
        subject: Subject,
        items: &[Item],
        now: Timestamp,
        shadow: bool,
    ) -> SmallVec<[Group; 4]> {
        let mut groups: SmallVec<[Group; 4]> = SmallVec::new();
        for item in &ordered(items) {
            let weighs = matches!(item.stance, Stance::Malicious | Stance::Benign);
            let facts = self.epoch.facts(item.source);
            if !weighs || !item.in_force(now) || (!shadow && facts.is_some_and(|f| f.shadow)) {
                continue;
            }
            let voice = facts.map_or(GroupVoice::Independent, |facts| facts.voice);
            let number = match facts {
                _ if voice == GroupVoice::Inferred => INFERRED_GROUP,
                Some(facts) => facts.group,
                None => INFERRED_GROUP.saturating_sub(1),
            };
            let doubt = ONE.saturating_sub(self.weight(subject, item, now));
            match groups.iter_mut().find(|g| g.number == number && g.stance == item.stance) {
                Some(group) => {
                    group.doubt = product(group.doubt, doubt);
                    group.voice = group.voice.max(voice);
                }
                None => groups.push(Group { number, stance: item.stance, doubt, voice }),
            }
        }
        groups
    }

    /// w = r · q · D of one piece of evidence.
    pub(crate) fn weight(&self, subject: Subject, item: &Item, now: Timestamp) -> Probability {
        let believed = self.epoch.believed(item.source, subject.kind);
        let half_life = self.epoch.half_life_secs(item.source, subject.kind, item.category);
        let fresh = decay(now.secs_since(item.last_seen), half_life);
        product(product(believed, percent(item.confidence)), fresh)
    }
}

/// Each source once. What it says may be told where it may be of all that it says against the thing:
/// one row that is for fewer eyes is in the sum of all.
fn joined(mut said: SmallVec<[(SourceId, Option<bool>); 4]>) -> SmallVec<[Voice; 4]> {
    // What must be kept comes first, then what may be told, then praise.
    said.sort_unstable_by_key(|(source, is_open)| (*source, is_open.map_or(2, u8::from)));
    said.dedup_by_key(|(source, _)| *source);
    let voice = |(source, is_open)| Voice { source, shareable: is_open == Some(true) };
    said.into_iter().map(voice).collect()
}

/// Items in the order in which they are summed, without what does not weigh: fixed-point products
/// depend on their order, so it is fixed first.
pub(crate) fn ordered(items: &[Item]) -> SmallVec<[Item; 8]> {
    let weighing =
        |item: &Item| Item { first_seen: Timestamp::default(), tlp: Tlp::Clear, ..*item };
    let mut ordered: SmallVec<[Item; 8]> = items.iter().map(weighing).collect();
    ordered.sort_unstable();
    ordered
}

/// The risk of a sum, with the ceilings that no sum passes.
pub(crate) fn exact_risk(subject: Subject, terms: Terms) -> Risk {
    if !terms.counts {
        return Risk::ZERO;
    }
    let mut risk = risk_of(terms.log_odds()).value();
    if !terms.independent {
        let uninferred = risk_of(terms.without_inferred()).value();
        risk = risk.min(uninferred.max(INFERRED_RISK_MAX));
    }
    if subject.hosting && subject.kind == Some(Kind::Domain) {
        risk = risk.min(HOSTING_RISK_MAX);
    }
    Risk::new(risk)
}

/// logit π: how likely a domain of this age is dangerous before anything is said of it. Most
/// domains used for harm are young; age that nobody knows changes nothing.
pub(crate) fn prior(items: &[Item], now: Timestamp) -> i64 {
    let registered = items.iter().filter_map(|item| item.registered).max();
    let share = match registered.map(|at| now.secs_since(at) / DAY_SECS) {
        Some(0..7) => percent(5),
        Some(7..30) => percent(3),
        Some(30..90) => percent(2),
        Some(1825..) => ONE / 200,
        _ => PRIOR,
    };
    logit(share)
}
