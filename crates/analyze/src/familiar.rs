//! How familiar a name sounds: how often its n-grams stand in names that people chose.
//!
//! A generator that nobody has seen shares no pieces with those that somebody has; what it does share
//! with them is that its names do not sound like names.

use crate::gram::ngrams;
use crate::table::place;

/// How many figures familiarity has.
pub(crate) const FAMILIAR: usize = 6;

/// Their names, and what they say in plain words.
pub(crate) const NAMES: [(&str, &str); FAMILIAR] = [
    ("familiar.3", "how familiar the name sounds"),
    ("familiar.4", "how familiar the name sounds"),
    ("familiar.5", "how familiar the name sounds"),
    ("familiar.3.lowest", "an unheard-of combination of letters"),
    ("familiar.4.unknown", "unheard-of combinations of letters"),
    ("familiar.5.unknown", "unheard-of combinations of letters"),
];

/// How often n-grams were heard, as twice the logarithm to base 2.
#[derive(Debug, Clone, PartialEq)]
pub struct FamiliarTable {
    bits: u32,
    codes: Vec<u8>,
}

impl FamiliarTable {
    /// A table that has heard nothing.
    pub(crate) fn empty(bits: u32) -> Self {
        Self { bits, codes: vec![0; 1_usize.checked_shl(bits).unwrap_or(1)] }
    }

    /// Counts the n-grams of `names`.
    pub(crate) fn hear<'a>(bits: u32, names: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut table = Self::empty(bits);
        let mut counts = vec![0_u32; table.codes.len()];
        for name in names {
            for_each(name, |_, hash| {
                if let Some(count) = counts.get_mut(place(hash, bits)) {
                    *count = count.saturating_add(1);
                }
            });
        }
        for (code, count) in table.codes.iter_mut().zip(counts) {
            // Exact in 64 bits for all counts, hence the same on every machine.
            let square = u64::from(count).saturating_add(1).saturating_pow(2);
            *code = u8::try_from(square.ilog2()).unwrap_or(u8::MAX);
        }
        table
    }

    /// A table as a file has it. `None` unless there are 2 to the power of `bits` codes.
    pub(crate) fn from_codes(bits: u32, codes: Vec<u8>) -> Option<Self> {
        let fits = 1_usize.checked_shl(bits).is_some_and(|places| places == codes.len());
        fits.then_some(Self { bits, codes })
    }

    pub(crate) const fn bits(&self) -> u32 {
        self.bits
    }

    pub(crate) fn codes(&self) -> &[u8] {
        &self.codes
    }

    /// Writes the figures of `name`, in the order of [`NAMES`].
    pub(crate) fn measure(&self, name: &[u8], out: &mut Vec<f32>) {
        let mut sums = [0.0_f32; 3];
        let mut unknown = [0.0_f32; 3];
        let mut counts = [0.0_f32; 3];
        let mut lowest = f32::from(u8::MAX);
        for_each(name, |length, hash| {
            let code = self.codes.get(place(hash, self.bits)).copied().unwrap_or(0);
            let code = f32::from(code);
            let at = length.saturating_sub(3);
            let slots = sums.get_mut(at).zip(unknown.get_mut(at)).zip(counts.get_mut(at));
            if let Some(((sum, unknown), count)) = slots {
                *sum += code;
                *count += 1.0;
                *unknown += f32::from(u8::from(code < 2.5));
            }
            if length == 3 {
                lowest = lowest.min(code);
            }
        });
        let share = |sum: f32, count: f32| if count > 0.0 { sum / count } else { 0.0 };
        for (sum, count) in sums.iter().zip(counts) {
            out.push(share(*sum, count));
        }
        out.push(lowest);
        for (unknown, count) in unknown.iter().zip(counts).skip(1) {
            out.push(share(*unknown, count));
        }
    }
}

/// All n-grams of three to five letters, with the ends of the name marked.
fn for_each(name: &[u8], mut emit: impl FnMut(usize, u64)) {
    ngrams::<3, 3>(name, *b"^$", 43, |hash, _| emit(3, hash));
    ngrams::<4, 4>(name, *b"^$", 44, |hash, _| emit(4, hash));
    ngrams::<5, 5>(name, *b"^$", 45, |hash, _| emit(5, hash));
}
