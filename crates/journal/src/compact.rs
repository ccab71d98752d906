//! Compaction: sealed segments are written anew without the records that nobody needs.
//!
//! Segments are taken in order. Those that lose records go into a temporary file, which also takes
//! in the small ones that follow. It is synced and then given the name of the first segment it
//! replaces; the others are removed once that name is durable. A crash in between leaves files
//! whose numbers the compacted segment already covers: opening removes those.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use crate::Limits;
use crate::disk::DiskFile;
use crate::error::{Error, Fault, Result};
use crate::format::{
    Cursor, FRAME_HEADER_BYTES, FrameHeader, HEADER_BYTES, Kind, RECORD_OVERHEAD_MAX, SegmentHeader,
};
use crate::segment::{SegmentReader, Step, TEMPORARY_SUFFIX, path_of};
use crate::writer::{Sealed, Shared, random_mark};

/// Kept records are gathered into frames of about this size.
const FRAME_TARGET_BYTES: usize = 256 * 1024;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// Records that were looked at: all those in sealed segments.
    pub examined: u64,
    /// Records that were dropped.
    pub dropped: u64,
    /// Sealed segments before.
    pub segments_before: usize,
    /// Sealed segments after, without those sealed meanwhile.
    pub segments_after: usize,
    /// The bytes of sealed segments before.
    pub bytes_before: u64,
    /// The bytes of those segments after.
    pub bytes_after: u64,
}

pub(crate) fn compact(
    shared: &Shared,
    keep: impl FnMut(u64, &[u8]) -> bool,
) -> Result<CompactionReport> {
    let _only_one = shared.compacting.lock().unwrap_or_else(PoisonError::into_inner);
    let state = shared.lock();
    state.check()?;
    let inputs = state.sealed.clone();
    drop(state);
    let bytes = inputs.iter().map(|segment| segment.bytes).sum();
    let mut compaction = Compaction {
        shared,
        keep,
        output: None,
        report: CompactionReport {
            segments_before: inputs.len(),
            segments_after: inputs.len(),
            bytes_before: bytes,
            bytes_after: bytes,
            ..CompactionReport::default()
        },
    };
    let done = inputs.iter().try_for_each(|input| compaction.take(input));
    let done = done.and_then(|()| compaction.finish());
    if let (Err(_), Some(output)) = (&done, &compaction.output) {
        // If it cannot be removed now, opening will.
        shared.disk.remove(&output.temporary).ok();
    }
    done.map(|()| compaction.report)
}

struct Compaction<'a, K> {
    shared: &'a Shared,
    keep: K,
    output: Option<Output>,
    report: CompactionReport,
}

/// What is to stay of a segment.
struct Survey {
    kept: Vec<bool>,
    kept_bytes: u64,
    dropped: u64,
}

impl<K: FnMut(u64, &[u8]) -> bool> Compaction<'_, K> {
    /// Decides about one segment's records, and moves those kept if anything is to be gained.
    fn take(&mut self, input: &Sealed) -> Result<()> {
        let survey = self.survey(input)?;
        let limit = self.shared.options.segment_bytes;
        if self.output.as_ref().is_some_and(|out| out.bytes() + survey.kept_bytes > limit) {
            self.finish()?;
        }
        if self.output.is_none() {
            if survey.dropped == 0 && input.bytes >= limit / 2 {
                return Ok(());
            }
            self.output = Some(Output::begin(self.shared, input.first)?);
        }
        match &mut self.output {
            Some(output) => output.absorb(self.shared, input, &survey),
            None => Ok(()),
        }
    }

    fn survey(&mut self, input: &Sealed) -> Result<Survey> {
        let mut survey = Survey { kept: Vec::new(), kept_bytes: 0, dropped: 0 };
        for_each_record(self.shared, input, |sequence, record| {
            let kept = (self.keep)(sequence, record);
            survey.kept.push(kept);
            if kept {
                survey.kept_bytes += (record.len() + RECORD_OVERHEAD_MAX) as u64;
            } else {
                survey.dropped += 1;
            }
            Ok(())
        })?;
        self.report.examined += survey.kept.len() as u64;
        self.report.dropped += survey.dropped;
        Ok(survey)
    }

    /// Puts the output in the place of its inputs, unless it would be the same again.
    fn finish(&mut self) -> Result<()> {
        let Some(output) = &mut self.output else { return Ok(()) };
        if output.dropped == 0 && output.inputs.len() == 1 {
            let temporary = output.temporary.clone();
            self.output = None;
            return self.shared.disk.remove(&temporary).map_err(Error::io("removing", &temporary));
        }
        output.seal()?;
        let before: u64 = output.inputs.iter().map(|input| input.bytes).sum();
        self.report.segments_after -= output.inputs.len() - 1;
        self.report.bytes_after = self.report.bytes_after - before + output.bytes();
        output.publish(self.shared)?;
        self.output = None;
        Ok(())
    }
}

