//! Response bodies of any length, written by a thread that waits for its reader: memory is that of
//! a few frames, however slow the reader is.

use crate::encoding::{Coder, Coding};
use bytes::Bytes;
use http_body::{Body, Frame};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use wardnet_verdictdb::LookupError;

/// Frames that wait for the client.
const FRAMES_MAX: usize = 2;

type Written = Result<Bytes, LookupError>;

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
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let next = Vec::with_capacity(self.coder.part_bytes() + 1024);
        let full = std::mem::replace(&mut self.frame, next);
        let coded = self.coder.code(full);
        self.send(coded)
    }

    fn send(&self, coded: Vec<u8>) -> Result<(), Stop> {
        if coded.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(coded.into())).map_err(|_| Stop::Gone)
    }

    fn finish(&mut self) -> Result<(), Stop> {
        self.flush()?;
        let coder = std::mem::replace(&mut self.coder, Coder::Identity);
        self.send(coder.finish())
    }
}

/// The body.
#[derive(Debug)]
pub(crate) struct Frames(mpsc::Receiver<Written>);

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
                    drop(out.sender.blocking_send(Err(error)));
                }
            }
            drop(place);
        });
        Self(frames)
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        // An error cuts the connection, so that nobody takes a part for the whole.
        self.0.poll_recv(context).map(|written| {
            written.map(|written| written.map(Frame::data).map_err(io::Error::other))
        })
    }
}
