//! Reading the journal back: streaming, with bounded memory, while others append and compact.
//!
//! A replay knows which sequence number it wants next and asks for the segment responsible for it.
//! A segment that is replaced meanwhile stays readable through the open file, and what follows it
//! is looked up anew, so neither appending nor compaction has to wait for a replay.

use std::sync::Arc;

use crate::disk::DiskFile;
use crate::error::{Error, Fault, Result};
use crate::format::Cursor;
use crate::segment::{SegmentReader, Step, path_of};
use crate::writer::{Shared, State};

/// The durable records of a journal from some sequence number on, in order.
///
/// As an iterator it gives owned records; [`Self::next_record`] lends them without a copy. After
/// an error it is at its end. After having caught up it goes on when there is more.
#[derive(Debug)]
pub struct Replay {
    shared: Arc<Shared>,
    /// The lowest sequence number that has not been given out.
    next: u64,
    segment: Option<OpenSegment>,
    frame: Option<Cursor>,
    failed: bool,
}

#[derive(Debug)]
struct OpenSegment {
    generation: u64,
    reader: SegmentReader,
}

/// Where the record with some sequence number is, or would be.
struct Place {
    generation: u64,
    first: u64,
    end: u64,
    file: Option<Arc<dyn DiskFile>>,
}

impl Replay {
    pub(crate) fn new(shared: Arc<Shared>, from: u64) -> Self {
        Self { shared, next: from.max(1), segment: None, frame: None, failed: false }
    }

    /// Lends the next record, or `None` when all that is durable has been given out.
    pub fn next_record(&mut self) -> Result<Option<(u64, &[u8])>> {
        if self.failed {
            return Ok(None);
        }
        let found = self.find();
        self.failed = found.is_err();
        let Some((sequence, start, end)) = found? else { return Ok(None) };
        self.next = sequence + 1;
        let body = self.segment.as_ref().map_or(&[][..], |segment| segment.reader.body());
        Ok(Some((sequence, &body[start..end])))
    }

    /// Finds the next record: its number and its place in the frame that is loaded then.
    fn find(&mut self) -> Result<Option<(u64, usize, usize)>> {
        loop {
            if let (Some(cursor), Some(segment)) = (&mut self.frame, &self.segment) {
                while let Some((sequence, place)) = cursor.step(segment.reader.body()) {
                    if sequence >= self.next {
                        return Ok(Some((sequence, place.start, place.end)));
                    }
                }
                self.frame = None;
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    /// Moves on to the next frame or segment; `false` if there is nothing further yet.
    fn advance(&mut self) -> Result<bool> {
        let Some(segment) = &mut self.segment else { return self.enter_segment() };
        match segment.reader.next_frame(self.next)? {
            Step::Records(header) => self.frame = Some(Cursor::new(&header)),
            Step::Seal(end) => {
                self.next = self.next.max(end);
                self.segment = None;
            }
            Step::End => return self.look_further(),
        }
        Ok(true)
    }

    /// Opens the segment responsible for `next`; `false` if there is no durable record there.
    fn enter_segment(&mut self) -> Result<bool> {
        let state = self.shared.lock();
        if self.next >= state.durable {
            return Ok(false);
        }
        let missing = || Error::MissingSegment { file: path_of(&self.shared.dir, self.next) };
        let place = locate(&state, self.next).ok_or_else(missing)?;
        let path = path_of(&self.shared.dir, place.first);
        // Opened under the lock: compaction changes the list and the files under it, too.
        let file = match place.file {
            Some(file) => file,
            None => self.shared.disk.open(&path).map_err(Error::io("opening", &path))?,
        };
        drop(state);
        let limits = self.shared.options.limits;
        let reader = SegmentReader::open(file, path, place.first, place.end, limits)?;
        self.segment = Some(OpenSegment { generation: place.generation, reader });
        Ok(true)
    }

    /// At the end of what was durable: sees whether there is more by now.
    fn look_further(&mut self) -> Result<bool> {
        let Some(segment) = &mut self.segment else { return Ok(true) };
        let state = self.shared.lock();
        let place = locate(&state, segment.reader.expected().max(self.next));
        let more = match place {
            Some(place) if place.generation == segment.generation => place,
            // Replaced by compaction since, or nothing was appended after its seal.
            _ => {
                self.segment = None;
                return Ok(self.next < state.durable);
            }
        };
        if more.end > segment.reader.end() {
            segment.reader.extend(more.end);
            return Ok(true);
        }
        if more.file.is_some() {
            return Ok(false);
        }
        let path = path_of(&self.shared.dir, more.first);
        Err(Error::damaged(&path, segment.reader.offset(), Fault::Unsealed))
    }
}

impl Iterator for Replay {
    type Item = Result<(u64, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_record() {
            Ok(record) => record.map(|(sequence, bytes)| Ok((sequence, bytes.to_vec()))),
            Err(error) => Some(Err(error)),
        }
    }
}

/// The segment responsible for a sequence number.
fn locate(state: &State, sequence: u64) -> Option<Place> {
    let index = state.sealed.partition_point(|segment| segment.end <= sequence);
    if let Some(sealed) = state.sealed.get(index) {
        let (generation, first, end) = (sealed.generation, sealed.first, sealed.bytes);
        return (first <= sequence).then_some(Place { generation, first, end, file: None });
    }
    let active = state.active.as_ref().filter(|active| active.header.first <= sequence)?;
    Some(Place {
        generation: active.generation,
        first: active.header.first,
        end: active.durable_bytes,
        file: Some(Arc::clone(&active.file)),
    })
}
