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

/// The shortest brand of which one wrong letter is no chance: of shorter ones honest names are as near.
const LONG_LENGTH_MIN: usize = 10;

/// Names of brands' sites for logging in that are no brands' names themselves.
const LOGIN_SITES: [&str; 2] = ["microsoftonline", "steampowered"];

/// Long brands that many bear, or nearly.
const SHARED: [&str; 2] = ["citizensbank", "standardbank"];

/// Honest names one letter away from a long brand: a family's, and two companies'.
const HONEST: [&str; 3] = ["desjardin", "paystation", "sharpoint"];

/// How many letters at either end a name is looked up by. One error leaves those of one end as they are.
const END_LENGTH: usize = 4;

/// Long names by the letters at either end.
#[derive(Debug, Default)]
struct LongNames {
    by_front: FxHashMap<[u8; END_LENGTH], Vec<&'static str>>,
    by_back: FxHashMap<[u8; END_LENGTH], Vec<&'static str>>,
}

fn long_names() -> &'static LongNames {
    static NAMES: OnceLock<LongNames> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names = LongNames::default();
        let brands = brands::shipped().all.iter().map(|brand| brand.word);
        let is_shared = |name: &&str| brands::COMMON.contains(name) || SHARED.contains(name);
        let names_of_one = brands.chain(LOGIN_SITES).filter(|name| !is_shared(name));
        for name in names_of_one.filter(|name| name.len() >= LONG_LENGTH_MIN) {
            for (ends, end) in [
                (&mut names.by_front, name.as_bytes().first_chunk()),
                (&mut names.by_back, name.as_bytes().last_chunk()),
            ] {
                end.into_iter().for_each(|end| ends.entry(*end).or_default().push(name));
            }
        }
        names
    })
}

/// The long name of a brand that a label is one letter away from. A dash is no letter: others spell names
/// with it.
pub(super) fn long_typo(label: &str) -> Option<Resemblance> {
    let letters = label.as_bytes();
    if letters.len() < LONG_LENGTH_MIN.saturating_sub(1) {
        return None;
    }
    let names = long_names();
    let by_front = letters.first_chunk().and_then(|end| names.by_front.get(end));
    let by_back = letters.last_chunk().and_then(|end| names.by_back.get(end));
    let spelled = |word: &'static str| word.bytes().eq(label.bytes().filter(|b| *b != b'-'));
    let mut near = by_front.into_iter().chain(by_back).flatten().copied();
    let brand = near.find(|name| is_one_apart(name.as_bytes(), letters) && !spelled(name))?;
    let is_honest = HONEST.contains(&label) || brands::owner(letters).is_some();
    (!is_honest).then_some(Resemblance { likeness: Likeness::LongTypo, brand })
}

/// Whether one letter was added, dropped, changed, or exchanged with its neighbour.
fn is_one_apart(a: &[u8], b: &[u8]) -> bool {
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let same_front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same_front..).unwrap_or_default(), b.get(same_front..).unwrap_or_default());
    let same_back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle = |length: usize| ..length.saturating_sub(same_back);
    match (a.get(middle(a.len())), b.get(middle(b.len()))) {
        (Some([]), Some([_])) | (Some([_]), Some([] | [_])) => true,
        (Some([a, b]), Some([c, d])) => a == d && b == c,
        _ => false,
    }
}
