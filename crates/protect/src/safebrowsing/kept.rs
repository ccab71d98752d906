//! The lists as a file, so that clients of an earlier run are told differences and not everything.
//!
//! ```text
//!   "WNSBLST1"  history u64  version u64
//!   for each threat: count u32, prefixes of 4 bytes; count u32, prefixes of 8 bytes
//!   likely safe: count u32, hashes of 32 bytes
//!   SHA-256 of all before
//! ```
//!
//! Numbers are little-endian, prefixes in their own order of bytes, and sorted. Versions count within
//! a history: a file is good for one start only, since a run that follows and ends without writing
//! another may have given its numbers away already.

use super::list::List;
use super::prefix::{Hash, Prefix};
use super::state::{State, ThreatLists};
use super::threat::ALL;
use ring::digest::{SHA256, digest};

const MAGIC: &[u8; 8] = b"WNSBLST1";

/// The length of the digest at the end.
const DIGEST_LEN: usize = 32;

/// What an earlier run served.
#[derive(Debug)]
pub struct Kept {
    pub(super) history: u64,
    pub(super) past: Option<State>,
}

/// Why a file holds no lists. Without one clients take lists whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// It is something else.
    #[error("it holds no lists of this version; clients take them whole")]
    Magic,
    /// It was cut, or changed.
    #[error("it is damaged; clients take lists whole")]
    Damaged,
}

impl Kept {
    /// Nothing: a run without a past. `history` names it, and is another number each time.
    #[must_use]
    pub const fn nothing(history: u64) -> Self {
        Self { history, past: None }
    }

    /// Reads a file's bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeptError> {
        if !bytes.starts_with(MAGIC) {
            return Err(KeptError::Magic);
        }
        let end = bytes.len().checked_sub(DIGEST_LEN).ok_or(KeptError::Damaged)?;
        let (body, told) = bytes.split_at(end);
        if digest(&SHA256, body).as_ref() != told {
            return Err(KeptError::Damaged);
        }
        let mut reader = Reader(body.get(MAGIC.len()..).unwrap_or_default());
        let (history, version) = (reader.u64()?, reader.u64()?);
        let mut threats = Vec::with_capacity(ALL.len());
        for threat in ALL {
            let four = reader.list::<u32>(4, version)?;
            let eight = reader.list::<u64>(8, version)?;
            threats.push(ThreatLists { threat, four, eight });
        }
        let global_cache = reader.list::<Hash>(32, version)?;
        if !reader.0.is_empty() {
            return Err(KeptError::Damaged);
        }
        let past = State::past(threats, global_cache, version);
        Ok(Self { history, past: Some(past) })
    }
}

/// A state as a file.
pub(super) fn encode(history: u64, state: &State) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(history.to_le_bytes());
    out.extend(state.version.to_le_bytes());
    for lists in &state.threats {
        put(&lists.four, &mut out);
        put(&lists.eight, &mut out);
    }
    put(&state.global_cache, &mut out);
    let sum = digest(&SHA256, &out);
    out.extend_from_slice(sum.as_ref());
    out
}

fn put<P: Prefix>(list: &List<P>, out: &mut Vec<u8>) {
    // Lists have far fewer than 2^32 entries: each has at least four bytes.
    out.extend(u32::try_from(list.len()).unwrap_or(u32::MAX).to_le_bytes());
    list.prefixes().iter().for_each(|prefix| prefix.put(out));
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn u64(&mut self) -> Result<u64, KeptError> {
        let (first, rest) = self.0.split_first_chunk().ok_or(KeptError::Damaged)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*first))
    }

    fn list<P: Prefix>(&mut self, width: usize, version: u64) -> Result<List<P>, KeptError> {
        let (count, rest) = self.0.split_first_chunk().ok_or(KeptError::Damaged)?;
        let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX);
        let length = count.checked_mul(width).ok_or(KeptError::Damaged)?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or(KeptError::Damaged)?;
        self.0 = rest;
        let whole = |prefix: &[u8]| {
            let mut hash = [0; 32];
            hash.iter_mut().zip(prefix).for_each(|(to, from)| *to = *from);
            P::of(&hash)
        };
        Ok(List::new(bytes.chunks(width).map(whole).collect(), version))
    }
}

/// Reads any bytes as kept lists; what can be read is written the same again.
pub fn fuzz_safe_browsing_kept(bytes: &[u8]) {
    if let Ok(Kept { history, past: Some(past) }) = Kept::decode(bytes) {
        let again = encode(history, &past);
        let read = Kept::decode(&again).expect("what was written can be read");
        assert_eq!(encode(read.history, &read.past.expect("there is a past")), again);
    }
}