/// A compacted segment being written.
struct Output {
    temporary: PathBuf,
    file: Arc<dyn DiskFile>,
    header: SegmentHeader,
    inputs: Vec<Sealed>,
    dropped: u64,
    written: u64,
    frame: Frame,
}

/// Records on their way into the next frame.
#[derive(Default)]
struct Frame {
    entries: Vec<(u64, usize)>,
    records: Vec<u8>,
}

impl Output {
    fn begin(shared: &Shared, first: u64) -> Result<Self> {
        let temporary = shared.dir.join(format!("{first:020}{TEMPORARY_SUFFIX}"));
        let header = SegmentHeader { first, mark: random_mark(&temporary)?, compacted: true };
        let file = shared.disk.create(&temporary).map_err(Error::io("creating", &temporary))?;
        let output = Self {
            temporary,
            file,
            header,
            inputs: Vec::new(),
            dropped: 0,
            written: HEADER_BYTES as u64,
            frame: Frame::default(),
        };
        match output.file.write_all_at(0, &header.encode()) {
            Ok(()) => Ok(output),
            Err(source) => {
                shared.disk.remove(&output.temporary).ok();
                Err(Error::io("beginning", &output.temporary)(source))
            }
        }
    }

    /// The bytes it has, with those about to be written.
    fn bytes(&self) -> u64 {
        let waiting = self.frame.records.len() + self.frame.entries.len() * RECORD_OVERHEAD_MAX;
        self.written + waiting as u64
    }

    fn absorb(&mut self, shared: &Shared, input: &Sealed, survey: &Survey) -> Result<()> {
        let mut kept = survey.kept.iter();
        for_each_record(shared, input, |sequence, record| match kept.next() {
            Some(true) => self.add(sequence, record, &shared.options.limits),
            _ => Ok(()),
        })?;
        self.inputs.push(*input);
        self.dropped += survey.dropped;
        Ok(())
    }

    fn add(&mut self, sequence: u64, record: &[u8], limits: &Limits) -> Result<()> {
        let frame = &self.frame;
        let bytes = frame.records.len() + (frame.entries.len() + 1) * RECORD_OVERHEAD_MAX;
        let too_far =
            frame.entries.last().is_some_and(|(last, _)| u32::try_from(sequence - last).is_err());
        if bytes + record.len() > FRAME_TARGET_BYTES.min(limits.frame_bytes)
            || frame.entries.len() >= limits.frame_records
            || too_far
        {
            self.flush()?;
        }
        self.frame.entries.push((sequence, record.len()));
        self.frame.records.extend_from_slice(record);
        Ok(())
    }

