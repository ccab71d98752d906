//! One `[[crowdsec]]` section of `wardnet.toml`.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use wardnet_model::{Category, CategorySet};
use wardnet_score::{Level, Policy};
use wardnet_server::tls::TlsFiles;

/// A listener for CrowdSec's bouncers and agents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrowdSecConfig {
    /// The name under which is kept what bouncers know; sections have different ones. Default
    /// `crowdsec`.
    pub name: String,
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// The file with the certificate chain; with it and the key, TLS.
    pub tls_certificate: Option<PathBuf>,
    /// The file with the private key.
    pub tls_key: Option<PathBuf>,
    /// How careful to be. Default `medium`.
    #[serde(deserialize_with = "level")]
    pub level: Level,
    /// What is blocked; every category where it is empty.
    #[serde(deserialize_with = "categories")]
    pub categories: CategorySet,
    /// What bouncers are told to do: `ban`, `captcha` or what else they know. Default `ban`.
    pub remediation: String,
    /// Hours for which a bouncer blocks something without hearing of it again. Everything is told
    /// again in half that time, little by little. Default 168, a week.
    pub duration_hours: u32,
    /// Whether agents may report what they have seen. Default false.
    pub agents: bool,
    /// Whether CrowdSec's central interface is served, too: signals in, the list out. Default
    /// false.
    pub central: bool,
    /// Whether agents may introduce themselves; each waits for the operator then. Default true.
    pub registration: bool,
    /// Programs whose place in the changes is remembered. Default 10,000.
    pub bouncers_max: usize,
    /// Addresses and networks that are blocked no longer and still remembered, for who was away.
    /// Default 500,000.
    pub gone_max: usize,
}

impl Default for CrowdSecConfig {
    fn default() -> Self {
        Self {
            name: "crowdsec".to_owned(),
            listen: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            level: Level::default(),
            categories: CategorySet::EMPTY,
            remediation: "ban".to_owned(),
            duration_hours: 168,
            agents: false,
            central: false,
            registration: true,
            bouncers_max: 10_000,
            gone_max: 500_000,
        }
    }
}

/// The longest that ipset takes as a timeout: 2,147,483 seconds.
const DURATION_HOURS_MAX: u32 = 596;

impl CrowdSecConfig {
    /// Says what is wrong with the values taken together, or nothing.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.listen.is_empty() {
            Some("it listens nowhere; give addresses in `listen`")
        } else if !(1..=64).contains(&self.name.len()) || !self.name.chars().all(fits) {
            Some("`name` has 1 to 64 letters a to z, digits or `-`")
        } else if self.tls_certificate.is_some() != self.tls_key.is_some() {
            Some("only one of tls_certificate and tls_key; give both, or neither")
        } else if !(1..=DURATION_HOURS_MAX).contains(&self.duration_hours) {
            Some("`duration_hours` is 1 to 596: ipset takes no more")
        } else if !(1..=64).contains(&self.remediation.len()) {
            Some("`remediation` has 1 to 64 bytes")
        } else if self.bouncers_max == 0 || self.gone_max < 1_024 {
            Some("`bouncers_max` must be at least 1, and `gone_max` at least 1024")
        } else {
            None
        }
    }

    /// What is blocked.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        Policy { level: self.level, categories: self.categories }
    }

    /// Certificate and key, with TLS.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let certificate = self.tls_certificate.clone()?;
        Some(TlsFiles { certificate, key: self.tls_key.clone()? })
    }

    /// Relative paths start at the file's folder.
    pub fn resolve(&mut self, folder: &Path) {
        for path in [&mut self.tls_certificate, &mut self.tls_key].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    /// Seconds for which a bouncer blocks something without hearing of it again.
    pub(super) const fn duration_secs(&self) -> u32 {
        self.duration_hours.saturating_mul(3_600)
    }
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn categories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CategorySet, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse::<Category>().map_err(D::Error::custom)).collect()
}
