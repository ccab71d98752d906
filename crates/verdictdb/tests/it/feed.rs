//! Whoever follows the feed knows what the view says: nothing is missed, nothing comes twice.

use crate::sample::{NOW, Row, changes, compile, open, replay, row};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wardnet_model::{Key, Kind, Scope, TenantId, Timestamp};
use wardnet_verdictdb::{
    ChangeFeed, Cursor, EntryData, FeedLimits, History, Layer, Limits, Profile, PublishedChange,
    Recorder, ResyncReason, Terms, View, Views, fuzz_history,
};

const TENANT: TenantId = TenantId(5);

/// A place as a base knows it: of hashed kinds 64 bits of the key.
type Place = (Layer, Kind, [u8; 17], Scope);
type Said = (Profile, Option<Terms>);

fn place(layer: Layer, kind: Kind, key: &Key, scope: Scope) -> Place {
    let is_network =
        matches!(kind, Kind::Ipv4 | Kind::Ipv6 | Kind::Ipv4Network | Kind::Ipv6Network);
    let mut short = [0; 17];
    let length = if is_network { 17 } else { 8 };
    short[..length].copy_from_slice(&key.0[..length]);
    (layer, kind, short, scope)
}

fn said(data: &Option<Arc<EntryData>>) -> Option<Said> {
    data.as_ref().map(|data| (data.profile.clone(), data.terms))
}

fn listing(view: &View, tenant: Option<TenantId>) -> BTreeMap<Place, Said> {
    let entries = view.entries(tenant, Timestamp(0)).map(|listed| {
        let entry = listed.unwrap().entry;
        let at = place(entry.layer(), entry.kind, &entry.key, entry.scope);
        (at, (entry.profile.clone(), entry.terms))
    });
    entries.collect()
}

/// Somebody who keeps a copy by following.
struct Follower {
    tenant: Option<TenantId>,
    cursor: Cursor,
    copy: BTreeMap<Place, Said>,
    resyncs: Vec<ResyncReason>,
}

impl Follower {
    fn begin(feed: &ChangeFeed, tenant: Option<TenantId>) -> Self {
        let (cursor, view) = feed.snapshot();
        Self { tenant, cursor, copy: listing(&view, tenant), resyncs: Vec::new() }
    }

    fn apply(&mut self, change: &PublishedChange) {
        let at = place(change.layer, change.kind, &change.key, change.scope);
        if self.tenant.is_none() {
            let old = said(&change.old);
            assert_eq!(self.copy.get(&at), old.as_ref(), "what was said until now, at {at:?}");
            assert_ne!(old, said(&change.new), "a change that changes nothing");
        }
        match said(&change.new) {
            Some(new) => self.copy.insert(at, new),
            None => self.copy.remove(&at),
        };
    }

    fn follow(&mut self, feed: &ChangeFeed, at_once: usize) {
        loop {
            let batch = match feed.since(self.cursor, at_once) {
                Ok(batch) => batch,
                Err(resync) => {
                    let resyncs = std::mem::take(&mut self.resyncs);
                    *self = Self::begin(feed, self.tenant);
                    self.resyncs = resyncs;
                    self.resyncs.push(resync.reason);
                    continue;
                }
            };
            let (_, view) = feed.snapshot();
            let mut expected = self.cursor.seq;
            for change in &batch.changes {
                expected += 1;
                assert_eq!(change.seq, expected, "numbers are dense");
                if change.concerns(self.tenant, &view) {
                    self.apply(change);
                }
            }
            assert_eq!(batch.cursor.seq, expected);
            self.cursor = batch.cursor;
            if !batch.more {
                return;
            }
        }
    }
}

/// What may happen to a view.
#[derive(Debug, Clone)]
enum Step {
    Publish(Vec<Row>),
    /// A new base with changes that nobody published; or one that misses the last few.
    Swap(Vec<Row>, usize),
    Tenant(Vec<Row>),
    Follow(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => changes(12).prop_map(Step::Publish),
        2 => (changes(12), 0..6usize).prop_map(|(hidden, lag)| Step::Swap(hidden, lag)),
        1 => changes(8).prop_map(Step::Tenant),
        2 => (1..20usize).prop_map(Step::Follow),
    ];
    prop::collection::vec(step, 1..14)
}

