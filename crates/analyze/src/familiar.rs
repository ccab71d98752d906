//! How familiar a name sounds: what follows what in names that people chose.
//!
//! A generator that nobody has seen shares no pieces with those that somebody has; what it does share
//! with them is that its names do not sound like names. So three small tables remember names that
//! people chose: how surprising each sign is behind one or two others, how surprising it is behind
//! three, and how often runs of five were heard. A fourth remembers under which suffixes they stand.

mod learned;
mod stream;

use crate::gram::Rolling;
use crate::url::Spelling;
use stream::{Signs, five, four, three};

/// How many figures familiarity has.
pub(crate) const FAMILIAR: usize = WHOLE + FIRST + SUFFIX;

const WHOLE: usize = 12;
const FIRST: usize = 4;
const SUFFIX: usize = 3;

/// Their names, and what they say in plain words.
pub(crate) const NAMES: [(&str, &str); FAMILIAR] = [
    ("familiar.letters", "letters that names seldom have"),
    ("familiar.3", "how familiar the name sounds"),
    ("familiar.3.total", "how familiar the name sounds"),
    ("familiar.3.rarest", "an unheard-of combination of letters"),
    ("familiar.3.rare", "unheard-of combinations of letters"),
    ("familiar.4", "how familiar the name sounds"),
    ("familiar.4.unknown", "unheard-of combinations of letters"),
    ("familiar.4.run", "the longest stretch that sounds familiar"),
    ("familiar.5", "how familiar the name sounds"),
    ("familiar.5.unknown", "unheard-of combinations of letters"),
    ("familiar.5.covered", "how much of the name is made of known words"),
    ("familiar.5.common", "how much of the name is made of common words"),
    ("first.3", "how familiar the subdomain sounds"),
    ("first.3.rarest", "an unheard-of combination of letters in the subdomain"),
    ("first.4.unknown", "unheard-of combinations of letters in the subdomain"),
    ("first.5.covered", "how much of the subdomain is made of known words"),
    ("suffix.heard", "how common the suffix is"),
    ("suffix.top", "how common the top-level domain is"),
    ("suffix.lent", "how many names people have under this provider's"),
];

/// What was heard of names that people chose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FamiliarTable {
    bits: u32,
    /// Surprise of a sign behind two others: [`THREES`] codes.
    threes: Vec<u8>,
    /// Surprise of a sign behind three others, by hash; 0 where it was never heard.
    fours: Vec<u8>,
    /// How often runs of five were heard, by hash, as twice the logarithm to base 2.
    fives: Vec<u8>,
    /// How often suffixes were heard, by hash, in the same way.
    suffixes: Vec<u8>,
}

/// How many signs are told apart: letters, digits, all others, and the end of a name.
const SIGNS: usize = 38;

/// How many codes the table of threes has.
const THREES: usize = SIGNS * SIGNS * SIGNS;

/// The table of suffixes has 2 to the power of this many places.
const SUFFIX_BITS: u32 = 16;

/// Codes of surprise a bit.
const STEPS: f32 = 16.0;

/// Surprise, in codes, that counts as rare: eight bits.
const RARE: u8 = 128;

/// The code of a sign that was never heard behind three others.
const UNKNOWN: u8 = 200;

/// Codes of fives from which on they are part of a known word, and of a common one.
const KNOWN: u8 = 5;
const COMMON: u8 = 9;

/// The most bytes of a name that are listened to.
const NAME_BYTES_MAX: usize = 64;

impl FamiliarTable {
    /// A table that has heard nothing.
    pub(crate) fn empty(bits: u32) -> Self {
        let places = 1_usize.checked_shl(bits).unwrap_or(1);
        let suffixes = vec![0; 1_usize << SUFFIX_BITS];
        let (fours, fives) = (vec![0; places], vec![0; places]);
        Self { bits, threes: vec![0; THREES], fours, fives, suffixes }
    }

    /// How many codes a table of `bits` has.
    pub(crate) fn codes_len(bits: u32) -> usize {
        let places = 1_usize.checked_shl(bits).unwrap_or(1);
        places.saturating_mul(2).saturating_add(THREES).saturating_add(1_usize << SUFFIX_BITS)
    }

    /// A table as a file has it. `None` unless there are [`codes_len`](Self::codes_len) codes.
    pub(crate) fn from_codes(bits: u32, codes: &[u8]) -> Option<Self> {
        if codes.len() != Self::codes_len(bits) {
            return None;
        }
        let places = 1_usize.checked_shl(bits)?;
        let (threes, rest) = codes.split_at_checked(THREES)?;
        let (fours, rest) = rest.split_at_checked(places)?;
        let (fives, suffixes) = rest.split_at_checked(places)?;
        let [threes, fours, fives, suffixes] = [threes, fours, fives, suffixes].map(<[u8]>::to_vec);
        Some(Self { bits, threes, fours, fives, suffixes })
    }

    pub(crate) const fn bits(&self) -> u32 {
        self.bits
    }

    /// All codes, as a file has them.
    pub(crate) fn codes(&self) -> [&[u8]; 4] {
        [&self.threes, &self.fours, &self.fives, &self.suffixes]
    }

