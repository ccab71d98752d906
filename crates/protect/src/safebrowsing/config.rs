//! The `[safe_browsing]` section of `wardnet.toml`.

use serde::{Deserialize, Deserializer, de::Error as _};
use wardnet_model::{Category, CategorySet};
use wardnet_score::{Level, Policy};

use crate::opinion::Percent;

/// What Safe Browsing clients are served. Without the section there is no such service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SafeBrowsingConfig {
    /// Whether everybody may ask, on the budget of their address. Otherwise a token of a reader is
    /// needed, as `key=` in the query or in a header. Default false.
    pub anonymous: bool,
    /// How careful to be. Default `medium`.
    #[serde(deserialize_with = "level")]
    pub level: Level,
    /// What is published; every category that endangers browsers where it is empty.
    #[serde(deserialize_with = "categories")]
    pub categories: CategorySet,
    /// In searches of whole URLs: the score, in percent, from which on a model's opinion of what
    /// nobody has rated is told as a threat. Default: none is.
    pub predictions_from_percent: Option<Percent>,
    /// Entries of all lists together that clients keep; the most dangerous ones where there are
    /// more. Searches by hash always know all. Default 5,000,000.
    pub entries_max: usize,
    /// Hosts in the global cache, the list of what is likely safe. Default 100,000.
    pub global_cache_max: usize,
    /// Seconds until a client is to update its lists. Default 300.
    pub update_secs: u32,
    /// Seconds for which a client may believe the answer to a search. Default 300.
    pub cache_secs: u32,
    /// Differences kept for clients, in entries; who lags more takes lists whole.
    /// Default 1,000,000.
    pub difference_entries_max: usize,
}

impl Default for SafeBrowsingConfig {
    fn default() -> Self {
        Self {
            anonymous: false,
            level: Level::default(),
            categories: CategorySet::EMPTY,
            predictions_from_percent: None,
            entries_max: 5_000_000,
            global_cache_max: 100_000,
            update_secs: 300,
            cache_secs: 300,
            difference_entries_max: 1_000_000,
        }
    }
}

impl SafeBrowsingConfig {
    /// Says what is wrong with the values taken together, or nothing.
    #[must_use]
    pub fn complaint(&self) -> Option<&'static str> {
        if self.update_secs == 0 || self.cache_secs == 0 {
            Some("update_secs and cache_secs of safe_browsing must be at least 1")
        } else if self.entries_max < 1_024 {
            Some("entries_max of safe_browsing must be at least 1024")
        } else {
            None
        }
    }

    /// What is published.
    #[must_use]
    pub const fn policy(&self) -> Policy {
        Policy { level: self.level, categories: self.categories }
    }
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Level, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn categories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CategorySet, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse::<Category>().map_err(D::Error::custom)).collect()
}