struct World {
    views: Views,
    history: Vec<Row>,
}

impl World {
    fn record(&mut self, changes: Vec<Row>) -> Vec<Row> {
        let from = self.history.last().map_or(0, |row| row.seq);
        let numbered = (from + 1..).zip(changes).map(|(seq, row)| Row { seq, ..row });
        let numbered: Vec<Row> = numbered.collect();
        self.history.extend(numbered.iter().cloned());
        numbered
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Publish(changes) => {
                let changes = self.record(changes);
                self.views.publish(&changes, NOW);
            }
            Step::Swap(hidden, lag) => {
                if lag == 0 {
                    self.record(hidden);
                }
                let kept = self.history.len().saturating_sub(lag);
                let sequence = self.history[..kept].last().map_or(0, |row| row.seq);
                let state = replay(&self.history[..kept]);
                let base = Arc::new(open(compile(&state, sequence)));
                let current = self.views.load().base.as_ref().map_or(0, |base| base.sequence());
                assert_eq!(self.views.swap_base(base).is_err(), sequence < current);
            }
            Step::Tenant(changes) => {
                let mut overlay = self.views.load().tenants.get(&TENANT).cloned();
                let overlay = overlay.get_or_insert_default();
                for change in &changes {
                    match change.seq % 4 {
                        0 => overlay.forget(change.kind, &change.key, change.scope),
                        _ => overlay.apply(&Row { seq: u64::MAX, ..change.clone() }),
                    }
                }
                self.views.publish_tenant(TENANT, overlay);
            }
            Step::Follow(_) => {}
        }
    }
}

proptest! {
    #[test]
    fn following_gives_what_the_view_says(steps in steps(), small in any::<bool>()) {
        let mut world = World { views: Views::default(), history: Vec::new() };
        let limits = match small {
            true => FeedLimits { changes_max: 9, differences_max: 5, ..FeedLimits::default() },
            false => FeedLimits::default(),
        };
        let feed = world.views.keep_changes(7, limits);
        let mut shared = Follower::begin(&feed, None);
        let mut own = Follower::begin(&feed, Some(TENANT));
        for step in steps {
            if let Step::Follow(at_once) = step {
                shared.follow(&feed, at_once);
                own.follow(&feed, at_once);
            }
            world.take(step);
        }
        for follower in [&mut shared, &mut own] {
            follower.follow(&feed, 3);
            // A change tells until when it holds; whoever follows lets go of it then.
            follower.copy.retain(|_, (_, terms)| terms.is_none_or(|terms| terms.in_force(Timestamp(0))));
            prop_assert_eq!(&follower.copy, &listing(&world.views.load(), follower.tenant));
            prop_assert!(small || follower.resyncs.is_empty(), "{:?}", follower.resyncs);
        }
    }
}

fn row_at(seq: u64) -> Row {
    row(seq, Kind::Url, Key::digest(&seq.to_le_bytes()), 0, Some(8))
}

#[test]
fn followers_in_threads_keep_up_with_writers() {
    const CHANGES: u64 = 600;
    let views = Views::new(View::of(open(compile(&[], 0))));
    let limits = FeedLimits { changes_max: 50, ..FeedLimits::default() };
    let feed = views.keep_changes(1, limits);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for at_once in [1, 7, 1_000] {
            let (views, feed, done) = (&views, &feed, &done);
            let mut follower = Follower::begin(feed, None);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    feed.wait(follower.cursor, Duration::from_millis(20));
                    follower.follow(feed, at_once);
                }
                follower.follow(feed, at_once);
                assert_eq!(follower.copy, listing(&views.load(), None));
            });
        }
        for seq in 1..=CHANGES {
            // Every tenth change is not published: the next base brings it.
            if seq % 10 != 0 {
                views.publish(&[row_at(seq)], Timestamp(seq));
            }
            if seq % 60 == 0 {
                let rows: Vec<Row> = (1..=seq).map(row_at).collect();
                views.swap_base(Arc::new(open(compile(&rows, seq)))).unwrap();
            }
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(feed.head().seq, CHANGES);
}

