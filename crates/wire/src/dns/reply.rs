//! Writing a reply into a buffer that is used again.

use super::{CLASS_IN, Edns, Query, UDP_BYTES, UDP_BYTES_MAX, kind};
use std::net::Ipv4Addr;

/// Points at the name of the question: it always stands behind the head.
const OWNER: u16 = 0xc00c;

/// Bytes that an OPT record takes besides its options.
const OPT_BYTES: usize = 11;

/// Option codes.
const COOKIE: u16 = 10;
const EXTENDED_ERROR: u16 = 15;

/// How a question went (RFC 1035, section 4.1.1; RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rcode {
    /// Answered.
    NoError,
    /// The question cannot be read.
    FormErr,
    /// The server cannot answer now.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// Not an operation of this server.
    NotImp,
    /// The server does not want to answer.
    Refused,
    /// A version of the extensions that is not spoken.
    BadVers,
}

impl Rcode {
    const fn number(self) -> u16 {
        match self {
            Self::NoError => 0,
            Self::FormErr => 1,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::NotImp => 4,
            Self::Refused => 5,
            Self::BadVers => 16,
        }
    }
}

/// A reply under way.
#[derive(Debug)]
pub struct Reply<'b> {
    out: &'b mut Vec<u8>,
    max: usize,
    answers: u16,
    authorities: u16,
    truncated: bool,
    rcode: Rcode,
    authoritative: bool,
    edns: Option<(u16, bool)>,
    question_end: usize,
}

