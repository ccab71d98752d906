//! Response bodies of any length, written by a thread that waits for its reader: memory is that of
//! a few frames, however slow the reader is.

use crate::encoding::{Coder, Coding};
use bytes::Bytes;
use http_body::{Body, Frame};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use wardnet_verdictdb::LookupError;

/// Frames that wait for the client.
const FRAMES_MAX: usize = 2;

/// A frame, or why there is none.
#[derive(Debug)]
struct Written {
    bytes: Result<Bytes, LookupError>,
    /// Whether nothing comes after it.
    is_last: bool,
}

/// Why writing ends before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nobody reads any more.
    Gone,
    /// The database cannot be read.
    Damaged(LookupError),
}

impl From<LookupError> for Stop {
    fn from(error: LookupError) -> Self {
        Self::Damaged(error)
    }
}

/// Takes what is written.
#[derive(Debug)]
pub(crate) struct Out {
    frame: Vec<u8>,
    coder: Coder,
    sender: mpsc::Sender<Written>,
}

impl Out {
    /// What is written goes here; [`Self::flush_full`] is to be called now and then.
    pub(crate) const fn frame(&mut self) -> &mut Vec<u8> {
        &mut self.frame
    }

    /// Sends what is written if it fills a frame.
    pub(crate) fn flush_full(&mut self) -> Result<(), Stop> {
        if self.frame.len() < self.coder.part_bytes() {
            return Ok(());
        }
        let next = Vec::with_capacity(self.coder.part_bytes() + 1024);
        let full = std::mem::replace(&mut self.frame, next);
        let coded = self.coder.code(full);
        // A coder may keep what it is given until more comes.
        if coded.is_empty() { Ok(()) } else { self.send(Ok(coded.into()), false) }
    }

    /// Sends the rest. Whoever takes it knows that it is the last.
    fn finish(&mut self) -> Result<(), Stop> {
        let rest = std::mem::take(&mut self.frame);
        let mut coded = self.coder.code(rest);
        let coder = std::mem::replace(&mut self.coder, Coder::Identity);
        coded.extend_from_slice(&coder.finish());
        self.send(Ok(coded.into()), true)
    }

    fn send(&self, bytes: Result<Bytes, LookupError>, is_last: bool) -> Result<(), Stop> {
        self.sender.blocking_send(Written { bytes, is_last }).map_err(|_| Stop::Gone)
    }
}

/// The body.
#[derive(Debug)]
pub(crate) struct Frames {
    frames: mpsc::Receiver<Written>,
    is_over: bool,
}

impl Frames {
    /// Begins to write. The place is given back when all is written, or nobody reads.
    pub(crate) fn begin(
        place: OwnedSemaphorePermit,
        coding: Coding,
        write: impl FnOnce(&mut Out) -> Result<(), Stop> + Send + 'static,
    ) -> Self {
        let (sender, frames) = mpsc::channel(FRAMES_MAX);
        tokio::task::spawn_blocking(move || {
            let mut out = Out { frame: Vec::new(), coder: Coder::new(coding), sender };
            // Whoever is gone need not be told.
            match write(&mut out).and_then(|()| out.finish()) {
                Ok(()) | Err(Stop::Gone) => {}
                Err(Stop::Damaged(error)) => {
                    tracing::error!(%error, "a listing broke off");
                    drop(out.send(Err(error), true));
                }
            }
            drop(place);
        });
        Self { frames, is_over: false }
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        // An error cuts the connection, so that nobody takes a part for the whole.
        let written = ready!(self.frames.poll_recv(context));
        let (bytes, is_last) = match written {
            Some(Written { bytes, is_last }) => (bytes.map_err(io::Error::other), is_last),
            None => (Err(io::Error::other("the answer broke off")), true),
        };
        self.is_over = is_last;
        Poll::Ready(Some(bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
