//! Appends a million records of 60 bytes in frames of 1,000: run it under `perf stat` or `time`.

use std::sync::Arc;

use wardnet_journal::{Journal, Options, RealDisk, Result};

fn main() -> Result<()> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| "journal-bulk".into());
    let (journal, _) = Journal::open(dir, Arc::new(RealDisk), Options::default())?;
    let record = [7_u8; 60];
    let frame = [record.as_slice(); 1_000];
    for _ in 0..1_000 {
        journal.append_unsynced(&frame)?;
    }
    journal.sync()
}
