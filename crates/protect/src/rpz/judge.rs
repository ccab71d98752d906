//! From verdicts to the records of a zone.
//!
//! A resolver looks a name up in a policy zone as in any other: a wildcard speaks for what lies
//! beneath it, unless something between the two is in the zone (RFC 4592 section 2.2.1). Therefore
//!
//! - what says the same as the wildcard above it is left out;
//! - what says something else also says what holds beneath itself, although a wildcard above says
//!   so too;
//! - and so do the names between the two, of which nothing is known: they are [`Bridges`].
//!
//! For networks the longest prefix counts, wherever it stands, and nothing of this is needed.

use super::config::{Trigger, ZoneConfig};
use super::record::{Owner, Records, Verdict};
use super::target::{Target, above, is_public_suffix};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use wardnet_model::{Band, Basis, DomainName, Kind, Scope, Timestamp, domain_key};
use wardnet_score::Policy;
use wardnet_verdictdb::{Entries, Hit, Hits, Layer, Listed, LookupError, Profile, View};

/// Decisions that run out stand until that is published: a serial must mean one content.
pub(super) const ALWAYS: Timestamp = Timestamp(0);

/// Names without an entry that differs, for which a zone has records nevertheless.
pub(super) type Bridges = BTreeSet<DomainName>;

fn blocks(policy: Policy, profile: &Profile) -> bool {
    policy.blocks(profile.risk, profile.band, profile.categories)
}

/// Says what a zone holds of a state.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'v> {
    pub(super) view: &'v View,
    pub(super) policy: Policy,
    pub(super) triggers: Triggers,
}

/// What resolvers are to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Triggers {
    qname: bool,
    ip: bool,
    nsdname: bool,
    nsip: bool,
}

impl From<&ZoneConfig> for Triggers {
    fn from(config: &ZoneConfig) -> Self {
        let has = |trigger| config.triggers.contains(&trigger);
        Self {
            qname: has(Trigger::Qname),
            ip: has(Trigger::Ip),
            nsdname: has(Trigger::Nsdname),
            nsip: has(Trigger::Nsip),
        }
    }
}

/// How a decision compares with others: the greatest counts.
type Rank = (bool, Reverse<(u16, Scope)>, bool, Option<Timestamp>);

/// What is said of something by all that covers it.
#[derive(Debug, Clone, Copy, Default)]
struct Said<'v> {
    decision: Option<(Rank, Hit<'v>)>,
    /// Whether there is evidence that the policy blocks.
    is_bad: bool,
}

/// What a zone says of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdicts {
    /// Of it itself.
    own: Option<Verdict>,
    /// Of what lies beneath it and has no entry.
    beneath: Option<Verdict>,
    /// Of both, if there were no entry.
    inherited: Option<Verdict>,
    /// Whether a zone would have records for it, were it alone.
    is_listed: bool,
}

impl Verdicts {
    /// Whether a zone has no records for it.
    pub(super) const fn is_silent(&self) -> bool {
        !self.is_listed
    }

    /// Whether it stands out against a wildcard above.
    const fn needs_bridges(&self) -> bool {
        self.is_listed && self.inherited.is_some()
    }
}

