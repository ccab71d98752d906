//! Bit-packed arrays: values of any width up to 128 bits, first value in the lowest bits.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "hot code; every position it yields is used through `get`, so a wrapped one reads nothing"
)]

/// Zero bytes after a packed array, so that a window may always read sixteen bytes.
const SLACK: u64 = 16;

/// Parts of a file begin at multiples of a cache line.
pub(crate) const LINE: u64 = 64;

/// `length` rounded up to whole cache lines.
pub(crate) const fn to_lines(length: u64) -> u64 {
    length.div_ceil(LINE) * LINE
}

/// Bytes of a packed array of `count` values with `stride` bits each, in whole lines.
pub(crate) const fn packed_len(count: u32, stride: u32) -> u64 {
    if count == 0 {
        return 0;
    }
    to_lines((count as u64 * stride as u64).div_ceil(8) + SLACK)
}

/// The bits from position `bit` on; at least the lowest 121 are valid.
#[inline(always)]
pub(crate) fn window(bytes: &[u8], bit: u64) -> Option<u128> {
    let at = (bit >> 3) as usize;
    let chunk = bytes.get(at..)?.first_chunk::<16>()?;
    Some(u128::from_le_bytes(*chunk) >> (bit & 7))
}

/// The lowest `width` bits set, for widths up to 64.
#[inline(always)]
pub(crate) const fn low_mask(width: u32) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// Bits needed to write every number up to `max`.
pub(crate) const fn bits_for(max: u32) -> u8 {
    (32 - max.leading_zeros()) as u8
}

/// Writes values of any width up to 64 bits one after the other.
#[derive(Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    held: u128,
    held_bits: u32,
}

impl BitWriter {
    /// Appends the lowest `width` bits of `value`, which has no others.
    pub(crate) fn push(&mut self, value: u64, width: u32) {
        self.held |= u128::from(value) << self.held_bits;
        self.held_bits += width;
        if self.held_bits >= 64 {
            self.bytes.extend_from_slice(&(self.held as u64).to_le_bytes());
            self.held >>= 64;
            self.held_bits -= 64;
        }
    }

    /// The array, with zeros up to `length` bytes.
    pub(crate) fn finish(mut self, length: u64) -> Vec<u8> {
        self.bytes.extend_from_slice(&(self.held as u64).to_le_bytes());
        self.bytes.resize(length as usize, 0);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_width_come_back() {
        for width in 1..=64u32 {
            let values: Vec<u64> = (0..100u64)
                .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & low_mask(width))
                .collect();
            let mut writer = BitWriter::default();
            values.iter().for_each(|value| writer.push(*value, width));
            let bytes = writer.finish(packed_len(100, width));
            for (i, value) in values.iter().enumerate() {
                let read = window(&bytes, i as u64 * u64::from(width)).unwrap();
                assert_eq!(read as u64 & low_mask(width), *value, "{width} bits, value {i}");
            }
        }
        assert_eq!((bits_for(0), bits_for(1), bits_for(255), bits_for(256)), (0, 1, 8, 9));
    }
}
