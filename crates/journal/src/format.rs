//! The bytes of a segment: headers, frames and records, as `FORMAT.md` describes them.
//!
//! Everything here is pure and total: any bytes give a value or a [`Fault`].

use std::ops::Range;

use crate::error::Fault;

/// The format version this program writes, and the newest it reads.
pub(crate) const VERSION: u32 = 1;
pub(crate) const MAGIC: [u8; 8] = *b"WardJrnl";
pub(crate) const HEADER_BYTES: usize = 36;
pub(crate) const FRAME_HEADER_BYTES: usize = 44;
/// What a record costs beside its bytes, in the wider of the two frame kinds.
pub(crate) const RECORD_OVERHEAD_MAX: usize = 8;

const FLAG_COMPACTED: u32 = 1;

/// The first bytes of every segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SegmentHeader {
    /// The first sequence number the segment is responsible for.
    pub(crate) first: u64,
    /// Random bytes that begin each of its frames, so that no record can imitate one.
    pub(crate) mark: u64,
    /// Whether records have been dropped, so that sequence numbers may be missing.
    pub(crate) compacted: bool,
}

/// Why a segment header was not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HeaderProblem {
    Fault(Fault),
    Version(u32),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &VERSION.to_le_bytes());
        put(&mut bytes, 12, &(if self.compacted { FLAG_COMPACTED } else { 0 }).to_le_bytes());
        put(&mut bytes, 16, &self.first.to_le_bytes());
        put(&mut bytes, 24, &self.mark.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..32]);
        put(&mut bytes, 32, &checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, HeaderProblem> {
        if bytes[..8] != MAGIC {
            return Err(HeaderProblem::Fault(Fault::Magic));
        }
        if crc32fast::hash(&bytes[..32]) != u32_at(bytes, 32) {
            return Err(HeaderProblem::Fault(Fault::HeaderChecksum));
        }
        match u32_at(bytes, 8) {
            VERSION => {}
            version => return Err(HeaderProblem::Version(version)),
        }
        let flags = u32_at(bytes, 12);
        if flags & !FLAG_COMPACTED != 0 {
            return Err(HeaderProblem::Fault(Fault::HeaderFlags));
        }
        Ok(Self { first: u64_at(bytes, 16), mark: u64_at(bytes, 24), compacted: flags != 0 })
    }
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Records whose sequence numbers follow one another.
    Dense = 1,
    /// Records with gaps between their sequence numbers, left by compaction.
    Sparse = 2,
    /// The end of a segment that takes no more frames.
    Seal = 3,
    /// A note that everything before it is durable.
    Checkpoint = 4,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: Kind,
    /// The first record's sequence number; where there is none, the one the next record gets.
    pub(crate) first: u64,
    /// Every record below this number was durable when the frame was written.
    pub(crate) durable: u64,
    pub(crate) body_bytes: u32,
    pub(crate) count: u32,
    pub(crate) body_checksum: u32,
}

impl FrameHeader {
    /// A frame without records.
    pub(crate) fn note(kind: Kind, next: u64, durable: u64) -> Self {
        let body_checksum = crc32fast::hash(&[]);
        Self { kind, first: next, durable, body_bytes: 0, count: 0, body_checksum }
    }

    pub(crate) fn encode(&self, mark: u64) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        put(&mut bytes, 0, &mark.to_le_bytes());
        put(&mut bytes, 8, &self.first.to_le_bytes());
        put(&mut bytes, 16, &self.durable.to_le_bytes());
        put(&mut bytes, 24, &self.body_bytes.to_le_bytes());
        put(&mut bytes, 28, &self.count.to_le_bytes());
        put(&mut bytes, 32, &(self.kind as u32).to_le_bytes());
        put(&mut bytes, 36, &self.body_checksum.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..40]);
        put(&mut bytes, 40, &checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES], mark: u64) -> Result<Self, Fault> {
        if u64_at(bytes, 0) != mark {
            return Err(Fault::FrameMark);
        }
        if crc32fast::hash(&bytes[..40]) != u32_at(bytes, 40) {
            return Err(Fault::FrameHeaderChecksum);
        }
        let header = Self {
            kind: kind_of(u32_at(bytes, 32)).ok_or(Fault::FrameKind)?,
            first: u64_at(bytes, 8),
            durable: u64_at(bytes, 16),
            body_bytes: u32_at(bytes, 24),
            count: u32_at(bytes, 28),
            body_checksum: u32_at(bytes, 36),
        };
        if header.is_consistent() { Ok(header) } else { Err(Fault::FrameFields) }
    }

    fn is_consistent(&self) -> bool {
        let fits_kind = match self.kind {
            Kind::Dense | Kind::Sparse => self.count > 0,
            Kind::Seal | Kind::Checkpoint => self.count == 0 && self.body_bytes == 0,
        };
        fits_kind
            && self.first > 0
            && self.durable <= self.first
            && self.first.checked_add(u64::from(self.count)).is_some()
    }

    /// The bytes of the frame with its header.
    pub(crate) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }
}

