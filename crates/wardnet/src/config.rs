//! The configuration file, `wardnet.toml`.

use crate::listeners::Wanted;
use crate::models::ModelsConfig;
use anyhow::{Context as _, bail};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::Spanned;
use tracing_subscriber::EnvFilter;
use wardnet_model::Indicator;
use wardnet_protect::blockpage::BlockPageConfig;
use wardnet_protect::crowdsec::CrowdSecConfig;
use wardnet_protect::dns::DnsConfig;
use wardnet_protect::hashlookup::HashlookupConfig;
use wardnet_protect::known_files::KnownFilesConfig;
use wardnet_protect::resolver::ResolverConfig;
use wardnet_protect::rpz::RpzConfig;
use wardnet_protect::safebrowsing::SafeBrowsingConfig;
use wardnet_protect::virustotal::VirustotalConfig;
use wardnet_server::Limits;
use wardnet_server::budget::BudgetConfig;
use wardnet_server::listen::Endpoint;
use wardnet_server::tls::TlsFiles;

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
    pub(crate) never_listed: Vec<OwnName>,
    /// Whether `/metrics` answers without a token.
    pub(crate) metrics_anonymous: bool,
    /// How much the log says.
    pub(crate) log: LogLevel,
    /// Where to answer HTTP.
    pub(crate) http: Vec<Http>,
    /// Where to answer DNS lists.
    pub(crate) dns: Vec<DnsConfig>,
    /// Where to serve response policy zones.
    pub(crate) rpz: Vec<RpzConfig>,
    /// Where to serve CrowdSec's bouncers and agents.
    pub(crate) crowdsec: Vec<CrowdSecConfig>,
    /// Where to resolve names, and what to block.
    pub(crate) resolver: Vec<ResolverConfig>,
    /// What Safe Browsing clients are served; nothing where it is left out.
    #[serde(deserialize_with = "sound_service")]
    pub(crate) safe_browsing: Option<SafeBrowsingConfig>,
    /// The page that tells people why something is blocked; none where it is left out.
    #[serde(deserialize_with = "sound_page")]
    pub(crate) block_page: Option<BlockPageConfig>,
    /// Which models judge what nobody has listed.
    pub(crate) models: ModelsConfig,
    /// What hashlookup's clients are served; nothing where it is left out.
    pub(crate) hashlookup: Option<HashlookupConfig>,
    /// What VirusTotal's clients are served; nothing where it is left out.
    pub(crate) virustotal: Option<VirustotalConfig>,
    /// Filters of known files.
    pub(crate) known_files: Vec<KnownFilesConfig>,
    /// What tokens and addresses may ask.
    pub(crate) budget: BudgetConfig,
    /// Bounds of every listener.
    #[serde(deserialize_with = "sound_limits")]
    pub(crate) limits: Limits,
}

/// One HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawHttp")]
pub(crate) struct Http {
    /// The address to listen on.
    pub(crate) listen: SocketAddr,
    /// Certificate chain and private key; with TLS.
    pub(crate) tls: Option<TlsFiles>,
}

/// One HTTP listener as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHttp {
    listen: SocketAddr,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
}

impl TryFrom<RawHttp> for Http {
    type Error = &'static str;

    fn try_from(raw: RawHttp) -> Result<Self, Self::Error> {
        let tls = match (raw.tls_certificate, raw.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, None) => None,
            _ => return Err("only one of tls_certificate and tls_key; give both, or neither"),
        };
        Ok(Self { listen: raw.listen, tls })
    }
}

/// A domain, address or network of the operator's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct OwnName(String);

impl TryFrom<String> for OwnName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match Indicator::parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(format!("`{text}`: {error}")),
        }
    }
}

/// How much the log says: a level, or levels by part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LogLevel(String);

impl Default for LogLevel {
    fn default() -> Self {
        Self("info".to_owned())
    }
}

impl TryFrom<String> for LogLevel {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match EnvFilter::builder().parse(&text) {
            Ok(_) => Ok(Self(text)),
            Err(error) => Err(format!(
                "`{text}`: {error}; write a level such as `info`, or `info,wardnet_server=debug`"
            )),
        }
    }
}

impl LogLevel {
    /// As the log wants it.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

/// Limits that make sense: what is wrong with others is told with their line.
fn sound_limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
    let limits = Limits::deserialize(deserializer)?;
    limits.complaint().map_or(Ok(limits), |complaint| Err(D::Error::custom(complaint)))
}

/// A service whose values do not contradict one another.
fn sound_service<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SafeBrowsingConfig>, D::Error> {
    let service = SafeBrowsingConfig::deserialize(deserializer)?;
    service.complaint().map_or(Ok(Some(service)), |complaint| Err(D::Error::custom(complaint)))
}

/// A page whose values do not contradict one another.
fn sound_page<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BlockPageConfig>, D::Error> {
    let page = BlockPageConfig::deserialize(deserializer)?;
    page.complaint().map_or(Ok(Some(page)), |complaint| Err(D::Error::custom(complaint)))
}

