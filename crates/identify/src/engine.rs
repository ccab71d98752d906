//! The engine: the one writer of a data folder.
//!
//! Records go to the journal first. Once they are durable they are folded into the store, the
//! dossiers they touch are settled, and what changed is published to the view that everybody asks.

use crate::files::ViewFiles;
use crate::lock::FolderLock;
use crate::settle::{Outcome, Settler};
use crate::{EngineError, defaults};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_journal::{Journal, RealDisk, record};
use wardnet_model::{
    BatchId, Calibration, CalibrationChange, Record, Reliability, Source, SourceId, SuffixList,
    TenantId, Timestamp,
};
use wardnet_score::Epoch;
use wardnet_store::{BatchKey, DossierKey, Store, Update};
use wardnet_verdictdb::{Change, Views};

/// How the engine works.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The store's memory and limits.
    pub store: wardnet_store::Options,
    /// The journal's segments and limits.
    pub journal: wardnet_journal::Options,
    /// Changes that are overlaid on the base before a new base is built. Default 20,000.
    pub overlay_max: usize,
    /// Records taken in at once while replaying. Default 65,536.
    pub replay_chunk: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            store: wardnet_store::Options::default(),
            journal: wardnet_journal::Options::default(),
            overlay_max: 20_000,
            replay_chunk: 1 << 16,
        }
    }
}

/// What opening a data folder found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// Records that the store had not taken in yet.
    pub replayed: u64,
    /// Bytes of an interrupted, unacknowledged write that were cut off the journal.
    pub torn_bytes: u64,
    /// Whether the verdict database was built anew.
    pub rebuilt: bool,
}

/// The one writer of a data folder.
#[derive(Debug)]
pub struct Engine {
    pub(crate) journal: Journal,
    pub(crate) store: Arc<Store>,
    pub(crate) epoch: Arc<Epoch>,
    /// The epoch as readers see it.
    shown_epoch: Arc<arc_swap::ArcSwap<Epoch>>,
    pub(crate) suffixes: &'static SuffixList,
    views: Arc<Views>,
    files: ViewFiles,
    options: Options,
    /// The number of the last change made.
    sequence: u64,
    /// Changes made since the view was last published.
    pending: Outcome,
    _lock: FolderLock,
}

impl Engine {
    /// Opens a data folder, making it if it is not there, and brings everything up to `now`.
    pub fn open(dir: &Path, options: Options, now: Timestamp) -> Result<(Self, Opened), EngineError> {
        let lock = FolderLock::take(dir)?;
        let (journal, report) =
            Journal::open(dir.join("journal"), Arc::new(RealDisk), options.journal)?;
        let store = Arc::new(Store::open(&dir.join("store"), &options.store)?);
        let position = store.position()?;
        if position > journal.last() {
            return Err(EngineError::Ahead { store: position, journal: journal.last() });
        }
        let mut epoch = Epoch::default();
        for calibration in store.calibrations()? {
            epoch.apply(&calibration);
        }
        let (files, view) = ViewFiles::open(&dir.join("view"), position)?;
        let intact = view.is_some();
        let view = view.unwrap_or_default();
        let mut engine = Self {
            sequence: view.seq,
            journal,
            store,
            shown_epoch: Arc::new(arc_swap::ArcSwap::from_pointee(epoch.clone())),
            epoch: Arc::new(epoch),
            suffixes: SuffixList::shipped(),
            views: Arc::new(Views::new(view)),
            files,
            options,
            pending: Outcome::default(),
            _lock: lock,
        };
        let replayed = engine.replay(now)?;
        if engine.epoch.number() == 0 {
            engine.calibrate("defaults of this version", defaults::changes(), now)?;
        }
        if !intact {
            engine.rebuild_base(now)?;
        }
        engine.tick(now)?;
        engine.publish(now)?;
        let torn_bytes = report.torn.map_or(0, |torn| torn.bytes);
        Ok((engine, Opened { replayed, torn_bytes, rebuilt: !intact }))
    }

    /// Takes in what the journal has and the store has not.
    fn replay(&mut self, now: Timestamp) -> Result<u64, EngineError> {
        let from = self.store.position()? + 1;
        let mut update = Update::default();
        let (mut last, mut count, mut pending) = (from - 1, 0u64, 0usize);
        for item in self.journal.replay(from) {
            let (seq, bytes) = item?;
            match record::decode(&bytes) {
                Ok(record) => {
                    if let Record::Calibration(calibration) = &record {
                        Arc::make_mut(&mut self.epoch).apply(calibration);
                    }
                    update.push(record);
                }
                Err(error @ record::RecordError::UnknownType(_)) => {
                    tracing::warn!(seq, %error, "record passed over");
                }
                Err(source) => return Err(EngineError::Record { seq, source }),
            }
            (last, count, pending) = (seq, count + 1, pending + 1);
            if pending >= self.options.replay_chunk {
                self.fold(std::mem::take(&mut update), last, now)?;
                pending = 0;
            }
        }
        if pending > 0 {
            self.fold(update, last, now)?;
        }
        Ok(count)
    }

