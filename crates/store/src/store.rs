//! The store itself: one embedded engine, one folder, one writer.

use crate::dossier::{Dossier, DossierKey, Effect, Held, Limits, Mutation};
use crate::error::StoreError;
use crate::members::{self, Member};
use crate::{BatchKey, BatchState, Front, codec, relations};
use fjall::{Keyspace, KeyspaceCreateOptions, PersistMode, Readable as _};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use wardnet_journal::record;
use wardnet_model::{
    BatchId, BatchSeen, Calibration, Indicator, Record, Relation, SourceId, TenantId, Timestamp,
};

/// The layout of the engine's contents; another number means: rebuild.
const LAYOUT: u64 = 1;

const POSITION: &[u8] = b"position";
const LAYOUT_KEY: &[u8] = b"layout";
const SETTLED_EPOCH: &[u8] = b"settled epoch";

/// How much memory the store may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of blocks kept in memory. Default 8 MiB.
    pub cache_bytes: u64,
    /// Bytes of writes gathered in memory before they become a file, per table. Default 16 MiB.
    pub memtable_bytes: u64,
    /// What one dossier may hold.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 8 << 20, memtable_bytes: 16 << 20, limits: Limits::default() }
    }
}

/// Records on their way into the store, sorted out by what they touch.
#[derive(Debug, Default)]
pub struct Update {
    dossiers: Vec<(DossierKey, Indicator, Mutation)>,
    batches: Vec<BatchSeen>,
    relations: Vec<Relation>,
    calibrations: Vec<Calibration>,
}

impl Update {
    /// Adds the record.
    pub fn push(&mut self, record: Record) {
        match record {
            Record::Evidence(evidence) => {
                let key = DossierKey::of(&evidence.indicator, evidence.scope);
                self.put(key, evidence);
            }
            Record::Retraction(retraction) => {
                let key = DossierKey::of(&retraction.indicator, retraction.scope);
                let end = Mutation::end(&retraction);
                self.dossiers.push((key, retraction.indicator, end));
            }
            Record::Decision(decision) => {
                let key = DossierKey::of(&decision.indicator, decision.scope);
                let indicator = decision.indicator.clone();
                self.dossiers.push((key, indicator, Mutation::Decide(decision)));
            }
            Record::BatchSeen(seen) => self.batches.push(seen),
            Record::Relation(relation) => self.relations.push(relation),
            Record::Calibration(calibration) => self.calibrations.push(calibration),
            _ => {}
        }
    }

    /// Adds evidence whose place is already known: the key costs a hash.
    pub fn put(&mut self, key: DossierKey, evidence: wardnet_model::Evidence) {
        let indicator = evidence.indicator.clone();
        self.dossiers.push((key, indicator, Mutation::Put(Held::from(evidence))));
    }

    /// How many mutations of dossiers it holds.
    pub fn len(&self) -> usize {
        self.dossiers.len()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.dossiers.is_empty()
            && self.batches.is_empty()
            && self.relations.is_empty()
            && self.calibrations.is_empty()
    }
}

/// A dossier whose verdict was to change by itself, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub dossier: DossierKey,
}

