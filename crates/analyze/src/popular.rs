//! Sites so popular that impostors imitate them, and good and bad pages stand on the same host.

use std::sync::OnceLock;

use rustc_hash::FxHashSet;

const TEXT: &str = include_str!("../data/top_sites.txt");

/// The registered domains of the list that ships with this crate.
fn sites() -> &'static FxHashSet<&'static [u8]> {
    static SITES: OnceLock<FxHashSet<&'static [u8]>> = OnceLock::new();
    SITES.get_or_init(|| {
        TEXT.lines().filter(|line| !line.starts_with('#')).map(str::as_bytes).collect()
    })
}

/// Whether `registered`, in lower case, is a popular site.
pub(crate) fn is_popular(registered: &[u8]) -> bool {
    sites().contains(registered)
}
