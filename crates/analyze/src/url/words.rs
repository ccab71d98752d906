//! Words in a URL: names of brands, words that ask for trust, folders that intruders use.
//!
//! One pass finds all of them: two automata would each wait for every byte.

use std::cmp::Reverse;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::spelling::Spelling;
use crate::brands::{self, InUrl};

/// Words that ask for trust or for a password.
const LURES: [&str; 48] = [
    "login",
    "logon",
    "signin",
    "sign-in",
    "log-in",
    "secure",
    "security",
    "verify",
    "verif",
    "confirm",
    "account",
    "update",
    "webscr",
    "banking",
    "password",
    "credential",
    "suspend",
    "unlock",
    "recover",
    "support",
    "billing",
    "invoice",
    "payment",
    "wallet",
    "bonus",
    "refund",
    "auth",
    "session",
    "validat",
    "webmail",
    "mailbox",
    "upgrade",
    "customer",
    "service",
    "identif",
    "cmd=",
    "dispatch",
    "locale",
    "myaccount",
    "activity",
    "limited",
    "authoriz",
    "delivery",
    "tracking",
    "parcel",
    "online",
    "alert",
    "helpdesk",
];

/// Folders of content management systems that seldom show in an address bar.
const CMS: [&str; 16] = [
    "wp-content",
    "wp-includes",
    "wp-admin",
    "/components/",
    "/templates/",
    "/modules/",
    "/plugins/",
    "/cgi-bin",
    "/.well-known",
    "/administrator/",
    "/cache/",
    "/uploads/",
    "/tmp/",
    "/images/",
    "/css/",
    "/js/",
];

/// What words a URL has.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Where it names brands.
    pub(crate) brand: InUrl,
    /// How many words ask for trust in the host, and behind it.
    pub(crate) lures_in_host: f32,
    pub(crate) lures_in_path: f32,
    /// How many folders of content management systems.
    pub(crate) folders: f32,
}

/// A word of one list, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Hit {
    word: usize,
    start: usize,
    end: usize,
}

/// All brands, then [`LURES`], then [`CMS`].
#[expect(clippy::expect_used, reason = "fixed words: the tests build the same automaton")]
fn finder() -> &'static AhoCorasick {
    static FINDER: OnceLock<AhoCorasick> = OnceLock::new();
    FINDER.get_or_init(|| {
        let brands = brands::shipped().all.iter().map(|brand| brand.word);
        AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            // All words wherever they stand: which to keep is chosen for each list by itself.
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(brands.chain(LURES).chain(CMS))
            .expect("a short list of words makes a small automaton")
    })
}

/// All hits in `text`, also those that overlap: of brands, and of the other two lists.
fn taken_apart(text: &[u8]) -> (Vec<Hit>, Vec<Hit>) {
    let brands = brands::shipped().all.len();
    let (mut names, mut words) = (Vec::new(), Vec::new());
    for hit in finder().find_overlapping_iter(text) {
        let (word, start, end) = (hit.pattern().as_usize(), hit.start(), hit.end());
        match word.checked_sub(brands) {
            None => names.push(Hit { word, start, end }),
            Some(word) => words.push(Hit { word, start, end }),
        }
    }
    (names, words)
}

/// Looks for words in `url`.
pub(crate) fn find(url: &Spelling) -> Found {
    let (mut names, mut words) = taken_apart(url.text());
    let mut found = Found::default();
    keep_longest(&mut names);
    let names = names.iter().filter_map(|hit| Some((brands::shipped().all.get(hit.word)?, hit)));
    found.brand = brands::in_url(url, names.map(|(brand, hit)| (brand, hit.start..hit.end)));
    keep_longest(&mut words);
    for hit in words {
        let count = match hit.word {
            word if word >= LURES.len() => &mut found.folders,
            _ if hit.start < url.host().len() => &mut found.lures_in_host,
            _ => &mut found.lures_in_path,
        };
        *count += 1.0;
    }
    found
}

/// Keeps the leftmost of hits that overlap, and the longest of those that start at one place.
fn keep_longest(hits: &mut Vec<Hit>) {
    hits.sort_unstable_by_key(|hit| (hit.start, Reverse(hit.end)));
    let mut taken = 0;
    hits.retain(|hit| {
        let is_kept = hit.start >= taken;
        taken = if is_kept { hit.end } else { taken };
        is_kept
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::url::UrlLimits;

    fn found(url: &str) -> Found {
        let mut spelling = Spelling::default();
        spelling.read(url.as_bytes(), &UrlLimits::default());
        find(&spelling)
    }

    #[test]
    fn each_list_is_searched_as_if_it_were_alone() {
        // `webmail` is in both lists; `myaccount` has `account` in it, `securelogin` two words.
        let both = found("webmail.example.com/myaccount/SecureLogin");
        assert!(both.brand.subdomain);
        assert_eq!((both.lures_in_host, both.lures_in_path, both.folders), (1.0, 3.0, 0.0));
        let folders = found("example.com/wp-content/plugins/paypal/index.html");
        assert!(folders.brand.path);
        assert_eq!((folders.lures_in_path, folders.folders), (0.0, 2.0));
    }

    fn hits<'h>(of: impl Iterator<Item = aho_corasick::Match> + 'h) -> Vec<Hit> {
        of.map(|hit| Hit { word: hit.pattern().as_usize(), start: hit.start(), end: hit.end() })
            .collect()
    }

    proptest! {
        /// What automata of their own find, which keep the leftmost longest by themselves.
        #[test]
        fn overlapping_hits_are_those_of_two_automata(
            parts in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize), 0..8),
        ) {
            let brands = brands::shipped();
            let words: Vec<&str> = LURES.iter().chain(&CMS).copied().collect();
            let all: Vec<&str> =
                brands.all.iter().map(|brand| brand.word).chain(words.iter().copied()).collect();
            let cut = |(word, length): (prop::sample::Index, usize)| {
                let word = word.get(&all);
                word.get(..length).unwrap_or(word)
            };
            let text: String = parts.into_iter().map(cut).collect();
            let finder = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .ascii_case_insensitive(true)
                .build(&words)
                .unwrap();
            let (mut names, mut others) = taken_apart(text.as_bytes());
            keep_longest(&mut names);
            keep_longest(&mut others);
            prop_assert_eq!(names, hits(brands.finder.find_iter(&text)));
            prop_assert_eq!(others, hits(finder.find_iter(&text)));
        }
    }
}
