//! The `[block_page]` section of `wardnet.toml`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de::Error as _};
use wardnet_model::DomainName;
use wardnet_server::tls::TlsFiles;

/// Where the page is, and what it says. Without the section there is none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockPageConfig {
    /// Where to answer HTTP: the addresses that resolvers lead to, at port 80.
    pub listen: Vec<SocketAddr>,
    /// Where to answer HTTPS. Browsers warn of the certificate, as it cannot be every site's.
    pub tls_listen: Vec<SocketAddr>,
    /// The certificate chain for HTTPS.
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// The page's own names: there `?url=` or `?host=` says what a proxy blocked.
    #[serde(deserialize_with = "names")]
    pub names: Vec<DomainName>,
    /// The headline. Default `This page is blocked`.
    pub title: String,
    /// Whom to turn to, in plain words.
    pub contact: Option<String>,
    /// Whether people may say that it is wrong. Default true.
    pub reports: bool,
}

impl Default for BlockPageConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            tls_listen: Vec::new(),
            tls_certificate: None,
            tls_key: None,
            names: Vec::new(),
            title: "This page is blocked".to_owned(),
            contact: None,
            reports: true,
        }
    }
}

impl BlockPageConfig {
    /// Says what is wrong with the values taken together, or nothing.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        if self.listen.is_empty() && self.tls_listen.is_empty() {
            Some("a block page listens nowhere; give it `listen` or `tls_listen`")
        } else if self.tls_listen.is_empty() != self.tls().is_none() {
            Some("`tls_listen` needs tls_certificate and tls_key, and they need it")
        } else {
            None
        }
    }

    /// The certificate and key, where both are given.
    #[must_use]
    pub fn tls(&self) -> Option<TlsFiles> {
        let (certificate, key) = (self.tls_certificate.clone()?, self.tls_key.clone()?);
        Some(TlsFiles { certificate, key })
    }

    /// Relative paths start at `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        for path in [&mut self.tls_certificate, &mut self.tls_key].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<DomainName>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| {
        DomainName::parse(&text).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
    };
    texts.into_iter().map(read).collect()
}
