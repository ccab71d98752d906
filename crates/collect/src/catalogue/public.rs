//! The catalogue of public feeds that ships with Wardnet.

use crate::catalogue::{Catalogue, ConfigProblem};
use std::path::Path;

/// The catalogue as text: a `feeds.toml` of its own.
const PUBLIC_FEEDS: &str = include_str!("../../public-feeds.toml");

/// The public feeds that Wardnet knows.
///
/// # Errors
///
/// Never: the file is part of the program, and a test reads it.
pub fn public_feeds() -> Result<Catalogue, Vec<ConfigProblem>> {
    Catalogue::parse(PUBLIC_FEEDS, Path::new("/"))
}

/// The entry of a public feed, to be put into a `feeds.toml`.
pub fn public_entry(name: &str) -> Option<String> {
    let line = format!("name = \"{name}\"\n");
    let at = PUBLIC_FEEDS.find(&line)?;
    let start = PUBLIC_FEEDS.get(..at)?.rfind("[[feed]]")?;
    let rest = PUBLIC_FEEDS.get(start..)?;
    let entry = rest.split("\n\n").next()?;
    Some(format!("{}\n", entry.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Location;
    use wardnet_model::Category;

    #[test]
    fn every_public_feed_is_described_in_full() {
        let catalogue = public_feeds().unwrap();
        assert!(catalogue.feeds.len() >= 40, "{}", catalogue.feeds.len());
        for feed in &catalogue.feeds {
            let name = feed.name.as_str();
            assert!(matches!(&feed.location, Location::Http(url) if url.scheme() == "https"));
            assert!(feed.format.is_some(), "{name} has no format");
            assert_ne!(feed.category, Category::Uncategorised, "{name} has no category");
            assert!(!feed.licence.is_empty() && feed.homepage.is_some(), "{name}");
            let forbids = ["BY-NC", "non-commercial", "not stated", "terms", "GPL", "see the"];
            let is_restricted = forbids.iter().any(|word| feed.licence.contains(word));
            assert!(!(feed.redistribute && is_restricted), "{name}: {}", feed.licence);
        }
    }

    #[test]
    fn an_entry_can_be_put_into_a_file_of_its_own() {
        for feed in &public_feeds().unwrap().feeds {
            let entry = public_entry(feed.name.as_str()).unwrap();
            let alone = Catalogue::parse(&entry, Path::new("/")).unwrap();
            assert_eq!(alone.feeds.as_slice(), std::slice::from_ref(feed), "{entry}");
        }
        assert_eq!(public_entry("nobody"), None);
    }
}
