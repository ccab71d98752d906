//! Words in letters that look like a brand's.

use std::borrow::Cow;
use std::sync::OnceLock;

use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};
use rustc_hash::FxHashMap;

use super::{LABEL_BYTES_MAX, Likeness, Resemblance};
use crate::brands::{self, Brand};
use crate::popular;

pub(super) fn homoglyph(label: &str) -> Option<Resemblance> {
    let brand = disguised(&shown(label))?;
    Some(Resemblance { likeness: Likeness::Homoglyph, brand: brand.word })
}

/// A label as people see it.
pub(super) fn shown(label: &str) -> Cow<'_, str> {
    match label.starts_with("xn--") {
        true => idna::domain_to_unicode(label).0.into(),
        false => label.into(),
    }
}

/// The brand that a word looks like and does not spell.
pub(super) fn disguised(word: &str) -> Option<&'static Brand> {
    static ALIKE: OnceLock<FxHashMap<String, &'static Brand>> = OnceLock::new();
    let alike = ALIKE.get_or_init(|| {
        brands::shipped().all.iter().map(|brand| (skeleton(brand.word), brand)).collect()
    });
    let is_plain = word.bytes().all(|b| b.is_ascii_lowercase());
    if is_plain && word.len() < PLAIN_LENGTH_MIN && !word.contains("rn") && !word.contains("vv") {
        return None;
    }
    let brand = alike.get(&skeleton(word)).copied()?;
    if brand.word.len() < 5 && !(brand.word.len() == 4 && mixes_scripts(word)) {
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
    match sign {
        '0' => 'o',
        '1' | 'i' => 'l',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        // Nearly all signs: they are to take no time.
        plain if plain.is_ascii() => plain,
        // Marks above and below letters: `ị`, `ġ`, `ő`.
        other => match (alike(other), unmarked(other)) {
            (found, letter) if found == other && letter != other => plain(letter),
            (found, _) => found,
        },
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

/// The letter that a sign looks like, where that is another.
///
/// The scripts that browsers let stand beside Latin letters, or that have whole words in common with
/// them: Latin itself, Greek, Cyrillic, Armenian, and small capitals.
fn alike(sign: char) -> char {
    match sign {
        'ο' | 'о' | 'ö' | 'ó' | 'ò' | 'ô' | 'õ' | 'ø' | 'ọ' | 'σ' | 'օ' | 'ө' | 'ɵ' | 'ᴏ' | 'ᴑ' => {
            'o'
        }
        'ı' | 'і' | 'ӏ' | 'ł' | 'ĺ' | 'í' | 'ì' | 'î' | 'ï' | 'ī' | 'ι' | 'ɩ' | 'ɪ' | 'ʟ' | 'ǀ'
        | 'ɨ' | 'ꙇ' | 'ɫ' | 'ɭ' | 'ƚ' | 'Ꭵ' | 'ꭵ' => 'l',
        'е' | 'ё' | 'é' | 'è' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ε' | 'є' | 'ҽ' | 'ə' | 'ә' | 'ɛ'
        | 'ᴇ' => 'e',
        'а' | 'α' | 'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ā' | 'ạ' | 'ɑ' | 'ᴀ' => 'a',
        'ѕ' | 'ś' | 'š' | 'ş' | 'ʂ' | 'ƽ' | 'ꜱ' => 's',
        'ú' | 'ù' | 'û' | 'ü' | 'υ' | 'ս' | 'ʋ' | 'μ' | 'ᴜ' => 'u',
        'с' | 'ç' | 'ć' | 'č' | 'ϲ' | 'ҫ' | 'ᴄ' => 'c',
        'р' | 'ρ' | 'ƥ' | 'ᴘ' => 'p',
        'х' | 'χ' | 'ҳ' | 'ӿ' => 'x',
        'у' | 'ý' | 'ÿ' | 'γ' | 'ү' | 'ყ' | 'ʏ' | 'ƴ' | 'ɣ' | 'ỿ' => 'y',
        'һ' | 'հ' | 'н' | 'ɦ' | 'ħ' | 'ʜ' => 'h',
        'ԁ' | 'ɗ' | 'ɖ' | 'đ' | 'ժ' | 'ᴅ' => 'd',
        'ԛ' | 'գ' | 'զ' | 'ʠ' => 'q',
        'ԝ' | 'ω' | 'ѡ' | 'ա' | 'ɯ' | 'ш' | 'ᴡ' => 'w',
        'ј' | 'ϳ' | 'ʝ' | 'ᴊ' => 'j',
        'κ' | 'к' | 'ƙ' | 'қ' | 'ҝ' | 'ᴋ' => 'k',
        'ñ' | 'ń' | 'ň' | 'η' | 'п' | 'ո' | 'ռ' | 'ɲ' | 'ŋ' | 'ɴ' => 'n',
        'т' | 'τ' | 'ŧ' | 'ƭ' | 'ԏ' | 'ᴛ' => 't',
        'ɡ' | 'ğ' | 'ɢ' | 'ɠ' | 'ց' | 'ƍ' | 'ᶃ' | 'ǥ' => 'g',
        'ь' | 'в' | 'β' | 'ɓ' | 'ƀ' | 'ʙ' => 'b',
        'ғ' | 'ք' | 'ƒ' | 'ẝ' | 'ꞙ' => 'f',
        'м' | 'ɱ' | 'ᴍ' => 'm',
        'г' | 'ɾ' | 'ʀ' | 'ᴦ' => 'r',
        'ν' | 'ѵ' | 'ᴠ' => 'v',
        'ʐ' | 'ƶ' | 'ʑ' | 'ᴢ' => 'z',
        other => other,
    }
}

/// The scripts whose letters pass for one another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
}

/// Japanese, Chinese and Korean are written with Latin letters between: other scripts do not count.
fn script(sign: char) -> Option<Script> {
    match sign {
        'a'..='z' | 'A'..='Z' | 'ß'..='ɏ' | 'ɐ'..='ʯ' | 'ᴀ'..='ᶿ' | 'Ḁ'..='ỿ' => {
            Some(Script::Latin)
        }
        'Ͱ'..='Ͽ' | 'ἀ'..='῿' => Some(Script::Greek),
        'Ѐ'..='ԯ' | 'ᲀ'..='\u{1c8f}' | '\u{2de0}'..='\u{2dff}' | 'Ꙁ'..='\u{a69f}' => {
            Some(Script::Cyrillic)
        }
        _ => None,
    }
}

/// Whether a word is in Greek or Cyrillic letters, at least in part.
pub(crate) fn is_in_other_script(word: &str) -> bool {
    word.chars().any(|sign| matches!(script(sign), Some(Script::Greek | Script::Cyrillic)))
}

/// The brand that a word of a text, in small or capital letters, is written like in letters of other
/// scripts. Accents alone are spelling.
pub(crate) fn imitated(word: &str) -> Option<&'static Brand> {
    let is_phonetic = |sign: char| matches!(sign, 'ɐ'..='ʯ' | 'ᴀ'..='ᶿ');
    if word.len() > WORD_BYTES_MAX || !(is_in_other_script(word) || word.contains(is_phonetic)) {
        return None;
    }
    let small = word.chars().flat_map(|sign| match sign {
        // Capitals that look like others than their small letters do.
        'Η' => 'h'.to_lowercase(),
        'Μ' => 'm'.to_lowercase(),
        'Ν' => 'n'.to_lowercase(),
        'Υ' => 'y'.to_lowercase(),
        'Ζ' => 'z'.to_lowercase(),
        other => other.to_lowercase(),
    });
    disguised(&small.collect::<String>())
}

