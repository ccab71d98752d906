//! Bases that are made in the background, while the writer goes on.

use crate::sample::{
    START, ask, bad, band, dump, import, open, options, pack, said, source, terms,
};
use proptest::prelude::*;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use wardnet_identify::{Engine, Options, WriteError, Writer, WriterThread, spawn};
use wardnet_model::{Band, Indicator, Record, RecordId, Retraction, Scope, SourceId, TenantId};
use wardnet_verdictdb::{Db, FeedLimits, View};

/// Longer than anything takes on the slowest machine.
const LONG: Duration = Duration::from_secs(120);

fn small(overlay_max: usize) -> Options {
    Options { overlay_max, ..options() }
}

fn start(dir: &Path, options: Options) -> (Writer, WriterThread, SourceId) {
    let (mut engine, _) = Engine::open(dir, options, START).unwrap();
    let feed = source(&mut engine, "feed", START);
    let (writer, thread) = spawn(engine, || START).unwrap();
    (writer, thread, feed)
}

/// Stops the writer, and lets go of the store.
fn stop(writer: Writer, thread: WriterThread) {
    drop(writer);
    thread.stop().unwrap();
}

fn append(writer: &Writer, names: &[String], feed: SourceId) -> Receiver<Result<(), WriteError>> {
    let (done, outcome) = sync_channel(1);
    let records = names.iter().map(|name| Record::Evidence(said(name, feed, 1, START))).collect();
    writer.append(records, move |result| done.send(result).unwrap()).unwrap();
    outcome
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}.top")).collect()
}

fn base_sequence(view: &View) -> u64 {
    view.base.as_ref().map_or(0, |base| base.sequence())
}

/// Waits until the writer has swapped in a base beyond `sequence`.
fn next_base(writer: &Writer, sequence: u64) -> u64 {
    let waited = std::time::Duration::from_millis(5);
    for _ in 0..LONG.as_millis() / waited.as_millis() {
        let now = base_sequence(&writer.readers().views.load());
        if now > sequence {
            return now;
        }
        std::thread::sleep(waited);
    }
    panic!("no new base");
}

/// What a view says, entry by entry.
fn content(view: &View) -> Vec<String> {
    let entries = view.entries(None, START).map(|listed| {
        let entry = listed.unwrap().entry;
        let key = entry.key.prefix64();
        format!("{:?} {key} {:?} {:?} {:?}", entry.kind, entry.scope, entry.name, entry.profile)
    });
    let mut lines: Vec<String> = entries.collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_large_overlay_becomes_a_base_while_changes_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread, feed) = start(folder.path(), small(50));
    let views = writer.readers().views.clone();
    let mut bases = std::collections::BTreeSet::new();
    for number in 0..600 {
        let name = format!("host{number}.top");
        append(&writer, std::slice::from_ref(&name), feed).recv_timeout(LONG).unwrap().unwrap();
        let view = views.load();
        bases.insert(base_sequence(&view));
        assert_eq!(ask(&view, None, &name, START).0, Band::Malicious, "{name}");
        assert!(view.overlay.len() <= 4 * 50 + 1, "the overlay is bounded");
    }
    assert!(bases.len() > 2, "{} bases only", bases.len());
    stop(writer, thread);
    let mut engine = open(folder.path(), START);
    let view = engine.views().load();
    let lived = content(&view);
    assert_eq!(lived.iter().filter(|line| line.contains("\"host")).count(), 600);
    engine.rebuild_base(START).unwrap();
    assert_eq!(content(&engine.views().load()), lived, "a full build says otherwise");
}

#[test]
fn what_only_a_base_shows_is_waited_for_by_who_brought_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread, feed) = start(folder.path(), small(20));
    let views = writer.readers().views.clone();
    let many = names("many", 500);
    let (large, single) = (append(&writer, &many, feed), append(&writer, &names("one", 1), feed));
    single.recv_timeout(LONG).unwrap().unwrap();
    assert_eq!(ask(&views.load(), None, "one0.top", START).0, Band::Malicious);
    large.recv_timeout(LONG).unwrap().unwrap();
    let view = views.load();
    for name in &many {
        assert_eq!(ask(&view, None, name, START).0, Band::Malicious, "{name}");
    }
    // An import is done when its rows are shown.
    let rows: Vec<_> = (0..700).map(|number| bad(&format!("row{number}.top"))).collect();
    let read = move |engine: &mut Engine| Ok(import(engine, feed, true, &rows, START));
    assert_eq!(writer.run_blocking(read).unwrap().counts.accepted, 700);
    let view = views.load();
    assert!((0..700).all(|n| ask(&view, None, &format!("row{n}.top"), START).0 == Band::Malicious));
    stop(writer, thread);
}

