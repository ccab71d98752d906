//! Which journal records are still needed.

use crate::EngineError;
use rustc_hash::FxHashSet;
use wardnet_journal::{CompactionReport, Journal, record};
use wardnet_model::{Evidence, Record, RecordId, SourceId, TenantId};
use wardnet_store::{DossierKey, Held, Store};

/// Drops evidence that was superseded or has ended, and renewals that a later one repeats. What
/// scoring reads stays: evidence in force, decisions, calibrations, relations. Of what was
/// superseded, the records stay that say when a thing was first and last seen.
///
/// A retraction stays as long as anything it could end may still be replayed, which is always for
/// records this build cannot read.
pub(crate) fn compact(journal: &Journal, store: &Store) -> Result<CompactionReport, EngineError> {
    let mut failure = None;
    let mut dated = FxHashSet::default();
    let report = journal.compact(|_, bytes| match is_needed(store, bytes, &mut dated) {
        Ok(needed) => needed,
        Err(error) => {
            failure.get_or_insert(error);
            true
        }
    })?;
    failure.map_or(Ok(report), Err)
}

/// Superseded records that are kept for their dates: one each is enough.
type Dated = FxHashSet<(DossierKey, Owner)>;

/// Whose record it is, and which.
type Owner = (TenantId, SourceId, RecordId);

fn is_needed(store: &Store, bytes: &[u8], dated: &mut Dated) -> Result<bool, EngineError> {
    let Ok(record) = record::decode(bytes) else {
        return Ok(true);
    };
    Ok(match record {
        Record::Evidence(evidence) => {
            let key = DossierKey::of(&evidence.indicator, evidence.scope);
            let owner: Owner = (evidence.tenant, evidence.source, evidence.record);
            store.dossier(&key)?.is_some_and(|dossier| {
                let is_it = |held: &&Held| (held.tenant, held.source, held.record) == owner;
                dossier.evidence.iter().find(is_it).is_some_and(|held| {
                    is_current(held, &evidence)
                        || held.first_seen == evidence.first_seen && dated.insert((key, owner))
                })
            })
        }
        Record::BatchSeen(seen) => store
            .batch(&wardnet_store::BatchKey::of(&seen))
            .is_none_or(|state| state.seen.revision <= seen.revision),
        _ => true,
    })
}

fn is_current(held: &Held, evidence: &Evidence) -> bool {
    (held.revision, held.batch) == (evidence.revision, evidence.batch)
        || held.last_seen == evidence.last_seen
}
