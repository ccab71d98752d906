//! The same sum with every term shown, so that anybody can add it up again.

use crate::fixed::{ONE, Probability, decay, percent, product};
use crate::sum::{
    BENIGN_PRIOR, GROUP_CLIP, GroupVoice, INFERRED_GROUP, PRIOR, Terms, exact_risk, prior,
};
use crate::{HOSTING_RISK_MAX, Item, Scorer, Subject};
use wardnet_model::{Kind, Risk, SourceId, Stance, Timestamp};

/// One piece of evidence, and what became of it in the sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Who said it.
    pub source: SourceId,
    /// The evidence, as scoring read it.
    pub item: Item,
    /// The dependence group it counted in; `None` when it did not count.
    pub group: Option<u32>,
    /// r: how far the source is believed about this kind.
    pub believed: Probability,
    /// q: how sure the source is.
    pub sure: Probability,
    /// D: the share of its weight that is left.
    pub fresh: Probability,
    /// The half-life that D was computed with, in seconds.
    pub half_life_secs: u64,
    /// w = r · q · D.
    pub weight: Probability,
    /// Why it did not count, when it did not.
    pub left_out: Option<&'static str>,
}

/// One dependence group's term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTerm {
    /// The group's number within the epoch.
    pub group: u32,
    /// Which side it takes.
    pub stance: Stance,
    /// P: that at least one of the group's statements is right.
    pub probability: Probability,
    /// S: what it adds to the log-odds (takes away, when benign), in thousandths of a nat.
    pub term: i64,
    /// Who speaks in it.
    pub voice: GroupVoice,
}

/// A verdict with all its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The time it was computed for: a whole minute.
    pub as_of: Timestamp,
    /// The calibration epoch.
    pub epoch: u32,
    /// What was judged.
    pub subject: Subject,
    /// logit π, in thousandths of a nat.
    pub prior: i64,
    /// Every piece of evidence.
    pub contributions: Vec<Contribution>,
    /// Every group that counted.
    pub groups: Vec<GroupTerm>,
    /// L = prior + bad groups − good groups.
    pub log_odds: i64,
    /// The risk that L stands for, under the ceilings.
    pub exact: Risk,
    /// The largest published step not above it.
    pub published: Risk,
    /// Which ceiling held the risk down.
    pub ceiling: Option<&'static str>,
}

impl Explanation {
    /// Adds up what is shown: group probabilities from the shown weights, terms from those, risk
    /// from the terms. Equal to `exact` or the explanation is wrong.
    pub fn recompute(&self) -> Risk {
        let mut terms = Terms::of_prior(self.prior);
        for group in &self.groups {
            let doubt = self
                .contributions
                .iter()
                .filter(|c| c.group == Some(group.group) && c.item.stance == group.stance)
                .fold(ONE, |doubt, c| product(doubt, ONE.saturating_sub(c.weight)));
            let from = if group.stance == Stance::Benign { BENIGN_PRIOR } else { PRIOR };
            let term = crate::logit(ONE.saturating_sub(doubt))
                .saturating_sub(crate::logit(from))
                .clamp(0, GROUP_CLIP);
            terms.add(group.stance, term, group.voice);
        }
        exact_risk(self.subject, terms)
    }
}

impl Scorer<'_> {
    /// The verdict at `now` with every term shown.
    pub fn explain(&self, subject: Subject, items: &[Item], now: Timestamp) -> Explanation {
        let now = now.floor_minute();
        let mut sorted = items.to_vec();
        sorted.sort_unstable();
        let contributions = sorted.iter().map(|item| self.contribution(subject, item, now));
        let groups = self.groups(subject, items, now, false).into_iter().map(|group| GroupTerm {
            group: group.number,
            stance: group.stance,
            probability: ONE.saturating_sub(group.doubt),
            term: group.term(),
            voice: group.voice,
        });
        let terms = self.terms(subject, items, now, false);
        let exact = exact_risk(subject, terms);
        Explanation {
            as_of: now,
            epoch: self.epoch.number(),
            subject,
            prior: prior(items, now),
            contributions: contributions.collect(),
            groups: groups.collect(),
            log_odds: terms.log_odds(),
            exact,
            published: exact.published(),
            ceiling: ceiling(subject, terms),
        }
    }

    fn contribution(&self, subject: Subject, item: &Item, now: Timestamp) -> Contribution {
        let facts = self.epoch.facts(item.source);
        let left_out = match item.stance {
            Stance::Context => Some("it is context, not a judgement"),
            Stance::Disputed => Some("it waits for an analyst"),
            _ if !item.in_force(now) => Some("its source says it has ended"),
            _ if facts.is_some_and(|facts| facts.shadow) => Some("its source is on trial (shadow)"),
            _ => None,
        };
        let number = match facts {
            Some(facts) if facts.voice == GroupVoice::Inferred => INFERRED_GROUP,
            Some(facts) => facts.group,
            None => INFERRED_GROUP.saturating_sub(1),
        };
        let half_life_secs = self.epoch.half_life_secs(item.source, subject.kind, item.category);
        Contribution {
            source: item.source,
            item: *item,
            group: left_out.is_none().then_some(number),
            believed: self.epoch.believed(item.source, subject.kind),
            sure: percent(item.confidence),
            fresh: decay(now.secs_since(item.last_seen), half_life_secs),
            half_life_secs,
            weight: self.weight(subject, item, now),
            left_out,
        }
    }
}

fn ceiling(subject: Subject, terms: Terms) -> Option<&'static str> {
    let unbounded = crate::risk_of(terms.log_odds()).value();
    if !terms.counts {
        return None;
    }
    if subject.hosting && subject.kind == Some(Kind::Domain) && unbounded > HOSTING_RISK_MAX {
        return Some("it lends space to strangers: its pages are judged, not the host");
    }
    match exact_risk(subject, terms).value() < unbounded {
        true if terms.bad > 0 => Some(
            "models and correlation lift what only reporters say no further than suspicious, until \
             another source or a decision confirms it",
        ),
        true => Some("models and correlation alone stay below malicious"),
        false => None,
    }
}
