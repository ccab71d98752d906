//! The parts of a shard that stand apart from its keys: names, facts, and decisions' terms.
//!
//! All are aligned with the entries by position. An empty shard has empty parts.

use crate::bits::to_lines;
use crate::reader::Reader;
use crate::{Facts, Terms};
use wardnet_model::Timestamp;

/// Names between two offsets.
const NAMES_PER_BLOCK: u32 = 16;

/// Bytes of one record of terms.
const TERMS_LEN: u64 = 16;

/// Bytes of one record of facts, as this version writes them.
const FACTS_LEN: u32 = 16;

/// Bytes before the first record of facts.
const FACTS_HEAD: u64 = 8;

/// Stands for "no such time".
const NEVER: u64 = u64::MAX;

/// Writes names: offsets of blocks of sixteen, then each name behind its length.
///
/// `None` when they pass 4 GiB. A missing name is written as an empty one.
pub(crate) fn encode_names<'a>(
    names: impl ExactSizeIterator<Item = Option<&'a str>>,
) -> Option<Vec<u8>> {
    let mut offsets = Vec::new();
    let mut text = Vec::new();
    let mut left = 0;
    for name in names {
        if left == 0 {
            offsets.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
            left = NAMES_PER_BLOCK;
        }
        left = left.saturating_sub(1);
        let name = name.unwrap_or("");
        push_varint(&mut text, u32::try_from(name.len()).ok()?);
        text.extend_from_slice(name.as_bytes());
    }
    u32::try_from(text.len()).ok()?;
    offsets.append(&mut text);
    pad(&mut offsets);
    Some(offsets)
}

/// The name at a position. The outer `None` means malformed.
pub(crate) fn name(part: &[u8], count: u32, position: u32) -> Option<Option<&str>> {
    let blocks = usize::try_from(count.div_ceil(NAMES_PER_BLOCK)).ok()?;
    let (offsets, text) = part.split_at_checked(blocks.checked_mul(4)?)?;
    let block = usize::try_from(position / NAMES_PER_BLOCK).ok()?;
    let offset = Reader(offsets.get(block.checked_mul(4)?..)?).u32()?;
    let mut text = Reader(text.get(usize::try_from(offset).ok()?..)?);
    for _ in 0..position % NAMES_PER_BLOCK {
        next_name(&mut text)?;
    }
    next_name(&mut text)
}

/// Every name in order; `None` when malformed.
pub(crate) fn names(part: &[u8], count: u32) -> Option<Vec<Option<&str>>> {
    let blocks = usize::try_from(count.div_ceil(NAMES_PER_BLOCK)).ok()?;
    let mut text = Reader(part.get(blocks.checked_mul(4)?..)?);
    // Every name takes a byte at least, which bounds what a false count can make us reserve.
    let fits = usize::try_from(count).ok()? <= text.0.len();
    fits.then(|| (0..count).map(|_| next_name(&mut text)).collect())?
}

/// Whether the single look-up agrees with the reading in order.
pub(crate) fn names_are_valid(part: &[u8], count: u32) -> bool {
    names(part, count).is_some_and(|all| {
        let firsts = all.iter().zip(0u32..).step_by(NAMES_PER_BLOCK as usize);
        firsts
            .into_iter()
            .all(|(expected, position)| name(part, count, position) == Some(*expected))
    })
}

fn next_name<'a>(text: &mut Reader<'a>) -> Option<Option<&'a str>> {
    let length = read_varint(text)?;
    let name = std::str::from_utf8(text.take(usize::try_from(length).ok()?)?).ok()?;
    Some((!name.is_empty()).then_some(name))
}

/// Bytes of the terms of `count` decisions.
pub(crate) const fn terms_len(count: u64) -> u64 {
    to_lines(count.saturating_mul(TERMS_LEN))
}

/// Writes terms. Entries without any are not in force at any time.
pub(crate) fn encode_terms(terms: impl Iterator<Item = Option<Terms>>) -> Vec<u8> {
    let mut part = Vec::new();
    for terms in terms {
        let terms = terms.unwrap_or(Terms { decided_at: Timestamp(0), until: Some(Timestamp(0)) });
        part.extend_from_slice(&terms.decided_at.0.to_le_bytes());
        part.extend_from_slice(&terms.until.map_or(NEVER, |until| until.0).to_le_bytes());
    }
    pad(&mut part);
    part
}

