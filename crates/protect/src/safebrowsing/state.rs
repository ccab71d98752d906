//! Everything that is served at one moment.

use super::config::SafeBrowsingConfig;
use super::judge::{Candidate, Judge, Outcome, Withheld};
use super::list::List;
use super::prefix::{Hash, Prefix};
use super::rows::{Cut, Row, Rows};
use super::threat::{ALL, Threats};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wardnet_model::{Band, Key, Kind, Scope, SuffixList, Timestamp, domain_key};
use wardnet_score::Epoch;
use wardnet_verdictdb::{LookupError, View};
use wardnet_wire::safebrowsing::v5::ThreatType;

/// The lists of one threat: prefixes of 4 bytes, and of 8.
#[derive(Debug)]
pub(super) struct ThreatLists {
    pub(super) threat: ThreatType,
    pub(super) four: List<u32>,
    pub(super) eight: List<u64>,
}

/// How much is dangerous and not published, by reason.
pub(super) type Withholdings = BTreeMap<Withheld, u64>;

/// Everything that is served at one moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) rows: Arc<Rows>,
    cut: Cut,
    pub(super) threats: Vec<ThreatLists>,
    /// Hosts that are likely safe.
    pub(super) global_cache: List<Hash>,
    /// Counted when everything was last read.
    pub(super) withheld: Withholdings,
    /// Whether the lists hold fewer than they may, or more: it is time to read everything again.
    pub(super) is_stale: bool,
    pub(super) version: u64,
}

/// What everything is read with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'v> {
    pub(super) view: &'v View,
    pub(super) config: &'v SafeBrowsingConfig,
    pub(super) epoch: &'v Epoch,
    pub(super) suffixes: &'static SuffixList,
    pub(super) now: Timestamp,
}

impl<'v> Source<'v> {
    pub(super) const fn judge(&self) -> Judge<'v> {
        let Self { view, config, epoch, suffixes, now } = *self;
        Judge { view, policy: config.policy(), epoch, suffixes, now }
    }
}

/// What a reading of everything finds.
#[derive(Default)]
struct Reading {
    rows: Vec<Row>,
    good: Vec<Hash>,
    /// Hosts with something dangerous beneath that no list tells of, and all above them.
    tainted: BTreeSet<Hash>,
    withheld: Withholdings,
}

impl State {
    /// Reads everything that a view lists.
    pub(super) fn read(source: Source<'_>, version: u64) -> Result<Self, LookupError> {
        let mut reading = Reading::read(source)?;
        let rows = Rows::new(std::mem::take(&mut reading.rows));
        let cut = Cut::to(&rows, source.config.entries_max);
        if cut != Cut::NONE {
            reading.taint_what_is_cut(source, &rows, &cut)?;
        }
        let good = reading.global_cache(source.config.global_cache_max, &rows);
        let threats = ALL.into_iter().map(|threat| ThreatLists {
            threat,
            four: List::new(prefixes(&rows, &cut, threat), version),
            eight: List::new(prefixes(&rows, &cut, threat), version),
        });
        Ok(Self {
            threats: threats.collect(),
            rows: Arc::new(rows),
            cut,
            global_cache: List::new(good, version),
            withheld: reading.withheld,
            is_stale: false,
            version,
        })
    }

    /// What an earlier run served: lists alone.
    pub(super) fn past(threats: Vec<ThreatLists>, global_cache: List<Hash>, version: u64) -> Self {
        let (rows, cut) = (Arc::new(Rows::new(Vec::new())), Cut::NONE);
        let (withheld, is_stale) = (Withholdings::new(), true);
        Self { rows, cut, threats, global_cache, withheld, is_stale, version }
    }

