//! Brands that a page names, and whether they are at home where it was found.

use crate::brands::{self, Brand};
use crate::domain::{imitated, is_in_other_script};
use crate::url::Spelling;

/// The shortest brand that is known in several words: `Wells Fargo`, `Office 365`. Shorter ones come
/// about by chance.
const SPELLED_OUT_MIN: usize = 8;

/// Of how many words one brand may be.
const WORDS_MAX: usize = 4;

/// What in several words means anybody: many towns have a Citizens Bank, and `we transfer` is a sentence.
const APART: [&str; 7] = [
    "citizensbank",
    "linkedin",
    "medicare",
    "royalbank",
    "sharepoint",
    "standardbank",
    "wetransfer",
];

/// Banks of one name of which each town has its own, at names such as `berliner-sparkasse.de`.
const ASSOCIATIONS: [&str; 2] = ["sparkasse", "volksbank"];

/// Under which they are.
const ASSOCIATED_UNDER: [&[u8]; 7] = [b"at", b"ch", b"com", b"de", b"it", b"li", b"lu"];

/// What impostors put beside the name of such a bank, and towns are not called.
const BAIT: [&str; 37] = [
    "account", "aktual", "alert", "anmeld", "app", "auth", "banking", "bestaet", "client", "daten",
    "filiale", "freigabe", "hilfe", "id", "info", "karte", "konto", "kunde", "legitim", "login",
    "meine", "mobil", "online", "portal", "psd", "push", "secur", "service", "sicher", "sperr",
    "support", "tan", "update", "verif", "verwalt", "web", "zugang",
];

/// Where everybody takes fonts, scripts and files from.
const SERVE_ANYBODY: [&[u8]; 10] = [
    b"amazonaws",
    b"azure",
    b"githubassets",
    b"githubusercontent",
    b"googleadservices",
    b"googleapis",
    b"googlesyndication",
    b"googletagmanager",
    b"googleusercontent",
    b"windows",
];

/// The first brand that `shown` names as a word and that is not at home on `home`.
pub(super) fn foreign(shown: &str, home: &Spelling) -> Option<&'static str> {
    let brands = named(shown);
    brands.into_iter().find(|brand| !is_at_home(brand, home)).map(|brand| brand.word)
}

/// The brands that `shown` names: as words, in several words, or in letters that look like theirs.
pub(super) fn named(shown: &str) -> Vec<&'static Brand> {
    // Where elements meet within a heading there may or may not be a blank.
    let joined = seen(shown);
    let spaced = shown.contains(SEAM).then(|| seen(&shown.replace(SEAM, " ")));
    let mut found = Vec::new();
    for shown in std::iter::once(joined).chain(spaced) {
        let hits = brands::shipped().finder.find_iter(shown.as_bytes());
        found.extend(hits.filter_map(|hit| {
            let brand = brands::shipped().all.get(hit.pattern().as_usize())?;
            brands::is_word(shown.as_bytes(), hit.start(), hit.end()).then_some(brand)
        }));
        found.extend(spelled_out(&shown));
        found.extend(words_of(&shown).filter_map(imitated));
    }
    found.retain(is_telling);
    found
}

/// Stands between texts of several elements within a heading.
pub(super) const SEAM: char = '\u{200b}';

/// The brand that `shown` writes in letters that only look like its own. In a text of which other words
/// are in those letters, somebody forgot to change the keyboard.
pub(super) fn disguised(shown: &str) -> Option<&'static Brand> {
    let shown = seen(shown);
    let brand = words_of(&shown).filter_map(imitated).find(is_telling)?;
    let is_slip = words_of(&shown).any(|word| imitated(word).is_none() && is_in_other_script(word));
    (!is_slip).then_some(brand)
}

fn words_of(shown: &str) -> impl Iterator<Item = &str> {
    shown.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A brand whose own images or styles stand at `there`, if it is not at home on `home`.
pub(super) fn served_by(there: &Spelling, home: &Spelling) -> Option<&'static str> {
    let owner = brands::owner(there.label())?;
    let mut owners = brands::shipped().all.iter().filter(|brand| brand.owns(there.label()));
    let is_free = SERVE_ANYBODY.contains(&there.label()) || there.registered() == home.registered();
    (!is_free && !owners.any(|brand| is_at_home(brand, home))).then_some(owner)
}

