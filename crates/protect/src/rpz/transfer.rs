//! Transfers over a stream: a whole zone (RFC 5936), or what changed in it (RFC 1995).

use super::judge::{Bridges, Judge, Verdicts};
use super::message::{Answer, Rcode};
use super::question::Transfer;
use super::serial::is_after;
use super::target::Target;
use super::tsig::Signer;
use super::zone::{Delta, State};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use wardnet_server::now_unix;

/// Room for a signature behind the records of a message.
const SIGNATURE_BYTES: usize = 512;

/// Entries that are looked at before others get their turn.
const ENTRIES_AT_ONCE: u32 = 1_024;

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
    places: &Semaphore,
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
            None => stream.whole(state, places).await?,
        },
        None => stream.whole(state, places).await?,
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

    /// Sends everything that one view says, as soon as there is a place. The view is held until the
    /// end, so that what is sent is one state; nothing of it is copied but the message at hand.
    async fn whole(&mut self, state: Arc<State>, places: &Semaphore) -> io::Result<Sent> {
        let _place = places.acquire().await.map_err(io::Error::other)?;
        let zone = &self.transfer.zone;
        let judge = zone.judge(&state.view);
        // A damaged part must not look like a zone without it: the transfer breaks off.
        let bridges = state.bridges.clone().map_err(io::Error::other)?;
        self.soa(state.serial).await?;
        self.record(|to| zone.records.ns(to)).await?;
        let (mut skipped, mut idle) = (0, 0);
        for listed in judge.entries() {
            let listed = listed.map_err(io::Error::other)?;
            idle += 1;
            if idle == ENTRIES_AT_ONCE {
                // Long stretches without a record must not keep others waiting.
                tokio::task::yield_now().await;
                idle = 0;
            }
            let Some(target) = Target::of_entry(&listed) else {
                skipped += u64::from(listed.entry.name.is_none());
                continue;
            };
            let Some(verdicts) = judge.of_entry(&listed, &target).map_err(io::Error::other)? else {
                continue;
            };
            if verdicts.is_silent() || is_among(&bridges, &target) {
                continue;
            }
            skipped += self.policy(judge, &target, &verdicts, false).await?;
        }
        for name in bridges.iter() {
            let target = Target::Name(name.clone());
            let verdicts = judge.verdicts(&target).map_err(io::Error::other)?;
            skipped += self.policy(judge, &target, &verdicts, true).await?;
        }
        zone.count_skipped(skipped);
        self.soa(state.serial).await?;
        Ok(Sent::Whole)
    }

    /// Adds what is to be said of a target; gives back how many records have no place.
    async fn policy(
        &mut self,
        judge: Judge<'_>,
        target: &Target,
        verdicts: &Verdicts,
        is_bridge: bool,
    ) -> io::Result<u64> {
        let (answer, count) = (&mut self.answer, &mut self.records);
        let push = |record: &[u8]| {
            answer.record(|to| to.extend_from_slice(record));
            *count += 1;
        };
        let records = &self.transfer.zone.records;
        let skipped = judge.records(target, verdicts, is_bridge, records, push);
        if self.is_full() {
            self.flush().await?;
        }
        Ok(skipped)
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

fn is_among(bridges: &Bridges, target: &Target) -> bool {
    matches!(target, Target::Name(name) if !bridges.is_empty() && bridges.contains(name))
}
