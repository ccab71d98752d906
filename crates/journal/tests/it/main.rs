//! The journal from outside: its contract, crashes, damage, compaction, old files.
#![cfg(test)]

mod compaction;
mod contract;
mod crash;
mod faults;
mod hostile;
mod kill;
mod old_files;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wardnet_journal::fault::FaultDisk;
use wardnet_journal::{Journal, OpenReport, Options, Result};

/// Segments small enough that a test fills many.
fn small_segments() -> Options {
    Options { segment_bytes: 600, ..Options::default() }
}

fn folder() -> PathBuf {
    PathBuf::from("/journal")
}

fn open(disk: &FaultDisk) -> Result<(Journal, OpenReport)> {
    Journal::open(folder(), Arc::new(disk.clone()), small_segments())
}

fn collect(journal: &Journal) -> Vec<(u64, Vec<u8>)> {
    journal.replay(1).collect::<Result<_>>().unwrap()
}

fn record(number: u64) -> Vec<u8> {
    format!("record {number} {}", "x".repeat((number % 40) as usize)).into_bytes()
}

/// Appends records one by one, each naming its own sequence number.
fn fill(journal: &Journal, count: u64) {
    for number in journal.last() + 1..=journal.last() + count {
        journal.append(&[&record(number)]).unwrap();
    }
}

fn path_of_last(journal: &Journal) -> PathBuf {
    journal.segments().last().unwrap().path.clone()
}

fn damage(disk: &FaultDisk, path: &Path, at: usize) {
    let mut bytes = disk.contents(path).unwrap();
    bytes[at] ^= 0x10;
    disk.overwrite(path, &bytes).unwrap();
}
