//! The tables of the embedded engine.

use crate::{Options, StoreError};
use fjall::{Keyspace, KeyspaceCreateOptions};
use std::path::Path;

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
        let keyspace = |name: &str| {
            database.keyspace(name, || {
                KeyspaceCreateOptions::default().max_memtable_size(options.memtable_bytes)
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
}
