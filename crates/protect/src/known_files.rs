//! Files that somebody has seen before: Bloom filters of hashes, such as hashlookup publishes.
//!
//! A filter answers "perhaps" or "no", and what it holds is known, not good. So it informs: an
//! answer names the filters that hold a file's hash, and its band stays what the evidence makes it.

mod filter;

pub use filter::{FilterError, Limits, fuzz_known_files};

use arc_swap::ArcSwap;
use filter::Filter;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::Deserialize;
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wardnet_model::Indicator;
use wardnet_model::hex::Hex;
use wardnet_server::Metrics;

/// One `[[known_files]]` section of `wardnet.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFilesConfig {
    /// What answers call it.
    pub name: String,
    /// The Bloom filter, of DCSO's format. A relative path starts at the configuration's folder.
    pub filter: PathBuf,
}

impl KnownFilesConfig {
    /// Says what is wrong with it, or nothing.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = self.name.bytes().all(|byte| is_plain(byte) || b"._-".contains(&byte));
        let is_good = is_name && (1..=64).contains(&self.name.len());
        (!is_good).then_some("`name` has 1 to 64 of a-z 0-9 . _ -")
    }

    /// A relative path starts at `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        self.filter = folder.join(&self.filter);
    }
}

/// A filter that is open.
#[derive(Debug)]
struct Open {
    config: KnownFilesConfig,
    /// Tells whether another file lies there now.
    identity: (u64, u64, i64, u64),
    filter: Filter<File>,
}

impl Open {
    fn new(config: &KnownFilesConfig) -> Result<Self, FilterError> {
        let file = File::open(&config.filter)?;
        let about = file.metadata()?;
        let identity = (about.dev(), about.ino(), about.mtime(), about.len());
        let filter = Filter::open(file, Limits::default())?;
        Ok(Self { config: config.clone(), identity, filter })
    }
}

/// Filters that are ready to be used.
#[derive(Debug)]
pub struct Prepared(Vec<Open>);

/// The filters in use. Copies share them.
#[derive(Debug, Clone, Default)]
pub struct KnownFiles {
    filters: Arc<ArcSwap<Vec<Open>>>,
    failures: Counter,
}

impl KnownFiles {
    /// Opens filters, and touches none that is in use.
    pub fn prepare(configs: &[KnownFilesConfig]) -> Result<Prepared, (PathBuf, FilterError)> {
        let open = |config: &KnownFilesConfig| {
            Open::new(config).map_err(|error| (config.filter.clone(), error))
        };
        configs.iter().map(open).collect::<Result<_, _>>().map(Prepared)
    }

    /// Uses these filters from now on; says what changed.
    pub fn apply(&self, prepared: Prepared) -> Vec<String> {
        let Prepared(new) = prepared;
        let old = self.filters.load_full();
        let is_in = |one: &Open, all: &[Open]| {
            all.iter().any(|other| (&other.config, other.identity) == (&one.config, one.identity))
        };
        let mut told: Vec<String> = new
            .iter()
            .filter(|one| !is_in(one, &old))
            .map(|one| {
                let (name, filter) = (&one.config.name, &one.filter);
                let (entries, wrong) = (filter.entries, filter.false_positives);
                format!("{name}: a filter with {entries} known files, false positives {wrong}")
            })
            .collect();
        let gone = |one: &&Open| !new.iter().any(|other| other.config.name == one.config.name);
        told.extend(
            old.iter().filter(gone).map(|one| format!("{}: not asked any more", one.config.name)),
        );
        self.filters.store(Arc::new(new));
        told
    }

    /// Which filters hold this file, by name. A filter that cannot be read holds nothing.
    #[must_use]
    pub fn holding(&self, indicator: &Indicator) -> Vec<String> {
        let filters = self.filters.load();
        if filters.is_empty() {
            return Vec::new();
        }
        // Upper case, as hashlookup and its tools put them in.
        let hash = match indicator {
            Indicator::Md5(hash) => Hex(hash).to_string(),
            Indicator::Sha1(hash) => Hex(hash).to_string(),
            Indicator::Sha256(hash) => Hex(hash).to_string(),
            _ => return Vec::new(),
        };
        let hash = hash.to_ascii_uppercase();
        let holds = |one: &&Open| {
            one.filter.holds(hash.as_bytes()).unwrap_or_else(|error| {
                self.failures.inc();
                tracing::warn!(%error, filter = one.config.name, "a filter cannot be read");
                false
            })
        };
        filters.iter().filter(holds).map(|one| one.config.name.clone()).collect()
    }

    /// Adds the filters to the metrics.
    pub fn register(&self, metrics: &Metrics) {
        let help = "Questions to filters of known files that could not be read";
        let (failures, filters) = (self.failures.clone(), Arc::clone(&self.filters));
        metrics.register(|registry| {
            registry.register("known_files_failures", help, failures);
            registry.register_collector(Box::new(FilterCollector(filters)));
        });
    }
}

/// Counts when it is asked.
#[derive(Debug)]
struct FilterCollector(Arc<ArcSwap<Vec<Open>>>);

impl Collector for FilterCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Files in each filter of known files, as its head says";
        let gauge = |count: u64| ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
        let kind = gauge(0).metric_type();
        let mut family = encoder.encode_descriptor("known_files_entries", help, None, kind)?;
        for one in self.0.load().iter() {
            let name = [("filter", one.config.name.as_str())];
            gauge(one.filter.entries).encode(family.encode_family(&name)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(name: &str) -> KnownFilesConfig {
        let filter = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/known_files/flor.bloom");
        KnownFilesConfig { name: name.to_owned(), filter: filter.into() }
    }

    #[test]
    fn a_file_is_known_to_the_filters_that_hold_it() {
        let known = KnownFiles::default();
        let eicar = Indicator::parse("44d88612fea8a8f36de82e1278abb02f").unwrap();
        assert!(known.holding(&eicar).is_empty());
        let told = known.apply(KnownFiles::prepare(&[config("circl")]).unwrap());
        assert_eq!(told, ["circl: a filter with 2 known files, false positives 0.001"]);
        assert_eq!(known.holding(&eicar), ["circl"]);
        let other = Indicator::parse("44d88612fea8a8f36de82e1278abb02e").unwrap();
        assert!(known.holding(&other).is_empty());
        assert!(known.holding(&Indicator::parse("evil.top").unwrap()).is_empty());
        let told = known.apply(KnownFiles::prepare(&[config("circl")]).unwrap());
        assert!(told.is_empty(), "the same again: {told:?}");
        let told = known.apply(KnownFiles::prepare(&[]).unwrap());
        assert_eq!(told, ["circl: not asked any more"]);
        assert!(known.holding(&eicar).is_empty());
    }

    #[test]
    fn what_cannot_be_opened_changes_nothing() {
        let known = KnownFiles::default();
        known.apply(KnownFiles::prepare(&[config("circl")]).unwrap());
        let missing = KnownFilesConfig { filter: "/nowhere".into(), ..config("other") };
        let (path, error) = KnownFiles::prepare(&[config("circl"), missing]).unwrap_err();
        assert_eq!(path, Path::new("/nowhere"));
        assert!(error.to_string().contains("cannot be read"));
        let text = "name = \"Big\"\nfilter = \"x\"\n";
        assert!(toml::from_str::<KnownFilesConfig>(text).unwrap().complaint().is_some());
        assert!(config("nsrl-2.77").complaint().is_none());
    }
}