impl<'v> Judge<'v> {
    /// Every entry that a zone may have a record for, in a stable order.
    pub(super) fn entries(self) -> Entries<'v> {
        let Triggers { qname, ip, nsdname, nsip } = self.triggers;
        self.view.entries_where(None, ALWAYS, move |_, kind| match kind {
            Kind::Domain => qname || nsdname,
            Kind::Ipv4 | Kind::Ipv6 => ip || nsip,
            _ => false,
        })
    }

    /// What is to be said of the target of an entry; `None` where another entry of the same target
    /// comes before it.
    pub(super) fn of_entry(
        self,
        listed: &Listed<'_>,
        target: &Target,
    ) -> Result<Option<Verdicts>, LookupError> {
        let hits = self.hits(target)?;
        let first = hits.iter().map(|(layer, hit)| (layer, hit.scope)).min();
        if first != Some((listed.entry.layer(), listed.entry.scope)) {
            return Ok(None);
        }
        self.verdicts_by(target, &hits).map(Some)
    }

    /// What is to be said of a target.
    pub(super) fn verdicts(self, target: &Target) -> Result<Verdicts, LookupError> {
        self.verdicts_by(target, &self.hits(target)?)
    }

    fn hits(self, target: &Target) -> Result<Hits<'v>, LookupError> {
        match target {
            Target::Name(name) => {
                self.view.find(None, Kind::Domain, &domain_key(name.as_str()), ALWAYS)
            }
            Target::Prefix(prefix) => self.view.find(None, prefix.kind(), &prefix.key(), ALWAYS),
        }
    }

    fn verdicts_by(self, target: &Target, hits: &Hits<'v>) -> Result<Verdicts, LookupError> {
        let above = self.above(target)?;
        let Target::Name(name) = target else {
            let own = self.of_prefix(above, hits);
            return Ok(Verdicts { own, beneath: None, inherited: None, is_listed: own.is_some() });
        };
        let inherited = self.settle(above);
        let own = self.settle(self.more(above, hits, Scope::covers_self));
        let mut beneath = self.settle(self.more(above, hits, Scope::covers_beneath));
        if is_public_suffix(name) {
            beneath = None;
        }
        let differs = |verdict: Option<Verdict>| verdict.is_some() && verdict != inherited;
        let is_listed = differs(own) || differs(beneath);
        Ok(Verdicts { own, beneath, inherited, is_listed })
    }

    /// What an address or network says for itself; the network around it has its own record.
    fn of_prefix(self, above: Said<'v>, hits: &Hits<'v>) -> Option<Verdict> {
        let own = self.more(Said::default(), hits, |_| true);
        let outranks = |(mine, _): &(Rank, Hit<'v>)| {
            above.decision.as_ref().is_none_or(|(other, _)| mine > other)
        };
        if own.decision.as_ref().is_some_and(outranks) {
            return self.settle(own);
        }
        let is_let_pass = above.decision.is_some_and(|(_, hit)| !blocks(self.policy, hit.profile));
        (own.is_bad && !is_let_pass).then_some(Verdict::Block)
    }

    /// What is said with an entry's own words added.
    fn more(self, mut said: Said<'v>, hits: &Hits<'v>, covers: impl Fn(Scope) -> bool) -> Said<'v> {
        hits.iter().filter(|(_, hit)| covers(hit.scope)).for_each(|(layer, hit)| {
            self.add(&mut said, 0, layer, hit);
        });
        said
    }

    fn add(self, said: &mut Said<'v>, step: u16, layer: Layer, hit: &Hit<'v>) {
        if layer == Layer::Evidence {
            said.is_bad |= blocks(self.policy, hit.profile);
            return;
        }
        let rank = self.rank(step, hit);
        if said.decision.as_ref().is_none_or(|(other, _)| rank > *other) {
            said.decision = Some((rank, *hit));
        }
    }

    fn settle(self, said: Said<'v>) -> Option<Verdict> {
        let block = |is_blocked: bool| is_blocked.then_some(Verdict::Block);
        match said.decision {
            Some((_, decision)) if decision.profile.band == Band::Trusted => Some(Verdict::Pass),
            Some((_, decision)) => block(blocks(self.policy, decision.profile)),
            None => block(said.is_bad),
        }
    }

    /// What is said of a target by what it lies in.
    fn above(self, target: &Target) -> Result<Said<'v>, LookupError> {
        let mut said = Said::default();
        match target {
            Target::Name(name) => {
                for (parent, step) in above(name).zip(1..) {
                    let key = domain_key(parent.as_str());
                    let hits = self.view.find(None, Kind::Domain, &key, ALWAYS)?;
                    for (layer, hit) in hits.iter().filter(|(_, hit)| hit.scope.covers_beneath()) {
                        self.add(&mut said, step, layer, hit);
                    }
                }
            }
            Target::Prefix(prefix) => {
                self.view.networks(None, prefix.address(), ALWAYS, |found, hits| {
                    if found.length() < prefix.length() {
                        let step = u16::from(prefix.length() - found.length());
                        let decisions = hits.iter().filter(|(layer, _)| *layer == Layer::Decision);
                        decisions.for_each(|(layer, hit)| self.add(&mut said, step, layer, hit));
                    }
                })?;
            }
        }
        Ok(said)
    }

    /// As [`View::ask`] chooses among decisions.
    fn rank(self, step: u16, hit: &Hit<'_>) -> Rank {
        let profile = hit.profile;
        let at = self.view.terms(hit).map(|terms| terms.decided_at);
        let is_block = profile.band == Band::Malicious;
        (profile.basis == Basis::Hard, Reverse((step, hit.scope)), is_block, at)
    }

    /// The names that need records so that those beneath them do not cut them off from a wildcard.
    /// Only decisions say something else than what lies above them, so only they are looked at.
    pub(super) fn bridges(self) -> Result<Bridges, LookupError> {
        let mut bridges = Bridges::new();
        let is_decision = |layer, kind| layer == Layer::Decision && kind == Kind::Domain;
        for listed in self.view.entries_where(None, ALWAYS, is_decision) {
            let Some(target) = Target::of_entry(&listed?) else { continue };
            if !self.verdicts(&target)?.needs_bridges() {
                continue;
            }
            let Target::Name(name) = &target else { continue };
            for parent in above(name) {
                let parent = Target::Name(parent.into());
                let verdicts = self.verdicts(&parent)?;
                if verdicts.inherited.is_none() {
                    break;
                }
                if !verdicts.is_listed
                    && let Target::Name(parent) = parent
                {
                    bridges.insert(parent);
                }
            }
        }
        Ok(bridges)
    }

    /// Whether a name stands out against a wildcard above, so that there may be bridges for it.
    pub(super) fn is_bridged(self, target: &Target) -> Result<bool, LookupError> {
        Ok(matches!(target, Target::Name(_)) && self.verdicts(target)?.needs_bridges())
    }

    /// Adds the records of a target, each by `push`; gives back how many have no place. A bridge
    /// has records although it says what a wildcard above it says too.
    pub(super) fn records(
        self,
        target: &Target,
        verdicts: &Verdicts,
        is_bridge: bool,
        records: &Records,
        mut push: impl FnMut(&[u8]),
    ) -> u64 {
        if !verdicts.is_listed && !is_bridge {
            return 0;
        }
        let Verdicts { own, beneath, .. } = *verdicts;
        let Triggers { qname, ip, nsdname, nsip } = self.triggers;
        let wanted = match target {
            Target::Name(name) => {
                let name = name.as_str();
                [
                    (qname, own, Owner::Name(name)),
                    (qname, beneath, Owner::Below(name)),
                    (nsdname, own, Owner::Server(name)),
                    (nsdname, beneath, Owner::ServersBelow(name)),
                ]
            }
            Target::Prefix(prefix) => [
                (ip, own, Owner::Address(*prefix)),
                (nsip, own, Owner::ServerAddress(*prefix)),
                (false, None, Owner::Address(*prefix)),
                (false, None, Owner::Address(*prefix)),
            ],
        };
        let (mut bytes, mut skipped) = (Vec::with_capacity(96), 0);
        for (is_wanted, verdict, owner) in wanted {
            let Some(verdict) = verdict.filter(|_| is_wanted) else { continue };
            bytes.clear();
            if records.policy(owner, verdict, &mut bytes) {
                push(&bytes);
            } else {
                skipped += 1;
            }
        }
        skipped
    }
}
