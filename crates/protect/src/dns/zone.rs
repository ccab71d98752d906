//! A zone as it is asked: its name and records ready to be written.

use super::config::{Codes, ListConfig, ListKind};
use std::net::Ipv4Addr;
use wardnet_model::{Band, Category, CategorySet};
use wardnet_score::Policy;
use wardnet_verdictdb::Answer;
use wardnet_wire::dns::Name;

/// The answer at the test points, and of a zone that tells no categories.
pub(super) const LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The answer where a model has an opinion of what nobody has listed.
pub(super) const PREDICTED: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 2);

/// How good the good are, as dnswl.org counts: 127.0.x.3 is what an operator allowed, 127.0.x.2 what
/// good evidence speaks for.
const TRUSTED: u8 = 3;
const SAFE: u8 = 2;

/// What the good are, as dnswl.org numbers them: providers of networks and services, and others.
const PROVIDER: u8 = 5;
const OTHERS: u8 = 10;
const PROVIDERS: [Category; 5] = [
    Category::Cloud,
    Category::Cdn,
    Category::PublicDns,
    Category::Hosting,
    Category::Infrastructure,
];

/// Groups of categories, each with its bit in the last octet. Bit 0 is never set: some clients take
/// 127.0.0.1 for a failure.
pub const BITS: [(u8, &[Category]); 6] = [
    (4, &[Category::Phishing, Category::Scam]),
    (
        8,
        &[
            Category::Malware,
            Category::CommandAndControl,
            Category::Ransomware,
            Category::Exploit,
            Category::Cryptomining,
            Category::GeneratedDomain,
        ],
    ),
    (16, &[Category::Spam, Category::Disposable]),
    (
        32,
        &[
            Category::Scanner,
            Category::BruteForce,
            Category::Attacker,
            Category::DenialOfService,
            Category::WebAttack,
            Category::Hijacked,
        ],
    ),
    (64, &[Category::Stalkerware, Category::Adware, Category::Tracker, Category::UnwantedSoftware]),
    (128, &[Category::Anonymizer, Category::DynamicDns, Category::NewlyRegistered]),
];

/// What is listed, and in none of these groups.
const BIT_OF_OTHERS: u8 = 2;

/// The code of category number 0.
const CODES_BEGIN: u8 = 10;

/// Categories with codes of their own have smaller numbers.
const CODES_END: u8 = 40;

/// The most addresses in one answer.
const CODES_MAX: usize = 6;

/// Seconds that secondaries would wait, if there were any.
const TIMERS: [u32; 3] = [3600, 600, 86_400];

/// The address that stands for a category: 127.0.0.10 and its number.
pub fn code_of(category: Category) -> Option<Ipv4Addr> {
    let number = category.tag();
    (number < CODES_END).then(|| Ipv4Addr::new(127, 0, 0, number + CODES_BEGIN))
}

/// What a zone says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    codes: [Ipv4Addr; CODES_MAX],
    count: usize,
}

impl Listing {
    /// The one answer that has no category.
    pub(super) const fn plain(code: Ipv4Addr) -> Self {
        Self { codes: [code; CODES_MAX], count: 1 }
    }

    /// The addresses.
    pub(super) fn codes(&self) -> &[Ipv4Addr] {
        self.codes.get(..self.count).unwrap_or_default()
    }

    fn of(categories: CategorySet) -> Self {
        // Bit `n` of the set stands for the category with number `n`.
        let mut left = categories.bits() & ((1 << CODES_END) - 1);
        if left == 0 {
            // What an operator blocked without a reason, or for one that lists have no code for.
            left = CategorySet::EMPTY.with(Category::Uncategorised).bits();
        }
        let mut listing = Self::plain(LISTED);
        for (at, place) in listing.codes.iter_mut().enumerate() {
            let Ok(number) = u8::try_from(left.trailing_zeros()) else { break };
            if number >= CODES_END {
                break;
            }
            *place = Ipv4Addr::new(127, 0, 0, number + CODES_BEGIN);
            listing.count = at + 1;
            left &= left - 1;
        }
        listing
    }

    fn bits(categories: CategorySet) -> Self {
        let is_in = |group: &[Category]| group.iter().any(|one| categories.contains(*one));
        let bits = BITS.iter().filter(|(_, group)| is_in(group)).fold(0, |all, (bit, _)| all | bit);
        Self::plain(Ipv4Addr::new(127, 0, 0, if bits == 0 { BIT_OF_OTHERS } else { bits }))
    }