#[test]
fn who_cannot_go_on_is_told_why() {
    let views = Views::default();
    let limits = FeedLimits { changes_max: 2, differences_max: 3, ..FeedLimits::default() };
    let feed = views.keep_changes(9, limits);
    let begin = feed.head();
    views.publish(&[row_at(1), row_at(2), row_at(3)], NOW);
    let why = |cursor| feed.since(cursor, 10).unwrap_err().reason;
    assert_eq!(why(begin), ResyncReason::Late);
    assert_eq!(why(Cursor { history: 8, ..feed.head() }), ResyncReason::Unknown);
    assert_eq!(why(Cursor { seq: 99, ..begin }), ResyncReason::Unknown);
    let cursor = feed.head();
    let rows: Vec<Row> = (1..=9).map(row_at).collect();
    views.swap_base(Arc::new(open(compile(&rows, 9)))).unwrap();
    assert_eq!(why(cursor), ResyncReason::Rebuilt);
    assert_eq!(feed.since(feed.head(), 1).unwrap().changes.len(), 0);
}

#[test]
fn nothing_is_kept_until_somebody_reads() {
    let views = Views::default();
    let feed = views.keep_changes(3, FeedLimits::default());
    assert!(Arc::ptr_eq(&feed, &views.keep_changes(4, FeedLimits::default())));
    views.publish(&[row_at(1)], NOW);
    let (cursor, view) = feed.snapshot();
    assert_eq!((cursor.seq, listing(&view, None).len()), (0, 1));
    views.publish(&[row_at(2)], NOW);
    let batch = feed.since(cursor, 10).unwrap();
    assert_eq!(batch.changes.len(), 1);
    assert_eq!(batch.changes[0].encoded(|change| change.seq.to_string().into()), "1");
}

#[test]
fn a_repeated_change_is_no_change() {
    let views = Views::default();
    let feed = views.keep_changes(3, FeedLimits::default());
    let cursor = feed.head();
    views.publish(&[row_at(1)], NOW);
    views.publish(&[Row { seq: 2, ..row_at(1) }], NOW);
    assert_eq!(feed.since(cursor, 10).unwrap().changes.len(), 1);
}

#[test]
fn waiting_ends_with_a_change_or_in_time() {
    let views = Views::default();
    let feed = views.keep_changes(3, FeedLimits::default());
    let cursor = feed.head();
    assert!(!feed.wait(cursor, Duration::from_millis(5)));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| feed.wait(cursor, Duration::from_secs(60)));
        views.publish(&[row_at(1)], NOW);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn cursors_are_read_as_they_are_written() {
    let cursor = Cursor { history: 0xfe, seq: u64::MAX };
    assert_eq!(cursor.to_string(), "00000000000000fe-18446744073709551615");
    assert_eq!(cursor.to_string().parse(), Ok(cursor));
    for bad in [
        "",
        "-",
        "0-0",
        "00000000000000fe",
        "00000000000000fe-",
        "00000000000000FE-1",
        "00000000000000fe-01",
        "00000000000000fe-+1",
        "00000000000000fe-18446744073709551616",
        "+0000000000000fe-1",
        "00000000000000fe-1 ",
    ] {
        assert!(bad.parse::<Cursor>().is_err(), "{bad}");
    }
}

/// Keeps a history in memory, until it is to fail.
#[derive(Debug, Default, Clone)]
struct Memory(Arc<std::sync::Mutex<(Vec<u8>, bool)>>);

impl Recorder for Memory {
    fn append(&mut self, bytes: &[u8]) -> bool {
        let mut memory = self.0.lock().unwrap();
        memory.0.extend_from_slice(bytes);
        !memory.1
    }

