//! Taking in a feed: what is new joins, what is still there is renewed, what is gone ends.

use crate::engine::SETTLED_AT_ONCE;
use crate::{Engine, EngineError};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use wardnet_journal::record;
use wardnet_model::{
    BatchId, BatchSeen, Category, Evidence, ImportCounts, Indicator, Observation, Record, RecordId,
    Retraction, Sharing, SourceId, TenantId, Timestamp, Tlp,
};
use wardnet_store::{BatchKey, BatchState, DossierKey, Member, Update};

/// Rows that are written, made durable and folded in together.
const ROWS_AT_ONCE: usize = 1 << 15;

/// Stands for the digest of a snapshot that an import has begun to change.
const UNFINISHED: [u8; 32] = [0; 32];

/// Rows of an import that are known again, at least.
const ROWS_REMEMBERED: usize = 1 << 16;

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

/// What an import makes of a row besides its terms.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    at: Timestamp,
    batch: BatchId,
    revision: u64,
}

/// Makes rows ready to be written: all that costs time is done where they are read.
#[derive(Debug)]
pub struct Packer {
    terms: ImportTerms,
    stamp: Stamp,
    parcel: Parcel,
}

impl Packer {
    /// Adds a row to the parcel.
    pub fn push(&mut self, observation: Observation) {
        let dossier = DossierKey::of(&observation.indicator, observation.scope);
        let record = record_id(&observation, &self.terms);
        let evidence = evidence(observation, record, &self.terms, self.stamp);
        record::encode_evidence(&evidence, &mut self.parcel.bytes);
        let end = self.parcel.bytes.len();
        self.parcel.rows.push(Row { member: Member { dossier, record }, evidence, end });
    }

    /// How many rows wait in the parcel.
    pub const fn len(&self) -> usize {
        self.parcel.rows.len()
    }

    /// Whether none does.
    pub const fn is_empty(&self) -> bool {
        self.parcel.rows.is_empty()
    }

    /// The parcel; the next row begins a new one.
    pub fn take(&mut self) -> Parcel {
        let (rows, bytes) = (self.parcel.rows.len(), self.parcel.bytes.len());
        let next = Parcel { rows: Vec::with_capacity(rows), bytes: Vec::with_capacity(bytes) };
        std::mem::replace(&mut self.parcel, next)
    }
}

/// Rows ready to be written.
#[derive(Debug, Default)]
pub struct Parcel {
    rows: Vec<Row>,
    /// The rows' records in the journal, one after the other.
    bytes: Vec<u8>,
}