/// Walks over the records of a frame's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    at: usize,
    left: u32,
    next: u64,
    sparse: bool,
}

impl Cursor {
    pub(crate) fn new(header: &FrameHeader) -> Self {
        let sparse = header.kind == Kind::Sparse;
        Self { at: 0, left: header.count, next: header.first, sparse }
    }

    /// Whether all records have been passed.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The next record's sequence number and its place in `body`; `None` when there are no more,
    /// or none that fits in `body`.
    pub(crate) fn step(&mut self, body: &[u8]) -> Option<(u64, Range<usize>)> {
        self.left = self.left.checked_sub(1)?;
        if self.sparse {
            let skipped = self.number(body)?;
            self.next = self.next.checked_add(u64::from(skipped))?;
        }
        let len = self.number(body)? as usize;
        let start = self.at;
        let end = start.checked_add(len).filter(|end| *end <= body.len())?;
        let sequence = self.next;
        self.at = end;
        self.next = sequence.checked_add(1)?;
        Some((sequence, start..end))
    }

    /// Walks over the whole of `body`; returns the number after the last record's.
    pub(crate) fn check(mut self, body: &[u8]) -> Result<u64, Fault> {
        while !self.is_done() {
            self.step(body).ok_or(Fault::Records)?;
        }
        if self.at == body.len() { Ok(self.next) } else { Err(Fault::Records) }
    }

    fn number(&mut self, body: &[u8]) -> Option<u32> {
        let (number, _) = body.get(self.at..)?.split_first_chunk::<4>()?;
        self.at += 4;
        Some(u32::from_le_bytes(*number))
    }
}

fn kind_of(number: u32) -> Option<Kind> {
    [Kind::Dense, Kind::Sparse, Kind::Seal, Kind::Checkpoint]
        .into_iter()
        .find(|kind| *kind as u32 == number)
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// Reads a field of a fixed-size header; `at` is a constant of the format, well inside.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> FrameHeader {
        let (first, durable, body_checksum) = (7, 5, 99);
        FrameHeader { kind: Kind::Sparse, first, durable, body_bytes: 30, count: 2, body_checksum }
    }

    #[test]
    fn headers_survive_the_round_trip() {
        let segment = SegmentHeader { first: 12, mark: 0xfeed, compacted: true };
        assert_eq!(SegmentHeader::decode(&segment.encode()), Ok(segment));
        assert_eq!(FrameHeader::decode(&frame().encode(3), 3), Ok(frame()));
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let segment = SegmentHeader { first: 12, mark: 0xfeed, compacted: false }.encode();
        for bit in 0..segment.len() * 8 {
            let mut bytes = segment;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::decode(&bytes).is_err(), "bit {bit}");
        }
        let frame = frame().encode(3);
        for bit in 0..frame.len() * 8 {
            let mut bytes = frame;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FrameHeader::decode(&bytes, 3).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn contradictory_fields_are_refused() {
        let refused = |header: FrameHeader| {
            assert_eq!(FrameHeader::decode(&header.encode(3), 3), Err(Fault::FrameFields));
        };
        refused(FrameHeader { durable: 8, ..frame() });
        refused(FrameHeader { first: 0, durable: 0, ..frame() });
        refused(FrameHeader { first: u64::MAX, ..frame() });
        refused(FrameHeader { count: 0, ..frame() });
        refused(FrameHeader { kind: Kind::Seal, ..frame() });
    }

    #[test]
    fn sparse_records_carry_the_numbers_they_skip() {
        let mut body = Vec::new();
        for (skipped, record) in [(0_u32, "ab"), (3, "")] {
            body.extend_from_slice(&skipped.to_le_bytes());
            body.extend_from_slice(&u32::try_from(record.len()).unwrap().to_le_bytes());
            body.extend_from_slice(record.as_bytes());
        }
        let mut cursor = Cursor::new(&frame());
        assert_eq!(cursor.step(&body), Some((7, 8..10)));
        assert_eq!(cursor.step(&body), Some((11, 18..18)));
        assert_eq!(cursor.step(&body), None);
        assert_eq!(Cursor::new(&frame()).check(&body), Ok(12));
        assert_eq!(Cursor::new(&frame()).check(&body[..17]), Err(Fault::Records));
        body.push(0);
        assert_eq!(Cursor::new(&frame()).check(&body), Err(Fault::Records));
    }
}
