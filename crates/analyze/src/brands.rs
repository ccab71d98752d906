//! Brands that impostors borrow, and what hosts may bear their names.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use rustc_hash::FxHashMap;

use crate::url::Spelling;

const TEXT: &str = include_str!("../data/brands.txt");

/// Brands that also are words for something else, and programs that anybody runs at home: where a page or
/// a longer name has them, it need not mean the brand.
pub(crate) const COMMON: [&str; 20] = [
    "allegro",
    "blockchain",
    "booking",
    "chase",
    "cpanel",
    "discover",
    "gitlab",
    "halifax",
    "ledger",
    "messenger",
    "nationwide",
    "orange",
    "roundcube",
    "spectrum",
    "steam",
    "target",
    "visa",
    "webmail",
    "wordpress",
    "zimbra",
];

/// A name with the registered labels that may bear it.
#[derive(Debug)]
pub(crate) struct Brand {
    pub(crate) word: &'static str,
    own: Vec<&'static str>,
}

impl Brand {
    /// Whether both may be named by one site.
    pub(crate) fn is_kin(&self, other: &Self) -> bool {
        let labels =
            |brand: &Self| brand.own.iter().copied().chain([brand.word]).collect::<Vec<_>>();
        labels(self).iter().any(|label| other.owns(label.as_bytes()))
    }

    /// Whether a site registered as `label` may bear the name.
    pub(crate) fn owns(&self, label: &[u8]) -> bool {
        self.word.as_bytes() == label || self.own.iter().any(|own| own.as_bytes() == label)
    }
}

/// All brands with an automaton that finds their words.
#[derive(Debug)]
pub(crate) struct Brands {
    pub(crate) all: Vec<Brand>,
    pub(crate) finder: AhoCorasick,
}

/// The list that ships with this crate.
#[expect(clippy::expect_used, reason = "fixed words: the tests build the same automaton")]
pub(crate) fn shipped() -> &'static Brands {
    static SHIPPED: OnceLock<Brands> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let lines = TEXT.lines().filter(|line| !line.starts_with('#'));
        let all: Vec<Brand> = lines.filter_map(brand).collect();
        let finder = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(all.iter().map(|brand| brand.word))
            .expect("a short list of words makes a small automaton");
        Brands { all, finder }
    })
}

fn brand(line: &'static str) -> Option<Brand> {
    let mut words = line.split_whitespace();
    Some(Brand { word: words.next()?, own: words.collect() })
}

/// The brand of this word.
pub(crate) fn called(word: &str) -> Option<&'static Brand> {
    static WORDS: OnceLock<FxHashMap<&'static str, &'static Brand>> = OnceLock::new();
    let words =
        WORDS.get_or_init(|| shipped().all.iter().map(|brand| (brand.word, brand)).collect());
    words.get(word).copied()
}

/// The brand that a site registered as `label` belongs to; the first of the list if it is several's.
pub(crate) fn owner(label: &[u8]) -> Option<&'static str> {
    static OWNERS: OnceLock<FxHashMap<&'static [u8], &'static str>> = OnceLock::new();
    let owners = OWNERS.get_or_init(|| {
        let mut owners = FxHashMap::default();
        for brand in &shipped().all {
            for label in brand.own.iter().copied().chain([brand.word]) {
                owners.entry(label.as_bytes()).or_insert(brand.word);
            }
        }
        owners
    });
    owners.get(label).copied()
}

/// Whether the brand called `word` is at home on a site registered as `label`.
pub(crate) fn owns(word: &str, label: &[u8]) -> bool {
    shipped().all.iter().any(|brand| brand.word == word && brand.owns(label))
}

/// Where a URL names brands.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct InUrl {
    pub(crate) subdomain: bool,
    pub(crate) label: bool,
    pub(crate) path: bool,
    /// The registered name is a brand's own.
    pub(crate) own: bool,
}

/// Where `url` names brands, of which `hits` tells all. Short names count only as whole words.
pub(crate) fn in_url(
    url: &Spelling,
    hits: impl Iterator<Item = (&'static Brand, Range<usize>)>,
) -> InUrl {
    let mut found = InUrl::default();
    let text = url.text();
    let label_start = url.subdomain().len();
    let label_end = label_start.saturating_add(url.label().len());
    for (brand, at) in hits {
        if brand.word.len() < 5 && !is_word(text, at.start, at.end) {
            continue;
        }
        if brand.owns(url.label()) {
            found.own = true;
            continue;
        }
        if at.start < label_start {
            found.subdomain = true;
        } else if at.start < label_end {
            found.label = true;
        } else if at.start >= url.host().len() {
            found.path = true;
        }
    }
    found
}

/// Whether no letter touches `start..end`.
pub(crate) fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let letter =
        |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
    !letter(start.checked_sub(1)) && !letter(Some(end))
}
