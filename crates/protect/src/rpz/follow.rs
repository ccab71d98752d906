//! Following the change feed: from published changes to new serials.

use super::beneath::Beneath;
use super::listen::Live;
use super::serial::{Serials, TICK};
use super::target::Target;
use super::zone::News;
use crate::missed::changes_between;
use arc_swap::ArcSwap;
use std::sync::Arc;
use wardnet_verdictdb::{ChangeFeed, Cursor, LookupError, PublishedChange, View};

/// Keeps the zones at the feed's newest state.
pub(super) struct Follower {
    pub(super) feed: Arc<ChangeFeed>,
    pub(super) cursor: Cursor,
    pub(super) live: Arc<ArcSwap<Live>>,
    pub(super) serials: Arc<Serials>,
    pub(super) records_max: usize,
}

/// A follower, and what lies beneath what in the view it has reached.
pub(super) type Progress = (Follower, Option<Beneath>);

impl Follower {
    /// Follows until it is dropped.
    pub(super) async fn follow(self) {
        // Reading the database is no work for a thread that others wait for.
        let begin = move || {
            let (_, view) = self.feed.snapshot();
            (self, beneath_of(&view))
        };
        let mut progress = match tokio::task::spawn_blocking(begin).await {
            Ok(progress) => progress,
            Err(error) => return tracing::error!(%error, "following the changes broke off"),
        };
        loop {
            progress.0.feed.changed(progress.0.cursor).await;
            match tokio::task::spawn_blocking(|| catch_up(progress)).await {
                Ok(reached) => progress = reached,
                Err(error) => return tracing::error!(%error, "following the changes broke off"),
            }
            // One serial in each tick.
            tokio::time::sleep(TICK).await;
        }
    }
}

/// What lies beneath what; nothing where the database cannot be read: everybody starts anew then.
pub(super) fn beneath_of(view: &View) -> Option<Beneath> {
    let failed = |error: &LookupError| tracing::error!(%error, "the database cannot be read");
    Beneath::of(view).inspect_err(failed).ok()
}

pub(super) fn catch_up((mut follower, mut beneath): Progress) -> Progress {
    // First the zones, then the state: no zone is ahead of it.
    let live = follower.live.load_full();
    let (head, view) = follower.feed.snapshot();
    let changes = changes_between(&follower.feed, follower.cursor, head);
    if let (Some(known), Some(changes)) = (&mut beneath, &changes) {
        note(known, changes);
    }
    if changes.is_none() || beneath.as_ref().is_none_or(Beneath::is_full) {
        beneath = beneath_of(&view);
    }
    for zone in &live.zones {
        match (&changes, &beneath) {
            (Some(changes), Some(beneath)) => {
                let (serials, records_max) = (&*follower.serials, follower.records_max);
                let (cursor, serial) = (head, None);
                let view = &view;
                zone.advance(&News {
                    view,
                    changes,
                    beneath,
                    serials,
                    cursor,
                    serial,
                    records_max,
                });
            }
            _ => zone.restart(&view, &follower.serials, head),
        }
    }
    follower.cursor = head;
    (follower, beneath)
}

/// Notes what is listed now.
pub(super) fn note(beneath: &mut Beneath, changes: &[Arc<PublishedChange>]) {
    let listed = changes.iter().filter(|change| change.tenant.is_none() && change.new.is_some());
    for change in listed {
        if let Some(Target::Name(name)) = Target::of_change(change) {
            beneath.insert_above(&name);
        }
    }
}
