//! Following the change feed: from published changes to new serials.

use super::zone::{TICK, Zone, serial_at};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use wardnet_verdictdb::{ChangeFeed, Cursor, PublishedChange};

/// Changes taken from the feed at once.
const BATCH: usize = 4_096;

/// The time of day, for serials.
#[expect(clippy::disallowed_methods, reason = "serials are times; an I/O module reads the clock")]
pub(super) fn since_1970() -> Duration {
    // A clock set before 1970 reads as 1970: serials then count on from there.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Keeps the zones at the feed's newest state. Each zone's sender is told of its new serials.
pub(super) async fn follow(
    feed: Arc<ChangeFeed>,
    mut cursor: Cursor,
    zones: Vec<(Arc<Zone>, watch::Sender<()>)>,
    records_max: usize,
) {
    let zones = Arc::new(zones);
    loop {
        feed.changed(cursor).await;
        let (feed, zones) = (Arc::clone(&feed), Arc::clone(&zones));
        // Looking for what lies beneath an allowed name reads the whole database.
        let work = move || catch_up(&feed, cursor, &zones, records_max);
        match tokio::task::spawn_blocking(work).await {
            Ok(reached) => cursor = reached,
            Err(error) => tracing::error!(%error, "following the changes broke off"),
        }
        // One serial in each tick.
        tokio::time::sleep(TICK).await;
    }
}

fn catch_up(
    feed: &ChangeFeed,
    cursor: Cursor,
    zones: &[(Arc<Zone>, watch::Sender<()>)],
    records_max: usize,
) -> Cursor {
    let (head, view) = feed.snapshot();
    let changes = changes_between(feed, cursor, head);
    let tick = serial_at(since_1970());
    for (zone, news) in zones {
        let is_new = match &changes {
            Some(changes) => zone.advance(&view, changes, tick, records_max),
            None => {
                zone.restart(&view, tick);
                true
            }
        };
        if is_new {
            news.send_replace(());
        }
    }
    head
}

/// The changes after one cursor up to another; `None` where they are not known one by one.
fn changes_between(
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
