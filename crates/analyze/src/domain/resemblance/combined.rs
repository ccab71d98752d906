//! A brand and a word that baits, in one name.

use super::alike::{disguised, shown};
use super::{Likeness, Resemblance, brand, own_address};
use crate::brands::{self, Brand};

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

/// The same in other languages and of other trades. They bait beside a dash alone: without one they are
/// parts of honest words.
const BAIT_APART: [&str; 28] = [
    "aduana",
    "aktualisierung",
    "anmelden",
    "anmeldung",
    "chiptan",
    "colis",
    "dogana",
    "entsperren",
    "freigabe",
    "help",
    "konto",
    "kunden",
    "kundencenter",
    "kundenservice",
    "legitimation",
    "livraison",
    "pacco",
    "paket",
    "paketdienst",
    "phototan",
    "pushtan",
    "sendung",
    "sicherheit",
    "verif",
    "verifizierung",
    "zoll",
    "zollamt",
    "zustellung",
];

/// What impostors of a brand offer under its own product's name.
const PRODUCTS: [(&str, &str); 8] = [
    ("ledger", "live"),
    ("metamask", "extension"),
    ("telegram", "web"),
    ("trezor", "bridge"),
    ("trezor", "start"),
    ("trezor", "suite"),
    ("trezor", "web"),
    ("whatsapp", "web"),
];

/// The shortest brand that a word with digits for letters gives away by itself.
const DIGITS_LENGTH_MIN: usize = 6;

pub(super) fn combination(label: &str) -> Option<Resemblance> {
    if !label.contains('-') {
        return joined(label)
            .map(|brand| Resemblance { likeness: Likeness::Combination, brand: brand.word });
    }
    let shown = shown(label);
    let words: Vec<&str> = shown.split('-').collect();
    let named = |word: &&str| {
        let own = || own_address(word).and_then(brand);
        Some((Likeness::Combination, brand(word).or_else(own)?))
    };
    let alike = |word: &&str| Some((Likeness::Homoglyph, disguised(word)?));
    let (likeness, found) = words.iter().find_map(|word| named(word).or_else(|| alike(word)))?;
    // Whoever learns to program calls a copy of a brand's site a clone.
    let offers = |word: &str| PRODUCTS.contains(&(found.word, word)) && !words.contains(&"clone");
    let baits = |word: &&str| BAIT.contains(word) || BAIT_APART.contains(word) || offers(word);
    if words.iter().any(baits) && !BAIT.contains(&found.word) {
        return Some(Resemblance { likeness, brand: found.word });
    }
    let brand = words.iter().find_map(|word| in_digits(word))?;
    Some(Resemblance { likeness: Likeness::Homoglyph, brand })
}

/// The brand that a word spells with digits in place of letters: `micros0ft`. Nobody else is called so.
/// A one in front may be a number.
fn in_digits(word: &str) -> Option<&'static str> {
    let is_spelled_so = word.bytes().any(|b| b.is_ascii_digit()) && !word.starts_with('1');
    let brand = is_spelled_so.then(|| disguised(word)).flatten()?;
    (brand.word.len() >= DIGITS_LENGTH_MIN).then_some(brand.word)
}

/// The brand that a word is made of, with a word that baits before or behind it: `paypalsecure`.
fn joined(label: &str) -> Option<&'static Brand> {
    if label.len() <= JOINED_LENGTH_MIN {
        return None;
    }
    let letters = label.as_bytes();
    let (first, last) = (letters.first(), letters.last());
    let rests = BAIT.iter().filter(|bait| bait.len() > 2).flat_map(|bait| {
        // Most words are told apart by one letter.
        let ends = bait.as_bytes();
        let front = (ends.first() == first).then(|| label.strip_prefix(bait)).flatten();
        let back = (ends.last() == last).then(|| label.strip_suffix(bait)).flatten();
        [front, back].into_iter().flatten()
    });
    rests
        .filter(|rest| rest.len() >= JOINED_LENGTH_MIN)
        .find_map(|rest| brand(rest).filter(|brand| !brands::COMMON.contains(&brand.word)))
}

/// The shortest brand that is looked for within a word: `targetalert`, `chaseaccounts` are anybody's.
const JOINED_LENGTH_MIN: usize = 6;