#[test]
fn an_import_is_shown_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread, feed) = start(folder.path(), small(20));
    let before = base_sequence(&writer.readers().views.load());
    let rows: Vec<_> = (0..33_000).map(|number| bad(&format!("row{number}.top"))).collect();
    let of_feed = terms(feed, true, &rows);
    let begin = move |engine: &mut Engine| Ok(engine.begin_import(of_feed, START)?.1.unwrap());
    let mut under_way = writer.run_blocking(begin).unwrap();
    let parcel = pack(&under_way, &rows);
    let read = move |engine: &mut Engine| {
        engine.import_rows(&mut under_way, parcel)?;
        Ok(under_way)
    };
    let under_way = writer.run_blocking(read).unwrap();
    append(&writer, &names("one", 1), feed).recv_timeout(LONG).unwrap().unwrap();
    let view = writer.readers().views.load();
    assert_eq!(ask(&view, None, "one0.top", START).0, Band::Malicious, "single changes go on");
    assert_eq!(ask(&view, None, "row32000.top", START).0, Band::Unrated, "no base has it yet");
    writer.run_blocking(move |engine| engine.finish_import(under_way, 33_000, 0)).unwrap();
    let view = writer.readers().views.load();
    assert!(base_sequence(&view) > before);
    assert_eq!(ask(&view, None, "row32999.top", START).0, Band::Malicious);
    // One that is dropped half way is shown, too, as far as it came.
    let rows: Vec<_> = (0..33_000).map(|number| bad(&format!("gone{number}.top"))).collect();
    let broken = move |engine: &mut Engine| {
        let mut import = engine.begin_import(terms(feed, false, &rows), START)?.1.unwrap();
        let parcel = pack(&import, &rows);
        engine.import_rows(&mut import, parcel)
    };
    let before = base_sequence(&view);
    writer.run_blocking(broken).unwrap();
    writer.run_blocking(|engine| engine.publish(START)).unwrap();
    next_base(&writer, before);
    let view = writer.readers().views.load();
    assert_eq!(ask(&view, None, "gone0.top", START).0, Band::Malicious);
    stop(writer, thread);
}

#[test]
fn imports_that_outgrow_the_base_are_not_put_over_it_first() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread, feed) = start(folder.path(), small(20));
    let rows: Vec<_> = (0..5_000).map(|number| bad(&format!("row{number}.top"))).collect();
    let read = move |engine: &mut Engine| {
        engine.hold(true, START)?;
        Ok(import(engine, feed, true, &rows, START))
    };
    assert_eq!(writer.run_blocking(read).unwrap().counts.accepted, 5_000);
    let views = writer.readers().views.clone();
    assert_eq!(views.load().overlay.len(), 0, "more imports follow");
    append(&writer, &names("one", 1), feed).recv_timeout(LONG).unwrap().unwrap();
    assert_eq!(ask(&views.load(), None, "one0.top", START).0, Band::Malicious);
    writer.run_blocking(|engine| engine.hold(false, START)).unwrap();
    assert_eq!(ask(&views.load(), None, "row4999.top", START).0, Band::Malicious);
    // The base has more than this by now, so it is seen at once.
    let few: Vec<_> = (0..15).map(|number| bad(&format!("few{number}.top"))).collect();
    let read = move |engine: &mut Engine| {
        engine.hold(true, START)?;
        Ok(import(engine, feed, false, &few, START))
    };
    assert_eq!(writer.run_blocking(read).unwrap().counts.accepted, 15);
    assert_eq!(ask(&views.load(), None, "few14.top", START).0, Band::Malicious);
    stop(writer, thread);
}

#[test]
fn a_stop_gives_up_the_base_and_the_next_start_has_everything() {
    for round in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let (writer, thread, feed) = start(folder.path(), small(20));
        let outcome = append(&writer, &names("many", 400 * (round + 1)), feed);
        stop(writer, thread);
        // Either it was shown in time, or who waited was told that the writer has stopped.
        if let Ok(Err(error)) = outcome.recv_timeout(LONG) {
            assert!(matches!(error, WriteError::Stopped), "{error}");
        }
        let view = folder.path().join("view");
        let (engine, _) = Engine::open(folder.path(), options(), START).unwrap();
        for number in 0..400 * (round + 1) {
            let name = format!("many{number}.top");
            assert_eq!(band(&engine, &name, START), Band::Malicious, "{name}, round {round}");
        }
        let left = std::fs::read_dir(view).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".tmp")), "{left:?}");
    }
}

#[test]
fn a_base_that_cannot_be_written_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread, feed) = start(folder.path(), small(20));
    let view = folder.path().join("view");
    let away = folder.path().join("away");
    std::fs::rename(&view, &away).unwrap();
    let outcome = append(&writer, &names("many", 300), feed).recv_timeout(LONG).unwrap();
    assert!(matches!(outcome, Err(WriteError::Engine(_))), "{outcome:?}");
    // The old base and its changes go on.
    append(&writer, &names("one", 1), feed).recv_timeout(LONG).unwrap().unwrap();
    std::fs::rename(&away, &view).unwrap();
    writer.run_blocking(|engine| engine.rebuild_base(START)).unwrap();
    let state = writer.readers().views.load();
    assert_eq!(ask(&state, None, "many299.top", START).0, Band::Malicious);
    stop(writer, thread);
    let engine = open(folder.path(), START);
    assert_eq!(band(&engine, "many299.top", START), Band::Malicious);
}