    /// Appends records, waits until they are durable, and answers with the view changed.
    pub fn append(&mut self, records: Vec<Record>, now: Timestamp) -> Result<(), EngineError> {
        self.append_only(records, now)?;
        self.publish(now)
    }

    /// Appends records and folds them in; [`Self::publish`] makes the changes visible.
    pub(crate) fn append_only(
        &mut self,
        records: Vec<Record>,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let mut bytes = Vec::with_capacity(records.len() * 64);
        let mut ends = Vec::with_capacity(records.len());
        let mut update = Update::default();
        for record in records {
            record::encode(&record, &mut bytes);
            ends.push(bytes.len());
            if let Record::Calibration(calibration) = &record {
                Arc::make_mut(&mut self.epoch).apply(calibration);
            }
            update.push(record);
        }
        let last = self.write(&bytes, &ends)?;
        self.fold(update, last, now)
    }

    /// Writes encoded records to the journal, durably; gives the last one's number.
    pub(crate) fn write(&self, bytes: &[u8], ends: &[usize]) -> Result<u64, EngineError> {
        const AT_ONCE: usize = 4096;
        let mut last = self.journal.last();
        let mut from = 0;
        for part in ends.chunks(AT_ONCE) {
            let mut slices = Vec::with_capacity(part.len());
            for end in part {
                slices.push(bytes.get(from..*end).unwrap_or_default());
                from = *end;
            }
            last = self.journal.append_unsynced(&slices)?.end - 1;
        }
        self.journal.sync()?;
        Ok(last)
    }

    /// Takes durable records into the store and settles the dossiers they touch.
    pub(crate) fn fold(
        &mut self,
        update: Update,
        position: u64,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let (epoch, store) = (Arc::clone(&self.epoch), Arc::clone(&self.store));
        let mut settler = self.settler(&epoch, &store, now);
        store.take_in(update, position, |key, dossier, _| {
            settler.settle(key, dossier);
        })?;
        let outcome = settler.finish();
        self.note(outcome);
        Ok(())
    }

