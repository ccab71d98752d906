//! Sites so popular that impostors imitate them, and good and bad pages stand on the same host.

use std::sync::OnceLock;

use rustc_hash::FxHashSet;
use wardnet_model::SuffixList;

const TEXT: &str = include_str!("../data/top_sites.txt");

/// The registered domains of the list that ships with this crate.
fn sites() -> &'static FxHashSet<&'static [u8]> {
    static SITES: OnceLock<FxHashSet<&'static [u8]>> = OnceLock::new();
    SITES.get_or_init(|| {
        TEXT.lines().filter(|line| !line.starts_with('#')).map(str::as_bytes).collect()
    })
}

/// Their names without public suffixes, in the order of the list; some stand under several suffixes.
pub(crate) fn labels() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (suffix, _) = SuffixList::shipped().suffix_of_text(line);
        line.strip_suffix(suffix)?.strip_suffix('.')?.rsplit('.').next()
    })
}

/// Whether `registered`, in lower case, is a popular site.
pub(crate) fn is_popular(registered: &[u8]) -> bool {
    sites().contains(registered)
}
