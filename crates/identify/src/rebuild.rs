//! When a new base is made, where, and who waits for it.
//!
//! An engine that nobody else uses makes it in place. The writer's makes it on a thread of its own,
//! from the state of one moment, and goes on: what comes meanwhile lies over the old base, and after
//! the swap over the new one. There is one such thread at a time; what is asked for while it runs,
//! and is not in the state that it began from, is the next one's part.

use crate::base::{Built, Cancel, Content, Plan};
use crate::{Engine, EngineError};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use wardnet_model::Timestamp;

/// Bases that are made from the one before, until one is made from the store again: it has the
/// dates that were renewed, whole keys, and no profiles that nothing has any more.
const DELTAS_MAX: u32 = 7;

/// How long after one that failed the next one is tried.
const PAUSE_SECS: u64 = 30;

/// Told when a base is ready. It is called on another thread.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What somebody who waits for a base is told.
pub(crate) type Told = Result<(), Arc<EngineError>>;

/// Somebody who waits for a base.
pub(crate) type Waiting = Box<dyn FnOnce(Told) + Send>;

/// The making of bases.
#[derive(Default)]
pub(crate) struct Rebuild {
    /// Whom to tell; where there is nobody, bases are made in place.
    wake: Option<Wake>,
    running: Option<Running>,
    /// How many times something came that only a new base shows.
    asked: u64,
    /// Up to which of them the newest base has all.
    shown: u64,
    /// Bases since the last one that was made from the store.
    deltas: u32,
    /// After a failure: not before this.
    not_before: Timestamp,
    waiting: Vec<(u64, Waiting)>,
}

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { asked, shown, .. } = self;
        f.debug_struct("Rebuild")
            .field("asked", asked)
            .field("shown", shown)
            .finish_non_exhaustive()
    }
}

/// A base that is being made on a thread of its own.
struct Running {
    thread: JoinHandle<()>,
    outcome: Receiver<Result<Built, EngineError>>,
    cancel: Cancel,
    shows: u64,
}

impl Running {
    /// Gives it up, and waits until its thread has let go of everything.
    fn give_up(self) {
        self.cancel.set();
        if self.thread.join().is_err() {
            tracing::error!("making a base panicked");
        }
    }
}

impl Rebuild {
    /// Notes that something came that only a new base shows.
    pub(crate) const fn ask(&mut self) {
        self.asked += 1;
    }

    /// Takes back what was asked for since there were `asked`; says whether there was anything.
    pub(crate) const fn take_back(&mut self, asked: u64) -> bool {
        let some = self.asked > asked;
        self.asked = asked;
        some
    }

    /// How many times something came that only a new base shows.
    pub(crate) const fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether something is in the store that no view shows, nor will before the next base.
    pub(crate) const fn is_behind(&self) -> bool {
        self.shown < self.asked
    }

    /// Calls somebody once everything asked for so far is shown; at once when it is.
    pub(crate) fn when_shown(&mut self, call: Waiting) {
        if self.is_behind() {
            self.waiting.push((self.asked, call));
        } else {
            call(Ok(()));
        }
    }

    fn tell(&mut self, up_to: u64, told: &Told) {
        for (number, call) in std::mem::take(&mut self.waiting) {
            if number <= up_to {
                call(told.clone());
            } else {
                self.waiting.push((number, call));
            }
        }
    }
}

impl Engine {
    /// Makes bases in the background from now on, and calls `wake` when one waits for
    /// [`Self::poll_base`].
    pub(crate) fn build_in_background(&mut self, wake: Wake) {
        self.rebuild.wake = Some(wake);
    }

    pub(crate) const fn is_in_background(&self) -> bool {
        self.rebuild.wake.is_some()
    }

    /// Sees to it that a new base is made, if one is wanted.
    pub(crate) fn build_if_wanted(&mut self, now: Timestamp) -> Result<(), EngineError> {
        let is_large = self.views.load().overlay.len() > self.options.overlay_max;
        if !self.rebuild.is_behind() && !is_large {
            return Ok(());
        }
        let Some(wake) = self.rebuild.wake.clone() else {
            return self.rebuild_base(now);
        };
        if self.rebuild.running.is_some() || now < self.rebuild.not_before {
            return Ok(());
        }
        let (shows, plan) = (self.rebuild.asked, self.plan(now)?);
        let (cancel, (tell, outcome)) = (plan.cancel.clone(), sync_channel(1));
        let work = move || {
            if tell.send(plan.build()).is_ok() {
                wake();
            }
        };
        let thread = std::thread::Builder::new().name("base".into()).spawn(work);
        let thread = thread.map_err(EngineError::io("start a thread for", self.files.dir()))?;
        self.rebuild.running = Some(Running { thread, outcome, cancel, shows });
        Ok(())
    }

