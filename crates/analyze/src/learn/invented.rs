//! Names of generators that nobody runs, to learn from.
//!
//! Families differ in their letters, lengths and suffixes, but they are built in few ways (Plohmann
//! and others, "A comprehensive measurement study of domain generating malware", 2016): by
//! arithmetic, by hashing, out of words, or by changing one name. Generators of each way are made up
//! here with letters, lengths and suffixes drawn at random, so that a model learns the ways and not
//! only the families that happened to be caught. None of them imitates a known family.

use std::collections::BTreeSet;

use super::Sample;
use super::rng::Rng;
use crate::url::{Spelling, UrlLimits};

/// How many generators are made up, and how many names of each.
#[derive(Debug, Clone, Copy)]
pub struct InventOptions {
    /// Generators.
    pub generators: usize,
    /// Names of each.
    pub names: usize,
    /// How much each name counts.
    pub weight: f32,
}

/// What the made-up generators draw from.
struct Stock {
    /// Words that stand between hyphens in more than one name; whole names where there are none.
    words: Vec<Vec<u8>>,
    /// Suffixes as often as they are used, and each once.
    suffixes_used: Vec<Vec<u8>>,
    suffixes: Vec<Vec<u8>>,
    registered: Vec<Vec<u8>>,
}

/// Names of made-up generators, `count_max` at most; words, suffixes and providers are drawn from the
/// benign `samples`.
pub(super) fn invent(
    samples: &[Sample],
    options: &InventOptions,
    seed: u64,
    count_max: usize,
) -> Vec<Sample> {
    let mut invented = Vec::new();
    if count_max < options.names {
        return invented;
    }
    let stock = stock(samples);
    if stock.words.is_empty() || stock.suffixes.is_empty() {
        return invented;
    }
    let mut rng = Rng::new(seed ^ 0x1a7e_57ed);
    for number in 0..options.generators {
        if invented.len() + options.names > count_max {
            break;
        }
        let generator = Generator::new(number, &stock, &mut rng);
        for _ in 0..options.names {
            invented.push(Sample {
                text: generator.name(&stock, &mut rng),
                is_bad: true,
                family: format!("invented {number}"),
                weight: options.weight,
            });
        }
    }
    invented
}

fn stock(samples: &[Sample]) -> Stock {
    let mut spelling = Spelling::default();
    let (mut parts, mut labels) = (Vec::new(), Vec::new());
    let (mut suffixes_used, mut registered) = (Vec::new(), BTreeSet::new());
    for sample in samples.iter().filter(|sample| !sample.is_bad) {
        spelling.read_host(&sample.text, &UrlLimits::default());
        if spelling.is_address || !registered.insert(spelling.registered().to_vec()) {
            continue;
        }
        let label = spelling.label();
        if label.contains(&b'-') {
            let words = label.split(|b| *b == b'-').filter(|word| {
                (3..=11).contains(&word.len()) && word.iter().all(u8::is_ascii_lowercase)
            });
            parts.extend(words.map(<[u8]>::to_vec));
        }
        labels.push(label.to_vec());
        suffixes_used.push(spelling.suffix().to_vec());
    }
    parts.sort();
    let words = parts.chunk_by(|a, b| a == b).filter(|equal| equal.len() > 1);
    let words: Vec<Vec<u8>> = words.map(|equal| equal[0].clone()).collect();
    let suffixes: BTreeSet<Vec<u8>> = suffixes_used.iter().cloned().collect();
    Stock {
        words: if words.is_empty() { labels } else { words },
        suffixes_used,
        suffixes: suffixes.into_iter().collect(),
        registered: registered.into_iter().collect(),
    }
}

/// How a made-up generator builds its names.
enum Way {
    /// Signs drawn from a set, one like the other.
    Letters(Vec<u8>),
    /// Consonants and vowels in turn, drawn from sets; the share of thirty-two that breaks the turn.
    Syllables([Vec<u8>; 2], usize),
    /// Several words joined. Two are left out, as is a misspelled name: nobody can tell those from
    /// names that people choose, and to learn from them only blurs the border.
    Words,
    /// Words as a text has them, which needs many small ones; so many tenths of all words are.
    Prose(usize),
    /// Some signs of one long name drawn anew, at the front or at the end.
    Changed(Vec<u8>, bool),
}

struct Generator {
    way: Way,
    lengths: [usize; 2],
    suffixes: Vec<Vec<u8>>,
}

/// English words that hold sentences together.
const SMALL_WORDS: [&str; 103] = [
    "a", "about", "after", "against", "all", "an", "and", "any", "are", "as", "at", "be", "been",
    "being", "between", "both", "but", "by", "can", "could", "did", "do", "each", "every", "for",
    "from", "had", "has", "have", "he", "her", "here", "him", "his", "how", "if", "in", "into",
    "is", "it", "its", "just", "like", "many", "may", "me", "more", "most", "much", "must", "my",
    "no", "not", "now", "of", "off", "on", "only", "or", "other", "our", "out", "over", "same",
    "shall", "she", "should", "so", "some", "such", "than", "that", "the", "their", "them", "then",
    "there", "these", "they", "this", "those", "through", "to", "under", "up", "upon", "us",
    "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "will", "with",
    "without", "would", "you", "your",
];

const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
const ALL: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

fn draw<'a, T>(items: &'a [T], rng: &mut Rng) -> &'a T {
    &items[rng.below(items.len())]
}

fn between(low: usize, high: usize, rng: &mut Rng) -> usize {
    low + rng.below(high - low + 1)
}

fn subset(signs: &[u8], count: usize, rng: &mut Rng) -> Vec<u8> {
    let mut all = signs.to_vec();
    rng.shuffle(&mut all);
    all.truncate(count.max(1));
    all
}

