//! What an indicator is bad (or good) for, and sets of such categories.

use crate::UnknownName;
use std::fmt;
use std::str::FromStr;

macro_rules! categories {
    ($($tag:literal $variant:ident $name:literal $doc:literal;)*) => {
        /// Why an indicator matters. The numbers are written to disk and never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Category {
            $(#[doc = $doc] $variant = $tag,)*
        }

        /// Every category with its stable name, in order of its number.
        const NAMES: &[(Category, &str, &str)] = &[$((Category::$variant, $name, $doc),)*];

        impl Category {
            /// The category of a number read from disk.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name used in JSON, configuration and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

categories! {
    0 Uncategorised "uncategorised" "Dangerous, without a reason given.";
    1 Malware "malware" "Serves or is malware.";
    2 Phishing "phishing" "Imitates somebody to collect secrets.";
    3 CommandAndControl "c2" "Steers infected machines.";
    4 Ransomware "ransomware" "Part of an extortion by encryption.";
    5 Exploit "exploit" "Attacks a vulnerability.";
    6 Spam "spam" "Sends or is advertised by unsolicited mail.";
    7 Scam "scam" "Fraud: fake shops, investments, support.";
    8 Scanner "scanner" "Scans the internet.";
    9 BruteForce "brute-force" "Guesses passwords.";
    10 Attacker "attacker" "Seen attacking, without saying how.";
    11 Hijacked "hijacked" "A network in criminal hands (Spamhaus DROP).";
    12 Cryptomining "cryptomining" "Mines with other people's machines.";
    13 Stalkerware "stalkerware" "Spies on a person close by.";
    14 Adware "adware" "Unwanted advertising software.";
    15 Tracker "tracker" "Follows people over the web.";
    16 Advertising "advertising" "Advertising.";
    17 UnwantedSoftware "unwanted-software" "Software that misleads its user.";
    18 GeneratedDomain "generated-domain" "A name made by a generating algorithm.";
    19 NewlyRegistered "newly-registered" "A domain registered a short while ago.";
    20 Suspicious "suspicious" "Looks wrong, without proof.";
    21 Anonymizer "anonymizer" "Proxy, VPN or Tor exit.";
    22 Disposable "disposable" "Throw-away mail or host names.";
    23 DynamicDns "dynamic-dns" "Names that anybody can point anywhere.";
    24 Sinkhole "sinkhole" "Held by defenders.";
    25 Vulnerable "vulnerable" "A known vulnerability.";
    26 DenialOfService "denial-of-service" "Takes part in floods.";
    27 WebAttack "web-attack" "Attacks web applications.";
    28 Gambling "gambling" "Gambling.";
    29 Piracy "piracy" "Unlicensed copies.";
    30 Adult "adult" "Adult content.";
    40 KnownGood "known-good" "On a list of known good things.";
    41 TopSite "top-site" "Among the most visited sites.";
    42 Cloud "cloud" "Space let by a cloud.";
    43 Cdn "cdn" "A content delivery network.";
    44 PublicDns "public-dns" "A public resolver.";
    45 Hosting "hosting" "Lends space to strangers.";
    46 Shortener "shortener" "Shortens links.";
    47 Infrastructure "infrastructure" "What the internet needs to work.";
    48 Reserved "reserved" "Reserved by a standard.";
    49 ResearchScanner "research-scanner" "Scans the internet and says who it is.";
}

impl Category {
    /// The number that stands for this category on disk.
    pub const fn tag(self) -> u8 {
        self as u8
    }

    /// One sentence that says what the category means.
    pub fn meaning(self) -> &'static str {
        NAMES.iter().find(|(category, ..)| *category == self).map_or("", |(.., meaning)| meaning)
    }

    /// Every category, in order of its number.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(category, ..)| *category)
    }
}

impl FromStr for Category {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        NAMES
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(category, ..)| *category)
            .ok_or_else(|| UnknownName::new("category", name, NAMES.iter().map(|row| row.1)))
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of categories: bit `n` stands for the category with number `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CategorySet(u64);

impl CategorySet {
    /// The set without members.
    pub const EMPTY: Self = Self(0);

    /// The set of a bit mask read from disk. Bits of unknown categories are kept.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The set as a bit mask.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// This set and `category`.
    #[must_use]
    pub const fn with(self, category: Category) -> Self {
        Self(self.0 | 1 << category.tag())
    }

    /// The members of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the sets share a member.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether `category` is a member.
    pub const fn contains(self, category: Category) -> bool {
        self.0 & (1 << category.tag()) != 0
    }

    /// Whether the set has no members.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members that this build knows, in order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Category> {
        let mut left = self.0;
        let tags = std::iter::from_fn(move || {
            let tag = u8::try_from(left.trailing_zeros()).ok().filter(|_| left != 0)?;
            left &= left - 1;
            Some(tag)
        });
        tags.filter_map(Category::from_tag)
    }
}

impl FromIterator<Category> for CategorySet {
    fn from_iter<I: IntoIterator<Item = Category>>(categories: I) -> Self {
        categories.into_iter().fold(Self::EMPTY, Self::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_tags_survive_a_round_trip() {
        for category in Category::all() {
            assert_eq!(Category::from_tag(category.tag()), Some(category));
            assert_eq!(category.name().parse::<Category>().unwrap(), category);
            assert!(category.tag() < 64, "a set is one 64-bit mask");
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: CategorySet = [Category::Phishing, Category::TopSite].into_iter().collect();
        assert!(set.contains(Category::Phishing) && !set.contains(Category::Malware));
        assert_eq!(set.iter().collect::<Vec<_>>(), [Category::Phishing, Category::TopSite]);
        assert!(set.intersects(CategorySet::EMPTY.with(Category::TopSite)));
        let all = CategorySet::from_bits(u64::MAX);
        assert_eq!(all.iter().collect::<Vec<_>>(), Category::all().collect::<Vec<_>>());
    }
}
