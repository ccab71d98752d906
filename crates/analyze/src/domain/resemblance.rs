//! Names that resemble a brand's or a popular site's: letters that look alike, typing errors, brand
//! and bait combined.

use std::borrow::Cow;
use std::sync::OnceLock;

use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};
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
const BAIT: [&str; 36] = [
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
    "tracking",
    "parcel",
    "delivery",
    "redelivery",
    "customs",
    "helpdesk",
    "payment",
    "giveaway",
];

/// Where delivery networks, mail services and lists for mail servers have others' addresses below names
/// of their own.
const CARRIERS: [&str; 41] = [
    "2o7.net",
    "aaplimg.com",
    "abuseat.org",
    "akadns.net",
    "akamai.net",
    "akamaiedge.net",
    "akamaihd.net",
    "akamaized.net",
    "alibabadns.com",
    "azureedge.net",
    "b-cdn.net",
    "bytefcdn-oversea.com",
    "cdngslb.com",
    "cdn77.org",
    "chinacache.net",
    "cloudflare.net",
    "edgekey.net",
    "edgesuite.net",
    "fastly.net",
    "fastlylb.net",
    "footprint.net",
    "impervadns.net",
    "incapdns.net",
    "invaluement.com",
    "mailspike.net",
    "nsatc.net",
    "omtrdc.net",
    "oclc.org",
    "outlook.com",
    "pphosted.com",
    "psmtp.com",
    "qlivecdn.com",
    "rocket-cdn.com",
    "sorbs.net",
    "spamhaus.net",
    "spamhaus.org",
    "surbl.org",
    "trafficmanager.net",
    "translate.goog",
    "ttdns2.com",
    "uribl.com",
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
    static ALIKE: OnceLock<FxHashMap<String, &'static Brand>> = OnceLock::new();
    let alike = ALIKE.get_or_init(|| {
        brands::shipped().all.iter().map(|brand| (skeleton(brand.word), brand)).collect()
    });
    let is_plain = word.bytes().all(|b| b.is_ascii_lowercase());
    if is_plain && word.len() < PLAIN_LENGTH_MIN && !word.contains("rn") && !word.contains("vv") {
        return None;
    }
    let brand = alike.get(&skeleton(word)).copied()?;
    let mixes_scripts = word.chars().any(|sign| ('\u{370}'..'\u{530}').contains(&sign))
        && word.bytes().any(|b| b.is_ascii_lowercase());
    if brand.word.len() < 5 && !(mixes_scripts && brand.word.len() == 4) {
        return None;
    }
    // A dash is no letter: `wal-mart` is the brand as others spell it.
    let is_spelled = word.bytes().filter(|b| *b != b'-').eq(brand.word.bytes());
    (!is_spelled).then_some(brand)
}

/// The shortest word in which an `l` in place of an `i` counts: shorter ones mean something else.
const PLAIN_LENGTH_MIN: usize = 6;

/// The plain letters that a text looks like.
///
/// After Unicode Technical Standard 39, section 4, cut down to what stands for Latin letters. An `i`
/// is an `l` here, since `1` and Cyrillic letters stand for either.
fn skeleton(text: &str) -> String {
    let mut plain: String = text.chars().filter(|sign| *sign != '-').map(plain).collect();
    for (two, one) in [("rn", "m"), ("vv", "w")] {
        if plain.contains(two) {
            plain = plain.replace(two, one);
        }
    }
    plain
}

fn plain(sign: char) -> char {
    match alike(sign) {
        // Marks above and below letters: `ị`, `ġ`, `ő`.
        other if other == sign && !sign.is_ascii() => alike(unmarked(sign)),
        found => found,
    }
}

/// A letter without its marks (the Unicode Standard, section 3.7: canonical decomposition).
fn unmarked(sign: char) -> char {
    let decompositions = CanonicalDecompositionBorrowed::new();
    let mut letter = sign;
    while let Decomposed::Expansion(base, _) = decompositions.decompose(letter) {
        letter = base;
    }
    letter.to_ascii_lowercase()
}

