//! Batches: evidence that came together and is renewed together.

use crate::error::StoreError;
use wardnet_journal::record;
use wardnet_model::{BatchId, BatchSeen, Record, SourceId, TenantId};

/// Which batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchKey {
    /// Whose it is.
    pub tenant: TenantId,
    /// Whose feed it is.
    pub source: SourceId,
    /// Which of the source's batches.
    pub batch: BatchId,
}

impl BatchKey {
    /// The batch that `seen` speaks of.
    pub const fn of(seen: &BatchSeen) -> Self {
        Self { tenant: seen.tenant, source: seen.source, batch: seen.batch }
    }

    pub(crate) fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0u8; 16];
        bytes[..4].copy_from_slice(&self.tenant.0.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.source.0.to_be_bytes());
        bytes[8..].copy_from_slice(&self.batch.0.to_be_bytes());
        bytes
    }
}

/// What is known of a batch: the last time it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchState {
    /// The record that said so.
    pub seen: BatchSeen,
}

impl BatchState {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(80);
        record::encode(&Record::BatchSeen(self.seen.clone()), &mut bytes);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        match record::decode(bytes)? {
            Record::BatchSeen(seen) => Ok(Self { seen }),
            _ => Err(StoreError::Damaged { what: "batch" }),
        }
    }
}