    /// Writes the records gathered so far as one frame.
    fn flush(&mut self) -> Result<()> {
        let Some((header, mut bytes)) = self.frame.encode() else { return Ok(()) };
        bytes[..FRAME_HEADER_BYTES].copy_from_slice(&header.encode(self.header.mark));
        self.append(&bytes)?;
        self.frame.entries.clear();
        self.frame.records.clear();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(self.written, bytes)
            .map_err(Error::io("writing", &self.temporary))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Writes the end and makes it all durable.
    fn seal(&mut self) -> Result<()> {
        self.flush()?;
        let end = self.inputs.last().map_or(self.header.first, |input| input.end);
        self.append(&FrameHeader::note(Kind::Seal, end, end).encode(self.header.mark))?;
        self.file.sync_data().map_err(Error::io("syncing", &self.temporary))
    }

    /// Takes the place of the inputs. Replays look a segment up and open it under the same lock.
    fn publish(&self, shared: &Shared) -> Result<()> {
        let Some(last) = self.inputs.last() else { return Ok(()) };
        let (first, end, bytes) = (self.header.first, last.end, self.written);
        let path = path_of(&shared.dir, first);
        let mut state = shared.lock();
        state.check()?;
        shared.disk.rename(&self.temporary, &path).map_err(Error::io("renaming to", &path))?;
        let generation = state.new_generation();
        let from = state.sealed.partition_point(|segment| segment.first < first);
        let to = state.sealed.partition_point(|segment| segment.first < end);
        state.sealed.splice(from..to, [Sealed { generation, first, end, bytes }]);
        drop(state);
        // Whether the new name lasts is unknown if this fails: nothing may build on it.
        self.sync_dir(shared)?;
        for input in self.inputs.iter().skip(1) {
            let path = path_of(&shared.dir, input.first);
            shared.disk.remove(&path).map_err(Error::io("removing", &path))?;
        }
        if self.inputs.len() > 1 { self.sync_dir(shared) } else { Ok(()) }
    }

    fn sync_dir(&self, shared: &Shared) -> Result<()> {
        shared.disk.sync_dir(&shared.dir).map_err(|source| {
            let error = Error::Io { action: "syncing", path: shared.dir.clone(), source };
            shared.poison(&mut shared.lock(), &error)
        })
    }
}

impl Frame {
    /// The frame with room for its header, dense if no number is missing.
    fn encode(&self) -> Option<(FrameHeader, Vec<u8>)> {
        let (first, last) = (self.entries.first()?.0, self.entries.last()?.0);
        let count = self.entries.len();
        let kind = if last - first + 1 == count as u64 { Kind::Dense } else { Kind::Sparse };
        let room = self.records.len() + count * RECORD_OVERHEAD_MAX;
        let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES + room);
        bytes.resize(FRAME_HEADER_BYTES, 0);
        let (mut expected, mut records) = (first, self.records.as_slice());
        for (sequence, len) in &self.entries {
            if kind == Kind::Sparse {
                bytes.extend_from_slice(&((sequence - expected) as u32).to_le_bytes());
            }
            let (record, rest) = records.split_at(*len);
            bytes.extend_from_slice(&(*len as u32).to_le_bytes());
            bytes.extend_from_slice(record);
            expected = sequence + 1;
            records = rest;
        }
        let body = &bytes[FRAME_HEADER_BYTES..];
        let header = FrameHeader {
            kind,
            first,
            durable: first,
            body_bytes: body.len() as u32,
            count: count as u32,
            body_checksum: crc32fast::hash(body),
        };
        Some((header, bytes))
    }
}

/// Reads all records of a sealed segment in order.
fn for_each_record(
    shared: &Shared,
    input: &Sealed,
    mut each: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let path = path_of(&shared.dir, input.first);
    let file = shared.disk.open(&path).map_err(Error::io("opening", &path))?;
    let (end, limits) = (input.bytes, shared.options.limits);
    let mut reader = SegmentReader::open(file, path.clone(), input.first, end, limits)?;
    loop {
        match reader.next_frame(input.first)? {
            Step::Records(header) => {
                let mut cursor = Cursor::new(&header);
                while let Some((sequence, place)) = cursor.step(reader.body()) {
                    each(sequence, &reader.body()[place])?;
                }
            }
            Step::Seal(_) => return Ok(()),
            Step::End => return Err(Error::damaged(&path, input.bytes, Fault::Unsealed)),
        }
    }
}
