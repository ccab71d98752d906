//! The n-grams of a registered name, alone and with its suffix.

use crate::gram::{Gram, Placing, Rolling, ngrams};
use crate::url::Spelling;

/// Emits every piece of the name in `host`.
pub(crate) fn pieces(host: &Spelling, emit: &mut impl FnMut(Gram)) {
    let label = host.label();
    let start = host.subdomain().len();
    let end = start.saturating_add(label.len());
    let shifted =
        |at: std::ops::Range<usize>| at.start.saturating_add(start)..at.end.saturating_add(start);
    let mut placing = Placing::default();
    ngrams::<1, 5>(label, *b"^$", 1, |length, hash, at| {
        emit(Gram { group: 0, kind: 0, hash: placing.place(length, hash), at: shifted(at) });
    });
    let suffix = Rolling::new(2).with_all(host.suffix()).finish();
    ngrams::<1, 3>(label, *b"^$", suffix, |_, hash, at| {
        emit(Gram { group: 1, kind: 0, hash, at: shifted(at) });
    });
    let length = u64::try_from(label.len()).unwrap_or(u64::MAX);
    let with_length = Rolling::new(3).with_number(suffix).with_number(length);
    emit(Gram { group: 3, kind: 0, hash: with_length.finish(), at: start..end });
    emit(Gram { group: 3, kind: 0, hash: suffix, at: end..host.host().len() });
    let mut classes = [0_u8; 64];
    for (class, byte) in classes.iter_mut().zip(label) {
        *class = class_of(*byte);
    }
    let classes = classes.get(..label.len().min(64)).unwrap_or_default();
    ngrams::<3, 6>(classes, *b"^$", 4, |_, hash, at| {
        emit(Gram { group: 2, kind: 0, hash, at: shifted(at) });
    });
    let whole = Rolling::new(5).with_all(classes);
    emit(Gram { group: 2, kind: 0, hash: whole.finish(), at: start..end });
    let whole = whole.with_number(suffix).finish();
    emit(Gram { group: 2, kind: 0, hash: whole, at: start..end });
    let first = host.subdomain().split(|b| *b == b'.').next().unwrap_or_default();
    if !first.is_empty() {
        ngrams::<2, 4>(first, *b"^$", 7, |_, hash, at| emit(Gram { group: 4, kind: 0, hash, at }));
    }
    for word in host.subdomain().split(|b| *b == b'.').filter(|word| !word.is_empty()) {
        emit(Gram {
            group: 4,
            kind: 0,
            hash: Rolling::new(6).with_all(word).finish(),
            at: 0..start,
        });
    }
}

/// Vowel, consonant, digit or sign.
fn class_of(byte: u8) -> u8 {
    match byte {
        b'a' | b'e' | b'i' | b'o' | b'u' => b'v',
        b'a'..=b'z' => b'c',
        b'0'..=b'9' => b'd',
        other => other,
    }
}
