//! One zone: what it holds at this moment, and how it came to be so.
//!
//! A zone has no copy of its records. It holds a view, which says what they are, and the
//! differences between the last serials.
//!
//! # Serials
//!
//! A serial is a time, in ticks of 2^26 nanoseconds (67 ms), modulo 2^32. There is at most one
//! change of serial in each tick, so that the clock is never outrun, and a restarted primary, which
//! knows nothing of serials before, begins with a greater one (RFC 1982; the numbers come round
//! after nine years). A clock that is set back must be set right before secondaries follow again.

use super::config::ZoneConfig;
use super::judge::{Judge, Target, Triggers, reaches_beneath};
use super::record::{Records, wire};
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use wardnet_score::Policy;
use wardnet_verdictdb::{LookupError, PublishedChange, View};

/// Nanoseconds of one step of a serial, as a power of two.
const TICK_BITS: u32 = 26;

/// The time between two serials at least.
pub(super) const TICK: Duration = Duration::from_nanos(1 << TICK_BITS);

/// The serial of a time since 1970.
pub(super) fn serial_at(since_1970: Duration) -> u32 {
    // The low bits are meant: serials are counted in a circle.
    ((since_1970.as_nanos() >> TICK_BITS) & u128::from(u32::MAX)).try_into().unwrap_or(0)
}

/// Whether one serial comes after another (RFC 1982 section 3.2).
pub(super) const fn is_after(one: u32, other: u32) -> bool {
    let ahead = one.wrapping_sub(other);
    ahead != 0 && ahead < 1 << 31
}

/// What changed with one serial. Records are bytes as in [`Records`].
#[derive(Debug)]
pub(super) struct Delta {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) removed: Vec<Vec<u8>>,
    pub(super) added: Vec<Vec<u8>>,
}

impl Delta {
    fn len(&self) -> usize {
        self.removed.len() + self.added.len()
    }
}

/// A state of a zone. It stays as it is for as long as it is held.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) serial: u32,
    pub(super) view: Arc<View>,
    /// The last differences, oldest first, without a gap.
    pub(super) deltas: VecDeque<Arc<Delta>>,
}

impl State {
    /// The differences that lead here from a serial, if they are kept.
    pub(super) fn since(&self, serial: u32) -> Option<Vec<Arc<Delta>>> {
        let at = self.deltas.iter().position(|delta| delta.from == serial)?;
        Some(self.deltas.iter().skip(at).cloned().collect())
    }
}

/// One zone.
#[derive(Debug)]
pub(super) struct Zone {
    /// Its name, lower case, as bytes.
    pub(super) origin: Vec<u8>,
    pub(super) name: String,
    pub(super) records: Records,
    policy: Policy,
    triggers: Triggers,
    state: ArcSwap<State>,
    /// Targets whose names are too long for the zone, as the last whole transfer found.
    pub(super) skipped: AtomicU64,
}

impl Zone {
    pub(super) fn new(config: &ZoneConfig, view: Arc<View>, serial: u32) -> Self {
        let state = State { serial, view, deltas: VecDeque::new() };
        Self {
            origin: wire(&config.name),
            name: config.name.to_string(),
            records: Records::new(config),
            policy: config.policy(),
            triggers: Triggers::from(config),
            state: ArcSwap::from_pointee(state),
            skipped: AtomicU64::new(0),
        }
    }

    pub(super) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    pub(super) fn judge<'v>(&self, view: &'v View) -> Judge<'v> {
        Judge { view, policy: self.policy, triggers: self.triggers }
    }

    pub(super) fn count_skipped(&self, skipped: u64) {
        self.skipped.store(skipped, Relaxed);
    }

    /// Goes on to `view`, which differs by `changes`. Says whether the serial changed.
    pub(super) fn advance(
        &self,
        view: &Arc<View>,
        changes: &[Arc<PublishedChange>],
        tick: u32,
        records_max: usize,
    ) -> bool {
        let old = self.state();
        let to = if is_after(tick, old.serial) { tick } else { old.serial.wrapping_add(1) };
        let mut next = State { view: Arc::clone(view), ..State::clone(&old) };
        match self.delta(&old, view, changes, to) {
            Ok(delta) if delta.len() == 0 => {}
            Ok(delta) => {
                next.serial = to;
                next.deltas.push_back(Arc::new(delta));
                let mut kept: usize = next.deltas.iter().map(|delta| delta.len()).sum();
                while kept > records_max
                    && let Some(oldest) = next.deltas.pop_front()
                {
                    kept -= oldest.len();
                }
            }
            Err(error) => {
                tracing::error!(zone = self.name, %error, "a change cannot be told one by one");
                (next.serial, next.deltas) = (to, VecDeque::new());
            }
        }
        let is_new = next.serial != old.serial;
        self.state.store(Arc::new(next));
        is_new
    }

    /// Goes on to a view of which it is not known in what it differs: secondaries take it whole.
    pub(super) fn restart(&self, view: &Arc<View>, tick: u32) {
        let old = self.state().serial;
        let serial = if is_after(tick, old) { tick } else { old.wrapping_add(1) };
        let state = State { serial, view: Arc::clone(view), deltas: VecDeque::new() };
        self.state.store(Arc::new(state));
    }

    fn delta(
        &self,
        old: &State,
        view: &View,
        changes: &[Arc<PublishedChange>],
        to: u32,
    ) -> Result<Delta, LookupError> {
        let mut delta = Delta { from: old.serial, to, removed: Vec::new(), added: Vec::new() };
        for target in self.touched(view, changes)? {
            let before = self.records_of(&old.view, &target)?;
            let after = self.records_of(view, &target)?;
            let only = |these: &BTreeSet<Vec<u8>>, those: &BTreeSet<Vec<u8>>| {
                these.difference(those).cloned().collect::<Vec<_>>()
            };
            delta.removed.extend(only(&before, &after));
            delta.added.extend(only(&after, &before));
        }
        Ok(delta)
    }

    fn records_of(&self, view: &View, target: &Target) -> Result<BTreeSet<Vec<u8>>, LookupError> {
        let mut found = BTreeSet::new();
        self.judge(view).records(target, &self.records, |record| {
            found.insert(record.to_vec());
        })?;
        Ok(found)
    }

    /// Whatever the changes may have changed the records of.
    fn touched(
        &self,
        view: &View,
        changes: &[Arc<PublishedChange>],
    ) -> Result<Vec<Target>, LookupError> {
        let shared = || changes.iter().filter(|change| change.tenant.is_none());
        let mut all: Vec<Target> = shared().filter_map(|c| Target::of_change(c)).collect();
        let wide = shared().filter(|change| reaches_beneath(change, self.policy));
        let wide: Vec<Target> = wide.filter_map(|change| Target::of_change(change)).collect();
        if !wide.is_empty() {
            // Seldom: somebody allows a name or a network. What lies beneath is found by looking.
            for listed in self.judge(view).entries() {
                let Some(target) = Target::of_entry(&listed?) else { continue };
                if wide.iter().any(|above| above.covers(&target)) {
                    all.push(target);
                }
            }
        }
        all.sort_by(|a, b| a.order().cmp(&b.order()));
        all.dedup();
        Ok(all)
    }
}
