//! Whoever follows the changes goes on after the next start, or is told that it cannot.

use crate::sample::{START, append, bad, days, decided, import, open, options, said, source};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use wardnet_identify::{Engine, Options};
use wardnet_model::{Action, Evidence, Record, Sharing, SourceId, TenantId};
use wardnet_verdictdb::{ChangeFeed, Cursor, Layer, PublishedChange, ResyncReason, View};

/// What everybody is told, by name and layer.
type Copy = BTreeMap<(String, Layer), u8>;

fn said_by(view: &View) -> Copy {
    let listed = view.entries(None, START).map(|listed| {
        let entry = listed.unwrap().entry;
        let place = (entry.name.unwrap_or_default().to_owned(), entry.layer());
        (place, entry.profile.risk.value())
    });
    listed.collect()
}

/// Somebody who keeps a copy, and a cursor.
struct Follower {
    copy: Copy,
    cursor: Cursor,
}

impl Follower {
    fn begin(feed: &ChangeFeed) -> Self {
        let (cursor, view) = feed.snapshot();
        Self { copy: said_by(&view), cursor }
    }

    fn apply(&mut self, change: &PublishedChange) {
        let name = (change.name().unwrap_or_default().to_owned(), change.layer);
        let risk = |data: &Option<Arc<wardnet_verdictdb::EntryData>>| {
            data.as_ref().map(|data| data.profile.risk.value())
        };
        assert_eq!(self.copy.get(&name).copied(), risk(&change.old), "{change:?}");
        match risk(&change.new) {
            Some(risk) => self.copy.insert(name, risk),
            None => self.copy.remove(&name),
        };
    }

    fn follow(&mut self, engine: &Engine) {
        let feed = engine.changes();
        while self.cursor != feed.head() {
            let batch = feed.since(self.cursor, 3).unwrap();
            batch.changes.iter().for_each(|change| self.apply(change));
            self.cursor = batch.cursor;
        }
        assert_eq!(self.copy, said_by(&engine.views().load()));
    }
}

fn say(engine: &mut Engine, name: &str, feed: SourceId) {
    append(engine, Record::Evidence(said(name, feed, 1, START)), START);
}

/// A folder with one entry, and a follower who knows it.
fn begin(dir: &Path) -> (Engine, SourceId, Follower) {
    let mut engine = open(dir, START);
    let feed = source(&mut engine, "feed", START);
    say(&mut engine, "first.top", feed);
    let follower = Follower::begin(&engine.changes());
    (engine, feed, follower)
}

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Cleanly,
    /// Without a word, as by `kill -9`: what it wrote is there.
    Killed,
}

fn end(engine: Engine, how: End) {
    match how {
        End::Cleanly => engine.close(START).unwrap(),
        End::Killed => drop(engine),
    }
}

#[test]
fn a_cursor_outlives_the_program() {
    for how in [End::Cleanly, End::Killed] {
        let folder = tempfile::tempdir().unwrap();
        let (mut engine, feed, mut follower) = begin(folder.path());
        let history = follower.cursor.history;
        for round in 0..6 {
            // The follower lags, and is away while the program ends and starts.
            for number in 0..4 {
                say(&mut engine, &format!("round{round}-{number}.top"), feed);
            }
            append(
                &mut engine,
                Record::Decision(decided("first.top", Action::Allow, START)),
                START,
            );
            if round % 2 == 1 {
                engine.rebuild_base(START).unwrap();
                say(&mut engine, &format!("after{round}.top"), feed);
            }
            end(engine, how);
            engine = open(folder.path(), START);
            assert_eq!(engine.changes().history(), history, "{how:?}, round {round}");
            say(&mut engine, &format!("next{round}.top"), feed);
            follower.follow(&engine);
        }
    }
}

#[test]
fn what_changed_while_nobody_served_is_told() {
    for how in [End::Cleanly, End::Killed] {
        let folder = tempfile::tempdir().unwrap();
        let (mut engine, feed, mut follower) = begin(folder.path());
        import(&mut engine, feed, true, &[bad("fades.top"), bad("stays.top")], START);
        end(engine, how);
        // Two months on, without a word, it has faded.
        let (engine, _) = Engine::open(folder.path(), options(), days(60)).unwrap();
        follower.follow(&engine);
        assert!(
            follower
                .copy
                .get(&("fades.top".to_owned(), Layer::Evidence))
                .is_none_or(|risk| *risk < 70)
        );
    }
}

