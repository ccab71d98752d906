//! An answer in the form that is kept: bytes to send, and what must be judged each time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::svcb::SvcParamValue;
use hickory_resolver::proto::rr::rdata::{CNAME, NS, PTR};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use wardnet_model::DomainName;

use super::asked::{Asked, HEADER_BYTES, domain};
use super::config::Limits;

/// Seconds that a stale answer is said to be good for (RFC 8767 section 4).
const STALE_TTL: u32 = 30;

/// The EDNS option of an extended error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// Bytes of an OPT record without options (RFC 6891).
const OPT_BYTES: usize = 11;

/// An extended error: its code (RFC 8914) and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExtendedError {
    pub(super) code: u16,
    pub(super) text: String,
}

impl ExtendedError {
    pub(super) const STALE: u16 = 3;
    pub(super) const BOGUS: u16 = 6;
    pub(super) const NOT_READY: u16 = 14;
    pub(super) const BLOCKED: u16 = 15;
    pub(super) const FILTERED: u16 = 17;
    pub(super) const PROHIBITED: u16 = 18;
    pub(super) const NO_REACHABLE_AUTHORITY: u16 = 22;

    pub(super) fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// An answer to send again and again.
#[derive(Debug)]
pub(super) struct Stored {
    /// The message without OPT, with the question in lower case.
    wire: Box<[u8]>,
    /// Where in it the lifetimes are.
    ttls: Box<[u16]>,
    /// Names that the answer leads over, after the one asked.
    pub(super) targets: Box<[DomainName]>,
    /// Addresses that the answer gives.
    pub(super) addresses: Box<[IpAddr]>,
    is_secure: bool,
    stored_secs: u64,
    expires_secs: u64,
    pub(super) error: Option<ExtendedError>,
}

/// Whether, and how, an answer's time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    Stale,
    Gone,
}

impl Stored {
    /// Takes an answer of an upstream, or one of our own.
    pub(super) fn of(
        message: Message,
        query: &Query,
        limits: &Limits,
        now_secs: u64,
    ) -> Result<Self, ProtoError> {
        let lifetime = lifetime(&message, limits);
        let (targets, addresses) = to_judge(&message.answers);
        let is_secure = message.metadata.authentic_data;
        let message = canonical(message, query, limits);
        let wire = message.to_vec()?.into_boxed_slice();
        let ttls = ttl_places(&wire).ok_or_else(|| ProtoError::from("an unreadable answer"))?;
        Ok(Self {
            wire,
            ttls: ttls.into(),
            targets: targets.into(),
            addresses: addresses.into(),
            is_secure,
            stored_secs: now_secs,
            expires_secs: now_secs.saturating_add(u64::from(lifetime)),
            error: None,
        })
    }

    /// The failure to answer a question.
    pub(super) fn failure(asked: &Asked, now_secs: u64, keep_secs: u32) -> Self {
        let mut wire = vec![0, 0, 0, ResponseCode::ServFail.low(), 0, 1, 0, 0, 0, 0, 0, 0];
        wire.extend_from_slice(&asked.question);
        Self {
            wire: wire.into(),
            ttls: Box::default(),
            targets: Box::default(),
            addresses: Box::default(),
            is_secure: false,
            stored_secs: now_secs,
            expires_secs: now_secs.saturating_add(u64::from(keep_secs)),
            error: None,
        }
    }

    pub(super) fn with_error(mut self, error: ExtendedError) -> Self {
        self.error = Some(error);
        self
    }

    /// Good for some seconds at least.
    pub(super) const fn may_be_kept(&self) -> bool {
        self.expires_secs > self.stored_secs
    }

    /// Whether it goes out after its time.
    const fn is_stale(&self, now_secs: u64) -> bool {
        self.may_be_kept() && now_secs >= self.expires_secs
    }

    pub(super) fn age(&self, now_secs: u64, stale_secs_max: u32) -> Age {
        if now_secs < self.expires_secs {
            Age::Fresh
        } else if now_secs < self.expires_secs.saturating_add(u64::from(stale_secs_max)) {
            Age::Stale
        } else {
            Age::Gone
        }
    }

    /// Bytes of memory.
    pub(super) fn weight(&self) -> u64 {
        let names: usize = self.targets.iter().map(|name| name.as_str().len() + 16).sum();
        let bytes = self.wire.len() + self.ttls.len() * 2 + self.addresses.len() * 17 + names;
        (bytes + size_of::<Self>()) as u64
    }

