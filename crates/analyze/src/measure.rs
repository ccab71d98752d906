//! Figures of a piece of text: how long, how varied, how much like a word.

use std::sync::LazyLock;

/// Counts of a text's bytes by class.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) length: f32,
    pub(crate) digits: f32,
    pub(crate) letters: f32,
    pub(crate) upper: f32,
    pub(crate) vowels: f32,
    pub(crate) hyphens: f32,
    pub(crate) dots: f32,
    pub(crate) signs: f32,
    /// Changes between letter and digit.
    pub(crate) switches: f32,
    /// The longest runs, in bytes.
    pub(crate) digit_run: f32,
    pub(crate) consonant_run: f32,
    pub(crate) vowel_run: f32,
    pub(crate) hex_run: f32,
    pub(crate) word_run: f32,
    /// How many different bytes.
    pub(crate) distinct: f32,
    /// Bits a byte.
    pub(crate) entropy: f32,
}

/// What a byte is, as bits.
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const VOWEL: u8 = 4;
const UPPER: u8 = 8;
const HEX: u8 = 16;
const HYPHEN: u8 = 32;
const DOT: u8 = 64;

/// The bits of every byte: looking up is cheaper than asking seven times.
static CLASSES: [u8; 256] = classes();

#[expect(clippy::indexing_slicing, reason = "runs while compiling; a byte is below 256")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let lower = byte.to_ascii_lowercase();
        let bits = match lower {
            b'a' | b'e' => LETTER | VOWEL | HEX,
            b'i' | b'o' | b'u' => LETTER | VOWEL,
            b'b' | b'c' | b'd' | b'f' => LETTER | HEX,
            b'g'..=b'z' => LETTER,
            b'0'..=b'9' => DIGIT | HEX,
            b'-' => HYPHEN,
            b'.' => DOT,
            _ => 0,
        };
        classes[byte as usize] = if byte.is_ascii_uppercase() { bits | UPPER } else { bits };
        if byte == u8::MAX {
            return classes;
        }
        byte = byte.wrapping_add(1);
    }
}

/// How many kinds of runs are told apart, filled up to a power of two: the lanes step together.
const LANES: usize = 8;

/// The lanes of [`INSIDE`].
const DIGIT_RUN: usize = 0;
const CONSONANT_RUN: usize = 1;
const VOWEL_RUN: usize = 2;
const HEX_RUN: usize = 3;
const WORD_RUN: usize = 4;

/// For every class, which runs go on: all bits where one does.
static INSIDE: [[i16; LANES]; 128] = inside();

#[expect(clippy::indexing_slicing, reason = "runs while compiling; lanes and classes are known")]
const fn inside() -> [[i16; LANES]; 128] {
    const fn all(is: bool) -> i16 {
        if is { -1 } else { 0 }
    }
    let mut inside = [[0; LANES]; 128];
    let mut class = 0_u8;
    while class < 128 {
        let lanes = &mut inside[class as usize];
        lanes[DIGIT_RUN] = all(class & DIGIT != 0);
        lanes[CONSONANT_RUN] = all(class & (LETTER | VOWEL) == LETTER);
        lanes[VOWEL_RUN] = all(class & VOWEL != 0);
        lanes[HEX_RUN] = all(class & HEX != 0);
        lanes[WORD_RUN] = all(class & (LETTER | DIGIT) != 0);
        class = class.wrapping_add(1);
    }
    inside
}

/// The longest text that is measured; the rest is left aside. Counts fit 16 bits with a sign.
const BYTES_MAX: usize = 32_767;

/// What one pass over a text counts.
struct Tally {
    /// How often each byte is there, in lower case; those beyond ASCII are not told apart.
    seen: [u16; 128],
    /// A bit for each that is there.
    present: [u64; 2],
    upper: u16,
    switches: u16,
    runs: [i16; LANES],
}

impl Tally {
    fn of(text: &[u8]) -> Self {
        let mut tally =
            Self { seen: [0; 128], present: [0; 2], upper: 0, switches: 0, runs: [0; LANES] };
        let mut now = [0_i16; LANES];
        let mut before = 0;
        for byte in text {
            let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
            let lower = byte.to_ascii_lowercase();
            if let Some(count) = tally.seen.get_mut(usize::from(lower)) {
                *count = count.wrapping_add(1);
            }
            if let Some(bits) = tally.present.get_mut(usize::from(lower >> 6)) {
                *bits |= 1_u64.wrapping_shl(u32::from(lower));
            }
            tally.upper = tally.upper.wrapping_add(u16::from(class & UPPER != 0));
            let is_switch = (class | before) & (LETTER | DIGIT) == LETTER | DIGIT;
            tally.switches = tally.switches.wrapping_add(u16::from(is_switch));
            before = class;
            let inside = INSIDE.get(usize::from(class)).unwrap_or(&[0; LANES]);
            for ((now, longest), inside) in now.iter_mut().zip(&mut tally.runs).zip(inside) {
                *now = now.wrapping_add(1) & inside;
                *longest = (*longest).max(*now);
            }
        }
        tally
    }

