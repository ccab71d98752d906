//! The answers of a batch, written as the client takes them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use wardnet_model::Timestamp;
use wardnet_server::now_unix;
use wardnet_verdictdb::View;

use super::LookupState;
use super::batch::Questions;
use crate::answer::{Asker, Phrasebook};
use crate::opinion::Opinions;

/// Bytes after which a frame is sent: some hundred answers, a few hundred microseconds of work,
/// so that a large batch does not hold up the other requests of its thread.
const FRAME_BYTES: usize = 32 * 1024;

/// A response body that asks and writes on demand. It holds one view from begin to end.
pub(super) struct Stream {
    state: LookupState,
    view: Arc<View>,
    tenant: u32,
    now: Timestamp,
    questions: Questions,
    phrases: Phrasebook,
    opinions: Option<Arc<Opinions>>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Answers,
    Done,
}

impl Stream {
    pub(super) fn new(
        state: LookupState,
        view: Arc<View>,
        tenant: u32,
        questions: Questions,
        opinions: Option<Arc<Opinions>>,
    ) -> Self {
        let (now, phrases) = (now_unix(), Phrasebook::default());
        let stage = Stage::Begin;
        Self { state, view, tenant, now, questions, phrases, opinions, stage }
    }

    /// Writes the next answers; nothing at the end.
    fn write(&mut self, out: &mut Vec<u8>) {
        let asker = Asker::new(&self.view, self.state.suffixes, self.now)
            .for_tenant(self.tenant)
            .with_names(self.state.names.as_ref())
            .with_known_files(&self.state.known_files)
            .with_phrases(&self.phrases)
            .with_opinions(self.opinions.as_deref());
        let array = self.questions.is_array();
        let mut first = self.stage == Stage::Begin;
        if array && first {
            out.extend_from_slice(br#"{"as_of":""#);
            out.extend_from_slice(self.view.as_of.to_string().as_bytes());
            out.extend_from_slice(br#"","answers":["#);
        }
        self.stage = Stage::Answers;
        while out.len() < FRAME_BYTES {
            let some = self.questions.next_some();
            if some.is_empty() {
                out.extend_from_slice(if array { b"]}" } else { b"" });
                self.stage = Stage::Done;
                return;
            }
            let begins = first;
            first = false;
            asker.answer_some(&some, out, |before, out| match array {
                true if begins && before == 0 => {}
                true => out.push(b','),
                false if before == 0 => {}
                false => out.push(b'\n'),
            });
            if !array {
                out.push(b'\n');
            }
        }
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.stage == Stage::Done {
            return Poll::Ready(None);
        }
        let mut frame = Vec::with_capacity(FRAME_BYTES + 1024);
        this.write(&mut frame);
        if frame.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(frame.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.stage == Stage::Done
    }
}