/// Sections that may be given again, each with its place in the text.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sections {
    rpz: Vec<Spanned<IgnoredAny>>,
    dns: Vec<Spanned<IgnoredAny>>,
    resolver: Vec<Spanned<IgnoredAny>>,
    crowdsec: Vec<Spanned<IgnoredAny>>,
    known_files: Vec<Spanned<IgnoredAny>>,
}

impl Sections {
    /// Refuses the first of some sections that contradicts itself, and tells the line in which it
    /// begins: what is told while a list is read has the line of the list.
    fn look(
        text: &str,
        name: &str,
        complaints: impl Iterator<Item = Option<String>>,
        places: impl Fn(Self) -> Vec<Spanned<IgnoredAny>>,
    ) -> anyhow::Result<()> {
        for (at, complaint) in complaints.enumerate() {
            let Some(complaint) = complaint else { continue };
            let sections = places(toml::from_str(text).unwrap_or_default());
            let begin = sections.get(at).map_or(0, |section| section.span().start);
            let before = text.as_bytes().iter().take(begin);
            let line = 1 + before.filter(|byte| **byte == b'\n').count();
            bail!("the [[{name}]] at line {line}: {complaint}");
        }
        Ok(())
    }
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
        for (at, http) in config.http.iter().enumerate() {
            let before = config.http.iter().take(at);
            if http.listen.port() != 0 && before.into_iter().any(|one| one.listen == http.listen) {
                bail!("two listeners are to be on {}; remove one of them", http.listen);
            }
        }
        let complaints = config.rpz.iter().map(|one| one.complaint().map(Into::into));
        Sections::look(text, "rpz", complaints, |sections| sections.rpz)?;
        let complaints = config.dns.iter().map(DnsConfig::complaint);
        Sections::look(text, "dns", complaints, |sections| sections.dns)?;
        let complaints = config.resolver.iter().map(|one| one.complaint().map(Into::into));
        Sections::look(text, "resolver", complaints, |sections| sections.resolver)?;
        let complaints = config.crowdsec.iter().enumerate().map(|(at, one)| {
            let mut before = config.crowdsec.iter().take(at);
            let is_named_before = before.any(|other| other.name == one.name);
            let twice = is_named_before.then_some("another one has its `name`; give it its own");
            one.complaint().or(twice).map(Into::into)
        });
        Sections::look(text, "crowdsec", complaints, |sections| sections.crowdsec)?;
        let complaints = config.known_files.iter().map(|one| one.complaint().map(Into::into));
        Sections::look(text, "known_files", complaints, |sections| sections.known_files)?;
        for (at, one) in config.known_files.iter().enumerate() {
            if config.known_files.iter().take(at).any(|other| other.name == one.name) {
                bail!("two known_files are called `{}`; rename one of them", one.name);
            }
        }
        Ok(config)
    }

    /// What is worth knowing of settings with which nothing is wrong.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut policies = self.resolver.iter().flat_map(|resolver| &resolver.policy);
        let mut lists = self.dns.iter().flat_map(|dns| &dns.list);
        let sections = [
            ("[[resolver.policy]]", policies.any(|one| one.predictions_from_percent.is_some())),
            ("[[dns.list]]", lists.any(|one| one.predictions_from_percent.is_some())),
            (
                "[safe_browsing]",
                self.safe_browsing.iter().any(|one| one.predictions_from_percent.is_some()),
            ),
        ];
        let wanting = sections.iter().filter(|(_, wants)| *wants).map(|(name, _)| *name);
        let wanting = wanting.collect::<Vec<_>>().join(" and ");
        if wanting.is_empty() || self.models.opinions {
            return Vec::new();
        }
        vec![format!(
            "predictions_from_percent of {wanting} blocks nothing: [models] says opinions = false"
        )]
    }

    /// The operator's own names.
    pub(crate) fn own_names(&self) -> Vec<String> {
        self.never_listed.iter().map(|name| name.0.clone()).collect()
    }

    /// Every listener: the local socket of the data folder, and those of each section.
    pub(crate) fn listeners(&self, data_dir: &Path) -> Vec<Wanted> {
        let wanted = |name: String, endpoint, tls| {
            let limits = self.limits.clone();
            Wanted { name, endpoint, tls, limits }
        };
        let socket = Endpoint::Unix(crate::paths::socket(data_dir));
        let mut all = vec![wanted("local".to_owned(), socket, None)];
        all.extend(self.http.iter().map(|http| {
            wanted(http.listen.to_string(), Endpoint::Tcp(http.listen), http.tls.clone())
        }));
        all
    }

    /// Relative paths start at the file's folder.
    fn resolve(&mut self, folder: &Path) {
        let paths = [&mut self.data_dir, &mut self.feeds].into_iter().flatten();
        let tls = self.http.iter_mut().filter_map(|http| http.tls.as_mut());
        let tls = tls.flat_map(|files| [&mut files.certificate, &mut files.key]);
        for path in paths.chain(tls) {
            *path = folder.join(&*path);
        }
        self.resolver.iter_mut().for_each(|resolver| resolver.resolve(folder));
        self.models.resolve(folder);
        self.block_page.iter_mut().for_each(|page| page.resolve(folder));
        self.crowdsec.iter_mut().for_each(|section| section.resolve(folder));
        self.rpz.iter_mut().for_each(|primary| primary.resolve(folder));
        self.known_files.iter_mut().for_each(|one| one.resolve(folder));
    }
}

