//! SHA-256 of many short texts at once.
//!
//! A processor without instructions for SHA-256 takes as long for one text as for eight in the
//! lanes of its vectors: a word of each text is a lane, and all go through the rounds together
//! (FIPS 180-4). A processor that has such instructions is faster with one text after the other.

use crate::Key;
use fearless_simd::{Level, Simd, SimdBase as _, dispatch, u32x8};
use smallvec::SmallVec;
use std::sync::LazyLock;

/// Texts that are hashed together.
const LANES: usize = 8;

/// So many texts are worth the rounds of eight.
const LANES_MIN: usize = 2;

/// Bytes of a block.
const BLOCK: usize = 64;

/// Bytes at the end of the last block, for the length of the text in bits.
const LENGTH_BYTES: usize = 8;

/// One word of each text.
type Lane8 = [u32; LANES];

/// A text to be hashed, as it is or with a slash behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashed<'a> {
    text: &'a str,
    slash: bool,
}

impl<'a> Hashed<'a> {
    /// An [`Expression`](crate::Expression) as it is.
    pub const fn expression(text: &'a str) -> Self {
        Self { text, slash: false }
    }

    /// A name, whose expression has a slash behind it: see [`domain_key`](crate::domain_key).
    pub const fn name(text: &'a str) -> Self {
        Self { text, slash: true }
    }

    /// The text without the slash.
    pub const fn text(self) -> &'a str {
        self.text
    }

    /// Whether it is a name, and no expression.
    pub const fn is_name(self) -> bool {
        self.slash
    }

    const fn len(self) -> usize {
        self.text.len() + self.slash as usize
    }

    fn blocks(self) -> usize {
        (self.len() + 1 + LENGTH_BYTES).div_ceil(BLOCK)
    }

    /// Block number `number` of the text with its padding; zeros beyond the last.
    fn block(self, number: usize) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let begin = number * BLOCK;
        let rest = self.text.as_bytes().get(begin..).unwrap_or_default();
        let taken = rest.len().min(BLOCK);
        if let (Some(to), Some(from)) = (block.get_mut(..taken), rest.get(..taken)) {
            to.copy_from_slice(from);
        }
        let mut put = |at: usize, byte| {
            if let Some(place) = at.checked_sub(begin).and_then(|at| block.get_mut(at)) {
                *place = byte;
            }
        };
        if self.slash {
            put(self.text.len(), b'/');
        }
        put(self.len(), 0x80);
        if number + 1 == self.blocks()
            && let Some(place) = block.last_chunk_mut::<LENGTH_BYTES>()
        {
            *place = (self.len() as u64 * 8).to_be_bytes();
        }
        block
    }

    /// Its key alone.
    pub fn key(self) -> Key {
        if self.slash { crate::domain_key(self.text) } else { Key::digest(self.text.as_bytes()) }
    }
}