    /// As dnswl.org writes it.
    fn good(categories: CategorySet, trust: u8) -> Self {
        let is_provider = PROVIDERS.iter().any(|one| categories.contains(*one));
        let sort = if is_provider { PROVIDER } else { OTHERS };
        Self::plain(Ipv4Addr::new(127, 0, sort, trust))
    }
}

/// A zone.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) config: ListConfig,
    /// Its name as it stands in messages.
    pub(super) octets: Vec<u8>,
    /// The name server that the apex names.
    pub(super) name_server: Vec<u8>,
    /// Its start of authority with serial number 0.
    start_of_authority: Vec<u8>,
    keys: Vec<Vec<u8>>,
    policy: Policy,
}

/// Bytes of the five numbers at the end of a start of authority, of which the serial is the first.
const NUMBERS_BYTES: usize = 20;

fn start_of_authority(octets: &[u8], name_server: &[u8], minimum: u32) -> Vec<u8> {
    let mut data = [name_server, b"\0\x0ahostmaster", octets, b"\0"].concat();
    let [refresh, retry, expire] = TIMERS;
    data.extend([0, refresh, retry, expire, minimum].map(u32::to_be_bytes).as_flattened());
    data
}

impl Zone {
    pub(super) fn new(config: ListConfig) -> Self {
        let octets = Name::encode(&config.zone).unwrap_or_default();
        let name_server = [b"\x02ns".as_slice(), &octets].concat();
        let keys = config.keys.iter().map(|key| key.to_ascii_lowercase().into_bytes()).collect();
        let policy = Policy { level: config.level, categories: config.categories };
        let start_of_authority = start_of_authority(&octets, &name_server, config.negative_ttl);
        Self { config, octets, name_server, start_of_authority, keys, policy }
    }

    /// Whether it is asked by digests that are not the database's own keys.
    pub(super) fn needs_index(&self) -> bool {
        self.config.kind == ListKind::HashPrefixes || !self.config.digests.is_empty()
    }

    /// Its start of authority (RFC 1035, section 3.3.13).
    pub(super) fn start_of_authority(&self, serial: u32, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.start_of_authority);
        let serial_at = self.start_of_authority.len() - NUMBERS_BYTES;
        if let Some(place) = out.get_mut(serial_at..serial_at + 4) {
            place.copy_from_slice(&serial.to_be_bytes());
        }
    }

    /// Takes the key off the labels before the zone; `None` where one is needed and none is right.
    pub(super) fn without_key<'l, 'n>(&self, labels: &'l [&'n [u8]]) -> Option<&'l [&'n [u8]]> {
        if self.keys.is_empty() || labels.is_empty() {
            return Some(labels);
        }
        let (key, rest) = labels.split_last()?;
        self.keys.iter().any(|own| key.eq_ignore_ascii_case(own)).then_some(rest)
    }

    /// What the zone says of a verdict; `None` when it lists nothing.
    pub(super) fn listing(&self, answer: &Answer<'_, '_>) -> Option<Listing> {
        if self.config.kind == ListKind::Allowed {
            return match answer.band {
                // What standards set apart is nobody's good name.
                Band::Trusted if answer.reserved.is_none() => {
                    Some(Listing::good(answer.categories, TRUSTED))
                }
                Band::Safe => Some(Listing::good(answer.categories, SAFE)),
                _ => None,
            };
        }
        let is_listed = self.policy.blocks(answer.risk, answer.band, answer.categories);
        is_listed.then(|| match (self.config.kind, self.config.codes) {
            (ListKind::Mhr, _) => Listing::plain(LISTED),
            (_, Codes::Categories) => Listing::of(answer.categories),
            (_, Codes::Bits) => Listing::bits(answer.categories),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_has_a_code_of_its_category_or_that_of_none() {
        let codes = |all: &[Category]| Listing::of(all.iter().copied().collect()).codes().to_vec();
        let none = [code_of(Category::Uncategorised).unwrap()];
        let phishing = [code_of(Category::Phishing).unwrap()];
        assert_eq!(codes(&[]), none);
        assert_eq!(code_of(Category::Hosting), None);
        assert_eq!(codes(&[Category::Hosting]), none);
        assert_eq!(codes(&[Category::Hosting, Category::Phishing]), phishing);
        assert!(![none, phishing].concat().contains(&LISTED));
    }
}
