//! One zone: what it holds at this moment, and how it came to be so.
//!
//! A zone has no copy of its records. It holds a view, which says what they are, and the
//! differences between the last serials.

use super::beneath::Beneath;
use super::config::ZoneConfig;
use super::judge::{ALWAYS, Bridges, Judge, Triggers};
use super::marks::Mark;
use super::record::{Records, wire};
use super::serial::{Serials, since_1970};
use super::target::{Target, above};
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::watch;
use wardnet_model::Kind;
use wardnet_score::Policy;
use wardnet_verdictdb::{Cursor, Layer, LookupError, PublishedChange, View};

/// What changed with one serial. Records are bytes as in [`Records`].
#[derive(Debug)]
pub(super) struct Delta {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) removed: Vec<Vec<u8>>,
    pub(super) added: Vec<Vec<u8>>,
}

impl Delta {
    pub(super) fn len(&self) -> usize {
        self.removed.len() + self.added.len()
    }
}

/// A state of a zone. It stays as it is for as long as it is held.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) serial: u32,
    pub(super) view: Arc<View>,
    /// Names that have records for the sake of what lies beneath them.
    pub(super) bridges: Result<Arc<Bridges>, LookupError>,
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
    pub(super) config: ZoneConfig,
    /// Tells it from others in what is written down.
    id: u64,
    /// Its name, lower case, as bytes.
    pub(super) origin: Vec<u8>,
    pub(super) name: String,
    pub(super) records: Records,
    policy: Policy,
    triggers: Triggers,
    state: ArcSwap<State>,
    /// Tells of each new serial.
    news: watch::Sender<()>,
    /// Targets whose names are too long for the zone, as the last whole transfer found.
    pub(super) skipped: AtomicU64,
}

/// What is new, for all zones of a primary.
pub(super) struct News<'a> {
    pub(super) view: &'a Arc<View>,
    pub(super) changes: &'a [Arc<PublishedChange>],
    /// What the view and the one before it list.
    pub(super) beneath: &'a Beneath,
    pub(super) serials: &'a Serials,
    /// The place in the history that the view stands for.
    pub(super) cursor: Cursor,
    /// The serial that what is new had before a restart; else it is given one.
    pub(super) serial: Option<u32>,
    /// Records of differences that are kept.
    pub(super) records_max: usize,
}

impl Zone {
    /// A zone of a view; `id` tells it from others in what is written down.
    pub(super) fn at(config: &ZoneConfig, view: Arc<View>, serial: u32, id: u64) -> Self {
        let (policy, triggers) = (config.policy(), Triggers::from(config));
        let bridges = Judge { view: &view, policy, triggers }.bridges().map(Arc::new);
        Self {
            config: config.clone(),
            id,
            origin: wire(&config.name),
            name: config.name.to_string(),
            records: Records::new(config),
            policy,
            triggers,
            state: ArcSwap::from_pointee(State { serial, view, bridges, deltas: VecDeque::new() }),
            news: watch::channel(()).0,
            skipped: AtomicU64::new(0),
        }
    }

    /// Is told of each new serial from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.news.subscribe()
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

    /// Goes on to what is new.
    pub(super) fn advance(&self, news: &News<'_>) {
        let old = self.state();
        let mut next = State { view: Arc::clone(news.view), ..State::clone(&old) };
        match self.delta(&old, news) {
            Ok((delta, bridges)) => {
                next.bridges = Ok(bridges);
                if delta.len() > 0 {
                    next.serial = self.serial_of(&old, news);
                    next.deltas.push_back(Arc::new(Delta { to: next.serial, ..delta }));
                    shed(&mut next.deltas, news.records_max);
                }
            }
            Err(error) => {
                tracing::error!(zone = self.name, %error, "a change cannot be told one by one");
                self.restart(news.view, news.serials, news.cursor);
                return;
            }
        }
        let is_new = next.serial != old.serial;
        self.state.store(Arc::new(next));
        if is_new {
            self.news.send_replace(());
        }
    }

    /// Notes where in the history it begins, with nothing before.
    pub(super) fn begin(&self, serials: &Serials, cursor: Cursor) {
        serials.marks.restart(self.id, Mark { serial: self.state().serial, cursor });
    }

    /// The serial of what is new: that of before a restart, or another, which is written down before
    /// anybody sees it.
    fn serial_of(&self, old: &State, news: &News<'_>) -> u32 {
        news.serial.unwrap_or_else(|| {
            let serial = news.serials.after(old.serial, since_1970());
            news.serials.marks.set(self.id, Mark { serial, cursor: news.cursor });
            serial
        })
    }

    /// Goes on to a view of which it is not known in what it differs: secondaries take it whole.
    pub(super) fn restart(&self, view: &Arc<View>, serials: &Serials, cursor: Cursor) {
        let serial = serials.after(self.state().serial, since_1970());
        serials.marks.restart(self.id, Mark { serial, cursor });
        let bridges = self.judge(view).bridges().map(Arc::new);
        let state = State { serial, view: Arc::clone(view), bridges, deltas: VecDeque::new() };
        self.state.store(Arc::new(state));
        self.news.send_replace(());
    }

