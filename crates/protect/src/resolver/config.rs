//! The `[[resolver]]` section of `wardnet.toml`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};
use wardnet_model::{Category, CategorySet, DomainName};
use wardnet_score::{Level, Policy};
use wardnet_server::Rate;
use wardnet_server::tls::TlsFiles;

use super::upstream::Upstream;
use crate::opinion::Percent;

/// One protective resolver, as the settings ask for it. Equal ones are the same resolver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResolverConfig {
    /// Where to answer plain DNS, over UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Where to answer DNS over TLS (RFC 7858).
    pub dot: Vec<SocketAddr>,
    /// Where to answer DNS over HTTPS (RFC 8484).
    pub doh: Vec<SocketAddr>,
    /// The certificate chain for DoT and DoH.
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// The path of DoH. Default `/dns-query`.
    pub doh_path: String,
    /// The name in the certificate, by which clients discover DoT and DoH (RFC 9462).
    #[serde(deserialize_with = "name")]
    pub name: Option<DomainName>,
    /// Who resolves what is not in the cache.
    pub upstreams: Vec<Upstream>,
    /// Certificates that vouch for upstreams; those of the web where it is absent.
    pub upstream_ca: Option<PathBuf>,
    /// Whether the upstreams validate DNSSEC and the way to them is safe, so that their word (the
    /// AD bit) is passed on. Default false.
    pub upstream_validates: bool,
    /// Whether answers are validated here (RFC 4035). Default false.
    pub validate: bool,
    /// Whether names are spelt at random when upstreams are asked, so that who forges answers has
    /// more to guess. Default true.
    pub random_case: bool,
    /// The keys that validation begins with, as DNSKEY records; the root's where it is absent.
    pub trust_anchor: Option<PathBuf>,
    /// Who may ask. Default: loopback and private networks.
    #[serde(deserialize_with = "networks")]
    pub access: Vec<IpNet>,
    /// Policies by client network; the first that matches counts.
    pub policy: Vec<PolicyConfig>,
    /// The addresses of the page that `action = "page"` leads to.
    pub block_page: Vec<IpAddr>,
    /// Whether private addresses in answers about public names are blocked. Default true.
    pub rebinding_protection: bool,
    /// Names that may have private addresses, need no signatures, and are forwarded even where a
    /// standard sets them apart, with all below them.
    #[serde(deserialize_with = "names")]
    pub private_names: Vec<DomainName>,
    /// What to answer while the verdict database cannot be asked. Default `servfail`.
    pub without_verdicts: WithoutVerdicts,
    /// What one client may ask. Default 1,000 a second, burst 5,000.
    pub rate: Rate,
    /// Bounds.
    pub limits: Limits,
}

impl Default for ResolverConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            dot: Vec::new(),
            doh: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            doh_path: "/dns-query".to_owned(),
            name: None,
            upstreams: Vec::new(),
            upstream_ca: None,
            upstream_validates: false,
            validate: false,
            random_case: true,
            trust_anchor: None,
            access: private_networks(),
            policy: Vec::new(),
            block_page: Vec::new(),
            rebinding_protection: true,
            private_names: Vec::new(),
            without_verdicts: WithoutVerdicts::Servfail,
            rate: Rate { per_second: 1_000, burst: 5_000 },
            limits: Limits::default(),
        }
    }
}

impl ResolverConfig {
    /// Says what is wrong with the values taken together, or nothing.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        let is_secure = !self.dot.is_empty() || !self.doh.is_empty();
        let pages = self.policy.iter().any(|policy| policy.action == Action::Page);
        if self.listen.is_empty() && !is_secure {
            Some("a resolver listens nowhere; give it `listen`, `dot` or `doh`")
        } else if self.upstreams.is_empty() {
            Some("a resolver has no `upstreams`; name at least one, such as \"udp://192.0.2.53\"")
        } else if self.tls_certificate.is_some() != self.tls_key.is_some() {
            Some("only one of tls_certificate and tls_key; give both, or neither")
        } else if is_secure && self.tls_certificate.is_none() {
            Some("`dot` and `doh` need tls_certificate and tls_key")
        } else if pages && self.block_page.is_empty() {
            Some("action = \"page\" needs the page's addresses in `block_page`")
        } else if !self.doh_path.starts_with('/') || self.doh_path.contains(['{', '*']) {
            Some("doh_path must begin with `/` and hold neither `{` nor `*`")
        } else {
            self.limits.complaint()
        }
    }

    /// Relative paths start at `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        let paths = [
            &mut self.tls_certificate,
            &mut self.tls_key,
            &mut self.upstream_ca,
            &mut self.trust_anchor,
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    /// The certificate and key, where both are given.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }

    /// Whether the same sockets serve both, so that one can take the other's place under them.
    #[must_use]
    pub fn listens_like(&self, other: &Self) -> bool {
        let sockets = |one: &Self| {
            let addresses = (one.listen.clone(), one.dot.clone(), one.doh.clone());
            (addresses, one.tls(), one.doh_path.clone(), one.limits.clone())
        };
        sockets(self) == sockets(other)
    }
}