fn is_telling(brand: &&'static Brand) -> bool {
    brand.word.len() >= 4 && !brands::COMMON.contains(&brand.word)
}

/// The brands that stand there in several words.
fn spelled_out(shown: &str) -> Vec<&'static Brand> {
    let words = words(shown);
    let starting = |start: usize| {
        let mut joined = String::new();
        let run = words.get(start..).unwrap_or_default().iter().take(WORDS_MAX);
        run.take_while(|word| !word.is_empty()).enumerate().find_map(|(before, word)| {
            joined.push_str(word);
            let is_meant = before > 0 && joined.len() >= SPELLED_OUT_MIN;
            let named = || brands::called(&joined).filter(|brand| !APART.contains(&brand.word));
            is_meant.then(named).flatten()
        })
    };
    (0..words.len()).filter_map(starting).collect()
}

/// The words of a text in plain letters. Signs other than blanks and dashes between two words leave an
/// empty one there: nothing is spelled out across them, nor across a dash with blanks around it.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut gap = Gap::None;
    for sign in text.chars() {
        if !sign.is_alphanumeric() {
            gap = gap.with(sign);
            continue;
        }
        match gap {
            Gap::None => {}
            Gap::Blank | Gap::Dash => words.push(String::new()),
            Gap::Other => words.extend([String::new(), String::new()]),
        }
        gap = Gap::None;
        if let Some(word) = words.last_mut() {
            word.extend(plain(sign));
        }
    }
    words
}

/// What stands between two words.
#[derive(Debug, Clone, Copy)]
enum Gap {
    None,
    Blank,
    Dash,
    Other,
}

impl Gap {
    fn with(self, sign: char) -> Self {
        match (self, sign) {
            (Self::None | Self::Blank, sign) if sign.is_whitespace() => Self::Blank,
            (Self::None, '-' | '\u{2010}' | '\u{2011}') => Self::Dash,
            _ => Self::Other,
        }
    }
}

fn seen(shown: &str) -> String {
    shown.chars().filter(|sign| !is_unseen(*sign)).collect()
}

