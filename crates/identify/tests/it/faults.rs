//! What goes wrong around the engine: a folder in use or of no use, a full disk, a power cut.

use crate::sample::{
    START, append, bad, band, days, import, open, options, pack, said, source, terms,
};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use wardnet_identify::{Engine, EngineError, public_key, resting_view};
use wardnet_journal::fault::FaultDisk;
use wardnet_model::{Band, Record, SourceId, Timestamp};

#[test]
fn a_folder_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), START);
    let error = Engine::open(folder.path(), options(), START).unwrap_err();
    assert!(matches!(error, EngineError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
    drop(first);
    open(folder.path(), START);
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    for dir in [file.clone(), file.join("data")] {
        let error = Engine::open(&dir, options(), START).unwrap_err();
        assert!(matches!(error, EngineError::Io { action: "create", .. }), "{error}");
        assert!(error.to_string().contains(&dir.display().to_string()), "{error}");
    }
    assert!(resting_view(&file, START).is_none());
}

#[test]
fn a_store_ahead_of_its_journal_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = open(folder.path(), START);
    let feed = source(&mut engine, "feed", START);
    append(&mut engine, Record::Evidence(said("evil.top", feed, 1, START)), START);
    engine.close(START).unwrap();
    std::fs::remove_dir_all(folder.path().join("journal")).unwrap();
    let error = Engine::open(folder.path(), options(), START).unwrap_err();
    assert!(matches!(error, EngineError::Ahead { journal: 0, .. }), "{error}");
}

/// Appends one statement after another until one fails; gives how many were acknowledged, and why
/// the next was not.
fn fill(engine: &mut Engine, feed: SourceId, from: u64, now: Timestamp) -> (u64, EngineError) {
    for number in from.. {
        let said = said(&format!("host{number}.top"), feed, 1, now);
        if let Err(error) = engine.append(vec![Record::Evidence(said)], now) {
            return (number, error);
        }
        assert!(number < 1_000_000, "the disk never filled up");
    }
    unreachable!("the numbers ended")
}

fn assert_all_listed(engine: &Engine, count: u64, now: Timestamp) {
    for number in 0..count {
        let name = format!("host{number}.top");
        assert_eq!(band(engine, &name, now), Band::Malicious, "{name} of {count}");
    }
}

#[test]
fn a_full_journal_disk_refuses_and_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new(7);
    let open = |now| Engine::open_with(folder.path(), Arc::new(disk.clone()), options(), now);
    let (mut engine, _) = open(START).unwrap();
    let feed = source(&mut engine, "feed", START);
    disk.set_space(Some(3_000));
    let (count, error) = fill(&mut engine, feed, 0, START);
    assert!(count > 5, "{count}");
    assert!(error.to_string().contains("space"), "{error}");

    // A source that could not be written down does not exist.
    let failed = engine.local_source("late", START).unwrap_err();
    assert!(failed.to_string().contains("space"), "{failed}");
    assert!(engine.epoch().source_named("late").is_none());
    assert_all_listed(&engine, count, START);

    disk.set_space(None);
    let late = engine.local_source("late", START).unwrap();
    let after = said("after.top", late, 1, START);
    append(&mut engine, Record::Evidence(after), START);
    assert_eq!(band(&engine, "after.top", START), Band::Malicious);
    drop(engine);
    disk.crash();
    let (engine, _) = open(START).unwrap();
    assert_all_listed(&engine, count, START);
    assert_eq!(band(&engine, "after.top", START), Band::Malicious);
    assert_eq!(engine.epoch().source_named("late").map(|found| found.id), Some(late));
}

#[test]
fn an_import_that_filled_the_disk_leaves_journal_and_verdicts_agreed() {
    let rows: Vec<_> = (0..20_000).map(|number| bad(&format!("host{number}.top"))).collect();
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultDisk::new(11);
    let open = || Engine::open_with(folder.path(), Arc::new(disk.clone()), options(), START);
    let (mut engine, _) = open().unwrap();
    let feed = source(&mut engine, "feed", START);
    disk.set_space(Some(600_000));
    let of_feed = terms(feed, true, &rows);
    let mut under_way = engine.begin_import(of_feed.clone(), START).unwrap().1.unwrap();
    let read = pack(&under_way, &rows);
    engine.import_rows(&mut under_way, read).unwrap();
    let error = engine.finish_import(under_way, 20_000, 0).unwrap_err();
    assert!(error.to_string().contains("space"), "{error}");

    // What of it reached the journal is taken in with the next record that does.
    disk.set_space(None);
    append(&mut engine, Record::Evidence(said("between.top", feed, 1, START)), START);
    let agreed = |engine: &mut Engine| crate::sample::dump(engine, START);
    let (partly, written) = (agreed(&mut engine), engine.journal().last());
    assert!(partly.len() > 4_000 && written > 4_000, "the first rows were written");
    drop(engine);
    std::fs::remove_dir_all(folder.path().join("store")).unwrap();
    let (mut engine, opened) = open().unwrap();
    assert_eq!(opened.replayed, written);
    assert!(agreed(&mut engine) == partly, "the journal says otherwise");

    let seen = import(&mut engine, feed, true, &rows, START);
    assert_eq!((seen.counts.accepted + seen.counts.duplicate, seen.counts.expired), (20_000, 0));
    assert_all_listed(&engine, 20_000, START);
}