/// What is blocked for the clients of some networks, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyConfig {
    /// Its name, told to who is blocked by it.
    pub label: Option<String>,
    /// Whose clients; every client where it is empty.
    #[serde(deserialize_with = "networks")]
    pub networks: Vec<IpNet>,
    /// How careful to be. Default `medium`.
    #[serde(deserialize_with = "level")]
    pub level: Level,
    /// What is blocked; every category where it is empty.
    #[serde(deserialize_with = "categories")]
    pub categories: CategorySet,
    /// The score, in percent, from which on a model's opinion of a name that nobody has rated
    /// blocks it. Default: none does.
    pub predictions_from_percent: Option<Percent>,
    /// What who is blocked is answered. Default `nxdomain`.
    pub action: Action,
    /// Whether the client asked for this filter itself: told as Filtered, not Blocked (RFC 8914).
    pub filtered: bool,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            label: None,
            networks: Vec::new(),
            level: Level::default(),
            categories: CategorySet::EMPTY,
            predictions_from_percent: None,
            action: Action::Nxdomain,
            filtered: false,
        }
    }
}

impl PolicyConfig {
    /// Whether it is meant for this client.
    #[must_use]
    pub fn is_for(&self, client: IpAddr) -> bool {
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&client))
    }

    /// What it blocks.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        Policy { level: self.level, categories: self.categories }
    }
}

/// What is answered in place of what is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// There is no such name.
    Nxdomain,
    /// `0.0.0.0` or `::`, and no data of other types.
    Zero,
    /// The addresses of the page that says why.
    Page,
    /// The question is refused.
    Refused,
    /// Nothing is blocked.
    Pass,
}

/// What is answered while the verdict database cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WithoutVerdicts {
    /// SERVFAIL: nothing passes unjudged.
    Servfail,
    /// What the upstream says: names resolve, unprotected.
    Forward,
}

/// The bounds of one resolver. Every field has a documented default and can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of answers kept in the cache. Default 64 MiB.
    pub cache_bytes_max: u64,
    /// Seconds an answer is kept at most. Default one day.
    pub ttl_secs_max: u32,
    /// Seconds a negative answer is kept at most (RFC 2308). Default one hour.
    pub negative_ttl_secs_max: u32,
    /// Seconds a failure of the upstreams is remembered (RFC 9520). Default 2.
    pub failure_ttl_secs: u32,
    /// Seconds that an answer may outlive its time while no upstream answers (RFC 8767); 0 turns
    /// that off. Default one day.
    pub stale_secs_max: u32,
    /// Questions on their way to upstreams at once; more are answered SERVFAIL. Default 8,192.
    pub in_flight_max: usize,
    /// Those of them that one address may have asked (IPv6: one /64). Default 1,024.
    pub in_flight_per_address_max: usize,
    /// Time for upstreams to answer. Default 4 s.
    pub upstream_timeout_ms: u64,
    /// Time for one upstream before the next one is asked, too. Default 400 ms.
    pub upstream_patience_ms: u64,
    /// Connections over TCP and TLS open at once. Default 10,000.
    pub connections_max: usize,
    /// Connections open at once from one address (IPv6: one /64). Default 100.
    pub connections_per_address_max: usize,
    /// Questions of one connection being answered at once; more wait. Default 64.
    pub pipeline_max: usize,
    /// Time a connection may stay open with no question on it, and for a handshake (RFC 7766); a
    /// tenth of it while half of all connections are taken. Default 10 s.
    pub idle_timeout_ms: u64,
    /// Time a peer may refuse to take an answer. Default 10 s.
    pub stall_timeout_ms: u64,
    /// Bytes of an answer over UDP. Default 1,232.
    pub udp_bytes_max: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cache_bytes_max: 64 << 20,
            ttl_secs_max: 86_400,
            negative_ttl_secs_max: 3_600,
            failure_ttl_secs: 2,
            stale_secs_max: 86_400,
            in_flight_max: 8_192,
            in_flight_per_address_max: 1_024,
            upstream_timeout_ms: 4_000,
            upstream_patience_ms: 400,
            connections_max: 10_000,
            connections_per_address_max: 100,
            pipeline_max: 64,
            idle_timeout_ms: 10_000,
            stall_timeout_ms: 10_000,
            udp_bytes_max: 1_232,
        }
    }
}

impl Limits {
    fn complaint(&self) -> Option<&'static str> {
        let counts = [
            self.in_flight_max,
            self.in_flight_per_address_max,
            self.connections_max,
            self.connections_per_address_max,
            self.pipeline_max,
        ];
        let times = [
            self.upstream_timeout_ms,
            self.upstream_patience_ms,
            self.idle_timeout_ms,
            self.stall_timeout_ms,
        ];
        if counts.contains(&0) || times.contains(&0) {
            return Some("limits of a resolver that count or time something must be at least 1");
        }
        // RFC 1035 section 4.2.1: what everybody takes.
        (self.udp_bytes_max < 512).then_some("udp_bytes_max must be at least 512")
    }
}

fn private_networks() -> Vec<IpNet> {
    const OWN: [&str; 9] = [
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    ];
    OWN.iter().filter_map(|text| text.parse().ok()).collect()
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
            D::Error::custom(format!("`{text}` is no network; write one like 10.0.0.0/8"))
        })
    };
    texts.into_iter().map(read).collect()
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DomainName>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        DomainName::parse(&text).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
    };
    texts.into_iter().map(read).collect()
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DomainName>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let name = DomainName::parse(&text);
    name.map(Some).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn categories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CategorySet, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        let unknown = |_| D::Error::custom(format!("`{text}` is no category"));
        text.parse::<Category>().map_err(unknown)
    };
    texts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
