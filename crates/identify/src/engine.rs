//! The engine: the one writer of a data folder.
//!
//! Records go to the journal first. Once they are durable they are folded into the store, the
//! dossiers they touch are settled, and what changed is published to the view that everybody asks.

use crate::files::{Found, ViewFiles};
use crate::lock::FolderLock;
use crate::rebuild::Rebuild;
use crate::settle::{Outcome, Settler, TenantChange};
use crate::{EngineError, defaults, history, key};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_journal::{Disk, Journal, Positions, RealDisk, record};
use wardnet_model::{
    BatchSeen, Calibration, CalibrationChange, Indicator, Record, Reliability, Source, SourceId,
    SuffixList, Timestamp,
};
use wardnet_score::Epoch;
use wardnet_store::{BatchKey, DossierKey, Store, Update};
use wardnet_verdictdb::{ChangeFeed, FeedLimits, History, Overlay, Views};

/// While a base is being made, how many times more changes may lie over the old one than before.
const OVERLAY_FACTOR: usize = 4;

/// Dossiers that are settled again and written together.
pub(crate) const SETTLED_AT_ONCE: usize = 10_000;

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
    /// What is kept of the changes, for those who follow them.
    pub changes: FeedLimits,
    /// Threads that fold records into the store. Default: one for each processor, 8 at most.
    pub fold_threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            store: wardnet_store::Options::default(),
            journal: wardnet_journal::Options::default(),
            overlay_max: 20_000,
            replay_chunk: 1 << 16,
            changes: FeedLimits::default(),
            fold_threads: std::thread::available_parallelism().map_or(1, |n| n.get().min(8)),
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
    pub(crate) views: Arc<Views>,
    pub(crate) files: ViewFiles,
    pub(crate) options: Options,
    /// The number of the last change made.
    pub(crate) sequence: u64,
    /// Changes made since the view was last published.
    pending: Outcome,
    /// The making of new bases: there may be more changes than an overlay takes.
    pub(crate) rebuild: Rebuild,
    /// Whether new bases wait, because more imports follow.
    holding: bool,
    /// Shared with every import under way.
    pub(crate) importing: Arc<()>,
    /// Whether imports brought more changes than an overlay takes. No base is made for that before
    /// they have ended.
    pub(crate) import_hides: bool,
    /// When decisions are next looked at for what they teach about sources.
    pub(crate) learning_due: Timestamp,
    _lock: FolderLock,
}

impl Engine {
    /// Opens a data folder, making it if it is not there, and brings everything up to `now`.
    pub fn open(
        dir: &Path,
        options: Options,
        now: Timestamp,
    ) -> Result<(Self, Opened), EngineError> {
        Self::open_with(dir, Arc::new(RealDisk), options, now)
    }

    /// Opens a data folder whose journal lies on `disk`, so that a test can choose its faults.
    pub fn open_with(
        dir: &Path,
        disk: Arc<dyn Disk>,
        options: Options,
        now: Timestamp,
    ) -> Result<(Self, Opened), EngineError> {
        let lock = FolderLock::take(dir)?;
        let (journal, report) = Journal::open(dir.join("journal"), disk, options.journal)?;
        let (store, is_anew) = Store::open_or_begin(&dir.join("store"), &options.store)?;
        if is_anew {
            tracing::warn!("the store was another version's; it is built again from the journal");
        }
        let store = Arc::new(store);
        let position = store.position()?;
        if position > journal.last() {
            return Err(EngineError::Ahead { store: position, journal: journal.last() });
        }
        let mut epoch = Epoch::default();
        for calibration in store.calibrations()? {
            epoch.apply(&calibration);
        }
        let key = key::open_or_create(dir)?;
        let (files, found) = ViewFiles::open(&dir.join("view"), key, position)?;
        let intact = found.view.is_some();
        let (views, resumed) = follow_on(&files, found, &options.changes)?;
        let view = views.load();
        let mut engine = Self {
            sequence: view.seq,
            journal,
            store,
            shown_epoch: Arc::new(arc_swap::ArcSwap::from_pointee(epoch.clone())),
            epoch: Arc::new(epoch),
            suffixes: SuffixList::shipped(),
            views,
            files,
            options,
            pending: Outcome::default(),
            rebuild: Rebuild::default(),
            holding: false,
            importing: Arc::new(()),
            import_hides: false,
            learning_due: Timestamp::default(),
            _lock: lock,
        };
        let replayed = engine.replay(now)?;
        if engine.epoch.number() == 0 {
            engine.calibrate("defaults of this version", defaults::changes(), now)?;
        } else if let Some(hosting) = defaults::new_hosting(&engine.epoch) {
            engine.calibrate("lenders of space that this version knows", vec![hosting], now)?;
        }
        engine.tick(now)?;
        if !intact {
            // A renewal may have been cut short before all of its members were settled.
            engine.settle_faded(now)?;
            engine.rebuild_base(now)?;
        }
        engine.publish(now)?;
        if let Some(feed) = engine.views.feed().filter(|_| resumed) {
            feed.forget_tenants();
        }
        let torn_bytes = report.torn.map_or(0, |torn| torn.bytes);
        Ok((engine, Opened { replayed, torn_bytes, rebuilt: !intact }))
    }