#[test]
fn a_history_is_not_continued_when_something_may_be_lost() {
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 4] = [
        ("another boot", |view| {
            let mut file = std::fs::read(view.join("history.wvch")).unwrap();
            file[24] ^= 1;
            std::fs::write(view.join("history.wvch"), file).unwrap();
        }),
        ("no history", |view| std::fs::remove_file(view.join("history.wvch")).unwrap()),
        ("a damaged history", |view| {
            let mut file = std::fs::read(view.join("history.wvch")).unwrap();
            file[60] ^= 1;
            std::fs::write(view.join("history.wvch"), file).unwrap();
        }),
        ("a log that lost its end", |view| {
            for entry in std::fs::read_dir(view).unwrap().flatten() {
                if entry.path().extension().is_some_and(|end| end == "wvcl") {
                    let file = std::fs::read(entry.path()).unwrap();
                    std::fs::write(entry.path(), &file[..file.len() - 1]).unwrap();
                }
            }
        }),
    ];
    for (what, spoil) in spoils {
        let folder = tempfile::tempdir().unwrap();
        let (mut engine, feed, follower) = begin(folder.path());
        say(&mut engine, "second.top", feed);
        say(&mut engine, "third.top", feed);
        drop(engine);
        spoil(&folder.path().join("view"));
        let engine = open(folder.path(), START);
        assert_ne!(engine.changes().history(), follower.cursor.history, "{what}");
        let resync = engine.changes().since(follower.cursor, 10).unwrap_err();
        assert_eq!(resync.reason, ResyncReason::Unknown, "{what}");
        Follower::begin(&engine.changes()).follow(&engine);
    }
}

#[test]
fn what_was_logged_and_not_told_is_told_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, feed, mut follower) = begin(folder.path());
    let file = folder.path().join("view/history.wvch");
    let before = std::fs::read(&file).unwrap();
    say(&mut engine, "second.top", feed);
    say(&mut engine, "third.top", feed);
    drop(engine);
    // As if the program had ended between the two files.
    std::fs::write(&file, before).unwrap();
    let engine = open(folder.path(), START);
    assert_eq!(engine.changes().history(), follower.cursor.history);
    follower.follow(&engine);
    assert!(follower.copy.contains_key(&("third.top".to_owned(), Layer::Evidence)));
}

#[test]
fn who_follows_for_a_tenant_begins_anew_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut engine, feed, mut follower) = begin(folder.path());
    let own = Evidence {
        tenant: TenantId(7),
        sharing: Sharing::Tenant,
        ..said("own.top", feed, 1, START)
    };
    append(&mut engine, Record::Evidence(own), START);
    say(&mut engine, "second.top", feed);
    engine.close(START).unwrap();
    let engine = open(folder.path(), START);
    let changes = engine.changes();
    let resync = changes.since_for(Some(TenantId(7)), follower.cursor, 10).unwrap_err();
    assert_eq!(resync.reason, ResyncReason::Unknown);
    assert!(changes.since_for(Some(TenantId(7)), resync.head, 10).is_ok());
    let shared = |change: &&Arc<PublishedChange>| change.tenant.is_none();
    let batch = changes.since(follower.cursor, 100).unwrap();
    batch.changes.iter().filter(shared).for_each(|change| follower.apply(change));
    assert_eq!(follower.copy, said_by(&engine.views().load()));
}

#[test]
fn the_file_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = Options { ..options() };
    (small.changes.bytes_max, small.changes.changes_max) = (20_000, 20);
    let (mut engine, _) = Engine::open(folder.path(), small, START).unwrap();
    let feed = source(&mut engine, "feed", START);
    let follower = Follower::begin(&engine.changes());
    for number in 0..600 {
        say(&mut engine, &format!("name{number}.top"), feed);
    }
    let length = std::fs::metadata(folder.path().join("view/history.wvch")).unwrap().len();
    assert!(length < 60_000, "{length}");
    let head = engine.changes().head();
    drop(engine);
    let (engine, _) = Engine::open(folder.path(), small, START).unwrap();
    assert_eq!(engine.changes().head(), head);
    let resync = engine.changes().since(follower.cursor, 10).unwrap_err();
    assert_ne!(resync.reason, ResyncReason::Unknown);
    assert_eq!(
        engine.changes().since(Cursor { seq: head.seq - 5, ..head }, 10).unwrap().changes.len(),
        5
    );
}
