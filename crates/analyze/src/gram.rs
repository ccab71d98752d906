//! Pieces of text as numbers: rolling hashes of n-grams and words, each in a group of its own.

use std::ops::Range;

/// How many groups of pieces a model sums apart.
pub const GROUPS: usize = 5;

/// One piece of a subject.
#[derive(Debug, Clone)]
pub struct Gram {
    /// Which group it is summed in, below [`GROUPS`].
    pub group: usize,
    /// Its hash; the top bits are its place in the table of weights.
    pub hash: u64,
    /// Where in the subject's text it stands.
    pub at: Range<usize>,
}

/// Odd, from the golden ratio: spreads the low bits of a product into the high ones.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const STEP: u64 = 0x0100_0000_01b3;

/// A hash that grows byte by byte.
#[derive(Debug, Clone, Copy)]
pub struct Rolling(u64);

impl Rolling {
    /// A hash in the name space `space`: equal text in two spaces gets two hashes.
    pub const fn new(space: u64) -> Self {
        Self((space ^ 0xcbf2_9ce4_8422_2325).wrapping_mul(SPREAD))
    }

    /// Takes in one byte.
    #[must_use]
    pub const fn with(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(STEP).rotate_left(23))
    }

    /// Takes in a number.
    #[must_use]
    pub const fn with_number(self, number: u64) -> Self {
        Self((self.0 ^ number).wrapping_mul(SPREAD).rotate_left(29))
    }

    /// Takes in all of `bytes`.
    #[must_use]
    pub fn with_all(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |hash, byte| hash.with(*byte))
    }

    /// The hash of what was taken in.
    pub const fn finish(self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(SPREAD);
        mixed ^ (mixed >> 29)
    }
}

/// Emits all n-grams of `text` with lengths in `lengths`; `first` and `last` bound the text.
pub fn ngrams(
    text: &[u8],
    bounds: [u8; 2],
    lengths: Range<usize>,
    space: u64,
    mut emit: impl FnMut(u64, Range<usize>),
) {
    let all = text.len().saturating_add(2);
    let byte = |at: usize| match at {
        0 => bounds[0],
        at => text.get(at.saturating_sub(1)).copied().unwrap_or(bounds[1]),
    };
    for start in 0..all {
        let mut hash = Rolling::new(space);
        let end = start.saturating_add(lengths.end).min(all.saturating_add(1));
        for (length, at) in (start..end.saturating_sub(1)).enumerate() {
            hash = hash.with(byte(at));
            if length.saturating_add(1) >= lengths.start {
                emit(hash.finish(), start.saturating_sub(1)..at.min(text.len()));
            }
        }
    }
}
