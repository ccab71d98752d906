//! Keeps the index of digests at the newest state.

use super::answer::Shared;
use super::index::{Index, Wanted};
use std::sync::Arc;
use std::time::Duration;
use wardnet_server::Shutdown;
use wardnet_verdictdb::{ChangeFeed, Cursor};

/// Changes taken from the feed at once.
const BATCH: usize = 4_096;

/// How long building rests after it failed, as it does while the database is damaged.
const REST: Duration = Duration::from_secs(5);

/// Builds the index, and adds every change to it until the listener stops.
pub(super) async fn follow(
    feed: Arc<ChangeFeed>,
    wanted: Wanted,
    shared: Arc<Shared>,
    stop: Shutdown,
) {
    loop {
        let followed = tokio::select! {
            followed = build_and_follow(&feed, &wanted, &shared) => followed,
            () = stop.wait() => return,
        };
        if !followed {
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                () = stop.wait() => return,
            }
        }
    }
}

/// Returns when the index has to be built anew: true, or false when it could not be built.
async fn build_and_follow(feed: &Arc<ChangeFeed>, wanted: &Wanted, shared: &Shared) -> bool {
    let (cursor, view) = feed.snapshot();
    let (now, by) = (wardnet_server::now_unix().max(view.as_of), wanted.clone());
    let built = tokio::task::spawn_blocking(move || Index::build(&by, &view, now)).await;
    let index = match built {
        Ok(Ok(index)) => index,
        Ok(Err(error)) => {
            tracing::error!(%error, "the index of digests could not be built");
            return false;
        }
        Err(error) => {
            tracing::error!(%error, "building the index of digests broke off");
            return false;
        }
    };
    if index.left_out() > 0 {
        let (kept, left_out) = (index.len(), index.left_out());
        tracing::warn!(kept, left_out, "more names than digest_names_max: some are not found");
    }
    shared.publish(index);
    add_changes(feed, cursor, shared).await;
    true
}

async fn add_changes(feed: &ChangeFeed, mut cursor: Cursor, shared: &Shared) {
    loop {
        feed.changed(cursor).await;
        let (Ok(batch), Some(index)) = (feed.since(cursor, BATCH), shared.index()) else { return };
        cursor = batch.cursor;
        let next = index.after(&batch.changes);
        if next.is_worn() {
            return;
        }
        shared.publish(next);
    }
}