    /// Takes in what the journal has and the store has not.
    pub(crate) fn replay(&mut self, now: Timestamp) -> Result<u64, EngineError> {
        let from = self.store.position()? + 1;
        let mut late = Late { unsettled: self.is_unsettled()?, ..Late::default() };
        let mut update = Update::default();
        let (mut last, mut count, mut pending) = (from - 1, 0u64, 0usize);
        for item in self.journal.replay(from) {
            let (seq, bytes) = item?;
            match record::decode(&bytes) {
                Ok(record) => {
                    late.note(&record, &self.epoch, from > 1 || count > pending as u64);
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
                self.take_in(std::mem::take(&mut update), last, self.room(), now)?;
                pending = 0;
            }
        }
        if pending > 0 {
            self.take_in(update, last, self.room(), now)?;
        }
        self.catch_up(&late, now)?;
        Ok(count)
    }

    /// Settles again what was settled before records that came later in the journal: a calibration
    /// is about everything, a renewal about all of its batch.
    fn catch_up(&mut self, late: &Late, now: Timestamp) -> Result<(), EngineError> {
        if late.unsettled {
            self.settle_all(now)?;
        }
        for batch in &late.renewed {
            self.revive(batch, now)?;
        }
        self.note_settled()
    }

    /// Whether an epoch was opened, and the program ended before every dossier was settled under
    /// it.
    fn is_unsettled(&self) -> Result<bool, EngineError> {
        Ok(self.store.settled_epoch()? != u64::from(self.epoch.number()))
    }

    fn note_settled(&self) -> Result<(), EngineError> {
        if self.is_unsettled()? {
            self.store.set_settled_epoch(self.epoch.number())?;
        }
        Ok(())
    }

    /// Appends records, waits until they are durable, and answers with the view changed.
    pub fn append(&mut self, records: Vec<Record>, now: Timestamp) -> Result<(), EngineError> {
        if self.room() == 0 {
            // An import under way has filled it: these need not wait for its end.
            self.publish_pending(now);
        }
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
        let mut calibrations = Vec::new();
        let mut update = Update::default();
        for record in records {
            record::encode(&record, &mut bytes);
            ends.push(bytes.len());
            if let Record::Calibration(calibration) = &record {
                calibrations.push(calibration.clone());
            }
            update.push(record);
        }
        let written = self.write(&bytes, &ends)?;
        // Only now: nothing may be scored under an epoch that could not be written down.
        for calibration in &calibrations {
            Arc::make_mut(&mut self.epoch).apply(calibration);
        }
        if written.first == self.store.position()? + 1 {
            self.take_in(update, written.end - 1, self.room(), now).map(drop)
        } else {
            // An earlier write failed half way: the journal has more than the store.
            self.replay(now).map(drop)
        }
    }

    /// Writes encoded records to the journal, durably; gives their numbers.
    pub(crate) fn write(&self, bytes: &[u8], ends: &[usize]) -> Result<Positions, EngineError> {
        const AT_ONCE: usize = 4096;
        let mut written: Option<Positions> = None;
        let mut from = 0;
        for part in ends.chunks(AT_ONCE) {
            let mut slices = Vec::with_capacity(part.len());
            for end in part {
                slices.push(bytes.get(from..*end).unwrap_or_default());
                from = *end;
            }
            let part = self.journal.append_unsynced(&slices)?;
            written = Some(Positions { first: written.map_or(part.first, |w| w.first), ..part });
        }
        self.journal.sync()?;
        let end = self.journal.last() + 1;
        Ok(written.unwrap_or(Positions { first: end, end }))
    }

    /// A settler for `now`, or where the clock has jumped back for the latest time that was shown:
    /// verdicts never move to an earlier one. No more than `room` changes are kept.
    pub(crate) fn settler<'a>(
        &self,
        epoch: &'a Epoch,
        store: &'a Store,
        room: usize,
        now: Timestamp,
    ) -> Settler<'a> {
        let now = now.max(self.views.load().as_of);
        Settler::new(epoch, store, self.suffixes, now, self.sequence, room)
    }

    /// How many changes may still be published before a new base takes their place. While one is
    /// being made, the overlay may grow beyond what it takes otherwise, so that single changes need
    /// not wait; but not without end.
    pub(crate) fn room(&self) -> usize {
        let Options { overlay_max, .. } = self.options;
        let pending = self.pending.shared.len();
        let overlay = self.views.load().overlay.len();
        let all = overlay_max.saturating_mul(OVERLAY_FACTOR).saturating_sub(overlay + pending);
        overlay_max.saturating_sub(pending).min(all)
    }

    /// As [`Self::room`] for `rows` of an import: when its changes wait for a new base anyway, there
    /// is no use in publishing some of them before.
    pub(crate) fn room_of_import(&self, rows: usize) -> usize {
        let waits = || self.rebuild.is_behind() || self.outgrows_base(rows);
        if self.import_hides || self.is_holding() && waits() { 0 } else { self.room() }
    }

    /// Whether with `rows` more there are more changes than an overlay takes, and more than the base
    /// has entries: it is replaced soon, and making one from the store costs little more.
    fn outgrows_base(&self, rows: usize) -> bool {
        let view = self.views.load();
        let changes = view.overlay.len() + self.pending.shared.len() + rows;
        let entries = view.base.as_ref().map_or(0, |base| base.entries());
        changes > self.options.overlay_max && changes as u64 > entries
    }

    pub(crate) const fn fold_threads(&self) -> usize {
        self.options.fold_threads
    }

    pub(crate) fn note(&mut self, mut outcome: Outcome) {
        self.sequence = self.sequence.max(self.views.load().seq);
        outcome.renumber(self.sequence);
        self.sequence = outcome.sequence;
        if outcome.count > outcome.shared.len() as u64 {
            self.rebuild.ask();
        }
        self.pending.shared.extend(outcome.shared);
        self.pending.tenants.extend(outcome.tenants);
    }

    /// Says whether more imports follow. While they do no new base is built: single changes are
    /// visible at once, those of large imports when the last of them has ended.
    pub fn hold(&mut self, more_follow: bool, now: Timestamp) -> Result<(), EngineError> {
        self.publish_pending(now);
        let is_large = self.views.load().overlay.len() > self.options.overlay_max;
        if !more_follow && (is_large || self.rebuild.is_behind()) {
            // Whoever has ended imports waits for the base that they make.
            self.rebuild.ask();
        }
        self.holding = more_follow;
        self.publish(now)
    }

    /// Whether more imports follow.
    pub(crate) const fn is_holding(&self) -> bool {
        self.holding
    }

    /// Makes changes since the last call visible to everybody who asks. Of more changes than an
    /// overlay takes, the rest is visible with the next base, which may be made in the background.
    pub fn publish(&mut self, now: Timestamp) -> Result<(), EngineError> {
        self.publish_pending(now);
        if self.import_hides && Arc::strong_count(&self.importing) == 1 {
            self.import_hides = false;
            self.rebuild.ask();
        }
        if self.holding { Ok(()) } else { self.build_if_wanted(now) }
    }

    pub(crate) fn publish_pending(&mut self, now: Timestamp) {
        let pending = std::mem::take(&mut self.pending);
        self.files.log(&pending.shared);
        self.views.publish(&pending.shared, now);
        self.publish_tenants(&pending.tenants);
        if self.shown_epoch.load().number() != self.epoch.number() {
            self.shown_epoch.store(Arc::clone(&self.epoch));
        }
    }

    fn publish_tenants(&self, changes: &[TenantChange]) {
        if changes.is_empty() {
            return;
        }
        let view = self.views.load();
        let owned = view.tenants.iter().map(|(tenant, own)| (*tenant, own.clone()));
        let mut overlays: BTreeMap<_, Overlay> = owned.collect();
        for change in changes {
            match change {
                TenantChange::Set(tenant, change) => {
                    overlays.entry(*tenant).or_default().apply(change);
                }
                TenantChange::OnlyOf(kind, key, scope, remaining) => {
                    for (_, own) in overlays.iter_mut().filter(|(t, _)| !remaining.contains(t)) {
                        own.forget(*kind, key, *scope);
                    }
                }
            }
        }
        for (tenant, overlay) in overlays {
            self.views.publish_tenant(tenant, &overlay);
        }
    }

    /// Settles every verdict that was to change by `now`. Call it once a minute; an early or a
    /// late call makes no verdict wrong, only late.
    pub fn tick(&mut self, now: Timestamp) -> Result<u64, EngineError> {
        let now = now.max(self.views.load().as_of);
        let mut settled = 0;
        loop {
            let due = self.store.due(now, SETTLED_AT_ONCE)?;
            if due.is_empty() {
                return Ok(settled);
            }
            settled += due.len() as u64;
            let (epoch, store) = (Arc::clone(&self.epoch), Arc::clone(&self.store));
            let mut settler = self.settler(&epoch, &store, self.room(), now);
            store.revisit_due(&due, |key, dossier| settler.settle(key, dossier))?;
            let outcome = settler.finish()?;
            self.note(outcome);
        }
    }

    /// Settles dossiers again; gives those whose verdict the renewal of a batch would change.
    pub(crate) fn settle_again(
        &mut self,
        keys: &[DossierKey],
        now: Timestamp,
    ) -> Result<BTreeSet<(BatchKey, DossierKey)>, EngineError> {
        let (epoch, store) = (Arc::clone(&self.epoch), Arc::clone(&self.store));
        let mut settler = self.settler(&epoch, &store, self.room(), now);
        store.revisit(keys.iter().copied(), |key, dossier| settler.settle(key, dossier))?;
        let mut outcome = settler.finish()?;
        let faded = std::mem::take(&mut outcome.faded);
        self.note(outcome);
        Ok(faded)
    }

    /// Opens a calibration epoch with `changes`, and settles every verdict under it.
    pub fn calibrate(
        &mut self,
        reason: &str,
        changes: Vec<CalibrationChange>,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        let settles_all = !only_new_sources(&self.epoch, &changes);
        let epoch = self.epoch.number() + 1;
        let record = Calibration { epoch, at: now, reason: reason.into(), changes };
        self.append_only(vec![Record::Calibration(record)], now)?;
        if settles_all {
            self.settle_all(now)?;
        }
        self.note_settled()?;
        self.publish(now)
    }

    fn settle_faded(&mut self, now: Timestamp) -> Result<(), EngineError> {
        let mut after = None;
        loop {
            let faded = self.store.all_faded(after, SETTLED_AT_ONCE)?;
            let Some((last, _)) = faded.last() else {
                return Ok(());
            };
            after = Some(*last);
            let keys: BTreeSet<DossierKey> = faded.iter().map(|(_, key)| *key).collect();
            self.settle_again(&Vec::from_iter(keys), now)?;
        }
    }

    pub(crate) fn settle_all(&mut self, now: Timestamp) -> Result<(), EngineError> {
        let mut after = None;
        loop {
            let keys = self.store.keys_after(after, SETTLED_AT_ONCE)?;
            let Some(last) = keys.last() else {
                return Ok(());
            };
            after = Some(*last);
            self.settle_again(&keys, now)?;
        }
    }

    /// Sets what is never listed besides the reserved ranges: the defaults and `own`, which names
    /// the operator's own domains, addresses and networks.
    pub fn never_list(&mut self, own: &[String], now: Timestamp) -> Result<(), EngineError> {
        let mut wanted = defaults::never_listed();
        for text in own {
            let indicator = Indicator::parse(text).map_err(|error| {
                EngineError::Refused(format!("never_listed: `{text}`: {error}"))
            })?;
            wanted.push(indicator.to_string().into());
        }
        wanted.sort_unstable();
        wanted.dedup();
        if self.epoch.never_listed() == wanted {
            return Ok(());
        }
        // Only a base has what is never listed.
        self.rebuild.ask();
        self.calibrate("operator", vec![CalibrationChange::NeverListed(wanted)], now)
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
            None => self.source(name, |id| Source::undescribed(id, name, Reliability::B), now),
        }
    }

    /// The view that everybody asks.
    pub fn views(&self) -> Arc<Views> {
        Arc::clone(&self.views)
    }

    /// The changes of that view, for those who follow them. Their numbers go on where they were
    /// when the folder was last used, if nothing of them was lost.
    pub fn changes(&self) -> Arc<ChangeFeed> {
        // It was made with the view.
        self.views.keep_changes(0, self.options.changes)
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
    ///
    /// A base that is being made in the background is given up. When there is something that only
    /// it would have shown, the next opening compiles another one.
    pub fn close(mut self, now: Timestamp) -> Result<(), EngineError> {
        self.stop_building();
        if !self.is_in_background() {
            self.hold(false, now)?;
        }
        self.publish_pending(now);
        self.store.persist_at_end()?;
        self.journal.checkpoint()?;
        if self.rebuild.is_behind() || self.import_hides {
            return Ok(());
        }
        let position = self.store.position()?;
        let due = self.store.next_due()?;
        let view = self.views.load();
        self.files.close(position, view.seq, due, !view.tenants.is_empty())
    }
}

