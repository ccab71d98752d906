//! The change log: changes since a base, as bytes that survive a torn end.
//!
//! A log is a head and frames. The head of a signed log names the base and the key; each of its
//! frames ends with a signature over a digest that continues that of the frame before, so the last
//! signature proves all of them, and their order. A frame is the length of its content (u32), the
//! CRC-32 of its content (u32), the CRC-32 of these eight bytes (u32), and the content: a number of
//! changes. The second checksum tells a damaged length from a torn end. Frames are only ever appended. Whoever
//! writes the file decides when to sync; whoever reads it after a crash cuts it at
//! [`Contents::valid_len`]. Nothing here does I/O.

use crate::details::{push_varint, read_varint};
use crate::directory::{decode_profile, encode_profile};
use crate::reader::Reader;
use crate::sign::SIGNATURE_LEN;
use crate::{Change, EntryData, Facts, Layer, Limits, Terms};
use crate::{PublicKey, SigningKey};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wardnet_model::{Key, Kind, Scope, Timestamp};

const MAGIC: [u8; 8] = *b"WVDBlog\n";
/// The version of a log that nobody signs.
const UNSIGNED: u32 = 1;
/// The version of a log that is signed.
const SIGNED: u32 = 2;
const FRAME_HEAD_LEN: usize = 12;

/// Bytes of the head of a log that nobody signs.
pub const HEAD_LEN: usize = 16;

/// Bytes of the head of a signed log.
pub const SIGNED_HEAD_LEN: usize = 80;

const HAS_DATA: u8 = 1;
const HAS_NAME: u8 = 2;
const HAS_FACTS: u8 = 4;
const HAS_TERMS: u8 = 8;
const HAS_END: u8 = 16;

/// Why a log cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Not a log, or one of a later version.
    #[error("not a change log of this version; remove it and start from the base alone")]
    NotALog,
    /// A frame is damaged although others follow it.
    #[error("the change log is damaged at byte {at}; rebuild the base from the journal")]
    Damaged {
        /// Where the frame begins.
        at: u64,
    },
    /// The signatures are not of this log.
    #[error("the signatures do not fit the change log; rebuild the base from the journal")]
    BadSignature,
    /// A frame passes the limits.
    #[error("a frame holds more {what} than {max}; write smaller frames or raise `Limits`")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        max: u32,
    },
}

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The changes, in the order they were written.
    pub changes: Vec<Change>,
    /// Where the last whole frame ends: what follows was torn off and is to be cut away.
    pub valid_len: u64,
    /// Who signed all of it; `None` when nobody did.
    pub seal: Option<Seal>,
}

/// What a signed log says of itself, and how it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    /// The root of the base that the changes follow.
    pub base: [u8; 32],
    /// Who signed it.
    pub key: PublicKey,
    /// The digest over everything up to the last frame.
    chain: [u8; 32],
}

/// Writes a signed log, frame by frame. What it gives must all be written, in order.
#[derive(Debug)]
pub struct Writer {
    key: Arc<SigningKey>,
    chain: [u8; 32],
}

impl Writer {
    /// Begins a log behind the base of this `root`; gives its head, too.
    pub fn begin(base: [u8; 32], key: Arc<SigningKey>) -> (Self, Vec<u8>) {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&SIGNED.to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        head.extend_from_slice(&base);
        head.extend_from_slice(&key.public().0);
        let chain = Sha256::digest(&head).into();
        (Self { key, chain }, head)
    }

    /// Goes on with a log that was read; `None` when another key signed it.
    pub fn resume(seal: &Seal, key: Arc<SigningKey>) -> Option<Self> {
        (seal.key == key.public()).then_some(Self { key, chain: seal.chain })
    }

    /// Appends one frame with `changes` to `out`. On error nothing is appended.
    pub fn frame(
        &mut self,
        changes: &[Change],
        limits: &Limits,
        out: &mut Vec<u8>,
    ) -> Result<(), LogError> {
        let mut frame = Vec::new();
        encode_frame(changes, limits, &mut frame)?;
        self.chain = linked(&self.chain, frame.get(FRAME_HEAD_LEN..).unwrap_or_default());
        out.append(&mut frame);
        out.extend_from_slice(&self.key.sign_log(&self.chain));
        Ok(())
    }
}

/// The digest over everything up to a frame, from that before it.
fn linked(chain: &[u8; 32], content: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(chain).chain_update(content).finalize().into()
}

/// The head of a new log that nobody signs.
pub fn head() -> [u8; HEAD_LEN] {
    let mut head = [0; HEAD_LEN];
    let fields = MAGIC.into_iter().chain(UNSIGNED.to_le_bytes());
    head.iter_mut().zip(fields).for_each(|(byte, value)| *byte = value);
    head
}