impl<'b> Reply<'b> {
    /// Begins the reply to a query in an empty buffer. Over UDP it keeps to the size agreed.
    pub fn to(query: &Query<'_>, udp: bool, out: &'b mut Vec<u8>) -> Self {
        out.clear();
        out.extend_from_slice(query.echoed);
        let agreed = query.edns.map_or(UDP_BYTES, |edns: Edns<'_>| {
            usize::from(edns.udp_bytes).clamp(UDP_BYTES, UDP_BYTES_MAX)
        });
        let max = if udp { agreed } else { usize::from(u16::MAX) };
        let edns = query.edns.map(|edns| (kind::OPT, edns.dnssec));
        let question_end = out.len();
        Self {
            max: if edns.is_some() { max.saturating_sub(OPT_BYTES) } else { max },
            out,
            answers: 0,
            authorities: 0,
            truncated: false,
            rcode: Rcode::NoError,
            authoritative: false,
            edns,
            question_end,
        }
    }

    /// The reply to a message whose question cannot be used: its head alone.
    pub fn bare(message: &[u8], rcode: Rcode, out: &mut Vec<u8>) {
        out.clear();
        let Some([first, second, flags, ..]) = message.get(..12) else { return };
        let number = u8::try_from(rcode.number()).unwrap_or(2);
        out.extend_from_slice(&[*first, *second, 0x80 | (flags & 0x79), number]);
        out.extend_from_slice(&[0; 8]);
    }

    /// Sets how the question went.
    pub const fn rcode(&mut self, rcode: Rcode) {
        self.rcode = rcode;
    }

    /// Says that the answer comes from who has the say (AA).
    pub const fn authoritative(&mut self) {
        self.authoritative = true;
    }

    /// Adds an address to the answer.
    pub fn address(&mut self, address: Ipv4Addr, ttl: u32) {
        self.answer(kind::A, ttl, &[&address.octets()]);
    }

    /// Adds text to the answer, in strings of 255 octets at most.
    pub fn text(&mut self, text: &[u8], ttl: u32) {
        let mut data = Vec::with_capacity(text.len().saturating_add(8));
        for part in text.chunks(255) {
            data.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            data.extend_from_slice(part);
        }
        if data.is_empty() {
            data.push(0);
        }
        self.answer(kind::TXT, ttl, &[&data]);
    }

    /// Adds a name server to the answer.
    pub fn name_server(&mut self, name: &[u8], ttl: u32) {
        self.answer(kind::NS, ttl, &[name, &[0]]);
    }

    /// Adds the start of authority to the answer, where the zone itself was asked about.
    pub fn start_of_authority(&mut self, data: &[u8], ttl: u32) {
        self.answer(kind::SOA, ttl, &[data]);
    }

    /// Adds the start of authority that says how long a "no" may be kept (RFC 2308). The zone is
    /// the last `zone_octets` of the name asked about.
    pub fn negative(&mut self, zone_octets: usize, data: &[u8], ttl: u32) {
        // The name ends with its root label and four octets of type and class.
        let zone_at = self.question_end.saturating_sub(zone_octets.saturating_add(5));
        let owner = 0xc000 | u16::try_from(zone_at).unwrap_or(OWNER & 0x3fff);
        if self.record(owner, kind::SOA, ttl, &[data]) {
            self.authorities = self.authorities.saturating_add(1);
        }
    }

    fn answer(&mut self, kind: u16, ttl: u32, data: &[&[u8]]) {
        if self.record(OWNER, kind, ttl, data) {
            self.answers = self.answers.saturating_add(1);
        } else {
            self.truncated = true;
        }
    }

    /// Appends a record if there is room.
    fn record(&mut self, owner: u16, kind: u16, ttl: u32, data: &[&[u8]]) -> bool {
        let length = data.iter().map(|part| part.len()).sum::<usize>();
        let Ok(octets) = u16::try_from(length) else { return false };
        if self.truncated || self.out.len().saturating_add(length).saturating_add(12) > self.max {
            return false;
        }
        let [[o1, o0], [k1, k0], [c1, c0]] = [owner, kind, CLASS_IN].map(u16::to_be_bytes);
        let ([t3, t2, t1, t0], [l1, l0]) = (ttl.to_be_bytes(), octets.to_be_bytes());
        let head = [o1, o0, k1, k0, c1, c0, t3, t2, t1, t0, l1, l0];
        self.out.reserve(head.len().saturating_add(length));
        self.out.extend_from_slice(&head);
        data.iter().for_each(|part| self.out.extend_from_slice(part));
        true
    }

    /// Says that the answer is to be fetched over TCP.
    pub fn truncate(&mut self) {
        self.out.truncate(self.question_end);
        (self.answers, self.authorities, self.truncated) = (0, 0, true);
    }

    /// Ends the reply; with the reason and the cookie, if the asker knows extensions.
    pub fn finish(mut self, reason: Option<(u16, &str)>, cookie: Option<&[u8]>) {
        let mut additional = 0u16;
        if let Some((opt, dnssec)) = self.edns {
            self.extensions(opt, dnssec, reason, cookie);
            additional = 1;
        }
        let [_, low] = self.rcode.number().to_be_bytes();
        let Some([_, _, flags, codes, q1, q0, a1, a0, n1, n0, x1, x0]) =
            self.out.first_chunk_mut::<12>()
        else {
            return;
        };
        // QR, AA, TC; the opcode and RD are the asker's.
        *flags = 0x80
            | (*flags & 0x79)
            | if self.authoritative { 4 } else { 0 }
            | if self.truncated { 2 } else { 0 };
        // CD is the asker's (RFC 4035, section 3.2.2), RA is not ours.
        *codes = (*codes & 0x10) | (low & 0x0f);
        [*q1, *q0] = 1u16.to_be_bytes();
        [*a1, *a0] = self.answers.to_be_bytes();
        [*n1, *n0] = self.authorities.to_be_bytes();
        [*x1, *x0] = additional.to_be_bytes();
    }

    fn extensions(
        &mut self,
        opt: u16,
        dnssec: bool,
        reason: Option<(u16, &str)>,
        cookie: Option<&[u8]>,
    ) {
        self.out.push(0);
        self.out.extend_from_slice(&opt.to_be_bytes());
        self.out.extend_from_slice(&(UDP_BYTES_MAX as u16).to_be_bytes());
        let high = u8::try_from(self.rcode.number() >> 4).unwrap_or(0);
        let flags = if dnssec { 0x80 } else { 0 };
        self.out.extend_from_slice(&[high, 0, flags, 0]);
        let length_at = self.out.len();
        self.out.extend_from_slice(&[0, 0]);
        if let Some(cookie) = cookie {
            self.option(COOKIE, &[], cookie);
        }
        if let Some((code, text)) = reason {
            self.option(EXTENDED_ERROR, &code.to_be_bytes(), text.as_bytes());
        }
        let length = self.out.len().saturating_sub(length_at).saturating_sub(2);
        let octets = u16::try_from(length).unwrap_or(0).to_be_bytes();
        if let Some(place) = self.out.get_mut(length_at..length_at.saturating_add(2)) {
            place.copy_from_slice(&octets);
        }
    }

    fn option(&mut self, code: u16, head: &[u8], value: &[u8]) {
        let length = head.len().saturating_add(value.len());
        let end = self.out.len().saturating_add(length).saturating_add(4);
        let (Ok(length), true) = (u16::try_from(length), end <= self.max.max(UDP_BYTES)) else {
            return;
        };
        self.out.extend_from_slice(&code.to_be_bytes());
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(head);
        self.out.extend_from_slice(value);
    }
}
