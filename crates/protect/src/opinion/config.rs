//! The `[models]` section of `wardnet.toml`.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::CACHE_BYTES_MAX;

/// Bytes of opinions that may be remembered: from 64 KiB, below which nothing is remembered long
/// enough to count it once, to 4 GiB.
pub const CACHE_BYTES_RANGE: RangeInclusive<u64> = (64 << 10)..=(4 << 30);

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
    /// Bytes of opinions that are remembered, in [`CACHE_BYTES_RANGE`]. Default 16 MiB; takes effect
    /// at the next start.
    #[serde(deserialize_with = "cache_bytes")]
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

fn cache_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let bytes = u64::deserialize(deserializer)?;
    if CACHE_BYTES_RANGE.contains(&bytes) {
        return Ok(bytes);
    }
    let (least, most) = CACHE_BYTES_RANGE.into_inner();
    Err(D::Error::custom(format!("cache_bytes_max is {bytes}; give {least} to {most} bytes")))
}
