//! The `[models]` section of `wardnet.toml`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::CACHE_BYTES_MAX;

/// Which models judge what nobody has listed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// Whether models are asked at all. Default true.
    pub opinions: bool,
    /// A model of URLs instead of the one that ships.
    pub url: Option<PathBuf>,
    /// A model of names instead of the one that ships.
    pub domain: Option<PathBuf>,
    /// Bytes of opinions that are remembered. Default 16 MiB; takes effect at the next start.
    pub cache_bytes_max: u64,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self { opinions: true, url: None, domain: None, cache_bytes_max: CACHE_BYTES_MAX }
    }
}

impl ModelsConfig {
    /// Relative paths start at `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        for path in [&mut self.url, &mut self.domain].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }
}
