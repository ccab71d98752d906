//! Words in letters that look like a brand's.

use std::borrow::Cow;
use std::sync::OnceLock;

use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};
use rustc_hash::FxHashMap;

use super::{Likeness, Resemblance};
use crate::brands::{self, Brand};

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