/// A file system of its own, where this process may make one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, megabytes: u32) -> Option<Self> {
        let size = format!("size={megabytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn grow(&self, megabytes: u32) {
        let size = format!("remount,size={megabytes}m");
        assert!(Command::new("mount").args(["-o", &size]).arg(self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").args(["-l"]).arg(self.0).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "{} stays mounted",
            self.0.display()
        );
    }
}

/// Journal, store and view all on one small disk. Only root may mount one; for everybody else the
/// journal's own model of a full disk stands above.
#[test]
fn a_full_data_folder_refuses_and_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path(), 6) else {
        return a_full_journal_disk_refuses_and_forgets_nothing();
    };
    let mut engine = open(folder.path(), START);
    let feed = source(&mut engine, "feed", START);
    for number in 0..200 {
        append(
            &mut engine,
            Record::Evidence(said(&format!("host{number}.top"), feed, 1, START)),
            START,
        );
    }
    // What is left is taken by somebody else, but for a little.
    let free = rustix::fs::statvfs(folder.path()).unwrap();
    let spare = vec![0u8; ((free.f_bavail * free.f_frsize) as usize).saturating_sub(64 * 1024)];
    std::fs::write(folder.path().join("somebody-else"), spare).unwrap();
    let (count, error) = fill(&mut engine, feed, 200, START);
    assert!(error.to_string().to_lowercase().contains("no space"), "{error}");
    assert_all_listed(&engine, count, START);
    drop(engine);

    let reopened = Engine::open(folder.path(), options(), START);
    if let Err(error) = &reopened {
        assert!(error.to_string().to_lowercase().contains("no space"), "{error}");
    }
    drop(reopened);
    disk.grow(64);
    let mut engine = open(folder.path(), days(0));
    assert_all_listed(&engine, count, START);
    append(&mut engine, Record::Evidence(said("after.top", feed, 1, START)), START);
    assert_eq!(band(&engine, "after.top", START), Band::Malicious);
    engine.close(START).unwrap();
}

#[test]
fn what_somebody_else_made_is_not_served() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (here, view) = (folder.path(), folder.path().join("view"));
    assert_eq!(public_key(here).unwrap(), None);
    let mut engine = open(here, START);
    let feed = source(&mut engine, "feed", START);
    append(&mut engine, Record::Evidence(said("evil.top", feed, 1, START)), START);
    engine.close(START).unwrap();
    let key_file = here.join("signing-key");
    let mode = || std::fs::metadata(&key_file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let key = public_key(here).unwrap();
    assert!(key.is_some() && resting_view(here, START).is_some());

    // The files of another installation, with a note that fits.
    let elsewhere = tempfile::tempdir().unwrap();
    crate::sample::copy(here, elsewhere.path());
    std::fs::remove_file(elsewhere.path().join("signing-key")).unwrap();
    let (engine, opened) = Engine::open(elsewhere.path(), options(), START).unwrap();
    assert!(opened.rebuilt, "a new key signs a new base");
    engine.close(START).unwrap();
    assert_ne!(public_key(elsewhere.path()).unwrap(), key);
    std::fs::remove_dir_all(&view).unwrap();
    crate::sample::copy(&elsewhere.path().join("view"), &view);
    assert!(resting_view(here, START).is_none());
    std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (engine, opened) = Engine::open(here, options(), START).unwrap();
    assert!(opened.rebuilt, "what another signed is not taken");
    assert_eq!((mode(), public_key(here).unwrap()), (0o600, key));
    assert_eq!(band(&engine, "evil.top", START), Band::Malicious);
    let base = engine.views().load().base.clone().unwrap();
    assert_eq!(base.signed_by(), key);
    engine.close(START).unwrap();

    std::fs::write(&key_file, "not a key").unwrap();
    let error = Engine::open(here, options(), START).unwrap_err();
    assert!(error.to_string().contains("signing-key is no signing key"), "{error}");
}
