//! Taking in a feed: what is new joins, what is still there is renewed, what is gone ends.

use crate::engine::SETTLED_AT_ONCE;
use crate::settle::Settler;
use crate::{Engine, EngineError};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use wardnet_journal::{Positions, record};
use wardnet_model::{
    BatchId, BatchSeen, Category, Evidence, ImportCounts, Indicator, Observation, Record, RecordId,
    Retraction, Sharing, SourceId, TenantId, Timestamp, Tlp,
};
use wardnet_store::{BatchKey, BatchState, DossierKey, Effect, Member, Update};

/// Rows that are written, made durable and folded in together.
const ROWS_AT_ONCE: usize = 1 << 15;

/// How sure a row is when neither it nor its source says.
pub const DEFAULT_CONFIDENCE: u8 = 95;

/// What an import is and what its rows do not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportTerms {
    /// Whose evidence it becomes.
    pub tenant: TenantId,
    /// Who says it.
    pub source: SourceId,
    /// Whether what is missing from it has ended.
    pub full: bool,
    /// SHA-256 of the bytes read, with the settings that steered the reading.
    pub digest: [u8; 32],
    /// What rows without a category are bad for.
    pub category: Category,
    /// How sure rows without a confidence are, in percent.
    pub confidence: u8,
    /// Who may see it.
    pub tlp: Tlp,
    /// Whose verdicts it counts for.
    pub sharing: Sharing,
}

/// One row, ready to be written: all that costs time was done where it was read.
#[derive(Debug)]
pub struct Row {
    member: Member,
    observation: Observation,
}

impl Row {
    /// Finds the row's place and identity.
    pub fn new(observation: Observation, terms: &ImportTerms) -> Self {
        let dossier = DossierKey::of(&observation.indicator, observation.scope);
        Self { member: Member { dossier, record: record_id(&observation, terms) }, observation }
    }
}

