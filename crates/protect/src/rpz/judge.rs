//! From verdicts to the records of a zone.
//!
//! Of every name and address with an entry of its own it is said what is answered for itself and for
//! what lies beneath. What lies above counts only where it takes the word from the entry: an allowed
//! parent, say, for whom the wildcard above speaks.

use super::config::{Trigger, ZoneConfig};
use super::record::{Owner, Records, Verdict};
use std::cmp::Reverse;
use std::net::IpAddr;
use wardnet_model::reserved::{is_reserved, is_special_name};
use wardnet_model::{
    Band, Basis, DomainName, Kind, Scope, SuffixList, Timestamp, domain_key, host_expressions,
};
use wardnet_score::Policy;
use wardnet_verdictdb::{
    Entries, Hit, Hits, Layer, Listed, LookupError, Prefix, Profile, PublishedChange, View,
};

/// Decisions that run out stand until that is published: a serial must mean one content.
const ALWAYS: Timestamp = Timestamp(0);

/// Something that a zone may have records for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A domain name.
    Name(DomainName),
    /// An address or network.
    Prefix(Prefix),
}

impl Target {
    /// What an entry is about; `None` where no zone has a record for it.
    fn of(kind: Kind, key: &wardnet_model::Key, name: Option<&str>) -> Option<Self> {
        if kind == Kind::Domain {
            let name = DomainName::parse(name?).ok()?;
            return (!is_special_name(name.as_str())).then_some(Self::Name(name));
        }
        let prefix = Prefix::from_key(kind, key)?;
        (!is_reserved(prefix.address())).then_some(Self::Prefix(prefix))
    }

    pub(super) fn of_change(change: &PublishedChange) -> Option<Self> {
        Self::of(change.kind, &change.key, change.name())
    }

    pub(super) fn of_entry(listed: &Listed<'_>) -> Option<Self> {
        let entry = &listed.entry;
        Self::of(entry.kind, &entry.key, entry.name)
    }

    /// For a stable order, without its doubles.
    pub(super) fn order(&self) -> (Option<&str>, Option<(IpAddr, u8)>) {
        match self {
            Self::Name(name) => (Some(name.as_str()), None),
            Self::Prefix(prefix) => (None, Some((prefix.address(), prefix.length()))),
        }
    }

    /// Whether the other lies beneath this.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(above), Self::Name(name)) => {
                let rest = name.as_str().strip_suffix(above.as_str());
                rest.is_some_and(|rest| rest.ends_with('.'))
            }
            (Self::Prefix(above), Self::Prefix(prefix)) => {
                above.length() < prefix.length()
                    && prefix.shorten(above.length()).is_some_and(|cut| cut == *above)
            }
            _ => false,
        }
    }
}

/// Whether a change may take the word from, or give it back to, entries beneath it.
pub(super) fn reaches_beneath(change: &PublishedChange, policy: Policy) -> bool {
    let is_wide = change.kind != Kind::Domain || change.scope.covers_beneath();
    let lets_pass = |profile: &Profile| !blocks(policy, profile);
    let data = [&change.old, &change.new].into_iter().flatten();
    change.layer == Layer::Decision && is_wide && data.into_iter().any(|d| lets_pass(&d.profile))
}

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

