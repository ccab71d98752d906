//! The n-grams and words of a URL.

use std::ops::Range;
use std::sync::LazyLock;

use super::spelling::Spelling;
use crate::gram::{Gram, KINDS, Placing, Rolling, ngrams};

/// What a word is part of; equal words in two places are two pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Subdomain,
    Label,
    Folder,
    File,
    Key,
    Value,
}

/// How long n-grams are. Each length is a kind of its own.
const SHORTEST: usize = 3;
const LONGEST: usize = SHORTEST + KINDS - 1;

/// Emits every piece of `url`: of the host, of path and query, and words.
pub(crate) fn pieces(url: &Spelling, emit: &mut impl FnMut(Gram)) {
    let mut placing = Placing::default();
    let mut ngram = |group: usize, length: usize, hash: u64, at: Range<usize>| {
        let kind = length.saturating_sub(SHORTEST);
        emit(Gram { group, kind, hash: placing.place(length, hash), at });
    };
    ngrams::<SHORTEST, LONGEST>(url.host(), *b"^/", 1, |length, hash, at| {
        ngram(0, length, hash, at);
    });
    for (group, part) in [(1, url.path()), (2, url.query())] {
        let start = url.text().len().saturating_sub(url.rest().len());
        let start = if group == 1 { start } else { start.saturating_add(url.path().len()) };
        if !part.is_empty() {
            ngrams::<SHORTEST, LONGEST>(part, *b"^$", 2, |length, hash, at| {
                let at = at.start.saturating_add(start)..at.end.saturating_add(start);
                ngram(group, length, hash, at);
            });
        }
    }
    words(url, emit);
}

fn words(url: &Spelling, emit: &mut impl FnMut(Gram)) {
    let text = url.text();
    let host_end = url.host().len();
    let mut send = |hash: Rolling, at: Range<usize>| {
        let group = if at.start < host_end { 3 } else { 4 };
        emit(Gram { group, kind: 0, hash: hash.finish(), at });
    };
    let suffix_start = url.host().len().saturating_sub(url.suffix().len());
    send(Rolling::new(10).with_all(url.suffix()), suffix_start..url.host().len());
    let label_end = url.subdomain().len().saturating_add(url.label().len());
    send(Rolling::new(11).with_all(part(text, &(url.subdomain().len()..label_end))), 0..label_end);
    let query_start = text.len().saturating_sub(url.query().len());
    let file_start = file_start(text, url.host().len(), query_start);
    let place_of = |at: usize, sign: u8| match at {
        at if at < url.subdomain().len() => Place::Subdomain,
        at if at < url.host().len() => Place::Label,
        at if at < file_start => Place::Folder,
        at if at < query_start => Place::File,
        _ if sign == b'=' => Place::Value,
        _ => Place::Key,
    };
    let mut before = Rolling::new(12);
    let mut start = 0;
    while start < text.len() {
        let at = token(text, start);
        let sign = start.checked_sub(1).and_then(|at| text.get(at)).copied().unwrap_or(b'^');
        if !at.is_empty() {
            let place = place_of(at.start, sign);
            let word = masked(part(text, &at), place as u64);
            send(word, at.clone());
            let pair = before.with_number(word.finish()).with(sign);
            send(pair, at.clone());
            before = Rolling::new(13).with_number(word.finish());
        }
        start = at.end.saturating_add(1);
    }
    shapes(url, query_start, file_start, &mut send);
}

/// Shapes say how a part is built, not what it says: `Ab1-` becomes `Aa0-`.
fn shapes(
    url: &Spelling,
    query_start: usize,
    file_start: usize,
    send: &mut impl FnMut(Rolling, Range<usize>),
) {
    let text = url.text();
    let file = file_start..query_start;
    let name = part(text, &file);
    send(shape(name, 20), file.clone());
    send(shape(url.label(), 21), 0..url.host().len());
    send(shape(url.subdomain(), 22), 0..url.subdomain().len());
    send(shape(url.path(), 23), url.host().len()..query_start);
    if let Some(dot) = name.iter().rposition(|b| *b == b'.') {
        let at = file_start.saturating_add(dot)..query_start;
        let extension = Rolling::new(24).with_all(part(text, &at));
        send(extension, at.clone());
        let depth = url.path().iter().filter(|b| **b == b'/').count();
        send(extension.with_number(u64::try_from(depth.min(9)).unwrap_or(0)), at);
    }
}

fn shape(text: &[u8], space: u64) -> Rolling {
    let signs = &*SIGNS;
    let mut hash = Rolling::new(space);
    let mut last = 0;
    let mut run = 0_u32;
    for byte in text {
        let sign = signs.get(usize::from(*byte)).copied().unwrap_or(0);
        run = if sign == last { run.wrapping_add(1) } else { 1 };
        // Runs are told apart up to four: one letter, two, three, a word.
        let longer = hash.with(sign);
        hash = if run <= 4 { longer } else { hash };
        last = sign;
    }
    hash
}

/// The sign that stands for each byte in a shape.
static SIGNS: LazyLock<[u8; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| match u8::try_from(byte).unwrap_or(0) {
        b'a'..=b'z' => b'a',
        b'A'..=b'Z' => b'A',
        b'0'..=b'9' => b'0',
        other => other,
    })
});

/// A word in lower case, digits as one sign when there are more than two.
fn masked(word: &[u8], space: u64) -> Rolling {
    let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
    let mut hash = Rolling::new(space.saturating_add(30));
    let mask = digits > 2;
    for byte in word.iter().take(24) {
        let byte = if mask && byte.is_ascii_digit() { b'0' } else { byte.to_ascii_lowercase() };
        hash = hash.with(byte);
    }
    hash
}

fn token(text: &[u8], start: usize) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
    start..start.saturating_add(length)
}

fn file_start(text: &[u8], host_end: usize, query_start: usize) -> usize {
    let path = text.get(host_end..query_start).unwrap_or_default();
    let slash = path.iter().rposition(|b| *b == b'/');
    slash.map_or(query_start, |at| host_end.saturating_add(at).saturating_add(1))
}

fn part<'a>(text: &'a [u8], at: &Range<usize>) -> &'a [u8] {
    text.get(at.clone()).unwrap_or_default()
}