    /// Appends the answer to `asked`, in at most `bytes_max` bytes: cut, and marked so, where it
    /// has more.
    pub(super) fn write(
        &self,
        asked: &Asked,
        error: Option<&ExtendedError>,
        (now_secs, bytes_max, own_payload): (u64, usize, u16),
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        let stale = ExtendedError::new(ExtendedError::STALE, String::new());
        let stale = self.is_stale(now_secs).then_some(&stale);
        let error = error.or(self.error.as_ref()).or(stale);
        out.extend_from_slice(&self.wire);
        let Some(message) = out.get_mut(start..) else { return };
        self.age_ttls(message, now_secs);
        if let Some(question) = message.get_mut(HEADER_BYTES..HEADER_BYTES + asked.question.len()) {
            question.copy_from_slice(&asked.question);
        }
        let opt_bytes = if asked.edns.is_some() { OPT_BYTES } else { 0 };
        if self.wire.len() + opt_bytes > bytes_max {
            out.truncate(start + HEADER_BYTES + asked.question.len());
            if let Some(header) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<12>) {
                header[2] |= 0x02;
                header[6..].fill(0);
            }
        }
        if let Some(header) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<12>) {
            self.write_head(asked, header);
        }
        if let Some(edns) = asked.edns {
            let room = bytes_max.saturating_sub(out.len() - start + OPT_BYTES);
            let error = error.filter(|error| error.text.len() + 6 <= room);
            write_opt(edns.dnssec_ok, own_payload, error, out);
        }
    }

    fn write_head(&self, asked: &Asked, header: &mut [u8; HEADER_BYTES]) {
        let [id_high, id_low] = asked.id.to_be_bytes();
        header[0] = id_high;
        header[1] = id_low;
        // QR; the opcode of a query is zero; TC stays; never AA, since nothing here is our own.
        header[2] = 0x80 | (header[2] & 0x02) | u8::from(asked.recursion_desired);
        let is_secure = self.is_secure && asked.wants_ad();
        let bits = u8::from(is_secure) << 5 | u8::from(asked.checking_disabled) << 4;
        // RA and the code.
        header[3] = 0x80 | bits | (header[3] & 0x0f);
        if asked.edns.is_some() {
            let count = u16::from_be_bytes([header[10], header[11]]).saturating_add(1);
            [header[10], header[11]] = count.to_be_bytes();
        }
    }

    /// Counts lifetimes down by the time the answer was kept.
    fn age_ttls(&self, message: &mut [u8], now_secs: u64) {
        let age = u32::try_from(now_secs.saturating_sub(self.stored_secs)).unwrap_or(u32::MAX);
        if age == 0 {
            return;
        }
        let is_stale = self.is_stale(now_secs);
        for place in &self.ttls {
            let place = usize::from(*place);
            if let Some(bytes) = message.get_mut(place..).and_then(<[u8]>::first_chunk_mut::<4>) {
                let ttl = u32::from_be_bytes(*bytes);
                let left = if is_stale { STALE_TTL } else { ttl.saturating_sub(age) };
                *bytes = left.to_be_bytes();
            }
        }
    }
}

fn write_opt(dnssec_ok: bool, payload: u16, error: Option<&ExtendedError>, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 41]);
    out.extend_from_slice(&payload.to_be_bytes());
    out.extend_from_slice(&[0, 0, u8::from(dnssec_ok) << 7, 0]);
    let Some(error) = error else {
        out.extend_from_slice(&[0, 0]);
        return;
    };
    // The text was measured against the room for it, which is far below 64 KiB.
    let length = u16::try_from(error.text.len() + 2).unwrap_or(2);
    out.extend_from_slice(&(length + 4).to_be_bytes());
    out.extend_from_slice(&EXTENDED_ERROR.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&error.code.to_be_bytes());
    out.extend_from_slice(error.text.as_bytes());
}

/// The message as it is kept: no OPT, no signature of the transaction, the name asked for in
/// lower case wherever it stands, no lifetime above the limit.
fn canonical(mut message: Message, query: &Query, limits: &Limits) -> Message {
    let mut lower = query.clone();
    lower.name = query.name.to_lowercase();
    message.edns = None;
    message.signature = None;
    let sections = [&mut message.answers, &mut message.authorities, &mut message.additionals];
    for record in sections.into_iter().flatten() {
        record.name = spelt_like(&record.name, &lower.name);
        match &mut record.data {
            RData::CNAME(CNAME(name)) | RData::NS(NS(name)) | RData::PTR(PTR(name)) => {
                *name = spelt_like(name, &lower.name);
            }
            RData::MX(mx) => mx.exchange = spelt_like(&mx.exchange, &lower.name),
            RData::SOA(soa) => {
                soa.mname = spelt_like(&soa.mname, &lower.name);
                soa.rname = spelt_like(&soa.rname, &lower.name);
            }
            _ => {}
        }
        record.ttl = record.ttl.min(limits.ttl_secs_max);
    }
    message.queries = vec![lower];
    message
}