/// The keys of texts, in their order.
pub fn digest_all<'a>(texts: impl IntoIterator<Item = Hashed<'a>>, keys: &mut impl Extend<Key>) {
    let mut texts = texts.into_iter();
    let Some(level) = *LEVEL else {
        return keys.extend(texts.map(Hashed::key));
    };
    loop {
        let group: SmallVec<[Hashed<'_>; LANES]> = texts.by_ref().take(LANES).collect();
        if group.len() < LANES_MIN {
            return keys.extend(group.into_iter().map(Hashed::key));
        }
        keys.extend(together(level, &group).into_iter().take(group.len()));
    }
}

/// The vectors to hash with; none where one text after the other is faster.
static LEVEL: LazyLock<Option<Level>> = LazyLock::new(|| {
    let level = Level::new();
    (has_wide_vectors(level) && !hashes_itself()).then_some(level)
});

#[cfg(target_arch = "x86_64")]
fn has_wide_vectors(level: Level) -> bool {
    level.as_avx2().is_some()
}

#[cfg(not(target_arch = "x86_64"))]
fn has_wide_vectors(_: Level) -> bool {
    false
}

/// Whether the processor has instructions for SHA-256.
#[cfg(target_arch = "x86_64")]
fn hashes_itself() -> bool {
    std::arch::is_x86_feature_detected!("sha")
}

#[cfg(not(target_arch = "x86_64"))]
fn hashes_itself() -> bool {
    true
}

/// Up to eight texts at once; lanes without a text give a key of nothing.
fn together(level: Level, texts: &[Hashed<'_>]) -> [Key; LANES] {
    let mut state = START.map(|word| [word; LANES]);
    let most = texts.iter().map(|text| text.blocks()).max().unwrap_or(0);
    for number in 0..most {
        let words = words(texts, number);
        let before = state;
        dispatch!(level, simd => compress(simd, &mut state, &words));
        // A lane whose text has ended keeps its state.
        for (lane, _) in texts.iter().enumerate().filter(|(_, text)| text.blocks() <= number) {
            for (now, then) in state.iter_mut().zip(&before) {
                if let (Some(now), Some(then)) = (now.get_mut(lane), then.get(lane)) {
                    *now = *then;
                }
            }
        }
    }
    std::array::from_fn(|lane| {
        let mut key = [0; 32];
        let (places, _) = key.as_chunks_mut::<4>();
        for (place, word) in places.iter_mut().zip(&state) {
            *place = word.get(lane).copied().unwrap_or(0).to_be_bytes();
        }
        Key(key)
    })
}

/// The words of one block of each text.
fn words(texts: &[Hashed<'_>], number: usize) -> [Lane8; 16] {
    let mut words = [[0; LANES]; 16];
    for (lane, text) in texts.iter().enumerate() {
        let block = text.block(number);
        let (of_text, _) = block.as_chunks::<4>();
        for (word, bytes) in words.iter_mut().zip(of_text) {
            if let Some(place) = word.get_mut(lane) {
                *place = u32::from_be_bytes(*bytes);
            }
        }
    }
    words
}

/// One block of each lane (FIPS 180-4, section 6.2.2).
#[inline(always)]
fn compress<S: Simd>(simd: S, state: &mut [Lane8; 8], words: &[Lane8; 16]) {
    let load = |words: &Lane8| u32x8::from_slice(simd, words);
    let mut w: [u32x8<S>; 16] = std::array::from_fn(|at| load(&words[at]));
    let mut s: [u32x8<S>; 8] = std::array::from_fn(|at| load(&state[at]));
    let (sixteens, _) = CONSTANTS.as_chunks::<16>();
    // Written out by macros: as loops over numbers they take twice as many instructions.
    for (sixteen, constants) in sixteens.iter().enumerate() {
        macro_rules! schedule {
            ($($at:literal)*) => {$(
                w[$at] = next(w[$at], w[($at + 1) % 16], w[($at + 9) % 16], w[($at + 14) % 16]);
            )*};
        }
        macro_rules! rounds {
            ($($at:literal)*) => {$(
                s = round(s, w[$at] + u32x8::splat(simd, constants[$at]));
            )*};
        }
        if sixteen > 0 {
            schedule!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        }
        rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    for (place, after) in state.iter_mut().zip(s) {
        let sum = load(place) + after;
        sum.store_slice(place);
    }
}

#[inline(always)]
fn round<S: Simd>(
    [a, b, c, d, e, f, g, h]: [u32x8<S>; 8],
    constant_and_word: u32x8<S>,
) -> [u32x8<S>; 8] {
    let choice = ((f ^ g) & e) ^ g;
    let majority = (a & b) | (c & (a | b));
    let one = h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + choice + constant_and_word;
    let two = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + majority;
    [one + two, a, b, c, d + one, e, f, g]
}

/// The word sixteen after `word`.
#[inline(always)]
fn next<S: Simd>(
    word: u32x8<S>,
    one_on: u32x8<S>,
    nine_on: u32x8<S>,
    fourteen_on: u32x8<S>,
) -> u32x8<S> {
    let low = right(one_on, 7) ^ right(one_on, 18) ^ (one_on >> 3);
    let high = right(fourteen_on, 17) ^ right(fourteen_on, 19) ^ (fourteen_on >> 10);
    word + low + nine_on + high
}

/// Rotates each word to the right.
#[inline(always)]
fn right<S: Simd>(words: u32x8<S>, bits: u32) -> u32x8<S> {
    (words >> bits) | (words << (32 - bits))
}

/// Fractions of the square roots of the first eight primes.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Fractions of the cube roots of the first 64 primes.
#[rustfmt::skip]
const CONSTANTS: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every way that this processor offers, whichever is the fastest here.
    fn check(texts: &[(String, bool)]) {
        let hashed: Vec<Hashed<'_>> =
            texts.iter().map(|(text, slash)| Hashed { text, slash: *slash }).collect();
        let plain = |(text, slash): &(String, bool)| {
            Key::digest(format!("{text}{}", if *slash { "/" } else { "" }).as_bytes())
        };
        let expected: Vec<Key> = texts.iter().map(plain).collect();
        let mut keys = Vec::new();
        digest_all(hashed.iter().copied(), &mut keys);
        assert_eq!(keys, expected);
        for level in [Level::new(), Level::baseline()] {
            let groups = hashed.chunks(LANES);
            let lanes =
                groups.flat_map(|group| together(level, group).into_iter().take(group.len()));
            assert_eq!(lanes.collect::<Vec<_>>(), expected, "{level:?}");
        }
    }

    #[test]
    fn every_length_around_a_block() {
        let texts: Vec<_> = (0..200).map(|length| ("x".repeat(length), length % 3 == 0)).collect();
        check(&texts);
        check(&[]);
    }

    proptest! {
        #[test]
        fn lanes_give_what_one_after_the_other_gives(
            texts in proptest::collection::vec((".{0,150}", any::<bool>()), 0..40)
        ) {
            check(&texts);
        }
    }
}