    /// This state as another reading has it, one version later: clients are told the difference.
    pub(super) fn replaced_by(&self, read: &Self, kept_max: usize) -> Self {
        let (rows, cut) = (Arc::clone(&read.rows), read.cut);
        let threats = self.threats.iter().map(|lists| {
            let ThreatLists { threat, four, eight } = lists;
            let threat = *threat;
            ThreatLists {
                threat,
                four: four.turned_into(prefixes(&rows, &cut, threat), kept_max),
                eight: eight.turned_into(prefixes(&rows, &cut, threat), kept_max),
            }
        });
        Self {
            threats: threats.collect(),
            global_cache: self
                .global_cache
                .turned_into(read.global_cache.prefixes().to_vec(), kept_max),
            rows,
            cut,
            withheld: read.withheld.clone(),
            is_stale: false,
            version: self.version.wrapping_add(1),
        }
    }

    /// This state after some candidates were judged again; `None` when nothing is different.
    pub(super) fn after(
        &self,
        outcomes: &BTreeMap<Hash, (Candidate, Outcome)>,
        config: &SafeBrowsingConfig,
    ) -> Option<Self> {
        let mut changes = BTreeMap::new();
        let mut tainted = BTreeSet::new();
        for (hash, (candidate, outcome)) in outcomes {
            let new = match outcome {
                Outcome::Listed(row) => Some(*row),
                Outcome::Withheld(_) | Outcome::Silent => None,
            };
            match outcome {
                // A list tells of what lies beneath a host; the host itself cannot be both.
                Outcome::Listed(row) if self.cut.keeps(row) => {
                    tainted.insert(*hash);
                }
                Outcome::Listed(_) | Outcome::Withheld(_) => tainted.extend(hosts_of(candidate)),
                Outcome::Silent => {}
            }
            if self.rows.get(hash).copied() != new {
                changes.insert(*hash, new);
            }
        }
        let good_no_more: Vec<Hash> =
            tainted.into_iter().filter(|hash| self.global_cache.has(hash)).collect();
        if changes.is_empty() && good_no_more.is_empty() {
            return None;
        }
        let kept_max = config.difference_entries_max;
        let rows = Arc::new(self.rows.after(&changes));
        let flips = Flips { old: &self.rows, new: &rows, cut: self.cut, changes: &changes };
        let threats = self.threats.iter().map(|lists| ThreatLists {
            threat: lists.threat,
            four: flips.applied(&lists.four, lists.threat, kept_max),
            eight: flips.applied(&lists.eight, lists.threat, kept_max),
        });
        let threats: Vec<_> = threats.collect();
        let (most, count) = (config.entries_max, rows.len());
        let is_over = self.cut == Cut::NONE && count > most.saturating_add(most / 16);
        Some(Self {
            threats,
            global_cache: self.global_cache.next(good_no_more, Vec::new(), kept_max),
            rows,
            cut: self.cut,
            withheld: self.withheld.clone(),
            is_stale: is_over,
            version: self.version.wrapping_add(1),
        })
    }
}

/// The prefixes of what is listed for a threat, in their order.
fn prefixes<P: Prefix>(rows: &Rows, cut: &Cut, threat: ThreatType) -> Vec<P> {
    let listed = rows.iter().filter(|row| row.threats.has(threat) && cut.keeps(row));
    let mut all: Vec<P> = listed.map(|row| P::of(&row.hash)).collect();
    all.dedup();
    all
}

/// Changes of rows, and what they mean to a list: a prefix stays as long as one hash has it.
struct Flips<'a> {
    old: &'a Rows,
    new: &'a Rows,
    cut: Cut,
    changes: &'a BTreeMap<Hash, Option<Row>>,
}

impl Flips<'_> {
    fn applied<P: Prefix>(&self, list: &List<P>, threat: ThreatType, kept_max: usize) -> List<P> {
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        let mut touched: Vec<P> = self.changes.keys().map(P::of).collect();
        touched.dedup();
        for prefix in touched {
            match (self.has(self.old, prefix, threat), self.has(self.new, prefix, threat)) {
                (true, false) => removed.push(prefix),
                (false, true) => added.push(prefix),
                _ => {}
            }
        }
        list.next(removed, added, kept_max)
    }

    fn has<P: Prefix>(&self, rows: &Rows, prefix: P, threat: ThreatType) -> bool {
        let mut bytes = Vec::with_capacity(32);
        prefix.put(&mut bytes);
        let mut with_it = rows.starting_with(&bytes).iter();
        with_it.any(|row| row.threats.has(threat) && self.cut.keeps(row))
    }
}

