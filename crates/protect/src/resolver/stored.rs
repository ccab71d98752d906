//! An answer in the form that is kept: bytes to send, and what must be judged each time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use wardnet_model::DomainName;

use super::asked::{Asked, HEADER_BYTES, Head, domain};
use super::config::Limits;
use super::intake::{canonical, lifetime, to_judge};

/// Seconds that a stale answer is said to be good for (RFC 8767 section 4).
const STALE_TTL: u32 = 30;

/// The EDNS option of an extended error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

/// The EDNS option that hides the size of an answer (RFC 7830).
const PADDING: u16 = 12;

/// Encrypted answers have a multiple of so many bytes (RFC 8467 section 4.1).
const PADDED_BYTES: usize = 468;

/// Bytes of an OPT record without options (RFC 6891).
const OPT_BYTES: usize = 11;

/// Bytes of an option before its value.
const OPTION_BYTES: usize = 4;

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

/// How an answer has to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) now_secs: u64,
    /// What it may take.
    pub(super) bytes_max: usize,
    /// What we take ourselves over UDP.
    pub(super) own_payload: u16,
    /// Whether its size is to say little of what it holds.
    pub(super) pad: bool,
}

/// An answer to send again and again.
#[derive(Debug)]
pub(super) struct Stored {
    /// The name that was asked about, as verdicts know names.
    pub(super) name: Option<DomainName>,
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
    /// The moment and policy by which it may go out.
    passed: AtomicU64,
    /// Until then nobody tries to refresh it.
    rests_until_secs: AtomicU64,
}

/// Whether, and how, an answer's time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    Stale,
    /// Stale, and upstreams have just failed to say anything newer.
    Unrefreshed,
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
        let lifetime = lifetime(&message, query.query_type, limits);
        let (targets, addresses) = to_judge(&message.answers);
        let is_secure = message.metadata.authentic_data;
        let message = canonical(message, query, limits);
        let wire = message.to_vec()?.into_boxed_slice();
        let ttls = ttl_places(&wire).ok_or_else(|| ProtoError::from("an unreadable answer"))?;
        Ok(Self {
            name: domain(&query.name),
            wire,
            ttls: ttls.into(),
            targets: targets.into(),
            addresses: addresses.into(),
            is_secure,
            stored_secs: now_secs,
            expires_secs: now_secs.saturating_add(u64::from(lifetime)),
            error: None,
            passed: AtomicU64::new(0),
            rests_until_secs: AtomicU64::new(0),
        })
    }

    /// The failure to answer a question.
    pub(super) fn failure(asked: &Asked, now_secs: u64, keep_secs: u32) -> Self {
        let mut wire = vec![0, 0, 0, ResponseCode::ServFail.low(), 0, 1, 0, 0, 0, 0, 0, 0];
        wire.extend_from_slice(&asked.question);
        Self {
            name: domain(&asked.query.name),
            wire: wire.into(),
            ttls: Box::default(),
            targets: Box::default(),
            addresses: Box::default(),
            is_secure: false,
            stored_secs: now_secs,
            expires_secs: now_secs.saturating_add(u64::from(keep_secs)),
            error: None,
            passed: AtomicU64::new(0),
            rests_until_secs: AtomicU64::new(0),
        }
    }

    pub(super) fn with_error(mut self, error: ExtendedError) -> Self {
        self.error = Some(error);
        self
    }

    /// Remembers that it may go out by the moment and policy with this mark.
    pub(super) fn pass(&self, mark: u64) {
        self.passed.store(mark, Ordering::Relaxed);
    }

    pub(super) fn has_passed(&self, mark: u64) -> bool {
        self.passed.load(Ordering::Relaxed) == mark
    }

    /// Keeps others from trying to refresh it for a while.
    pub(super) fn rest_until(&self, secs: u64) {
        self.rests_until_secs.store(secs, Ordering::Relaxed);
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
            let rests = now_secs < self.rests_until_secs.load(Ordering::Relaxed);
            if rests { Age::Unrefreshed } else { Age::Stale }
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

    /// Appends the answer to `head`, where it has more than fits: cut, and marked so.
    pub(super) fn write(
        &self,
        head: &Head<'_>,
        error: Option<&ExtendedError>,
        fit: Fit,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.extend_from_slice(&self.wire);
        let Some(message) = out.get_mut(start..) else { return };
        self.age_ttls(message, fit.now_secs);
        let question_end = HEADER_BYTES + head.question.len();
        if let Some(question) = message.get_mut(HEADER_BYTES..question_end) {
            question.copy_from_slice(head.question);
        }
        let opt_bytes = if head.edns.is_some() { OPT_BYTES } else { 0 };
        let is_cut = self.wire.len() + opt_bytes > fit.bytes_max;
        if is_cut {
            out.truncate(start + question_end);
        }
        if let Some(header) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut::<12>) {
            if is_cut {
                header[2] |= 0x02;
                header[6..].fill(0);
            }
            self.write_head(head, header);
        }
        if let Some(edns) = head.edns {
            let stale = ExtendedError::new(ExtendedError::STALE, String::new());
            let stale = self.is_stale(fit.now_secs).then_some(&stale);
            let error = error.or(self.error.as_ref()).or(stale);
            write_opt(start, edns.dnssec_ok, error, fit, out);
        }
    }

    fn write_head(&self, asked: &Head<'_>, header: &mut [u8; HEADER_BYTES]) {
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

/// Appends the OPT record to the message that begins at `start`, with as much of the reason as
/// there is room for.
fn write_opt(
    start: usize,
    dnssec_ok: bool,
    error: Option<&ExtendedError>,
    fit: Fit,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&[0, 0, 41]);
    out.extend_from_slice(&fit.own_payload.to_be_bytes());
    out.extend_from_slice(&[0, 0, u8::from(dnssec_ok) << 7, 0]);
    let length_at = out.len();
    out.extend_from_slice(&[0, 0]);
    let room = |out: &Vec<u8>| fit.bytes_max.saturating_sub(out.len() - start);
    if let Some(error) = error {
        let bytes = |text: &str| OPTION_BYTES + 2 + text.len();
        let text = Some(&*error.text).filter(|text| bytes(text) <= room(out)).unwrap_or_default();
        if bytes(text) <= room(out) {
            write_option(EXTENDED_ERROR, &[&error.code.to_be_bytes(), text.as_bytes()], out);
        }
    }
    if fit.pad && room(out) >= OPTION_BYTES {
        let bytes = out.len() - start + OPTION_BYTES;
        let more = (bytes.next_multiple_of(PADDED_BYTES) - bytes).min(room(out) - OPTION_BYTES);
        write_option(PADDING, &[&[0; PADDED_BYTES][..more]], out);
    }
    let length = u16::try_from(out.len() - length_at - 2).unwrap_or(0);
    if let Some(place) = out.get_mut(length_at..length_at + 2) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

fn write_option(code: u16, values: &[&[u8]], out: &mut Vec<u8>) {
    // Values were measured against the room for them, which is below 64 KiB.
    let length = values.iter().map(|value| value.len()).sum::<usize>();
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
    values.iter().for_each(|value| out.extend_from_slice(value));
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
