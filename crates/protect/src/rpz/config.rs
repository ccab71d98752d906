//! The `[[rpz]]` section of `wardnet.toml`.

use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use wardnet_model::{Category, CategorySet};
use wardnet_score::{Level, Policy};
use wardnet_server::tls::TlsFiles;

/// One primary of response policy zones, as the settings ask for it. Equal ones are the same.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RpzConfig {
    /// Where to answer over TCP, and over UDP for questions about serials and short differences.
    pub listen: Vec<SocketAddr>,
    /// Where to answer over TLS (RFC 9103).
    pub tls: Vec<SocketAddr>,
    /// The certificate chain for `tls`.
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// Who may ask. Default: loopback.
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<IpNet>,
    /// Keys of which every question must bear one; where there is none, none is needed.
    pub tsig: Vec<KeyConfig>,
    /// The secondaries that are told of changes (RFC 1996).
    pub notify: Vec<SocketAddr>,
    /// The zones.
    pub zone: Vec<ZoneConfig>,
    /// Bounds.
    pub limits: Limits,
}

impl Default for RpzConfig {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"];
        Self {
            listen: Vec::new(),
            tls: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            allow: loopback.iter().filter_map(|text| text.parse().ok()).collect(),
            tsig: Vec::new(),
            notify: Vec::new(),
            zone: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl RpzConfig {
    /// Says what is wrong with the values taken together, or nothing.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        let mut names: Vec<_> = self.zone.iter().map(|zone| &zone.name).collect();
        names.sort();
        names.dedup();
        if self.listen.is_empty() && self.tls.is_empty() {
            Some("an rpz primary listens nowhere; give it `listen` or `tls`")
        } else if self.zone.is_empty() {
            Some("an rpz primary has no zone; add [[rpz.zone]] with a name")
        } else if self.zone.iter().any(|zone| zone.name.is_root()) {
            Some("a zone has no name; give it one such as \"rpz.wardnet\"")
        } else if names.len() < self.zone.len() {
            Some("two zones have the same name")
        } else if self.tls_certificate.is_some() != self.tls_key.is_some() {
            Some("only one of tls_certificate and tls_key; give both, or neither")
        } else if !self.tls.is_empty() && self.tls_certificate.is_none() {
            Some("`tls` needs tls_certificate and tls_key")
        } else if self.tsig.iter().any(|key| key.secret.is_some() == key.secret_file.is_some()) {
            Some("a tsig key needs either `secret` or `secret_file`")
        } else {
            let missing = |zone: &ZoneConfig| zone.is_redirect() != zone.redirect.is_some();
            let is_wrong = self.zone.iter().any(missing);
            let complaint = "`redirect` names the target of action = \"redirect\", and only of it";
            is_wrong.then_some(complaint).or_else(|| self.limits.complaint())
        }
    }

    /// Whether a primary with other settings could go on with the same sockets.
    #[must_use]
    pub fn listens_like(&self, other: &Self) -> bool {
        let ways = |one: &Self| {
            let files = (one.tls_certificate.clone(), one.tls_key.clone());
            (one.listen.clone(), one.tls.clone(), files, one.limits.clone())
        };
        ways(self) == ways(other)
    }

    /// Relative paths start at `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        let own = [&mut self.tls_certificate, &mut self.tls_key].into_iter().flatten();
        let secrets = self.tsig.iter_mut().filter_map(|key| key.secret_file.as_mut());
        for path in own.chain(secrets) {
            *path = folder.join(&*path);
        }
    }

    /// The certificate and key, where both are given.
    #[must_use]
    pub fn tls_files(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }
}

/// A key that questions are signed with (RFC 8945).
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Its name, the same on both sides.
    #[serde(deserialize_with = "name")]
    pub name: Name,
    /// Default `hmac-sha256`.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// The secret in base64.
    pub secret: Option<String>,
    /// A file with the secret in base64.
    pub secret_file: Option<PathBuf>,
}

impl std::fmt::Debug for KeyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret is nobody's business.
        f.debug_struct("KeyConfig")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// HMAC with SHA-384.
    #[serde(rename = "hmac-sha384")]
    HmacSha384,
    /// HMAC with SHA-512.
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
}

impl From<Algorithm> for TsigAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::HmacSha256 => Self::HmacSha256,
            Algorithm::HmacSha384 => Self::HmacSha384,
            Algorithm::HmacSha512 => Self::HmacSha512,
        }
    }
}