    /// Writes the figures of `host`, in the order of [`NAMES`].
    pub(crate) fn measure(&self, host: &Spelling, out: &mut Vec<f32>) {
        let whole = self.listen(host.label());
        out.extend([whole.letters, whole.three, whole.three_total, whole.three_rarest]);
        out.extend([whole.three_rare, whole.four, whole.four_unknown, whole.four_run]);
        out.extend([whole.five, whole.five_unknown, whole.five_covered, whole.five_common]);
        let first = host.subdomain().split(|b| *b == b'.').next().unwrap_or_default();
        if first.is_empty() {
            out.extend([0.0; FIRST]);
        } else {
            let first = self.listen(first);
            out.extend([first.three, first.three_rarest, first.four_unknown, first.five_covered]);
        }
        let suffix = host.suffix();
        let top = suffix.rsplit(|b| *b == b'.').next().unwrap_or_default();
        out.extend([
            self.suffix(suffix, 1),
            self.suffix(top, 2),
            self.suffix(host.registered(), 3),
        ]);
    }

    fn suffix(&self, suffix: &[u8], space: u64) -> f32 {
        f32::from(self.suffixes.get(suffix_place(suffix, space)).copied().unwrap_or(0))
    }

    fn three(&self, signs: u32) -> u8 {
        self.threes.get(three(signs)).copied().unwrap_or(u8::MAX)
    }

    /// What a name sounds like.
    fn listen(&self, name: &[u8]) -> Heard {
        let mut tally = Tally::default();
        let mut count = 0.0_f32;
        for signs in Signs::new(name) {
            count += 1.0;
            let code = self.three(signs);
            tally.three(code);
            let heard = self.fours.get(four(signs, self.bits)).copied().unwrap_or(0);
            tally.four(heard);
            tally.letters += f32::from(self.letter(signs));
            if count >= 3.0 {
                let heard = self.fives.get(five(signs, self.bits)).copied().unwrap_or(0);
                tally.five(heard);
            }
        }
        tally.heard(count)
    }

    /// How surprising the last of `signs` is on its own, which the front of the table tells: no sign
    /// stands behind two ends.
    fn letter(&self, signs: u32) -> u8 {
        self.threes.get(stream::last(signs)).copied().unwrap_or(u8::MAX)
    }
}

fn suffix_place(suffix: &[u8], space: u64) -> usize {
    crate::table::place(Rolling::new(space).with_all(suffix).finish(), SUFFIX_BITS)
}

/// Figures of one name.
#[derive(Debug, Default)]
struct Heard {
    letters: f32,
    three: f32,
    three_total: f32,
    three_rarest: f32,
    three_rare: f32,
    four: f32,
    four_unknown: f32,
    four_run: f32,
    five: f32,
    five_unknown: f32,
    five_covered: f32,
    five_common: f32,
}

#[derive(Debug, Default)]
struct Tally {
    letters: f32,
    three: f32,
    rarest: u8,
    rare: f32,
    four: f32,
    four_unknown: f32,
    run: f32,
    run_longest: f32,
    five: f32,
    fives: f32,
    five_unknown: f32,
    /// How many more signs a known run of five covers, and a common one.
    known_left: u8,
    common_left: u8,
    covered: f32,
    common: f32,
}

impl Tally {
    fn three(&mut self, code: u8) {
        self.three += f32::from(code);
        self.rarest = self.rarest.max(code);
        self.rare += f32::from(u8::from(code >= RARE));
    }

    fn four(&mut self, heard: u8) {
        let is_unknown = heard == 0;
        self.four += f32::from(if is_unknown { UNKNOWN } else { heard });
        self.four_unknown += f32::from(u8::from(is_unknown));
        self.run = if is_unknown || heard >= RARE { 0.0 } else { self.run + 1.0 };
        self.run_longest = self.run_longest.max(self.run);
    }

    fn five(&mut self, heard: u8) {
        self.five += f32::from(heard);
        self.fives += 1.0;
        self.five_unknown += f32::from(u8::from(heard < 2));
        // A run that was heard covers its five signs, of which four may be covered already.
        let cover = |left: &mut u8, is_heard: bool| -> u8 {
            let new = if is_heard { 5_u8.saturating_sub(*left) } else { 0 };
            *left = if is_heard { 4 } else { left.saturating_sub(1) };
            new
        };
        self.covered += f32::from(cover(&mut self.known_left, heard >= KNOWN));
        self.common += f32::from(cover(&mut self.common_left, heard >= COMMON));
    }

    fn heard(&self, count: f32) -> Heard {
        let share = |sum: f32, count: f32| if count > 0.0 { sum / count } else { 0.0 };
        Heard {
            letters: share(self.letters, count),
            three: share(self.three, count),
            three_total: self.three / STEPS,
            three_rarest: f32::from(self.rarest),
            three_rare: share(self.rare, count),
            four: share(self.four, count),
            four_unknown: share(self.four_unknown, count),
            four_run: self.run_longest,
            five: share(self.five, self.fives),
            five_unknown: share(self.five_unknown, self.fives),
            five_covered: share(self.covered, count),
            five_common: share(self.common, count),
        }
    }
}
