//! Listening to names that people chose.

use rustc_hash::FxHashMap;

use super::stream::{Signs, five, four, last, three};
use super::{FamiliarTable, SIGNS, STEPS, THREES, UNKNOWN, suffix_place};
use crate::url::Spelling;

/// How much the guess from fewer signs weighs against what was counted, in names.
const TRUST: f32 = 4.0;

/// Counts of what was heard.
struct Counts {
    ones: Vec<f32>,
    twos: Vec<f32>,
    threes: Vec<f32>,
    /// Every run of four, as often as it was heard.
    fours: Vec<u32>,
    fives: Vec<u32>,
    suffixes: Vec<u32>,
}

impl FamiliarTable {
    /// Listens to `names`; each registered name counts once.
    pub(crate) fn hear<'a>(bits: u32, names: impl Iterator<Item = &'a Spelling>) -> Self {
        let places = 1_usize.checked_shl(bits).unwrap_or(1);
        let mut counts = Counts {
            ones: vec![0.0; SIGNS],
            twos: vec![0.0; SIGNS.saturating_mul(SIGNS)],
            threes: vec![0.0; THREES],
            fours: Vec::new(),
            fives: vec![0; places],
            suffixes: vec![0; 1_usize << super::SUFFIX_BITS],
        };
        let mut known: FxHashMap<&[u8], u32> = FxHashMap::default();
        for name in names {
            let count = known.entry(name.registered()).or_default();
            *count = count.saturating_add(1);
            if *count == 1 {
                counts.hear(name, bits);
            }
        }
        // Most stand alone: they would fill the places of suffixes, and say nothing.
        for (registered, count) in known.into_iter().filter(|(_, count)| *count > 1) {
            add(&mut counts.suffixes, suffix_place(registered, 3), count);
        }
        counts.table(bits)
    }
}

fn add(counts: &mut [u32], place: usize, more: u32) {
    if let Some(count) = counts.get_mut(place) {
        *count = count.saturating_add(more);
    }
}

fn grow(counts: &mut [f32], place: usize) {
    if let Some(count) = counts.get_mut(place) {
        *count += 1.0;
    }
}

fn of(counts: &[f32], place: usize) -> f32 {
    counts.get(place).copied().unwrap_or(0.0)
}

/// Surprise in codes, from 1.
fn surprise(chance: f32) -> u8 {
    // Far below a code's width, so that a library's last digit moves no code.
    (-chance.max(1e-9).log2() * STEPS + 1e-3).clamp(1.0, 255.0) as u8
}

/// Twice the logarithm to base 2, in whole numbers: the same on every machine.
fn loudness(count: u32) -> u8 {
    let square = u64::from(count).saturating_add(1).saturating_pow(2);
    u8::try_from(square.ilog2()).unwrap_or(u8::MAX)
}

impl Counts {
    fn hear(&mut self, name: &Spelling, bits: u32) {
        for (at, signs) in Signs::new(name.label()).enumerate() {
            grow(&mut self.ones, last(signs));
            grow(&mut self.twos, three(signs & 0xfff));
            grow(&mut self.threes, three(signs));
            self.fours.push(signs & 0x00ff_ffff);
            if at >= 2 {
                add(&mut self.fives, five(signs, bits), 1);
            }
        }
        let suffix = name.suffix();
        let top = suffix.rsplit(|b| *b == b'.').next().unwrap_or_default();
        add(&mut self.suffixes, suffix_place(suffix, 1), 1);
        add(&mut self.suffixes, suffix_place(top, 2), 1);
    }

    fn table(mut self, bits: u32) -> FamiliarTable {
        let mut table = FamiliarTable::empty(bits);
        let all: f32 = self.ones.iter().sum();
        let one = |c: usize| (of(&self.ones, c) + 0.5) / (all + 0.5 * SIGNS as f32);
        let pair_sums: Vec<f32> = self.twos.chunks(SIGNS).map(|row| row.iter().sum()).collect();
        let two = |b: usize, c: usize| {
            let at = b.saturating_mul(SIGNS).saturating_add(c);
            (of(&self.twos, at) + TRUST * one(c)) / (of(&pair_sums, b) + TRUST)
        };
        let mut sums = vec![0.0; SIGNS.saturating_mul(SIGNS)];
        for (sum, row) in sums.iter_mut().zip(self.threes.chunks(SIGNS)) {
            *sum = row.iter().sum();
        }
        let three_chance = |signs: u32| {
            let at = three(signs);
            let c = last(signs);
            let pair = at / SIGNS;
            (of(&self.threes, at) + TRUST * two(pair % SIGNS, c)) / (of(&sums, pair) + TRUST)
        };
        for (at, code) in table.threes.iter_mut().enumerate() {
            *code = surprise(three_chance(spelled(at)));
        }
        self.fours.sort_unstable();
        for equal in self.fours.chunk_by(|a, b| a == b) {
            let Some(signs) = equal.first().copied() else { continue };
            let before = of(&self.threes, three(signs >> 6));
            let chance = (equal.len() as f32 + TRUST * three_chance(signs)) / (before + TRUST);
            if let Some(code) = table.fours.get_mut(four(signs, bits)) {
                let here = surprise(chance).min(UNKNOWN);
                // Two runs may share a place: the less surprising one is heard.
                *code = if *code == 0 { here } else { here.min(*code) };
            }
        }
        // Behind two ends stands only the first sign of a name: the letters themselves have their
        // place there.
        for c in 0..SIGNS {
            if let Some(code) = table.threes.get_mut(c) {
                *code = surprise(one(c));
            }
        }
        for (code, count) in table.fives.iter_mut().zip(&self.fives) {
            *code = loudness(*count);
        }
        for (code, count) in table.suffixes.iter_mut().zip(&self.suffixes) {
            *code = loudness(*count);
        }
        table
    }
}

/// The three signs that have the place `at`.
fn spelled(at: usize) -> u32 {
    let sign = |at: usize| u32::try_from(at % SIGNS).unwrap_or(0);
    sign(at / SIGNS / SIGNS) << 12 | sign(at / SIGNS) << 6 | sign(at)
}
