//! Patterns beside evidence: what matches a dossier, what of it counts, and how a list's patterns
//! are put into force.

use crate::engine::SETTLED_AT_ONCE;
use crate::{Engine, EngineError, settle};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;
use wardnet_model::{
    BatchId, BatchSeen, Calibration, CalibrationChange, Indicator, Kind, Pattern, PatternList,
    PatternSet, Record, Stance, TenantId, Timestamp, Tlp,
};
use wardnet_score::{Epoch, Item, PatternMatch, Patterns};
use wardnet_store::{BatchKey, DossierKey, Store};

/// A pattern that matches an indicator, as scoring reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matched<'e> {
    pub(crate) found: PatternMatch<'e>,
    pub(crate) batch: BatchKey,
    pub(crate) item: Item,
}

impl<'e> Matched<'e> {
    fn new(store: &Store, found: PatternMatch<'e>) -> Self {
        let PatternSet { source, batch, last_seen, .. } = *found.set;
        let batch = BatchKey { tenant: TenantId::SHARED, source, batch };
        let item = found.item(store.batch_seen_at(&batch).unwrap_or(last_seen));
        Self { found, batch, item }
    }
}

/// The patterns that take a side on what lies at `key`: one for each source and side, so that a
/// source whose lists overlap speaks once.
pub(crate) fn matched<'e>(
    patterns: &'e Patterns,
    store: &Store,
    key: &DossierKey,
    payload: &[u8],
) -> Vec<Matched<'e>> {
    let Some(kind) = key.kind().filter(|kind| patterns.weigh_for(*kind)) else {
        return Vec::new();
    };
    let Some(text) = text(kind, payload) else {
        return Vec::new();
    };
    let found = patterns.weighing(kind, &text);
    let mut matched: Vec<Matched<'e>> =
        found.into_iter().map(|found| Matched::new(store, found)).collect();
    matched.sort_by_key(|one| (one.item.source, one.item.stance, Reverse(one.item.last_seen)));
    matched.dedup_by_key(|one| (one.item.source, one.item.stance));
    matched
}

/// Why a pattern has no say beside an indicator's `own` evidence; `None` when it has.
///
/// A pattern alone makes no verdict: it is about a look, and nobody has said anything of the thing
/// itself. A source that has named the thing has said all it has to say.
pub(crate) fn left_out(
    epoch: &Epoch,
    own: &[Item],
    pattern: &Item,
    now: Timestamp,
) -> Option<&'static str> {
    let now = now.floor_minute();
    let is_shadow = |source| epoch.source(source).is_some_and(|source| source.shadow);
    let in_force = || {
        let weighs = |item: &&Item| matches!(item.stance, Stance::Malicious | Stance::Benign);
        own.iter().filter(weighs).filter(|item| item.in_force(now))
    };
    if in_force().any(|item| item.source == pattern.source) {
        return Some("its source names the indicator itself");
    }
    if in_force().all(|item| is_shadow(item.source)) {
        return Some("a pattern alone makes no verdict");
    }
    None
}

/// The canonical text of an indicator, from its canonical bytes.
fn text(kind: Kind, payload: &[u8]) -> Option<Cow<'_, str>> {
    match kind {
        Kind::Domain | Kind::Url | Kind::Email | Kind::Ja4 | Kind::Cve | Kind::App => {
            std::str::from_utf8(payload).ok().map(Cow::Borrowed)
        }
        _ => {
            let indicator = Indicator::from_payload(kind.tag(), payload).ok()?;
            Some(Cow::Owned(indicator.to_string()))
        }
    }
}

/// One pattern that matches an indicator, for people to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternLine {
    /// The name of its list.
    pub list: Box<str>,
    /// What matches.
    pub pattern: Pattern,
    /// What scoring reads of it: who says what, how sure, when.
    pub item: Item,
    /// Who may see it.
    pub tlp: Tlp,
    /// Why it has no say, when it has none.
    pub left_out: Option<&'static str>,
}

/// Every pattern that matches an indicator, whether or not it has a say beside `own` evidence.
pub(crate) fn lines(
    store: &Store,
    epoch: &Epoch,
    indicator: &Indicator,
    own: &[Item],
    now: Timestamp,
) -> Vec<PatternLine> {
    let (Some(patterns), Some(kind)) = (epoch.patterns(), indicator.kind()) else {
        return Vec::new();
    };
    let mut payload = Vec::new();
    indicator.write_payload(&mut payload);
    let Some(text) = text(kind, &payload) else {
        return Vec::new();
    };
    let speak = matched(patterns, store, &settle::scopes(indicator)[0], &payload);
    let weighing = patterns.weighing(kind, &text).into_iter();
    let describing = patterns.describing(kind, &text).into_iter();
    weighing
        .chain(describing)
        // A list that was read only after the time asked about said nothing then.
        .filter(|found| found.set.first_seen.floor_minute() <= now)
        .map(|found| {
            let one = Matched::new(store, found);
            let speaks = speak.iter().any(|other| other.found == one.found);
            PatternLine {
                list: found.list.name.clone(),
                pattern: found.pattern.clone(),
                item: one.item,
                tlp: found.set.tlp,
                left_out: match found.list.stance {
                    Stance::Context | Stance::Disputed => Some("it is context, not a judgement"),
                    _ if !speaks => Some("another pattern of its source says so already"),
                    _ => left_out(epoch, own, &one.item, now),
                },
            }
        })
        .collect()
}

/// The patterns that match an indicator of which nothing else may be known, as `tenant` may see
/// them.
pub fn patterns_of(
    store: &Store,
    epoch: &Epoch,
    indicator: &Indicator,
    tenant: TenantId,
    now: Timestamp,
) -> Vec<PatternLine> {
    let mut lines = lines(store, epoch, indicator, &[], now);
    lines.retain(|line| may_see(line, tenant));
    lines
}