/// The hashes of a candidate's host and of all hosts above it.
fn hosts_of(candidate: &Candidate) -> Vec<Hash> {
    let mut all = Vec::new();
    let mut rest = candidate.host();
    while let Some(host) = rest {
        all.push(domain_key(host).0);
        rest = host.split_once('.').map(|(_, above)| above);
    }
    all
}

pub(super) const fn is_published(kind: Kind) -> bool {
    matches!(kind, Kind::Domain | Kind::Url | Kind::Ipv4 | Kind::Ipv6)
}

impl Reading {
    fn read(source: Source<'_>) -> Result<Self, LookupError> {
        let judge = source.judge();
        let mut reading = Self::default();
        let wanted = |_, kind| is_published(kind);
        for listed in source.view.entries_where(None, source.now, wanted) {
            let entry = listed?.entry;
            let profile = entry.profile;
            let is_good = matches!(profile.band, Band::Safe | Band::Trusted);
            let is_bad = !is_good && !Threats::of_categories(profile.categories).is_empty();
            if entry.kind == Kind::Domain && is_good && entry.scope != Scope::Below {
                reading.good(&judge, &entry.key, entry.name)?;
            } else if is_bad && is_published(entry.kind) {
                reading.bad(&judge, entry.kind, &entry.key, entry.name)?;
            }
        }
        Ok(reading)
    }

    fn bad(
        &mut self,
        judge: &Judge<'_>,
        kind: Kind,
        key: &Key,
        name: Option<&str>,
    ) -> Result<(), LookupError> {
        let Some(candidate) = Candidate::of(kind, key, name) else { return Ok(()) };
        match judge.judge(&candidate)? {
            Outcome::Listed(row) => self.rows.push(row),
            Outcome::Withheld(reason) => {
                let count = self.withheld.entry(reason).or_default();
                *count = count.saturating_add(1);
                self.tainted.extend(hosts_of(&candidate));
            }
            Outcome::Silent => {}
        }
        Ok(())
    }

    fn good(
        &mut self,
        judge: &Judge<'_>,
        key: &Key,
        name: Option<&str>,
    ) -> Result<(), LookupError> {
        let Some(candidate) = Candidate::of(Kind::Domain, key, name) else { return Ok(()) };
        if !judge.is_shared(&candidate)? && !judge.has_shared_beneath(&candidate) {
            self.good.push(candidate.key().0);
        }
        Ok(())
    }

    /// What is listed, but in no list that clients keep, taints its hosts too.
    fn taint_what_is_cut(
        &mut self,
        source: Source<'_>,
        rows: &Rows,
        cut: &Cut,
    ) -> Result<(), LookupError> {
        for listed in source.view.entries_where(None, source.now, |_, kind| is_published(kind)) {
            let entry = listed?.entry;
            let Some(candidate) = Candidate::of(entry.kind, &entry.key, entry.name) else {
                continue;
            };
            let row = rows.get(&candidate.key().0);
            if row.is_some_and(|row| !cut.keeps(row)) {
                self.tainted.extend(hosts_of(&candidate));
            }
        }
        Ok(())
    }

    /// Hosts that are likely safe: neither listed nor with anything beneath that no list tells of.
    fn global_cache(&mut self, max: usize, rows: &Rows) -> Vec<Hash> {
        let mut good = std::mem::take(&mut self.good);
        good.sort_unstable();
        good.dedup();
        good.retain(|hash| !self.tainted.contains(hash) && rows.get(hash).is_none());
        good.truncate(max);
        good
    }
}