/// The longest word of a text that is looked at.
const WORD_BYTES_MAX: usize = 64;

/// Whether letters of two scripts that pass for one another's are in one word.
pub(crate) fn mixes_scripts(word: &str) -> bool {
    let mut scripts = word.chars().filter_map(script);
    let first = scripts.next();
    scripts.any(|script| Some(script) != first)
}

/// Names by the plain letters that they look like: brands and popular sites.
fn names() -> &'static FxHashMap<String, &'static str> {
    static NAMES: OnceLock<FxHashMap<String, &'static str>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let brands = brands::shipped().all.iter().map(|brand| brand.word);
        let names = popular::labels().chain(brands).filter(|name| name.len() >= MIXED_LENGTH_MIN);
        names.map(|name| (skeleton(name), name)).collect()
    })
}

/// Brands that are looked for within words, by the plain letters that they look like.
fn held() -> &'static [(String, &'static str)] {
    static HELD: OnceLock<Vec<(String, &'static str)>> = OnceLock::new();
    HELD.get_or_init(|| {
        let brands = brands::shipped().all.iter().map(|brand| brand.word);
        let brands = brands.filter(|word| word.len() >= HELD_LENGTH_MIN);
        brands.map(|word| (skeleton(word), word)).collect()
    })
}

/// The name that a word in letters of two scripts stands for: a brand's or a popular site's, or one with
/// a brand's in it.
fn mixed(word: &str) -> Option<&'static str> {
    let plain = skeleton(word);
    let within = || held().iter().find(|(brand, _)| plain.contains(brand)).map(|(_, word)| *word);
    names().get(&plain).copied().or_else(within)
}

/// The shortest name that a word of two scripts can stand for.
const MIXED_LENGTH_MIN: usize = 4;
/// The shortest that is looked for within such a word.
const HELD_LENGTH_MIN: usize = 6;

/// Letters of several scripts in one word of an internationalised name. No language is written so; what
/// it stands for makes it a deception.
pub(super) fn several_scripts(host: &[u8]) -> Option<Resemblance> {
    // Nearly all names are in ASCII: they are to take no time.
    if !host.windows(4).any(|part| part == b"xn--") {
        return None;
    }
    let labels = std::str::from_utf8(host).unwrap_or_default().split('.');
    let labels = labels.filter(|label| label.starts_with("xn--") && label.len() <= LABEL_BYTES_MAX);
    let mut found = None;
    for label in labels.take(LABELS_MAX) {
        let shown = shown(label);
        for word in shown.split('-').filter(|word| mixes_scripts(word)) {
            if let Some(brand) = mixed(word) {
                return Some(Resemblance { likeness: Likeness::Homoglyph, brand });
            }
            found = Some(Resemblance { likeness: Likeness::SeveralScripts, brand: "" });
        }
    }
    found
}

/// Of how many labels of one name the letters are looked at. Names have few that are not in ASCII.
const LABELS_MAX: usize = 8;