/// Patterns are shared with all, unless they are marked for their owner alone.
pub(crate) fn may_see(line: &PatternLine, tenant: TenantId) -> bool {
    tenant == TenantId::SHARED || line.tlp != Tlp::Red
}

/// What became of the patterns of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatternsTaken {
    /// How many patterns of the batch are in force.
    pub in_force: usize,
    /// Why they are not, when they cannot be used.
    pub refused: Option<String>,
}

/// What an import's patterns do not say themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternTerms {
    /// How sure the source is of them, in percent.
    pub confidence: u8,
    /// Who may see them.
    pub tlp: Tlp,
}

impl Engine {
    /// Puts the patterns of a batch into force, in place of those it had; none take them away.
    ///
    /// They are renewed with the batch. What is in force already is left alone and opens no epoch,
    /// so this may be called after every import. Patterns of a plain batch leave the source's
    /// older plain batches, as rows do.
    pub fn set_patterns(
        &mut self,
        seen: &BatchSeen,
        terms: PatternTerms,
        lists: Vec<PatternList>,
        now: Timestamp,
    ) -> Result<PatternsTaken, EngineError> {
        if seen.tenant != TenantId::SHARED {
            let reason = || "a tenant has no patterns of its own".to_owned();
            let refused = (!ordered(lists).is_empty()).then(reason);
            return Ok(PatternsTaken { in_force: 0, refused });
        }
        let old = self.epoch.pattern_set(seen.source, seen.batch);
        let mut set = PatternSet {
            source: seen.source,
            batch: seen.batch,
            confidence: terms.confidence,
            tlp: terms.tlp,
            first_seen: old.map_or(seen.at, |old| old.first_seen),
            last_seen: seen.at,
            lists: ordered(lists),
        };
        let changes = self.moved(&set);
        if changes.is_empty() {
            return Ok(PatternsTaken { in_force: set.len(), refused: None });
        }
        let refused = self.epoch.check_patterns(&changes).err().map(|error| error.to_string());
        if refused.is_some() {
            set.lists.clear();
        }
        let in_force = set.len();
        let changes = self.moved(&set);
        if !changes.is_empty() {
            self.change_patterns(changes, now)?;
        }
        Ok(PatternsTaken { in_force, refused })
    }

    /// The sets that are others once `set` is in force, itself included.
    fn moved(&self, set: &PatternSet) -> Vec<PatternSet> {
        let old = self.epoch.pattern_set(set.source, set.batch);
        let same = old.map_or(set.is_empty(), |old| old.says_the_same(set));
        let mut changes: Vec<PatternSet> = Vec::new();
        if set.batch != BatchId::SNAPSHOT {
            let others = self.epoch.pattern_sets().filter(|other| {
                other.source == set.source
                    && other.batch != set.batch
                    && other.batch != BatchId::SNAPSHOT
            });
            for other in others {
                let rest = without(other, set);
                if !rest.says_the_same(other) {
                    changes.push(rest);
                }
            }
        }
        if !same {
            changes.push(set.clone());
        }
        changes
    }

    /// Opens an epoch for each changed set, and settles the dossiers that the change is about.
    fn change_patterns(
        &mut self,
        changes: Vec<PatternSet>,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let settled = self.store.settled_epoch()? == u64::from(self.epoch.number());
        let before = Arc::clone(&self.epoch);
        // One record each: a record holds one set of the largest allowed size.
        let records = (self.epoch.number() + 1..).zip(changes).map(|(epoch, set)| {
            let changes = vec![CalibrationChange::Patterns(set)];
            Record::Calibration(Calibration { epoch, at: now, reason: "patterns".into(), changes })
        });
        let records = records.collect();
        self.append_only(records, now)?;
        let after = Arc::clone(&self.epoch);
        let touched = self.differing(&before, &after)?;
        for keys in touched.chunks(SETTLED_AT_ONCE) {
            self.settle_again(keys, now)?;
        }
        // Where an earlier epoch is still to be settled, the next opening settles all.
        if settled {
            self.store.set_settled_epoch(self.epoch.number())?;
        }
        self.publish(now)
    }

    /// The dossiers at which other patterns match than before.
    fn differing(&self, before: &Epoch, after: &Epoch) -> Result<Vec<DossierKey>, EngineError> {
        let mut keys = Vec::new();
        self.store.for_each_front(|key, front| {
            let at = |epoch: &Epoch| {
                let found =
                    epoch.patterns().map(|one| matched(one, &self.store, &key, front.payload));
                let found = found.unwrap_or_default();
                found.into_iter().map(|one| (one.item, one.batch)).collect::<Vec<_>>()
            };
            if at(before) != at(after) {
                keys.push(key);
            }
            Ok::<(), EngineError>(())
        })?;
        Ok(keys)
    }
}

/// Lists with their patterns in order, each once, and no empty ones.
fn ordered(mut lists: Vec<PatternList>) -> Vec<PatternList> {
    for list in &mut lists {
        list.patterns.sort_unstable();
        list.patterns.dedup();
    }
    lists.retain(|list| !list.patterns.is_empty());
    lists
}

/// What a set has and `newer` does not say as well.
fn without(set: &PatternSet, newer: &PatternSet) -> PatternSet {
    let says = |list: &PatternList| (list.stance, list.category, list.kinds.clone());
    let mut rest = set.clone();
    for list in &mut rest.lists {
        let same: Vec<&PatternList> =
            newer.lists.iter().filter(|other| says(other) == says(list)).collect();
        list.patterns.retain(|pattern| {
            same.iter().all(|other| other.patterns.binary_search(pattern).is_err())
        });
    }
    rest.lists.retain(|list| !list.patterns.is_empty());
    rest
}