/// The name with the end that it shares with `lower` spelt as there. The upstream was asked in a
/// spelling drawn at random, against forged answers, and names of the types that may be compressed
/// (RFC 3597 section 4) take their ends from that question.
fn spelt_like(name: &Name, lower: &Name) -> Name {
    let both = name.iter().rev().zip(lower.iter().rev());
    let shared = both.take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
    let own = name.iter().len().saturating_sub(shared);
    let end = lower.iter().len().saturating_sub(shared);
    let labels = name.iter().take(own).chain(lower.iter().skip(end));
    Name::from_labels(labels).unwrap_or_else(|_| name.clone())
}

/// Seconds that an answer may be kept.
fn lifetime(message: &Message, limits: &Limits) -> u32 {
    let code = message.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return 0;
    }
    let all = message.answers.iter().chain(&message.authorities);
    let least = all.map(|record| record.ttl).min().unwrap_or(0).min(limits.ttl_secs_max);
    let is_negative = code == ResponseCode::NXDomain
        || message.answers.iter().all(|record| record.record_type() == RecordType::CNAME);
    if !is_negative {
        return least;
    }
    // RFC 2308 section 5: without an SOA, a negative answer is not kept.
    let soa = message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    });
    soa.map_or(0, |soa| soa.min(least).min(limits.negative_ttl_secs_max))
}

/// Names and addresses that an answer leads to.
fn to_judge(answers: &[Record]) -> (Vec<DomainName>, Vec<IpAddr>) {
    let mut targets = Vec::new();
    let mut addresses = Vec::new();
    for record in answers {
        match &record.data {
            RData::CNAME(name) => targets.extend(domain(&name.0)),
            RData::A(address) => addresses.push(IpAddr::V4(Ipv4Addr::from(*address))),
            RData::AAAA(address) => addresses.push(IpAddr::V6(Ipv6Addr::from(*address))),
            RData::HTTPS(service) => hints(&service.0, &mut targets, &mut addresses),
            RData::SVCB(service) => hints(service, &mut targets, &mut addresses),
            _ => {}
        }
    }
    (targets, addresses)
}

/// What a service record leads to: another name, and addresses that browsers use at once.
fn hints(
    service: &hickory_resolver::proto::rr::rdata::SVCB,
    targets: &mut Vec<DomainName>,
    addresses: &mut Vec<IpAddr>,
) {
    if !service.target_name.is_root() {
        targets.extend(domain(&service.target_name));
    }
    for (_, value) in &service.svc_params {
        match value {
            SvcParamValue::Ipv4Hint(hint) => {
                addresses.extend(hint.0.iter().map(|a| IpAddr::V4(Ipv4Addr::from(*a))));
            }
            SvcParamValue::Ipv6Hint(hint) => {
                addresses.extend(hint.0.iter().map(|a| IpAddr::V6(Ipv6Addr::from(*a))));
            }
            _ => {}
        }
    }
}

/// Where the lifetimes are in a message that was encoded here.
fn ttl_places(wire: &[u8]) -> Option<Vec<u16>> {
    let count = |at: usize| Some(u16::from_be_bytes(*wire.get(at..)?.first_chunk()?));
    let records = [6, 8, 10].into_iter().map(count).sum::<Option<u16>>()?;
    let mut at = HEADER_BYTES;
    for _ in 0..count(4)? {
        at = after_name(wire, at)? + 4;
    }
    let mut places = Vec::with_capacity(usize::from(records));
    for _ in 0..records {
        at = after_name(wire, at)? + 4;
        places.push(u16::try_from(at).ok()?);
        at += 4;
        at += 2 + usize::from(count(at)?);
    }
    (at == wire.len()).then_some(places)
}

fn after_name(wire: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *wire.get(at)? {
            0 => return Some(at + 1),
            // A pointer ends a name (RFC 1035 section 4.1.4).
            0xc0.. => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

#[cfg(test)]
mod tests;