/// The digest of what a row says (FNV-1a): equal content from one source is one record.
fn record_id(observation: &Observation, terms: &ImportTerms) -> RecordId {
    let mut bytes = [
        observation.stance.tag(),
        observation.category.unwrap_or(terms.category).tag(),
        observation.confidence.unwrap_or(terms.confidence),
    ]
    .to_vec();
    record::varint(observation.first_seen.unwrap_or_default().0, &mut bytes);
    record::encode_details(observation.until, observation.details.as_deref(), &mut bytes);
    RecordId(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// Whether there is anything to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// These very bytes are what the source said last: all of it has been renewed.
    Unchanged(BatchSeen),
    /// Read on.
    New,
}

/// An import under way.
#[derive(Debug)]
pub struct Import {
    terms: ImportTerms,
    at: Timestamp,
    batch: BatchId,
    revision: u64,
    /// Members of the last snapshot; empty for a plain import.
    before: Vec<Member>,
    seen: FxHashSet<Member>,
    waiting: Vec<Row>,
    counts: ImportCounts,
}

impl Engine {
    /// Begins an import. An unchanged one is renewed at once, and there is nothing more to do.
    pub fn begin_import(
        &mut self,
        terms: ImportTerms,
        now: Timestamp,
    ) -> Result<(Begun, Option<Import>), EngineError> {
        let known = self.store.batches_of(terms.tenant, terms.source);
        let same = |state: &&BatchState| {
            state.seen.digest == terms.digest && state.seen.full == terms.full
        };
        if let Some(state) = known.iter().find(same) {
            let seen = self.renew(&state.seen, now)?;
            return Ok((Begun::Unchanged(seen), None));
        }
        let highest = known.iter().map(|state| state.seen.batch).max().unwrap_or_default();
        let snapshot = known.iter().find(|state| state.seen.batch == BatchId::SNAPSHOT);
        let (batch, revision, before) = if terms.full {
            let revision = snapshot.map_or(1, |state| state.seen.revision + 1);
            let before = self.store.snapshot_members(terms.tenant, terms.source)?;
            (BatchId::SNAPSHOT, revision, before)
        } else {
            (BatchId(highest.0.max(BatchId::SNAPSHOT.0) + 1), 1, Vec::new())
        };
        let import = Import {
            terms,
            at: now,
            batch,
            revision,
            before,
            seen: FxHashSet::default(),
            waiting: Vec::new(),
            counts: ImportCounts::default(),
        };
        Ok((Begun::New, Some(import)))
    }

    /// Renews everything in a batch by one record.
    fn renew(&mut self, last: &BatchSeen, now: Timestamp) -> Result<BatchSeen, EngineError> {
        let held = last.counts.accepted + last.counts.duplicate;
        let counts = ImportCounts { accepted: 0, duplicate: held, expired: 0, ..last.counts };
        let seen = BatchSeen { at: now, revision: last.revision + 1, counts, ..last.clone() };
        self.append_only(vec![Record::BatchSeen(seen.clone())], now)?;
        self.revive(&seen, now)?;
        self.publish(now)?;
        Ok(seen)
    }

    /// Settles those members of a renewed batch again whose verdicts its renewal may change.
    pub(crate) fn revive(&mut self, seen: &BatchSeen, now: Timestamp) -> Result<(), EngineError> {
        let batch = BatchKey::of(seen);
        let faded = self.store.faded(&batch)?;
        for keys in faded.chunks(SETTLED_AT_ONCE) {
            let still = self.settle_again(keys, now)?;
            let fresh = keys.iter().filter(|key| !still.contains(&(batch, **key)));
            self.store.clear_faded(&batch, fresh.copied())?;
        }
        Ok(())
    }

    /// Takes in rows of an import.
    pub fn import_rows(&mut self, import: &mut Import, rows: Vec<Row>) -> Result<(), EngineError> {
        for row in rows {
            let known = import.before.binary_search(&row.member).is_ok();
            if !import.seen.insert(row.member) || known {
                import.counts.duplicate += 1;
                continue;
            }
            import.waiting.push(row);
        }
        if import.waiting.len() >= ROWS_AT_ONCE {
            self.flush(import)?;
        }
        Ok(())
    }

    fn flush(&mut self, import: &mut Import) -> Result<(), EngineError> {
        let rows = std::mem::take(&mut import.waiting);
        let mut bytes = Vec::with_capacity(rows.len() * 80);
        let mut ends = Vec::with_capacity(rows.len());
        let mut update = Update::default();
        for row in rows {
            let evidence = evidence(row.observation, &row.member, import);
            record::encode_evidence(&evidence, &mut bytes);
            ends.push(bytes.len());
            update.put(row.member.dossier, evidence);
        }
        if ends.is_empty() {
            return Ok(());
        }
        let written = self.write(&bytes, &ends)?;
        drop((bytes, ends));
        self.take_in_counted(update, written, import)
    }

    fn take_in_counted(
        &mut self,
        update: Update,
        written: Positions,
        import: &mut Import,
    ) -> Result<(), EngineError> {
        if written.first != self.store.position()? + 1 {
            import.counts.accepted += update.len() as u64;
            return self.replay(import.at).map(drop);
        }
        let (epoch, store) = (Arc::clone(&self.epoch), Arc::clone(&self.store));
        let mut settler: Settler<'_> = self.settler(&epoch, &store, import.at);
        store.take_in(update, written.end - 1, |key, dossier, effects| {
            for effect in effects {
                match effect {
                    Effect::Added => import.counts.accepted += 1,
                    Effect::Renewed | Effect::Nothing => import.counts.duplicate += 1,
                    Effect::Ended => import.counts.expired += 1,
                }
            }
            settler.settle(key, dossier);
        })?;
        let outcome = settler.finish()?;
        self.note(outcome);
        Ok(())
    }

    /// Ends an import: what vanished from a full feed ends, the batch is marked as seen, and the
    /// changes become visible. How many rows were `read` and `rejected` is only noted.
    pub fn finish_import(
        &mut self,
        mut import: Import,
        read: u64,
        rejected: u64,
    ) -> Result<BatchSeen, EngineError> {
        self.flush(&mut import)?;
        let gone = self.vanished(&import)?;
        import.counts.read = read;
        import.counts.rejected = rejected;
        import.counts.expired = gone.len() as u64;
        let seen = BatchSeen {
            tenant: import.terms.tenant,
            source: import.terms.source,
            batch: import.batch,
            revision: import.revision,
            at: import.at,
            full: import.terms.full,
            digest: import.terms.digest,
            counts: import.counts,
        };
        let mut records: Vec<Record> = gone.into_iter().map(Record::Retraction).collect();
        records.push(Record::BatchSeen(seen.clone()));
        self.append_only(records, import.at)?;
        self.revive(&seen, import.at)?;
        self.publish(import.at)?;
        Ok(seen)
    }

    /// What the last snapshot had and this one has not.
    fn vanished(&self, import: &Import) -> Result<Vec<Retraction>, EngineError> {
        let mut gone = Vec::new();
        for member in import.before.iter().filter(|member| !import.seen.contains(member)) {
            let Some(dossier) = self.store.dossier(&member.dossier)? else {
                continue;
            };
            let indicator = Indicator::from_payload(member.dossier.tag(), &dossier.payload)
                .map_err(|error| EngineError::Refused(error.to_string()))?;
            gone.push(Retraction {
                tenant: import.terms.tenant,
                source: import.terms.source,
                indicator,
                scope: member.dossier.scope(),
                record: member.record,
                at: import.at,
            });
        }
        Ok(gone)
    }
}

fn evidence(observation: Observation, member: &Member, import: &Import) -> Evidence {
    let terms = &import.terms;
    // A row cannot have been seen after it was read, whatever its clock says.
    let first_seen = observation.first_seen.unwrap_or(import.at).min(import.at);
    Evidence {
        tenant: terms.tenant,
        source: terms.source,
        indicator: observation.indicator,
        scope: observation.scope,
        record: member.record,
        revision: import.revision,
        batch: import.batch,
        stance: observation.stance,
        category: observation.category.unwrap_or(terms.category),
        confidence: observation.confidence.unwrap_or(terms.confidence),
        first_seen,
        last_seen: import.at,
        until: observation.until,
        tlp: terms.tlp,
        sharing: terms.sharing,
        details: observation.details,
    }
}
