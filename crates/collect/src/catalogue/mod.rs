//! The catalogue of feeds, read from `feeds.toml`: what is fetched, from where, and how far it is
//! believed.
//!
//! ```text
//! feeds.toml ──► toml with spans ──► raw tables ──► FeedConfig ──► Source (for scoring)
//!                     └── every problem, with its line and column ──► ConfigProblem
//! ```
//!
//! [`Catalogue::parse`] reports all problems of a file together, so that an operator repairs them
//! in one go. The manual page is `docs/feeds.md`; `feeds.example.toml` shows every option.

mod feed;
mod header;
mod location;
mod problem;
mod public;
mod raw;
mod resolve;
mod span;
mod units;

pub use feed::{FeedConfig, FeedName, NameError};
pub use header::{HeaderField, HeaderSource, SecretError};
pub use location::{Location, LocationError};
pub(crate) use location::{has_credentials, without_query};
pub use problem::{ConfigProblem, describe};
pub use public::{public_entry, public_feeds};

use crate::fetch::FetchSettings;
use problem::Problems;
use std::path::Path;

/// All feeds of one `feeds.toml`, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Catalogue {
    /// How feeds are fetched: the `[fetch]` table.
    pub fetch: FetchSettings,
    /// The feeds, each with its own name.
    pub feeds: Vec<FeedConfig>,
}

impl Catalogue {
    /// Reads the text of a `feeds.toml`. Relative paths in it start at `base_dir`, the folder of
    /// the file.
    ///
    /// # Errors
    ///
    /// Every problem of the file, in order of line; [`describe`] makes them one message.
    pub fn parse(text: &str, base_dir: &Path) -> Result<Self, Vec<ConfigProblem>> {
        let mut problems = Problems::new(text);
        let catalogue = resolve::catalogue(text, base_dir, &mut problems);
        problems.into_result().map(|()| catalogue)
    }

    /// The feed of that name.
    pub fn feed(&self, name: &str) -> Option<&FeedConfig> {
        self.feeds.iter().find(|feed| feed.name.as_str() == name)
    }

    /// The feeds that are switched on, in the order of the file.
    pub fn enabled(&self) -> impl Iterator<Item = &FeedConfig> {
        self.feeds.iter().filter(|feed| feed.enabled)
    }
}

#[cfg(test)]
mod tests;
