//! The folder of a feed, over its life, with copies that need no server.

use super::*;
use crate::catalogue::Catalogue;
use std::io::Write;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_800_000_000);

fn feed() -> FeedConfig {
    let text = "[[feed]]\nname = 'test'\nurl = 'https://feeds.example.com/list'\n";
    Catalogue::parse(text, Path::new("/")).unwrap().feeds.remove(0)
}

fn open(data: &TempDir) -> FeedFolder {
    FeedFolder::open(data.path(), &feed(), 7).unwrap()
}

/// A download of these bytes.
fn fresh(folder: &FeedFolder, bytes: &str) -> Fresh {
    let mut file = folder.temporary_file().unwrap();
    file.write_all(bytes.as_bytes()).unwrap();
    Fresh {
        place: Place::Downloaded(file.into_temp_path()),
        sha256: Digest(Sha256::digest(bytes).into()),
        bytes: bytes.len() as u64,
        validators: Validators { etag: Some(format!("\"{bytes}\"")), ..Validators::default() },
        content_type: None,
        server_wait_secs: None,
    }
}

#[test]
fn the_state_survives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let mut folder = open(&data);
    assert!(folder.state().is_due(NOW), "a new feed is due at once");
    let counts = Counts { rows: 3, accepted: 2, rejected: 1, cut_short: false };
    let copy = fresh(&folder, "one");
    folder.apply(copy, counts, NOW).unwrap();
    let copy = fresh(&folder, "two");
    folder.hold_back(copy, &HoldReason::WebPage, NOW).unwrap();
    let before = folder.state().clone();
    drop(folder);
    let folder = open(&data);
    assert_eq!(folder.state(), &before);
    assert_eq!(fs::read(folder.current().unwrap()).unwrap(), b"one");
    assert_eq!(fs::read(folder.held().unwrap()).unwrap(), b"two");
    assert_eq!(before.applied.unwrap().counts, counts);
    assert_eq!(before.validators.etag.as_deref(), Some("\"two\""));
}

#[test]
fn one_process_at_a_time_works_on_a_feed() {
    let data = tempfile::tempdir().unwrap();
    let folder = open(&data);
    let second = FeedFolder::open(data.path(), &feed(), 7);
    assert!(matches!(second, Err(FolderError::Busy(_))), "{second:?}");
    drop(folder);
    open(&data);
}

#[test]
fn downloads_that_were_cut_off_are_removed() {
    let data = tempfile::tempdir().unwrap();
    let path = open(&data).path(".unfinished-abc");
    fs::write(&path, "half").unwrap();
    open(&data);
    assert!(!path.exists());
}

#[test]
fn a_damaged_state_is_set_aside() {
    let data = tempfile::tempdir().unwrap();
    let mut folder = open(&data);
    let copy = fresh(&folder, "one");
    folder.apply(copy, Counts::default(), NOW).unwrap();
    fs::write(folder.path("state.json"), "{").unwrap();
    drop(folder);
    let read = FeedState::read(data.path(), &feed().name);
    assert!(matches!(read, Err(FolderError::Damaged { .. })), "{read:?}");
    let folder = open(&data);
    assert_eq!(folder.state().validators, Validators::default());
    assert!(folder.state().is_due(NOW) && folder.path("state.json.damaged").exists());
}

/// A crash after the copy was renamed and before the state was written.
#[test]
fn a_copy_without_its_state_is_fetched_again() {
    let data = tempfile::tempdir().unwrap();
    let mut folder = open(&data);
    let copy = fresh(&folder, "one");
    folder.apply(copy, Counts::default(), NOW).unwrap();
    let copy = fresh(&folder, "two");
    folder.take_in(copy.place, "current").unwrap();
    drop(folder);
    let folder = open(&data);
    assert_eq!(fs::read(folder.current().unwrap()).unwrap(), b"two", "one copy or the other");
    assert_eq!(fs::read(folder.path("previous")).unwrap(), b"one");
    assert_eq!(
        folder.state().validators.etag.as_deref(),
        Some("\"one\""),
        "so the server sends it"
    );
}

#[test]
fn without_a_copy_no_validators_are_used() {
    let data = tempfile::tempdir().unwrap();
    let mut folder = open(&data);
    let copy = fresh(&folder, "one");
    folder.apply(copy, Counts::default(), NOW).unwrap();
    fs::remove_file(folder.path("current")).unwrap();
    drop(folder);
    let folder = open(&data);
    assert_eq!(folder.state().validators, Validators::default());
    let digest = Digest(Sha256::digest("one").into());
    assert_eq!(folder.copy_with(digest), None, "the same bytes must be taken once more");
}

#[test]
fn failures_are_counted_until_the_feed_answers() {
    let data = tempfile::tempdir().unwrap();
    let mut folder = open(&data);
    for failures in 1..=3 {
        folder.failed(&FetchError::HostNotFound, NOW).unwrap();
        assert_eq!(folder.state().failures, failures);
    }
    assert!(folder.state().last_error.as_ref().unwrap().contains("name of the server"));
    let copy = fresh(&folder, "one");
    folder.apply(copy, Counts::default(), NOW).unwrap();
    assert_eq!((folder.state().failures, &folder.state().last_error), (0, &None));
}
