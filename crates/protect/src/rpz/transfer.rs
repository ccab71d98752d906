//! Transfers over a stream: a whole zone (RFC 5936), or what changed in it (RFC 1995).

use super::judge::Target;
use super::message::{Answer, Rcode};
use super::question::Transfer;
use super::tsig::Signer;
use super::zone::{Delta, State, is_after};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use wardnet_server::now_unix;

/// Room for a signature behind the records of a message.
const SIGNATURE_BYTES: usize = 512;

/// How a stream of messages is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) message_bytes_max: usize,
    /// How long a secondary may refuse to take a message.
    pub(super) stall: Duration,
}

/// Messages on their way to a secondary. Each is written before the next is begun.
struct Stream<'a, W> {
    writer: &'a mut W,
    cut: Cut,
    transfer: &'a Transfer,
    signer: Option<Signer>,
    answer: Answer,
    records: u64,
}

/// What a transfer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// The whole zone.
    Whole,
    /// What changed, or that nothing did.
    Changes,
}

/// Sends what was asked for, and says how many records that were.
pub(super) async fn send(
    transfer: &Transfer,
    writer: &mut (impl AsyncWrite + Unpin),
    cut: Cut,
) -> io::Result<(Sent, u64)> {
    let state = transfer.zone.state();
    let answer = Answer::new(&transfer.asked, Rcode::NoError, true);
    let signer = transfer.signer.clone();
    let mut stream = Stream { writer, cut, transfer, signer, answer, records: 0 };
    let sent = match transfer.since {
        Some(since) if !is_after(state.serial, since) => {
            stream.soa(state.serial).await?;
            Sent::Changes
        }
        Some(since) => match state.since(since) {
            Some(deltas) => {
                stream.changes(&state, &deltas).await?;
                Sent::Changes
            }
            None => {
                stream.whole(&state).await?;
                Sent::Whole
            }
        },
        None => {
            stream.whole(&state).await?;
            Sent::Whole
        }
    };
    stream.flush().await?;
    let records = stream.records;
    Ok((sent, records))
}

impl<W: AsyncWrite + Unpin> Stream<'_, W> {
    async fn soa(&mut self, serial: u32) -> io::Result<()> {
        let transfer = self.transfer;
        self.record(|to| transfer.zone.records.soa(serial, to)).await
    }

    /// Adds a record, and sends the message when it is full.
    async fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        self.answer.record(write);
        self.records += 1;
        if self.is_full() { self.flush().await } else { Ok(()) }
    }

    /// Whether another record of any size might not fit.
    const fn is_full(&self) -> bool {
        self.answer.len() + SIGNATURE_BYTES >= self.cut.message_bytes_max
    }

    async fn changes(&mut self, state: &State, deltas: &[Arc<Delta>]) -> io::Result<()> {
        self.soa(state.serial).await?;
        for delta in deltas {
            self.soa(delta.from).await?;
            for record in &delta.removed {
                self.record(|to| to.extend_from_slice(record)).await?;
            }
            self.soa(delta.to).await?;
            for record in &delta.added {
                self.record(|to| to.extend_from_slice(record)).await?;
            }
        }
        self.soa(state.serial).await
    }

    /// Sends everything that one view says. The view is held until the end, so that what is sent
    /// is one state; nothing of it is copied but the message at hand.
    async fn whole(&mut self, state: &State) -> io::Result<()> {
        let zone = &self.transfer.zone;
        let judge = zone.judge(&state.view);
        let mut skipped = 0;
        self.soa(state.serial).await?;
        self.record(|to| zone.records.ns(to)).await?;
        for listed in judge.entries() {
            // A damaged part must not look like a zone without it: the transfer breaks off.
            let listed = listed.map_err(io::Error::other)?;
            let Some(target) = Target::of_entry(&listed) else { continue };
            if !judge.is_first(&listed, &target).map_err(io::Error::other)? {
                continue;
            }
            let (answer, count) = (&mut self.answer, &mut self.records);
            let push = |record: &[u8]| {
                answer.record(|to| to.extend_from_slice(record));
                *count += 1;
            };
            let lost = judge.records(&target, &zone.records, push).map_err(io::Error::other)?;
            skipped += lost;
            if self.is_full() {
                self.flush().await?;
            }
        }
        zone.count_skipped(skipped);
        self.soa(state.serial).await
    }

    /// Sends the message at hand, if there is something in it, and begins the next.
    async fn flush(&mut self) -> io::Result<()> {
        if self.answer.is_empty() {
            return Ok(());
        }
        let next = Answer::new(&self.transfer.asked, Rcode::NoError, true);
        let mut message = std::mem::replace(&mut self.answer, next).finish();
        if let Some(signer) = &mut self.signer
            && !signer.sign(&mut message, now_unix())
        {
            return Err(io::Error::other("a message could not be signed"));
        }
        write_framed(self.writer, &message, self.cut.stall).await
    }
}

/// Writes a message behind its length (RFC 1035 section 4.2.2), in one piece.
pub(super) async fn write_framed(
    writer: &mut (impl AsyncWrite + Unpin),
    message: &[u8],
    stall: Duration,
) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut framed = Vec::with_capacity(message.len() + 2);
    framed.extend(length.to_be_bytes());
    framed.extend_from_slice(message);
    let write = async {
        writer.write_all(&framed).await?;
        writer.flush().await
    };
    tokio::time::timeout(stall, write).await?
}
