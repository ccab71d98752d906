//! The embedded engine keeps the contract that every engine must keep.

use std::sync::Arc;

use wardnet_journal::fault::FaultDisk;
use wardnet_journal::{Journal, Options, RealDisk, contract};

use crate::small_segments;

#[test]
fn on_a_real_disk() {
    let dir = tempfile::tempdir().unwrap();
    contract::check_all(&|name| {
        Journal::open(dir.path().join(name), Arc::new(RealDisk), Options::default()).unwrap().0
    });
}

#[test]
fn with_small_segments() {
    let disk = FaultDisk::new(1);
    contract::check_all(&|name| {
        let dir = format!("/{name}");
        Journal::open(dir, Arc::new(disk.clone()), small_segments()).unwrap().0
    });
}

#[test]
fn concurrent_appends_share_an_fsync() {
    const THREADS: u64 = 16;
    const APPENDS: u64 = 25;
    let disk = FaultDisk::new(1);
    // An fsync that takes a while, as a real one does.
    disk.set_sync_delay(std::time::Duration::from_millis(1));
    let (journal, _) = Journal::open("/group", Arc::new(disk.clone()), Options::default()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..APPENDS {
                    journal.append(&[b"x"]).unwrap();
                }
            });
        }
    });
    assert_eq!(journal.last(), THREADS * APPENDS);
    assert!(disk.syncs() < THREADS * APPENDS / 3, "{} fsyncs", disk.syncs());
}