/// The view to begin with, and the changes that led to it: those of the last use of the folder where
/// they can be told on. Says whether they are.
fn follow_on(
    files: &ViewFiles,
    found: Found,
    limits: &FeedLimits,
) -> Result<(Arc<Views>, bool), EngineError> {
    let dir = files.dir();
    let past = history::read(dir, found.stopped_cleanly, limits).filter(History::is_read);
    let past = past.and_then(|past| {
        let (base, logged) = match &found.view {
            Some(view) => (view.clone(), Vec::new()),
            None => files.last()?,
        };
        let (state, untold) = history::state_of(&past, &base, logged)?;
        Some((past, state, untold))
    });
    let Some((past, state, untold)) = past else {
        let number = getrandom::u64()
            .map_err(|error| EngineError::Refused(format!("no random numbers: {error}")))?;
        let views = Arc::new(Views::new(found.view.unwrap_or_default()));
        let begun = History::new(number);
        let recorder = history::record(dir, &begun)?;
        views.resume_changes(begun, Some(recorder), *limits);
        return Ok((views, false));
    };
    let (views, as_of) = (Arc::new(Views::new(state)), Timestamp::default());
    let recorder = history::record(dir, &past)?;
    views.resume_changes(past, Some(recorder), *limits);
    views.publish(&untold, as_of);
    Ok((views, true))
}

/// A source that is new has no evidence yet, so no verdict can change.
fn only_new_sources(epoch: &Epoch, changes: &[CalibrationChange]) -> bool {
    changes.iter().all(|change| match change {
        CalibrationChange::Source(source) => epoch.source(source.id).is_none(),
        _ => false,
    })
}

/// What a replay met that is about dossiers settled before.
#[derive(Debug, Default)]
struct Late {
    unsettled: bool,
    renewed: Vec<BatchSeen>,
}

impl Late {
    fn note(&mut self, record: &Record, epoch: &Epoch, others_settled: bool) {
        match record {
            Record::Calibration(calibration) => {
                self.unsettled |= others_settled && !only_new_sources(epoch, &calibration.changes);
            }
            Record::BatchSeen(seen) => self.renewed.push(seen.clone()),
            _ => {}
        }
    }
}
