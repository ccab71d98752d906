//! What `wardnet.toml` says of DNS lists.

use super::digest::Digest;
use crate::opinion::Percent;
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::str::FromStr;
use wardnet_model::{Category, CategorySet};
use wardnet_score::Level;
use wardnet_server::Rate;
use wardnet_wire::dns::Name;

/// A listener with zones: a `[[dns]]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsConfig {
    /// Where to listen, over UDP and TCP.
    pub listen: SocketAddr,
    /// Networks that may ask; everybody when empty.
    #[serde(default)]
    pub allow: Vec<IpNet>,
    /// Answers for one address, or one IPv6 /64.
    #[serde(default)]
    pub rate: RateConfig,
    /// TCP connections at once. Default 1,000.
    #[serde(default = "connections_max")]
    pub tcp_connections_max: usize,
    /// TCP connections of one client at once: an address, or an IPv6 /64. Default 100.
    #[serde(default = "connections_per_address_max")]
    pub tcp_connections_per_address_max: usize,
    /// Seconds that a TCP connection may be silent, or slow with a message or in taking an answer.
    /// Default 10.
    #[serde(default = "idle_secs")]
    pub tcp_idle_secs: u64,
    /// Names that are kept by digests other than the database's own, at most. Default 10,000,000.
    #[serde(default = "digest_names_max")]
    pub digest_names_max: usize,
    /// The zones.
    pub list: Vec<ListConfig>,
}

impl DnsConfig {
    /// What is wrong with it, in words for who wrote it.
    pub fn complaint(&self) -> Option<String> {
        if self.list.is_empty() {
            return Some(format!("the DNS listener on {} has no [[dns.list]]", self.listen));
        }
        if self.tcp_connections_max == 0 || self.tcp_connections_per_address_max == 0 {
            return Some("a limit of TCP connections must be at least 1".to_owned());
        }
        let mut zones = BTreeSet::new();
        self.list.iter().find_map(|list| {
            let zone = &list.zone;
            if !zones.insert(zone) {
                return Some(format!("the zone {zone} is there twice"));
            }
            if !list.digests.is_empty() && list.kind != ListKind::Hashes {
                return Some(format!(
                    "the zone {zone} has `digests`, which are for `hashes` alone"
                ));
            }
            let of_names = matches!(list.kind, ListKind::Domains | ListKind::Uris);
            if list.predictions_from_percent.is_some() && !of_names {
                return Some(format!(
                    "the zone {zone} has `predictions_from_percent`, which is for `domains` and \
                     `uris` alone"
                ));
            }
            let is_label = |key: &String| {
                (1..=63).contains(&key.len()) && key.is_ascii() && !key.contains('.')
            };
            let wrong = list.keys.iter().find(|key| !is_label(key))?;
            Some(format!("the key `{wrong}` of {zone} is no label of at most 63 characters"))
        })
    }
}

/// How much one client may ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Answers per second in the long run; 0 is without limit. Default 2,000.
    pub per_second: u32,
    /// Answers at once after a pause. Default 10,000.
    pub burst: u32,
    /// Networks without limit. Default: loopback.
    pub exempt: Vec<IpNet>,
}

impl Default for RateConfig {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"];
        let exempt = loopback.iter().filter_map(|network| network.parse().ok()).collect();
        Self { per_second: 2_000, burst: 10_000, exempt }
    }
}

impl RateConfig {
    /// As meters want it.
    pub(super) const fn rate(&self) -> Rate {
        Rate { per_second: self.per_second, burst: self.burst }
    }
}

/// What the names of a zone stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListKind {
    /// IPv4 and IPv6 addresses (RFC 5782).
    Addresses,
    /// Domains, as RHSBL and DBL ask for them.
    Domains,
    /// Hosts of URLs, domains and addresses alike, as URIBL and SURBL ask for them.
    Uris,
    /// Files by MD5, SHA-1 or SHA-256; URLs and e-mail addresses by SHA-256, and, with `digests`,
    /// by others (HashBL).
    Hashes,
    /// Files by MD5, SHA-1 or SHA-256, answered as the Malware Hash Registry does.
    Mhr,
    /// Domains by the first 16 bits of SHA-256, answered with whole digests, as AdGuard asks.
    HashPrefixes,
    /// Addresses and domains that are known to be good (DNSWL).
    Allowed,
}

