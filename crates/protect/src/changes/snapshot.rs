//! Everything that is said at one moment, as lines, with the cursor to go on from.
//!
//! The first line bears the cursor, the last one says how many entries came between them: a client
//! that does not see the last line has not got everything. Memory is that of one shard of the base
//! and a few frames, however slow the client is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use wardnet_model::{TenantId, Timestamp};
use wardnet_verdictdb::{Cursor, LookupError, View};

use super::asked::Filter;
use super::text;

/// Bytes after which a frame is sent.
const FRAME_BYTES: usize = 32 * 1024;

/// Frames that wait for the client.
const FRAMES_MAX: usize = 2;

type Written = Result<Bytes, LookupError>;

/// A response body, written by a thread that waits for the client.
pub(super) struct Snapshot {
    frames: mpsc::Receiver<Written>,
}

/// What is listed, to whom, and when.
pub(super) struct Listing {
    pub(super) cursor: Cursor,
    pub(super) view: Arc<View>,
    pub(super) tenant: Option<TenantId>,
    pub(super) filter: Filter,
    pub(super) now: Timestamp,
}

impl Snapshot {
    /// Begins to write. The place is given back when the last line is written, or nobody reads.
    pub(super) fn begin(listing: Listing, place: OwnedSemaphorePermit) -> Self {
        let (sender, frames) = mpsc::channel(FRAMES_MAX);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = listing.write(&sender) {
                tracing::error!(%error, "a snapshot broke off");
                // Whoever is gone need not be told.
                drop(sender.blocking_send(Err(error)));
            }
            drop(place);
        });
        Self { frames }
    }
}

impl Listing {
    fn write(&self, sender: &mpsc::Sender<Written>) -> Result<(), LookupError> {
        let mut frame = Vec::with_capacity(FRAME_BYTES + 1024);
        let head = serde_json::json!({
            "cursor": self.cursor.to_string(),
            "as_of": self.view.as_of.to_string(),
        });
        frame.extend_from_slice(format!("{head}\n").as_bytes());
        let mut count = 0u64;
        for listed in self.view.entries(self.tenant, self.now) {
            let listed = listed?;
            if !self.filter.passes_entry(&listed.entry) {
                continue;
            }
            text::line(&listed, &mut frame);
            count += 1;
            if frame.len() >= FRAME_BYTES {
                let full = std::mem::replace(&mut frame, Vec::with_capacity(FRAME_BYTES + 1024));
                if sender.blocking_send(Ok(full.into())).is_err() {
                    return Ok(());
                }
            }
        }
        frame.extend_from_slice(format!("{{\"entries\":{count}}}\n").as_bytes());
        drop(sender.blocking_send(Ok(frame.into())));
        Ok(())
    }
}

impl Body for Snapshot {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        // An error cuts the connection, so that nobody takes a part for the whole.
        self.frames.poll_recv(context).map(|written| {
            written.map(|written| written.map(Frame::data).map_err(io::Error::other))
        })
    }
}