/// Soft hyphens, joiners and accents that stand by themselves.
fn is_unseen(sign: char) -> bool {
    matches!(sign, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{300}'..='\u{36f}')
}

/// A letter in lower case, without the accents of Western Europe.
pub(super) fn plain(sign: char) -> impl Iterator<Item = char> {
    sign.to_lowercase().map(|sign| match sign {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' => 'o',
        'ù'..='ü' => 'u',
        other => other,
    })
}

/// Whether a site may bear a brand's name: its own, one under the brand's own suffix (`.bnpparibas`), a
/// bank of an association of that name, and whatever a government says.
pub(super) fn is_at_home(brand: &Brand, home: &Spelling) -> bool {
    brand.owns(home.label())
        || home.suffix() == brand.word.as_bytes()
        || is_government(home)
        || (ASSOCIATIONS.contains(&brand.word) && is_associated(brand.word, home))
}

/// Whether a host is under a suffix for governments: `gov`, `mil`, `gov.uk`, `gouv.fr`, `gob.mx`.
fn is_government(home: &Spelling) -> bool {
    let suffix = std::str::from_utf8(home.suffix()).unwrap_or_default();
    let is_public = |name: &str| matches!(name, "gov" | "gob" | "gouv" | "govt" | "mil");
    let mut labels = suffix.rsplit('.');
    match (labels.next(), labels.next()) {
        (Some(name), None) => matches!(name, "gov" | "mil"),
        (Some(country), Some(name)) => country.len() == 2 && is_public(name),
        _ => false,
    }
}

/// Whether a site's name begins or ends with the word and a dash, and has nothing that baits.
fn is_associated(word: &str, home: &Spelling) -> bool {
    let label = std::str::from_utf8(home.label()).unwrap_or_default();
    let is_plain = label.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let place = label.strip_prefix(word).and_then(|rest| rest.strip_prefix('-'));
    let place = place.or_else(|| label.strip_suffix(word).and_then(|rest| rest.strip_suffix('-')));
    is_plain
        && ASSOCIATED_UNDER.contains(&home.suffix())
        && place.is_some_and(|place| !place.split('-').any(is_bait))
}

/// Short words bait only by themselves: `tan` is in `konstanz`, too.
fn is_bait(part: &str) -> bool {
    BAIT.iter().any(|bait| if bait.len() < 4 { *bait == part } else { part.contains(bait) })
        || part.starts_with("push")
        || part.len() < 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::address::spelled;

    #[test]
    fn brands_in_several_words() {
        let home = spelled("https://example.net/");
        for (shown, brand) in [
            ("Sign in | Wells Fargo", Some("wellsfargo")),
            ("Bank of America", Some("bankofamerica")),
            ("Bank\u{a0}of-America: log in", Some("bankofamerica")),
            ("Deutsche Bank", Some("deutschebank")),
            ("Welcome to Office 365!", Some("office365")),
            ("Crédit Agricole", Some("creditagricole")),
            ("CRÉDIT-AGRICOLE", Some("creditagricole")),
            ("Cre\u{301}dit Agri\u{ad}cole", Some("creditagricole")),
            ("La Banque Postale", Some("labanquepostale")),
            ("Bank of Americana", None),
            ("Outbank of America", None),
            ("the bank of. America", None),
            ("Wells - Fargo", None),
            ("Citizens Bank of Ohio", None),
            ("How we transfer your money", None),
            ("Pay\u{ad}Pa\u{200b}l", Some("paypal")),
            ("Pay pal", None),
            ("P\u{430}yPal: Log in", Some("paypal")),
            ("\u{420}\u{410}\u{423}\u{420}\u{410}L", Some("paypal")),
            ("\u{391}\u{39c}\u{391}\u{396}\u{39f}N", Some("amazon")),
            ("\u{262}oogle", Some("google")),
            ("Pay\u{200b}Pal", Some("paypal")),
            ("PayPal\u{200b}Log in", Some("paypal")),
            ("\u{41f}\u{43e}\u{447}\u{442}\u{430}", None),
            ("Am\u{e9}li", None),
            ("", None),
        ] {
            assert_eq!(foreign(shown, &home), brand, "{shown}");
        }
        assert_eq!(foreign("Wells Fargo", &spelled("https://connect.wellsfargo.com/")), None);
        assert_eq!(foreign("Deutsche Bank", &spelled("https://www.deutsche-bank.de/")), None);
        assert_eq!(foreign("BNP Paribas", &spelled("https://mabanque.bnpparibas/")), None);
    }

    #[test]
    fn where_brands_are_at_home() {
        for (shown, url) in [
            ("Berliner Sparkasse", "https://www.berliner-sparkasse.de/"),
            ("Sparkasse Konstanz", "https://sparkasse-konstanz.de/"),
            ("Volksbank Stuttgart", "https://www.volksbank-stuttgart.de/"),
            ("HMRC", "https://www.tax.service.gov.uk/"),
            ("Ameli", "https://franceconnect.gouv.fr/"),
            ("Microsoft", "https://sso.example.gov/"),
            ("Microsoft", "https://example.gob.mx/"),
            ("iCloud", "https://idmsa.apple.com/"),
            ("Office 365", "https://login.microsoftonline.com/"),
        ] {
            assert_eq!(foreign(shown, &spelled(url)), None, "{shown} at {url}");
        }
        for (shown, url) in [
            ("Sparkasse", "https://sparkasse-kundensicherheit.de/"),
            ("Sparkasse", "https://sparkasse-push-tan.de/"),
            ("Sparkasse", "https://sparkasse-berlin.top/"),
            ("Sparkasse", "https://mysparkasse.de/"),
            ("Volksbank", "https://berliner-sparkasse.de/"),
            ("Paypal", "https://paypal-stuttgart.de/"),
            ("Microsoft", "https://gov.example.com/"),
            ("Microsoft", "https://gov-uk.example/"),
        ] {
            assert!(foreign(shown, &spelled(url)).is_some(), "{shown} at {url}");
        }
    }
}