impl Generator {
    fn new(number: usize, stock: &Stock, rng: &mut Rng) -> Self {
        let (way, [low, high]) = match number % 15 {
            0..=2 => {
                let count = *draw(&[26, 26, 25, 20, 12, 8], rng);
                (Way::Letters(subset(LETTERS, count, rng)), [5, 28])
            }
            3 | 4 => {
                let count = *draw(&[36, 36, 36, 30, 20], rng);
                (Way::Letters(subset(ALL, count, rng)), [7, 28])
            }
            5 => (Way::Letters(b"0123456789abcdef".to_vec()), [8, 32]),
            6 => (Way::Letters(subset(ALL, 36, rng)), [2, 5]),
            7..=10 => {
                let consonants = between(7, 21, rng);
                let vowels = between(3, 6, rng);
                let consonants = subset(b"bcdfghjklmnpqrstvwxyz", consonants, rng);
                let sets = [consonants, subset(b"aeiouy", vowels, rng)];
                (Way::Syllables(sets, rng.below(16)), [5, 14])
            }
            11 => (Way::Words, [3, 6]),
            12 | 13 => (Way::Prose(between(3, 7, rng)), [10, 28]),
            _ => {
                let long = joined(stock, between(2, 3, rng), rng);
                (Way::Changed(long, rng.below(2) == 0), [2, 5])
            }
        };
        let first = between(low, high, rng);
        let second = between(first, high.min(first + 8), rng);
        Self { way, lengths: [first, second], suffixes: suffixes(stock, rng) }
    }

    fn name(&self, stock: &Stock, rng: &mut Rng) -> Vec<u8> {
        let length = between(self.lengths[0], self.lengths[1], rng);
        let mut name: Vec<u8> = match &self.way {
            Way::Letters(set) => (0..length).map(|_| *draw(set, rng)).collect(),
            Way::Syllables(sets, breaks) => {
                let mut turn = rng.below(2);
                let sign = |_| {
                    turn ^= usize::from(rng.below(32) >= *breaks);
                    *draw(&sets[turn], rng)
                };
                (0..length).map(sign).collect()
            }
            Way::Words => joined(stock, length, rng),
            Way::Prose(tenths) => prose(stock, *tenths, length, rng),
            Way::Changed(long, is_front) => {
                let mut name = long.clone();
                let count = length.min(name.len());
                for at in 0..count {
                    let at = if *is_front { at } else { name.len() - 1 - at };
                    name[at] = *draw(LETTERS, rng);
                }
                name
            }
        };
        name.truncate(60);
        name.push(b'.');
        name.extend(draw(&self.suffixes, rng));
        name
    }
}

fn joined(stock: &Stock, count: usize, rng: &mut Rng) -> Vec<u8> {
    (0..count).flat_map(|_| draw(&stock.words, rng).iter().copied()).collect()
}

/// Words without an order that a sentence would have, until there are `length` letters.
fn prose(stock: &Stock, tenths: usize, length: usize, rng: &mut Rng) -> Vec<u8> {
    let mut name = Vec::new();
    while name.len() < length {
        if rng.below(10) < tenths {
            name.extend(draw(&SMALL_WORDS, rng).as_bytes());
        } else {
            name.extend(draw(&stock.words, rng));
        }
    }
    name
}

/// Few suffixes, as a rule common ones; some rare, some that nobody knows, some of a provider that
/// lends names.
fn suffixes(stock: &Stock, rng: &mut Rng) -> Vec<Vec<u8>> {
    let kind = rng.below(20);
    let count = *draw(&[1, 1, 2, 3, 5, 8], rng);
    let suffix = |_| match kind {
        0..=9 => draw(&stock.suffixes_used, rng).clone(),
        10..=15 => draw(&stock.suffixes, rng).clone(),
        16 => (0..between(3, 8, rng)).map(|_| *draw(LETTERS, rng)).collect(),
        _ => draw(&stock.registered, rng).clone(),
    };
    (0..count).map(suffix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn benign() -> Vec<Sample> {
        let names = [
            "blue-river.example",
            "blue-mountain.example",
            "river-mountain.co.uk",
            "news.site.org",
            "192.0.2.1",
        ];
        let sample = |name: &&str| Sample {
            text: name.as_bytes().to_vec(),
            is_bad: false,
            family: String::new(),
            weight: 1.0,
        };
        names.iter().map(sample).collect()
    }

    #[test]
    fn each_generator_makes_names_of_one_kind() {
        let options = InventOptions { generators: 160, names: 6, weight: 2.0 };
        let invented = invent(&benign(), &options, 1, 10_000);
        assert_eq!(invented.len(), 960);
        assert_eq!(invented, invent(&benign(), &options, 1, 10_000));
        assert_ne!(invented, invent(&benign(), &options, 2, 10_000));
        for of_one in invented.chunks(6) {
            assert!(of_one.iter().all(|name| name.family == of_one[0].family && name.is_bad));
        }
        let mut host = Spelling::default();
        let mut words = 0;
        for name in &invented {
            host.read_host(&name.text, &UrlLimits::default());
            assert!(!host.label().is_empty(), "{:?}", String::from_utf8_lossy(&name.text));
            let is_words = [&b"blueriver"[..], b"riverblue", b"bluemountain", b"mountainblue"]
                .iter()
                .any(|words| host.label().starts_with(words));
            words += usize::from(is_words);
        }
        assert!(words > 10, "words between hyphens are joined");
    }

    #[test]
    fn there_are_no_more_than_asked_for() {
        let options = InventOptions { generators: 160, names: 6, weight: 2.0 };
        assert_eq!(invent(&benign(), &options, 1, 20).len(), 18);
        assert_eq!(invent(&benign(), &options, 1, 5), []);
        assert_eq!(invent(&[], &options, 1, 1000), []);
    }
}
