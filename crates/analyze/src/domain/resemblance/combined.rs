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
        .find_map(|rest| brand(rest).filter(|brand| !brands::COMMON.contains(&brand.word)))
}

/// The shortest brand that is looked for within a word: `targetalert`, `chaseaccounts` are anybody's.
const JOINED_LENGTH_MIN: usize = 6;