    fn replace(&mut self, bytes: &[u8]) -> bool {
        let mut memory = self.0.lock().unwrap();
        memory.0 = [HISTORY_HEAD, bytes].concat();
        !memory.1
    }

    fn bytes(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }
}

/// The head of history number 9, of a run of zeros.
const HISTORY_HEAD: &[u8] =
    b"WVDBhist\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn recorded(limits: FeedLimits) -> (Views, Arc<ChangeFeed>, Memory) {
    let (views, memory) = (Views::default(), Memory::default());
    assert_eq!(History::new(9).file_head([0; 16]), HISTORY_HEAD);
    let feed = views.resume_changes(History::new(9), Some(Box::new(memory.clone())), limits);
    (views, feed, memory)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_history_that_is_read_again_tells_the_same(
        all in changes(60),
        at_once in 1..9usize,
        changes_max in 1..40usize,
        torn in any::<prop::sample::Index>(),
    ) {
        let limits = FeedLimits { changes_max, ..FeedLimits::default() };
        let (views, feed, memory) = recorded(limits);
        let begin = feed.head();
        for changes in all.chunks(at_once) {
            views.publish(changes, NOW);
        }
        let bytes = memory.0.lock().unwrap().0.clone();
        let past = History::decode(&bytes, &limits, &Limits::default()).unwrap();
        prop_assert_eq!((past.base(), past.sequence()), (0, views.load().seq));
        let again = Views::new((*views.load()).clone()).resume_changes(past, None, limits);
        prop_assert_eq!(again.head(), feed.head());
        let kept = Cursor { seq: feed.head().seq - feed.kept() as u64, ..begin };
        let told = |feed: &ChangeFeed| {
            let batch = feed.since(kept, usize::MAX).unwrap();
            let of = |change: &Arc<PublishedChange>| format!("{change:?}");
            batch.changes.iter().map(of).collect::<Vec<_>>()
        };
        prop_assert_eq!(told(&again), told(&feed));
        // Torn off anywhere, it is an earlier state or none.
        fuzz_history(&bytes[..torn.index(bytes.len())]);
    }
}

#[test]
fn what_cannot_be_kept_ends_the_history() {
    let (views, feed, memory) = recorded(FeedLimits::default());
    let cursor = feed.head();
    views.publish(&[row(1, Kind::Url, Key::digest(b"one"), 0, Some(8))], NOW);
    assert_eq!(feed.since(cursor, 10).unwrap().changes.len(), 1);
    memory.0.lock().unwrap().1 = true;
    views.publish(&[row(2, Kind::Url, Key::digest(b"two"), 0, Some(8))], NOW);
    assert_ne!(feed.history(), 9, "its numbers would be given again after the next start");
    assert_eq!(feed.since(cursor, 10).unwrap_err().reason, ResyncReason::Unknown);
    let head = feed.head();
    views.publish(&[row(3, Kind::Url, Key::digest(b"three"), 0, Some(8))], NOW);
    assert_eq!(feed.since(head, 10).unwrap().changes.len(), 1, "but it goes on");
}

#[test]
fn the_fuzzing_seed_of_a_history_is_of_this_format() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/verdictdb_history/two");
    let (views, feed, memory) = recorded(FeedLimits::default());
    feed.head();
    views.publish(&[row(1, Kind::Url, Key::digest(b"one"), 0, Some(8))], NOW);
    views.publish(&[row(2, Kind::Url, Key::digest(b"one"), 0, None)], NOW);
    let bytes = memory.0.lock().unwrap().0.clone();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, &bytes).unwrap();
    }
    fuzz_history(&bytes);
    assert!(std::fs::read(path).unwrap() == bytes, "run again with UPDATE_EXPECT=1");
    let mut random = crate::sample::Random(8);
    for _ in 0..1_000 {
        let mut mutated = bytes.clone();
        mutated[random.below(bytes.len() as u64) as usize] ^= 1 << random.below(8);
        fuzz_history(&mutated);
    }
}
