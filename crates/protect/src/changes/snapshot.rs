//! Everything that is said at one moment, as lines, with the cursor to go on from.
//!
//! The first line bears the cursor, the last one says how many entries came between them: a client
//! that does not see the last line has not got everything. Memory is that of one shard of the base
//! and a few frames, however slow the client is.

use super::asked::Filter;
use super::text;
use crate::encoding::Coding;
use crate::frames::{Frames, Out, Stop};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use wardnet_model::{TenantId, Timestamp};
use wardnet_verdictdb::{Cursor, View};

/// What is listed, to whom, and when.
pub(super) struct Listing {
    pub(super) cursor: Cursor,
    pub(super) view: Arc<View>,
    pub(super) tenant: Option<TenantId>,
    pub(super) filter: Filter,
    pub(super) now: Timestamp,
}

impl Listing {
    /// Begins to write.
    pub(super) fn begin(self, place: OwnedSemaphorePermit) -> Frames {
        Frames::begin(place, Coding::Identity, move |out| self.write(out))
    }

    fn write(&self, out: &mut Out) -> Result<(), Stop> {
        let head = serde_json::json!({
            "cursor": self.cursor.to_string(),
            "as_of": self.view.as_of.to_string(),
        });
        out.frame().extend_from_slice(format!("{head}\n").as_bytes());
        let mut count = 0u64;
        for listed in self.view.entries(self.tenant, self.now) {
            let listed = listed?;
            if !self.filter.passes_entry(&listed.entry) {
                continue;
            }
            text::line(&listed, out.frame());
            count += 1;
            out.flush_full()?;
        }
        out.frame().extend_from_slice(format!("{{\"entries\":{count}}}\n").as_bytes());
        Ok(())
    }
}
