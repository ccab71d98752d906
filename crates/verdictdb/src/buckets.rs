//! The index of a shard of networks: where the entries of a bucket begin and end, in one cache line.
//!
//! A line of 64 bytes serves [`BUCKETS_PER_LINE`] buckets: the position of its first entry
//! (`u32`), then for each bucket where it ends, counted from there (`u16`). A table whose keys are
//! so uneven that a line would hold more than 65,535 entries has no index; it is searched whole.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "hot code; positions are used through `get`, and sums are bounded by the u32 count"
)]

use crate::bits::LINE;

/// Buckets that one cache line serves.
const BUCKETS_PER_LINE: u64 = 30;

/// Entries of an average bucket lie between this number and twice as many. Larger buckets make the
/// index smaller, so that it stays in cache; halving finds the place in them.
const BUCKET_ENTRIES_MIN: u32 = 12;

/// Tables up to this size have one bucket.
const WHOLE_MAX: u32 = 64;

/// The number of bucket bits that suits a table of `count` evenly spread entries.
pub(crate) const fn suitable_bits(count: u32) -> u8 {
    if count <= WHOLE_MAX { 0 } else { (count / BUCKET_ENTRIES_MIN).ilog2() as u8 }
}

/// Bytes of an index over `2^bits` buckets. A table of one bucket needs none.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the mask keeps the index within the array")]
pub(crate) const fn index_len(bits: u8) -> u64 {
    INDEX_LENGTHS[(bits & 31) as usize]
}

/// [`index_len`] by bits: every lookup asks for it.
#[expect(clippy::indexing_slicing, reason = "computed when compiling, where a panic is an error")]
const INDEX_LENGTHS: [u64; 32] = {
    let mut lengths = [0; 32];
    let mut bits = 1;
    while bits < lengths.len() {
        lengths[bits] = (1u64 << bits).div_ceil(BUCKETS_PER_LINE) * LINE;
        bits += 1;
    }
    lengths
};

/// Writes the index of a table whose entries lie in `buckets` (ascending); `None` when too uneven.
pub(crate) fn encode(bits: u8, buckets: impl Iterator<Item = u64>) -> Option<Vec<u8>> {
    if bits == 0 {
        return Some(Vec::new());
    }
    let mut ends = vec![0u32; 1 << bits];
    for bucket in buckets {
        *ends.get_mut(bucket as usize)? += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += *end;
        *end = total;
    }
    let mut index = Vec::with_capacity(index_len(bits) as usize);
    let mut base = 0u32;
    for line in ends.chunks(BUCKETS_PER_LINE as usize) {
        index.extend_from_slice(&base.to_le_bytes());
        let last = *line.last()?;
        for slot in 0..BUCKETS_PER_LINE as usize {
            let end = line.get(slot).copied().unwrap_or(last);
            index.extend_from_slice(&u16::try_from(end - base).ok()?.to_le_bytes());
        }
        base = last;
    }
    Some(index)
}

/// The first entry of a bucket and the one after its last.
#[inline(always)]
pub(crate) fn range(index: &[u8], bucket: u64) -> Option<(u32, u32)> {
    let line = index.get(((bucket / BUCKETS_PER_LINE) * LINE) as usize..)?.first_chunk::<64>()?;
    let slot = (bucket % BUCKETS_PER_LINE) as usize;
    let base = u32::from_le_bytes(*line.first_chunk::<4>()?);
    // Slot 0 begins at the base itself: its low half would be read as an end, so it is masked out.
    let pair = line.get(2 + slot * 2..)?.first_chunk::<4>()?;
    let ends = u32::from_le_bytes(*pair);
    let begin = if slot == 0 { 0 } else { ends & 0xffff };
    Some((base.wrapping_add(begin), base.wrapping_add(ends >> 16)))
}

/// Whether an index read from disk is one that [`encode`] could have written for `count` entries.
pub(crate) fn is_valid(index: &[u8], bits: u8, count: u32) -> bool {
    if bits == 0 {
        return index.is_empty();
    }
    let mut last = 0;
    let rises = (0..1u64 << bits).all(|bucket| match range(index, bucket) {
        Some((begin, end)) => {
            let follows = begin == last && end >= begin;
            last = end;
            follows
        }
        None => false,
    });
    rises && last == count && index.len() as u64 == index_len(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_tile_the_table() {
        let buckets: Vec<u64> = (0..500u64).map(|i| i * i % 128).collect();
        let mut sorted = buckets.clone();
        sorted.sort_unstable();
        let index = encode(7, sorted.iter().copied()).unwrap();
        assert!(is_valid(&index, 7, 500) && !is_valid(&index, 7, 499));
        for bucket in 0..128 {
            let (begin, end) = range(&index, bucket).unwrap();
            let expected = sorted.iter().filter(|b| **b == bucket).count();
            assert_eq!(end - begin, expected as u32);
            assert!(sorted[begin as usize..end as usize].iter().all(|b| *b == bucket));
        }
    }

    #[test]
    fn an_uneven_table_gets_no_index() {
        assert_eq!(encode(3, std::iter::repeat_n(5, 70_000)), None);
    }
}
