//! The configuration file, `wardnet.toml`.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use wardnet_server::Limits;
use wardnet_server::budget::BudgetConfig;

/// The largest configuration file that is read.
const BYTES_MAX: u64 = 1 << 20;

/// What `wardnet.toml` says. Everything has a default; unknown keys are errors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The data folder.
    pub(crate) data_dir: Option<PathBuf>,
    /// The feeds' catalogue.
    pub(crate) feeds: Option<PathBuf>,
    /// The operator's own domains, addresses and networks: never listed, whatever feeds say.
    pub(crate) never_listed: Vec<String>,
    /// Whether `/metrics` answers without a token.
    pub(crate) metrics_anonymous: bool,
    /// Where to answer HTTP.
    pub(crate) http: Vec<Http>,
    /// What tokens and addresses may ask.
    pub(crate) budget: BudgetConfig,
    /// Bounds of every listener.
    pub(crate) limits: Limits,
}

/// One HTTP listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// The certificate chain, PEM; with `tls_key` turns TLS on.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The private key, PEM.
    pub(crate) tls_key: Option<PathBuf>,
}

impl Config {
    /// Reads a file; the defaults when there is none.
    pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let length = std::fs::metadata(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .len();
        if length > BYTES_MAX {
            bail!("{} has {length} bytes; a configuration has at most {BYTES_MAX}", path.display());
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let mut config = Self::parse(&text).with_context(|| format!("in {}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        config.resolve(folder);
        Ok(config)
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let config: Self = toml::from_str(text)?;
        for http in &config.http {
            if http.tls_certificate.is_some() != http.tls_key.is_some() {
                bail!(
                    "the listener on {} has only one of tls_certificate and tls_key; give both, \
                     or neither",
                    http.listen
                );
            }
        }
        Ok(config)
    }

    /// Relative paths start at the file's folder.
    fn resolve(&mut self, folder: &Path) {
        let paths = [&mut self.data_dir, &mut self.feeds].into_iter().flatten();
        let tls =
            self.http.iter_mut().flat_map(|http| [&mut http.tls_certificate, &mut http.tls_key]);
        for path in paths.chain(tls.flatten()) {
            *path = folder.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_example_says_the_defaults() {
        let example = Config::parse(include_str!("../wardnet.example.toml")).unwrap();
        let default = Config::default();
        assert_eq!(example.budget, default.budget);
        assert_eq!(format!("{:?}", example.limits), format!("{:?}", default.limits));
        assert_eq!(example.metrics_anonymous, default.metrics_anonymous);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Config::parse("metrics_anonymous = true\nlistne = 3\n").unwrap_err();
        let message = format!("{error:#}");
        assert!(message.contains("line 2") && message.contains("listne"), "{message}");
    }

    #[test]
    fn half_of_tls_is_refused() {
        let text = "[[http]]\nlisten = \"127.0.0.1:8443\"\ntls_key = \"key.pem\"\n";
        assert!(Config::parse(text).unwrap_err().to_string().contains("only one of"));
    }
}