fn alike(sign: char) -> char {
    match sign {
        '0' | 'ο' | 'о' | 'ö' | 'ó' | 'ò' | 'ô' | 'õ' | 'ø' | 'ọ' => 'o',
        '1' | 'i' | 'ı' | 'і' | 'ӏ' | 'ł' | 'ĺ' | 'í' | 'ì' | 'î' | 'ï' | 'ī' | 'ι' => {
            'l'
        }
        '3' | 'е' | 'ё' | 'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' => 'e',
        '4' | 'а' | 'α' | 'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ā' | 'ạ' => 'a',
        '5' | 'ѕ' | 'ś' | 'š' | 'ş' => 's',
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
    let front = host.subdomain();
    let names = front.strip_suffix(b".").unwrap_or(front).split(|b| *b == b'.');
    let suffixes = names.clone().skip(1).chain([host.label()]);
    for (name, suffix) in names.zip(suffixes) {
        let name = std::str::from_utf8(name).unwrap_or_default();
        if name.is_empty() || !looks_like_suffix(suffix) {
            continue;
        }
        let found = brands::called(name).map(|brand| brand.word).or_else(|| own_address(name));
        let found = found
            .filter(|word| !brands::COMMON.contains(word) && !brands::owns(word, host.label()));
        if let Some(brand) = found.filter(|_| !is_carrier(host)) {
            return Some(Resemblance { likeness: Likeness::Subdomain, brand });
        }
    }
    None
}

/// Under which brands have addresses. `it`, `us`, `eu` and `io` are departments and regions, too.
const COUNTRIES: [&str; 16] = [
    "at", "au", "be", "br", "ca", "ch", "de", "es", "fr", "jp", "nl", "pl", "pt", "ru", "se", "uk",
];

/// Whether a label reads as the end of an address: `com`, that of a country, or `com-track`.
fn looks_like_suffix(label: &[u8]) -> bool {
    let front = label.split(|b| *b == b'-').next().unwrap_or_default();
    matches!(front, b"com" | b"net" | b"org" | b"co") || COUNTRIES.contains(&as_text(label))
}

/// The brand of an address that is known by another name than the brand's: `microsoftonline`.
fn own_address(name: &str) -> Option<&'static str> {
    brands::owner(name.as_bytes()).filter(|word| name.len() > word.len() && name.starts_with(word))
}

/// Whether a host is where others' addresses stand by right.
fn is_carrier(host: &Spelling) -> bool {
    // Some of them are public suffixes, others are registered.
    let name = as_text(host.host());
    let is_below =
        |carrier: &str| name.strip_suffix(carrier).is_some_and(|front| front.ends_with('.'));
    // `linkedin.com.ezproxy.uni.edu`: readers of a library go to others through its own address.
    let mut labels = host.subdomain().split(|b| *b == b'.');
    let is_library = labels.any(|label| label.ends_with(b"ezproxy") || label == b"libproxy");
    // `paypal.com._report._dmarc.example.com`: what is below such a label is no host's name.
    let is_record = name.split('.').any(|label| label.starts_with('_'));
    let is_appended = INNER_TOPS.iter().any(|top| is_below(top));
    CARRIERS.iter().any(|carrier| is_below(carrier))
        || name.ends_with("msedge.net")
        || is_library
        || is_record
        || is_appended
}

/// Under which networks have names of their own, which their computers append to what is asked:
/// `www.example.com.lan`.
const INNER_TOPS: [&str; 9] = [
    "corp",
    "fritz.box",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
];

fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn combination(label: &str) -> Option<Resemblance> {
    if !label.contains('-') {
        return joined(label)
            .map(|brand| Resemblance { likeness: Likeness::Combination, brand: brand.word });
    }
    let shown = shown(label);
    let words: Vec<&str> = shown.split('-').collect();
    let named = |word: &&str| {
        let own = || own_address(word).and_then(brands::called);
        Some((Likeness::Combination, brands::called(word).or_else(own)?))
    };
    let alike = |word: &&str| Some((Likeness::Homoglyph, disguised(word)?));
    let (likeness, found) = words.iter().find_map(|word| named(word).or_else(|| alike(word)))?;
    let baits = words.iter().any(|word| BAIT.contains(word));
    let resemblance = Resemblance { likeness, brand: found.word };
    (baits && !BAIT.contains(&found.word)).then_some(resemblance)
}

/// The brand that a word is made of, with a word that baits before or behind it: `paypalsecure`.
fn joined(label: &str) -> Option<&'static Brand> {
    if label.len() <= JOINED_LENGTH_MIN {
        return None;
    }
    let rests = BAIT.iter().filter(|bait| bait.len() > 2).flat_map(|bait| {
        [label.strip_prefix(bait), label.strip_suffix(bait)].into_iter().flatten()
    });
    rests
        .filter(|rest| rest.len() >= JOINED_LENGTH_MIN)
        .find_map(|rest| brands::called(rest).filter(|brand| !brands::COMMON.contains(&brand.word)))
}

/// The shortest brand that is looked for within a word: `targetalert`, `chaseaccounts` are anybody's.
const JOINED_LENGTH_MIN: usize = 6;

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
