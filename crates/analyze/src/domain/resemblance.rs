//! Names that resemble a brand's or a popular site's: letters that look alike, typing errors, brand
//! and bait combined.

use std::borrow::Cow;
use std::sync::OnceLock;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::brands::{self, Brand};
use crate::popular;
use crate::url::Spelling;

/// How a name resembles a brand's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Likeness {
    /// Letters that look like the brand's: `paypa1`, `аpple` with a Cyrillic letter.
    Homoglyph,
    /// The brand's own address as subdomain of somebody else's: `paypal.com.example.net`.
    Subdomain,
    /// The brand and a word that baits: `paypal-login`.
    Combination,
    /// One letter more, less, other or exchanged: `gooogle`. Of popular sites, too.
    Typo,
    /// A dot left out: `wwwgoogle`.
    MissingDot,
}

/// A resemblance that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resemblance {
    /// How.
    pub likeness: Likeness,
    /// Whose name; without its suffix, if it is a popular site's.
    pub brand: &'static str,
}

impl Resemblance {
    /// What the likeness alone is worth. A typing error is no proof: honest names are as near.
    pub fn score(&self) -> f32 {
        match self.likeness {
            Likeness::Homoglyph => 0.9,
            Likeness::Subdomain => 0.8,
            Likeness::Combination => 0.7,
            Likeness::Typo | Likeness::MissingDot => 0.0,
        }
    }

    /// In plain words.
    pub fn words(&self) -> String {
        let brand = self.brand;
        match self.likeness {
            Likeness::Homoglyph => format!("letters that look like those of `{brand}`"),
            Likeness::Subdomain => format!("the address of `{brand}` as a subdomain of another's"),
            Likeness::Combination => format!("the name `{brand}` with a word that baits"),
            Likeness::Typo => format!("a name one letter away from `{brand}`"),
            Likeness::MissingDot => format!("the address of `{brand}` without its dot"),
        }
    }
}

/// Words that impostors put beside a brand.
const BAIT: [&str; 28] = [
    "login",
    "logon",
    "signin",
    "secure",
    "security",
    "verify",
    "verification",
    "account",
    "accounts",
    "update",
    "support",
    "billing",
    "confirm",
    "unlock",
    "recovery",
    "suspended",
    "alert",
    "refund",
    "wallet",
    "webscr",
    "auth",
    "password",
    "limited",
    "validation",
    "authentication",
    "activate",
    "reactivate",
    "id",
];

/// The shortest brand whose typing errors are looked for: shorter words are near each other anyway.
const TYPO_LENGTH_MIN: usize = 6;

/// The likeness of the name in `host` to a brand's, the strongest if there are several.
pub fn resemblance(host: &Spelling) -> Option<Resemblance> {
    let label = plain_label(host)?;
    strong(host, label).or_else(|| weak(host, label))
}

/// The likeness, if it is one that is worth something by itself.
pub(crate) fn strong_resemblance(host: &Spelling) -> Option<Resemblance> {
    strong(host, plain_label(host)?)
}

fn plain_label(host: &Spelling) -> Option<&str> {
    let label = std::str::from_utf8(host.label()).ok()?;
    (!label.is_empty() && label.len() <= 63 && !host.is_address).then_some(label)
}

fn strong(host: &Spelling, label: &str) -> Option<Resemblance> {
    homoglyph(label)
        .or_else(|| subdomain(host))
        .or_else(|| combination(label))
        .filter(|found| !brands::owns(found.brand, label.as_bytes()))
}

fn weak(host: &Spelling, label: &str) -> Option<Resemblance> {
    if popular::is_popular(host.registered()) {
        return None;
    }
    missing_dot(label)
        .or_else(|| typo(label))
        .filter(|found| !brands::owns(found.brand, label.as_bytes()))
}

fn brand(word: &str) -> Option<&'static Brand> {
    static WORDS: OnceLock<FxHashMap<&'static str, &'static Brand>> = OnceLock::new();
    let words = WORDS
        .get_or_init(|| brands::shipped().all.iter().map(|brand| (brand.word, brand)).collect());
    words.get(word).copied()
}

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

