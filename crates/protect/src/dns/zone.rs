//! A zone as it is asked: its name and records ready to be written.

use super::config::{ListConfig, ListKind};
use std::net::Ipv4Addr;
use wardnet_model::{Band, Category, CategorySet};
use wardnet_score::Policy;
use wardnet_verdictdb::Answer;
use wardnet_wire::dns::Name;

/// The answer at the test points, and of what is listed without a category.
pub(super) const LISTED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What an operator allowed.
const TRUSTED: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 3);

/// What good evidence speaks for.
const SAFE: Ipv4Addr = Ipv4Addr::new(127, 0, 1, 2);

/// Categories with codes of their own have smaller numbers.
const CODES_END: u8 = 40;

/// The most addresses in one answer.
const CODES_MAX: usize = 6;

/// Seconds that secondaries would wait, if there were any.
const TIMERS: [u32; 3] = [3600, 600, 86_400];

/// The address that stands for a category: 127.0.0.10 and its number.
pub fn code_of(category: Category) -> Option<Ipv4Addr> {
    let number = category.tag();
    (number < CODES_END).then(|| Ipv4Addr::new(127, 0, 0, number.saturating_add(10)))
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
        let mut listing = Self::plain(LISTED);
        let own = || Category::all().filter(|one| categories.contains(*one)).filter_map(code_of);
        for (place, code) in listing.codes.iter_mut().zip(own()) {
            *place = code;
        }
        listing.count = own().count().clamp(1, CODES_MAX);
        listing
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
    keys: Vec<Vec<u8>>,
    policy: Policy,
}

impl Zone {
    pub(super) fn new(config: ListConfig) -> Self {
        let octets = Name::encode(&config.zone).unwrap_or_default();
        let name_server = [b"\x02ns".as_slice(), &octets].concat();
        let keys = config.keys.iter().map(|key| key.to_ascii_lowercase().into_bytes()).collect();
        let policy = Policy { level: config.level, categories: config.categories };
        Self { config, octets, name_server, keys, policy }
    }

    /// Its start of authority (RFC 1035, section 3.3.13).
    pub(super) fn start_of_authority(&self, serial: u32, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.name_server);
        out.push(0);
        out.extend_from_slice(b"\x0ahostmaster");
        out.extend_from_slice(&self.octets);
        out.push(0);
        let [refresh, retry, expire] = TIMERS;
        for number in [serial, refresh, retry, expire, self.config.negative_ttl] {
            out.extend_from_slice(&number.to_be_bytes());
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
                Band::Trusted if answer.reserved.is_none() => Some(Listing::plain(TRUSTED)),
                Band::Safe => Some(Listing::plain(SAFE)),
                _ => None,
            };
        }
        self.policy
            .blocks(answer.risk, answer.band, answer.categories)
            .then(|| Listing::of(answer.categories))
    }
}
