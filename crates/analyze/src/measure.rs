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

#[derive(Debug, Default, Clone, Copy)]
struct Run {
    now: u16,
    longest: u16,
}

impl Run {
    fn step(&mut self, inside: bool) {
        self.now = if inside { self.now.saturating_add(1) } else { 0 };
        self.longest = self.longest.max(self.now);
    }
}

impl Counts {
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut counts = Self::default();
        let mut seen = [0_u16; 256];
        let [mut digit, mut consonant, mut vowel, mut hex, mut word] = [Run::default(); 5];
        let mut before = b'.';
        for byte in text {
            let lower = byte.to_ascii_lowercase();
            let is_vowel = matches!(lower, b'a' | b'e' | b'i' | b'o' | b'u');
            let is_letter = lower.is_ascii_lowercase();
            let is_digit = lower.is_ascii_digit();
            counts.letters += f32::from(u8::from(is_letter));
            counts.digits += f32::from(u8::from(is_digit));
            counts.vowels += f32::from(u8::from(is_vowel));
            counts.upper += f32::from(u8::from(byte.is_ascii_uppercase()));
            counts.hyphens += f32::from(u8::from(lower == b'-'));
            counts.dots += f32::from(u8::from(lower == b'.'));
            let switched =
                (is_digit && before.is_ascii_lowercase()) || (is_letter && before.is_ascii_digit());
            counts.switches += f32::from(u8::from(switched));
            digit.step(is_digit);
            consonant.step(is_letter && !is_vowel);
            vowel.step(is_vowel);
            hex.step(is_digit || matches!(lower, b'a'..=b'f'));
            word.step(is_digit || is_letter);
            if let Some(count) = seen.get_mut(usize::from(lower)) {
                *count = count.saturating_add(1);
            }
            before = lower;
        }
        counts.finish(text.len(), &seen, [digit, consonant, vowel, hex, word])
    }

    fn finish(mut self, length: usize, seen: &[u16; 256], runs: [Run; 5]) -> Self {
        self.length = f32::from(u16::try_from(length).unwrap_or(u16::MAX));
        self.signs = self.length - self.letters - self.digits - self.hyphens - self.dots;
        let [digit, consonant, vowel, hex, word] = runs.map(|run| f32::from(run.longest));
        self.digit_run = digit;
        self.consonant_run = consonant;
        self.vowel_run = vowel;
        self.hex_run = hex;
        self.word_run = word;
        for count in seen.get(32..128).unwrap_or_default().iter().filter(|count| **count > 0) {
            let share = f32::from(*count) / self.length;
            self.distinct += 1.0;
            self.entropy -= share * share.log2();
        }
        self
    }

    /// `part` in proportion to the length.
    pub(crate) fn share(&self, part: f32) -> f32 {
        if self.length > 0.0 { part / self.length } else { 0.0 }
    }
}