/// Appends one frame with `changes` to the unsigned log in `out`. On error nothing is appended.
pub fn encode_frame(
    changes: &[Change],
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<(), LogError> {
    let max = limits.frame_changes_max;
    let count = u32::try_from(changes.len()).ok().filter(|count| *count <= max);
    let count = count.ok_or(LogError::TooMany { what: "changes", max })?;
    let mut content = Vec::new();
    push_varint(&mut content, count);
    for change in changes {
        encode_change(change, &mut content);
    }
    push_frame(&mut content, limits, out)
}

/// Appends a frame with this content.
pub(crate) fn push_frame(
    content: &mut Vec<u8>,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<(), LogError> {
    let max = limits.frame_bytes_max;
    let length = u32::try_from(content.len()).ok().filter(|length| *length <= max);
    let length = length.ok_or(LogError::TooMany { what: "bytes", max })?;
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_le_bytes());
    out.append(&mut frame);
    out.append(content);
    Ok(())
}

/// Reads a log. A last frame that is incomplete or damaged counts as torn off by a crash.
///
/// That the signatures of a signed log fit is checked; whose they must be is for the caller to say.
pub fn decode(log: &[u8], limits: &Limits) -> Result<Contents, LogError> {
    let mut rest = Reader(log);
    let mut seal = read_head(&mut rest, log)?;
    let at = |rest: &Reader<'_>| {
        u64::try_from(log.len().saturating_sub(rest.0.len())).unwrap_or(u64::MAX)
    };
    let (mut changes, mut last) = (Vec::new(), None);
    loop {
        let valid_len = at(&rest);
        match next_frame(&mut rest, seal.is_some(), limits) {
            Frame::Whole(frame) => {
                changes.extend(frame.changes);
                if let Some(seal) = &mut seal {
                    seal.chain = linked(&seal.chain, frame.content);
                    last = Some(frame.signature);
                }
            }
            Frame::Torn => {
                let fits = |seal: &Seal| {
                    last.is_none_or(|signature| seal.key.verifies_log(&seal.chain, signature))
                };
                if !seal.as_ref().is_none_or(fits) {
                    return Err(LogError::BadSignature);
                }
                return Ok(Contents { changes, valid_len, seal });
            }
            Frame::Damaged => return Err(LogError::Damaged { at: valid_len }),
        }
    }
}

/// Reads the head; gives what a signed log says of itself.
fn read_head(rest: &mut Reader<'_>, log: &[u8]) -> Result<Option<Seal>, LogError> {
    let (magic, version, zero) = (rest.array(), rest.u32(), rest.u32());
    match version {
        _ if magic != Some(MAGIC) || zero != Some(0) => Err(LogError::NotALog),
        Some(UNSIGNED) => Ok(None),
        Some(SIGNED) => {
            let (base, key) = (rest.array(), rest.array().map(PublicKey));
            let head = log.get(..SIGNED_HEAD_LEN).map(|head| Sha256::digest(head).into());
            let seal = || Some(Seal { base: base?, key: key?, chain: head? });
            seal().map(Some).ok_or(LogError::NotALog)
        }
        _ => Err(LogError::NotALog),
    }
}

enum Frame<'a> {
    Whole(Whole<'a>),
    Torn,
    Damaged,
}

struct Whole<'a> {
    changes: Vec<Change>,
    content: &'a [u8],
    /// Empty in a log that nobody signs.
    signature: &'a [u8],
}

fn next_frame<'a>(rest: &mut Reader<'a>, signed: bool, limits: &Limits) -> Frame<'a> {
    match take_frame(rest, if signed { SIGNATURE_LEN } else { 0 }, limits) {
        Taken::Whole(content, signature) => decode_changes(content, limits)
            .map_or(Frame::Damaged, |changes| Frame::Whole(Whole { changes, content, signature })),
        Taken::Torn => Frame::Torn,
        Taken::Damaged => Frame::Damaged,
    }
}

/// A frame that was taken off the front of a file.
pub(crate) enum Taken<'a> {
    /// Its content, and what stands behind it.
    Whole(&'a [u8], &'a [u8]),
    /// There is none: the file ends here, or was torn off by a crash.
    Torn,
    /// It is damaged although others follow.
    Damaged,
}

pub(crate) fn take_frame<'a>(rest: &mut Reader<'a>, behind: usize, limits: &Limits) -> Taken<'a> {
    // A crash may leave zeros where a frame was going to be.
    if rest.0.len() < FRAME_HEAD_LEN || rest.0.iter().all(|byte| *byte == 0) {
        return Taken::Torn;
    }
    let Some(head) = rest.take(FRAME_HEAD_LEN) else { return Taken::Torn };
    let mut fields = Reader(head);
    let (length, crc) = (fields.u32().unwrap_or(0), fields.u32().unwrap_or(0));
    let lengths = head.first_chunk::<8>().map_or(0, |lengths| crc32fast::hash(lengths));
    if fields.u32() != Some(lengths) {
        return Taken::Damaged;
    }
    let content = usize::try_from(length).ok().and_then(|length| rest.take(length));
    let (Some(content), Some(behind)) = (content, rest.take(behind)) else { return Taken::Torn };
    if length > limits.frame_bytes_max || crc32fast::hash(content) != crc {
        return if rest.0.is_empty() { Taken::Torn } else { Taken::Damaged };
    }
    Taken::Whole(content, behind)
}

