//! The tables of the embedded engine.

use crate::{Options, StoreError};
use fjall::config::PartitioningPolicy;
use fjall::{Keyspace, KeyspaceCreateOptions};
use std::path::Path;
use std::time::Duration;

/// How often it looks whether gathered writes are files.
const WRITTEN_LOOK: Duration = Duration::from_millis(5);

/// Bytes of writes that may be gathered before whoever writes more waits for files.
const GATHERED_MAX: u64 = 48 << 20;

/// How long it waits at most: a full disk takes no files, and says so to the next write.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that is open in the engine.
pub(crate) struct Tables {
    pub(crate) dossiers: Keyspace,
    pub(crate) crossings: Keyspace,
    pub(crate) batches: Keyspace,
    pub(crate) members: Keyspace,
    pub(crate) relations: Keyspace,
    pub(crate) calibrations: Keyspace,
    pub(crate) faded: Keyspace,
    pub(crate) listings: Keyspace,
    pub(crate) meta: Keyspace,
    pub(crate) database: fjall::Database,
}

impl Tables {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let database = fjall::Database::builder(path)
            .cache_size(options.cache_bytes)
            .worker_threads(1)
            .max_journaling_size(64 << 20)
            .open()?;
        // In one piece, the filter of a large file is some hundred kilobytes: among millions of
        // dossiers the cache holds none for long, and each lookup would read and check it whole.
        let beyond_newest = PartitioningPolicy::new([false, true]);
        let keyspace = |name: &str| {
            database.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(options.memtable_bytes)
                    .filter_block_partitioning_policy(beyond_newest.clone())
                    .index_block_partitioning_policy(beyond_newest.clone())
            })
        };
        Ok(Self {
            dossiers: keyspace("dossiers")?,
            crossings: keyspace("crossings")?,
            batches: keyspace("batches")?,
            members: keyspace("members")?,
            relations: keyspace("relations")?,
            calibrations: keyspace("calibrations")?,
            faded: keyspace("faded")?,
            listings: keyspace("listings")?,
            meta: keyspace("meta")?,
            database,
        })
    }

    /// Waits while many writes are gathered in memory and those that are to become files do not, as
    /// their worker merges others: a large import would have them pile up.
    pub(crate) fn let_up(&self) {
        let is_ahead = || self.database.write_buffer_size() > GATHERED_MAX;
        let waits = || self.all().iter().any(|table| table.sealed_memtable_count() > 0);
        for _ in 0..PATIENCE.as_millis() / WRITTEN_LOOK.as_millis() {
            if !is_ahead() || !waits() {
                break;
            }
            std::thread::sleep(WRITTEN_LOOK);
        }
    }

    const fn all(&self) -> [&Keyspace; 9] {
        [
            &self.dossiers,
            &self.crossings,
            &self.batches,
            &self.members,
            &self.relations,
            &self.calibrations,
            &self.faded,
            &self.listings,
            &self.meta,
        ]
    }

    /// Has writes that are gathered in memory written into files, if they are more than `most`
    /// bytes, and waits for that, though not for ever: a full disk takes none.
    pub(crate) fn write_out(&self, most: u64, patience: Duration) -> Result<(), StoreError> {
        if self.database.write_buffer_size() <= most {
            return Ok(());
        }
        let all = self.all();
        for table in all {
            table.rotate_memtable()?;
        }
        let looks = patience.as_millis() / WRITTEN_LOOK.as_millis();
        for _ in 0..looks {
            if all.iter().all(|table| table.sealed_memtable_count() == 0) {
                break;
            }
            std::thread::sleep(WRITTEN_LOOK);
        }
        Ok(())
    }
}