/// What is written while bases are made.
#[derive(Debug, Clone)]
enum Write {
    One(usize),
    Many(usize, usize),
    Feed(usize, bool),
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        6 => (0..40usize).prop_map(Write::One),
        1 => (0..40usize, 20..60usize).prop_map(|(from, count)| Write::Many(from, count)),
        2 => (0..60usize, any::<bool>()).prop_map(|(count, full)| Write::Feed(count, full)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Followers, the view, what lies on disk, and a full build from the store: all say the same.
    #[test]
    fn writes_that_race_with_bases_equal_a_full_build(
        writes in prop::collection::vec(write(), 1..40),
        overlay_max in 1..12usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (writer, thread, feed) = start(folder.path(), small(overlay_max));
        let views = writer.readers().views.clone();
        let changes = views.keep_changes(7, FeedLimits::default());
        let (cursor, first) = changes.snapshot();
        let mut waiting = Vec::new();
        for write in writes {
            match write {
                Write::One(number) => {
                    waiting.push(append(&writer, &[format!("name{number}.top")], feed));
                }
                Write::Many(from, count) => {
                    let names: Vec<_> =
                        (from..from + count).map(|n| format!("name{n}.top")).collect();
                    waiting.push(append(&writer, &names, feed));
                }
                Write::Feed(count, full) => {
                    let rows: Vec<_> = (0..count).map(|n| bad(&format!("feed{n}.top"))).collect();
                    let (done, outcome) = sync_channel(1);
                    let job = move |engine: &mut Engine| {
                        import(engine, feed, full, &rows, START);
                        Ok(())
                    };
                    writer.run(job, move |result| done.send(result).unwrap()).unwrap();
                    waiting.push(outcome);
                }
            }
        }
        for outcome in waiting {
            outcome.recv_timeout(LONG).unwrap().unwrap();
        }
        let lived = content(&views.load());
        // The sum of the changes is the state.
        let mut told: std::collections::BTreeSet<String> = names_of(&first);
        let batch = changes.since(cursor, usize::MAX).unwrap();
        for change in &batch.changes {
            let name = change.name().unwrap_or_default().to_owned();
            let known = told.contains(&name);
            prop_assert_eq!(known, change.old.is_some(), "{:?}", change);
            if change.new.is_some() { told.insert(name); } else { told.remove(&name); }
        }
        prop_assert_eq!(told, names_of(&views.load()));
        stop(writer, thread);
        let mut engine = open(folder.path(), START);
        prop_assert_eq!(&content(&engine.views().load()), &lived, "after a restart");
        dump(&mut engine, START);
        prop_assert_eq!(&content(&engine.views().load()), &lived, "from the store");
    }
}

fn names_of(view: &View) -> std::collections::BTreeSet<String> {
    let listed = view.entries(None, START).map(|listed| listed.unwrap().entry.name);
    listed.flatten().map(str::to_owned).collect()
}

#[test]
fn most_bases_are_made_from_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread, feed) = start(folder.path(), small(5));
    let mut sequence = base_sequence(&writer.readers().views.load());
    let mut sizes = Vec::new();
    for round in 0..12 {
        append(&writer, &names(&format!("round{round}-"), 5), feed)
            .recv_timeout(LONG)
            .unwrap()
            .unwrap();
        append(&writer, &names(&format!("more{round}-"), 1), feed)
            .recv_timeout(LONG)
            .unwrap()
            .unwrap();
        sequence = next_base(&writer, sequence);
        let view = writer.readers().views.load();
        let base: &Db = view.base.as_ref().unwrap();
        sizes.push(base.stat().entries());
    }
    assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]), "{sizes:?}");
    stop(writer, thread);
    let mut engine = open(folder.path(), START);
    let lived = content(&engine.views().load());
    engine.rebuild_base(START).unwrap();
    assert_eq!(content(&engine.views().load()), lived);
}

#[test]
fn a_hash_that_begins_like_another_does_not_take_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, thread, feed) = start(folder.path(), small(5));
    let say = |texts: &[String]| {
        append(&writer, texts, feed).recv_timeout(LONG).unwrap().unwrap();
    };
    let (listed, alike) = ("ab".repeat(32), "ab".repeat(8) + &"cd".repeat(24));
    let mut sequence = base_sequence(&writer.readers().views.load());
    say(&[vec![listed.clone()], names("fill-", 6)].concat());
    sequence = next_base(&writer, sequence);
    // Somebody lists one that begins alike, and takes it back.
    let indicator = Indicator::parse(&alike).unwrap();
    say(std::slice::from_ref(&alike));
    writer
        .run_blocking(move |engine| {
            let (tenant, scope, at) = (TenantId::SHARED, Scope::Exact, START);
            let record = RecordId(1);
            let end = Retraction { tenant, source: feed, indicator, scope, record, at };
            engine.append(vec![Record::Retraction(end)], START)
        })
        .unwrap();
    // No more at once than go over a base, so that the next one is made from it.
    say(&names("more-", 3));
    say(&names("last-", 3));
    next_base(&writer, sequence);
    let view = writer.readers().views.load();
    assert_eq!(ask(&view, None, &listed, START).0, Band::Malicious);
    stop(writer, thread);
}
