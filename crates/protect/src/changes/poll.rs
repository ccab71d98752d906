//! Changes by long poll: a request waits until there is something to tell.

use std::time::Duration;

use axum::http::StatusCode;
use wardnet_server::Problem;
use wardnet_verdictdb::{Batch, Cursor, Resync};

use super::asked::{Asked, Filter};
use super::text::json_of_event;
use super::{Follower, SNAPSHOT_PATH, Shared};

/// Changes that are looked at together.
const LOOKED_AT: usize = 512;

/// Waits for changes that pass the filter, and writes them with the cursor to go on from.
pub(super) async fn poll(
    shared: &Shared,
    follower: Follower,
    asked: Asked,
) -> Result<Vec<u8>, Problem> {
    let cursor = asked.cursor.unwrap_or_else(|| shared.feed.head());
    let mut reply = Reply { cursor, more: false, changes: Vec::new(), count: 0 };
    let (wait, begun) = (Duration::from_secs(asked.wait_secs), shared.generation());
    let waiting = async {
        while begun == shared.generation() {
            let listening = shared.feed.listen();
            reply.gather(shared, follower, &asked.filter)?;
            if reply.count > 0 {
                break;
            }
            listening.await;
        }
        Ok::<(), Problem>(())
    };
    // Out of time, what was found so far is the reply: nothing, and how far that goes.
    tokio::time::timeout(wait, waiting).await.unwrap_or(Ok(()))?;
    Ok(reply.write())
}

struct Reply {
    cursor: Cursor,
    more: bool,
    changes: Vec<u8>,
    count: usize,
}

impl Reply {
    /// Adds what there is, up to the limit.
    fn gather(
        &mut self,
        shared: &Shared,
        follower: Follower,
        filter: &Filter,
    ) -> Result<(), Problem> {
        loop {
            let batch = shared.feed.since_for(follower.tenant, self.cursor, LOOKED_AT);
            let batch = batch.map_err(gone)?;
            if !self.take(shared, &batch, (follower, filter)) || !batch.more {
                return Ok(());
            }
        }
    }

    /// Adds what passes; false when the reply is full.
    fn take(
        &mut self,
        shared: &Shared,
        batch: &Batch,
        (follower, filter): (Follower, &Filter),
    ) -> bool {
        for change in shared.wanted(batch, follower, filter) {
            if self.count > 0 {
                self.changes.push(b',');
            }
            self.changes.extend_from_slice(json_of_event(&shared.event(change)));
            self.count += 1;
            if self.count == shared.limits.poll_changes_max {
                self.cursor.seq = change.seq;
                self.more = self.cursor != shared.feed.head();
                return false;
            }
        }
        (self.cursor, self.more) = (batch.cursor, batch.more);
        true
    }

    fn write(self) -> Vec<u8> {
        let Self { cursor, more, changes, .. } = self;
        let mut text =
            format!("{{\"cursor\":\"{cursor}\",\"more\":{more},\"changes\":[").into_bytes();
        text.extend_from_slice(&changes);
        text.extend_from_slice(b"]}");
        text
    }
}

/// 410: there is no way on from this cursor.
fn gone(resync: Resync) -> Problem {
    let detail = format!(
        "{}; take GET {SNAPSHOT_PATH} and go on from the cursor in its first line",
        resync.reason
    );
    Problem::new(StatusCode::GONE, "resynchronise", "Resynchronise", detail)
}
