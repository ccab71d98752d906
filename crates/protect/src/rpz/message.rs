//! Answers as bytes: a header, the question, and records one behind the other.

/// The length of a header (RFC 1035 section 4.1.1).
const HEADER_BYTES: usize = 12;

/// An OPT record: the root, its type, 1,232 bytes of a datagram, and nothing else.
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

/// Counts one more additional record in the header.
pub(super) fn count_additional(message: &mut [u8]) {
    if let Some([high, low]) = message.get_mut(10..12) {
        let count = u16::from_be_bytes([*high, *low]).saturating_add(1);
        [*high, *low] = count.to_be_bytes();
    }
}

/// Codes of answers that are used here (RFC 1035 section 4.1.1, RFC 2136 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Rcode {
    NoError = 0,
    FormErr = 1,
    NotImp = 4,
    Refused = 5,
    NotAuth = 9,
}

/// What an answer repeats of its question.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: u16,
    /// Operation code and RD, in their places.
    pub(super) flags: u8,
    /// The question, as bytes; empty where it could not be read.
    pub(super) question: Vec<u8>,
    /// Whether it came with an OPT record: its answer then has one too (RFC 6891 section 6.1.1).
    pub(super) has_edns: bool,
}

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Answer {
    bytes: Vec<u8>,
    records: u16,
    has_edns: bool,
}

impl Answer {
    /// Begins; `is_ours` says that the answer comes from a zone.
    pub(super) fn new(asked: &Asked, rcode: Rcode, is_ours: bool) -> Self {
        const RESPONSE: u8 = 0x80;
        const AUTHORITATIVE: u8 = 0x04;
        let authority = if is_ours { AUTHORITATIVE } else { 0 };
        let questions = u8::from(!asked.question.is_empty());
        let mut bytes = Vec::with_capacity(512);
        bytes.extend(asked.id.to_be_bytes());
        bytes.extend([RESPONSE | asked.flags | authority, rcode as u8]);
        bytes.extend([0, questions, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&asked.question);
        Self { bytes, records: 0, has_edns: asked.has_edns }
    }

    /// Adds a record, by what writes it.
    pub(super) fn record(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.records = self.records.saturating_add(1);
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len() + if self.has_edns { OPT.len() } else { 0 }
    }

    /// Whether there is no record in it.
    pub(super) const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The finished message. The count of records goes into the header.
    pub(super) fn finish(mut self) -> Vec<u8> {
        debug_assert!(self.bytes.len() >= HEADER_BYTES, "begun with a header");
        if let Some(count) = self.bytes.get_mut(6..8) {
            count.copy_from_slice(&self.records.to_be_bytes());
        }
        if self.has_edns {
            self.bytes.extend(OPT);
            count_additional(&mut self.bytes);
        }
        self.bytes
    }
}
