//! Pieces of text as numbers: rolling hashes of n-grams and words, each in a group of its own.

use std::ops::Range;

/// How many groups of pieces a model sums apart.
pub(crate) const GROUPS: usize = 5;

/// How many kinds of pieces a group may have, which networks read apart.
pub(crate) const KINDS: usize = 3;

/// The keys of a subject's pieces by group and kind.
pub(crate) type Keys = [[Vec<u32>; KINDS]; GROUPS];

/// One piece of a subject.
#[derive(Debug, Clone)]
pub(crate) struct Gram {
    /// Which group it is summed in, below [`GROUPS`].
    pub(crate) group: usize,
    /// Of an n-gram of a URL how much longer it is than the shortest, below [`KINDS`]; 0 of all others.
    pub(crate) kind: usize,
    /// Its hash; the top bits are its place in the table of weights.
    pub(crate) hash: u64,
    /// Where in the subject's text it stands.
    pub(crate) at: Range<usize>,
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

/// Emits all n-grams of `text` with `SHORTEST` to `LONGEST` bytes; `first` and `last` bound the text.
///
/// Of those that start at one place the shorter come first, which [`Placing`] counts on.
#[inline]
pub(crate) fn ngrams<const SHORTEST: usize, const LONGEST: usize>(
    text: &[u8],
    [first, last]: [u8; 2],
    space: u64,
    mut emit: impl FnMut(usize, u64, Range<usize>),
) {
    let fresh = Rolling::new(space);
    // Those that start with the bound before the text.
    emit_from::<SHORTEST, LONGEST>(text, fresh.with(first), 1, 0, last, &mut emit);
    // Where as many bytes are left as the longest has, the loop is of a fixed length, and is unrolled.
    for (from, all) in text.array_windows::<LONGEST>().enumerate() {
        let (mut hash, mut to) = (fresh, from);
        for (length, byte) in (1..=LONGEST).zip(all) {
            hash = hash.with(*byte);
            to = to.wrapping_add(1);
            if length >= SHORTEST {
                emit(length, hash.finish(), from..to);
            }
        }
    }
    for from in text.len().saturating_sub(LONGEST.saturating_sub(1))..=text.len() {
        let rest = text.get(from..).unwrap_or_default();
        emit_from::<SHORTEST, LONGEST>(rest, fresh, 0, from, last, &mut emit);
    }
}

/// Emits what grows from `hash`, which has taken in `length` bytes, along `rest`.
#[inline(always)]
fn emit_from<const SHORTEST: usize, const LONGEST: usize>(
    rest: &[u8],
    mut hash: Rolling,
    mut length: usize,
    from: usize,
    last: u8,
    emit: &mut impl FnMut(usize, u64, Range<usize>),
) {
    let mut to = from;
    if length >= SHORTEST {
        emit(length, hash.finish(), from..to);
    }
    let mut bytes = rest.iter();
    while length < LONGEST {
        length = length.wrapping_add(1);
        let Some(byte) = bytes.next() else {
            if length >= SHORTEST {
                emit(length, hash.with(last).finish(), from..to);
            }
            return;
        };
        hash = hash.with(*byte);
        to = to.wrapping_add(1);
        if length >= SHORTEST {
            emit(length, hash.finish(), from..to);
        }
    }
}

/// Places n-grams so that few lines of the table of weights are read for one text: what an n-gram
/// costs is the wait for its line.
///
/// Short ones are few, and share an eighth of the table, which stays in the nearest caches. Those
/// longer than four stand near the one of four that they begin with.
#[derive(Debug, Default)]
pub(crate) struct Placing {
    of_four: u64,
}

impl Placing {
    /// The bits of a hash that say where in a table of 2^20 places a line of 64 weights is. In a table
    /// of 2^22 they say where four lines are: with 16 bits, which say one, a little less is found.
    const LINE_BITS: u32 = 14;

    /// The hash by which an n-gram of `length` with `hash` is placed, in the order of [`ngrams`].
    #[inline]
    pub(crate) const fn place(&mut self, length: usize, hash: u64) -> u64 {
        match length {
            0..=3 => hash >> 3,
            4 => {
                self.of_four = hash;
                hash
            }
            _ => self.of_four & !(u64::MAX >> Self::LINE_BITS) | hash >> Self::LINE_BITS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The n-grams of the text with its bounds, spelled out.
    fn expected(text: &[u8], lengths: Range<usize>) -> Vec<u64> {
        let mut bounded = vec![b'^'];
        bounded.extend(text);
        bounded.push(b'$');
        let mut all = Vec::new();
        for start in 0..bounded.len() {
            for length in lengths.clone() {
                if let Some(gram) = bounded.get(start..start + length) {
                    all.push(Rolling::new(7).with_all(gram).finish());
                }
            }
        }
        all
    }

    #[test]
    fn ngrams_are_all_pieces_of_the_bounded_text() {
        fn check<const SHORTEST: usize, const LONGEST: usize>(text: &[u8]) {
            let mut found = Vec::new();
            ngrams::<SHORTEST, LONGEST>(text, *b"^$", 7, |length, hash, at| {
                let own = Rolling::new(7).with_all(&text[at.clone()]);
                let first = Rolling::new(7).with(b'^').with_all(&text[at.clone()]);
                let stands_there = match length - at.len() {
                    0 => hash == own.finish(),
                    1 => {
                        at.start == 0 && hash == first.finish()
                            || at.end == text.len() && hash == own.with(b'$').finish()
                    }
                    _ => at == (0..text.len()) && hash == first.with(b'$').finish(),
                };
                assert!(stands_there, "{length} at {at:?}");
                found.push(hash);
            });
            assert_eq!(found, expected(text, SHORTEST..LONGEST + 1), "{text:?} {SHORTEST}");
        }
        for text in [&b""[..], b"a", b"ab", b"abcd", b"abcde", b"abcdef", b"abcdefgh"] {
            check::<1, 5>(text);
            check::<3, 5>(text);
            check::<2, 4>(text);
            check::<1, 3>(text);
            check::<3, 3>(text);
            check::<5, 5>(text);
        }
    }

    #[test]
    fn long_ngrams_stand_near_the_four_that_they_begin_with() {
        let mut placing = Placing::default();
        let mut lines = Vec::new();
        ngrams::<3, 5>(b"abcdefgh", *b"^$", 7, |length, hash, _| {
            let place = crate::table::place(placing.place(length, hash), 20);
            match length {
                3 => assert!(place < 1 << 17, "an eighth of the table"),
                _ => lines.push((length, place / 64, place)),
            }
        });
        let pairs: Vec<_> = lines.windows(2).filter(|two| two[1].0 == 5).collect();
        assert_eq!(pairs.len(), 6);
        assert!(pairs.iter().all(|two| two[0].0 == 4 && two[0].1 == two[1].1));
        assert!(pairs.iter().any(|two| two[0].2 != two[1].2), "each has a place of its own");
    }
}
