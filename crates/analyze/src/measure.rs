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
    pub(crate) slashes: f32,
    pub(crate) equals: f32,
    pub(crate) percents: f32,
    pub(crate) tildes: f32,
    /// All that is neither letter nor digit, hyphen nor dot.
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

/// How many classes there are.
const CLASSES_LEN: usize = 32;

/// The bits of every byte: looking up is cheaper than asking for each of them.
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
            _ => 0,
        };
        classes[byte as usize] = if byte.is_ascii_uppercase() { bits | UPPER } else { bits };
        if byte == u8::MAX {
            return classes;
        }
        byte = byte.wrapping_add(1);
    }
}

/// How many kinds of bytes are told apart, filled up to a power of two: the lanes step together.
const LANES: usize = 8;

/// The lanes of [`INSIDE`].
const DIGITS: usize = 0;
const CONSONANTS: usize = 1;
const VOWELS: usize = 2;
const HEXES: usize = 3;
const WORDS: usize = 4;
const UPPERS: usize = 5;

/// For every class, of which kinds a byte is: all bits where it is of one.
static INSIDE: [[i16; LANES]; CLASSES_LEN] = inside();

#[expect(clippy::indexing_slicing, reason = "runs while compiling; lanes and classes are known")]
const fn inside() -> [[i16; LANES]; CLASSES_LEN] {
    const fn all(is: bool) -> i16 {
        if is { -1 } else { 0 }
    }
    let mut inside = [[0; LANES]; CLASSES_LEN];
    let mut class = 0_u8;
    while (class as usize) < CLASSES_LEN {
        let lanes = &mut inside[class as usize];
        lanes[DIGITS] = all(class & DIGIT != 0);
        lanes[CONSONANTS] = all(class & (LETTER | VOWEL) == LETTER);
        lanes[VOWELS] = all(class & VOWEL != 0);
        lanes[HEXES] = all(class & HEX != 0);
        lanes[WORDS] = all(class & (LETTER | DIGIT) != 0);
        lanes[UPPERS] = all(class & UPPER != 0);
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
    switches: u16,
    /// How many bytes are of each kind.
    kinds: [i16; LANES],
    /// The longest run of each kind.
    runs: [i16; LANES],
}

impl Tally {
    fn of(text: &[u8]) -> Self {
        let mut seen = [0_u16; 128];
        let (mut low, mut high) = (0_u64, 0_u64);
        let mut switches = 0_u16;
        let [mut now, mut kinds, mut runs] = [[0_i16; LANES]; 3];
        let mut before = 0;
        for byte in text {
            let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
            let lower = byte.to_ascii_lowercase();
            if let Some(count) = seen.get_mut(usize::from(lower)) {
                *count = count.wrapping_add(1);
                let bit = 1_u64.wrapping_shl(u32::from(lower));
                let is_high = u64::from(lower >> 6).wrapping_neg();
                high |= bit & is_high;
                low |= bit & !is_high;
            }
            let is_switch = (class | before) & (LETTER | DIGIT) == LETTER | DIGIT;
            switches = switches.wrapping_add(u16::from(is_switch));
            before = class;
            let inside = INSIDE.get(usize::from(class)).unwrap_or(&[0; LANES]);
            for (now, inside) in now.iter_mut().zip(inside) {
                *now = now.wrapping_add(1) & inside;
            }
            for (longest, now) in runs.iter_mut().zip(&now) {
                *longest = (*longest).max(*now);
            }
            for (count, inside) in kinds.iter_mut().zip(inside) {
                // All bits are minus one.
                *count = count.wrapping_sub(*inside);
            }
        }
        Self { seen, present: [low, high], switches, kinds, runs }
    }

    fn run(&self, kind: usize) -> f32 {
        f32::from(self.runs.get(kind).copied().unwrap_or(0))
    }

    fn kind(&self, kind: usize) -> f32 {
        f32::from(self.kinds.get(kind).copied().unwrap_or(0))
    }

    fn seen(&self, byte: u8) -> f32 {
        f32::from(self.seen.get(usize::from(byte)).copied().unwrap_or(0))
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
            digits: tally.kind(DIGITS),
            letters: tally.kind(CONSONANTS) + tally.kind(VOWELS),
            upper: tally.kind(UPPERS),
            vowels: tally.kind(VOWELS),
            hyphens: tally.seen(b'-'),
            dots: tally.seen(b'.'),
            slashes: tally.seen(b'/'),
            equals: tally.seen(b'='),
            percents: tally.seen(b'%'),
            tildes: tally.seen(b'~'),
            switches: f32::from(tally.switches),
            digit_run: tally.run(DIGITS),
            consonant_run: tally.run(CONSONANTS),
            vowel_run: tally.run(VOWELS),
            hex_run: tally.run(HEXES),
            word_run: tally.run(WORDS),
            ..Self::default()
        };
        let others = counts.letters + counts.digits + counts.hyphens + counts.dots;
        counts.signs = counts.length - others;
        counts.add_variety(&tally);
        counts
    }

    /// What follows from how often each byte is there.
    fn add_variety(&mut self, tally: &Tally) {
        let [low, high] = tally.present;
        // Control signs count for nothing.
        let mut present = u128::from(high).wrapping_shl(64) | u128::from(low & !0xffff_ffff);
        self.distinct = f32::from(u8::try_from(present.count_ones()).unwrap_or(u8::MAX));
        let (mut logs, mut shown) = (0.0, 0_u16);
        while present > 0 {
            let byte = present.trailing_zeros() as usize % 128;
            present &= present.wrapping_sub(1);
            let count = tally.seen.get(byte).copied().unwrap_or(0);
            logs += count_log(count);
            shown = shown.wrapping_add(count);
        }
        // The sum over all bytes of -p log2(p), where p is count / length.
        let all = f32::from(shown) * self.length.log2();
        self.entropy = ((all - logs) / self.length).max(0.0);
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
        let signs = Counts::of(b"/~a//b%20?c=%2F&d=");
        assert_eq!((signs.slashes, signs.equals), (3.0, 2.0));
        assert_eq!((signs.percents, signs.tildes, signs.letters), (2.0, 1.0, 5.0));
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
