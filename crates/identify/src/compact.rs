//! Which journal records are still needed.

use crate::EngineError;
use wardnet_journal::{CompactionReport, Journal, record};
use wardnet_model::Record;
use wardnet_store::{DossierKey, Store};

/// Drops evidence that was superseded or has ended, and renewals that a later one repeats. What
/// scoring reads stays: evidence in force, decisions, calibrations, relations.
///
/// A retraction stays as long as anything it could end may still be replayed, which is always for
/// records this build cannot read.
pub(crate) fn compact(journal: &Journal, store: &Store) -> Result<CompactionReport, EngineError> {
    let mut failure = None;
    let report = journal.compact(|_, bytes| match is_needed(store, bytes) {
        Ok(needed) => needed,
        Err(error) => {
            failure.get_or_insert(error);
            true
        }
    })?;
    failure.map_or(Ok(report), Err)
}

fn is_needed(store: &Store, bytes: &[u8]) -> Result<bool, EngineError> {
    let Ok(record) = record::decode(bytes) else {
        return Ok(true);
    };
    Ok(match record {
        Record::Evidence(evidence) => {
            let key = DossierKey::of(&evidence.indicator, evidence.scope);
            store.dossier(&key)?.is_some_and(|dossier| {
                dossier.evidence.iter().any(|held| {
                    (held.tenant, held.source, held.record, held.revision, held.batch)
                        == (
                            evidence.tenant,
                            evidence.source,
                            evidence.record,
                            evidence.revision,
                            evidence.batch,
                        )
                })
            })
        }
        Record::BatchSeen(seen) => store
            .batch(&wardnet_store::BatchKey::of(&seen))
            .is_none_or(|state| state.seen.revision <= seen.revision),
        _ => true,
    })
}
