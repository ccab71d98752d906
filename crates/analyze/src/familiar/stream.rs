//! The signs of a name, five at a time.

use super::{NAME_BYTES_MAX, SIGNS};

/// The end of a name, on either side.
const END: u32 = 0;

/// Bits a sign takes.
const SIGN_BITS: u32 = 6;

const MASK: u32 = (1 << SIGN_BITS) - 1;

/// The sign of a byte: letters from 1, digits from 27, all others 37.
const fn sign(byte: u8) -> u32 {
    match byte {
        b'a'..=b'z' => (byte as u32).wrapping_sub(0x60),
        b'0'..=b'9' => (byte as u32).wrapping_sub(21),
        _ => 37,
    }
}

/// For each sign of a name and its end: that sign, in the low bits, with the four before it.
#[derive(Debug)]
pub(super) struct Signs<'a> {
    rest: std::slice::Iter<'a, u8>,
    signs: u32,
    is_over: bool,
}

impl<'a> Signs<'a> {
    pub(super) fn new(name: &'a [u8]) -> Self {
        let name = name.get(..NAME_BYTES_MAX).unwrap_or(name);
        Self { rest: name.iter(), signs: 0, is_over: false }
    }
}

impl Iterator for Signs<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.is_over {
            return None;
        }
        let next = if let Some(byte) = self.rest.next() {
            sign(byte.to_ascii_lowercase())
        } else {
            self.is_over = true;
            END
        };
        // The bits of five signs stay.
        self.signs = (self.signs << SIGN_BITS | next) & 0x3fff_ffff;
        Some(self.signs)
    }
}

/// The last of `signs`.
pub(super) const fn last(signs: u32) -> usize {
    (signs & MASK) as usize
}

/// The place of the last three in a table of all threes.
pub(super) const fn three(signs: u32) -> usize {
    let [a, b, c] = [signs >> 12 & MASK, signs >> 6 & MASK, signs & MASK];
    let at = (a as usize).wrapping_mul(SIGNS).wrapping_add(b as usize);
    at.wrapping_mul(SIGNS).wrapping_add(c as usize)
}

/// The place of the last four in a table of 2 to the power of `bits`.
pub(super) fn four(signs: u32, bits: u32) -> usize {
    place(signs & 0x00ff_ffff, 0x9e37_79b1, bits)
}

/// The place of all five in a table of 2 to the power of `bits`.
pub(super) fn five(signs: u32, bits: u32) -> usize {
    place(signs, 0x85eb_ca77, bits)
}

/// The top bits of a product, which all bits of `signs` move.
fn place(signs: u32, factor: u64, bits: u32) -> usize {
    let mixed =
        u64::from(signs).wrapping_add(1).wrapping_mul(factor.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    crate::table::place(mixed ^ mixed << 32, bits)
}