/// Evidence, decisions, batches, relations and calibrations by what they are about.
///
/// Readers may read at any time; one thread at a time writes.
pub struct Store {
    database: fjall::Database,
    dossiers: Keyspace,
    crossings: Keyspace,
    batches: Keyspace,
    members: Keyspace,
    relations: Keyspace,
    calibrations: Keyspace,
    faded: Keyspace,
    meta: Keyspace,
    /// All batches: few, and read for every piece of evidence that is scored.
    seen: RwLock<BTreeMap<BatchKey, BatchState>>,
    limits: Limits,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a folder, or makes an empty one.
    pub fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let database = fjall::Database::builder(path)
            .cache_size(options.cache_bytes)
            .worker_threads(1)
            .max_journaling_size(64 << 20)
            .open()?;
        let keyspace = |name: &str| {
            database.keyspace(name, || {
                KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes)
            })
        };
        let store = Self {
            dossiers: keyspace("dossiers")?,
            crossings: keyspace("crossings")?,
            batches: keyspace("batches")?,
            members: keyspace("members")?,
            relations: keyspace("relations")?,
            calibrations: keyspace("calibrations")?,
            faded: keyspace("faded")?,
            meta: keyspace("meta")?,
            seen: RwLock::new(BTreeMap::new()),
            limits: options.limits,
            database,
        };
        match store.number(LAYOUT_KEY)? {
            None => store.meta.insert(LAYOUT_KEY, LAYOUT.to_be_bytes())?,
            Some(LAYOUT) => {}
            Some(found) => return Err(StoreError::Layout { found, expected: LAYOUT }),
        }
        store.load_batches()?;
        Ok(store)
    }

    fn load_batches(&self) -> Result<(), StoreError> {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        for guard in self.batches.iter() {
            let state = BatchState::decode(&guard.value()?)?;
            seen.insert(BatchKey::of(&state.seen), state);
        }
        Ok(())
    }

    fn number(&self, key: &[u8]) -> Result<Option<u64>, StoreError> {
        let Some(bytes) = self.meta.get(key)? else {
            return Ok(None);
        };
        let bytes = <[u8; 8]>::try_from(&*bytes);
        bytes
            .map(|b| Some(u64::from_be_bytes(b)))
            .map_err(|_| StoreError::Damaged { what: "number" })
    }

    /// The sequence number of the last journal record taken in; zero before any.
    pub fn position(&self) -> Result<u64, StoreError> {
        Ok(self.number(POSITION)?.unwrap_or(0))
    }

    /// Takes in records up to journal `position`, all or nothing.
    ///
    /// `settle` is called once for every dossier touched, with what was done to it, after the
    /// mutations and before it is written: the place to score it and set what is published.
    pub fn take_in(
        &self,
        mut update: Update,
        position: u64,
        mut settle: impl FnMut(&DossierKey, &mut Dossier, &[Effect]),
    ) -> Result<(), StoreError> {
        let mut writes = self.database.batch();
        self.write_batches(&mut writes, &update.batches);
        update.dossiers.sort_by_key(|(key, ..)| *key);
        self.write_members(&mut writes, &update.dossiers)?;
        let mut effects = Vec::new();
        let mut bytes = Vec::new();
        let mut mutations = update.dossiers.into_iter().peekable();
        while let Some((key, indicator, first)) = mutations.next() {
            let old = self.dossiers.get(key.0)?;
            let mut dossier = match &old {
                Some(bytes) => codec::decode(bytes)?,
                None => Dossier::new(&indicator),
            };
            effects.clear();
            effects.push(dossier.apply(first, &self.limits));
            while let Some((_, _, next)) = mutations.next_if(|(other, ..)| *other == key) {
                effects.push(dossier.apply(next, &self.limits));
            }
            if effects.iter().all(|effect| *effect == Effect::Nothing) && old.is_some() {
                let published = dossier.published.clone();
                let mut again = dossier.clone();
                settle(&key, &mut again, &effects);
                if again.published == published {
                    continue;
                }
                self.write_dossier(&mut writes, &key, &mut dossier, &mut bytes, |dossier| {
                    *dossier = again;
                });
                continue;
            }
            self.write_dossier(&mut writes, &key, &mut dossier, &mut bytes, |dossier| {
                settle(&key, dossier, &effects);
            });
        }
        for relation in &update.relations {
            bytes.clear();
            record::encode(&Record::Relation(relation.clone()), &mut bytes);
            for key in relations::keys(relation) {
                writes.insert(&self.relations, key.as_slice(), bytes.as_slice());
            }
        }
        for calibration in update.calibrations {
            bytes.clear();
            let key = calibration.epoch.to_be_bytes();
            record::encode(&Record::Calibration(calibration), &mut bytes);
            writes.insert(&self.calibrations, key.as_slice(), bytes.as_slice());
        }
        writes.insert(&self.meta, POSITION, position.to_be_bytes().as_slice());
        writes.commit()?;
        Ok(())
    }

    fn write_batches(&self, writes: &mut fjall::OwnedWriteBatch, batches: &[BatchSeen]) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        for batch in batches {
            let state = BatchState { seen: batch.clone() };
            let key = BatchKey::of(batch);
            if seen.get(&key).is_some_and(|known| known.seen.revision > batch.revision) {
                continue;
            }
            writes.insert(&self.batches, key.bytes().as_slice(), state.encode().as_slice());
            seen.insert(key, state);
        }
    }

    /// Keeps the membership of snapshots in step with the evidence that belongs to them.
    fn write_members(
        &self,
        writes: &mut fjall::OwnedWriteBatch,
        dossiers: &[(DossierKey, Indicator, Mutation)],
    ) -> Result<(), StoreError> {
        // What happened to a member last counts: it may end and join again in one update.
        let mut chunks: BTreeMap<[u8; 9], BTreeMap<Member, bool>> = BTreeMap::new();
        for (dossier, _, mutation) in dossiers {
            let (tenant, source, record, joins) = match mutation {
                Mutation::Put(held) if held.batch == BatchId::SNAPSHOT => {
                    (held.tenant, held.source, held.record, true)
                }
                Mutation::End { tenant, source, record } => (*tenant, *source, *record, false),
                _ => continue,
            };
            let member = Member { dossier: *dossier, record };
            let key = members::chunk_key(tenant, source, member.chunk());
            chunks.entry(key).or_default().insert(member, joins);
        }
        for (key, moves) in chunks {
            let old = self.members.get(key)?;
            let new = members::update(old.as_deref().unwrap_or_default(), &moves);
            if old.as_deref() != Some(&new) {
                writes.insert(&self.members, key.as_slice(), new.as_slice());
            }
        }
        Ok(())
    }

    fn write_dossier(
        &self,
        writes: &mut fjall::OwnedWriteBatch,
        key: &DossierKey,
        dossier: &mut Dossier,
        bytes: &mut Vec<u8>,
        settle: impl FnOnce(&mut Dossier),
    ) {
        let crossing = dossier.published.next_crossing;
        settle(dossier);
        let next = dossier.published.next_crossing;
        if next != crossing && next.0 != 0 {
            writes.insert(&self.crossings, crossing_key(next, key).as_slice(), [].as_slice());
        }
        if dossier.is_empty() {
            writes.remove(&self.dossiers, key.0.as_slice());
            return;
        }
        bytes.clear();
        codec::encode(dossier, bytes);
        writes.insert(&self.dossiers, key.0.as_slice(), bytes.as_slice());
    }

    /// Visits dossiers again, because time or calibration changed, and writes what `settle` changed.
    pub fn revisit(
        &self,
        keys: impl IntoIterator<Item = DossierKey>,
        settle: impl FnMut(&DossierKey, &mut Dossier),
    ) -> Result<(), StoreError> {
        self.revisit_with(self.database.batch(), keys, settle)
    }

    /// Visits dossiers whose verdict was to change, and takes them off the list of those in the
    /// same write: a crash leaves them due.
    pub fn revisit_due(
        &self,
        due: &[Due],
        settle: impl FnMut(&DossierKey, &mut Dossier),
    ) -> Result<(), StoreError> {
        let mut writes = self.database.batch();
        for due in due {
            writes.remove(&self.crossings, crossing_key(due.at, &due.dossier).as_slice());
        }
        let keys: BTreeSet<DossierKey> = due.iter().map(|due| due.dossier).collect();
        self.revisit_with(writes, keys, settle)
    }

    fn revisit_with(
        &self,
        mut writes: fjall::OwnedWriteBatch,
        keys: impl IntoIterator<Item = DossierKey>,
        mut settle: impl FnMut(&DossierKey, &mut Dossier),
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for key in keys {
            let Some(old) = self.dossiers.get(key.0)? else {
                continue;
            };
            let mut dossier = codec::decode(&old)?;
            self.write_dossier(&mut writes, &key, &mut dossier, &mut bytes, |dossier| {
                settle(&key, dossier);
            });
        }
        writes.commit()?;
        Ok(())
    }

    /// Up to `limit` dossiers whose verdict was to change by `now`, the earliest first.
    pub fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let end = crossing_key(now.plus_secs(1), &DossierKey([0; 22]));
        let mut due = Vec::new();
        for guard in self.crossings.range(..end).take(limit) {
            let key = guard.key()?;
            if let Some((at, dossier)) = key.split_first_chunk::<8>()
                && let Ok(dossier) = dossier.try_into()
            {
                let at = Timestamp(u64::from_be_bytes(*at));
                due.push(Due { at, dossier: DossierKey(dossier) });
            }
        }
        Ok(due)
    }

    /// When the next verdict changes by itself.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(guard) = self.crossings.first_key_value() else {
            return Ok(None);
        };
        let key = guard.key()?;
        Ok(key.first_chunk::<8>().map(|time| Timestamp(u64::from_be_bytes(*time))))
    }

    /// One dossier.
    pub fn dossier(&self, key: &DossierKey) -> Result<Option<Dossier>, StoreError> {
        self.dossiers.get(key.0)?.map(|bytes| codec::decode(&bytes)).transpose()
    }

    /// How many dossiers there are, roughly.
    pub fn len_roughly(&self) -> usize {
        self.dossiers.approximate_len()
    }

    /// Every dossier without its evidence, in order, as of now; writes meanwhile are not seen.
    pub fn for_each_front<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(DossierKey, Front<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let snapshot = self.database.snapshot();
        for guard in snapshot.iter(&self.dossiers) {
            let (key, value) = guard.into_inner().map_err(StoreError::from)?;
            let key =
                key[..].try_into().map_err(|_| StoreError::Damaged { what: "dossier's key" })?;
            visit(DossierKey(key), codec::decode_front(&value)?)?;
        }
        Ok(())
    }

    /// Keys of dossiers, from `after` on (not included), at most `limit`.
    pub fn keys_after(
        &self,
        after: Option<DossierKey>,
        limit: usize,
    ) -> Result<Vec<DossierKey>, StoreError> {
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.0.to_vec()));
        let mut keys = Vec::new();
        for guard in self.dossiers.range((from, Bound::Unbounded)).take(limit) {
            if let Ok(key) = <[u8; 22]>::try_from(&*guard.key()?) {
                keys.push(DossierKey(key));
            }
        }
        Ok(keys)
    }

    /// The relations that touch an indicator.
    pub fn relations_of(&self, indicator: &Indicator) -> Result<Vec<Relation>, StoreError> {
        const SHOWN_MAX: usize = 1000;
        let mut found = Vec::new();
        for guard in self.relations.prefix(relations::prefix(indicator)).take(SHOWN_MAX) {
            match record::decode(&guard.value()?)? {
                Record::Relation(relation) => found.push(relation),
                _ => return Err(StoreError::Damaged { what: "relation" }),
            }
        }
        Ok(found)
    }

    /// Every calibration record, in order.
    pub fn calibrations(&self) -> Result<Vec<Calibration>, StoreError> {
        let mut all = Vec::new();
        for guard in self.calibrations.iter() {
            match record::decode(&guard.value()?)? {
                Record::Calibration(calibration) => all.push(calibration),
                _ => return Err(StoreError::Damaged { what: "calibration" }),
            }
        }
        Ok(all)
    }

    /// The state of a batch.
    pub fn batch(&self, key: &BatchKey) -> Option<BatchState> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// When a batch was last seen.
    pub fn batch_seen_at(&self, key: &BatchKey) -> Option<Timestamp> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.get(key).map(|state| state.seen.at)
    }

    /// Every batch of a source.
    pub fn batches_of(&self, tenant: TenantId, source: SourceId) -> Vec<BatchState> {
        let key = |batch| BatchKey { tenant, source, batch: BatchId(batch) };
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.range(key(0)..=key(u64::MAX)).map(|(_, state)| state.clone()).collect()
    }

    /// When evidence was last seen, renewals of its batch included.
    pub fn last_seen(&self, held: &Held) -> Timestamp {
        if held.batch == BatchId::NONE {
            return held.last_seen;
        }
        let key = BatchKey { tenant: held.tenant, source: held.source, batch: held.batch };
        self.batch_seen_at(&key).map_or(held.last_seen, |at| at.max(held.last_seen))
    }

    /// Notes that a renewal of a batch would change the verdict of one of its members.
    pub fn mark_faded(&self, batch: &BatchKey, dossier: &DossierKey) -> Result<(), StoreError> {
        Ok(self.faded.insert(faded_key(batch, dossier), [])?)
    }

    /// The members of a batch whose verdict a renewal would change.
    pub fn faded(&self, batch: &BatchKey) -> Result<Vec<DossierKey>, StoreError> {
        self.faded_from(&batch.bytes())
    }

    /// All dossiers whose verdict some renewal would change.
    pub fn all_faded(&self) -> Result<Vec<DossierKey>, StoreError> {
        let mut all = self.faded_from(&[])?;
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    fn faded_from(&self, prefix: &[u8]) -> Result<Vec<DossierKey>, StoreError> {
        let mut all = Vec::new();
        for guard in self.faded.prefix(prefix) {
            if let Some(dossier) = guard.key()?.get(16..).and_then(|rest| rest.try_into().ok()) {
                all.push(DossierKey(dossier));
            }
        }
        Ok(all)
    }

    /// Notes that the verdicts of these members are what a renewal of the batch made them.
    pub fn clear_faded(
        &self,
        batch: &BatchKey,
        dossiers: impl IntoIterator<Item = DossierKey>,
    ) -> Result<(), StoreError> {
        let mut writes = self.database.batch();
        for dossier in dossiers {
            writes.remove(&self.faded, faded_key(batch, &dossier).as_slice());
        }
        writes.commit()?;
        Ok(())
    }

    /// The calibration epoch under which every dossier was settled; zero before any.
    pub fn settled_epoch(&self) -> Result<u64, StoreError> {
        Ok(self.number(SETTLED_EPOCH)?.unwrap_or(0))
    }

    /// Notes that every dossier was settled under an epoch.
    pub fn set_settled_epoch(&self, epoch: u32) -> Result<(), StoreError> {
        Ok(self.meta.insert(SETTLED_EPOCH, u64::from(epoch).to_be_bytes())?)
    }

    /// The members of a source's latest snapshot, sorted.
    pub fn snapshot_members(
        &self,
        tenant: TenantId,
        source: SourceId,
    ) -> Result<Vec<Member>, StoreError> {
        let mut all = Vec::new();
        for chunk in 0..members::CHUNKS {
            if let Some(bytes) = self.members.get(members::chunk_key(tenant, source, chunk))? {
                all.extend(members::decode(&bytes));
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Makes everything taken in so far survive a power failure.
    pub fn persist(&self) -> Result<(), StoreError> {
        self.database.persist(PersistMode::SyncAll)?;
        Ok(())
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_space().unwrap_or(0)
    }
}

fn faded_key(batch: &BatchKey, dossier: &DossierKey) -> [u8; 38] {
    let mut key = [0u8; 38];
    key[..16].copy_from_slice(&batch.bytes());
    key[16..].copy_from_slice(&dossier.0);
    key
}

fn crossing_key(at: Timestamp, dossier: &DossierKey) -> [u8; 30] {
    let mut key = [0u8; 30];
    key[..8].copy_from_slice(&at.0.to_be_bytes());
    key[8..].copy_from_slice(&dossier.0);
    key
}

#[cfg(test)]
mod tests;
