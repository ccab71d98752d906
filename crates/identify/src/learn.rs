//! What sources earn: how often verified decisions proved them right, and how often wrong.
//!
//! Only analysts' words count, never scores or other feeds, so no source can talk up another. What
//! is learned takes effect as a calibration epoch, at most once a day.

use crate::{Engine, EngineError};
use std::collections::BTreeMap;
use wardnet_model::{
    Action, CalibrationChange, DAY_SECS, Decision, Kind, Scope, SourceId, Stance, TenantId,
    Timestamp,
};
use wardnet_store::{DossierKey, Held, Store, StoreError};

/// The reason given in the epochs that learning opens.
const REASON: &str = "learning";

type Tally = BTreeMap<(SourceId, Kind), (u32, u32)>;

impl Engine {
    /// Opens an epoch with what verified decisions taught since the last one, if a day has passed
    /// and anything is new. Says whether it did.
    pub fn learn(&mut self, now: Timestamp) -> Result<bool, EngineError> {
        if now < self.learning_due {
            return Ok(false);
        }
        self.learning_due = now.plus_secs(DAY_SECS);
        let calibrations = self.store.calibrations()?;
        let last = calibrations.iter().rev().find(|record| &*record.reason == REASON);
        if last.is_some_and(|record| now.secs_since(record.at) < DAY_SECS) {
            return Ok(false);
        }
        let changes: Vec<CalibrationChange> = tally(&self.store)?
            .into_iter()
            .filter(|((source, kind), earned)| self.epoch.learned(*source, *kind) != Some(*earned))
            .map(|((source, kind), (right, wrong))| CalibrationChange::Learned {
                source,
                kind,
                right,
                wrong,
            })
            .collect();
        if changes.is_empty() {
            return Ok(false);
        }
        self.calibrate(REASON, changes, now)?;
        Ok(true)
    }
}

/// Counts, for every source and kind, what was confirmed and what refuted of what it says.
fn tally(store: &Store) -> Result<Tally, StoreError> {
    let mut judged: Vec<(DossierKey, Kind, bool)> = Vec::new();
    store.for_each_front(|key, front| {
        if let (Some(kind), Some(bad)) = (key.kind(), verified(&front.decisions)) {
            judged.push((key, kind, bad));
        }
        Ok::<(), StoreError>(())
    })?;
    let mut tally = Tally::new();
    for (key, kind, bad) in judged {
        for held in evidence_at(store, &key)? {
            let right = match held.stance {
                Stance::Malicious => bad,
                Stance::Benign => !bad,
                Stance::Context | Stance::Disputed => continue,
            };
            let (hits, misses) = tally.entry((held.source, kind)).or_default();
            let count = if right { hits } else { misses };
            *count = count.saturating_add(1);
        }
    }
    Ok(tally)
}

/// The evidence on a judged thing, at whatever scope it was given: a decision on a domain reaches
/// its subtree, where a feed's row names it exactly.
fn evidence_at(store: &Store, judged: &DossierKey) -> Result<Vec<Held>, StoreError> {
    let mut evidence = Vec::new();
    for scope in [Scope::Exact, Scope::Below, Scope::Subtree] {
        let at = DossierKey::new(judged.tag(), &judged.key(), scope);
        evidence.extend(store.dossier(&at)?.into_iter().flat_map(|dossier| dossier.evidence));
    }
    Ok(evidence)
}

/// What the operator's newest verification says: dangerous or not; `None` when there is none, or
/// it was taken back.
fn verified(decisions: &[Decision]) -> Option<bool> {
    let own = decisions.iter().filter(|decision| decision.tenant == TenantId::SHARED);
    let newest = own
        .enumerate()
        .filter(|(_, d)| matches!(d.action, Action::Confirm | Action::Refute | Action::Withdraw))
        .max_by_key(|(at, decision)| (decision.at, *at))?;
    match newest.1.action {
        Action::Confirm => Some(true),
        Action::Refute => Some(false),
        _ => None,
    }
}
