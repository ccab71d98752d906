//! Names that come about where a brand's or a popular site's is mistyped.

use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Likeness, Resemblance};
use crate::brands;
use crate::popular;

/// The shortest brand whose typing errors are looked for: shorter words are near each other anyway.
const TYPO_LENGTH_MIN: usize = 6;

/// Names that impostors may mistype: brands, and popular sites.
fn mistyped() -> &'static [&'static str] {
    static NAMES: OnceLock<Vec<&'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let brands = brands::shipped().all.iter().map(|brand| brand.word);
        let sites = popular::labels().filter(|label| !label.starts_with("xn--"));
        let mut names: Vec<&str> =
            brands.chain(sites).filter(|name| name.len() >= TYPO_LENGTH_MIN).collect();
        let mut known = FxHashSet::default();
        names.retain(|name| known.insert(*name));
        names
    })
}

pub(super) fn missing_dot(label: &str) -> Option<Resemblance> {
    let behind = label.strip_prefix("www")?;
    let brand = mistyped().iter().find(|name| **name == behind).copied()?;
    Some(Resemblance { likeness: Likeness::MissingDot, brand })
}

/// Names by their forms with one letter left out, and by the whole name.
fn near() -> &'static FxHashMap<Vec<u8>, Vec<&'static str>> {
    static NEAR: OnceLock<FxHashMap<Vec<u8>, Vec<&'static str>>> = OnceLock::new();
    NEAR.get_or_init(|| {
        let mut near: FxHashMap<Vec<u8>, Vec<&'static str>> = FxHashMap::default();
        for name in mistyped() {
            for form in shortened(name.as_bytes()) {
                near.entry(form).or_default().push(name);
            }
        }
        near
    })
}

/// The word, and the word with each of its letters left out.
fn shortened(word: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let without = |gap: usize| {
        let letters = word.iter().enumerate().filter(move |(at, _)| *at != gap);
        letters.map(|(_, letter)| *letter).collect()
    };
    std::iter::once(word.to_vec()).chain((0..word.len()).map(without))
}

/// Two words that are one letter apart share a form with one letter left out, or are that form.
pub(super) fn typo(label: &str) -> Option<Resemblance> {
    let lengths = TYPO_LENGTH_MIN.saturating_sub(1)..=24;
    if !lengths.contains(&label.len()) {
        return None;
    }
    let near = near();
    let found = shortened(label.as_bytes()).find_map(|form| {
        let words = near.get(&form)?;
        words.iter().find(|word| is_one_apart(word.as_bytes(), label.as_bytes())).copied()
    })?;
    // A name that is itself on the list is nobody's typing error.
    let is_name = near.get(label.as_bytes()).is_some_and(|names| names.contains(&label));
    (!is_name).then_some(Resemblance { likeness: Likeness::Typo, brand: found })
}

/// Whether one letter was added, dropped, changed, or exchanged with its neighbour.
fn is_one_apart(a: &[u8], b: &[u8]) -> bool {
    let same_front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same_front..).unwrap_or_default(), b.get(same_front..).unwrap_or_default());
    let same_back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle =
        |text: &[u8]| text.get(..text.len().saturating_sub(same_back)).unwrap_or_default().to_vec();
    match (middle(a).as_slice(), middle(b).as_slice()) {
        ([], [_]) | ([_], []) | ([_], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}