    pub(crate) fn settler<'a>(
        &self,
        epoch: &'a Epoch,
        store: &'a Store,
        now: Timestamp,
    ) -> Settler<'a> {
        let room = self.options.overlay_max.saturating_sub(self.pending.shared.len());
        Settler::new(epoch, store, self.suffixes, now, self.sequence, room)
    }

    pub(crate) fn note(&mut self, outcome: Outcome) {
        let numbered = outcome.shared.iter().chain(outcome.tenants.iter().map(|(_, c)| c));
        self.sequence = numbered.map(|change| change.seq).max().unwrap_or(self.sequence);
        self.sequence = self.sequence.max(self.views.load().seq);
        self.pending.count += outcome.count;
        self.pending.shared.extend(outcome.shared);
        self.pending.tenants.extend(outcome.tenants);
    }

    /// Makes all changes since the last call visible to everybody who asks.
    pub fn publish(&mut self, now: Timestamp) -> Result<(), EngineError> {
        let pending = std::mem::take(&mut self.pending);
        let overlay = self.views.load().overlay.len();
        let kept_all = pending.count == pending.shared.len() as u64;
        if !kept_all || overlay + pending.shared.len() > self.options.overlay_max {
            self.rebuild_base(now)?;
        } else {
            self.files.log(&pending.shared)?;
            self.views.publish(&pending.shared, now);
        }
        self.publish_tenants(&pending.tenants);
        if self.shown_epoch.load().number() != self.epoch.number() {
            self.shown_epoch.store(Arc::clone(&self.epoch));
        }
        Ok(())
    }

    fn publish_tenants(&self, changes: &[(TenantId, Change)]) {
        let view = self.views.load();
        let mut overlays = std::collections::BTreeMap::new();
        for (tenant, change) in changes {
            let tenant = wardnet_verdictdb::TenantId(tenant.0);
            let overlay = overlays
                .entry(tenant)
                .or_insert_with(|| view.tenants.get(&tenant).cloned().unwrap_or_default());
            overlay.apply(change);
        }
        for (tenant, overlay) in overlays {
            self.views.publish_tenant(tenant, &overlay);
        }
    }

    /// Compiles every verdict into a new base file and swaps it in under running readers.
    pub fn rebuild_base(&mut self, now: Timestamp) -> Result<(), EngineError> {
        self.sequence += 1;
        let (db, tenants) = self.files.build(&self.store, &self.epoch, self.sequence, now)?;
        if self.views.swap_base(db).is_err() {
            return Err(EngineError::Refused(
                "the new verdict database is older than the one in use".into(),
            ));
        }
        let (epoch, store) = (Arc::clone(&self.epoch), Arc::clone(&self.store));
        let mut settler = self.settler(&epoch, &store, now);
        store.revisit(tenants, |key, dossier| {
            settler.settle(key, dossier);
        })?;
        let outcome = settler.finish();
        self.publish_tenants(&outcome.tenants);
        Ok(())
    }

    /// Settles every verdict that was to change by `now`. Call it once a minute; an early or a
    /// late call makes no verdict wrong, only late.
    pub fn tick(&mut self, now: Timestamp) -> Result<u64, EngineError> {
        const AT_ONCE: usize = 10_000;
        let mut settled = 0;
        loop {
            let due = self.store.take_due(now, AT_ONCE)?;
            if due.is_empty() {
                return Ok(settled);
            }
            settled += due.len() as u64;
            self.settle_again(due, now, true)?;
        }
    }

    /// Settles dossiers again. When time moved their verdicts, the batches that could renew them
    /// are marked, so that a renewal looks at them.
    pub(crate) fn settle_again(
        &mut self,
        keys: Vec<DossierKey>,
        now: Timestamp,
        mark: bool,
    ) -> Result<(), EngineError> {
        let (epoch, store) = (Arc::clone(&self.epoch), Arc::clone(&self.store));
        let mut settler = self.settler(&epoch, &store, now);
        let mut faded = std::collections::BTreeSet::new();
        store.revisit(keys, |key, dossier| {
            if settler.settle(key, dossier) && mark {
                faded.extend(dossier.evidence.iter().filter(|h| h.batch != BatchId::NONE).map(
                    |h| BatchKey { tenant: h.tenant, source: h.source, batch: h.batch },
                ));
            }
        })?;
        let outcome = settler.finish();
        self.note(outcome);
        for batch in faded {
            store.mark_faded(&batch)?;
        }
        Ok(())
    }

    /// Opens a calibration epoch with `changes`, and settles every verdict under it.
    pub fn calibrate(
        &mut self,
        reason: &str,
        changes: Vec<CalibrationChange>,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        // A source that is new has no evidence yet, so no verdict can change.
        let only_new_sources = changes.iter().all(|change| match change {
            CalibrationChange::Source(source) => self.epoch.source(source.id).is_none(),
            _ => false,
        });
        let epoch = self.epoch.number() + 1;
        let record = Calibration { epoch, at: now, reason: reason.into(), changes };
        self.append_only(vec![Record::Calibration(record)], now)?;
        if !only_new_sources {
            self.settle_all(now)?;
        }
        self.publish(now)
    }

    pub(crate) fn settle_all(&mut self, now: Timestamp) -> Result<(), EngineError> {
        const AT_ONCE: usize = 10_000;
        let mut after = None;
        loop {
            let keys = self.store.keys_after(after, AT_ONCE)?;
            let Some(last) = keys.last() else {
                return Ok(());
            };
            after = Some(*last);
            self.settle_again(keys, now, false)?;
        }
    }

    /// The source of a name; described by `describe` when it is new or has changed.
    pub fn source(
        &mut self,
        name: &str,
        describe: impl FnOnce(SourceId) -> Source,
        now: Timestamp,
    ) -> Result<SourceId, EngineError> {
        let known = self.epoch.source_named(name);
        let id = known.map_or_else(|| self.epoch.next_source_id(), |source| source.id);
        let wanted = describe(id);
        if known != Some(&wanted) {
            self.calibrate("operator", vec![CalibrationChange::Source(wanted)], now)?;
        }
        Ok(id)
    }

    /// The source of a name, as it is known; one that nobody described gets grade B, in a group of
    /// its own: only the operator's own `ingest` may call this.
    pub fn local_source(&mut self, name: &str, now: Timestamp) -> Result<SourceId, EngineError> {
        match self.epoch.source_named(name) {
            Some(source) => Ok(source.id),
            None => self.source(
                name,
                |id| Source::undescribed(id, name, Reliability::B),
                now,
            ),
        }
    }

    /// The view that everybody asks.
    pub fn views(&self) -> Arc<Views> {
        Arc::clone(&self.views)
    }

    /// The store, for reading.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// The calibration epoch in force, as it changes.
    pub fn epochs(&self) -> Arc<arc_swap::ArcSwap<Epoch>> {
        Arc::clone(&self.shown_epoch)
    }

    /// The calibration epoch in force.
    pub fn epoch(&self) -> Arc<Epoch> {
        Arc::clone(&self.epoch)
    }

    /// The journal.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The folder that holds the base and the change log.
    pub fn view_dir(&self) -> PathBuf {
        self.files.dir().to_path_buf()
    }

    /// Drops from sealed journal segments what no verdict and no later replay needs.
    pub fn compact(&self) -> Result<wardnet_journal::CompactionReport, EngineError> {
        crate::compact::compact(&self.journal, &self.store)
    }

    /// Writes everything down and lets go of the folder. The next opening is quick.
    pub fn close(mut self, now: Timestamp) -> Result<(), EngineError> {
        self.publish(now)?;
        self.store.persist()?;
        self.journal.checkpoint()?;
        let position = self.store.position()?;
        let due = self.store.next_due()?;
        self.files.close(position, self.views.load().seq, due)
    }
}