    /// Swaps in the base that was made in the background, if it is ready, and begins the next one
    /// if that is wanted by now.
    pub(crate) fn poll_base(&mut self, now: Timestamp) {
        let Some(running) = &self.rebuild.running else { return };
        let outcome = match running.outcome.try_recv() {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => {
                Err(EngineError::Refused("making a base panicked; the log has the cause".into()))
            }
        };
        let shows = running.shows;
        if let Some(Running { thread, .. }) = self.rebuild.running.take()
            && thread.join().is_err()
        {
            tracing::error!("making a base panicked");
        }
        let swapped = outcome.and_then(|built| self.swap_in(built, shows));
        if let Err(error) = swapped {
            tracing::error!(%error, "there is no new base; the old one and its changes go on");
            // Should it have been the old base that could not be read, the next one does not.
            self.rebuild.deltas = DELTAS_MAX;
            self.rebuild.not_before = now.plus_secs(PAUSE_SECS);
            self.rebuild.tell(shows, &Err(Arc::new(error)));
        }
        if let Err(error) = self.publish(now) {
            tracing::error!(%error, "no other base is begun");
        }
    }

    /// Compiles every verdict from the store into a new base, in place, and swaps it in under
    /// running readers. One that is being made in the background is given up.
    pub fn rebuild_base(&mut self, now: Timestamp) -> Result<(), EngineError> {
        self.stop_building();
        self.rebuild.deltas = DELTAS_MAX;
        let (shows, plan) = (self.rebuild.asked, self.plan(now)?);
        let mut built = plan.build()?;
        let private = std::mem::take(&mut built.private);
        self.swap_in(built, shows)?;
        self.settle_again(&private, now)?;
        self.publish_pending(now);
        Ok(())
    }

    /// Opens the store again after a write that failed, takes in what it lacks, and compiles every
    /// verdict anew: what was settled just before the failure may never have been published.
    pub fn reopen(&mut self, now: Timestamp) -> Result<(), EngineError> {
        // It reads the store, which can be opened again only when nobody does.
        self.stop_building();
        self.store.reopen()?;
        // With nothing of its own to write, this takes in what the journal has beyond the store.
        self.append_only(Vec::new(), now)?;
        self.rebuild_base(now)
    }

    fn plan(&mut self, now: Timestamp) -> Result<Plan, EngineError> {
        // From here to the end nothing is written: store, view and number are of one moment.
        self.publish_pending(now);
        self.sequence += 1;
        let state = self.views.load();
        let now = now.max(state.as_of);
        let whole = self.rebuild.is_behind() || self.rebuild.deltas >= DELTAS_MAX;
        let content = match state.base.as_ref().filter(|_| !whole) {
            Some(base) => Content::Changes(Arc::clone(base), self.store.snapshot()?),
            None => Content::All(self.store.snapshot()?),
        };
        Ok(Plan {
            dir: self.files.dir().to_path_buf(),
            content,
            epoch: Arc::clone(&self.epoch),
            sequence: self.sequence,
            now,
            state,
            views: Arc::clone(&self.views),
            key: Arc::clone(self.files.key()),
            cancel: Cancel::default(),
        })
    }

    fn swap_in(&mut self, built: Built, shows: u64) -> Result<(), EngineError> {
        let Built { next, path, sequence, root, is_full, .. } = built;
        let mut newer = self.views.load().overlay.changes();
        newer.retain(|change| change.seq > sequence);
        if let Err(error) = self.files.install(&path, (sequence, root), &newer) {
            // Without a log of its own it must not be taken for the newest.
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(path = %path.display(), %error, "a base that is not used stays");
            }
            return Err(error);
        }
        if self.views.swap_in(next).is_err() {
            return Err(EngineError::Refused(
                "the new verdict database is older than the one in use".into(),
            ));
        }
        self.rebuild.deltas = if is_full { 0 } else { self.rebuild.deltas + 1 };
        self.rebuild.shown = self.rebuild.shown.max(shows);
        self.rebuild.tell(self.rebuild.shown, &Ok(()));
        Ok(())
    }

    /// Gives up the base that is being made, if one is. What it was made for stays asked for.
    pub(crate) fn stop_building(&mut self) {
        if let Some(running) = self.rebuild.running.take() {
            running.give_up();
        }
    }
}