    fn delta(&self, old: &State, news: &News<'_>) -> Result<(Delta, Arc<Bridges>), LookupError> {
        let before = old.bridges.clone()?;
        let (was, is) = (self.judge(&old.view), self.judge(news.view));
        let mut targets = self.touched(news)?;
        let mut after = Arc::clone(&before);
        if !self.leaves_bridges(&targets, was, is, &before)? {
            after = Arc::new(is.bridges()?);
            targets.extend(before.union(&after).cloned().map(Target::Name));
            in_order(&mut targets);
        }
        let from = old.serial;
        let mut delta = Delta { from, to: from, removed: Vec::new(), added: Vec::new() };
        for target in targets {
            let (old, new) =
                (self.records_of(was, &before, &target)?, self.records_of(is, &after, &target)?);
            delta.removed.extend(old.difference(&new).cloned());
            delta.added.extend(new.difference(&old).cloned());
        }
        Ok((delta, after))
    }

    /// Whether changes to these targets leave the bridges as they are.
    fn leaves_bridges(
        &self,
        targets: &[Target],
        was: Judge<'_>,
        is: Judge<'_>,
        bridges: &Bridges,
    ) -> Result<bool, LookupError> {
        for target in targets {
            let is_one = matches!(target, Target::Name(name) if bridges.contains(name));
            if is_one || was.is_bridged(target)? || is.is_bridged(target)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn records_of(
        &self,
        judge: Judge<'_>,
        bridges: &Bridges,
        target: &Target,
    ) -> Result<BTreeSet<Vec<u8>>, LookupError> {
        let mut found = BTreeSet::new();
        let verdicts = judge.verdicts(target)?;
        let is_bridge = matches!(target, Target::Name(name) if bridges.contains(name));
        judge.records(target, &verdicts, is_bridge, &self.records, |record| {
            found.insert(record.to_vec());
        });
        Ok(found)
    }

    /// Whatever the changes may have changed the records of.
    fn touched(&self, news: &News<'_>) -> Result<Vec<Target>, LookupError> {
        let mut all = Vec::new();
        let mut wide = Wide::default();
        for change in news.changes.iter().filter(|change| change.tenant.is_none()) {
            let Some(target) = Target::of_change(change) else { continue };
            match &target {
                Target::Name(name) if change.scope.covers_beneath() => {
                    if news.beneath.may_hold(name) {
                        wide.names.insert(name.as_str().to_owned());
                    }
                }
                // A decision on a network takes the word from evidence in it, or gives it back.
                Target::Prefix(prefix) if change.layer == Layer::Decision => {
                    if matches!(prefix.kind(), Kind::Ipv4Network | Kind::Ipv6Network) {
                        wide.prefixes.insert((prefix.length(), prefix.address()));
                        wide.lengths.insert(prefix.length());
                    }
                }
                Target::Name(_) | Target::Prefix(_) => {}
            }
            all.push(target);
        }
        if !wide.is_empty() {
            // What lies beneath is found by looking.
            let is_wanted = |_, kind| match kind {
                Kind::Domain => !wide.names.is_empty(),
                Kind::Ipv4 | Kind::Ipv6 => !wide.prefixes.is_empty(),
                _ => false,
            };
            for listed in news.view.entries_where(None, ALWAYS, is_wanted) {
                let Some(target) = Target::of_entry(&listed?) else { continue };
                if wide.covers(&target) {
                    all.push(target);
                }
            }
        }
        in_order(&mut all);
        Ok(all)
    }
}

fn in_order(targets: &mut Vec<Target>) {
    targets.sort_by(|a, b| a.order().cmp(&b.order()));
    targets.dedup();
}

/// Forgets the oldest differences until no more than `records_max` records are kept.
fn shed(deltas: &mut VecDeque<Arc<Delta>>, records_max: usize) {
    let mut kept: usize = deltas.iter().map(|delta| delta.len()).sum();
    while kept > records_max
        && let Some(oldest) = deltas.pop_front()
    {
        kept -= oldest.len();
    }
}

/// Names and networks whose changes reach what lies beneath them.
#[derive(Default)]
struct Wide {
    names: BTreeSet<String>,
    prefixes: BTreeSet<(u8, IpAddr)>,
    lengths: BTreeSet<u8>,
}

impl Wide {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.prefixes.is_empty()
    }

    fn covers(&self, target: &Target) -> bool {
        match target {
            Target::Name(_) if self.names.is_empty() => false,
            Target::Name(name) => above(name).any(|parent| self.names.contains(parent.as_str())),
            Target::Prefix(prefix) => self.lengths.range(..prefix.length()).any(|length| {
                let network = prefix.shorten(*length);
                network.is_some_and(|cut| self.prefixes.contains(&(*length, cut.address())))
            }),
        }
    }
}