/// One zone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZoneConfig {
    /// Its name.
    #[serde(deserialize_with = "name")]
    pub name: Name,
    /// How careful to be. Default `medium`.
    #[serde(deserialize_with = "level")]
    pub level: Level,
    /// What is blocked; every category where it is empty.
    #[serde(deserialize_with = "categories")]
    pub categories: CategorySet,
    /// What a resolver does about what is blocked. Default `nxdomain`.
    pub action: Action,
    /// The name that action `redirect` leads to.
    #[serde(deserialize_with = "some_name")]
    pub redirect: Option<Name>,
    /// What resolvers look at. Default: the name asked for, and the addresses in the answer.
    pub triggers: Vec<Trigger>,
    /// The primary's name, in the zone's SOA and NS. Default `localhost`, as RPZ needs none.
    #[serde(deserialize_with = "name")]
    pub mname: Name,
    /// The mailbox of who looks after the zone, as a name. Default `hostmaster.localhost`.
    #[serde(deserialize_with = "name")]
    pub rname: Name,
    /// Seconds between a secondary's looks at the serial. Default 60.
    pub refresh: u32,
    /// Seconds after which a failed look is repeated. Default 10.
    pub retry: u32,
    /// Seconds a secondary goes on without its primary. Default one week.
    pub expire: u32,
    /// Seconds that answers made by the zone may be cached. Default 5.
    pub ttl: u32,
}

impl Default for ZoneConfig {
    fn default() -> Self {
        let fixed = |text: &str| Name::from_str(text).unwrap_or_else(|_| Name::root());
        Self {
            name: Name::root(),
            level: Level::default(),
            categories: CategorySet::EMPTY,
            action: Action::Nxdomain,
            redirect: None,
            triggers: vec![Trigger::Qname, Trigger::Ip],
            mname: fixed("localhost."),
            rname: fixed("hostmaster.localhost."),
            refresh: 60,
            retry: 10,
            expire: 604_800,
            ttl: 5,
        }
    }
}

impl ZoneConfig {
    /// What it blocks.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        Policy { level: self.level, categories: self.categories }
    }

    fn is_redirect(&self) -> bool {
        self.action == Action::Redirect
    }
}

/// What a resolver does about what is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Action {
    /// There is no such name.
    Nxdomain,
    /// The name has no data.
    Nodata,
    /// Nothing, but it may log it: to try a zone out.
    Passthru,
    /// It does not answer.
    Drop,
    /// It answers over TCP only.
    TcpOnly,
    /// It answers as if the name were an alias of another.
    Redirect,
}

/// What a resolver looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Trigger {
    /// The name asked for.
    Qname,
    /// Addresses in the answer.
    Ip,
    /// Names of the servers that answer.
    Nsdname,
    /// Addresses of the servers that answer.
    Nsip,
}

/// The bounds of one primary. Every field has a documented default and can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections open at once. Default 200.
    pub connections_max: usize,
    /// Connections open at once from one address. Default 20.
    pub connections_per_address_max: usize,
    /// Transfers of a whole zone under way at once; more wait. Default 8.
    pub transfers_max: usize,
    /// Records of differences kept for each zone; a secondary that lags more takes the whole
    /// zone. Default 100,000.
    pub difference_records_max: usize,
    /// Bytes of one message of a transfer. Default 32 KiB.
    pub message_bytes_max: u16,
    /// Time a connection may stay open with no question on it, and for a handshake. Default 30 s.
    pub idle_timeout_ms: u64,
    /// Time a secondary may refuse to take a message. Default 10 s.
    pub stall_timeout_ms: u64,
    /// Time a transfer may take, from the question to its end. Default 1 h.
    pub transfer_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 200,
            connections_per_address_max: 20,
            transfers_max: 8,
            difference_records_max: 100_000,
            message_bytes_max: 32_768,
            idle_timeout_ms: 30_000,
            stall_timeout_ms: 10_000,
            transfer_timeout_ms: 3_600_000,
        }
    }
}

impl Limits {
    fn complaint(&self) -> Option<&'static str> {
        let counts = [self.connections_max, self.connections_per_address_max, self.transfers_max];
        let times = [self.idle_timeout_ms, self.stall_timeout_ms, self.transfer_timeout_ms];
        if counts.contains(&0) || times.contains(&0) {
            return Some("limits of an rpz primary that count or time must be at least 1");
        }
        let fits = (4_096..=64_000).contains(&self.message_bytes_max);
        (!fits).then_some("message_bytes_max must lie between 4096 and 64000")
    }
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

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
    let text = String::deserialize(deserializer)?;
    let name = Name::from_ascii(&text);
    let mut name = name.map_err(|error| D::Error::custom(format!("`{text}`: {error}")))?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

fn some_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Name>, D::Error> {
    name(deserializer).map(Some)
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn categories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CategorySet, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse::<Category>().map_err(D::Error::custom)).collect()
}