/// What the addresses of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codes {
    /// One address for each category.
    #[default]
    Categories,
    /// One address, whose last octet has a bit for each group of categories.
    Bits,
}

/// One zone: a `[[dns.list]]` section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListConfig {
    /// Its name.
    #[serde(deserialize_with = "zone_name")]
    pub zone: String,
    /// What its names stand for.
    pub kind: ListKind,
    /// How careful it is. Default: medium.
    #[serde(default, deserialize_with = "level")]
    pub level: Level,
    /// The categories that are listed; all when empty.
    #[serde(default, deserialize_with = "categories")]
    pub categories: CategorySet,
    /// With `domains` and `uris`: the score, in percent, from which on a model's opinion of what
    /// nobody has listed is a listing. Default: none is.
    #[serde(default)]
    pub predictions_from_percent: Option<Percent>,
    /// What addresses say. Default: categories.
    #[serde(default)]
    pub codes: Codes,
    /// With `hashes`: digests by which e-mail addresses, URLs and domains are found, besides the
    /// database's own keys.
    #[serde(default)]
    pub digests: Vec<Digest>,
    /// Seconds that a listing may be kept. Default 60.
    #[serde(default = "ttl")]
    pub ttl: u32,
    /// Seconds that a "no" may be kept. Default 5.
    #[serde(default = "negative_ttl")]
    pub negative_ttl: u32,
    /// Labels, one of which has to stand right before the zone; none are needed when empty.
    #[serde(default)]
    pub keys: Vec<String>,
    /// A link for people in TXT records; `{}` stands for what was asked about.
    #[serde(default)]
    pub link: Option<String>,
}

const fn connections_max() -> usize {
    1_000
}

const fn connections_per_address_max() -> usize {
    100
}

const fn idle_secs() -> u64 {
    10
}

const fn digest_names_max() -> usize {
    10_000_000
}

const fn ttl() -> u32 {
    60
}

const fn negative_ttl() -> u32 {
    5
}

/// The longest zone: 32 nibbles of an address and a key have to fit before it.
const ZONE_BYTES_MAX: usize = 120;

fn zone_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let fits = Name::encode(&text).is_some_and(|octets| octets.len() <= ZONE_BYTES_MAX);
    if fits && text.is_ascii() {
        return Ok(text.trim_end_matches('.').to_ascii_lowercase());
    }
    Err(D::Error::custom(format!(
        "`{text}` is no zone; write a domain of at most {ZONE_BYTES_MAX} octets, such as \
         bl.example.net"
    )))
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    Level::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

fn categories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CategorySet, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().try_fold(CategorySet::EMPTY, |set, name| {
        Category::from_str(name).map(|category| set.with(category)).map_err(D::Error::custom)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(more: &str, list: &str) -> Option<String> {
        let text = format!("listen = \"127.0.0.1:0\"\n{more}\n{list}");
        toml::from_str::<DnsConfig>(&text).unwrap().complaint()
    }

    #[test]
    fn what_cannot_work_is_told() {
        let list = "[[list]]\nzone = \"bl.test\"\nkind = \"addresses\"\n";
        assert_eq!(complaint("", list), None);
        for (more, list, told) in [
            ("list = []", String::new(), "no [[dns.list]]"),
            ("tcp_connections_max = 0", list.to_owned(), "at least 1"),
            ("", format!("{list}{list}"), "twice"),
            ("", format!("{list}digests = [\"md5\"]"), "`hashes`"),
            ("", format!("{list}predictions_from_percent = 50"), "for `domains`"),
            ("", format!("{list}keys = [\"a.b\"]"), "no label"),
            ("", format!("{list}keys = [\"\"]"), "no label"),
        ] {
            let complaint = complaint(more, &list).expect(told);
            assert!(complaint.contains(told), "{complaint}");
        }
    }
}