#[cfg(test)]
mod example;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_example_says_the_defaults() {
        let example = Config::parse(include_str!("../wardnet.example.toml")).unwrap();
        let default = Config::default();
        assert_eq!(example.budget, default.budget);
        assert_eq!(example.limits, default.limits);
        assert_eq!(example.log, default.log);
        assert_eq!(example.models, default.models);
        assert_eq!(example.metrics_anonymous, default.metrics_anonymous);
    }

    #[test]
    fn the_shipped_example_says_the_defaults_of_a_resolver() {
        let example = include_str!("../wardnet.example.toml");
        let lines = example.lines().skip_while(|line| *line != "# [[resolver]]");
        let lines = lines.map_while(|line| line.strip_prefix("# "));
        let text = lines.collect::<Vec<_>>().join("\n");
        let [resolver] = &Config::parse(&text).unwrap().resolver[..] else { panic!("not one") };
        let (listen, upstreams) = (resolver.listen.clone(), resolver.upstreams.clone());
        assert!(!listen.is_empty() && !upstreams.is_empty());
        assert_eq!(*resolver, ResolverConfig { listen, upstreams, ..ResolverConfig::default() });
    }

    #[test]
    fn opinions_that_are_to_block_and_are_not_asked_are_told() {
        let resolver = "[[resolver]]\nlisten = [\"127.0.0.1:53\"]\nupstreams = [\"192.0.2.53\"]\n\
            [[resolver.policy]]\npredictions_from_percent = 80\n";
        let service = "[safe_browsing]\npredictions_from_percent = 80\n";
        let told = |text: &str| Config::parse(text).unwrap().warnings();
        let off = "[models]\nopinions = false\n";
        let both = told(&format!("{resolver}{service}{off}"));
        assert!(both[0].contains("[[resolver.policy]] and [safe_browsing] blocks"), "{both:?}");
        assert!(told(off).is_empty() && told(&format!("{resolver}{service}")).is_empty());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = Config::parse("metrics_anonymous = true\nlistne = 3\n").unwrap_err();
        let message = format!("{error:#}");
        assert!(message.contains("line 2") && message.contains("listne"), "{message}");
    }

    #[test]
    fn a_wrong_value_is_told_with_its_line() {
        let own_name = "never_listed = [\n  \"own.example\",\n  \"not a name\",\n]\n";
        let http = "[[http]]\nlisten = \"127.0.0.1:8443\"\ntls_key = \"key.pem\"\n";
        let zone = "[[rpz.zone]]\nname = \"rpz.wardnet\"\n";
        let primaries = format!("[[rpz]]\nlisten = [\"127.0.0.1:1\"]\n{zone}[[rpz]]\n{zone}");
        let action = format!("[[rpz]]\nlisten = [\"127.0.0.1:1\"]\n{zone}action = \"dorp\"\n");
        // A list is told with the line it begins in, and the value in it.
        for (text, line, part) in [
            (own_name, 1, "not a name"),
            ("metrics_anonymous = true\nlog = \"info,=\"\n", 2, "write a level"),
            ("\n\n[limits]\nheader_bytes_max = 1\n", 3, "at least 8192"),
            (http, 1, "only one of"),
            ("[models]\nopinions = true\ncache_bytes_max = 99999999999999\n", 3, "give 65536 to"),
            (&primaries, 5, "listens nowhere"),
            (&action, 5, "dorp"),
        ] {
            let message = format!("{:#}", Config::parse(text).unwrap_err());
            assert!(
                message.contains(&format!("line {line}")) && message.contains(part),
                "{message}"
            );
        }
    }

    #[test]
    fn each_section_is_told_with_its_own_line() {
        let good = "[[resolver]]\nlisten = [\"127.0.0.1:53\"]\nupstreams = [\"192.0.2.53\"]\n";
        let told = |bad: &str| Config::parse(&format!("{good}\n{bad}")).unwrap_err().to_string();
        let error = told("# no upstreams\n[[resolver]]\nlisten = [\"127.0.0.1:54\"]\n");
        assert!(error.contains("line 6") && error.contains("no `upstreams`"), "{error}");
        let error = told("[[resolver]]\nupstreams = [\"quic://192.0.2.53\"]\n");
        assert!(error.contains("line 6") && error.contains("is no upstream"), "{error}");
        let error = told("[[dns]]\nlisten = \"127.0.0.1:54\"\nlist = []\n");
        assert!(
            error.contains("[[dns]] at line 5") && error.contains("no [[dns.list]]"),
            "{error}"
        );
    }

    #[test]
    fn one_address_has_one_listener() {
        let text = "[[http]]\nlisten = \"127.0.0.1:1\"\n".repeat(2);
        assert!(Config::parse(&text).unwrap_err().to_string().contains("two listeners"));
        assert!(Config::parse(&text.replace(":1", ":0")).is_ok());
    }
}
