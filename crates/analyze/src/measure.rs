//! Figures of a piece of text: how long, how varied, how much like a word.

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

#[derive(Debug, Default, Clone, Copy)]
struct Run {
    now: u16,
    longest: u16,
}

impl Run {
    fn step(&mut self, inside: bool) {
        self.now = self.now.wrapping_add(1).wrapping_mul(u16::from(inside));
        self.longest = self.longest.max(self.now);
    }
}

/// Counts in whole numbers: texts have at most 65,535 bytes, the rest is left aside.
#[derive(Debug, Default)]
struct Tally {
    digits: u16,
    letters: u16,
    upper: u16,
    vowels: u16,
    hyphens: u16,
    dots: u16,
    switches: u16,
    digit: Run,
    consonant: Run,
    vowel: Run,
    hex: Run,
    word: Run,
}

impl Tally {
    fn add(&mut self, class: u8, before: u8) {
        let has = |bit: u8| class & bit != 0;
        let one = |is: bool| u16::from(is);
        self.letters = self.letters.wrapping_add(one(has(LETTER)));
        self.digits = self.digits.wrapping_add(one(has(DIGIT)));
        self.vowels = self.vowels.wrapping_add(one(has(VOWEL)));
        self.upper = self.upper.wrapping_add(one(has(UPPER)));
        self.hyphens = self.hyphens.wrapping_add(one(has(HYPHEN)));
        self.dots = self.dots.wrapping_add(one(has(DOT)));
        let pair = (class | before) & (LETTER | DIGIT);
        let is_switch = pair == LETTER | DIGIT;
        self.switches = self.switches.wrapping_add(one(is_switch));
        self.digit.step(has(DIGIT));
        self.consonant.step(class & (LETTER | VOWEL) == LETTER);
        self.vowel.step(has(VOWEL));
        self.hex.step(has(HEX));
        self.word.step(has(LETTER | DIGIT));
    }
}

impl Counts {
    pub(crate) fn of(text: &[u8]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let text = text.get(..usize::from(u16::MAX)).unwrap_or(text);
        let mut tally = Tally::default();
        let mut seen = [0_u16; 128];
        let mut before = 0;
        let mut present = 0_u128;
        for byte in text {
            let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
            tally.add(class, before);
            let lower = byte.to_ascii_lowercase();
            if let Some(count) = seen.get_mut(usize::from(lower)) {
                *count = count.wrapping_add(1);
                present |= 1_u128.wrapping_shl(u32::from(lower));
            }
            before = class;
        }
        // Control signs count for nothing.
        present &= !0xffff_ffff;
        Self::new(text.len(), &tally, &seen, present)
    }

    /// `present` has a bit for each byte from a blank on that is counted in `seen`.
    fn new(length: usize, tally: &Tally, seen: &[u16; 128], mut present: u128) -> Self {
        let length = f32::from(u16::try_from(length).unwrap_or(u16::MAX));
        let mut counts = Self {
            length,
            digits: f32::from(tally.digits),
            letters: f32::from(tally.letters),
            upper: f32::from(tally.upper),
            vowels: f32::from(tally.vowels),
            hyphens: f32::from(tally.hyphens),
            dots: f32::from(tally.dots),
            signs: 0.0,
            switches: f32::from(tally.switches),
            digit_run: f32::from(tally.digit.longest),
            consonant_run: f32::from(tally.consonant.longest),
            vowel_run: f32::from(tally.vowel.longest),
            hex_run: f32::from(tally.hex.longest),
            word_run: f32::from(tally.word.longest),
            distinct: 0.0,
            entropy: 0.0,
        };
        counts.signs = length - counts.letters - counts.digits - counts.hyphens - counts.dots;
        // Only the bytes that are there, in their order.
        while present > 0 {
            let byte = present.trailing_zeros();
            present &= present.wrapping_sub(1);
            let count = usize::try_from(byte).ok().and_then(|byte| seen.get(byte));
            let share = f32::from(count.copied().unwrap_or(0)) / length;
            counts.distinct += 1.0;
            counts.entropy -= share * share.log2();
        }
        counts
    }

    /// `part` in proportion to the length.
    pub(crate) fn share(&self, part: f32) -> f32 {
        if self.length > 0.0 { part / self.length } else { 0.0 }
    }
}
