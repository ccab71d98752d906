//! A question as a client sends it, and what of it shapes the answer.

use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, Name, RecordType};
use smallvec::SmallVec;
use wardnet_model::DomainName;
use wardnet_wire::dns;

/// Bytes of a header (RFC 1035 section 4.1.1).
pub(super) const HEADER_BYTES: usize = 12;

/// What every resolver takes over UDP (RFC 1035 section 4.2.1).
const UDP_BYTES_MIN: u16 = 512;

/// The question's wire form on the stack: longer names go to the heap.
pub(super) type Question = SmallVec<[u8; 96]>;

/// A question that can be answered.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: u16,
    pub(super) recursion_desired: bool,
    pub(super) checking_disabled: bool,
    /// The client understands the AD bit (RFC 6840 section 5.7).
    pub(super) authentic_data: bool,
    /// In the client's own spelling.
    pub(super) question: Question,
    /// What is asked.
    pub(super) query: Query,
    pub(super) edns: Option<AskedEdns>,
}

/// What a client says of itself (RFC 6891).
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedEdns {
    pub(super) payload: u16,
    pub(super) dnssec_ok: bool,
}

/// What of a question shapes the head of its answer, and under what the answer is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'q> {
    pub(super) id: u16,
    pub(super) recursion_desired: bool,
    pub(super) checking_disabled: bool,
    pub(super) authentic_data: bool,
    /// In the client's own spelling.
    pub(super) question: &'q [u8],
    pub(super) edns: Option<AskedEdns>,
}

impl<'q> Head<'q> {
    /// Reads a plain question where it lies; `None` for whatever needs a closer look.
    pub(super) fn read(bytes: &'q [u8]) -> Option<Self> {
        let query = dns::read(bytes).ok()?;
        let edns = match query.edns {
            Some(edns) if edns.version != 0 => return None,
            Some(edns) => Some(AskedEdns {
                payload: edns.udp_bytes.max(UDP_BYTES_MIN),
                dnssec_ok: edns.dnssec,
            }),
            None => None,
        };
        let &[id_high, id_low, flags, more_flags] = bytes.first_chunk()?;
        // The name, its root label, type and class.
        let end = HEADER_BYTES + query.name.octets().len() + 5;
        Some(Self {
            id: u16::from_be_bytes([id_high, id_low]),
            recursion_desired: flags & 0x01 != 0,
            checking_disabled: more_flags & 0x10 != 0,
            authentic_data: more_flags & 0x20 != 0,
            question: bytes.get(HEADER_BYTES..end)?,
            edns,
        })
    }

    /// What a kept answer is found under: the question in lower case, and the bits that make
    /// another answer of it.
    pub(super) fn key(&self) -> Question {
        let mut key = Question::from_slice(self.question);
        // Lengths are below 64, so none of them is a letter; the last four bytes are numbers.
        let name = key.len().saturating_sub(4);
        if let Some(name) = key.get_mut(..name) {
            name.make_ascii_lowercase();
        }
        key.push(u8::from(self.dnssec_ok()) | u8::from(self.checking_disabled) << 1);
        key
    }

    pub(super) fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    /// Whether the client looks at the AD bit.
    pub(super) fn wants_ad(&self) -> bool {
        self.authentic_data || self.dnssec_ok()
    }
}

/// Bytes that are no question to answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Not worth a word: an answer, or less than a header.
    Silence,
    /// To be answered with this code, without more.
    Code { id: u16, opcode: u8, code: ResponseCode, edns: bool },
}

impl Asked {
    /// Reads a message.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let (Some(&[id_high, id_low]), Some(flags)) = (bytes.first_chunk(), bytes.get(2)) else {
            return Err(Refusal::Silence);
        };
        // An answer to an answer would go round for ever.
        if bytes.len() < HEADER_BYTES || flags & 0x80 != 0 {
            return Err(Refusal::Silence);
        }
        let id = u16::from_be_bytes([id_high, id_low]);
        let opcode = (flags >> 3) & 0x0f;
        let refuse = |code, edns| Err(Refusal::Code { id, opcode, code, edns });
        if opcode != u8::from(OpCode::Query) {
            return refuse(ResponseCode::NotImp, false);
        }
        let Ok(mut message) = Message::from_vec(bytes) else {
            return refuse(ResponseCode::FormErr, false);
        };
        let edns = message.edns.as_ref();
        if edns.is_some_and(|edns| edns.version() > 0) {
            return refuse(ResponseCode::BADVERS, true);
        }
        let edns = edns.map(|edns| AskedEdns {
            payload: edns.max_payload().max(UDP_BYTES_MIN),
            dnssec_ok: edns.flags().dnssec_ok,
        });
        if message.metadata.message_type != MessageType::Query || message.queries.len() != 1 {
            return refuse(ResponseCode::FormErr, edns.is_some());
        }
        let Some(query) = message.queries.pop() else {
            return refuse(ResponseCode::FormErr, edns.is_some());
        };
        Ok(Self {
            id,
            recursion_desired: message.metadata.recursion_desired,
            checking_disabled: message.metadata.checking_disabled,
            authentic_data: message.metadata.authentic_data,
            question: question(&query),
            query,
            edns,
        })
    }

    pub(super) fn head(&self) -> Head<'_> {
        Head {
            id: self.id,
            recursion_desired: self.recursion_desired,
            checking_disabled: self.checking_disabled,
            authentic_data: self.authentic_data,
            question: &self.question,
            edns: self.edns,
        }
    }

    pub(super) fn record_type(&self) -> RecordType {
        self.query.query_type
    }

    pub(super) fn class(&self) -> DNSClass {
        self.query.query_class
    }
}

fn question(query: &Query) -> Question {
    let mut bytes = Question::new();
    for label in query.name.iter() {
        // A label has at most 63 bytes.
        bytes.push(u8::try_from(label.len()).unwrap_or(0));
        bytes.extend_from_slice(label);
    }
    bytes.push(0);
    bytes.extend_from_slice(&u16::from(query.query_type).to_be_bytes());
    bytes.extend_from_slice(&u16::from(query.query_class).to_be_bytes());
    bytes
}

/// The name as verdicts know names; `None` for the root and for what looks like an address.
///
/// The DNS allows every byte in a label. What no host name has is taken as `_`, so that what is
/// asked about is still a name below the same parent.
pub(super) fn domain(name: &Name) -> Option<DomainName> {
    let mut text = String::with_capacity(64);
    for label in name.iter() {
        if !text.is_empty() {
            text.push('.');
        }
        let plain = |byte: u8| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte),
            b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
            _ => '_',
        };
        text.extend(label.iter().copied().map(plain));
    }
    DomainName::parse(&text).ok()
}

/// Holds both ways of reading a question to each other.
pub(super) fn agree(bytes: &[u8]) {
    let Some(head) = Head::read(bytes) else { return };
    // What is read in a hurry is only what a closer look would find, too.
    let Ok(asked) = Asked::read(bytes) else { return };
    let close = asked.head();
    assert_eq!(head.question, close.question, "the question");
    assert_eq!(head.key(), close.key(), "the key");
    assert_eq!((head.id, head.recursion_desired), (close.id, close.recursion_desired));
    assert_eq!(head.wants_ad(), close.wants_ad());
    assert_eq!(head.edns.map(|edns| edns.payload), close.edns.map(|edns| edns.payload));
}

#[cfg(test)]
mod tests;