impl Parcel {
    /// How many rows are in it.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// One row: its place, what it says, and where its record ends.
#[derive(Debug)]
struct Row {
    member: Member,
    evidence: Evidence,
    end: usize,
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
    // A row that is marked otherwise is another one.
    bytes.extend(observation.tlp.map(Tlp::tag));
    RecordId(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// The last snapshot, and which of its members were met again.
#[derive(Debug)]
struct Before {
    /// In order; none for a plain import.
    members: Vec<Member>,
    met: Vec<bool>,
}

impl Before {
    /// Notes that a member was met, if it is one.
    fn meet(&mut self, member: &Member) -> bool {
        let Ok(at) = self.members.binary_search(member) else { return false };
        self.met[at] = true;
        true
    }

    fn missed(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().zip(&self.met).filter(|(_, met)| !**met).map(|(member, _)| member)
    }
}

/// The last rows that were read. Rows that stand twice in a file mostly stand close together, and
/// remembering all rows would take memory for each of them.
#[derive(Debug)]
struct Lately {
    rows: FxHashSet<Member>,
    older: FxHashSet<Member>,
    /// How many rows are remembered at least, and half of how many at most.
    count: usize,
}

impl Lately {
    fn of(count: usize) -> Self {
        Self { rows: FxHashSet::default(), older: FxHashSet::default(), count }
    }

    /// Whether a row is among them; from now on it is.
    fn has(&mut self, row: Member) -> bool {
        if self.rows.contains(&row) {
            return true;
        }
        let is_older = self.older.contains(&row);
        if self.rows.len() >= self.count {
            std::mem::swap(&mut self.rows, &mut self.older);
            self.rows.clear();
        }
        self.rows.insert(row);
        is_older
    }
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
    /// Says that it is under way.
    under_way: Arc<()>,
    terms: ImportTerms,
    stamp: Stamp,
    before: Before,
    lately: Lately,
    update: Update,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    counts: ImportCounts,
}

impl Import {
    /// What makes its rows ready, on any thread.
    pub fn packer(&self) -> Packer {
        Packer { terms: self.terms.clone(), stamp: self.stamp, parcel: Parcel::default() }
    }

    /// The same bytes say something else later, so they are read again when they come back.
    pub const fn read_again(&mut self) {
        self.terms.digest = UNFINISHED;
    }
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
            let BatchSeen { digest, full, .. } = state.seen;
            (digest, full) == (terms.digest, terms.full) && digest != UNFINISHED
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
            under_way: Arc::clone(&self.importing),
            terms,
            stamp: Stamp { at: now, batch, revision },
            before: Before { met: vec![false; before.len()], members: before },
            lately: Lately::of(ROWS_REMEMBERED),
            update: Update::default(),
            bytes: Vec::new(),
            ends: Vec::new(),
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
        let mut after = None;
        loop {
            let keys = self.store.faded(&batch, after, SETTLED_AT_ONCE)?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(*last);
            let still = self.settle_again(&keys, now)?;
            let fresh = keys.iter().filter(|key| !still.contains(&(batch, **key)));
            self.store.clear_faded(&batch, fresh.copied())?;
        }
    }

    /// Takes in rows of an import.
    pub fn import_rows(&mut self, import: &mut Import, parcel: Parcel) -> Result<(), EngineError> {
        let mut from = 0;
        for row in parcel.rows {
            let record = parcel.bytes.get(from..row.end).unwrap_or_default();
            from = row.end;
            // What was read too long ago to be remembered is written again, and changes nothing.
            if import.before.meet(&row.member) || import.lately.has(row.member) {
                import.counts.duplicate += 1;
                continue;
            }
            import.bytes.extend_from_slice(record);
            import.ends.push(import.bytes.len());
            import.update.put(row.member.dossier, row.evidence);
        }
        if import.update.len() >= ROWS_AT_ONCE {
            self.flush(import)?;
        }
        Ok(())
    }

    fn flush(&mut self, import: &mut Import) -> Result<(), EngineError> {
        let update = std::mem::take(&mut import.update);
        let count = update.len() as u64;
        if update.is_empty() {
            return Ok(());
        }
        self.begin_changing(import)?;
        let written = self.write(&import.bytes, &import.ends);
        import.bytes.clear();
        import.ends.clear();
        let written = written?;
        if written.first != self.store.position()? + 1 {
            import.counts.accepted += count;
            return self.replay(import.stamp.at).map(drop);
        }
        let (room, asked) = (self.room_of_import(update.len()), self.rebuild.asked());
        let taken = self.take_in(update, written.end - 1, room, import.stamp.at);
        self.import_hides |= self.rebuild.take_back(asked);
        let taken = taken?;
        import.counts.accepted += taken.accepted;
        import.counts.duplicate += taken.duplicate;
        import.counts.expired += taken.expired;
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
        import.counts.expired = self.end_vanished(&import)?;
        import.counts.read = read;
        import.counts.rejected = rejected;
        let seen = BatchSeen {
            tenant: import.terms.tenant,
            source: import.terms.source,
            batch: import.stamp.batch,
            revision: import.stamp.revision,
            at: import.stamp.at,
            full: import.terms.full,
            digest: import.terms.digest,
            counts: import.counts,
        };
        let at = import.stamp.at;
        self.append_only(vec![Record::BatchSeen(seen.clone())], at)?;
        self.revive(&seen, at)?;
        let Import { under_way, .. } = import;
        drop(under_way);
        self.publish(at)?;
        Ok(seen)
    }

    /// Takes back, before anything of a source's snapshot changes, which bytes it was: should the
    /// import not end, those bytes are read again when they come back.
    fn begin_changing(&mut self, import: &Import) -> Result<(), EngineError> {
        let known = self.store.batches_of(import.terms.tenant, import.terms.source);
        let is_it = |seen: &BatchSeen| import.terms.full && seen.batch == BatchId::SNAPSHOT;
        let last = known.into_iter().map(|state| state.seen).find(is_it);
        let Some(last) = last.filter(|seen| seen.digest != UNFINISHED) else { return Ok(()) };
        let seen = BatchSeen { digest: UNFINISHED, ..last };
        self.append_only(vec![Record::BatchSeen(seen)], import.stamp.at)
    }

    /// Ends what the last snapshot had and this one has not; gives how much that is.
    fn end_vanished(&mut self, import: &Import) -> Result<u64, EngineError> {
        let mut missed = import.before.missed().peekable();
        if missed.peek().is_some() {
            self.begin_changing(import)?;
        }
        let mut ended = 0;
        while missed.peek().is_some() {
            let mut gone = Vec::new();
            for member in missed.by_ref().take(SETTLED_AT_ONCE) {
                gone.extend(self.retraction(import, member)?.map(Record::Retraction));
            }
            ended += gone.len() as u64;
            self.append_only(gone, import.stamp.at)?;
        }
        Ok(ended)
    }

    fn retraction(
        &self,
        import: &Import,
        member: &Member,
    ) -> Result<Option<Retraction>, EngineError> {
        let Some(dossier) = self.store.dossier(&member.dossier)? else {
            return Ok(None);
        };
        let indicator = Indicator::from_payload(member.dossier.tag(), &dossier.payload)
            .map_err(|error| EngineError::Refused(error.to_string()))?;
        Ok(Some(Retraction {
            tenant: import.terms.tenant,
            source: import.terms.source,
            indicator,
            scope: member.dossier.scope(),
            record: member.record,
            at: import.stamp.at,
        }))
    }
}

fn evidence(
    observation: Observation,
    record: RecordId,
    terms: &ImportTerms,
    stamp: Stamp,
) -> Evidence {
    // A row cannot have been seen after it was read, whatever its clock says.
    let first_seen = observation.first_seen.unwrap_or(stamp.at).min(stamp.at);
    Evidence {
        tenant: terms.tenant,
        source: terms.source,
        indicator: observation.indicator,
        scope: observation.scope,
        record,
        revision: stamp.revision,
        batch: stamp.batch,
        stance: observation.stance,
        category: observation.category.unwrap_or(terms.category),
        confidence: observation.confidence.unwrap_or(terms.confidence),
        first_seen,
        last_seen: stamp.at,
        until: observation.until,
        tlp: observation.tlp.map_or(terms.tlp, |tlp| tlp.max(terms.tlp)),
        sharing: terms.sharing,
        details: observation.details,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_known_again_as_long_as_not_too_many_came_between() {
        let row = |number: u64| Member { dossier: DossierKey([7; 22]), record: RecordId(number) };
        let mut lately = Lately::of(3);
        assert!(!lately.has(row(1)) && lately.has(row(1)));
        // Three others come between, again and again: it is remembered each time.
        for round in 1..9 {
            assert!((0..3).all(|other| !lately.has(row(10 * round + other))), "{round}");
            assert!(lately.has(row(1)), "{round}");
        }
        for other in 100..106 {
            lately.has(row(other));
        }
        assert!(!lately.has(row(1)), "twice as many are forgotten");
        assert!(lately.rows.len() <= 3 && lately.older.len() <= 3);
    }
}