/// The terms at a position.
pub(crate) fn terms(part: &[u8], position: u32) -> Option<Terms> {
    let at = u64::from(position).checked_mul(TERMS_LEN)?;
    let mut record = Reader(part.get(usize::try_from(at).ok()?..)?);
    let (decided_at, until) = (Timestamp(record.u64()?), record.u64()?);
    Some(Terms { decided_at, until: (until != NEVER).then_some(Timestamp(until)) })
}

/// Writes facts: the length of a record (u32), four zeros, then the records.
pub(crate) fn encode_facts(facts: impl ExactSizeIterator<Item = Option<Facts>>) -> Vec<u8> {
    let mut part = Vec::new();
    if facts.len() == 0 {
        return part;
    }
    part.extend_from_slice(&FACTS_LEN.to_le_bytes());
    part.extend_from_slice(&[0; 4]);
    for facts in facts {
        let (first, last) =
            facts.map_or((NEVER, NEVER), |facts| (facts.first_seen.0, facts.last_seen.0));
        part.extend_from_slice(&first.to_le_bytes());
        part.extend_from_slice(&last.to_le_bytes());
    }
    pad(&mut part);
    part
}

/// The facts at a position. The outer `None` means malformed.
pub(crate) fn facts(part: &[u8], position: u32) -> Option<Option<Facts>> {
    // A later version may write longer records; what it adds stands behind what we know.
    let length = u64::from(Reader(part).u32()?.max(FACTS_LEN));
    let at = length.checked_mul(position.into())?.checked_add(FACTS_HEAD)?;
    let mut record = Reader(part.get(usize::try_from(at).ok()?..)?);
    let (first_seen, last_seen) = (Timestamp(record.u64()?), Timestamp(record.u64()?));
    Some((first_seen.0 != NEVER).then_some(Facts { first_seen, last_seen }))
}

/// Whether facts for `count` entries can be read.
pub(crate) fn facts_are_valid(part: &[u8], count: u32) -> bool {
    match count.checked_sub(1) {
        None => part.is_empty(),
        Some(last) => facts(part, last).is_some(),
    }
}

/// Fills a part with zeros up to a whole cache line.
pub(crate) fn pad(part: &mut Vec<u8>) {
    let length = to_lines(u64::try_from(part.len()).unwrap_or(u64::MAX));
    part.resize(usize::try_from(length).unwrap_or(part.len()), 0);
}

/// Appends a number in groups of seven bits, lowest first.
pub(crate) fn push_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while let Ok(low @ 128..) = u8::try_from(value & 0x7f | 0x80)
        && value >= 0x80
    {
        bytes.push(low);
        value >>= 7;
    }
    bytes.push(u8::try_from(value & 0x7f).unwrap_or(0));
}

/// Reads what [`push_varint`] wrote.
pub(crate) fn read_varint(bytes: &mut Reader<'_>) -> Option<u32> {
    let mut value = 0u64;
    for shift in [0u32, 7, 14, 21, 28] {
        let byte = bytes.u8()?;
        value |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte < 0x80 {
            return u32::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_position() {
        let texts: Vec<String> = (0..100usize).map(|i| "x".repeat(i * i)).collect();
        let part = encode_names(texts.iter().map(|text| Some(text.as_str()))).unwrap();
        for (text, position) in texts.iter().zip(0..) {
            let expected = (!text.is_empty()).then_some(text.as_str());
            assert_eq!(name(&part, 100, position), Some(expected));
        }
        assert!(names_are_valid(&part, 100));
        assert!(!names_are_valid(&part[..part.len() - 128], 100));
    }

    #[test]
    fn facts_and_terms_are_found_by_position() {
        let at = |i| Facts { first_seen: Timestamp(i), last_seen: Timestamp(i + 9) };
        let part = encode_facts([None, Some(at(5)), Some(at(6))].into_iter());
        assert_eq!(facts(&part, 0), Some(None));
        assert_eq!(facts(&part, 2), Some(Some(at(6))));
        let one = Terms { decided_at: Timestamp(4), until: None };
        let two = Terms { decided_at: Timestamp(5), until: Some(Timestamp(6)) };
        let part = encode_terms([Some(one), Some(two)].into_iter());
        assert_eq!((terms(&part, 0), terms(&part, 1)), (Some(one), Some(two)));
    }
}