fn missing_dot(label: &str) -> Option<Resemblance> {
    let behind = label.strip_prefix("www")?;
    let brand = mistyped().iter().find(|name| **name == behind).copied()?;
    Some(Resemblance { likeness: Likeness::MissingDot, brand })
}

fn homoglyph(label: &str) -> Option<Resemblance> {
    let brand = disguised(&shown(label))?;
    Some(Resemblance { likeness: Likeness::Homoglyph, brand: brand.word })
}

/// A label as people see it.
fn shown(label: &str) -> Cow<'_, str> {
    match label.starts_with("xn--") {
        true => idna::domain_to_unicode(label).0.into(),
        false => label.into(),
    }
}

/// The brand that a word looks like and does not spell.
fn disguised(word: &str) -> Option<&'static Brand> {
    let is_plain = word.bytes().all(|b| b.is_ascii_lowercase());
    if is_plain && !word.contains("rn") && !word.contains("vv") {
        return None;
    }
    let brand = brand(&skeleton(word)).filter(|brand| brand.word.len() >= 5)?;
    // A dash is no letter: `wal-mart` is the brand as others spell it.
    let is_spelled = word.bytes().filter(|b| *b != b'-').eq(brand.word.bytes());
    (!is_spelled).then_some(brand)
}

/// The plain letters that a text looks like.
///
/// After Unicode Technical Standard 39, section 4, cut down to what stands for Latin letters.
fn skeleton(text: &str) -> String {
    let plain: String = text.chars().filter(|sign| *sign != '-').map(plain).collect();
    plain.replace("rn", "m").replace("vv", "w")
}

fn plain(sign: char) -> char {
    match sign {
        '0' | 'ο' | 'о' | 'ö' | 'ó' | 'ò' | 'ô' | 'õ' | 'ø' | 'ọ' => 'o',
        '1' | 'ı' | 'і' | 'ӏ' | 'ł' | 'ĺ' => 'l',
        '3' | 'е' | 'ё' | 'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' => 'e',
        '4' | 'а' | 'α' | 'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ā' | 'ạ' => 'a',
        '5' | 'ѕ' | 'ś' | 'š' | 'ş' => 's',
        'í' | 'ì' | 'î' | 'ï' | 'ī' => 'i',
        'ú' | 'ù' | 'û' | 'ü' | 'υ' => 'u',
        'с' | 'ç' | 'ć' | 'č' => 'c',
        'р' | 'ρ' => 'p',
        'х' | 'χ' => 'x',
        'у' | 'ý' | 'ÿ' => 'y',
        'һ' => 'h',
        'ԁ' => 'd',
        'ԛ' => 'q',
        'ԝ' => 'w',
        'ј' => 'j',
        'κ' | 'к' => 'k',
        'ñ' | 'ń' | 'ň' => 'n',
        'т' | 'τ' => 't',
        'ɡ' | 'ğ' => 'g',
        other => other,
    }
}

fn subdomain(host: &Spelling) -> Option<Resemblance> {
    let labels: Vec<&[u8]> = host.subdomain().split(|b| *b == b'.').collect();
    for pair in labels.windows(2) {
        let [name, suffix] = pair else { continue };
        if !matches!(*suffix, b"com" | b"net" | b"org" | b"co") {
            continue;
        }
        let name = std::str::from_utf8(name).unwrap_or_default();
        let found = brand(name).filter(|brand| !brand.owns(host.label()));
        if let Some(brand) = found {
            return Some(Resemblance { likeness: Likeness::Subdomain, brand: brand.word });
        }
    }
    None
}

fn combination(label: &str) -> Option<Resemblance> {
    if !label.contains('-') {
        return None;
    }
    let shown = shown(label);
    let words: Vec<&str> = shown.split('-').collect();
    let named = |word: &&str| Some((Likeness::Combination, brand(word)?));
    let alike = |word: &&str| Some((Likeness::Homoglyph, disguised(word)?));
    let (likeness, found) = words.iter().find_map(|word| named(word).or_else(|| alike(word)))?;
    let baits = words.iter().any(|word| BAIT.contains(word));
    let resemblance = Resemblance { likeness, brand: found.word };
    (baits && !BAIT.contains(&found.word)).then_some(resemblance)
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
fn typo(label: &str) -> Option<Resemblance> {
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
