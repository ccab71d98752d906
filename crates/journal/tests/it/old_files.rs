//! Journals of every released format version still open.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wardnet_journal::{Journal, Options, RealDisk};

use crate::record;

fn options() -> Options {
    Options { segment_bytes: 700, ..Options::default() }
}

fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/v1")
}

/// The sequence numbers in the stored journal: its sealed segments were compacted once.
fn kept(at: u64) -> bool {
    at > 20 || !at.is_multiple_of(3)
}

#[test]
fn version_1_is_read() {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        write_anew();
    }
    // Opening may change files, and the stored ones must stay as they are.
    let dir = tempfile::tempdir().unwrap();
    let mut files = 0;
    for file in fs::read_dir(stored()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        files += 1;
    }
    assert!(files >= 3, "plain, compacted and active segments are there");
    let (journal, report) = Journal::open(dir.path(), Arc::new(RealDisk), options()).unwrap();
    assert_eq!((report.last, report.torn), (40, None));
    let found: Vec<_> = journal.replay(1).map(Result::unwrap).collect();
    let expected: Vec<_> = (1..=40).filter(|at| kept(*at)).map(|at| (at, record(at))).collect();
    assert_eq!(found, expected);
    assert_eq!(journal.append(&[b"goes on"]).unwrap().first, 41);
}

fn write_anew() {
    fs::remove_dir_all(stored()).ok();
    let (journal, _) = Journal::open(stored(), Arc::new(RealDisk), options()).unwrap();
    for at in 1..=40 {
        journal.append(&[&record(at)]).unwrap();
    }
    journal.compact(|at, _| kept(at)).unwrap();
    journal.checkpoint().unwrap();
}