    fn run(&self, lane: usize) -> f32 {
        f32::from(self.runs.get(lane).copied().unwrap_or(0))
    }
}

/// `count * log2(count)` of small counts, which nearly all are.
static COUNT_LOG: LazyLock<[f32; 64]> =
    LazyLock::new(|| std::array::from_fn(|count| count_log_of(u16::try_from(count).unwrap_or(0))));

fn count_log_of(count: u16) -> f32 {
    let count = f32::from(count.max(1));
    count * count.log2()
}

fn count_log(count: u16) -> f32 {
    COUNT_LOG.get(usize::from(count)).copied().unwrap_or_else(|| count_log_of(count))
}

impl Counts {
    pub(crate) fn of(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let text = text.get(..BYTES_MAX).unwrap_or(text);
        let tally = Tally::of(text);
        let mut counts = Self {
            length: f32::from(u16::try_from(text.len()).unwrap_or(u16::MAX)),
            upper: f32::from(tally.upper),
            switches: f32::from(tally.switches),
            digit_run: tally.run(DIGIT_RUN),
            consonant_run: tally.run(CONSONANT_RUN),
            vowel_run: tally.run(VOWEL_RUN),
            hex_run: tally.run(HEX_RUN),
            word_run: tally.run(WORD_RUN),
            ..Self::default()
        };
        let [low, high] = tally.present;
        // Control signs count for nothing.
        let present = u128::from(high).wrapping_shl(64) | u128::from(low & !0xffff_ffff);
        counts.add_seen(&tally.seen, present);
        counts
    }

    /// What follows from how often each byte is there.
    fn add_seen(&mut self, seen: &[u16; 128], mut present: u128) {
        let mut logs = 0.0;
        let mut shown = 0.0;
        while present > 0 {
            let byte = present.trailing_zeros() as usize % 128;
            present &= present.wrapping_sub(1);
            let count = seen.get(byte).copied().unwrap_or(0);
            let class = CLASSES.get(byte).copied().unwrap_or(0);
            self.distinct += 1.0;
            logs += count_log(count);
            let (count, has) = (f32::from(count), |bit: u8| f32::from(u8::from(class & bit != 0)));
            shown += count;
            self.letters += count * has(LETTER);
            self.digits += count * has(DIGIT);
            self.vowels += count * has(VOWEL);
            self.hyphens += count * has(HYPHEN);
            self.dots += count * has(DOT);
        }
        self.signs = self.length - self.letters - self.digits - self.hyphens - self.dots;
        // The sum over all bytes of -p log2(p), where p is count / length.
        self.entropy = ((shown * self.length.log2() - logs) / self.length).max(0.0);
    }

    /// `part` in proportion to the length.
    pub(crate) fn share(&self, part: f32) -> f32 {
        if self.length > 0.0 { part / self.length } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_a_reader() {
        let counts = Counts::of(b"Login-4477ab.eXample");
        assert_eq!((counts.length, counts.letters, counts.digits), (20.0, 14.0, 4.0));
        assert_eq!((counts.upper, counts.vowels, counts.signs), (2.0, 6.0, 0.0));
        assert_eq!((counts.hyphens, counts.dots, counts.switches), (1.0, 1.0, 1.0));
        assert_eq!((counts.digit_run, counts.hex_run, counts.word_run), (4.0, 6.0, 7.0));
        assert_eq!((counts.consonant_run, counts.vowel_run), (3.0, 1.0));
        assert_eq!(Counts::of(b"\x01\xff~").signs, 3.0);
        assert_eq!(Counts::of(&[b'1'; 40_000]).digit_run, 32_767.0);
    }

    #[test]
    fn entropy_is_in_bits_a_byte() {
        assert_eq!(Counts::of(b"aAaA").entropy, 0.0);
        assert!((Counts::of(b"abcdabcd").entropy - 2.0).abs() < 1e-5);
        let text: Vec<u8> = (0..300).map(|at| if at % 3 == 0 { b'x' } else { b'y' }).collect();
        let entropy =
            -(1.0 / 3.0_f32 * (1.0 / 3.0_f32).log2() + 2.0 / 3.0 * (2.0 / 3.0_f32).log2());
        assert!((Counts::of(&text).entropy - entropy).abs() < 1e-4);
    }
}