impl<'v> Judge<'v> {
    /// Every entry, in a stable order.
    pub(super) fn entries(self) -> Entries<'v> {
        self.view.entries(None, ALWAYS)
    }

    /// Whether an entry is the first of those on its target: it then stands for all of them.
    pub(super) fn is_first(
        self,
        listed: &Listed<'_>,
        target: &Target,
    ) -> Result<bool, LookupError> {
        let hits = self.hits(target)?;
        let entry = &listed.entry;
        let first = hits.iter().map(|(layer, hit)| (layer, hit.scope)).min();
        Ok(first == Some((entry.layer(), entry.scope)))
    }

    fn hits(self, target: &Target) -> Result<Hits<'v>, LookupError> {
        match target {
            Target::Name(name) => {
                self.view.find(None, Kind::Domain, &domain_key(name.as_str()), ALWAYS)
            }
            Target::Prefix(prefix) => self.view.find(None, prefix.kind(), &prefix.key(), ALWAYS),
        }
    }

    /// Adds the records of one target, each by `push`; gives back how many have no place.
    pub(super) fn records(
        self,
        target: &Target,
        records: &Records,
        mut push: impl FnMut(&[u8]),
    ) -> Result<u64, LookupError> {
        let (own, beneath) = self.verdicts(target)?;
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
        Ok(skipped)
    }

    /// What is said of a target itself, and of what lies beneath it.
    fn verdicts(self, target: &Target) -> Result<(Option<Verdict>, Option<Verdict>), LookupError> {
        let hits = self.hits(target)?;
        if hits.is_empty() {
            return Ok((None, None));
        }
        let is_name = matches!(target, Target::Name(_));
        let above = self.above(target)?;
        let own = self.verdict(&hits, above, |scope| !is_name || scope.covers_self());
        let beneath = self.verdict(&hits, above, Scope::covers_beneath);
        Ok((own, beneath.filter(|_| is_name)))
    }

    fn verdict(
        self,
        hits: &Hits<'v>,
        above: Option<(Rank, Hit<'v>)>,
        covers: impl Fn(Scope) -> bool,
    ) -> Option<Verdict> {
        let covering = || hits.iter().filter(|(_, hit)| covers(hit.scope));
        let decisions = covering().filter(|(layer, _)| *layer == Layer::Decision);
        let own = decisions.map(|(_, hit)| (self.rank(0, hit), *hit)).max_by_key(|(rank, _)| *rank);
        let is_mine = match (&own, &above) {
            (Some((mine, _)), Some((other, _))) => mine > other,
            (own, _) => own.is_some(),
        };
        if is_mine {
            let (_, decision) = own?;
            return match decision.profile.band {
                Band::Trusted => Some(Verdict::Pass),
                _ => blocks(self.policy, decision.profile).then_some(Verdict::Block),
            };
        }
        if above.is_some_and(|(_, decision)| !blocks(self.policy, decision.profile)) {
            // The decision above speaks for itself.
            return None;
        }
        let evidence = covering().filter(|(layer, _)| *layer == Layer::Evidence);
        let mut blocked = evidence.filter(|(_, hit)| blocks(self.policy, hit.profile));
        blocked.next().map(|_| Verdict::Block)
    }

    /// The decision that counts among those on what a target lies in.
    fn above(self, target: &Target) -> Result<Option<(Rank, Hit<'v>)>, LookupError> {
        let mut best: Option<(Rank, Hit<'v>)> = None;
        let mut take = |step: u16, hit: &Hit<'v>| {
            let rank = self.rank(step, hit);
            if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                best = Some((rank, *hit));
            }
        };
        match target {
            Target::Name(name) => {
                let suffixes = SuffixList::shipped();
                for expression in host_expressions(name, suffixes).iter().skip(1) {
                    let key = expression.key();
                    let hits = self.view.find(None, Kind::Domain, &key, ALWAYS)?;
                    let decisions = hits.iter().filter(|(layer, _)| *layer == Layer::Decision);
                    let reaching = decisions.filter(|(_, hit)| hit.scope.covers_beneath());
                    reaching.for_each(|(_, hit)| take(expression.host_level.into(), hit));
                }
            }
            Target::Prefix(prefix) => {
                self.view.networks(None, prefix.address(), ALWAYS, |found, hits| {
                    if found.length() < prefix.length() {
                        let step = u16::from(prefix.length() - found.length());
                        let decisions = hits.iter().filter(|(layer, _)| *layer == Layer::Decision);
                        decisions.for_each(|(_, hit)| take(step, hit));
                    }
                })?;
            }
        }
        Ok(best)
    }

    /// As [`View::ask`] chooses among decisions.
    fn rank(self, step: u16, hit: &Hit<'_>) -> Rank {
        let profile = hit.profile;
        let at = self.view.terms(hit).map(|terms| terms.decided_at);
        let is_block = profile.band == Band::Malicious;
        (profile.basis == Basis::Hard, Reverse((step, hit.scope)), is_block, at)
    }
}
