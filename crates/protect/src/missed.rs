//! What a follower of the change feed has missed.

use std::sync::Arc;
use wardnet_verdictdb::{ChangeFeed, Cursor, PublishedChange};

/// Changes taken from the feed at once.
const BATCH: usize = 4_096;

/// The changes after one cursor up to another; `None` where they are not known one by one.
pub(crate) fn changes_between(
    feed: &ChangeFeed,
    mut from: Cursor,
    to: Cursor,
) -> Option<Vec<Arc<PublishedChange>>> {
    let mut all = Vec::new();
    while from.seq < to.seq {
        let batch = feed.since(from, BATCH).ok()?;
        if batch.changes.is_empty() {
            break;
        }
        from = batch.cursor;
        all.extend(batch.changes.into_iter().filter(|change| change.seq <= to.seq));
    }
    Some(all)
}
