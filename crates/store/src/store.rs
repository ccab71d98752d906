//! The store itself: one embedded engine, one folder, one writer.

use crate::dossier::{Dossier, DossierKey, Held, Limits, Mutation};
use crate::error::StoreError;
use crate::fold::{self, Folded, Settle, crossing_key};
use crate::listings::{self, Listing};
use crate::members::{self, Member};
use crate::tables::Tables;
use crate::{BatchKey, BatchState, Front, Snapshot, codec, relations};
use fjall::PersistMode;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use wardnet_journal::record;
use wardnet_model::{
    BatchId, BatchSeen, Calibration, Indicator, Record, Relation, SourceId, TenantId, Timestamp,
};

/// The layout of the engine's contents; another number means: rebuild.
const LAYOUT: u64 = 3;

/// How long opening again waits for those who read.
const READERS_WAIT: Duration = Duration::from_secs(30);

/// How often it looks whether they have ended.
const READERS_LOOK: Duration = Duration::from_millis(5);

/// Bytes of writes that may be left for the next opening to gather again.
const GATHERED_MAX: u64 = 1 << 20;

/// How long the end waits for gathered writes to become files. They are safe either way.
const WRITE_OUT_WAIT: Duration = Duration::from_secs(10);

const POSITION: &[u8] = b"position";
const LAYOUT_KEY: &[u8] = b"layout";
const SETTLED_EPOCH: &[u8] = b"settled epoch";
/// Says that everything is in its listings.
const LISTED: &[u8] = b"listed";

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
        let (indicator, held) = Held::split(evidence);
        self.dossiers.push((key, indicator, Mutation::Put(held)));
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
    path: PathBuf,
    options: Options,
    /// The engine's tables; none while the engine is being opened again, or when it could not be.
    tables: RwLock<Option<Arc<Tables>>>,
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
        let store = Self {
            path: path.to_path_buf(),
            options: *options,
            tables: RwLock::new(None),
            seen: RwLock::new(BTreeMap::new()),
            limits: options.limits,
        };
        store.open_tables()?;
        Ok(store)
    }

    /// As [`Self::open`]. What another version wrote is thrown away, since the journal has all of it;
    /// says whether it was.
    pub fn open_or_begin(path: &Path, options: &Options) -> Result<(Self, bool), StoreError> {
        match Self::open(path, options) {
            Err(StoreError::Layout { .. }) => {
                std::fs::remove_dir_all(path).map_err(fjall::Error::Io)?;
                Ok((Self::open(path, options)?, true))
            }
            opened => Ok((opened?, false)),
        }
    }

    fn open_tables(&self) -> Result<(), StoreError> {
        let tables = Tables::open(&self.path, &self.options)?;
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(tables));
        match self.number(LAYOUT_KEY)? {
            None => self.tables()?.meta.insert(LAYOUT_KEY, LAYOUT.to_be_bytes())?,
            Some(LAYOUT) => {}
            Some(found) => return Err(StoreError::Layout { found, expected: LAYOUT }),
        }
        self.load_batches()?;
        self.complete_listings()
    }

    fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.clone().ok_or(StoreError::Closed)
    }

    /// Whether the store takes writes: after one that failed the engine refuses all others, until
    /// it is [opened again](Self::reopen).
    pub fn check(&self) -> Result<(), StoreError> {
        Ok(self.tables()?.database.persist(PersistMode::Buffer)?)
    }

    /// Opens the engine again, which then holds what it had before the write that failed, or that
    /// write, too: the caller replays the journal from [`Self::position`] on.
    ///
    /// Whoever reads meanwhile is told that the store is closed. Only the one who writes may call
    /// this. When it fails, it can be tried again.
    pub fn reopen(&self) -> Result<(), StoreError> {
        let old = self.tables.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut old) = old {
            // The engine locks its folder: those who still read have to let go first.
            let mut waited = Duration::ZERO;
            while Arc::get_mut(&mut old).is_none() {
                if waited > READERS_WAIT {
                    *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Some(old);
                    return Err(StoreError::Reading);
                }
                std::thread::sleep(READERS_LOOK);
                waited += READERS_LOOK;
            }
        }
        self.seen.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.open_tables()
    }

    /// Lists what a store holds that was made before anything was listed.
    fn complete_listings(&self) -> Result<(), StoreError> {
        let tables = self.tables()?;
        if self.number(LISTED)?.is_some() {
            return Ok(());
        }
        for guard in tables.dossiers.iter() {
            let (key, value) = guard.into_inner()?;
            let Ok(key) = <[u8; 22]>::try_from(&*key).map(DossierKey) else { continue };
            for listing in Listing::all_of(&key, &codec::decode(&value)?) {
                tables.listings.insert(listing.key(&key), [])?;
            }
        }
        Ok(tables.meta.insert(LISTED, 1u64.to_be_bytes())?)
    }

    fn load_batches(&self) -> Result<(), StoreError> {
        let tables = self.tables()?;
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        for guard in tables.batches.iter() {
            let state = BatchState::decode(&guard.value()?)?;
            seen.insert(BatchKey::of(&state.seen), state);
        }
        Ok(())
    }

    fn number(&self, key: &[u8]) -> Result<Option<u64>, StoreError> {
        let tables = self.tables()?;
        let Some(bytes) = tables.meta.get(key)? else {
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
    /// Every dossier touched is settled once, after the mutations and before it is written: the
    /// place to score it and set what is published.
    pub fn take_in<S: Settle + Send>(
        &self,
        update: Update,
        position: u64,
        settler: &mut S,
    ) -> Result<(), StoreError> {
        self.take_in_with(update, position, (settler, &mut []))
    }

    /// As [`Self::take_in`], on as many threads as there are settlers if there is enough to do.
    /// Stretches of dossiers go to the settlers in order, beginning with the first.
    pub fn take_in_with<S: Settle + Send>(
        &self,
        mut update: Update,
        position: u64,
        settlers: (&mut S, &mut [S]),
    ) -> Result<(), StoreError> {
        let tables = self.tables()?;
        let mut writes = tables.database.batch();
        self.write_batches(&tables, &mut writes, &update.batches);
        update.dossiers.sort_by_key(|(key, ..)| *key);
        self.write_members(&tables, &mut writes, &update.dossiers)?;
        self.write_listings(&tables, &mut writes, &update.dossiers);
        for folded in fold::fold(&tables.dossiers, &self.limits, update.dossiers, settlers)? {
            self.write_folded(&tables, &mut writes, folded);
        }
        let mut bytes = Vec::new();
        for relation in &update.relations {
            bytes.clear();
            record::encode(&Record::Relation(relation.clone()), &mut bytes);
            for key in relations::keys(relation) {
                writes.insert(&tables.relations, key.as_slice(), bytes.as_slice());
            }
        }
        for calibration in update.calibrations {
            bytes.clear();
            let key = calibration.epoch.to_be_bytes();
            record::encode(&Record::Calibration(calibration), &mut bytes);
            writes.insert(&tables.calibrations, key.as_slice(), bytes.as_slice());
        }
        writes.insert(&tables.meta, POSITION, position.to_be_bytes().as_slice());
        writes.commit()?;
        tables.let_up();
        Ok(())
    }

    fn write_folded(&self, tables: &Tables, writes: &mut fjall::OwnedWriteBatch, folded: Folded) {
        for crossing in folded.crossings {
            writes.insert(&tables.crossings, crossing, [].as_slice());
        }
        for (key, contents) in folded.dossiers {
            match contents {
                Some(contents) => writes.insert(&tables.dossiers, key, contents),
                None => writes.remove(&tables.dossiers, key),
            }
        }
    }

    fn write_batches(
        &self,
        tables: &Tables,
        writes: &mut fjall::OwnedWriteBatch,
        batches: &[BatchSeen],
    ) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        for batch in batches {
            let state = BatchState { seen: batch.clone() };
            let key = BatchKey::of(batch);
            if seen.get(&key).is_some_and(|known| known.seen.revision > batch.revision) {
                continue;
            }
            writes.insert(&tables.batches, key.bytes().as_slice(), state.encode().as_slice());
            seen.insert(key, state);
        }
    }

    /// Keeps the membership of snapshots in step with the evidence that belongs to them.
    fn write_members(
        &self,
        tables: &Tables,
        writes: &mut fjall::OwnedWriteBatch,
        dossiers: &[(DossierKey, Indicator, Mutation)],
    ) -> Result<(), StoreError> {
        let mut moves = Vec::new();
        for (dossier, _, mutation) in dossiers {
            let (tenant, source, record, joins) = match mutation {
                Mutation::Put(held) if held.batch == BatchId::SNAPSHOT => {
                    (held.tenant, held.source, held.record, true)
                }
                Mutation::End { tenant, source, record } => (*tenant, *source, *record, false),
                _ => continue,
            };
            let member = Member { dossier: *dossier, record };
            moves.push((members::chunk_key(tenant, source, member.chunk()), member, joins));
        }
        // Stable: what happened to a member last counts, as it may end and join again.
        moves.sort_by_key(|(key, member, _)| (*key, *member));
        for of_chunk in moves.chunk_by(|one, other| one.0 == other.0) {
            let Some((key, ..)) = of_chunk.first() else { continue };
            let old = tables.members.get(key)?;
            let moves = of_chunk.iter().map(|(_, member, joins)| (*member, *joins));
            let new = members::update(old.as_deref().unwrap_or_default(), moves);
            if old.as_deref() != Some(&new) {
                writes.insert(&tables.members, key.as_slice(), new.as_slice());
            }
        }
        Ok(())
    }

    fn write_listings(
        &self,
        tables: &Tables,
        writes: &mut fjall::OwnedWriteBatch,
        dossiers: &[(DossierKey, Indicator, Mutation)],
    ) {
        for (dossier, _, mutation) in dossiers {
            if let Some(listing) = Listing::of(dossier, mutation) {
                writes.insert(&tables.listings, listing.key(dossier).as_slice(), [].as_slice());
            }
        }
    }

    /// Visits dossiers again, because time or calibration changed, and writes what `settle` changed.
    pub fn revisit(
        &self,
        keys: impl IntoIterator<Item = DossierKey>,
        settle: impl FnMut(&DossierKey, &mut Dossier),
    ) -> Result<(), StoreError> {
        let tables = self.tables()?;
        self.revisit_with(tables.database.batch(), keys, settle)
    }

    /// Visits dossiers whose verdict was to change, and takes them off the list of those in the
    /// same write: a crash leaves them due.
    pub fn revisit_due(
        &self,
        due: &[Due],
        settle: impl FnMut(&DossierKey, &mut Dossier),
    ) -> Result<(), StoreError> {
        let tables = self.tables()?;
        let mut writes = tables.database.batch();
        for due in due {
            writes.remove(&tables.crossings, crossing_key(due.at, &due.dossier).as_slice());
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
        let tables = self.tables()?;
        let mut folded = Folded::default();
        for key in keys {
            let Some(old) = tables.dossiers.get(key.0)? else {
                continue;
            };
            let mut dossier = codec::decode(&old)?;
            folded.settle(&key, &mut dossier, |dossier| settle(&key, dossier));
        }
        self.write_folded(&tables, &mut writes, folded);
        writes.commit()?;
        Ok(())
    }

    /// Up to `limit` dossiers whose verdict was to change by `now`, the earliest first.
    pub fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Due>, StoreError> {
        let tables = self.tables()?;
        let end = crossing_key(now.plus_secs(1), &DossierKey([0; 22]));
        let mut due = Vec::new();
        for guard in tables.crossings.range(..end).take(limit) {
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
        let tables = self.tables()?;
        let Some(guard) = tables.crossings.first_key_value() else {
            return Ok(None);
        };
        let key = guard.key()?;
        Ok(key.first_chunk::<8>().map(|time| Timestamp(u64::from_be_bytes(*time))))
    }

    /// One dossier.
    pub fn dossier(&self, key: &DossierKey) -> Result<Option<Dossier>, StoreError> {
        let tables = self.tables()?;
        tables.dossiers.get(key.0)?.map(|bytes| codec::decode(&bytes)).transpose()
    }

    /// How many dossiers there are, roughly.
    pub fn len_roughly(&self) -> usize {
        self.tables().map_or(0, |tables| tables.dossiers.approximate_len())
    }

    /// Every dossier without its evidence, in order, as of now; writes meanwhile are not seen.
    pub fn for_each_front<E: From<StoreError>>(
        &self,
        visit: impl FnMut(DossierKey, Front<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.snapshot()?.for_each_front(visit)
    }

    /// All dossiers as they are now, for another thread to read at its leisure: writes meanwhile
    /// are not seen. [`Self::reopen`] waits until it is dropped.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot::of(self.tables()?))
    }

    /// Keys of dossiers, from `after` on (not included), at most `limit`.
    pub fn keys_after(
        &self,
        after: Option<DossierKey>,
        limit: usize,
    ) -> Result<Vec<DossierKey>, StoreError> {
        let tables = self.tables()?;
        use std::ops::Bound;
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.0.to_vec()));
        let mut keys = Vec::new();
        for guard in tables.dossiers.range((from, Bound::Unbounded)).take(limit) {
            if let Ok(key) = <[u8; 22]>::try_from(&*guard.key()?) {
                keys.push(DossierKey(key));
            }
        }
        Ok(keys)
    }

    /// Whether a dossier was ever listed.
    pub fn is_listed(&self, listing: Listing, dossier: &DossierKey) -> Result<bool, StoreError> {
        Ok(self.tables()?.listings.contains_key(listing.key(dossier))?)
    }

    /// Dossiers of a listing, from `after` on (not included), at most `limit`. It costs as much as
    /// there are of them, however many dossiers there are.
    pub fn listed_after(
        &self,
        listing: Listing,
        after: Option<DossierKey>,
        limit: usize,
    ) -> Result<Vec<DossierKey>, StoreError> {
        let tables = self.tables()?;
        use std::ops::Bound::{Excluded, Included};
        let from = match after {
            Some(after) => Excluded(listing.key(&after).to_vec()),
            None => Included(listing.begin().to_vec()),
        };
        let mut keys = Vec::new();
        for guard in tables.listings.range((from, Excluded(listing.end().to_vec()))).take(limit) {
            keys.extend(listings::dossier(&guard.key()?));
        }
        Ok(keys)
    }

    /// The relations that touch an indicator.
    pub fn relations_of(&self, indicator: &Indicator) -> Result<Vec<Relation>, StoreError> {
        let tables = self.tables()?;
        const SHOWN_MAX: usize = 1000;
        let mut found = Vec::new();
        for guard in tables.relations.prefix(relations::prefix(indicator)).take(SHOWN_MAX) {
            match record::decode(&guard.value()?)? {
                Record::Relation(relation) => found.push(relation),
                _ => return Err(StoreError::Damaged { what: "relation" }),
            }
        }
        Ok(found)
    }

    /// Every calibration record, in order.
    pub fn calibrations(&self) -> Result<Vec<Calibration>, StoreError> {
        let tables = self.tables()?;
        let mut all = Vec::new();
        for guard in tables.calibrations.iter() {
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
        let tables = self.tables()?;
        Ok(tables.faded.insert(faded_key(batch, dossier), [])?)
    }

    /// The members of a batch whose verdict a renewal would change, in order, from `after` on (not
    /// included), at most `limit`.
    pub fn faded(
        &self,
        batch: &BatchKey,
        after: Option<DossierKey>,
        limit: usize,
    ) -> Result<Vec<DossierKey>, StoreError> {
        let from = faded_key(batch, &after.unwrap_or(DossierKey([0; 22])));
        let of_batch = |key: &[u8]| key.starts_with(&batch.bytes());
        let all = self.faded_from(&from, limit.saturating_add(1), of_batch)?;
        let dossiers = all.into_iter().map(|(_, dossier)| dossier);
        Ok(dossiers.filter(|dossier| after != Some(*dossier)).take(limit).collect())
    }

    /// Dossiers whose verdict the renewal of some batch would change, with the place of each in the
    /// list of all, from the place `after` on (not included), at most `limit`.
    pub fn all_faded(
        &self,
        after: Option<[u8; 38]>,
        limit: usize,
    ) -> Result<Vec<([u8; 38], DossierKey)>, StoreError> {
        let from = after.unwrap_or([0; 38]);
        let mut all = self.faded_from(&from, limit.saturating_add(1), |_| true)?;
        all.retain(|(place, _)| after.as_ref() != Some(place));
        all.truncate(limit);
        Ok(all)
    }

    fn faded_from(
        &self,
        from: &[u8; 38],
        limit: usize,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<([u8; 38], DossierKey)>, StoreError> {
        let tables = self.tables()?;
        let mut all = Vec::new();
        for guard in tables.faded.range(from.as_slice()..).take(limit) {
            let key = guard.key()?;
            if !wanted(&key) {
                break;
            }
            let place = <[u8; 38]>::try_from(&*key);
            let dossier = key.get(16..).and_then(|rest| rest.try_into().ok());
            if let (Ok(place), Some(dossier)) = (place, dossier) {
                all.push((place, DossierKey(dossier)));
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
        let tables = self.tables()?;
        let mut writes = tables.database.batch();
        for dossier in dossiers {
            writes.remove(&tables.faded, faded_key(batch, &dossier).as_slice());
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
        let tables = self.tables()?;
        Ok(tables.meta.insert(SETTLED_EPOCH, u64::from(epoch).to_be_bytes())?)
    }

    /// The members of a source's latest snapshot, sorted.
    pub fn snapshot_members(
        &self,
        tenant: TenantId,
        source: SourceId,
    ) -> Result<Vec<Member>, StoreError> {
        let tables = self.tables()?;
        let mut all = Vec::new();
        for chunk in 0..members::CHUNKS {
            if let Some(bytes) = tables.members.get(members::chunk_key(tenant, source, chunk))? {
                all.extend(members::decode(&bytes));
            }
        }
        all.sort_unstable();
        Ok(all)
    }

    /// Makes everything taken in so far survive a power failure.
    pub fn persist(&self) -> Result<(), StoreError> {
        let tables = self.tables()?;
        tables.database.persist(PersistMode::SyncAll)?;
        Ok(())
    }

    /// [`Self::persist`], before the store is let go of. Much that was gathered in memory becomes
    /// files: whoever opens the store next would have to hold all of it in memory again.
    pub fn persist_at_end(&self) -> Result<(), StoreError> {
        self.tables()?.write_out(GATHERED_MAX, WRITE_OUT_WAIT)?;
        self.persist()
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.tables().map_or(0, |tables| tables.database.disk_space().unwrap_or(0))
    }
}

fn faded_key(batch: &BatchKey, dossier: &DossierKey) -> [u8; 38] {
    let mut key = [0u8; 38];
    key[..16].copy_from_slice(&batch.bytes());
    key[16..].copy_from_slice(&dossier.0);
    key
}

#[cfg(test)]
mod tests;