fn decode_changes(content: &[u8], limits: &Limits) -> Option<Vec<Change>> {
    let mut rest = Reader(content);
    let count = read_varint(&mut rest).filter(|count| *count <= limits.frame_changes_max)?;
    let changes: Option<Vec<Change>> =
        (0..count).map(|_| decode_change(&mut rest, limits)).collect();
    changes.filter(|_| rest.0.is_empty())
}

fn encode_change(change: &Change, out: &mut Vec<u8>) {
    out.extend_from_slice(&change.seq.to_le_bytes());
    let data = change.new.as_ref();
    let (layer, kind, scope) = (change.layer.tag(), change.kind.tag(), change.scope.tag());
    out.extend_from_slice(&[layer, kind, scope, flags_of(data)]);
    out.extend_from_slice(&change.key.0);
    encode_data(data, out);
}

/// Which parts of what is said there are.
pub(crate) fn flags_of(data: Option<&EntryData>) -> u8 {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    let terms = data.and_then(|data| data.terms);
    flag(data.is_some(), HAS_DATA)
        | flag(data.is_some_and(|data| data.name.is_some()), HAS_NAME)
        | flag(data.is_some_and(|data| data.facts.is_some()), HAS_FACTS)
        | flag(terms.is_some(), HAS_TERMS)
        | flag(terms.is_some_and(|terms| terms.until.is_some()), HAS_END)
}

/// Appends what is said, of which [`flags_of`] tells the parts.
pub(crate) fn encode_data(data: Option<&EntryData>, out: &mut Vec<u8>) {
    let Some(data) = data else { return };
    encode_profile(&data.profile, out);
    if let Some(name) = &data.name {
        push_varint(out, u32::try_from(name.len()).unwrap_or(u32::MAX));
        out.extend_from_slice(name.as_bytes());
    }
    if let Some(facts) = data.facts {
        out.extend_from_slice(&facts.first_seen.0.to_le_bytes());
        out.extend_from_slice(&facts.last_seen.0.to_le_bytes());
    }
    if let Some(terms) = data.terms {
        out.extend_from_slice(&terms.decided_at.0.to_le_bytes());
        if let Some(until) = terms.until {
            out.extend_from_slice(&until.0.to_le_bytes());
        }
    }
}

fn decode_change(rest: &mut Reader<'_>, limits: &Limits) -> Option<Change> {
    let seq = rest.u64()?;
    let [layer, kind, scope, flags] = rest.array()?;
    let key = Key(rest.array()?);
    let (layer, kind) = (Layer::from_tag(layer)?, Kind::from_tag(kind)?);
    let new = decode_data(rest, flags, layer, limits)?;
    Some(Change { seq, layer, kind, key, scope: Scope::from_tag(scope)?, new })
}

/// What is said in a layer: nothing, or these parts of it. `None` where the bytes are wrong.
pub(crate) fn decode_data(
    rest: &mut Reader<'_>,
    flags: u8,
    layer: Layer,
    limits: &Limits,
) -> Option<Option<EntryData>> {
    match flags {
        0 => Some(None),
        flags if flags & HAS_DATA != 0 && flags < HAS_END << 1 => {
            let data = decode_parts(rest, flags, limits)?;
            (data.terms.is_some() == (layer == Layer::Decision)).then_some(Some(data))
        }
        _ => None,
    }
}

fn decode_parts(rest: &mut Reader<'_>, flags: u8, limits: &Limits) -> Option<EntryData> {
    let profile = decode_profile(rest)?;
    let mut name = None;
    if flags & HAS_NAME != 0 {
        let length = read_varint(rest).filter(|length| *length <= limits.name_bytes_max)?;
        let text = std::str::from_utf8(rest.take(usize::try_from(length).ok()?)?).ok()?;
        name = Some(text.into());
    }
    let mut facts = None;
    if flags & HAS_FACTS != 0 {
        let (first_seen, last_seen) = (Timestamp(rest.u64()?), Timestamp(rest.u64()?));
        facts = Some(Facts { first_seen, last_seen });
    }
    let mut terms = None;
    if flags & HAS_TERMS != 0 {
        let decided_at = Timestamp(rest.u64()?);
        let until = if flags & HAS_END != 0 { Some(Timestamp(rest.u64()?)) } else { None };
        terms = Some(Terms { decided_at, until });
    } else if flags & HAS_END != 0 {
        return None;
    }
    Some(EntryData { profile, name, facts, terms })
}
